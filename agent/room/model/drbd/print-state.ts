/**
 * How do drbdsetup's `status` and /proc/drbd show a node's resources? Text as drbd-utils 9.22 and the 8.4.11 module
 * print it (recorded in test/fixtures/drbd).
 */
import type { Resource } from './resource.ts';
import { CONN, connName, connectionName9, diskName, isSuspended, replicationName9, resyncSuspendedName, roleName, suspendedName } from './states.ts';

/** Columns that drbdsetup wraps at. */
const WIDTH = 80;

/** Device figures of events2 and status, in order. Sizes in KiB. */
export function deviceFigures(resource: Resource): readonly (readonly [string, string])[] {
  const { counters } = resource;
  const pending = resource.log.length + resource.held.length;
  const local = resource.log.filter((request) => request.local === 'pending').length;
  return [
    ['size', String(resource.blockCount * 4)], ['read', String(counters.readKiB)], ['written', String(counters.writtenKiB)],
    ['al-writes', String(counters.activityLogWrites)], ['bm-writes', String(counters.bitmapWrites)],
    ['upper-pending', String(pending)], ['lower-pending', String(local)],
  ];
}

/** The figures that events2 repeats only when they changed. */
export function deviceSwitches(resource: Resource): readonly (readonly [string, string])[] {
  return [['al-suspended', 'no'], ['blocked', isSuspended(resource.state) ? 'upper' : 'no']];
}

export function peerDeviceFigures(resource: Resource): readonly (readonly [string, string])[] {
  const pending = resource.log.filter((request) => request.net === 'pending').length;
  return [
    ['received', String(resource.counters.receivedKiB)], ['sent', String(resource.counters.sentKiB)],
    ['out-of-sync', String(resource.outOfSync.count * 4)], ['pending', String(pending)], ['unacked', '0'],
  ];
}

const pairs = (figures: readonly (readonly [string, string])[]): string[] => figures.map(([key, text]) => `${key}:${text}`);

class Wrapped {
  #text = '';
  #column = 0;

