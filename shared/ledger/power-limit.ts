/**
 * May the leader switch one more node off? The rate limit of power fencing (SAFETY.md 7), in two bounds.
 *
 *     share   of the nodes that were switched off within ten minutes, those that did not come back well are at most a share
 *     flap    one node is switched off at most so often within ten minutes, however well it came back each time
 *
 * A node came back well when the ledger proves it: a boot after the fenced one is ready, which it says only with a lease that
 * a leader confirmed, and it is in sync again in every volume that it has a replica of. Until then it counts, so at no time do more
 * nodes, or copies of anybody's data, than the share are missing through power fencing. The node in question is asked for the
 * ready boot only: its replicas go out of sync by the very silence that it is to be fenced for.
 * One that the cell may have switched on again itself (power-return.ts) counts for the ten minutes, however well it is: or a leader that is
 * wrong could switch all nodes off and on, one after the other, with nobody's help.
 *
 * The times are the leader's wall clock, so this holds back a confused leader, not one that lies. The lease path is never limited.
 */
import type { BootId, NodeId } from '../ids.ts';
import type { CellState } from '../model/cell.ts';
import { POWER_FENCE_WINDOW_MS, POWER_FENCES_PER_NODE_MAX, POWER_RETURN_WINDOW_MS } from '../model/limits.ts';
import type { NodePhase, NodeRecord } from '../model/node.ts';

export type PowerFences = CellState['powerFences'];

const READY_PHASES: readonly NodePhase[] = ['active', 'draining', 'maintenance'];

/** The power fences that still count at `atMs`, the wall clock of the leader that asks. One dated far ahead does not count for ever. */
function recentPowerFences(state: CellState, atMs: number): PowerFences {
  return state.powerFences.filter((fence) => Math.abs(atMs - fence.atMs) <= POWER_FENCE_WINDOW_MS);
}

/** With one more, what is worth remembering: the last hour's, and of a node no more than either bound asks for. */
export function keptPowerFences(state: CellState, one: PowerFences[number]): PowerFences {
  const all = [...state.powerFences.filter((fence) => Math.abs(one.atMs - fence.atMs) <= POWER_RETURN_WINDOW_MS), one];
  const own = all.filter((fence) => fence.node === one.node);
  const dropped = new Set(own.slice(0, Math.max(0, own.length - POWER_FENCES_PER_NODE_MAX)));
  return all.filter((fence) => !dropped.has(fence));
}

/** Why this node may not be switched off at `atMs`, for people; null when it may. */
export function refusePowerFence(state: CellState, node: NodeId, atMs: number): string | null {
  const recent = recentPowerFences(state, atMs);
  const own = recent.filter((fence) => fence.node === node).length;
  if (own >= POWER_FENCES_PER_NODE_MAX) return `${node} was switched off ${own} times in ten minutes; at most ${POWER_FENCES_PER_NODE_MAX} are allowed`;
  const missing = new Set(recent.filter((fence) => !cameBack(state, fence, node)).map((fence) => fence.node));
  const most = powerFencesMax(state);
  if (missing.size < most) return null;
  return `${[...missing].join(', ')} did not come back well from a power fence of the last ten minutes; at most ${most} may be missing`;
}

/** How many nodes may be missing: the parameter's share of those that booted, at least one. A share above 1 is one of an older cell. */
function powerFencesMax(state: CellState): number {
  let members = 0;
  for (const node of state.nodes.values()) if (node.phase !== 'removed' && node.phase !== 'admitted') members += 1;
  return Math.max(1, Math.floor(Math.min(1, state.parameters.powerFenceShare) * members));
}

function cameBack(state: CellState, fence: PowerFences[number], asked: NodeId): boolean {
  const node = state.nodes.get(fence.node);
  if (node === undefined || !isReadyAgain(node, fence.bootId)) return false;
  return node.id === asked || (fence.foundOff && isInSync(state, node.id));
}

function isReadyAgain(node: NodeRecord, fenced: BootId): boolean {
  return node.bootId !== fenced && READY_PHASES.includes(node.phase);
}

function isInSync(state: CellState, node: NodeId): boolean {
  for (const volume of state.volumes.values()) {
    if (volume.formatted && !volume.deleting && volume.replicas.includes(node) && !volume.inSync.includes(node)) return false;
  }
  return true;
}
