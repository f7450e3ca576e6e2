/**
 * How long has it been like this? What the leader saw, and when: the only time that its planner knows.
 *
 * The ledger has no clock, so the leader looks at each state as it comes by and remembers when a record began to look
 * the way it does. A new leader begins with nothing: for it everything began when it looked first, so waits can only
 * become longer by a change of leader, never shorter.
 */
import type { InstanceId, NodeId, VolumeId } from '../../shared/ids.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { Table } from '../../shared/table.ts';

/** Since when a record has looked like this. `AtMs` are instants of the leader's monotonic clock. */
export interface Seen {
  /** What it looked like: another look is another beginning. */
  readonly look: string;
  readonly sinceAtMs: number;
  /** True when this leader saw it change, false when it was so when the leader first looked. */
  readonly isWitnessed: boolean;
}

/** Everything that the planner remembers. */
export interface PlanMemory {
  readonly nodes: ReadonlyMap<NodeId, Seen>;
  readonly instances: ReadonlyMap<InstanceId, Seen>;
  readonly volumes: ReadonlyMap<VolumeId, Seen>;
  /** The state that was looked at: tables that did not change are not walked again. */
  readonly looked: Pick<CellState, 'nodes' | 'instances' | 'volumes'> | null;
}

/** The memory of a leader that has just been elected. */
export const NO_MEMORY: PlanMemory = { nodes: new Map(), instances: new Map(), volumes: new Map(), looked: null };

/** Looks at a state at `nowMs`. Call it before each `plan`, from the first moment of leading. */
export function remember(memory: PlanMemory, state: CellState, nowMs: number): PlanMemory {
  const { looked } = memory;
  return {
    nodes: looked?.nodes === state.nodes ? memory.nodes : look(memory.nodes, looked?.nodes, state.nodes, (node) => `${node.phase}/${node.bootId ?? ''}`, nowMs),
    instances: looked?.instances === state.instances ? memory.instances
      : look(memory.instances, looked?.instances, state.instances, (instance) => `${instance.desired}/${instance.phase}/${instance.phaseIndex}`, nowMs),
    volumes: looked?.volumes === state.volumes ? memory.volumes : look(memory.volumes, looked?.volumes, state.volumes, (volume) => `${volume.degradedSinceIndex ?? ''}`, nowMs),
    looked: { nodes: state.nodes, instances: state.instances, volumes: state.volumes },
  };
}

/** `looked`: the table that `old` was made of; none at the first look. */
function look<Id extends string, Value>(
  old: ReadonlyMap<Id, Seen>, looked: Table<Id, Value> | undefined, table: Table<Id, Value>, lookOf: (value: Value) => string, nowMs: number,
): ReadonlyMap<Id, Seen> {
  const next = new Map<Id, Seen>();
  for (const [id, value] of table.entries()) {
    const seen = old.get(id);
    // Most records are the very ones that were looked at last time.
    if (seen !== undefined && looked?.get(id) === value) next.set(id, seen);
    else next.set(id, lookAt(seen, lookOf(value), nowMs, looked === undefined));
  }
  return next;
}

function lookAt(seen: Seen | undefined, now: string, nowMs: number, isFirst: boolean): Seen {
  return seen?.look === now ? seen : { look: now, sinceAtMs: nowMs, isWitnessed: !isFirst };
}

/** How long it has looked like this, ms; 0 for what was never looked at. */
export function ageMs(seen: Seen | undefined, nowMs: number): number {
  return seen === undefined ? 0 : Math.max(0, nowMs - seen.sinceAtMs);
}
