/**
 * What do drbdadm, drbdsetup and drbdmeta answer? The command lines of drbd-utils 9.22 over the kernel's orders.
 *
 * Texts and exit codes are those of the recorded programs (test/fixtures/drbd, cmd-*). What is not known here is a
 * usage error, never a silent success.
 */
import { ClusterError } from '../../../../shared/errors.ts';
import type { RunResult } from '../../../../shared/world.ts';
import type { BlockDevice } from '../disk.ts';
import { DiskError } from '../disk.ts';
import * as admin from './admin.ts';
import type { Answer } from './admin.ts';
import { parseDrbdConf } from './config.ts';
import type { ResourceConfig } from './config.ts';
import { freshMetadata, loadMetadata, metadataBytes, metadataOffset, storeMetadata } from './metadata.ts';
import { generationLine, metadataDiskState, printGenerations } from './print-show.ts';
import type { Resource } from './resource.ts';
import { CONN, DISK, ROLE, connName, diskName, roleName, stateErrorExit, stateErrorText } from './states.ts';

/** What the programs of one node can reach. */
export interface ProgramHost {
  readonly node: string;
  readFile(path: string): string | null;
  backing(path: string): BlockDevice | null;
  resource(name: string): Resource | null;
  resources(): readonly Resource[];
  create(name: string, minor: number): Resource;
  remove(resource: Resource): void;
  promotePause(): Promise<void>;
  attachPause(): Promise<void>;
}

export const done = (stdout = ''): RunResult => ({ exitCode: 0, stdout, stderr: '' });
export const failed = (exitCode: number, stderr: string, stdout = ''): RunResult => ({ exitCode, stdout, stderr });

const FAILURES: Readonly<Record<number, string>> = {
  [admin.ERR.openDisk]: 'Can not open backing device.', [admin.ERR.diskTooSmall]: 'Low.dev. smaller than requested DRBD-dev. size.',
  [admin.ERR.claimed]: 'Lower device is already claimed. This usually means it is mounted.',
  118: 'IO error(s) occurred during initial access to meta-data.\n',
  [admin.ERR.invalidMetadata]: "No valid meta-data signature found.\n\n\t==> Use 'drbdadm create-md res' to initialize meta-data area. <==\n",
  [admin.ERR.discardImpossible]: '--discard-my-data not allowed when primary.', [admin.ERR.diskConfigured]: 'Device is attached to a disk (use detach first)',
  [admin.ERR.netConfigured]: 'Device has a net-config (use disconnect first)', [admin.ERR.minorInvalid]: 'Device minor not allocated',
  [admin.ERR.pauseIsSet]: 'Sync-pause flag is already set', [admin.ERR.pauseIsClear]: 'Sync-pause flag is already cleared',
  [admin.ERR.noDisk]: 'Device does not have a disk-config', [admin.ERR.dataNotCurrent]: 'Can only attach to the data we lost last (see kernel log).',
  [admin.ERR.connected]: 'Need to be StandAlone', [admin.ERR.resourceUnknown]: 'Unknown resource',
  [admin.ERR.minorExists]: 'Minor or volume exists already (delete it first)', [admin.ERR.invalidRequest]: 'Invalid configuration request',
  [admin.ERR.needTwoPrimaries]: 'Can not clear allow_two_primaries as long as\nthere a primaries on both sides',
};

/** What drbdsetup prints for an answer of the kernel, and its exit code (print_config_error). */
export function printAnswer(object: string, given: Answer): RunResult {
  const info = given.info.length === 0 ? '' : `additional info from kernel:\n${given.info.join('\n')}\n`;
  if (given.code > 101) return failed(10, `${object}: Failure: (${given.code}) ${FAILURES[given.code] ?? 'unknown'}\n${info}`);
  if (given.code < 0) return failed(stateErrorExit(given.code), `${object}: State change failed: (${given.code}) ${stateErrorText(given.code)}\n${info}`);
  return done();
}

/** drbdadm's last line when a program that it started failed. */
function viaDrbdadm(result: RunResult, command: string): RunResult {
  if (result.exitCode === 0) return result;
  return { ...result, stderr: `${result.stderr}Command '${command}' terminated with exit code ${result.exitCode}\n` };
}

