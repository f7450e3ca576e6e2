/**
 * Who may lead a cell whose log is in etcd? Few nodes, the same in everybody's eyes: keepers renew with all of them when the leader falls silent.
 */
import { voterIdOf } from '../../ids.ts';
import type { MemberId, NodeId, VoterId } from '../../ids.ts';
import type { CellState } from '../../model/cell.ts';
import type { NodePhase } from '../../model/node.ts';

/** As many as our own log would have voters at most. */
export const CANDIDATES_MAX = 5;
/** Of a node that never booted: it has no store yet. */
const NO_STORE = '00000000-0000-4000-8000-000000000000';

/** Least is best: those that work, then those that may soon. */
const RANK: Readonly<Record<NodePhase, number>> = { active: 0, draining: 0, maintenance: 0, joining: 1, admitted: 2, fencing: 3, fenced: 3, removed: 4 };

/** The nodes that may lead, in the order of their names. A node that was fenced gives its place to another one, where there is one. */
export function candidatesOf({ nodes }: Pick<CellState, 'nodes'>): readonly NodeId[] {
  return [...nodes.values()]
    .filter((node) => node.phase !== 'removed')
    .toSorted((left, right) => RANK[left.phase] - RANK[right.phase] || (left.id < right.id ? -1 : 1))
    .slice(0, CANDIDATES_MAX)
    .map((node) => node.id)
    .toSorted();
}

/** The same with their stores, and whoever leads, whether it is one of them or not: renewals must reach it. */
export function votersOf(state: CellState, leader: MemberId | null): readonly VoterId[] {
  const members: readonly MemberId[] = candidatesOf(state);
  return (leader === null || members.includes(leader) ? members : [...members, leader])
    .map((member) => voterIdOf(member, state.nodes.get(member as NodeId)?.storeUuid ?? NO_STORE));
}
