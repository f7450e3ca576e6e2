/**
 * What is the next safe step for one volume on this node? Desired (ledger) against observed (DRBD, LVM), one step at a time.
 *
 *     nothing --configure, createReplica--> formed --up--> Secondary --connect--> Connected
 *     Secondary --(holder) shrink if alone--> promote --> Primary --(not formatted) write image, report--> in use
 *     Primary --instance stopped, or not the holder--> demote --> Secondary
 *     retired or deleted --> down --> wiped --> reported
 *
 * Any step may run twice or be cut off halfway: the next look decides anew. DRBD's own belief never gives a right, it
 * can only veto (SAFETY.md 2.3); every promotion step re-checks P1 to P7 at the gate.
 */
import type { NodeId } from '../../shared/ids.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import { isFenced, isLive } from '../../shared/model/node.ts';
import type { NodeRecord } from '../../shared/model/node.ts';
import type { VolumeRecord } from '../../shared/model/volume.ts';
import type { Observed, ObservedResource, Self } from './observed.ts';

/** One order to the drivers (or to the ledger). */
export type VolumeStep =
  | { readonly kind: 'createReplica' }
  /** Write the resource's file; `adjust` it when the kernel already has it (it is alone in sync, or not connected). */
  | { readonly kind: 'configure'; readonly adjust: boolean }
  | { readonly kind: 'up' }
  | { readonly kind: 'connect' }
  /** The disk could not be attached when the resource came up; it may be there by now (`adjust`). */
  | { readonly kind: 'attach' }
  | { readonly kind: 'disconnectForce'; readonly reason: string }
  /** I/O is frozen and nobody was asked whether it may go on: the kernel asks anew when it is disconnected (then `connect`). */
  | { readonly kind: 'askAgain'; readonly reason: string }
  | { readonly kind: 'promote' }
  /** The one allowed `primary --force`: the volume has no content yet. */
  | { readonly kind: 'promoteNew' }
  /** Write the first content, then tell the ledger: never again `primary --force`. */
  | { readonly kind: 'writeImage' }
  /** Ask `source` whether it counts blocks as out of sync; then take everything from it again (`invalidate`). */
  | { readonly kind: 'resync'; readonly source: NodeId }
  | { readonly kind: 'shrink'; readonly reason: string }
  /** Ask the other end whether it agrees, then propose Expand with the version read before. */
  | { readonly kind: 'expand'; readonly replica: NodeId; readonly version: number }
  | { readonly kind: 'demote' }
  /** This replica's disk is beyond use, and another one is whole: tell the ledger, which has it replaced. */
  | { readonly kind: 'reportFailedDisk'; readonly reason: string }
  | { readonly kind: 'wipe' }
  | { readonly kind: 'reportWiped' }
  /** Nothing to do but wait; says for what, for people. */
  | { readonly kind: 'wait'; readonly reason: string }
  /** Nothing may be done automatically: somebody must look. */
  | { readonly kind: 'alarm'; readonly reason: string }
  | { readonly kind: 'settled' };

/** What a decision about one volume looks at. */
export interface VolumeView {
  readonly state: CellState;
  readonly volume: VolumeRecord;
  readonly self: Self;
  readonly observed: Observed;
  /** Hash of the configuration file that the ledger's record asks for on this node. */
  readonly wantedConfig: string;
  /** How long this node has wanted to promote the volume, ms; null while it does not. */
  readonly promotionWaitedMs: number | null;
  /** Whether the other replica's node said, since then, that its kernel does not have the volume. Absent: it has not. */
  readonly isPeerDown?: boolean;
  /** How long {@link isForgotten} has been so, ms; null or absent: it is not. */
  readonly forgottenForMs?: number | null;
  /** How long {@link isFrozen} has been so with no call of the fence-peer helper under way here, ms; null or absent: it is not. */
  readonly unaskedForMs?: number | null;
  /** Whether this node has given the instance's start back, and the ledger has not said yet that it took it. Absent: it has not. */
  readonly isGivenBack?: boolean;
  /** How long this replica has been without its disk (DRBD shows none, or it could not be made), ms; null or absent: it is not. */
  readonly withoutDiskForMs?: number | null;
}

