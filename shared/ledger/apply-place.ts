/**
 * Where may an instance run? Starting a stopped one, taking one over from a fenced node, and the standby beside it.
 */
import type { NodeId } from '../ids.ts';
import { isPlaced, isWaiting, MOVES_KEPT, MOVES_WITH_EVIDENCE } from '../model/instance.ts';
import type { InstanceRecord, Move } from '../model/instance.ts';
import { isFenced } from '../model/node.ts';
import type { FenceProof } from '../model/node.ts';
import type { VolumeRecord } from '../model/volume.ts';
import { missingMiB } from './capacity.ts';
import { applied, APPLIED, rejected } from './change.ts';
import type { Change, CommandOf } from './change.ts';
import type { ApplyResult, Placement } from './commands.ts';
import { actorOf, refuseReplica, refuseStandby, refuseTarget } from './guards.ts';
import { putVolume } from './in-sync.ts';

/** A start of an instance that nobody holds. Answers `{ generation }`. */
export function placeInstance(change: Change, command: CommandOf<'placeInstance'>): ApplyResult {
  const instance = change.state.instances.get(command.instance);
  if (instance === undefined) return rejected('unknownInstance', `there is no instance ${command.instance}`);
  if (instance.generation !== command.expectGeneration) return rejected('staleGeneration', `${instance.id} is at generation ${instance.generation}`);
  if (!isWaiting(instance)) return rejected('wrongState', `${instance.id} is ${instance.phase} and shall be ${instance.desired}`);
  if (instance.holderBootId !== null) return rejected('notFenced', `${instance.id} was never reported stopped by ${instance.holder ?? 'its node'}: take it over`);
  const reason = instance.restarting || instance.failures > 0 ? 'restarted' : 'started';
  return place(change, instance, command.placement, { reason, proof: null });
}

/** The move away from a node whose boot is fenced (S7). Answers `{ generation }`. */
export function takeOver(change: Change, command: CommandOf<'takeOver'>): ApplyResult {
  const instance = change.state.instances.get(command.instance);
  if (instance === undefined) return rejected('unknownInstance', `there is no instance ${command.instance}`);
  if (instance.generation !== command.expectGeneration) return rejected('staleGeneration', `${instance.id} is at generation ${instance.generation}`);
  const { from } = command;
  if (instance.holder !== from.node || instance.holderBootId !== from.bootId) return rejected('notHolder', `${from.node} with that boot does not hold ${instance.id}`);
  if (!isFenced(change.state.nodes.get(from.node), from.bootId)) return rejected('notFenced', `that boot of ${from.node} is not proven dead`);
  if (!isWaiting(instance)) return rejected('wrongState', `${instance.id} is ${instance.phase} and shall be ${instance.desired}`);
  return place(change, instance, command.placement, { reason: 'takenOver', proof: instance.fence });
}

function place(change: Change, instance: InstanceRecord, placement: Placement, why: { readonly reason: Move['reason']; readonly proof: FenceProof | null }): ApplyResult {
  const { node, standby } = placement;
  const refusal = refuseTarget(change.state, actorOf(placement), { whileDraining: true });
  if (refusal !== null) return refusal;
  const volumes = change.volumesOf(instance);
  for (const volume of volumes) {
    const veto = refuseReplica(volume, node);
    if (veto !== null) return veto;
  }
  // What was reserved for this instance is free for it now.
  const lifted: InstanceRecord = { ...instance, holderBootId: null };
  change.putInstance(lifted);
  if (missingMiB(change.state, node, { placedMiB: instance.memoryMiB, usesReservations: why.reason === 'takenOver' }) > 0) {
    return rejected('noCapacity', `${node} has not ${instance.memoryMiB} MiB left`);
  }
  if (standby !== null) {
    const unfit = refuseStandby(change.state, instance, volumes, node, standby);
    if (unfit !== null) return unfit;
  }
  const generation = instance.generation + 1;
  for (const volume of volumes) {
    const inSync = volume.inSync.includes(node) ? volume.inSync : [node];
    putVolume(change, withoutFalseStart({ ...volume, holder: node, holderBootId: placement.bootId, generation, inSync }, instance.holder));
  }
  const isKept = standby !== null && volumes.every((volume) => change.state.volumes.get(volume.id)?.replicas.includes(standby) === true);
  change.putInstance({
    ...lifted, ...change.entering(instance, 'starting'), generation, holder: node, holderBootId: placement.bootId, fence: null, standby: isKept ? standby : null, reason: null, stopForced: false,
    moves: withMove(change, instance, placement, why),
  });
  sayPlaced(change, instance, placement, why);
  return applied({ generation });
}

