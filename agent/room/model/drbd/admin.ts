/**
 * What may an administrator order the kernel to do? The netlink commands of DRBD 8.4 behind drbdsetup.
 *
 * Each answers with a code as the kernel does: above 0 and below 100 done, 101 done without further information,
 * negative a refused state change, above 101 a failure (drbd_nl.c). Source of the sequences: drbd_adm_* there.
 */
import { sendState, sendUuids, releaseDisk } from './after-state.ts';
import { beginConnecting, finishDisconnect } from './connect.ts';
import { hasLocalDisk, requestState, saveMetadata, setFact, setWish } from './engine.ts';
import { outdatePeer } from './fence.ts';
import { activityLogBlocks, loadMetadata, usableBlocks } from './metadata.ts';
import { completeLost, markAllOutOfSync, noteIoError, resendAll, startHeld } from './requests.ts';
import type { DiskConfig, Resource } from './resource.ts';
import { CONN, DISK, ROLE, SS, isSuspended } from './states.ts';
import type { Role, State, StateRv } from './states.ts';
import type { Change } from './state-rules.ts';
import { JUST_CREATED } from './uuid-compare.ts';
import { markRole, newCurrentUuid, setUuids } from './uuids.ts';
import type { BlockDevice } from '../disk.ts';
import { DiskError } from '../disk.ts';

/** Failure codes of the kernel (enum drbd_ret_code) that the model can give. */
export const ERR = {
  none: 101, openDisk: 104, diskTooSmall: 111, claimed: 114, invalidMetadata: 119, discardImpossible: 123, diskConfigured: 124, netConfigured: 125,
  minorInvalid: 127, pauseIsSet: 133, pauseIsClear: 134, noDisk: 138, dataNotCurrent: 150, connected: 151, resourceUnknown: 158, minorExists: 161,
  invalidRequest: 162, needTwoPrimaries: 164,
} as const;

export interface Answer {
  readonly code: number;
  /** `additional info from kernel`. */
  readonly info: readonly string[];
}

export const answer = (code: number, ...info: readonly string[]): Answer => ({ code, info });
const MAX_TRIES = 4;

export async function setRole(resource: Resource, role: Role, isForced: boolean): Promise<Answer> {
  if (role === ROLE.primary) resource.wire?.ping(resource);
  while (resource.isRoleChanging) await resource.stateChanged();
  resource.isRoleChanging = true;
  try {
    return answer(await changeRole(resource, role, isForced));
  } finally {
    resource.isRoleChanging = false;
    resource.wakeStateWaiters();
  }
}

async function changeRole(resource: Resource, role: Role, isForced: boolean): Promise<StateRv> {
  let change: Change = { role };
  let rv: StateRv = SS.unknownError;
  let forcedDisk = false;
  let isDecided = false;
  for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
    rv = await requestState(resource, change, false, false);
    const { state } = resource;
    if (rv === SS.cwFailedByPeer && change.pdsk !== undefined) {
      const { pdsk: _dropped, ...rest } = change;
      change = rest;
    } else if (rv === SS.noUpToDateDisk && isForced && state.disk < DISK.upToDate && state.disk >= DISK.inconsistent) {
      change = { ...change, disk: DISK.upToDate };
      forcedDisk = true;
    } else if (rv === SS.noUpToDateDisk && state.disk === DISK.consistent && change.pdsk === undefined) {
      if (await outdatePeer(resource)) change = { ...change, disk: DISK.upToDate };
    } else if (rv === SS.primaryNop && change.pdsk === undefined) {
      const isOutdated = await outdatePeer(resource);
      if (!isOutdated && isForced) {
        resource.say('Forced into split brain situation!');
        change = { ...change, pdsk: DISK.outdated };
      }
    } else if (rv === SS.twoPrimaries && attempt < MAX_TRIES) {
      attempt = MAX_TRIES - 1;
      await pause(resource, (Number(resource.netOption('ping-timeout', '5')) + 1) * 100);
    } else {
      isDecided = true;
      break;
    }
  }
  if (rv === SS.nothingToDo) return rv;
  // A helper that failed every time (or succeeded too late) leaves the last refusal standing.
  if (!isDecided) return rv;
  if (rv < SS.success) {
    rv = await requestState(resource, change);
    if (rv < SS.success) return rv;
  }
  if (forcedDisk) resource.say('Forced to consider local data as UpToDate!');
  while (resource.log.length > 0) await resource.stateChanged();
  finishRoleChange(resource, role, forcedDisk);
  return rv;
}