/** How long a promotion waits for a live peer to connect before it goes alone (SAFETY.md 5.5: connect first, promote connected). */
export const CONNECT_WAIT_MS = 5_000;

/** How long blocks may stay out of sync on a connection that copies nothing, before something is done about it: a part of the 5 s of L4 (SAFETY.md 6.1). */
export const FORGOTTEN_WAIT_MS = 3_000;

/**
 * How long a primary may be frozen with no call of the fence-peer helper under way before the kernel is made to ask again. Longer than a kernel
 * takes to start the helper, and than two ends need to find each other (connect-int, SAFETY.md 2.2), which an attempt begins anew.
 */
export const UNASKED_WAIT_MS = 5_000;

/**
 * How long a replica may be without its disk, which is tried again all the while, before it is given up for a new one. Longer
 * than a controller needs after a start; short, because until then the volume has one copy, or its instance does not start.
 */
export const DISK_WAIT_MS = 15_000;

const settled: VolumeStep = { kind: 'settled' };
const wait = (reason: string): VolumeStep => ({ kind: 'wait', reason });

/** The next step. */
export function nextVolumeStep(view: VolumeView): VolumeStep {
  const { volume, self, observed } = view;
  if (volume.retired.includes(self.node)) return removalStep(view);
  if (!volume.replicas.includes(self.node)) return settled;
  if (volume.deleting) return removalStep(view);
  const resource = observed.resources.get(volume.id);
  if (volume.tainted.includes(self.node)) return taintedStep(view, resource);

  if (observed.configs.get(volume.id) !== view.wantedConfig) return changeStep(view, resource);
  return currentStep(view, resource);
}

/**
 * The configuration changes (an operator gave a node another address, or a replica was replaced). Where DRBD may not be let go of yet, everything else goes on: a
 * primary keeps the in-sync set true, and a secondary that has no peer, or is to be primary itself, leaves its connection first, by force, which asks nobody and outdates nothing.
 */
function changeStep(view: VolumeView, resource: ObservedResource | undefined): VolumeStep {
  if (resource === undefined) return { kind: 'configure', adjust: false };
  if (isAdjustSafe(view, resource)) return { kind: 'configure', adjust: true };
  const later = wait('the configuration changes after the in-sync set shrank');
  if (resource.role === 'Primary') {
    const step = currentStep(view, resource);
    return step.kind === 'settled' ? later : step;
  }
  const isAwaited = isConnected(resource) && !shouldBePrimary(view);
  return isAwaited ? later : { kind: 'disconnectForce', reason: 'its configuration changes' };
}

/** The next step of a replica whose configuration is the wanted one, or cannot be changed now. */
function currentStep(view: VolumeView, resource: ObservedResource | undefined): VolumeStep {
  const { volume, observed } = view;
  if (observed.replicas.get(volume.id)?.formed !== true) return isGivenUp(view, resource) ? { kind: 'reportFailedDisk', reason: 'it cannot be made' } : { kind: 'createReplica' };
  if (resource === undefined) return mayComeUp(view) ? { kind: 'up' } : wait('whoever holds the volume says first whether this replica missed writes');
  if (isWritingElsewhere(view, resource)) return { kind: 'reportFailedDisk', reason: `the primary is ${resource.disk}: what it writes is on its peer alone` };
  if (resource.disk === 'Diskless' && resource.role !== 'Primary' && isGivenUp(view, resource)) return { kind: 'reportFailedDisk', reason: 'it cannot be attached' };
  return shouldBePrimary(view) ? primaryStep(view, resource) : secondaryStep(view, resource);
}

/**
 * A failed disk waits to be replaced, and that only while nobody uses it: a primary that serves its domain over the network,
 * by its peer, goes on until the instance is stopped. The report of that stop waits for the demotion.
 */
