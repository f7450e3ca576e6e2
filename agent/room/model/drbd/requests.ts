/**
 * When is a guest's write acknowledged? Requests of the device: local disk, peer, or both; held while frozen.
 *
 *     submitted --may start--> in the log --local done and peer done--> acknowledged (or failed)
 *     submitted --frozen--> held --thawed--> in the log
 *     in the log --connection lost while frozen--> waits: resent when the same peer is back, or completed locally
 *     when the peer is fenced
 *
 * Protocol C: acknowledged means durable here and there, or durable on the one side that still has a say.
 */
import { DiskError } from '../disk.ts';
import { hasLocalDisk, saveMetadata, setFact, setWish } from './engine.ts';
import { EXTENT_BLOCKS } from './metadata.ts';
import type { Request, Resource } from './resource.ts';
import { CONN, DISK, ROLE, SS, isSuspended } from './states.ts';

/** KiB of one block. */
const BLOCK_KIB = 4;
/** Activity log extents that fit (al-extents of SAFETY.md 2.2; DRBD's default is 1237, too). */
const DEFAULT_AL_EXTENTS = 1237;

/** Whether writes are mirrored to the peer now (drbd_should_do_remote). */
function mirrorsWrites(resource: Resource): boolean {
  const { conn, pdsk } = resource.state;
  if (conn < CONN.connected) return false;
  return pdsk === DISK.upToDate || (pdsk >= DISK.inconsistent && conn >= CONN.wfBitMapT);
}

/** Application I/O waits while bitmaps are exchanged, and while a disk comes or goes. */
function mayStart(resource: Resource): boolean {
  const { conn, disk } = resource.state;
  if (resource.isIoHeld || disk === DISK.attaching || disk === DISK.negotiating) return false;
  return !isSuspended(resource.state) && !(conn > CONN.connected && conn < CONN.syncSource);
}

export function submitWrite(resource: Resource, block: number | null, content: string | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (resource.state.role !== ROLE.primary) {
      reject(new DiskError(`write to ${resource.name} on ${resource.node}: it is Secondary (read-only)`));
      return;
    }
    hold(resource, { start: () => {
      startWrite(resource, { id: takeId(resource), block, content, local: 'none', net: 'none', resolve, reject });
    }, reject });
  });
}

export function submitRead(resource: Resource, block: number | null): Promise<string | null> {
  return new Promise((resolve, reject) => {
    if (resource.state.role !== ROLE.primary) {
      reject(new DiskError(`read from ${resource.name} on ${resource.node}: it is Secondary`));
      return;
    }
    hold(resource, { start: () => {
      startRead(resource, block, resolve, reject);
    }, reject });
  });
}

function takeId(resource: Resource): number {
  const id = resource.nextRequestId;
  resource.nextRequestId += 1;
  return id;
}

function hold(resource: Resource, request: { readonly start: () => void; readonly reject: (error: Error) => void }): void {
  resource.held.push(request);
  startHeld(resource);
}

/** Starts what waited, as far as it may start now. */
export function startHeld(resource: Resource): void {
  while (resource.isAlive && mayStart(resource)) {
    const next = resource.held.shift();
    if (next === undefined) return;
    next.start();
  }
}

function startWrite(resource: Resource, request: Request): void {
  const isLocal = hasLocalDisk(resource);
  const isRemote = mirrorsWrites(resource);
  if (!isLocal && !isRemote) {
    request.reject(new DiskError(`write to ${resource.name} on ${resource.node}: neither a local nor a remote disk`));
    return;
  }
  request.local = isLocal ? 'pending' : 'none';
  request.net = isRemote ? 'pending' : 'none';
  resource.log.push(request);
  // On its way to the peer before the local disk answers: a local error does not hold back a write in flight (DRBD.md B10).
  if (isRemote) sendWrite(resource, request);
  if (isLocal) writeLocally(resource, request);
}

function writeLocally(resource: Resource, request: Request): void {
  try {
    touchActivityLog(resource, request.block);
    putContent(resource, request.block, request.content);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    request.local = 'failed';
    noteIoError(resource, true);
    settle(resource, request);
    return;
  }
  resource.counters.writtenKiB += BLOCK_KIB;
  resource.afterDiskAccess(() => {
    try {
      resource.disk?.flush();
      request.local = resource.disk === null ? 'failed' : 'ok';
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      request.local = 'failed';
      noteIoError(resource, true);
    }
    settle(resource, request);
    // Also for one that still waits for the peer: the local disk is quiet.
    resource.wakeStateWaiters();
  });
}

