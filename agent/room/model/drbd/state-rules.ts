/**
 * Which states may follow which? DRBD 8.4's own rules: what a change implies (`sanitize`), what a request may not ask
 * for (`refusal`), and what even a fact cannot do (`impossible`).
 *
 * Source of every rule: drbd_state.c of the 8.4 tree (sanitize_state, is_valid_state, is_valid_soft_transition,
 * is_valid_transition, cl_wide_st_chg), read for its facts; measured where DRBD.md says so.
 */
import { CONN, DISK, ROLE, SS } from './states.ts';
import type { Conn, Disk, State, StateRv } from './states.ts';

export type Fencing = 'dont-care' | 'resource-only' | 'resource-and-stonith';

/** What the rules ask of the device beside its state. */
export interface RuleContext {
  /** `dont-care` while there is no local disk: the policy is part of the disk's options. */
  readonly fencing: Fencing;
  readonly onNoDataSuspends: boolean;
  readonly openCount: number;
  /** Null: no network configuration. */
  readonly net: { readonly twoPrimaries: boolean; readonly hasVerifyAlgorithm: boolean } | null;
  /** The first states of a connection are under way: only they may change. */
  readonly isStateSent: boolean;
  /** While `Negotiating`: what the disk would be alone, and whether its data is the exposed data. */
  readonly negotiating: { readonly disk: Disk; readonly pdsk: Disk; readonly isExposedData: boolean } | null;
}

interface Bounds {
  readonly disk: readonly [Disk, Disk];
  readonly pdsk: readonly [Disk, Disk];
}

const anyDisk: readonly [Disk, Disk] = [DISK.diskless, DISK.upToDate];
const good: readonly [Disk, Disk] = [DISK.upToDate, DISK.upToDate];
const disconnectedBounds: Bounds = { disk: anyDisk, pdsk: [DISK.inconsistent, DISK.unknown] };
const targetBounds: Bounds = { disk: [DISK.inconsistent, DISK.outdated], pdsk: good };
const sourceBounds: Bounds = { disk: good, pdsk: [DISK.inconsistent, DISK.consistent] };

/** What a connection state implies for the two disks. */
function boundsOf(conn: Conn): Bounds {
  switch (conn) {
    case CONN.wfBitMapT: case CONN.pausedSyncT: case CONN.startingSyncT: case CONN.wfSyncUuid: return targetBounds;
    case CONN.verifyS: case CONN.verifyT: return { disk: good, pdsk: good };
    case CONN.connected: return { disk: anyDisk, pdsk: anyDisk };
    case CONN.wfBitMapS: case CONN.pausedSyncS: case CONN.startingSyncS: return sourceBounds;
    case CONN.syncTarget: return { disk: [DISK.inconsistent, DISK.inconsistent], pdsk: good };
    case CONN.syncSource: return { disk: good, pdsk: [DISK.inconsistent, DISK.inconsistent] };
    default: return disconnectedBounds;
  }
}

function clamp(value: Disk, [low, high]: readonly [Disk, Disk]): Disk {
  if (value > high) return high;
  return value < low ? low : value;
}

const isLonely = (state: State): boolean => state.role === ROLE.primary && state.conn < CONN.connected && state.pdsk > DISK.outdated;
const hasNoData = (state: State): boolean => state.role === ROLE.primary && state.disk < DISK.upToDate && state.pdsk < DISK.upToDate;

