/**
 * What states can a DRBD 8.4 device be in, and what does the real program call them?
 *
 * The order of the numbers is DRBD's (drbd.h): its rules compare states with `<`, so ours must, too.
 */

export const ROLE = { unknown: 0, primary: 1, secondary: 2 } as const;
export type Role = (typeof ROLE)[keyof typeof ROLE];

export const CONN = {
  standAlone: 0, disconnecting: 1, unconnected: 2, timeout: 3, brokenPipe: 4, networkFailure: 5, protocolError: 6, tearDown: 7,
  wfConnection: 8, wfReportParams: 9, connected: 10, startingSyncS: 11, startingSyncT: 12, wfBitMapS: 13, wfBitMapT: 14,
  wfSyncUuid: 15, syncSource: 16, syncTarget: 17, verifyS: 18, verifyT: 19, pausedSyncS: 20, pausedSyncT: 21,
} as const;
export type Conn = (typeof CONN)[keyof typeof CONN];

export const DISK = {
  diskless: 0, attaching: 1, failed: 2, negotiating: 3, inconsistent: 4, outdated: 5, unknown: 6, consistent: 7, upToDate: 8,
} as const;
export type Disk = (typeof DISK)[keyof typeof DISK];

/** One device as its own kernel sees it. `susp*` belong to the resource, which has one volume here. */
export interface State {
  readonly role: Role;
  readonly peer: Role;
  readonly conn: Conn;
  readonly disk: Disk;
  readonly pdsk: Disk;
  /** `suspend-io` by an administrator. */
  readonly susp: boolean;
  /** No data is accessible. */
  readonly suspNod: boolean;
  /** The peer is lost and not yet fenced. */
  readonly suspFen: boolean;
  /** Resync paused here / by the peer. */
  readonly userIsp: boolean;
  readonly peerIsp: boolean;
}

export const INITIAL_STATE: State = {
  role: ROLE.secondary, peer: ROLE.unknown, conn: CONN.standAlone, disk: DISK.diskless, pdsk: DISK.unknown,
  susp: false, suspNod: false, suspFen: false, userIsp: false, peerIsp: false,
};

export function isSuspended(state: State): boolean {
  return state.susp || state.suspNod || state.suspFen;
}

const ROLE_NAMES = ['Unknown', 'Primary', 'Secondary'] as const;
const CONN_NAMES = [
  'StandAlone', 'Disconnecting', 'Unconnected', 'Timeout', 'BrokenPipe', 'NetworkFailure', 'ProtocolError', 'TearDown',
  'WFConnection', 'WFReportParams', 'Connected', 'StartingSyncS', 'StartingSyncT', 'WFBitMapS', 'WFBitMapT', 'WFSyncUUID',
  'SyncSource', 'SyncTarget', 'VerifyS', 'VerifyT', 'PausedSyncS', 'PausedSyncT',
] as const;
const DISK_NAMES = ['Diskless', 'Attaching', 'Failed', 'Negotiating', 'Inconsistent', 'Outdated', 'DUnknown', 'Consistent', 'UpToDate'] as const;

export const roleName = (role: Role): string => ROLE_NAMES[role];
export const connName = (conn: Conn): string => CONN_NAMES[conn];
export const diskName = (disk: Disk): string => DISK_NAMES[disk];

/** The connection half of a connection state, in the words of events2 and status (drbd_conn_str9). */
export function connectionName9(conn: Conn): string {
  if (conn === CONN.wfConnection) return 'Connecting';
  return conn >= CONN.wfReportParams ? 'Connected' : connName(conn);
}

/** The replication half (drbd_repl_str9). */
export function replicationName9(conn: Conn): string {
  if (conn < CONN.connected) return 'Off';
  return conn === CONN.connected ? 'Established' : connName(conn);
}

/** What `suspended:` shows (susp_str of drbdsetup). */
export function suspendedName(state: State): string {
  const reasons: string[] = [];
  if (state.susp) reasons.push('user');
  if (state.suspNod) reasons.push('no-data');
  if (state.suspFen) reasons.push('fencing');
  return reasons.length === 0 ? 'no' : reasons.join(',');
}

/** What `resync-suspended:` shows. */
export function resyncSuspendedName(state: State): string {
  const reasons: string[] = [];
  if (state.userIsp) reasons.push('user');
  if (state.peerIsp) reasons.push('peer');
  return reasons.length === 0 ? 'no' : reasons.join(',');
}

/** Outcome of a requested state change: positive fine, negative refused (enum drbd_state_rv). */
export const SS = {
  cwNoNeed: 4, cwSuccess: 3, nothingToDo: 2, success: 1, unknownError: 0,
  twoPrimaries: -1, noUpToDateDisk: -2, noLocalDisk: -4, noRemoteDisk: -5, connectedOutdates: -6, primaryNop: -7, resyncRunning: -8,
  alreadyStandalone: -9, cwFailedByPeer: -10, isDiskless: -11, deviceInUse: -12, noNetConfig: -13, noVerifyAlg: -14, needConnection: -15,
  lowerThanOutdated: -16, notSupported: -17, inTransientState: -18, concurrentChange: -19, outdateWithoutConnection: -21,
} as const;
export type StateRv = (typeof SS)[keyof typeof SS];

const SS_TEXT: Readonly<Record<number, string>> = {
  [SS.twoPrimaries]: 'Multiple primaries not allowed by config',
  [SS.noUpToDateDisk]: 'Need access to UpToDate data',
  [SS.noLocalDisk]: 'Can not resync without local disk',
  [SS.noRemoteDisk]: 'Can not resync without remote disk',
  [SS.connectedOutdates]: 'Refusing to be Outdated while Connected',
  [SS.primaryNop]: 'Refusing to be Primary while peer is not outdated',
  [SS.resyncRunning]: 'Can not start OV/resync since it is already active',
  [SS.alreadyStandalone]: 'Can not disconnect a StandAlone device',
  [SS.cwFailedByPeer]: 'State change was refused by peer node',
  [SS.isDiskless]: 'Device is diskless, the requested operation requires a disk',
  [SS.deviceInUse]: 'Device is held open by someone',
  [SS.noNetConfig]: 'Have no net/connection configuration',
  [SS.noVerifyAlg]: 'Need a verify algorithm to start online verify',
  [SS.needConnection]: 'Need a connection to start verify or resync',
  [SS.notSupported]: 'Peer does not support protocol',
  [SS.lowerThanOutdated]: 'Disk state is lower than outdated',
  [SS.inTransientState]: 'In transient state, retry after next state change',
  [SS.concurrentChange]: 'Concurrent state changes detected and aborted',
  [SS.outdateWithoutConnection]: 'Need a connection for a graceful disconnect/outdate peer',
};

export const stateErrorText = (rv: number): string => SS_TEXT[rv] ?? 'unknown error';

/** The exit code that drbdsetup gives for a refused state change (print_config_error). */
export function stateErrorExit(rv: number): number {
  if (rv === SS.noUpToDateDisk) return 17;
  if (rv === SS.lowerThanOutdated) return 5;
  return rv === SS.noLocalDisk ? 16 : 11;
}