function pause(resource: Resource, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    resource.after(delayMs, resolve);
  });
}

function finishRoleChange(resource: Resource, role: Role, isForced: boolean): void {
  if (role === ROLE.primary && hasLocalDisk(resource)) {
    const isAlone = resource.state.conn < CONN.connected || resource.state.pdsk <= DISK.failed;
    if ((isAlone && resource.metadata?.uuids[1] === 0n) || isForced) newCurrentUuid(resource);
  }
  if (role === ROLE.secondary && resource.metadata !== null) {
    // The bitmap is written out (after_state_ch, "demote"). The activity log stays as it is: drbd_al_shrink is called for an attach, a resize and a
    // change of disk options only. So a replica that was primary once marks blocks when it attaches after a crash.
    saveMetadata(resource);
  }
  markRole(resource);
  if (resource.state.conn >= CONN.wfReportParams) {
    if (isForced) sendUuids(resource);
    sendState(resource);
  }
}

/** Attaches a disk: what its metadata says becomes the device's state (drbd_adm_attach). */
export function attach(resource: Resource, device: BlockDevice | null, config: DiskConfig): Answer {
  if (resource.state.disk !== DISK.diskless || resource.disk !== null) return answer(ERR.diskConfigured);
  if (device === null) return answer(ERR.openDisk);
  const blockCount = usableBlocks(device.sizeBytes);
  if (blockCount === 0) return answer(ERR.diskTooSmall);
  let metadata;
  try {
    metadata = loadMetadata(device.metadata());
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    return answer(118);
  }
  if (metadata === null) return answer(ERR.invalidMetadata);
  setFact(resource, { disk: DISK.attaching });
  const { state } = resource;
  const isExposed = state.role === ROLE.primary || state.peer === ROLE.primary;
  if (state.pdsk !== DISK.upToDate && resource.exposedUuid !== 0n && isExposed && (resource.exposedUuid & ~1n) !== (metadata.uuids[0] & ~1n)) {
    resource.say('Can only attach to data with the exposed current UUID');
    setFact(resource, { disk: DISK.diskless });
    return answer(ERR.dataNotCurrent);
  }
  const { flags } = metadata;
  resource.disk = device;
  resource.diskConfig = config;
  resource.blockCount = blockCount;
  resource.releaseDisk = device.onChange((change) => {
    if (change.kind === 'fault' && change.fault === null) resource.wakeDiskWaiters();
  });
  resource.isCrashedPrimary = flags.crashedPrimary || (flags.primaryIndicator && !(state.role === ROLE.primary && state.suspNod));
  resource.outOfSync = metadata.bitmap.clone();
  if (!flags.activityLogClean) resource.outOfSync.addAll(activityLogBlocks(metadata, blockCount));
  if (flags.fullSync || metadata.agreedBlocks < blockCount) {
    resource.outOfSync.clear();
    resource.outOfSync.add(metadata.agreedBlocks === blockCount || flags.fullSync ? 0 : metadata.agreedBlocks, blockCount);
  }
  metadata.agreedBlocks = blockCount;
  metadata.activityLog = [];
  resource.metadata = metadata;
  const change = attachedState(resource, state, flags);
  if (state.conn === CONN.connected) {
    resource.negotiating = { disk: change.disk ?? state.disk, pdsk: change.pdsk ?? state.pdsk };
    resource.peerFacts = null;
    setWish(resource, { disk: DISK.negotiating });
  } else setWish(resource, change);
  markRole(resource);
  return answer(ERR.none);
}

