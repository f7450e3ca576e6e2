/**
 * How do drbdsetup and drbdmeta show generation identifiers and effective options? `show-gi`, `get-gi`, `show`, `dstate`
 * of metadata, as drbd-utils 9.22 prints them.
 */
import type { Metadata } from './metadata.ts';
import type { Resource } from './resource.ts';
import { uuidText } from './uuid-compare.ts';

const GI_HEAD = `
       +--<  Current data generation UUID  >-
       |               +--<  Bitmap's base data generation UUID  >-
       |               |                 +--<  younger history UUID  >-
       |               |                 |         +-<  older history  >-
       V               V                 V         V
`;
const GI_FOOT = `
                                                                    ^ ^ ^ ^ ^ ^ ^
                                      -<  Data consistency flag  >--+ | | | | | |
                             -<  Data was/is currently up-to-date  >--+ | | | | |
                                  -<  Node was/is currently primary  >--+ | | | |
                                  -<  Node was/is currently connected  >--+ | | |
         -<  Node was in the progress of setting all bits in the bitmap  >--+ | |
                        -<  The peer's disk was out-dated or inconsistent  >--+ |
      -<  This node was a crashed primary, and has not seen its peer since   >--+

`;

/** `UUID:UUID:UUID:UUID:c:u:p:n:f:o:k`, the figures that drbdmeta's get-gi prints. */
export function generationLine(metadata: Metadata): string {
  const { flags } = metadata;
  const bits = [flags.consistent, flags.wasUpToDate, flags.primaryIndicator, flags.connectedIndicator, flags.fullSync, flags.peerOutdated, flags.crashedPrimary];
  return `${metadata.uuids.map(uuidText).join(':')}:${bits.map(Number).join(':')}`;
}

/** `show-gi`. `isRunning`: the kernel holds the metadata now, so a primary flag is no sign of a crash. */
export function printGenerations(metadata: Metadata, isRunning: boolean): string {
  const { flags } = metadata;
  const words = [
    flags.crashedPrimary ? 'crashed Primary' : `${isRunning || flags.activityLogClean ? '' : 'crashed '}${flags.primaryIndicator ? 'Primary' : 'Secondary'}`,
    flags.connectedIndicator ? 'Connected' : 'StandAlone',
    dataWord(flags),
    ...(flags.fullSync ? ['need full sync'] : []),
    ...(flags.peerOutdated ? ['peer Outdated'] : []),
  ];
  return `${GI_HEAD}${generationLine(metadata)}${GI_FOOT}flags: ${words.join(', ')}\nmeta-data: ${flags.activityLogClean ? 'clean' : 'need apply-al'}\n`;
}

function dataWord(flags: Metadata['flags']): string {
  if (!flags.consistent) return 'Inconsistent';
  return flags.wasUpToDate ? 'UpToDate' : 'Outdated';
}

/** What `drbdadm dstate` says of a resource that is down: the metadata's belief, which proves nothing. */
export function metadataDiskState(metadata: Metadata): string {
  const word = dataWord(metadata.flags);
  return word === 'UpToDate' && !metadata.flags.peerOutdated ? 'Consistent' : word;
}

const NET_DEFAULTS: Readonly<Record<string, string>> = {
  protocol: 'C', timeout: '60', 'connect-int': '10', 'ping-int': '10', 'ping-timeout': '5', 'ko-count': '7', 'sndbuf-size': '0', 'on-congestion': 'block',
  'allow-two-primaries': 'no', 'rr-conflict': 'disconnect', 'after-sb-0pri': 'disconnect', 'after-sb-1pri': 'disconnect', 'after-sb-2pri': 'disconnect',
  'always-asbp': 'no',
};
const DISK_DEFAULTS: Readonly<Record<string, string>> = {
  'disk-flushes': 'yes', 'md-flushes': 'yes', 'disk-barrier': 'no', 'al-extents': '1237', 'c-plan-ahead': '20', fencing: 'dont-care', 'on-io-error': 'detach',
};
const QUOTED = new Set(['cram-hmac-alg', 'shared-secret', 'verify-alg']);
const UNITS: Readonly<Record<string, string>> = { timeout: '1/10 seconds', 'ping-timeout': '1/10 seconds', 'connect-int': 'seconds', 'ping-int': 'seconds', 'c-plan-ahead': '1/10 seconds' };

function optionLines(options: ReadonlyMap<string, string>, defaults: Readonly<Record<string, string>>, indent: string): string {
  let text = '';
  for (const [key, value] of options) {
    if (defaults[key] === value) continue;
    const shown = QUOTED.has(key) ? `"${value}"` : value;
    text += `${indent}${key.padEnd(16)}\t${shown};${UNITS[key] === undefined ? '' : ` # ${UNITS[key]}`}\n`;
  }
  return text;
}

const addressOf = (endpoint: string): string => endpoint.replace(':', ' ');

/** `drbdsetup show`: options that differ from the defaults. The shared secret is in it, in clear, as in the real one. */
export function printShow(resource: Resource): string {
  const { net, diskConfig } = resource;
  const netPart = net === null ? '' : `    net {\n${optionLines(net.options, NET_DEFAULTS, '        ')}    }\n    _remote_host {\n        address\t\t\t${addressOf(net.peer)};\n    }\n`;
  const diskPart = diskConfig === null ? '' : `            disk\t\t\t"${diskConfig.path}";\n            meta-disk\t\t\tinternal;\n            disk {\n${optionLines(diskConfig.options, DISK_DEFAULTS, '                ')}            }\n`;
  return `resource ${resource.name} {\n    options {\n${optionLines(resource.options, { 'on-no-data-accessible': 'io-error' }, '        ')}    }\n${netPart}    _this_host {\n`
    + `${net === null ? '' : `        address\t\t\t${addressOf(net.local)};\n`}        volume 0 {\n            device\t\t\tminor ${resource.minor};\n${diskPart}        }\n    }\n}\n`;
}