/** Completes a wanted state `ns` with everything that it implies, coming from `os`. */
export function sanitize(os: State, ns: State, context: RuleContext): State {
  const next: { -readonly [Key in keyof State]: State[Key] } = { ...ns };
  if (next.conn < CONN.connected) {
    next.peerIsp = false;
    next.peer = ROLE.unknown;
    if (next.pdsk > DISK.unknown || next.pdsk < DISK.inconsistent) next.pdsk = DISK.unknown;
  }
  if (next.conn > CONN.connected && (next.disk <= DISK.failed || next.pdsk <= DISK.failed)) next.conn = CONN.connected;
  if (next.conn < CONN.connected && next.disk === DISK.negotiating && context.negotiating !== null) {
    next.disk = context.negotiating.isExposedData ? context.negotiating.disk : DISK.diskless;
    next.pdsk = context.negotiating.isExposedData ? context.negotiating.pdsk : DISK.unknown;
  }
  if (next.conn >= CONN.connected) {
    // Consistent and Outdated vanish when we get connected: only the handshake's outcome counts from here on.
    if (next.disk === DISK.consistent || next.disk === DISK.outdated) next.disk = DISK.upToDate;
    if (next.pdsk === DISK.consistent || next.pdsk === DISK.outdated) next.pdsk = DISK.upToDate;
  }
  const bounds = boundsOf(next.conn);
  next.disk = clamp(next.disk, bounds.disk);
  next.pdsk = clamp(next.pdsk, bounds.pdsk);
  if (context.fencing === 'resource-and-stonith' && isLonely(next) && !isLonely(os)) next.suspFen = true;
  if (context.onNoDataSuspends && hasNoData(next) && !hasNoData(os)) next.suspNod = true;
  next.conn = pausedOrNot(next);
  return next;
}

function pausedOrNot(state: State): Conn {
  const isPaused = state.userIsp || state.peerIsp;
  if (state.conn === CONN.syncSource && isPaused) return CONN.pausedSyncS;
  if (state.conn === CONN.syncTarget && isPaused) return CONN.pausedSyncT;
  if (state.conn === CONN.pausedSyncS && !isPaused) return CONN.syncSource;
  if (state.conn === CONN.pausedSyncT && !isPaused) return CONN.syncTarget;
  return state.conn;
}

const isVerifying = (conn: Conn): boolean => conn === CONN.verifyS || conn === CONN.verifyT;
const isStarting = (conn: Conn): boolean => conn === CONN.startingSyncS || conn === CONN.startingSyncT;

/** Whether a state may be asked for at all (is_valid_state). */
export function refusalOfState(ns: State, context: RuleContext): StateRv {
  const isPrimary = ns.role === ROLE.primary;
  if (context.net !== null && !context.net.twoPrimaries && isPrimary && ns.peer === ROLE.primary) return SS.twoPrimaries;
  if (ns.role === ROLE.secondary && context.openCount > 0) return SS.deviceInUse;
  if (isPrimary && ns.conn < CONN.connected && ns.disk < DISK.upToDate) return SS.noUpToDateDisk;
  if (context.fencing !== 'dont-care' && isPrimary && ns.conn < CONN.connected && ns.pdsk >= DISK.unknown) return SS.primaryNop;
  if (isPrimary && ns.disk <= DISK.inconsistent && ns.pdsk <= DISK.inconsistent) return SS.noUpToDateDisk;
  if (ns.conn > CONN.connected && ns.disk < DISK.inconsistent) return SS.noLocalDisk;
  if (ns.conn > CONN.connected && ns.pdsk < DISK.inconsistent) return SS.noRemoteDisk;
  if (ns.conn > CONN.connected && ns.disk < DISK.upToDate && ns.pdsk < DISK.upToDate) return SS.noUpToDateDisk;
  const isSourceOrIdle = ns.conn === CONN.connected || ns.conn === CONN.wfBitMapS || ns.conn === CONN.syncSource || ns.conn === CONN.pausedSyncS;
  if (isSourceOrIdle && ns.disk === DISK.outdated) return SS.connectedOutdates;
  if (isVerifying(ns.conn) && context.net?.hasVerifyAlgorithm !== true) return SS.noVerifyAlg;
  if (hasNoData(ns)) return SS.noUpToDateDisk;
  if (isStarting(ns.conn) && ns.pdsk === DISK.unknown) return SS.needConnection;
  if (ns.conn >= CONN.connected && ns.pdsk === DISK.unknown) return SS.connectedOutdates;
  return SS.success;
}