function attachedState(resource: Resource, state: State, flags: { readonly consistent: boolean; readonly wasUpToDate: boolean; readonly peerOutdated: boolean }): Change {
  const pdsk = flags.peerOutdated ? DISK.outdated : state.pdsk;
  if (!flags.consistent) return { disk: DISK.inconsistent, pdsk };
  if (!flags.wasUpToDate) return { disk: DISK.outdated, pdsk };
  const isSure = pdsk === DISK.outdated || (resource.diskConfig?.options.get('fencing') ?? 'dont-care') === 'dont-care';
  return { disk: isSure ? DISK.upToDate : DISK.consistent, pdsk };
}

export async function detach(resource: Resource, isForced: boolean): Promise<Answer> {
  if (isForced) {
    resource.isForceDetach = true;
    setFact(resource, { disk: DISK.failed });
    return answer(SS.success);
  }
  resource.isIoHeld = true;
  try {
    while (resource.log.length > 0 && !isSuspended(resource.state)) await resource.stateChanged();
    return await detachIdle(resource);
  } finally {
    resource.isIoHeld = false;
    startHeld(resource);
  }
}

async function detachIdle(resource: Resource): Promise<Answer> {
  const rv = await requestState(resource, { disk: DISK.failed });
  if (rv === SS.isDiskless) return answer(SS.nothingToDo);
  while (rv >= SS.success && resource.state.disk === DISK.failed) await resource.stateChanged();
  return answer(rv);
}

export function connect(resource: Resource, net: NonNullable<Resource['net']>): Answer {
  if (resource.net !== null || resource.state.conn !== CONN.standAlone) return answer(ERR.netConfigured);
  if (net.discardMyData && resource.state.role === ROLE.primary) return answer(ERR.discardImpossible);
  resource.net = net;
  resource.counters.sentKiB = 0;
  resource.counters.receivedKiB = 0;
  resource.context.notify(resource, { kind: 'connectionCreated' });
  beginConnecting(resource);
  return answer(ERR.none);
}

/** Ends the connection. Gracefully, the peer has a say: a primary wants to see us outdated (conn_try_disconnect). */
export async function disconnect(resource: Resource, isForced: boolean): Promise<Answer> {
  if (resource.net === null) return answer(ERR.invalidRequest, 'unknown connection');
  const rv = isForced ? forceDisconnect(resource) : await askToDisconnect(resource);
  if (rv === SS.alreadyStandalone) return answer(SS.success);
  while (rv >= SS.success && resource.isAlive && (resource.state.conn !== CONN.standAlone || resource.net !== null)) await resource.stateChanged();
  return answer(rv);
}

function forceDisconnect(resource: Resource): StateRv {
  const { conn } = resource.state;
  const rv = setFact(resource, { conn: CONN.disconnecting });
  if (conn <= CONN.wfConnection && rv >= SS.success) {
    resource.wakeStateWaiters();
  }
  return rv;
}

async function askToDisconnect(resource: Resource): Promise<StateRv> {
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    let rv = await requestState(resource, { conn: CONN.disconnecting }, true, false);
    if (rv === SS.primaryNop) {
      rv = await requestState(resource, { conn: CONN.disconnecting, pdsk: DISK.outdated }, true, false);
      if (rv === SS.outdateWithoutConnection) rv = await requestState(resource, { conn: CONN.disconnecting }, true);
      return rv;
    }
    if (rv !== SS.cwFailedByPeer) return rv;
    if (resource.state.conn <= CONN.wfConnection) continue;
    rv = await requestState(resource, { conn: CONN.disconnecting, disk: DISK.outdated }, true, false);
    if (rv === SS.isDiskless || rv === SS.lowerThanOutdated) rv = setFact(resource, { conn: CONN.disconnecting });
    return rv;
  }
  return SS.cwFailedByPeer;
}