/** Writes one block (or, for null, an image) to the local disk's cache. Throws DiskError. */
export function putContent(resource: Resource, block: number | null, content: string | null): void {
  const { disk } = resource;
  if (disk === null) throw new DiskError(`write to ${resource.name} on ${resource.node}: no disk`);
  if (block === null) {
    if (content === null) disk.clear();
    else disk.writeImage(content);
  } else {
    if (block >= resource.blockCount) throw new DiskError(`write block ${block} of ${resource.name}: beyond the end of the device`);
    disk.write(block, content);
  }
}

/** Records, durably and before the write, that the block's extent may differ from the peer's. Throws DiskError. */
export function touchActivityLog(resource: Resource, block: number | null): void {
  const { metadata } = resource;
  if (metadata === null) return;
  const log = metadata.activityLog;
  const limit = Number(resource.diskConfig?.options.get('al-extents') ?? DEFAULT_AL_EXTENTS);
  if (block === null) {
    // An image touches every extent: until it is acknowledged, a crash means a full resync.
    metadata.flags.fullSync = true;
    saveMetadata(resource);
    return;
  }
  const extent = Math.floor(block / EXTENT_BLOCKS);
  if (log.includes(extent)) return;
  if (log.length >= limit) log.shift();
  log.push(extent);
  resource.counters.activityLogWrites += 1;
  saveMetadata(resource);
}

function sendWrite(resource: Resource, request: Request): void {
  const { wire } = resource;
  // Sending is the worker's job: a helper that blocks the worker stalls new writes (DRBD.md B10).
  resource.worker.push(() => {
    if (request.net !== 'pending' || resource.wire !== wire || wire === null) return;
    resource.counters.sentKiB += BLOCK_KIB;
    wire.send(resource, { kind: 'write', id: request.id, block: request.block, content: request.content });
    armKoTimer(resource);
  });
}

/** ko-count: a peer that answers pings but not writes is given up after `timeout` times `ko-count`. */
function armKoTimer(resource: Resource): void {
  const koCount = Number(resource.netOption('ko-count', '7'));
  if (resource.koTimer !== null || koCount === 0) return;
  const timeoutMs = Number(resource.netOption('timeout', '60')) * 100 * koCount;
  resource.koTimer = resource.after(timeoutMs, () => {
    resource.koTimer = null;
    if (resource.state.conn < CONN.connected || !resource.log.some((request) => request.net === 'pending')) return;
    resource.say(`Remote failed to finish a request within ${timeoutMs}ms > ko-count`);
    setFact(resource, { conn: CONN.timeout });
  });
}

function disarmKoTimer(resource: Resource): void {
  resource.koTimer?.cancel();
  resource.koTimer = null;
  if (resource.log.some((request) => request.net === 'pending')) armKoTimer(resource);
}

/** The peer answered a mirrored write. */
export function onWriteAck(resource: Resource, id: number, isOk: boolean, inSync: boolean): void {
  const request = resource.log.find((candidate) => candidate.id === id);
  if (request === undefined || request.net !== 'pending') return;
  request.net = isOk ? 'ok' : 'failed';
  if (isOk && inSync && request.block !== null) resource.outOfSync.remove(request.block);
  settle(resource, request);
  disarmKoTimer(resource);
}

/** Acknowledges a request whose last half is done. */
function settle(resource: Resource, request: Request): void {
  if (request.local === 'pending' || request.net === 'pending') return;
  const at = resource.log.indexOf(request);
  if (at < 0) return;
  resource.log.splice(at, 1);
  if (request.local === 'ok' && request.net !== 'ok') markOutOfSync(resource, request.block);
  if (request.block === null && resource.metadata !== null) {
    resource.metadata.flags.fullSync = resource.log.some((other) => other.block === null);
    saveMetadata(resource);
  }
  if (request.local === 'ok' || request.net === 'ok') request.resolve();
  else request.reject(new DiskError(`write to ${resource.name} on ${resource.node}`));
  resource.wakeStateWaiters();
}

export function markOutOfSync(resource: Resource, block: number | null): void {
  if (block === null) markAllOutOfSync(resource);
  else resource.outOfSync.add(block);
}

export function markAllOutOfSync(resource: Resource): void {
  resource.outOfSync.clear();
  resource.outOfSync.add(0, resource.blockCount);
}