function taintedStep(view: VolumeView, resource: ObservedResource | undefined): VolumeStep {
  const isInUse = view.volume.instance !== null && view.observed.domains.has(view.volume.instance);
  if (resource?.role === 'Primary' && !isInUse) return { kind: 'demote' };
  return { kind: 'alarm', reason: 'the disk of this replica failed; it waits to be replaced' };
}

/**
 * A primary without its disk has every write acknowledged by its peer alone, while the ledger still counts itself in: were the
 * peer lost, this replica could be offered again without them (SAFETY.md 2.3, "primary continues diskless"). So at once.
 */
function isWritingElsewhere(view: VolumeView, resource: ObservedResource): boolean {
  const isWithout = resource.role === 'Primary' && (resource.disk === 'Diskless' || resource.disk === 'Failed');
  return isWithout && view.volume.formatted && view.volume.inSync.includes(view.self.node) && isOtherWhole(view, resource);
}

/** Whether this replica was without its disk for long enough, and nothing is lost with it: the only one in sync is waited for. */
function isGivenUp(view: VolumeView, resource: ObservedResource | undefined): boolean {
  const { volume, self, state } = view;
  if ((view.withoutDiskForMs ?? 0) < DISK_WAIT_MS) return false;
  if (volume.formatted) return !volume.inSync.includes(self.node) || isOtherWhole(view, resource);
  return volume.replicas.some((node) => node !== self.node && !volume.tainted.includes(node) && isUp(state.nodes.get(node)));
}

/** Whether another replica that the ledger counts in sync shows itself whole on the connection, now. */
function isOtherWhole({ volume, self }: VolumeView, resource: ObservedResource | undefined): boolean {
  const isCounted = volume.inSync.some((node) => node !== self.node && !volume.tainted.includes(node));
  return isCounted && resource !== undefined && isConnected(resource) && resource.peerDisk === 'UpToDate';
}

function isUp(node: NodeRecord | undefined): boolean {
  return node !== undefined && node.bootId !== null && isLive(node, node.bootId);
}

/**
 * A replica that was down is not connected while the ledger counts it in sync and another live node holds the volume.
 * That node froze when it lost this one, and asks the ledger to shrink; but DRBD lets it go on unasked once it meets its
 * rebooted peer (drbd-8.4 receive_state), and then the writes of those moments would be on one replica while the ledger
 * counts two. So the shrink comes first, or the proof that the holder is dead.
 */
function mayComeUp({ state, volume, self }: VolumeView): boolean {
  const { holder, holderBootId } = volume;
  if (!volume.formatted || holder === null || holderBootId === null || holder === self.node || !volume.inSync.includes(self.node)) return true;
  // A holder whose disk failed, and that is counted out for it, writes nowhere but here: nothing can be on its replica alone.
  if (volume.tainted.includes(holder) && !volume.inSync.includes(holder)) return true;
  return !isLive(state.nodes.get(holder), holderBootId);
}

/** A reconnect lets a primary go on without its peer and without being asked (DRBD.md A2): only when the ledger allows that already. */
function isAdjustSafe({ volume, self }: VolumeView, resource: ObservedResource): boolean {
  const isAlone = volume.inSync.length === 1 && volume.inSync[0] === self.node;
  const isApart = resource.connection === null || (resource.connection === 'StandAlone' && resource.role === 'Secondary');
  return isAlone || isApart || (resource.role === 'Secondary' && !volume.inSync.includes(self.node));
}

function instanceOf({ state, volume }: VolumeView): InstanceRecord | undefined {
  return volume.instance === null ? undefined : state.instances.get(volume.instance);
}

