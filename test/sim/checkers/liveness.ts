/**
 * Does the cell come back when the weather is calm? L1 to L10 of SAFETY.md 6.1, each with its bound.
 *
 * A core (a majority of the voters, and a replica in sync of each volume) is healed first, and the rest stays broken: only what the core
 * can do by itself is demanded. Then everything is healed, and nothing may be left over.
 */
import { memberOfVoter, voterIdOf } from '../../../shared/ids.ts';
import type { NodeId, VoterId } from '../../../shared/ids.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import type { VolumeRecord } from '../../../shared/model/volume.ts';
import { unrest } from '../../support/cell-witness.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';

/** How long the whole cell may take when all is healed, ms: crashed guests are restarted ever more slowly. */
export const CALM_LIMIT_MS = 240_000;

/** What still keeps the core from having done all that it can, as sentences. Empty: it has. */
export function coreUnrest(cell: VirtualCell, core: readonly NodeId[]): readonly string[] {
  const found: string[] = [];
  const state = cell.state();
  const leader = cell.leader();
  if (leader === null) found.push('L1: there is no leader');
  for (const id of core) {
    const node = state.nodes.get(id);
    if (node?.phase === 'removed') continue;
    if (node?.phase !== 'active' || node.bootId !== cell.room.nodeReport(id).bootId) found.push(`L9: ${id} is ${node?.phase ?? 'unknown'}, and well`);
  }
  const { instances: seen } = cell.room.report();
  for (const instance of state.instances.values()) {
    const running = seen[instance.id]?.running ?? [];
    if (instance.desired === 'running' && isRunnable(state.volumes.get(instance.volumes[0] ?? ('' as never)), core)) {
      if (instance.phase !== 'running' || running.length !== 1) found.push(`L2: ${instance.id} is ${instance.phase}${why(instance)}, and a replica in sync is on ${core.join(', ')}`);
    }
    if (instance.desired !== 'running' && instance.phase !== instance.desired && isHere(instance, core)) found.push(`L7: ${instance.id} is ${instance.phase}${why(instance)}, and shall be ${instance.desired}`);
  }
  for (const fact of cell.drbd.room?.facts() ?? []) {
    if (fact.isFrozen && core.includes(fact.node as NodeId)) found.push(`L3: ${fact.resource} is frozen on ${fact.node}`);
  }
  return found;
}

function why({ reason }: InstanceRecord): string {
  return reason === null ? '' : ` (${reason.message})`;
}

/** Whether the core alone can run what has this volume. Before it was formatted it may be waiting for a node that is gone. */
function isRunnable(volume: VolumeRecord | undefined, core: readonly NodeId[]): boolean {
  return volume !== undefined && volume.formatted && volume.inSync.some((node) => core.includes(node) && !volume.tainted.includes(node));
}

/** Whether nothing of it waits for a node outside of the core. */
function isHere(instance: InstanceRecord, core: readonly NodeId[]): boolean {
  return instance.holder === null || core.includes(instance.holder);
}

/**
 * The nodes that are healed first: as few of the voters as still are a majority, and enough for a replica in sync of each volume.
 * `how` in [0, 1) chooses among them; all nodes when nobody can be spared.
 */
export function chooseCore(cell: VirtualCell, how: number): readonly NodeId[] {
  const state = cell.state();
  let core: readonly NodeId[] = cell.nodeIds;
  const voterIds = cell.voters();
  // A voter whose store was lost is none any more, though its node lives.
  const isVoter = (node: NodeId): boolean => voterIds.includes(voterIdOf(node, cell.store(node).storeUuid));
  const voters = voterIds.length;
  // A witness is healed with the rest; a node that was removed, and whose vote was not yet taken over, is gone for good.
  const others = voterIds.filter((voter) => cell.state().coordinators.has(memberOfVoter(voter as VoterId))).length;
  const isEnough = (nodes: readonly NodeId[]): boolean => 2 * (nodes.filter(isVoter).length + others) > voters
    && [...state.volumes.values()].every(({ formatted, inSync, tainted }) => !formatted || inSync.some((node) => nodes.includes(node) && !tainted.includes(node)));
  const wanted = Math.floor(how * 3);
  const start = Math.floor(how * 977) % cell.nodeIds.length;
  for (let at = 0; at < cell.nodeIds.length && cell.nodeIds.length - core.length < wanted; at += 1) {
    const spared = cell.nodeIds[(start + at) % cell.nodeIds.length];
    const rest = core.filter((node) => node !== spared);
    if (isEnough(rest)) core = rest;
  }
  return core;
}

/** What is left when all is healed: nothing may be. */
export function wholeUnrest(cell: VirtualCell): readonly string[] {
  return unrest(cell);
}
