/**
 * What does a kernel do with what its peer sends? The receiver: handshake, states, mirrored I/O, answers.
 *
 * Source of the handshake: receive_uuids, receive_state and drbd_sync_handshake of drbd_receiver.c.
 */
import { DiskError } from '../disk.ts';
import { sendState, sendUuids } from './after-state.ts';
import { answerPeer, setFact, setWish } from './engine.ts';
import { callHelper } from './fence.ts';
import { completeLost, getContent, markAllOutOfSync, markOutOfSync, noteIoError, onWriteAck, putContent, touchActivityLog } from './requests.ts';
import type { Resource } from './resource.ts';
import { finishVerify, onBitmap, onChunk, onChunkAck, onSyncUuid, onVerify } from './resync.ts';
import { CONN, DISK, ROLE, SS, isSuspended } from './states.ts';
import type { Disk, State } from './states.ts';
import { compareUuids } from './uuid-compare.ts';
import { newCurrentUuid, ownFacts, setUuids } from './uuids.ts';
import type { Message, Wire } from './wire.ts';

type Outcome = State['conn'] | 'stalePrimary' | null;

/** A message arrived. Data and acknowledgements come in order; a helper may block the receiver, not the acks. */
export function receive(resource: Resource, message: Message, wire: Wire): void {
  if (resource.wire !== wire) return;
  if (isAcknowledgement(message)) {
    // These are handled at once: nothing of an acknowledgement waits.
    void process(resource, message);
    return;
  }
  resource.receiver.push(() => (resource.wire === wire ? process(resource, message) : undefined));
}

/** DRBD's second socket: acknowledgements and answers do not wait behind data. */
function isAcknowledgement(message: Message): boolean {
  return message.kind === 'writeAck' || message.kind === 'resyncAck' || message.kind === 'answer';
}

function process(resource: Resource, message: Message): void | Promise<void> {
  switch (message.kind) {
    case 'uuids': return receiveUuids(resource, message);
    case 'state': return receiveState(resource, message.state);
    case 'ask': {
      const isAgreed = answerPeer(resource, message.change, message.isConnection);
      resource.wire?.send(resource, { kind: 'answer', id: message.id, isAgreed });
      return undefined;
    }
    case 'answer': {
      resource.questions.get(message.id)?.(message.isAgreed ? 'agreed' : 'refused');
      resource.questions.delete(message.id);
      resource.after(0, () => {
        resource.wakeStateWaiters();
      });
      return undefined;
    }
    case 'bitmap': return onBitmap(resource, message.ranges);
    case 'syncUuid': return onSyncUuid(resource, message.uuid);
    case 'write': return receiveWrite(resource, message);
    case 'writeAck': return onWriteAck(resource, message.id, message.isOk, message.inSync);
    case 'read': return receiveRead(resource, message.id, message.block);
    case 'readReply': return receiveReadReply(resource, message);
    case 'resync': return onChunk(resource, message);
    case 'resyncAck': return onChunkAck(resource, message.ranges, message.isOk);
    case 'verify': return onVerify(resource, message.image, message.blocks);
    case 'verified': return finishVerify(resource, message.outOfSync);
    case 'closed': {
      resource.say('sock was shut down by peer');
      setFact(resource, { conn: CONN.brokenPipe });
      return undefined;
    }
  }
}

/** UUIDs are judged by the disk's state: a change of it that the peer is being asked about must be settled first. */
function receiveUuids(resource: Resource, message: Message & { readonly kind: 'uuids' }): void | Promise<void> {
  const { wire } = resource;
  if (resource.questions.size === 0) {
    takeUuids(resource, message);
    return undefined;
  }
  return resource.stateChanged().then(() => (resource.isAlive && resource.wire === wire ? receiveUuids(resource, message) : undefined));
}

function takeUuids(resource: Resource, message: Message & { readonly kind: 'uuids' }): void {
  resource.peerFacts = message.facts;
  const { state } = resource;
  const theirs = message.facts.uuids[0] & ~1n;
  const isExposedElsewhere = state.disk < DISK.inconsistent && state.role === ROLE.primary;
  if (isExposedElsewhere && (state.conn < CONN.connected || state.pdsk === DISK.diskless) && (resource.exposedUuid & ~1n) !== theirs) {
    resource.say('Can only connect to data with current UUID of the exposed data');
    setFact(resource, { conn: CONN.disconnecting });
    return;
  }
  if (message.facts.skipInitialSync && state.conn === CONN.connected && resource.metadata?.uuids[0] === 4n) {
    resource.say('Accepted new current UUID, preparing to skip initial sync');
    resource.outOfSync.clear();
    setUuids(resource, [message.facts.uuids[0] & ~1n, 0n, resource.metadata.uuids[2], resource.metadata.uuids[3]]);
    setWish(resource, { disk: DISK.upToDate, pdsk: DISK.upToDate });
    return;
  }
  if (state.disk < DISK.inconsistent && (state.role === ROLE.primary || state.conn >= CONN.connected)) resource.exposedUuid = message.facts.uuids[0];
}