/** Whether this node holds the volume in its current boot, for an instance that is to run here now. */
function shouldBePrimary(view: VolumeView): boolean {
  const { volume, self } = view;
  if (volume.holder !== self.node || volume.holderBootId !== self.bootId) return false;
  const instance = instanceOf(view);
  if (instance === undefined || instance.holder !== self.node || instance.generation !== volume.generation) return false;
  if (instance.phase === 'starting' && instance.desired === 'running' && view.isGivenBack !== true) return true;
  // Once it was started, the device stays primary for as long as a domain of it is there, and not longer.
  return view.observed.domains.has(instance.id);
}

function primaryStep(view: VolumeView, resource: ObservedResource): VolumeStep {
  const { volume } = view;
  if (resource.role === 'Primary') return servingStep(view, resource);
  if (instanceOf(view)?.phase !== 'starting') return settled;
  return volume.formatted ? promotionStep(view, resource) : firstPromotionStep(view, resource);
}

/** SAFETY.md 2.3, table P6. */
function promotionStep(view: VolumeView, resource: ObservedResource): VolumeStep {
  const { volume, self } = view;
  if (!volume.inSync.includes(self.node)) return { kind: 'alarm', reason: 'this node holds the volume, but its replica is not in sync' };
  const peer = peerOf(view);
  // A disk that could not be read when the resource came up: what it holds is said by its metadata, once it is attached. Where
  // another replica could do instead, it is connected first (`up` ended at the disk): whether that one is whole is seen there.
  if (resource.disk === 'Diskless' && resource.peerRole !== 'Primary') {
    const isUnconnected = resource.connection === null || resource.connection === 'StandAlone';
    return isUnconnected && volume.inSync.length > 1 && !isPeerDead(peer) ? { kind: 'connect' } : { kind: 'attach' };
  }
  if (isConnected(resource)) {
    if (isPeerDead(peer)) return { kind: 'disconnectForce', reason: 'its node is fenced, but its kernel is still connected' };
    if (resource.peerRole === 'Primary') return wait('the other replica is still primary');
    // A source of a resynchronisation that loses its peer is neither frozen nor asked: the ledger must know before the first write.
    if (resource.disk === 'UpToDate' && volume.inSync.length > 1 && isPeerLosingWrites(resource)) return { kind: 'shrink', reason: `the other replica is ${resource.peerDisk}` };
    if (resource.disk === 'UpToDate') return { kind: 'promote' };
    return wait(`this replica is ${resource.disk} while connected`);
  }
  switch (resource.disk) {
    case 'UpToDate':
    case 'Consistent':
      return alonePromotionStep(view, resource, peer);
    case 'Outdated':
      return { kind: 'alarm', reason: 'the ledger says in sync, DRBD says Outdated: it is never forced' };
    case 'Attaching':
    case 'Negotiating':
      return wait(`this replica is ${resource.disk}`);
    case 'Diskless':
    case 'Failed':
    case 'Inconsistent':
    case 'DUnknown':
      return { kind: 'alarm', reason: `the ledger says in sync, DRBD says ${resource.disk}` };
    default:
      return wait(`this replica is ${String(resource.disk)}`);
  }
}

function alonePromotionStep(view: VolumeView, resource: ObservedResource, peer: NodeRecord | undefined): VolumeStep {
  const isAlone = view.volume.inSync.length === 1;
  // A replica that is down, and counts as in sync, does not come up before this node has shrunk (mayComeUp): nobody waits for it.
  if (!isPeerDead(peer) && !isAlone && view.isPeerDown !== true) {
    if ((view.promotionWaitedMs ?? 0) < CONNECT_WAIT_MS) {
      return resource.connection === null || resource.connection === 'StandAlone' ? { kind: 'connect' } : wait('the other replica may connect first');
    }
  }
  if (resource.connection !== null && resource.connection !== 'StandAlone') {
    return { kind: 'disconnectForce', reason: 'it is promoted alone: nobody may connect in between' };
  }
  return isAlone ? { kind: 'promote' } : { kind: 'shrink', reason: isPeerDead(peer) ? 'the other replica\'s node is fenced' : 'the other replica does not connect' };
}