const UNKNOWN_MINOR = admin.answer(admin.ERR.minorInvalid, 'unknown minor');

/** A command of drbdadm with its options: `--name`, `--name=value`. */
export interface Invocation {
  readonly command: string;
  readonly options: readonly string[];
  readonly stdin: string;
}

type AdmCommand = (host: ProgramHost, config: ResourceConfig, call: Invocation) => Promise<RunResult> | RunResult;

/** The options that each command takes; anything else is a usage error. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'create-md': ['--force'], primary: ['--force'], disconnect: ['--force'], detach: ['--force'], connect: ['--discard-my-data'],
  'new-current-uuid': ['--clear-bitmap'], status: ['--verbose', '--statistics'], 'wipe-md': ['--force'],
  'net-options': ['--allow-two-primaries', '--protocol', '--shared-secret', '--ping-timeout', '--ping-int', '--timeout', '--ko-count'],
};

const COMMANDS: Readonly<Record<string, AdmCommand>> = {
  'create-md': createMd,
  'wipe-md': wipeMd,
  up,
  down: async (host, config) => {
    const resource = host.resource(config.name);
    if (resource === null) return done();
    return viaDrbdadm(await downResource(host, resource), `drbdsetup-84 down ${config.name}`);
  },
  attach: async (host, config) => (await attachStep(host, config)) ?? done(),
  detach: minorOrder('detach', (resource, call) => admin.detach(resource, call.options.includes('--force'))),
  connect: (host, config, call) => connectStep(host, config, call.options.includes('--discard-my-data')) ?? done(),
  disconnect: disconnectStep,
  primary: async (host, config, call) => {
    const isForced = call.options.includes('--force');
    const resource = host.resource(config.name);
    const command = `drbdsetup-84 primary ${config.minor}${isForced ? ' --force' : ''}`;
    if (resource === null) return viaDrbdadm(printAnswer(String(config.minor), UNKNOWN_MINOR), command);
    await host.promotePause();
    return viaDrbdadm(printAnswer(String(config.minor), await admin.setRole(resource, ROLE.primary, isForced)), command);
  },
  secondary: minorOrder('secondary', (resource) => admin.setRole(resource, ROLE.secondary, false)),
  outdate,
  invalidate: async (host, config) => {
    const resource = host.resource(config.name);
    return printAnswer(String(config.minor), resource === null ? UNKNOWN_MINOR : await admin.invalidate(resource));
  },
  verify: minorOrder('verify', (resource) => admin.wish(resource, { conn: CONN.verifyS })),
  'pause-sync': minorOrder('pause-sync', (resource) => admin.pauseSync(resource, true)),
  'resume-sync': minorOrder('resume-sync', (resource) => admin.pauseSync(resource, false)),
  'suspend-io': minorOrder('suspend-io', (resource) => admin.suspendIo(resource)),
  'resume-io': minorOrder('resume-io', (resource) => admin.resumeIo(resource)),
  'new-current-uuid': minorOrder('new-current-uuid', (resource, call) => admin.newCurrentUuidByHand(resource, call.options.includes('--clear-bitmap'))),
  'net-options': netOptions,
  adjust,
  role: shown('role', (resource) => `${roleName(resource.state.role)}/${roleName(resource.state.peer)}`),
  cstate: shown('cstate', (resource) => connName(resource.state.conn)),
  dstate: (host, config, call) => (host.resource(config.name) === null ? metadataState(host, config) : dstateShown(host, config, call)),
  'show-gi': (host, config) => showGi(host, config, printGenerations),
  'get-gi': (host, config) => showGi(host, config, (metadata) => `${generationLine(metadata)}\n`),
  'apply-al': (host, config) => applyActivityLog(host, config) ?? done(),
};

/** Runs one drbdadm command for one resource, or null when there is no such command. */
export function runAdm(host: ProgramHost, config: ResourceConfig, call: Invocation): Promise<RunResult> | RunResult | null {
  const command = Object.hasOwn(COMMANDS, call.command) ? COMMANDS[call.command] : undefined;
  if (command === undefined) return null;
  const allowed = ALLOWED[call.command] ?? [];
  const stray = call.options.find((option) => !allowed.includes(option.split('=')[0] ?? ''));
  if (stray !== undefined) return failed(20, `drbdadm: unrecognized option '${stray}'\ntry 'drbdadm help ${call.command}'\n`);
  return command(host, config, call);
}

