/**
 * How does a stale replica become a good one again? Resync by bitmap, and online verify.
 *
 *     source: WFBitMapS --both bitmaps merged--> SyncSource --all acknowledged--> Connected
 *     target: WFBitMapT --bitmap sent--> WFSyncUUID --sync UUID, before-resync-target--> SyncTarget --all written--> Connected
 *
 * The source moves one chunk at a time and waits for its acknowledgement, so a cut link stops it by itself.
 * UUIDs change as drbd_resync_finished and drbd_gen_and_send_sync_uuid do it.
 */
import { BLOCK_BYTES, DiskError } from '../disk.ts';
import type { BlockDevice } from '../disk.ts';
import { saveMetadata, setFact, setWish } from './engine.ts';
import { callHelper } from './fence.ts';
import { BlockSet } from './ranges.ts';
import type { Range } from './ranges.ts';
import { noteIoError } from './requests.ts';
import type { Resource } from './resource.ts';
import { CONN, DISK } from './states.ts';
import { acceptSyncUuid, clearBitmapUuid, finishedTargetUuids, setUuids, startSyncUuid } from './uuids.ts';
import type { Message } from './wire.ts';

/** Bytes per second, capped by the configuration's c-max-rate and (with c-plan-ahead 0) resync-rate. */
function bytesPerSecond(resource: Resource): number {
  const options = resource.diskConfig?.options;
  const rates = [resource.context.timings.resyncBytesPerSecond];
  const cap = options?.get('c-max-rate');
  if (cap !== undefined) rates.push(rateBytes(cap));
  const fixed = options?.get('resync-rate');
  if (fixed !== undefined && options?.get('c-plan-ahead') === '0') rates.push(rateBytes(fixed));
  return Math.max(BLOCK_BYTES, Math.min(...rates));
}

/** A rate of drbd.conf in bytes: plain numbers are KiB per second. */
function rateBytes(text: string): number {
  const match = /^(\d+)([kKmMgGs]?)$/.exec(text);
  if (match === null) return Number.POSITIVE_INFINITY;
  const factor: Readonly<Record<string, number>> = { '': 1024, k: 1024, m: 1024 ** 2, g: 1024 ** 3, s: 512 };
  return Number(match[1]) * (factor[(match[2] ?? '').toLowerCase()] ?? 1024);
}

/** The peer's bitmap came: both know now which blocks either side touched alone. */
export function onBitmap(resource: Resource, ranges: readonly Range[]): void | Promise<void> {
  for (const [first, end] of ranges) resource.outOfSync.add(first, Math.min(end, resource.blockCount));
  if (resource.state.conn === CONN.wfBitMapT) {
    resource.wire?.send(resource, { kind: 'bitmap', ranges: resource.outOfSync.ranges() });
    setWish(resource, { conn: CONN.wfSyncUuid });
    return undefined;
  }
  return resource.state.conn === CONN.wfBitMapS ? becomeSource(resource) : undefined;
}

/** `invalidate` skips the exchange of bitmaps: everything is out of sync on both sides. */
export function requestSync(resource: Resource): void {
  if (resource.state.conn === CONN.startingSyncT) setWish(resource, { conn: CONN.wfSyncUuid });
  else if (resource.state.conn === CONN.startingSyncS) resource.receiver.push(() => becomeSource(resource));
}

async function becomeSource(resource: Resource): Promise<void> {
  const { wire } = resource;
  const status = await callHelper(resource, 'before-resync-source', true);
  if (!resource.isAlive || resource.wire !== wire || resource.state.conn < CONN.connected) return;
  if (status > 0 && status !== 3) {
    resource.say(`before-resync-source handler returned ${status}, dropping connection.`);
    setFact(resource, { conn: CONN.disconnecting });
    return;
  }
  setWish(resource, { conn: CONN.syncSource, pdsk: DISK.inconsistent });
}

export async function onSyncUuid(resource: Resource, uuid: bigint): Promise<void> {
  const { wire } = resource;
  if (resource.state.conn !== CONN.wfSyncUuid && resource.state.conn !== CONN.wfBitMapT) return;
  acceptSyncUuid(resource, uuid);
  const status = await callHelper(resource, 'before-resync-target', true);
  if (!resource.isAlive || resource.wire !== wire || resource.state.conn < CONN.connected) return;
  if (status > 0) {
    resource.say(`before-resync-target handler returned ${status}, dropping connection.`);
    setFact(resource, { conn: CONN.disconnecting });
    return;
  }
  setWish(resource, { conn: CONN.syncTarget, disk: DISK.inconsistent });
}