function firstPromotionStep(view: VolumeView, resource: ObservedResource): VolumeStep {
  if (resource.disk === 'Diskless' || resource.disk === 'Failed') return { kind: 'alarm', reason: `a new replica is ${resource.disk}` };
  if (resource.peerRole === 'Primary' && isConnected(resource)) return wait('the other replica is still primary');
  const isPeerExpected = view.volume.replicas.length > 1 && !isPeerDead(peerOf(view));
  if (!isConnected(resource) && isPeerExpected && (view.promotionWaitedMs ?? 0) < CONNECT_WAIT_MS) {
    return resource.connection === null || resource.connection === 'StandAlone' ? { kind: 'connect' } : wait('the new replicas connect first');
  }
  return { kind: 'promoteNew' };
}

/** The volume is primary here, rightly: keep the in-sync set true and the connection alive. */
function servingStep(view: VolumeView, resource: ObservedResource): VolumeStep {
  const { volume, self } = view;
  if (isFrozen(resource)) return frozenStep(view, resource);
  if (!volume.formatted) return { kind: 'writeImage' };
  const others = volume.inSync.filter((node) => node !== self.node);
  if (others.length > 0 && isPeerLosingWrites(resource)) {
    return { kind: 'shrink', reason: `the other replica is ${resource.peerDisk}${resource.outOfSyncBytes > 0 ? ` with ${resource.outOfSyncBytes} bytes out of sync` : ''}` };
  }
  const peer = peerOf(view);
  if (resource.connection === null || resource.connection === 'StandAlone') {
    return peer === undefined || isPeerDead(peer) ? settled : { kind: 'connect' };
  }
  if (isForgotten(volume, self, resource)) {
    if ((view.forgottenForMs ?? 0) < FORGOTTEN_WAIT_MS) return wait('blocks are out of sync, and may be on their way');
    return { kind: 'disconnectForce', reason: 'blocks are out of sync that only a new connection copies' };
  }
  return expansionStep(view, resource);
}

/** Whether a primary does no I/O until somebody says that its lost peer may no longer count (SAFETY.md 2.1, fact 3). */
export function isFrozen(resource: ObservedResource): boolean {
  return resource.role === 'Primary' && !isConnected(resource) && resource.suspended.includes('fencing');
}

/**
 * The kernel asks once for each loss of its peer. A helper that was killed gave no answer, and nothing asks again before the peer is back, which it
 * may never be. Measured (DRBD.md A4): a frozen primary that is disconnected calls the helper anew; it stays frozen, and keeps its
 * requests, until that one answers. It connects again at once, also to a node that is dead: only a connection can be disconnected.
 */
function frozenStep({ unaskedForMs }: VolumeView, { connection }: ObservedResource): VolumeStep {
  if (connection === null || connection === 'StandAlone') return { kind: 'connect' };
  const isUnasked = connection === 'Connecting' && (unaskedForMs ?? 0) >= UNASKED_WAIT_MS;
  return isUnasked ? { kind: 'askAgain', reason: 'it is frozen, and no call of the fence-peer helper is under way' } : wait('DRBD asks whether it may go on without the other replica');
}

/**
 * Whether blocks are out of sync, the ledger says so too, and DRBD copies nothing: both disks call themselves UpToDate, and a
 * new handshake finds equal histories ("No resync, but bits in bitmap", drbd-8.4 drbd_sync_handshake). A primary begins a new
 * history when it disconnects; without one, the replica that is not in sync must ask for everything.
 * The other end of an idle volume sees nothing of it, so for that end it may be so whenever it is not counted in.
 */
export function isForgotten(volume: VolumeRecord, self: Self, resource: ObservedResource): boolean {
  const seemsComplete = isConnected(resource) && resource.replication === 'Established' && resource.disk === 'UpToDate' && resource.peerDisk === 'UpToDate';
  if (!seemsComplete || !volume.formatted || volume.inSync.length !== 1 || volume.tainted.length > 0) return false;
  if (volume.inSync[0] === self.node) return resource.role === 'Primary' && resource.outOfSyncBytes > 0;
  return volume.holder === null && resource.role === 'Secondary';
}

