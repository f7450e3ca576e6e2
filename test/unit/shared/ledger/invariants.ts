/**
 * What must hold in every state of the cell, and between a state and the next one? Numbers are those of SAFETY.md 6.1.
 */
import { missingMiB, recomputeUsage } from '../../../../shared/ledger/capacity.ts';
import type { ApplyResult, Command } from '../../../../shared/ledger/commands.ts';
import type { CellState } from '../../../../shared/model/cell.ts';
import { isPlaced } from '../../../../shared/model/instance.ts';
import type { InstanceRecord } from '../../../../shared/model/instance.ts';
import { isFenced, mayAct } from '../../../../shared/model/node.ts';
import type { VolumeRecord } from '../../../../shared/model/volume.ts';
import { Table } from '../../../../shared/table.ts';

/** One applied entry, as seen from outside. */
export interface Transition {
  readonly before: CellState;
  readonly after: CellState;
  readonly command: Command;
  readonly result: ApplyResult;
}

/** The broken invariants, in words. */
export function broken(transition: Transition): readonly string[] {
  const { before, after, result } = transition;
  if (result.kind === 'rejected') return before === after ? [] : ['a rejected command changed the state'];
  return [
    ...stateFaults(after),
    ...[...after.instances.values()].flatMap((instance) => instanceFaults(after, instance)),
    ...[...after.volumes.values()].flatMap((volume) => volumeFaults(after, volume)),
    ...stepFaults(transition),
  ];
}

function stateFaults(state: CellState): string[] {
  const faults: string[] = [];
  const recount = recomputeUsage(state, Table.empty());
  const flat = (usage: CellState['usage']): string => {
    const lines = [...usage.entries()].map(([node, { reservedMiB, ...sums }]) => JSON.stringify([node, sums, [...reservedMiB].map(String).toSorted(byText)]));
    return lines.toSorted(byText).join('\n');
  };
  if (flat(recount) !== flat(state.usage)) faults.push(`usage ${flat(state.usage)} is not the recount ${flat(recount)}`);
  for (const node of state.nodes.keys()) if (missingMiB(state, node, { usesReservations: true }) > 0) faults.push(`S16: more is placed on ${node} than it has`);
  for (const node of state.nodes.values()) {
    if (node.phase === 'draining' && (state.usage.get(node.id)?.instances ?? 0) === 0) faults.push(`${node.id} is empty but still draining`);
  }
  const unique = (what: string, values: readonly unknown[]): void => {
    if (new Set(values).size !== values.length) faults.push(`${what} given twice`);
  };
  unique('a minor', [...state.volumes.values()].map((volume) => volume.minor));
  unique('an address', [...state.instances.values()].map((instance) => instance.privateAddress));
  return faults;
}