/** A resync or verify state was entered (from none). */
export function startResync(resource: Resource): void {
  const { conn } = resource.state;
  resource.resyncTotal = resource.outOfSync.count;
  if (conn === CONN.verifyS || conn === CONN.verifyT) {
    resource.resyncTotal = resource.blockCount;
    resource.verifyLeft = resource.blockCount;
  }
  if (conn === CONN.syncSource || conn === CONN.pausedSyncS) {
    resource.wire?.send(resource, { kind: 'syncUuid', uuid: startSyncUuid(resource) });
    resource.say(`Began resync as SyncSource (will sync ${resource.outOfSync.count * 4} KB [${resource.outOfSync.count} bits set]).`);
  }
  pump(resource, true);
}

/** A paused resync goes on. */
export function continueResync(resource: Resource): void {
  pump(resource, false);
}

export function stopResync(resource: Resource): void {
  resource.resyncTimer?.cancel();
  resource.resyncTimer = null;
}

/** Sends the next chunk after the time that it takes. `isFirst`: even an empty resync says that it is done. */
function pump(resource: Resource, isFirst: boolean): void {
  if (resource.resyncTimer !== null) return;
  if (resource.state.conn === CONN.verifyS) pumpVerify(resource);
  if (resource.state.conn !== CONN.syncSource) return;
  const rate = bytesPerSecond(resource);
  const blocksPerStep = Math.max(1, Math.floor((rate * resource.context.timings.resyncStepMs) / 1000 / BLOCK_BYTES));
  const ranges = resource.outOfSync.take(blocksPerStep);
  const blocks = ranges.reduce((sum, [first, end]) => sum + (end - first), 0);
  if (blocks === 0 && !isFirst) return;
  resource.resyncTimer = resource.after((blocks * BLOCK_BYTES * 1000) / rate, () => {
    resource.resyncTimer = null;
    if (resource.state.conn === CONN.syncSource) sendChunk(resource, ranges, blocks);
  });
}

function sendChunk(resource: Resource, ranges: readonly Range[], blockCount: number): void {
  const { disk, wire } = resource;
  if (disk === null || wire === null) return;
  try {
    const blocks: (readonly [number, string | null])[] = [];
    for (const block of disk.writtenBlocks()) {
      if (ranges.some(([first, end]) => block >= first && block < end)) blocks.push([block, disk.read(block)]);
    }
    resource.counters.readKiB += blockCount * 4;
    resource.counters.sentKiB += blockCount * 4;
    wire.send(resource, { kind: 'resync', ranges, image: disk.image(), blocks });
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    noteIoError(resource, false);
  }
}

/** The target writes a chunk and acknowledges it when it is durable. */
export function onChunk(resource: Resource, message: Message & { readonly kind: 'resync' }): void {
  const { wire } = resource;
  const refuse = (): void => {
    wire?.send(resource, { kind: 'resyncAck', ranges: message.ranges, isOk: false });
  };
  if (resource.disk === null || resource.state.disk < DISK.inconsistent) {
    refuse();
    return;
  }
  try {
    writeChunk(resource, message);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    noteIoError(resource, true);
    refuse();
    return;
  }
  resource.afterDiskAccess(() => {
    if (resource.disk === null || resource.disk.failed || resource.wire !== wire) return;
    resource.disk.flush();
    for (const [first, end] of message.ranges) resource.outOfSync.remove(first, end);
    wire?.send(resource, { kind: 'resyncAck', ranges: message.ranges, isOk: true });
    if (resource.outOfSync.count === 0) finishAsTarget(resource);
  });
}

function writeChunk(resource: Resource, message: Message & { readonly kind: 'resync' }): void {
  const { disk } = resource;
  if (disk === null) return;
  // A primary may be the target: its own writes in flight are newer than what the source read before they reached it.
  const own = new Set(resource.log.map((request) => request.block));
  if (!own.has(null)) {
    if (message.image !== disk.image()) adoptImage(disk, message.image);
    const sent = new Map(message.blocks);
    for (const block of disk.writtenBlocks()) {
      if (!sent.has(block) && !own.has(block) && message.ranges.some(([first, end]) => block >= first && block < end)) disk.write(block, null);
    }
    for (const [block, content] of sent) if (!own.has(block)) disk.write(block, content);
  }
  const kib = message.ranges.reduce((sum, [first, end]) => sum + (end - first) * 4, 0);
  resource.counters.writtenKiB += kib;
  resource.counters.receivedKiB += kib;
}

/** The whole content is an image here only as a label: blocks that are in sync already stay as they are. */
function adoptImage(disk: BlockDevice, digest: string | null): void {
  const kept = disk.writtenBlocks().map((block) => [block, disk.read(block)] as const);
  if (digest === null) disk.clear();
  else disk.writeImage(digest);
  for (const [block, content] of kept) disk.write(block, content);
}

