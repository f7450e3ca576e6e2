/**
 * What does a change of state set off? The work that follows it, in the worker's order (after_state_ch).
 *
 * Source of every step: after_state_ch and w_after_conn_state_ch of drbd_state.c, in their order.
 */
import { hasLocalDisk, saveMetadata, setFact } from './engine.ts';
import { callHelper } from './fence.ts';
import { completeLost, markAllOutOfSync, resendAll, restartOnLocalDisk, startHeld } from './requests.ts';
import { continueResync, requestSync, startResync, stopResync } from './resync.ts';
import type { Resource } from './resource.ts';
import { CONN, DISK, ROLE, isSuspended } from './states.ts';
import type { Disk, State } from './states.ts';
import { newCurrentUuid, ownFacts } from './uuids.ts';

export function sendState(resource: Resource, state: State = resource.state): void {
  resource.wire?.send(resource, { kind: 'state', state });
}

export function sendUuids(resource: Resource): void {
  resource.wire?.send(resource, { kind: 'uuids', facts: ownFacts(resource), blockCount: resource.blockCount });
}

const lacksData = (state: State): boolean => state.role === ROLE.primary && state.disk < DISK.upToDate && state.pdsk < DISK.upToDate;

export function afterState(resource: Resource, os: State, ns: State): void | Promise<void> {
  const isInSyncNow = ns.disk === DISK.upToDate && ns.pdsk === DISK.upToDate;
  if (isInSyncNow && (os.disk !== DISK.upToDate || os.pdsk !== DISK.upToDate) && resource.isCrashedPrimary) {
    resource.isCrashedPrimary = false;
    if (resource.metadata !== null) resource.metadata.flags.crashedPrimary = false;
    saveMetadata(resource);
  }
  resource.context.notify(resource, { kind: 'changed', before: os, after: ns });
  if (lacksData(ns) && !lacksData(os)) return afterHelper(resource, 'pri-on-incon-degr', () => afterBroadcast(resource, os, ns));
  return afterBroadcast(resource, os, ns);
}

async function afterHelper(resource: Resource, helper: string, next: () => void | Promise<void>): Promise<void> {
  await callHelper(resource, helper, true);
  if (resource.isAlive) await next();
}

function afterBroadcast(resource: Resource, os: State, ns: State): void | Promise<void> {
  thaw(resource, os, ns);
  if (isResyncStarting(os, ns)) startResync(resource);
  if (os.conn === CONN.pausedSyncS && ns.conn === CONN.syncSource) continueResync(resource);
  if (os.conn >= CONN.syncSource && ns.conn <= CONN.connected) stopResync(resource);
  if (os.pdsk === DISK.diskless && ns.pdsk > DISK.diskless && ns.pdsk !== DISK.unknown) {
    sendUuids(resource);
    sendState(resource, ns);
  }
  if (os.conn !== CONN.wfBitMapS && ns.conn === CONN.wfBitMapS && resource.state.conn === CONN.wfBitMapS) {
    sendBitmapWhenQuiet(resource);
  }
  noteLostPeerData(resource, os, ns);
  if (os.role === ROLE.primary && ns.role === ROLE.secondary) saveMetadata(resource);
  tellPeer(resource, os, ns);
  if (isStarting(ns.conn) && !isStarting(os.conn)) beginFullSync(resource);
  if (os.disk !== DISK.failed && ns.disk === DISK.failed) return giveUpDisk(resource, ns);
  finishAfterState(resource, os, ns);
}

/**
 * Only once no write is under way on the local disk: one that began alone is in no bitmap yet, and would be acknowledged after the resync
 * that missed it (drbd_queue_bitmap_io waits for ap_bio_cnt to fall to 0; new requests are held meanwhile).
 */
function sendBitmapWhenQuiet(resource: Resource): void {
  const { wire } = resource;
  if (!resource.isAlive || wire === null || resource.state.conn !== CONN.wfBitMapS) return;
  if (resource.log.some((request) => request.local === 'pending')) {
    // Tried again at each change; one of a connection that ended is for nobody.
    void resource.stateChanged().then(() => {
      if (resource.wire === wire) sendBitmapWhenQuiet(resource);
    });
    return;
  }
  wire.send(resource, { kind: 'bitmap', ranges: resource.outOfSync.ranges() });
}

const isStarting = (conn: State['conn']): boolean => conn === CONN.startingSyncS || conn === CONN.startingSyncT;
const isRunning = (conn: State['conn']): boolean => conn >= CONN.syncSource;

function isResyncStarting(os: State, ns: State): boolean {
  return !isRunning(os.conn) && isRunning(ns.conn);
}