/** Demote, disconnect, detach: each may refuse (drbd_adm_down). */
export async function down(resource: Resource): Promise<Answer> {
  const demoted = await setRole(resource, ROLE.secondary, false);
  if (demoted.code < SS.success) return answer(demoted.code, 'failed to demote');
  if (resource.net !== null) {
    const left = await disconnect(resource, false);
    if (left.code < SS.success) return answer(left.code, 'failed to disconnect');
  }
  const detached = await detach(resource, false);
  if (detached.code < SS.success) return answer(detached.code, 'failed to detach');
  return answer(ERR.none);
}

/** A wish about the state: outdate, verify. */
export async function wish(resource: Resource, change: Change): Promise<Answer> {
  return answer(await requestState(resource, change));
}

export async function invalidate(resource: Resource): Promise<Answer> {
  if (!hasLocalDisk(resource)) return answer(ERR.noDisk);
  if (resource.state.conn !== CONN.standAlone || resource.state.role !== ROLE.secondary) {
    return answer(await requestState(resource, { conn: CONN.startingSyncT }));
  }
  const rv = await requestState(resource, { disk: DISK.inconsistent });
  if (rv >= SS.success) {
    markAllOutOfSync(resource);
    saveMetadata(resource);
  }
  return answer(rv);
}

export function pauseSync(resource: Resource, isPaused: boolean): Answer {
  if (resource.state.userIsp === isPaused) return answer(isPaused ? ERR.pauseIsSet : ERR.pauseIsClear);
  setWish(resource, { userIsp: isPaused });
  return answer(ERR.none);
}

export function suspendIo(resource: Resource): Answer {
  return answer(setWish(resource, { susp: true }));
}

/** `resume-io`: un-freezes without asking anybody (drbd_adm_resume_io). Here so that a test can prove what it breaks. */
export function resumeIo(resource: Resource): Answer {
  if (resource.needsNewCurrentUuid && hasLocalDisk(resource)) newCurrentUuid(resource);
  resource.needsNewCurrentUuid = false;
  const rv = setWish(resource, { susp: false, suspNod: false, suspFen: false });
  if (rv >= SS.success) {
    if (resource.state.conn < CONN.connected) completeLost(resource);
    else resendAll(resource);
    if (resource.disk?.failed === true) noteIoError(resource, false);
  }
  startHeld(resource);
  return answer(rv);
}

/** A new generation by hand; with a cleared bitmap the peer takes it without a resync (the trap of DRBD.md B15). */
export function newCurrentUuidByHand(resource: Resource, clearsBitmap: boolean): Answer {
  const { metadata } = resource;
  if (metadata === null) return answer(ERR.noDisk);
  const isTrap = resource.state.conn === CONN.connected && metadata.uuids[0] === JUST_CREATED && clearsBitmap;
  if (!isTrap && resource.state.conn !== CONN.standAlone) return answer(ERR.connected);
  setUuids(resource, [metadata.uuids[0], 0n, metadata.uuids[2], metadata.uuids[3]]);
  newCurrentUuid(resource);
  if (!clearsBitmap) return answer(ERR.none);
  resource.outOfSync.clear();
  const [current, , younger, older] = metadata.uuids;
  setUuids(resource, [current, 0n, younger, older]);
  if (isTrap) {
    resource.wire?.send(resource, {
      kind: 'uuids', blockCount: resource.blockCount,
      facts: { uuids: metadata.uuids, wasCrashedPrimary: false, isPrimary: false, discardMyData: false, isInconsistent: false, skipInitialSync: true },
    });
    setWish(resource, { disk: DISK.upToDate, pdsk: DISK.upToDate });
  }
  return answer(ERR.none);
}

/** The kernel's memory of the resource goes; its metadata says that it went in order. */
export function forget(resource: Resource): void {
  releaseDisk(resource);
  finishDisconnect(resource);
  resource.die();
}