/** The configuration of a resource out of a file, or what drbdadm says instead. */
export function loadConfig(host: ProgramHost, path: string, name: string): ResourceConfig | RunResult {
  const text = host.readFile(path);
  if (text === null) return failed(20, `Can not open '${path}'.\n`);
  try {
    const found = parseDrbdConf(text, path, host.node).find((config) => config.name === name);
    return found ?? failed(1, `'${name}' not defined in your config (for this host).\n`);
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    return failed(10, `${error.message}\n`);
  }
}

function minorOrder(name: string, order: (resource: Resource, call: Invocation) => Promise<Answer> | Answer): AdmCommand {
  return async (host, config, call) => {
    const resource = host.resource(config.name);
    const given = resource === null ? UNKNOWN_MINOR : await order(resource, call);
    return viaDrbdadm(printAnswer(String(config.minor), given), ['drbdsetup-84', name, String(config.minor), ...call.options].join(' '));
  };
}

function shown(name: string, show: (resource: Resource) => string): AdmCommand {
  return (host, config) => {
    const resource = host.resource(config.name);
    if (resource === null) return viaDrbdadm(printAnswer(String(config.minor), UNKNOWN_MINOR), `drbdsetup-84 ${name} ${config.minor}`);
    return done(`${show(resource)}\n`);
  };
}

const dstateShown = shown('dstate', (resource) => `${diskName(resource.state.disk)}/${diskName(resource.state.pdsk)}`);

function createMd(host: ProgramHost, config: ResourceConfig, call: Invocation): RunResult {
  const device = host.backing(config.diskPath);
  if (device === null) return metaFailure(config, 'create-md', 20, `open(${config.diskPath}) failed: No such file or directory\n`);
  if (host.resource(config.name)?.disk !== undefined && host.resource(config.name)?.disk !== null) {
    return metaFailure(config, 'create-md', 20, `Device '${config.minor}' is configured!\n`);
  }
  try {
    if (loadMetadata(device.metadata()) !== null && !call.options.includes('--force')) {
      const place = `There appears to be a v08 flexible-size internal meta data block\nalready in place on ${config.diskPath} at byte offset ${metadataOffset(device.sizeBytes)}\n`;
      return failed(1, `You want me to create a v08 style flexible-size internal meta data block.\n${place}\nDo you really want to overwrite the existing meta-data?\n`
        + 'stdin not a TTY, not waiting for confirmation\n', 'Operation cancelled.\n');
    }
    device.setMetadata(storeMetadata(freshMetadata()));
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return metaFailure(config, 'create-md', 20, `pwrite(3,...) in ${config.diskPath} failed: Input/output error\n`);
  }
  const bitmapKiB = (metadataBytes(device.sizeBytes) - 36 * 1024) / 1024;
  return { exitCode: 0, stdout: 'initializing activity log\nWriting meta data...\nNew drbd meta data block successfully created.\n', stderr: `initializing bitmap (${bitmapKiB} KB) to all zero\n` };
}

function metaFailure(config: ResourceConfig, command: string, exitCode: number, text: string): RunResult {
  return viaDrbdadm(failed(exitCode, text), `drbdmeta ${config.minor} v08 ${config.diskPath} internal ${command}`);
}

function wipeMd(host: ProgramHost, config: ResourceConfig, call: Invocation): RunResult {
  const device = host.backing(config.diskPath);
  if (device === null) return metaFailure(config, 'wipe-md', 20, `open(${config.diskPath}) failed: No such file or directory\n`);
  if (host.resource(config.name) !== null) return metaFailure(config, 'wipe-md', 20, `Device '${config.minor}' is configured!\n`);
  if (!call.options.includes('--force')) return failed(1, 'Do you really want to wipe out the DRBD meta data?\nstdin not a TTY, not waiting for confirmation\n', 'Operation cancelled.\n');
  device.setMetadata(null);
  return done('Wiping meta data...\nDRBD meta data block successfully wiped out.\n');
}