async function receiveState(resource: Resource, peer: State): Promise<void> {
  const { wire } = resource;
  const os = resource.state;
  if (os.conn <= CONN.tearDown) return;
  const told = realPeerDisk(resource, os, peer);
  if (told === 'finished') return;
  let peerDisk: Disk = told;
  let conn: State['conn'] = os.conn === CONN.wfReportParams ? CONN.connected : os.conn;
  if (resource.peerFacts !== null && peer.disk >= DISK.negotiating && os.disk >= DISK.negotiating && considersResync(resource, os, peer)) {
    const outcome = await syncHandshake(resource, peer, peerDisk);
    if (!resource.isAlive || resource.wire !== wire || resource.state.conn <= CONN.tearDown) return;
    if (outcome === null && os.disk === DISK.negotiating) setFact(resource, { disk: DISK.failed });
    else if (outcome === null && peer.disk === DISK.negotiating) {
      resource.say('Disk attach process on the peer node was aborted.');
      peerDisk = DISK.diskless;
    } else if (outcome === null) {
      setFact(resource, { conn: CONN.disconnecting });
      return;
    } else if (outcome === 'stalePrimary') {
      // Two primaries that may not be: the one with the newer data refuses first and resets the connection, so the
      // older one (frozen) never gets to refuse; it keeps waiting (measured: DRBD.md A3).
      const isRefusedFirst = peer.role === ROLE.primary && resource.netOption('allow-two-primaries', 'no') !== 'yes';
      setFact(resource, { conn: isRefusedFirst ? CONN.networkFailure : CONN.disconnecting });
      return;
    }
    conn = outcome ?? CONN.connected;
  }
  adoptPeerState(resource, os, peer, peerDisk, conn);
}

/** The peer's disk as it counts for us; `finished`: the message only says that a resync ended. */
function realPeerDisk(resource: Resource, os: State, peer: State): Disk | 'finished' {
  if (peer.disk === DISK.negotiating) return resource.peerFacts?.isInconsistent === true ? DISK.inconsistent : DISK.consistent;
  const mayEndSync = (os.pdsk === DISK.inconsistent || os.pdsk === DISK.consistent) && peer.disk === DISK.upToDate
    && os.conn > CONN.connected && os.disk === DISK.upToDate;
  if (mayEndSync && peer.conn > CONN.connected && peer.conn < CONN.syncSource) return DISK.inconsistent;
  if (mayEndSync && os.conn >= CONN.syncSource && peer.conn === CONN.connected) return 'finished';
  const isFlapping = os.pdsk === DISK.upToDate && peer.disk === DISK.inconsistent && os.conn === CONN.connected && peer.conn > CONN.syncSource;
  return isFlapping ? DISK.upToDate : peer.disk;
}

function considersResync(resource: Resource, os: State, peer: State): boolean {
  if (os.conn < CONN.connected || resource.considerResync) return true;
  if (os.conn !== CONN.connected) return false;
  return peer.disk === DISK.negotiating || os.disk === DISK.negotiating
    || (peer.conn >= CONN.startingSyncS && peer.conn <= CONN.wfBitMapT);
}

function adoptPeerState(resource: Resource, os: State, peer: State, peerDisk: Disk, conn: State['conn']): void {
  const isNegotiated = (conn === CONN.connected || conn === CONN.wfBitMapS) && resource.state.disk === DISK.negotiating;
  const disk = isNegotiated && resource.negotiating !== null ? resource.negotiating.disk : resource.state.disk;
  resource.considerResync = false;
  const isNewConnection = os.conn < CONN.connected;
  if (peerDisk === DISK.consistent && isSuspended(resource.state) && conn === CONN.connected && isNewConnection && resource.needsNewCurrentUuid) {
    // A rebooted peer may have lost what it acknowledged: pending writes end here, and it will resync.
    resource.say('Aborting Connect, can not thaw IO with an only Consistent peer');
    completeLost(resource);
    newCurrentUuid(resource);
    resource.needsNewCurrentUuid = false;
    setFact(resource, { conn: CONN.protocolError, susp: false });
    return;
  }
  const change = { conn, disk, peer: peer.role, pdsk: peerDisk, peerIsp: peer.userIsp };
  const rv = isNewConnection && conn >= CONN.connected ? setWish(resource, change) : setFact(resource, change);
  if (rv < SS.success) {
    setFact(resource, { conn: CONN.disconnecting });
    return;
  }
  if (resource.state.disk !== DISK.negotiating) resource.negotiating = null;
  if (os.conn > CONN.wfReportParams && resource.state.conn > CONN.connected && peer.conn <= CONN.connected && peer.disk !== DISK.negotiating) {
    sendUuids(resource);
    sendState(resource);
  }
  if (resource.net?.discardMyData === true) resource.net = { ...resource.net, discardMyData: false };
}