/**
 * A volume without content that moves on: its former holder may have made it primary by force, as the new one will. Two
 * histories that began apart never meet in DRBD, so the former holder's replica is retired, to be made again elsewhere.
 */
function withoutFalseStart(volume: VolumeRecord, former: NodeId | null): VolumeRecord {
  if (volume.formatted || former === null || former === volume.holder || !volume.replicas.includes(former)) return volume;
  const without = (nodes: readonly NodeId[]): readonly NodeId[] => nodes.filter((each) => each !== former);
  return {
    ...volume, replicas: without(volume.replicas), inSync: without(volume.inSync), tainted: without(volume.tainted), retired: [...without(volume.retired), former],
    epoch: volume.epoch + 1, version: volume.version + 1,
  };
}

/** The moves with one more; older ones lose their evidence, and the oldest are dropped. */
function withMove(change: Change, instance: InstanceRecord, placement: Placement, why: { readonly reason: Move['reason']; readonly proof: FenceProof | null }): readonly Move[] {
  const { index, data } = change.entry;
  const move: Move = {
    generation: instance.generation + 1, from: instance.holder, to: placement.node, ...why, index, at: data.at, startedIndex: null, startedAt: null, refused: placement.refused,
  };
  const moves = [...instance.moves, move].slice(-MOVES_KEPT);
  return moves.map((each, at) => (at >= moves.length - MOVES_WITH_EVIDENCE ? each : withoutEvidence(each)));
}

function withoutEvidence(move: Move): Move {
  if (move.refused.length === 0 && (move.proof === null || move.proof.observations.length === 0)) return move;
  return { ...move, refused: [], proof: move.proof === null ? null : { ...move.proof, observations: [] } };
}

function sayPlaced(change: Change, instance: InstanceRecord, placement: Placement, why: { readonly reason: Move['reason']; readonly proof: FenceProof | null }): void {
  const { id, holder } = instance;
  const { node } = placement;
  if (why.reason === 'takenOver') {
    change.say('instanceTakenOver', [id, node, ...(holder === null ? [] : [holder])], `${node} takes ${id} over from ${holder ?? 'nobody'} (proof: ${why.proof?.kind ?? 'a newer boot'}).`, 'warning');
  } else {
    change.say('instancePlaced', [id, node], `${id} starts on ${node}.`);
  }
}

export function setStandby(change: Change, command: CommandOf<'setStandby'>): ApplyResult {
  const instance = change.state.instances.get(command.instance);
  if (instance === undefined) return rejected('unknownInstance', `there is no instance ${command.instance}`);
  if (instance.generation !== command.expectGeneration) return rejected('staleGeneration', `${instance.id} is at generation ${instance.generation}`);
  if (instance.phase === 'terminated' || instance.desired === 'terminated') return rejected('wrongState', `${instance.id} is being terminated`);
  if (instance.standby === command.standby) return APPLIED;
  change.putInstance({ ...instance, standby: null });
  if (command.standby !== null) {
    const holder: NodeId | null = instance.holder;
    if (holder === null) return rejected('wrongState', `${instance.id} was never placed`);
    const refusal = refuseStandby(change.state, instance, change.volumesOf(instance), holder, command.standby);
    if (refusal !== null) return refusal;
    change.putInstance({ ...instance, standby: command.standby });
  }
  change.say('standbyChanged', [instance.id], command.standby === null ? `${instance.id} has no standby for now.` : `The standby of ${instance.id} is ${command.standby}.`);
  return APPLIED;
}

/** Why an instance that shall run does not: repeated without a difference it changes nothing. */
export function setUnavailable(change: Change, command: CommandOf<'setUnavailable'>): ApplyResult {
  const instance = change.state.instances.get(command.instance);
  if (instance === undefined) return rejected('unknownInstance', `there is no instance ${command.instance}`);
  if (instance.generation !== command.expectGeneration) return rejected('staleGeneration', `${instance.id} is at generation ${instance.generation}`);
  if (!isWaiting(instance) || isPlaced(instance)) return rejected('wrongState', `${instance.id} is ${instance.phase} and shall be ${instance.desired}`);
  if (instance.phase === command.phase && instance.reason?.message === command.message) return APPLIED;
  const code = command.phase === 'unavailableData' ? 'Server.InternalError' : 'Server.InsufficientInstanceCapacity';
  change.putInstance({ ...instance, ...change.entering(instance, command.phase), reason: { code, message: command.message } });
  change.say('instanceUnavailable', [instance.id], `${instance.id} cannot run now: ${command.message}.`, 'alarm');
  return APPLIED;
}