export function onChunkAck(resource: Resource, ranges: readonly Range[], isOk: boolean): void {
  if (resource.state.conn !== CONN.syncSource && resource.state.conn !== CONN.pausedSyncS) return;
  if (!isOk) return;
  for (const [first, end] of ranges) resource.outOfSync.remove(first, end);
  if (resource.outOfSync.count === 0) finishAsSource(resource);
  else pump(resource, false);
}

function finishAsSource(resource: Resource): void {
  resource.worker.push(() => {
    const { conn } = resource.state;
    if (conn !== CONN.syncSource && conn !== CONN.pausedSyncS) return undefined;
    const { metadata } = resource;
    if (metadata !== null) setUuids(resource, clearBitmapUuid(metadata.uuids));
    if (metadata !== null && resource.peerFacts !== null) resource.peerFacts = { ...resource.peerFacts, uuids: metadata.uuids };
    resource.say('Resync done');
    setWish(resource, { conn: CONN.connected, disk: DISK.upToDate, pdsk: DISK.upToDate });
    return resource.fencing === 'dont-care' ? undefined : callHelper(resource, 'unfence-peer', false).then(() => undefined);
  });
}

function finishAsTarget(resource: Resource): void {
  resource.worker.push(() => {
    const { conn } = resource.state;
    if (conn !== CONN.syncTarget && conn !== CONN.pausedSyncT) return undefined;
    const { metadata, peerFacts } = resource;
    if (metadata !== null && peerFacts !== null) {
      setUuids(resource, finishedTargetUuids(metadata.uuids, peerFacts.uuids));
      resource.peerFacts = { ...peerFacts, uuids: metadata.uuids };
    }
    resource.say('Resync done');
    setWish(resource, { conn: CONN.connected, disk: DISK.upToDate, pdsk: DISK.upToDate });
    return callHelper(resource, 'after-resync-target', true).then(() => undefined);
  });
}

function pumpVerify(resource: Resource): void {
  const rate = bytesPerSecond(resource);
  const step = Math.max(1, Math.floor((rate * resource.context.timings.resyncStepMs) / 1000 / BLOCK_BYTES));
  const blocks = Math.min(step, resource.verifyLeft);
  resource.resyncTimer = resource.after((blocks * BLOCK_BYTES * 1000) / rate, () => {
    resource.resyncTimer = null;
    if (resource.state.conn !== CONN.verifyS || resource.disk === null) return;
    resource.verifyLeft -= blocks;
    if (resource.verifyLeft > 0) pumpVerify(resource);
    else sendVerify(resource);
  });
}

function sendVerify(resource: Resource): void {
  const { disk } = resource;
  if (disk === null) return;
  try {
    const blocks = disk.writtenBlocks().map((block) => [block, disk.read(block)] as const);
    resource.wire?.send(resource, { kind: 'verify', image: disk.image(), blocks });
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    noteIoError(resource, false);
  }
}

/** The verify target compares (in DRBD: by digests) and both sides mark what differs. */
export function onVerify(resource: Resource, image: string | null, blocks: readonly (readonly [number, string | null])[]): void {
  const { disk } = resource;
  if (disk === null || resource.state.conn !== CONN.verifyT) return;
  const different = new BlockSet();
  try {
    if (disk.image() !== image) different.add(0, resource.blockCount);
    const theirs = new Map(blocks);
    for (const block of new Set([...theirs.keys(), ...disk.writtenBlocks()])) {
      if ((theirs.get(block) ?? null) !== disk.read(block)) different.add(block);
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    noteIoError(resource, false);
    return;
  }
  resource.wire?.send(resource, { kind: 'verified', outOfSync: different.ranges() });
  void finishVerify(resource, different.ranges());
}

/** Ends a verify; differences stay marked until a resync, and only the out-of-sync helper is told. */
export async function finishVerify(resource: Resource, ranges: readonly Range[]): Promise<void> {
  if (resource.state.conn !== CONN.verifyS && resource.state.conn !== CONN.verifyT) return;
  for (const [first, end] of ranges) resource.outOfSync.add(first, end);
  saveMetadata(resource);
  resource.verifyLeft = 0;
  const found = resource.outOfSync.count;
  resource.say(found === 0 ? 'Online verify done' : `Online verify found ${found} 4k block out of sync!`);
  setWish(resource, { conn: CONN.connected, disk: DISK.upToDate, pdsk: DISK.upToDate });
  if (found > 0) await callHelper(resource, 'out-of-sync', true);
}
