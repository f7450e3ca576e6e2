/**
 * How is a node shown? The ledger's record, with what is gossiped and suspected of it beside.
 */
import { memberOfVoter } from '../../shared/ids.ts';
import type { MemberId } from '../../shared/ids.ts';
import type { LedgerStatus } from '../../shared/ledger/replicated-log.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { NodeRecord } from '../../shared/model/node.ts';
import { NO_USAGE } from '../../shared/model/usage.ts';
import type { NodeView } from '../../shared/wire/rest.ts';
import type { HeardHealth, LeaderSight } from './ports.ts';
import { proofView } from './proof-view.ts';

/** What is known of nodes beside the ledger. */
export interface NodeSights {
  readonly status: LedgerStatus;
  readonly health: ReadonlyMap<string, HeardHealth>;
  /** Null: the leader did not say. */
  readonly leader: ReadonlyMap<string, LeaderSight> | null;
}

/** All nodes by name, those that were removed for good left out. */
export function nodeViews(state: CellState, sights: NodeSights): readonly NodeView[] {
  return state.nodes.values()
    .filter((node) => node.phase !== 'removed')
    .toSorted((a, b) => byName(a.id, b.id))
    .map((node) => nodeView(node, state, sights));
}

/** `node-2` before `node-10`. */
export function byName(a: string, b: string): number {
  const numbers = [a, b].map((name) => Number(/\d+$/.exec(name)?.[0] ?? NaN));
  const [left = NaN, right = NaN] = numbers;
  const isSameStem = a.replace(/\d+$/, '') === b.replace(/\d+$/, '');
  if (isSameStem && left !== right && !Number.isNaN(left) && !Number.isNaN(right)) return left - right;
  return a < b ? -1 : a > b ? 1 : 0;
}

function nodeView(node: NodeRecord, state: CellState, sights: NodeSights): NodeView {
  const usage = state.usage.get(node.id) ?? NO_USAGE;
  const sight = sights.leader?.get(node.id) ?? null;
  return {
    id: node.id, phase: node.phase, cordoned: node.cordoned, bootId: node.bootId, incarnation: node.incarnation,
    roles: rolesOf(node.id, sights.status),
    failureDomain: node.failureDomain, meshAddress: node.meshAddress, power: node.power.kind,
    capacity: { ...node.capacity, domainKinds: [...node.capacity.domainKinds] },
    usage: { memoryMiB: usage.memoryMiB, vcpus: usage.vcpus, instances: usage.instances, diskBytes: usage.diskBytes, replicas: usage.replicas },
    health: healthOf(node, sights.health.get(node.id)),
    suspect: sight?.suspect ?? null,
    renewalAgeMs: sight?.renewalAgeMs ?? null,
    fence: node.fence === null ? null : proofView(node.fence),
  };
}

/** A member's part in the ledger. */
function rolesOf(member: MemberId, status: LedgerStatus): NodeView['roles'] {
  const isIn = (ids: LedgerStatus['voters']): boolean => ids.some((id) => memberOfVoter(id) === member);
  return [
    ...(status.leader === member ? ['leader' as const] : []),
    ...(isIn(status.voters) ? ['voter' as const] : []),
    ...(isIn(status.learners) ? ['learner' as const] : []),
  ];
}

/** What a boot that is over said of itself is no news. */
function healthOf(node: NodeRecord, heard: HeardHealth | undefined): NodeView['health'] {
  if (heard === undefined || heard.gossip.bootId !== node.bootId || node.phase === 'fenced') return null;
  const { freeMemoryMiB, freeDiskBytes, load, loopDelayMsMax, unreachable, running } = heard.gossip;
  return { ageMs: Math.round(heard.ageMs), freeMemoryMiB, freeDiskBytes, load, loopDelayMsMax, unreachable: [...unreachable], running: running.map((one) => ({ ...one })) };
}
