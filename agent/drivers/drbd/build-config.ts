/**
 * What does DRBD's configuration of one volume say? The text of its resource file, generated from the ledger's record.
 *
 * The options are SAFETY.md 2.2 with the corrections of DRBD.md: `ping-timeout` 2 s, `pri-on-incon-degr` handled. The
 * same record gives the same text on both nodes, so a hash of it says whether a node follows the ledger.
 */
import { assert } from '../../../shared/errors.ts';
import type { NodeRecord } from '../../../shared/model/node.ts';
import type { VolumeRecord } from '../../../shared/model/volume.ts';
import { parseDrbdConfig } from './parse-config.ts';

/** What the text is made from. */
export interface DrbdConfigInput {
  readonly volume: Pick<VolumeRecord, 'id' | 'minor' | 'port' | 'epoch'>;
  /** The nodes of its replicas, at most two. */
  readonly nodes: readonly Pick<NodeRecord, 'id' | 'storageAddress'>[];
  readonly volumeGroup: string;
  /** Derived from the volume and its epoch: a replica of another epoch cannot connect. At most 63 characters. */
  readonly secret: string;
  /** Absolute path of the helper program that the kernel calls. */
  readonly helper: string;
  /** Silence of a peer's answer before the link counts as lost, tenths of a second (DRBD.md A8). */
  readonly pingTimeoutTenths: number;
}

/** Stands in for the replica that is owed: RFC 5737 reserves the address, so nothing ever answers there. */
const UNASSIGNED = { id: 'unassigned', storageAddress: '192.0.2.1' };

const HANDLERS = [
  'fence-peer', 'unfence-peer', 'local-io-error', 'split-brain', 'initial-split-brain', 'pri-on-incon-degr', 'pri-lost-after-sb',
  'before-resync-target', 'after-resync-target',
];

/** The text of `<volume>.res`. */
export function buildDrbdConfig(input: DrbdConfigInput): string {
  const { volume, nodes, volumeGroup, secret, helper } = input;
  assert(nodes.length >= 1 && nodes.length <= 2, `a volume has one or two replicas, not ${nodes.length}`);
  assert(secret.length > 0 && secret.length < 64, 'the shared secret must have 1 to 63 characters');
  const [first, second] = [...nodes].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const hosts = [first, second ?? UNASSIGNED].flatMap((node) => (node === undefined ? [] : [node]));
  const text = [
    `resource ${word(volume.id)} {`,
    '  net {',
    '    protocol C; timeout 15; ping-int 2;', `    ping-timeout ${Math.round(input.pingTimeoutTenths)};`, '    connect-int 3; ko-count 4; sndbuf-size 0;',
    '    on-congestion block; allow-two-primaries no; rr-conflict disconnect;',
    '    after-sb-0pri disconnect; after-sb-1pri disconnect; after-sb-2pri disconnect; always-asbp no;',
    `    cram-hmac-alg sha256; shared-secret ${quoted(secret)}; verify-alg crc32c;`,
    '  }',
    '  disk {',
    '    fencing resource-and-stonith; on-io-error call-local-io-error;',
    '    disk-flushes yes; md-flushes yes; disk-barrier no; al-extents 1237; c-plan-ahead 20;',
    '  }',
    '  options { on-no-data-accessible suspend-io; }',
    '  handlers {',
    ...HANDLERS.map((name) => `    ${name} ${quoted(`${helper} ${name}`)};`),
    '  }',
    ...hosts.flatMap((host) => [
      `  on ${word(host.id)} {`,
      `    device /dev/drbd${volume.minor} minor ${volume.minor}; disk ${word(`/dev/${volumeGroup}/${volume.id}`)}; meta-disk internal;`,
      `    address ipv4 ${word(host.storageAddress)}:${volume.port};`,
      '  }',
    ]),
    '}',
    '',
  ].join('\n');
  assertMeant(text, input, hosts);
  return text;
}

/** Reads the text back: what DRBD will understand is what was meant, above all where a mistake would lose data. */
function assertMeant(text: string, { volume, volumeGroup, secret, helper, pingTimeoutTenths }: DrbdConfigInput, hosts: readonly { readonly id: string; readonly storageAddress: string }[]): void {
  const { resource, sections, hosts: found } = parseDrbdConfig(text);
  assert(resource === volume.id, 'the configuration names another resource');
  const meant: readonly (readonly [keyof typeof sections, string, string])[] = [
    ['net', 'protocol', 'C'], ['net', 'shared-secret', secret], ['net', 'cram-hmac-alg', 'sha256'], ['net', 'allow-two-primaries', 'no'],
    ['net', 'after-sb-0pri', 'disconnect'], ['net', 'after-sb-1pri', 'disconnect'], ['net', 'after-sb-2pri', 'disconnect'],
    ['net', 'ping-timeout', String(Math.round(pingTimeoutTenths))], ['disk', 'fencing', 'resource-and-stonith'],
    ['disk', 'on-io-error', 'call-local-io-error'], ['options', 'on-no-data-accessible', 'suspend-io'],
    ...HANDLERS.map((name) => ['handlers', name, `${helper} ${name}`] as const),
  ];
  for (const [section, key, value] of meant) assert(sections[section].get(key) === value, `the configuration says another ${section} ${key} than was meant`);
  assert(found.length === 2, 'the configuration has not two hosts');
  for (const [at, host] of hosts.entries()) {
    assert(found[at]?.host === host.id && found[at].address === `ipv4 ${host.storageAddress}:${volume.port}`, `the configuration has another host than ${host.id}`);
    assert(found[at].device === `/dev/drbd${volume.minor} minor ${volume.minor}` && found[at].disk === `/dev/${volumeGroup}/${volume.id}`, 'the configuration has another device');
  }
}

/** A bare word of drbd.conf's grammar; ids, addresses and paths of ours are nothing else. */
function word(text: string): string {
  assert(/^[A-Za-z0-9_./-]+$/.test(text), `not a plain word: ${JSON.stringify(text)}`);
  return text;
}

function quoted(text: string): string {
  assert(/^[A-Za-z0-9_ ./+=-]+$/.test(text), 'a quoted text of the configuration has a character that it must not have');
  return `"${text}"`;
}
