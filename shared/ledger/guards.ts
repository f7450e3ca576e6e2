/**
 * Who may do what now? The checks that several commands share. Each answers null when all is well, else the rejection.
 */
import type { NodeId } from '../ids.ts';
import type { CellState } from '../model/cell.ts';
import type { InstanceRecord } from '../model/instance.ts';
import { isFenced, isLive, mayAct } from '../model/node.ts';
import type { NodeRecord } from '../model/node.ts';
import type { VolumeRecord } from '../model/volume.ts';
import { missingMiB } from './capacity.ts';
import { rejected } from './change.ts';
import type { Actor, ApplyResult, Placement } from './commands.ts';

type Refusal = ApplyResult | null;

/** The actor speaks for a boot that is known, current, and neither fenced nor about to be (S10). */
export function refuseActor(state: CellState, actor: Actor): Refusal {
  const node = state.nodes.get(actor.node);
  if (node === undefined) return rejected('unknownNode', `there is no node ${actor.node}`);
  if (isLive(node, actor.bootId)) return null;
  if (node.bootId !== actor.bootId) return rejected('staleBoot', `${actor.node} has another boot than ${actor.bootId}`);
  return rejected('fenced', `this boot of ${actor.node} is ${node.phase}`);
}

/** The actor may also be given rights, or use those it was given. */
export function refuseAct(state: CellState, actor: Actor): Refusal {
  const refusal = refuseActor(state, actor);
  if (refusal !== null) return refusal;
  return mayAct(state.nodes.get(actor.node), actor.bootId) ? null : rejected('nodeNotActive', `${actor.node} is not active`);
}

/** The actor holds the instance: node, boot and generation. */
export function refuseInstanceHolder(instance: InstanceRecord, actor: Actor, generation: number): Refusal {
  if (instance.holder !== actor.node || instance.holderBootId !== actor.bootId) return rejected('notHolder', `${actor.node} does not hold ${instance.id}`);
  if (instance.generation !== generation) return rejected('staleGeneration', `${instance.id} is at generation ${instance.generation}, not ${generation}`);
  return null;
}

/** The actor holds the volume: node, boot and generation. */
export function refuseVolumeHolder(volume: VolumeRecord, actor: Actor, generation: number): Refusal {
  if (volume.holder !== actor.node || volume.holderBootId !== actor.bootId) return rejected('notHolder', `${actor.node} does not hold ${volume.id}`);
  if (volume.generation !== generation) return rejected('staleGeneration', `${volume.id} is at generation ${volume.generation}, not ${generation}`);
  return null;
}

/** A node that work may be put on: ready, this very boot. A draining one only where nothing new comes to it. */
export function refuseTarget(state: CellState, actor: Actor, options: { readonly whileDraining: boolean }): Refusal {
  const refusal = refuseActor(state, actor);
  if (refusal !== null) return refusal;
  const phase = state.nodes.get(actor.node)?.phase;
  if (phase === 'active' || (phase === 'draining' && options.whileDraining)) return null;
  return rejected('nodeNotActive', `${actor.node} is ${phase ?? 'unknown'}`);
}

/** A node whose replica may become the primary: P2 of SAFETY.md 2.3. Before the first content any replica may. */
export function refuseReplica(volume: VolumeRecord, node: NodeId): Refusal {
  if (volume.deleting) return rejected('wrongState', `${volume.id} is being deleted`);
  if (!volume.replicas.includes(node)) return rejected('notInSync', `${node} has no replica of ${volume.id}`);
  if (volume.tainted.includes(node)) return rejected('notInSync', `the replica of ${volume.id} on ${node} has a failed disk`);
  if (volume.formatted && !volume.inSync.includes(node)) return rejected('notInSync', `the replica of ${volume.id} on ${node} is not in sync`);
  return null;
}

/** A standby for an instance held by `holder`: another known node with replicas of all volumes and memory to reserve. */
export function refuseStandby(state: CellState, instance: InstanceRecord, volumes: readonly VolumeRecord[], holder: NodeId, standby: NodeId): Refusal {
  if (standby === holder) return rejected('invalidParameter', `${standby} cannot be the standby of itself`);
  const node = state.nodes.get(standby);
  if (node === undefined) return rejected('unknownNode', `there is no node ${standby}`);
  if (node.bootId === null || isFenced(node, node.bootId) || node.phase === 'removed' || node.fenceIntentIndex !== null) {
    return rejected('nodeNotActive', `${standby} is ${node.phase}`);
  }
  const without = volumes.find((volume) => !volume.replicas.includes(standby));
  if (without !== undefined) return rejected('notInSync', `${standby} has no replica of ${without.id}`);
  if (missingMiB(state, standby, { reserve: { holder, memoryMiB: instance.memoryMiB } }) > 0) {
    return rejected('noCapacity', `${standby} has not ${instance.memoryMiB} MiB to reserve`);
  }
  return null;
}

/** The actor of a placement. */
export function actorOf(placement: Placement): Actor {
  return { node: placement.node, bootId: placement.bootId };
}

/** Whether a node still counts as one of the cell's: admitted and not removed. */
export function isMember(node: NodeRecord | undefined): node is NodeRecord {
  return node !== undefined && node.phase !== 'removed';
}