/** Whether a request may lead from `os` to `ns` (is_valid_soft_transition): the last matching rule wins, as in DRBD. */
export function refusalOfRequest(os: State, ns: State, context: RuleContext): StateRv {
  let rv: StateRv = SS.success;
  if (isStarting(ns.conn) && os.conn > CONN.connected) rv = SS.resyncRunning;
  if (ns.conn === CONN.disconnecting && os.conn === CONN.standAlone) rv = SS.alreadyStandalone;
  if (ns.disk > DISK.attaching && os.disk === DISK.diskless) rv = SS.isDiskless;
  if (ns.conn === CONN.wfConnection && os.conn < CONN.unconnected) rv = SS.noNetConfig;
  if (ns.disk === DISK.outdated && os.disk < DISK.outdated && os.disk !== DISK.attaching) rv = SS.lowerThanOutdated;
  if (ns.conn === CONN.disconnecting && os.conn === CONN.unconnected) rv = SS.inTransientState;
  const isHandshake = (ns.conn === CONN.wfReportParams && os.conn === CONN.wfConnection) || (ns.conn >= CONN.connected && os.conn === CONN.wfReportParams);
  if (context.isStateSent && !isHandshake) rv = SS.inTransientState;
  const isPromotion = os.role !== ROLE.primary && ns.role === ROLE.primary;
  if (isPromotion && ns.pdsk === DISK.upToDate && ns.disk !== DISK.upToDate && ns.disk !== DISK.diskless
    && (ns.conn <= CONN.wfSyncUuid || ns.conn !== os.conn)) rv = SS.inTransientState;
  if (isVerifying(ns.conn) && os.conn < CONN.connected) rv = SS.needConnection;
  if (isVerifying(ns.conn) && ns.conn !== os.conn && os.conn > CONN.connected) rv = SS.resyncRunning;
  if (isStarting(ns.conn) && os.conn < CONN.connected) rv = SS.needConnection;
  if ((ns.conn === CONN.syncTarget || ns.conn === CONN.syncSource) && os.conn < CONN.wfReportParams) rv = SS.needConnection;
  if (ns.conn === CONN.disconnecting && ns.pdsk === DISK.outdated && os.conn < CONN.connected && os.pdsk > DISK.outdated) rv = SS.outdateWithoutConnection;
  return rv;
}

/** Whether even a fact of the environment cannot lead from `os` to `ns` (is_valid_transition). */
export function impossible(os: State, ns: State): StateRv {
  if (ns.disk === DISK.failed && os.disk === DISK.diskless) return SS.isDiskless;
  if (os.conn === ns.conn) return SS.success;
  if (os.conn === CONN.standAlone && ns.conn === CONN.disconnecting) return SS.alreadyStandalone;
  if (os.conn === CONN.standAlone && ns.conn !== CONN.unconnected) return SS.needConnection;
  if (os.conn < CONN.wfReportParams && ns.conn >= CONN.connected) return SS.needConnection;
  const isBroken = os.conn >= CONN.timeout && os.conn <= CONN.tearDown;
  if (isBroken && ns.conn !== CONN.unconnected && ns.conn !== CONN.disconnecting) return SS.inTransientState;
  if (os.conn === CONN.disconnecting && ns.conn !== CONN.standAlone) return SS.inTransientState;
  return SS.success;
}

/** Whether the peer has to agree first (cl_wide_st_chg). */
export function needsPeer(os: State, ns: State): boolean {
  if (os.conn >= CONN.connected && ns.conn === CONN.disconnecting) return true;
  if (os.conn === CONN.connected && ns.conn === CONN.verifyS) return true;
  if (os.conn < CONN.connected || ns.conn < CONN.connected) return false;
  return (os.role !== ROLE.primary && ns.role === ROLE.primary)
    || (os.conn !== CONN.startingSyncT && ns.conn === CONN.startingSyncT)
    || (os.conn !== CONN.startingSyncS && ns.conn === CONN.startingSyncS)
    || (os.disk !== DISK.failed && ns.disk === DISK.failed);
}

/** A part of a state that is to change. */
export type Change = Partial<State>;

/** A change as the peer sees it: its role is our `peer`, its disk our `pdsk` (convert_state). */
export function mirrored(change: Change): Change {
  const conn: Partial<Record<Conn, Conn>> = {
    [CONN.disconnecting]: CONN.tearDown, [CONN.startingSyncS]: CONN.startingSyncT, [CONN.startingSyncT]: CONN.startingSyncS, [CONN.verifyS]: CONN.verifyT,
  };
  return {
    ...(change.role === undefined ? {} : { peer: change.role }),
    ...(change.disk === undefined ? {} : { pdsk: change.disk }),
    ...(change.pdsk === undefined ? {} : { disk: change.pdsk }),
    ...(change.conn === undefined ? {} : { conn: conn[change.conn] ?? change.conn }),
  };
}