/** The connection is lost for good (tl_clear): what waits for the peer is completed with what there is. */
export function completeLost(resource: Resource): void {
  for (const request of resource.log.slice()) {
    if (request.net !== 'pending') continue;
    request.net = 'failed';
    settle(resource, request);
  }
  disarmKoTimer(resource);
}

/** The same peer is back (tl_restart RESEND): what was not acknowledged is sent again, if it takes writes. */
export function resendAll(resource: Resource): void {
  const isRemote = mirrorsWrites(resource);
  for (const request of resource.log.slice()) {
    if (request.net !== 'pending') continue;
    if (isRemote) sendWrite(resource, request);
    else {
      request.net = 'failed';
      settle(resource, request);
    }
  }
}

/** A disk came back under frozen I/O (RESTART_FROZEN_DISK_IO): requests that never reached one go there. */
export function restartOnLocalDisk(resource: Resource): void {
  for (const request of resource.log.slice()) {
    if (request.local === 'ok' || request.local === 'pending' || !hasLocalDisk(resource)) continue;
    request.local = 'pending';
    writeLocally(resource, request);
  }
}

function startRead(resource: Resource, block: number | null, resolve: (content: string | null) => void, reject: (error: Error) => void): void {
  const isRemotePossible = resource.state.conn >= CONN.connected && resource.state.pdsk === DISK.upToDate;
  const isLocalGood = hasLocalDisk(resource) && (resource.state.disk === DISK.upToDate || !isRemotePossible);
  if (!isLocalGood && !isRemotePossible) {
    reject(new DiskError(`read from ${resource.name} on ${resource.node}: neither a local nor a remote disk`));
  } else if (isLocalGood) {
    readLocally(resource, block, resolve, reject);
  } else {
    readAtPeer(resource, block, resolve, reject);
  }
}

function readLocally(resource: Resource, block: number | null, resolve: (content: string | null) => void, reject: (error: Error) => void): void {
  resource.afterDiskAccess(() => {
    try {
      resolve(getContent(resource, block));
      resource.counters.readKiB += BLOCK_KIB;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      noteIoError(resource, false);
      if (resource.state.conn >= CONN.connected && resource.state.pdsk === DISK.upToDate) readAtPeer(resource, block, resolve, reject);
      else reject(error);
    }
  });
}

/** Reads one block (or, for null, which image the disk holds). Throws DiskError. */
export function getContent(resource: Resource, block: number | null): string | null {
  const { disk } = resource;
  if (disk === null) throw new DiskError(`read from ${resource.name} on ${resource.node}: no disk`);
  if (block === null) {
    disk.read(0);
    return disk.image();
  }
  if (block >= resource.blockCount) throw new DiskError(`read block ${block} of ${resource.name}: beyond the end of the device`);
  return disk.read(block);
}

function readAtPeer(resource: Resource, block: number | null, resolve: (content: string | null) => void, reject: (error: Error) => void): void {
  const { wire } = resource;
  if (wire === null) {
    reject(new DiskError(`read from ${resource.name} on ${resource.node}: the peer is gone`));
    return;
  }
  const id = takeId(resource);
  resource.peerReads.set(id, { block, resolve, reject });
  wire.send(resource, { kind: 'read', id, block });
}

/** Reads that the lost peer owes start again: from the local disk, or frozen, or failing, as things stand then. */
export function retryPeerReads(resource: Resource): void {
  const owed = [...resource.peerReads.values()];
  resource.peerReads.clear();
  for (const { block, resolve, reject } of owed) {
    hold(resource, { start: () => {
      startRead(resource, block, resolve, reject);
    }, reject });
  }
}

/**
 * The local disk failed an access (__drbd_chk_io_error): `pass_on` makes it Inconsistent and lives on, the other
 * policies give the disk up at once.
 */
export function noteIoError(resource: Resource, isWrite: boolean): void {
  const policy = resource.diskConfig?.options.get('on-io-error') ?? 'detach';
  resource.say(`Local IO failed in ${isWrite ? 'drbd_endio_write_sec_final' : 'drbd_request_endio'}.`);
  if (policy === 'pass_on') {
    if (isWrite && resource.state.disk > DISK.inconsistent) setWish(resource, { disk: DISK.inconsistent });
    return;
  }
  if (resource.state.disk <= DISK.failed) return;
  resource.wasIoError = true;
  if (setFact(resource, { disk: DISK.failed }) >= SS.success) resource.say('Local IO failed. Detaching...');
}