/** drbdmeta's step before an attach. Null: it went well. */
function applyActivityLog(host: ProgramHost, config: ResourceConfig): RunResult | null {
  const device = host.backing(config.diskPath);
  if (device === null) return metaFailure(config, 'apply-al', 20, `open(${config.diskPath}) failed: No such file or directory\n`);
  if (device.failed) return metaFailure(config, 'apply-al', 20, `pread(3,...) in ${config.diskPath} failed: Input/output error\n`);
  return loadMetadata(device.metadata()) === null ? metaFailure(config, 'apply-al', 255, 'No valid meta data found\n') : null;
}

const optionWords = (options: ReadonlyMap<string, string>): string[] => [...options].map(([key, value]) => `--${key}=${value}`);

/** Attaches; null: done. What is marked from the activity log is told on stderr even then. */
async function attachStep(host: ProgramHost, config: ResourceConfig): Promise<RunResult | null> {
  const resource = host.resource(config.name);
  if (resource === null) return viaDrbdadm(printAnswer(String(config.minor), UNKNOWN_MINOR), `drbdsetup-84 attach ${config.minor}`);
  const isAttached = resource.disk !== null;
  const bad = isAttached ? null : applyActivityLog(host, config);
  if (bad !== null) return bad;
  const device = host.backing(config.diskPath);
  const metadata = isAttached || device === null ? null : loadMetadata(device.metadata());
  const marked = metadata === null || metadata.flags.activityLogClean ? 0 : metadata.activityLog.length;
  const note = marked > 0 ? `Marked additional ${marked * 4096} KB as out-of-sync based on AL.\n` : '';
  await host.attachPause();
  const command = ['drbdsetup-84', 'attach', String(config.minor), config.diskPath, config.diskPath, 'internal', ...optionWords(config.disk)].join(' ');
  const result = viaDrbdadm(printAnswer(String(config.minor), admin.attach(resource, device, { path: config.diskPath, options: config.disk })), command);
  if (result.exitCode === 0 && note === '') return null;
  return { ...result, stderr: note + result.stderr };
}

/** Begins to connect; null: done. */
function connectStep(host: ProgramHost, config: ResourceConfig, discardMyData: boolean): RunResult | null {
  const resource = host.resource(config.name);
  const { peer } = config;
  if (resource === null) return viaDrbdadm(printAnswer(config.name, admin.answer(admin.ERR.resourceUnknown, 'unknown resource')), `drbdsetup-84 connect ${config.name}`);
  if (peer === null) return null;
  const given = admin.connect(resource, { local: config.local.address, peer: peer.address, options: config.net, discardMyData });
  const words = ['drbdsetup-84', 'connect', config.name, config.local.address, peer.address, ...optionWords(config.net), ...(discardMyData ? ['--discard-my-data'] : [])];
  const result = viaDrbdadm(printAnswer(config.name, given), words.join(' '));
  return result.exitCode === 0 ? null : result;
}

async function disconnectStep(host: ProgramHost, config: ResourceConfig, call: Invocation): Promise<RunResult> {
  const resource = host.resource(config.name);
  const command = ['drbdsetup-84', 'disconnect', config.local.address, config.peer?.address ?? '', ...call.options].join(' ');
  const isKnown = resource !== null && resource.net !== null;
  if (!isKnown) return viaDrbdadm(printAnswer('??', admin.answer(admin.ERR.invalidRequest, 'unknown connection')), command);
  return viaDrbdadm(printAnswer(config.name, await admin.disconnect(resource, call.options.includes('--force'))), command);
}

async function up(host: ProgramHost, config: ResourceConfig): Promise<RunResult> {
  const known = host.resources().find((resource) => resource.minor === config.minor && resource.name !== config.name);
  if (known !== undefined) {
    return viaDrbdadm(printAnswer(String(config.minor), admin.answer(admin.ERR.minorExists, 'requested minor exists already')), `drbdsetup-84 new-minor ${config.name} ${config.minor} 0`);
  }
  const resource = host.resource(config.name) ?? host.create(config.name, config.minor);
  resource.options = config.options;
  resource.handlers = config.handlers;
  const attached = await attachStep(host, config);
  if (attached !== null && attached.exitCode !== 0) return attached;
  const connected = connectStep(host, config, false);
  if (connected !== null) return connected;
  return attached ?? done();
}