function byText(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

function instanceFaults(state: CellState, instance: InstanceRecord): string[] {
  const faults: string[] = [];
  const { id, phase, holder, holderBootId, desired } = instance;
  const holds = holder !== null && holderBootId !== null;
  const isDead = holds && isFenced(state.nodes.get(holder), holderBootId);
  if (isPlaced(instance) && (!holds || isDead)) faults.push(`${id} is ${phase} without a living holder`);
  if (isPlaced(instance) && holds && state.nodes.get(holder)?.bootId !== holderBootId) faults.push(`S7: ${id} is ${phase} for another boot of ${holder} than the one that is known`);
  if ((phase === 'stopped' || phase === 'terminated' || phase === 'crashBackoff') && holderBootId !== null) faults.push(`${id} is ${phase} and held`);
  if (phase === 'takeover' && (!isDead || instance.fence?.bootId !== holderBootId)) faults.push(`S7: ${id} waits for a takeover without a proof`);
  if (phase === 'stopping' && desired === 'running') faults.push(`${id} is stopping but shall run`);
  if (instance.standby !== null && instance.standby === holder && isPlaced(instance)) faults.push(`${id} is its own standby`);
  if (phase === 'terminated' && desired !== 'terminated') faults.push(`${id} is terminated but shall be ${desired}`);
  for (const volume of instance.volumes) {
    const record = state.volumes.get(volume);
    if (record === undefined) faults.push(`S14: ${volume} of ${id} is gone`);
    else if (holds && (record.holder !== holder || record.holderBootId !== holderBootId || record.generation !== instance.generation)) faults.push(`S7: ${volume} and ${id} have different holders`);
    else if (!holds && record.holderBootId !== null) faults.push(`${volume} is held, ${id} is not`);
  }
  return faults;
}

function volumeFaults(state: CellState, volume: VolumeRecord): string[] {
  const faults: string[] = [];
  const { id, replicas, inSync, retired, tainted } = volume;
  if (!volume.deleting && inSync.length === 0) faults.push(`${id} has nothing in sync`);
  if (inSync.some((node) => !replicas.includes(node))) faults.push(`${id} is in sync where it has no replica`);
  if (tainted.some((node) => !replicas.includes(node))) faults.push(`${id} has failed where it has no replica`);
  if (retired.some((node) => replicas.includes(node))) faults.push(`${id} has a replica that must be wiped and kept`);
  if (replicas.length > 2 || new Set(replicas).size !== replicas.length || new Set(inSync).size !== inSync.length) faults.push(`${id} has too many replicas`);
  if ((inSync.length < 2) !== (volume.degradedSinceIndex !== null)) faults.push(`${id} does not know whether it is degraded`);
  const { holder, holderBootId } = volume;
  const isHeld = holder !== null && holderBootId !== null && !isFenced(state.nodes.get(holder), holderBootId);
  if (isHeld && !replicas.includes(holder)) faults.push(`${id} is held by ${holder}, which has no replica of it`);
  if (volume.deleting && replicas.length + retired.length === 0) faults.push(`${id} is gone but has a record`);
  if (volume.instance !== null && state.instances.get(volume.instance) === undefined) faults.push(`${id} belongs to nobody`);
  return faults;
}

function stepFaults({ before, after, command }: Transition): string[] {
  const faults: string[] = [];
  for (const [id, old] of before.nodes.entries()) {
    const node = after.nodes.get(id);
    if (node === undefined || (old.phase === 'removed' && node.phase !== 'removed')) faults.push(`S12: ${id} came back`);
    if (node !== undefined && old.bootId !== null && node.bootId !== old.bootId && !isFenced(node, old.bootId)) faults.push(`S7: the earlier boot of ${id} is not dead`);
    if (missingMiB(after, id, {}) > Math.max(0, missingMiB(before, id, {})) && !MAY_USE_RESERVES.has(command.kind)) faults.push(`S16: ${command.kind} promised more of ${id} than there is`);
  }
  for (const [id, old] of before.instances.entries()) faults.push(...instanceStepFaults(before, command, old, after.instances.get(id)));
  for (const [id, old] of before.volumes.entries()) faults.push(...volumeStepFaults(command, old, after.volumes.get(id)));
  for (const [id, now] of after.volumes.entries()) {
    const isNewRight = now.holder !== null && now.holderBootId !== null && now.generation !== before.volumes.get(id)?.generation;
    if (isNewRight && (!now.inSync.includes(now.holder) || now.tainted.includes(now.holder))) faults.push(`P2: ${now.holder} may promote ${id} without a good replica`);
  }
  if ('actor' in command && RIGHTS.has(command.kind) && !mayAct(before.nodes.get(command.actor.node), command.actor.bootId)) faults.push(`S10: ${command.kind} by a boot without rights`);
  return faults;
}

const MAY_USE_RESERVES = new Set<Command['kind']>(['takeOver', 'bootNode', 'setParameters']);
const RIGHTS = new Set<Command['kind']>(['shrink', 'expand', 'volumeFormatted', 'reportStarted']);

function instanceStepFaults(before: CellState, command: Command, old: InstanceRecord, now: InstanceRecord | undefined): string[] {
  const faults: string[] = [];
  if (now === undefined) {
    const isNamed = command.kind === 'forgetInstances' && command.instances.includes(old.id);
    return isNamed && old.phase === 'terminated' ? [] : [`S14: ${old.id} was forgotten by ${command.kind}`];
  }
  const isNewRight = now.holderBootId !== null && (now.holder !== old.holder || now.holderBootId !== old.holderBootId);
  if (now.generation !== old.generation + (isNewRight || now.generation !== old.generation ? 1 : 0)) faults.push(`S6: ${old.id} went from generation ${old.generation} to ${now.generation}`);
  if (isNewRight && now.generation === old.generation) faults.push(`S6: ${old.id} has a new holder in its old generation`);
  if (isNewRight && old.holderBootId !== null && old.holder !== null && !isFenced(before.nodes.get(old.holder), old.holderBootId)) faults.push(`S7: ${old.id} was taken from a living holder`);
  if (isNewRight && now.holder !== null && now.holderBootId !== null && !mayAct(before.nodes.get(now.holder), now.holderBootId)) faults.push(`S10: ${old.id} was given to a boot without rights`);
  if (old.phase === 'terminated' && now.phase !== 'terminated') faults.push(`${old.id} rose from the dead`);
  if (now.moves.length > 0 && isNewRight && now.moves.at(-1)?.reason === 'takenOver' && (now.moves.at(-1)?.proof?.bootId !== old.holderBootId)) faults.push(`S7: the takeover of ${old.id} has no proof`);
  return faults;
}

function volumeStepFaults(command: Command, old: VolumeRecord, now: VolumeRecord | undefined): string[] {
  if (now === undefined) return old.deleting && (command.kind === 'replicaWiped' || command.kind === 'removeNode') ? [] : [`S14: ${old.id} was dropped by ${command.kind}`];
  const faults: string[] = [];
  const joined = now.inSync.filter((node) => !old.inSync.includes(node));
  if (joined.length > 0 && old.formatted && command.kind !== 'expand') faults.push(`S3: ${old.id} is in sync on ${joined.join()} by ${command.kind}`);
  if (now.generation < old.generation || now.version < old.version || now.epoch < old.epoch) faults.push(`S6: a number of ${old.id} went back`);
  if (String(now.replicas) !== String(old.replicas) && now.epoch === old.epoch) faults.push(`S15: ${old.id} has other replicas in the same epoch`);
  if (command.kind === 'shrink' && command.volume === old.id && now.version === old.version) faults.push(`S4: a shrink left the version of ${old.id}`);
  if (old.inSync.some((node) => !now.inSync.includes(node)) && now.version === old.version && old.formatted) faults.push(`S4: ${old.id} lost a member in the same version`);
  if (old.formatted && !now.formatted) faults.push(`S17: ${old.id} may be formatted again`);
  return faults;
}