/** Which connection state the two replicas' histories lead to; null: they must not be connected, `stalePrimary`: we are primary on the older data. */
async function syncHandshake(resource: Resource, peer: State, peerDisk: Disk): Promise<Outcome> {
  const { metadata, peerFacts, wire } = resource;
  if (metadata === null || peerFacts === null || wire === null) return CONN.connected;
  const ownDisk = resource.state.disk === DISK.negotiating ? (resource.negotiating?.disk ?? DISK.inconsistent) : resource.state.disk;
  const verdict = compareUuids(ownFacts(resource), { ...peerFacts, isPrimary: peer.role === ROLE.primary }, wire.resolvesConflicts(resource));
  if (verdict.correctedSelf !== null) setUuids(resource, verdict.correctedSelf);
  if (verdict.correctedPeer !== null) resource.peerFacts = { ...peerFacts, uuids: verdict.correctedPeer };
  resource.say(`uuid_compare()=${verdict.result} by rule ${verdict.rule}`);
  let result = verdict.result;
  if (result === -1000) {
    resource.say('Unrelated data, aborting!');
    return null;
  }
  if ((ownDisk === DISK.inconsistent && peerDisk > DISK.inconsistent) || (peerDisk === DISK.inconsistent && ownDisk > DISK.inconsistent)) {
    const isFull = result === -100 || Math.abs(result) === 2;
    result = (ownDisk > DISK.inconsistent ? 1 : -1) * (isFull ? 2 : 1);
    resource.say(`Becoming sync ${result > 0 ? 'source' : 'target'} due to disk states.`);
  }
  if (Math.abs(result) === 100) {
    await callHelper(resource, 'initial-split-brain', true);
    result = resolveByHand(resource);
    if (result === -100) {
      resource.say('Split-Brain detected but unresolved, dropping connection!');
      resource.context.splitBrain(resource);
      await callHelper(resource, 'split-brain', true);
      return null;
    }
  }
  return connectionFor(resource, result, ownDisk);
}

/** `--discard-my-data` on exactly one side decides a split brain; the after-sb policies here are all `disconnect`. */
function resolveByHand(resource: Resource): number {
  const mine = resource.net?.discardMyData === true;
  const theirs = resource.peerFacts?.discardMyData === true;
  if (mine === theirs) return -100;
  resource.say(`Split-Brain detected, manually solved. Sync from ${mine ? 'peer' : 'this'} node`);
  return mine ? -1 : 1;
}

function connectionFor(resource: Resource, result: number, ownDisk: Disk): Outcome {
  if (result > 0 && ownDisk <= DISK.inconsistent) {
    resource.say('I shall become SyncSource, but I am inconsistent!');
    return null;
  }
  if (result < 0 && resource.state.role === ROLE.primary && resource.state.disk >= DISK.consistent) {
    resource.say('I shall become SyncTarget, but I am primary!');
    return 'stalePrimary';
  }
  if (Math.abs(result) >= 2) {
    resource.say('Writing the whole bitmap, full sync required after drbd_sync_handshake.');
    markAllOutOfSync(resource);
  }
  if (result > 0) return CONN.wfBitMapS;
  if (result < 0) return CONN.wfBitMapT;
  if (resource.outOfSync.count > 0) resource.say(`No resync, but ${resource.outOfSync.count} bits in bitmap!`);
  return CONN.connected;
}

function receiveWrite(resource: Resource, message: Message & { readonly kind: 'write' }): void {
  const { wire } = resource;
  const reply = (isOk: boolean, inSync: boolean): void => {
    wire?.send(resource, { kind: 'writeAck', id: message.id, isOk, inSync });
  };
  if (resource.disk === null || resource.state.disk < DISK.inconsistent) {
    reply(false, false);
    return;
  }
  try {
    // We have the only disk of the two: what the diskless peer writes is newer than anything that it had.
    if (resource.state.pdsk < DISK.inconsistent) {
      markOutOfSync(resource, message.block);
      touchActivityLog(resource, message.block);
    }
    putContent(resource, message.block, message.content);
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    noteIoError(resource, true);
    reply(false, false);
    return;
  }
  resource.counters.receivedKiB += 4;
  resource.counters.writtenKiB += 4;
  resource.afterDiskAccess(() => {
    if (resource.disk === null || resource.disk.failed) {
      if (resource.disk !== null) noteIoError(resource, true);
      reply(false, false);
      return;
    }
    resource.disk.flush();
    const isSyncing = resource.state.conn >= CONN.syncSource;
    if (isSyncing && message.block !== null) resource.outOfSync.remove(message.block);
    reply(true, isSyncing);
  });
}

function receiveRead(resource: Resource, id: number, block: number | null): void {
  const { wire } = resource;
  resource.afterDiskAccess(() => {
    try {
      wire?.send(resource, { kind: 'readReply', id, isOk: true, content: getContent(resource, block) });
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      if (resource.disk !== null) noteIoError(resource, false);
      wire?.send(resource, { kind: 'readReply', id, isOk: false, content: null });
    }
  });
}

function receiveReadReply(resource: Resource, message: Message & { readonly kind: 'readReply' }): void {
  const read = resource.peerReads.get(message.id);
  resource.peerReads.delete(message.id);
  if (message.isOk) read?.resolve(message.content);
  else read?.reject(new DiskError(`read from ${resource.name} at the peer of ${resource.node}`));
}