export async function downResource(host: ProgramHost, resource: Resource): Promise<RunResult> {
  const given = await admin.down(resource);
  if (given.code === admin.ERR.none) {
    host.remove(resource);
    admin.forget(resource);
  }
  return printAnswer(resource.name, given);
}

async function outdate(host: ProgramHost, config: ResourceConfig): Promise<RunResult> {
  const resource = host.resource(config.name);
  if (resource !== null) return viaDrbdadm(printAnswer(String(config.minor), await admin.wish(resource, { disk: DISK.outdated })), `drbdsetup-84 outdate ${config.minor}`);
  const device = host.backing(config.diskPath);
  const metadata = device === null ? null : loadMetadata(device.metadata());
  if (device === null || metadata === null) return metaFailure(config, 'outdate', 255, 'No valid meta data found\n');
  if (!metadata.flags.consistent) return metaFailure(config, 'outdate', 5, '');
  metadata.flags.wasUpToDate = false;
  device.setMetadata(storeMetadata(metadata));
  return done();
}

function netOptions(host: ProgramHost, config: ResourceConfig, call: Invocation): RunResult {
  const resource = host.resource(config.name);
  const command = ['drbdsetup-84', 'net-options', config.local.address, config.peer?.address ?? '', ...call.options].join(' ');
  if (resource === null || resource.net === null) return viaDrbdadm(printAnswer('??', admin.answer(admin.ERR.invalidRequest, 'unknown connection')), command);
  const options = new Map(resource.net.options);
  for (const option of call.options) {
    const [key, value] = option.slice(2).split('=');
    options.set(key ?? '', value ?? 'yes');
  }
  const isBothPrimary = resource.state.role === ROLE.primary && resource.state.peer === ROLE.primary;
  if (isBothPrimary && options.get('allow-two-primaries') !== 'yes') return viaDrbdadm(printAnswer(config.name, admin.answer(admin.ERR.needTwoPrimaries)), command);
  resource.net = { ...resource.net, options };
  return done();
}

/** Makes the kernel's configuration that of the file. A changed address reconnects; changed options do not. */
async function adjust(host: ProgramHost, config: ResourceConfig, call: Invocation): Promise<RunResult> {
  const resource = host.resource(config.name);
  if (resource === null) return up(host, config);
  resource.options = config.options;
  resource.handlers = config.handlers;
  const isElsewhere = resource.net !== null && (resource.net.local !== config.local.address || resource.net.peer !== config.peer?.address);
  if (isElsewhere) {
    const left = await disconnectStep(host, config, { ...call, options: [] });
    if (left.exitCode !== 0) return left;
  }
  if (resource.disk === null) {
    const attached = await attachStep(host, config);
    if (attached !== null && attached.exitCode !== 0) return attached;
  } else resource.diskConfig = { path: config.diskPath, options: config.disk };
  if (resource.net === null) return connectStep(host, config, false) ?? done();
  resource.net = { ...resource.net, options: config.net };
  return done();
}

function metadataState(host: ProgramHost, config: ResourceConfig): RunResult {
  const device = host.backing(config.diskPath);
  const metadata = device === null || device.failed ? null : loadMetadata(device.metadata());
  return metadata === null ? metaFailure(config, 'dstate', 255, 'No valid meta data found\n') : done(`${metadataDiskState(metadata)}\n`);
}

function showGi(host: ProgramHost, config: ResourceConfig, print: (metadata: NonNullable<Resource['metadata']>, isRunning: boolean) => string): RunResult {
  const resource = host.resource(config.name);
  if (resource !== null && resource.metadata === null) return viaDrbdadm(failed(1, 'Device has no disk\n'), `drbdsetup-84 show-gi ${config.minor}`);
  const device = host.backing(config.diskPath);
  const metadata = resource?.metadata ?? (device === null || device.failed ? null : loadMetadata(device.metadata()));
  return metadata === null ? metaFailure(config, 'show-gi', 255, 'No valid meta data found\n') : done(print(metadata, resource !== null));
}