/** Un-freezes I/O when the reason for freezing it is over. */
function thaw(resource: Resource, os: State, ns: State): void {
  const isConnected = resource.state.conn >= CONN.connected;
  if (ns.suspNod && resource.state.suspNod) {
    const isBack = os.conn < CONN.connected && isConnected;
    const isReattached = (os.disk === DISK.attaching || os.disk === DISK.negotiating) && resource.state.disk === DISK.upToDate;
    if (isBack) resendAll(resource);
    else if (isReattached) restartOnLocalDisk(resource);
    if (isBack || isReattached) setFact(resource, { suspNod: false });
  }
  if (ns.suspFen && resource.state.suspFen && isConnected) {
    resource.needsNewCurrentUuid = false;
    resendAll(resource);
    setFact(resource, { suspFen: false });
  }
  if (ns.suspFen && resource.state.suspFen && !isConnected && resource.state.pdsk <= DISK.outdated) {
    if (resource.needsNewCurrentUuid) newCurrentUuid(resource);
    resource.needsNewCurrentUuid = false;
    completeLost(resource);
    setFact(resource, { suspFen: false });
  }
}

/** The peer's data is out of reach: what is written from here on is a new generation. */
function noteLostPeerData(resource: Resource, os: State, ns: State): void {
  if (hasLocalDisk(resource) && lostContact(os.pdsk, ns.pdsk)) {
    const isInUse = ns.role === ROLE.primary || ns.peer === ROLE.primary;
    if (isInUse && resource.metadata?.uuids[1] === 0n && ns.disk >= DISK.upToDate) {
      if (isSuspended(resource.state)) resource.needsNewCurrentUuid = true;
      else {
        newCurrentUuid(resource);
        sendUuids(resource);
      }
    }
  }
  const isServingDiskless = ns.pdsk < DISK.inconsistent && os.peer !== ROLE.primary && ns.peer === ROLE.primary;
  if (isServingDiskless && hasLocalDisk(resource) && resource.metadata?.uuids[1] === 0n && ns.disk >= DISK.upToDate) {
    newCurrentUuid(resource);
    sendUuids(resource);
  }
}

function lostContact(os: Disk, ns: Disk): boolean {
  const wasData = os >= DISK.inconsistent && os !== DISK.unknown && os !== DISK.outdated;
  if (wasData && (ns < DISK.inconsistent || ns === DISK.unknown || ns === DISK.outdated)) return true;
  return os === DISK.unknown && (ns === DISK.diskless || ns === DISK.failed || ns === DISK.outdated);
}

function tellPeer(resource: Resource, os: State, ns: State): void {
  if (ns.conn < CONN.connected) return;
  if (os.disk === DISK.attaching && ns.disk === DISK.negotiating) {
    sendUuids(resource);
    sendState(resource, ns);
  }
  const isPauseChanged = os.userIsp !== ns.userIsp;
  const isNewConnection = os.conn === CONN.wfReportParams;
  const isDegraded = os.disk === DISK.upToDate && ns.disk === DISK.inconsistent;
  const isSyncDone = os.disk < DISK.upToDate && os.conn >= CONN.syncSource && ns.conn === CONN.connected;
  if (isPauseChanged || isNewConnection || isDegraded || isSyncDone) sendState(resource, ns);
}

/** `invalidate` and `invalidate-remote`: every block is out of sync, then the resync begins without a handshake. */
function beginFullSync(resource: Resource): void {
  markAllOutOfSync(resource);
  saveMetadata(resource);
  requestSync(resource);
}

/** The disk failed (or is detached): the helper first, then the peer is told, then the disk is let go. */
function giveUpDisk(resource: Resource, ns: State): void | Promise<void> {
  const letGo = (): void => {
    if (ns.conn >= CONN.connected) sendState(resource, ns);
    saveMetadata(resource);
    if (resource.isForceDetach) {
      resource.isForceDetach = false;
      for (const request of resource.log) if (request.local === 'pending') request.local = 'failed';
    }
    setFact(resource, { disk: DISK.diskless });
  };
  const isHelperWanted = resource.wasIoError && resource.diskConfig?.options.get('on-io-error') === 'call-local-io-error';
  resource.wasIoError = false;
  if (!isHelperWanted) {
    letGo();
    return undefined;
  }
  return afterHelper(resource, 'local-io-error', letGo);
}

function finishAfterState(resource: Resource, os: State, ns: State): void {
  if (os.disk !== DISK.diskless && ns.disk === DISK.diskless && resource.state.disk === DISK.diskless) {
    if (ns.conn >= CONN.connected) sendState(resource, ns);
    releaseDisk(resource);
  }
  startHeld(resource);
}

/** Forgets the local disk. Its metadata stays as it was written last. */
export function releaseDisk(resource: Resource): void {
  resource.releaseDisk?.();
  resource.releaseDisk = null;
  resource.disk = null;
  resource.metadata = null;
  resource.diskConfig = null;
  resource.outOfSync.clear();
  resource.negotiating = null;
}
