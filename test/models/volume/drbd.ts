/**
 * What does DRBD 8.4 do by itself? Each function changes a draft of the state as the kernel would, with `fencing resource-and-stonith`.
 *
 * Read in LINBIT/drbd-8.4 and measured on a real kernel: SAFETY.md 2.1, DRBD.md.
 */
import type { Mutation } from './mutations.ts';
import { NODES, PEER } from './state.ts';
import type { Node, NodeState, VolumeState } from './state.ts';

/** A primary that goes on without its peer begins a new data generation, so that a replica left behind is known by its UUID. */
export function beginDataGeneration(draft: VolumeState, id: Node): void {
  const node = draft.nodes[id];
  node.formerUuids = [node.uuid, ...node.formerUuids];
  node.uuid = draft.uuids;
  draft.uuids += 1;
}

/** The connection breaks: a primary freezes until somebody says what its peer is. */
export function disconnect(draft: VolumeState, mutation: Mutation | null): void {
  draft.isConnected = false;
  for (const id of NODES) {
    const node = draft.nodes[id];
    if (!node.isUp || !node.isPrimary) continue;
    node.isPeerOutdated = false;
    if (mutation === 'fencing dont-care') goOnAlone(draft, id);
    else node.isFrozen = true;
  }
}

/** The fence-peer helper said that the peer is outdated: frozen writes complete, and new ones are acknowledged alone. */
export function goOnAlone(draft: VolumeState, id: Node): void {
  const node = draft.nodes[id];
  node.isFrozen = false;
  node.isPeerOutdated = true;
  beginDataGeneration(draft, id);
}

/**
 * The handshake. The same data generation: a primary sends again what the other may lack. One descends from the other: that one is
 * resynchronised, unless it is primary. Neither: split brain. False when the handshake is refused and they stay apart.
 */
export function connect(draft: VolumeState): boolean {
  const { A: a, B: b } = draft.nodes;
  if (a.isPrimary && b.isPrimary) return false;
  if (a.uuid === b.uuid) {
    if (a.isPrimary && b.isDiskGood) b.data = a.data;
    else if (b.isPrimary && a.isDiskGood) a.data = b.data;
  } else {
    const target = a.formerUuids.includes(b.uuid) ? b : b.formerUuids.includes(a.uuid) ? a : null;
    if (target === null) draft.isSplitBrain = true;
    else if (target.isPrimary) return false;
    else target.isConsistent = false;
  }
  draft.isConnected = true;
  draft.session += 1;
  for (const id of NODES) {
    draft.nodes[id].isFrozen = false;
    draft.nodes[id].isPeerOutdated = false;
  }
  return true;
}

/** A resynchronisation has ended: the target is what its source is, and whole again. */
export function finishResync(draft: VolumeState, target: Node): void {
  const source = draft.nodes[PEER[target]];
  const node = draft.nodes[target];
  node.isConsistent = true;
  node.isTainted = false;
  node.data = source.data;
  node.uuid = source.uuid;
  node.formerUuids = source.formerUuids;
}

/** Power or kernel is gone, and with it everything but the disk. */
export function crash(draft: VolumeState, id: Node, mutation: Mutation | null): void {
  const node = draft.nodes[id];
  node.isUp = false;
  stop(node);
  if (draft.isConnected) disconnect(draft, mutation);
}

/** The instance is gone and the replica secondary. */
export function stop(node: NodeState): void {
  node.generation = 0;
  node.isPrimary = false;
  node.isFrozen = false;
  node.isPeerOutdated = false;
}
