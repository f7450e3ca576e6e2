/**
 * What changes when a node joins, starts, is ready, is cordoned or leaves? See shared/model/node.ts for the transitions.
 */
import type { NodeId, VolumeId } from '../ids.ts';
import { COORDINATORS_MAX, NODES_MAX } from '../model/limits.ts';
import { PAST_BOOTS_KEPT } from '../model/node.ts';
import type { FenceProof, NodeRecord } from '../model/node.ts';
import { TIMING_PROFILES } from '../model/timing.ts';
import { APPLIED, rejected } from './change.ts';
import type { Change, CommandOf } from './change.ts';
import type { ApplyResult } from './commands.ts';
import { refuseActor } from './guards.ts';
import { dropReplica, putVolume, shrinkOut, taint } from './in-sync.ts';
import { releaseHeld } from './release.ts';

export function admitNode(change: Change, command: CommandOf<'admitNode'>): ApplyResult {
  const { id, peerId } = command.node;
  const { nodes, coordinators } = change.state;
  const old = nodes.get(id);
  if (old?.phase === 'removed') return rejected('wrongState', `${id} was removed; a removed name never comes back`);
  if (coordinators.has(id)) return rejected('duplicateId', `${id} is the name of a coordinator`);
  for (const other of nodes.values()) {
    if (other.id !== id && other.peerId === peerId && other.phase !== 'removed') return rejected('duplicateId', `${other.id} has the same peer id`);
  }
  if (old !== undefined) {
    change.putNode({ ...old, ...command.node });
    return APPLIED;
  }
  if (nodes.size >= NODES_MAX) return rejected('noCapacity', `a cell has at most ${NODES_MAX} nodes`);
  change.putNode({
    ...command.node, phase: 'admitted', bootId: null, storeUuid: null, incarnation: 0, pastBoots: [], fenceWaitMs: 0,
    capacity: { memoryMiB: 0, vcpus: 0, diskBytes: 0, domainKinds: [] }, cordoned: false, fence: null, fenceIntentIndex: null,
  });
  change.say('nodeAdmitted', [id], `${id} may join the cell.`);
  return APPLIED;
}

export function admitCoordinator(change: Change, command: CommandOf<'admitCoordinator'>): ApplyResult {
  const { coordinator } = command;
  const { nodes, coordinators } = change.state;
  if (nodes.get(coordinator.id as NodeId) !== undefined) return rejected('duplicateId', `${coordinator.id} is the name of a node`);
  const isNew = !coordinators.has(coordinator.id);
  if (isNew && coordinators.size >= COORDINATORS_MAX) return rejected('noCapacity', `a cell has at most ${COORDINATORS_MAX} coordinators`);
  change.set({ coordinators: coordinators.set(coordinator.id, coordinator) });
  if (isNew) change.say('coordinatorAdmitted', [coordinator.id], `${coordinator.id} may join the cell.`);
  return APPLIED;
}

/** A start of a node. Another boot id than before proves the boot before it dead, and moves what that one held. */
export function bootNode(change: Change, command: CommandOf<'bootNode'>): ApplyResult {
  const { actor, storeUuid } = command;
  const node = change.state.nodes.get(actor.node);
  if (node === undefined) return rejected('unknownNode', `there is no node ${actor.node}`);
  if (node.phase === 'removed') return rejected('wrongState', `${node.id} was removed from the cell: wipe it and switch it off`);
  if (node.bootId === actor.bootId) return announceAgain(change, node, command);
  if (node.pastBoots.includes(actor.bootId)) return rejected('staleBoot', `${actor.bootId} is an earlier boot of ${node.id}`);

  const isReinstalled = node.storeUuid !== null && node.storeUuid !== storeUuid;
  const proof = node.bootId === null ? node.fence : proofOfReboot(change, node);
  change.putNode({
    ...node,
    phase: 'joining', bootId: actor.bootId, storeUuid, incarnation: node.incarnation + 1, capacity: command.capacity, fence: proof, fenceIntentIndex: null,
    pastBoots: node.bootId === null ? [] : [...node.pastBoots, node.bootId].slice(-PAST_BOOTS_KEPT),
    fenceWaitMs: TIMING_PROFILES[change.state.parameters.profile].fenceWaitMs,
  });
  change.say('nodeBooted', [node.id], `${node.id} started (boot ${actor.bootId}, its start number ${node.incarnation + 1}).`);
  if (node.bootId !== null && proof !== null && node.fence?.bootId !== node.bootId) {
    change.say('nodeFenced', [node.id], `${node.id} rebooted: nothing of its boot ${node.bootId} runs any more.`, 'warning');
    releaseHeld(change, node.id, proof);
  }
  if (isReinstalled) loseStore(change, node.id);
  else if (node.bootId !== null) outdateExpansions(change, node.id);
  taintAll(change, node.id, command.tainted);
  return APPLIED;
}

/**
 * An expansion that was seen before the restart is too late: DRBD lets a frozen primary go on, with no call of fence-peer,
 * once it meets its rebooted peer (drbd-8.4 receive_state, "can not thaw IO with an only Consistent peer"). A replica that
 * is in sync does not come up before that is settled: see agent/machines/volume-steps.ts.
 */