/** A replica that holds everything again joins the in-sync set: seen from here, and asked of the other end (SAFETY.md 2.3). */
function expansionStep({ volume, self }: VolumeView, resource: ObservedResource): VolumeStep {
  const owed = volume.replicas.find((node) => node !== self.node && !volume.inSync.includes(node) && !volume.tainted.includes(node));
  const isComplete = isConnected(resource) && resource.replication === 'Established'
    && resource.disk === 'UpToDate' && resource.peerDisk === 'UpToDate' && resource.outOfSyncBytes === 0;
  return owed !== undefined && isComplete ? { kind: 'expand', replica: owed, version: volume.version } : settled;
}

/**
 * The signs that the primary acknowledges writes its peer does not keep (DRBD.md A1): the kernel then neither freezes
 * nor asks, so the ledger must be told at once. That the connection is gone changes nothing: a peer that was last seen Inconsistent or
 * Outdated is one that the kernel goes on without (drbd-8.4 sanitize_state: it freezes for a peer disk above Outdated only).
 */
function isPeerLosingWrites(resource: ObservedResource): boolean {
  if (resource.peerDisk === 'Failed' || resource.peerDisk === 'Diskless' || resource.peerDisk === 'Inconsistent' || resource.peerDisk === 'Outdated') return true;
  return isConnected(resource) && resource.replication === 'Established' && resource.outOfSyncBytes > 0;
}

function secondaryStep(view: VolumeView, resource: ObservedResource): VolumeStep {
  const { volume } = view;
  if (resource.role === 'Primary') {
    const instance = instanceOf(view);
    const isInUse = instance !== undefined && view.observed.domains.has(instance.id);
    return isInUse ? wait('the domain that uses it is being stopped') : { kind: 'demote' };
  }
  const peer = peerOf(view);
  if ((resource.connection === null || resource.connection === 'StandAlone') && peer !== undefined && !isPeerDead(peer)) {
    return volume.replicas.length > 1 ? { kind: 'connect' } : settled;
  }
  if (resource.disk === 'Diskless' && isAdjustSafe(view, resource) && mayComeUp(view)) return { kind: 'attach' };
  const [source] = volume.inSync;
  if (source !== undefined && source !== view.self.node && isForgotten(volume, view.self, resource)) {
    return (view.forgottenForMs ?? 0) < FORGOTTEN_WAIT_MS ? wait('the replica in sync may count this one in') : { kind: 'resync', source };
  }
  // Nobody holds it: its instance is stopped, and whoever is in sync speaks for it.
  const isIdle = volume.holder === null && volume.formatted && volume.inSync.includes(view.self.node);
  return isIdle ? expansionStep(view, resource) : settled;
}

function removalStep(view: VolumeView): VolumeStep {
  const { volume, observed } = view;
  const instance = instanceOf(view);
  if (instance !== undefined && observed.domains.has(instance.id)) return wait('the domain that uses it is being stopped');
  if (observed.resources.get(volume.id)?.role === 'Primary') return { kind: 'demote' };
  if (observed.replicas.has(volume.id) || observed.resources.has(volume.id)) return { kind: 'wipe' };
  return { kind: 'reportWiped' };
}

function isConnected(resource: ObservedResource): boolean {
  return resource.connection === 'Connected';
}

/** The node of the other replica; undefined for a volume with one. */
function peerOf({ state, volume, self }: VolumeView): NodeRecord | undefined {
  const other = volume.replicas.find((node) => node !== self.node);
  return other === undefined ? undefined : state.nodes.get(other);
}

/** Whether nothing of the other replica's node can run now: then nobody waits for it. */
function isPeerDead(peer: NodeRecord | undefined): boolean {
  if (peer === undefined) return true;
  if (peer.phase === 'fenced' || peer.phase === 'removed') return true;
  return peer.bootId !== null && isFenced(peer, peer.bootId);
}