  add(indent: number, word: string): void {
    const spaced = this.#column === 0 ? word : ` ${word}`;
    if (this.#column > 0 && this.#column + spaced.length > WIDTH) this.newline();
    const part = this.#column === 0 ? `${' '.repeat(indent)}${word}` : spaced;
    this.#text += part;
    this.#column += part.length;
  }

  newline(): void {
    this.#text += '\n';
    this.#column = 0;
  }

  get text(): string {
    return this.#text;
  }
}

/** `drbdsetup status` of one resource. */
export function printStatus(resource: Resource, isVerbose: boolean, hasStatistics: boolean): string {
  const { state } = resource;
  const out = new Wrapped();
  out.add(0, resource.name);
  out.add(4, `role:${roleName(state.role)}`);
  if (isVerbose || isSuspended(state)) out.add(4, `suspended:${suspendedName(state)}`);
  if (hasStatistics) {
    out.newline();
    out.add(4, 'write-ordering:flush');
  }
  out.newline();
  printDevice(out, resource, isVerbose, hasStatistics);
  if (resource.net !== null) printPeer(out, resource, isVerbose, hasStatistics);
  return `${out.text}\n`;
}

function printDevice(out: Wrapped, resource: Resource, isVerbose: boolean, hasStatistics: boolean): void {
  if (isVerbose) {
    out.add(2, 'volume:0');
    out.add(6, `minor:${resource.minor}`);
  }
  out.add(isVerbose ? 6 : 2, `disk:${diskName(resource.state.disk)}`);
  if (hasStatistics) {
    out.newline();
    for (const word of pairs([...deviceFigures(resource), ...deviceSwitches(resource)])) out.add(6, word);
  }
  out.newline();
}

function printPeer(out: Wrapped, resource: Resource, isVerbose: boolean, hasStatistics: boolean): void {
  const { state } = resource;
  const isTalking = state.conn >= CONN.wfReportParams;
  out.add(2, 'peer');
  if (isVerbose || !isTalking) out.add(6, `connection:${connectionName9(state.conn)}`);
  if (isVerbose || isTalking) out.add(6, `role:${roleName(state.peer)}`);
  if (isVerbose) out.add(6, 'congested:no');
  out.newline();
  if (!isVerbose && !hasStatistics && !isTalking) return;
  if (isVerbose) out.add(4, 'volume:0');
  const indent = isVerbose ? 8 : 4;
  if (isVerbose || state.conn > CONN.wfReportParams) out.add(indent, `replication:${replicationName9(state.conn)}`);
  out.add(indent, `peer-disk:${diskName(state.pdsk)}`);
  if (state.conn >= CONN.syncSource) out.add(8, `done:${(100 * (1 - resource.outOfSync.count / Math.max(1, resource.blockCount))).toFixed(2)}`);
  if (isVerbose || state.userIsp || state.peerIsp) out.add(8, `resync-suspended:${resyncSuspendedName(state)}`);
  if (hasStatistics) {
    out.newline();
    for (const word of pairs(peerDeviceFigures(resource))) out.add(8, word);
  }
  out.newline();
}

const PROC_HEAD = 'version: 8.4.11 (api:1/proto:86-101)\nsrcversion: F73C670A7EC572DB9CF3E5B \n';

/** /proc/drbd of a node: its resources by minor. */
export function printProc(resources: readonly Resource[]): string {
  const byMinor = resources.toSorted((a, b) => a.minor - b.minor);
  return PROC_HEAD + byMinor.map(printProcDevice).join('');
}

function printProcDevice(resource: Resource): string {
  const { state, counters } = resource;
  // Suspended, dependency, peer's pause, our pause, congestion, activity log: the last two never here.
  const flags = `${isSuspended(state) ? 's' : 'r'}-${state.peerIsp ? 'p' : '-'}${state.userIsp ? 'u' : '-'}--`;
  const protocol = resource.net === null ? ' ' : resource.netOption('protocol', 'C');
  const local = resource.log.filter((request) => request.local === 'pending').length;
  const net = resource.log.filter((request) => request.net === 'pending').length;
  const head = `${String(resource.minor).padStart(2)}: cs:${connName(state.conn)} ro:${roleName(state.role)}/${roleName(state.peer)}`
    + ` ds:${diskName(state.disk)}/${diskName(state.pdsk)} ${protocol} ${flags}\n`;
  const figures = `    ns:${counters.sentKiB} nr:${counters.receivedKiB} dw:${counters.writtenKiB} dr:${counters.readKiB} al:${counters.activityLogWrites}`
    + ` bm:${counters.bitmapWrites} lo:${local} pe:${net} ua:0 ap:${resource.log.length + resource.held.length} ep:1 wo:f oos:${resource.outOfSync.count * 4}\n`;
  return head + figures + progress(resource);
}

/** The two progress lines of a running resync or verify. */
function progress(resource: Resource): string {
  const { conn } = resource.state;
  const isSyncing = conn === CONN.syncSource || conn === CONN.syncTarget;
  const isVerifying = conn === CONN.verifyS || conn === CONN.verifyT;
  if (!isSyncing && !isVerifying) return '';
  const left = isVerifying ? resource.verifyLeft : resource.outOfSync.count;
  const total = Math.max(1, resource.resyncTotal, left);
  const done = 1 - left / total;
  const marks = Math.floor(done * 20);
  const bar = `[${'='.repeat(marks)}>${'.'.repeat(Math.max(0, 19 - marks))}]`;
  const kibPerSecond = Math.floor(resource.context.timings.resyncBytesPerSecond / 1024);
  const seconds = Math.ceil((left * 4) / Math.max(1, kibPerSecond));
  const clock = `${Math.floor(seconds / 3600)}:${String(Math.floor(seconds / 60) % 60).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  const speed = String(kibPerSecond).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  return `\t${bar} ${isVerifying ? 'verified' : "sync'ed"}:${(done * 100).toFixed(1).padStart(5)}% (${left * 4}/${total * 4})K\n`
    + `\tfinish: ${clock} speed: ${speed} (${speed}) K/sec\n`;
}