function outdateExpansions(change: Change, node: NodeId): void {
  for (const volume of change.state.volumes.values()) {
    if (volume.replicas.includes(node)) putVolume(change, { ...volume, version: volume.version + 1 });
  }
}

/** The same boot once more (its agent restarted, or repeats itself): what it says of itself is taken, nothing else changes. */
function announceAgain(change: Change, node: NodeRecord, command: CommandOf<'bootNode'>): ApplyResult {
  const refusal = refuseActor(change.state, command.actor);
  if (refusal !== null) return refusal;
  change.putNode({ ...node, storeUuid: command.storeUuid, capacity: command.capacity });
  taintAll(change, node.id, command.tainted);
  return APPLIED;
}

function proofOfReboot(change: Change, node: NodeRecord): FenceProof | null {
  if (node.bootId === null || node.fence?.bootId === node.bootId) return node.fence;
  const { index, term, data } = change.entry;
  return {
    kind: 'nodeRebooted', node: node.id, bootId: node.bootId, index, term, leader: data.by, fenceWaitMs: 0, at: data.at,
    observations: [{ what: 'bootSeen', afterMs: 0, by: data.by, at: data.at, detail: 'the node announced a new boot' }],
  };
}

/**
 * A new store means a new installation: nobody knows what its replicas hold. They leave the in-sync sets where another
 * member is left, and every volume's version moves on, so that no expansion seen before can be applied to them.
 */
function loseStore(change: Change, node: NodeId): void {
  let count = 0;
  for (const volume of change.state.volumes.values()) {
    if (!volume.replicas.includes(node)) continue;
    count += 1;
    shrinkOut(change, volume, node, `${node} was installed anew`);
  }
  change.say('nodeReinstalled', [node], `${node} was installed anew; its ${count} replicas must be synchronised again.`, 'warning');
}

function taintAll(change: Change, node: NodeId, tainted: readonly VolumeId[]): void {
  for (const id of tainted) {
    const volume = change.state.volumes.get(id);
    if (volume !== undefined) taint(change, volume, node);
  }
}

export function readyNode(change: Change, command: CommandOf<'readyNode'>): ApplyResult {
  const refusal = refuseActor(change.state, command.actor);
  if (refusal !== null) return refusal;
  const node = change.state.nodes.get(command.actor.node);
  if (node?.phase !== 'joining') return APPLIED;
  change.putNode({ ...node, phase: node.cordoned ? 'draining' : 'active' });
  change.say('nodeReady', [node.id], node.cordoned ? `${node.id} is ready, but cordoned: it takes no work.` : `${node.id} is ready and takes work.`);
  settleDraining(change, node.id);
  return APPLIED;
}

export function cordonNode(change: Change, command: CommandOf<'cordonNode'>): ApplyResult {
  const node = change.state.nodes.get(command.node);
  if (node === undefined) return rejected('unknownNode', `there is no node ${command.node}`);
  if (node.phase === 'removed') return rejected('wrongState', `${node.id} was removed`);
  if (node.cordoned === command.cordoned) return APPLIED;
  const { phase } = node;
  if (command.cordoned) {
    change.putNode({ ...node, cordoned: true, phase: phase === 'active' ? 'draining' : phase });
    change.say('nodeCordoned', [node.id], `${node.id} takes no new instances.`);
    settleDraining(change, node.id);
  } else {
    change.putNode({ ...node, cordoned: false, phase: phase === 'draining' || phase === 'maintenance' ? 'active' : phase });
    change.say('nodeUncordoned', [node.id], `${node.id} takes new instances again.`);
  }
  return APPLIED;
}

/** A draining node on which no instance is placed any more is in maintenance: it may be switched off. */
export function settleDraining(change: Change, id: NodeId): void {
  const node = change.state.nodes.get(id);
  if (node?.phase !== 'draining' || (change.state.usage.get(id)?.instances ?? 0) > 0) return;
  change.putNode({ ...node, phase: 'maintenance' });
  change.say('nodeEmptied', [id], `${id} runs no instances any more and may be maintained.`);
}

/** Takes a node out for good. Its replicas leave with it: the planner makes new ones elsewhere. */
export function removeNode(change: Change, command: CommandOf<'removeNode'>): ApplyResult {
  const node = change.state.nodes.get(command.node);
  if (node === undefined) return rejected('unknownNode', `there is no node ${command.node}`);
  if (node.phase === 'removed') return APPLIED;
  if (node.phase !== 'fenced' && node.phase !== 'maintenance' && node.phase !== 'admitted') {
    return rejected('wrongState', `${node.id} is ${node.phase}; cordon and empty it first, or wait until it is fenced`);
  }
  for (const volume of change.state.volumes.values()) {
    const isLast = volume.inSync.length === 1 && volume.inSync[0] === node.id;
    if (isLast && !volume.deleting) return rejected('lastReplica', `${node.id} has the only replica of ${volume.id} that is in sync`);
  }
  change.putNode({ ...node, phase: 'removed', cordoned: true });
  for (const instance of change.state.instances.values()) {
    if (instance.standby === node.id) change.putInstance({ ...instance, standby: null });
  }
  for (const volume of change.state.volumes.values()) dropReplica(change, volume, node.id);
  change.say('nodeRemoved', [node.id], `${node.id} was removed from the cell for good.`, 'warning');
  return APPLIED;
}
