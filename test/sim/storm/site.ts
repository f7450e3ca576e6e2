/**
 * What may a fault of the storm take hold of? The cell, and the promise that whatever breaks is mended when its time is over.
 */
import type { NodeId } from '../../../shared/ids.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import type { Moment } from '../../support/moments.ts';
import type { Round, SimEvent } from '../plan.ts';

export interface StormSite {
  readonly cell: VirtualCell;
  /** The round's own network weather, as it is without a storm of its own. */
  readonly network: Round['network'];
  /** Mends when the event's time is over, or when the storm ends for these nodes; none named: for the whole cell. */
  later(forMs: number, nodes: readonly NodeId[], undo: () => void): void;
  /** Something goes on for so long, whatever is mended: a stopped process, what is under way in a clogged link. Calm begins after it. */
  lasts(forMs: number): void;
  /** Does something after a while, unless the storm is over by then. */
  during(afterMs: number, act: () => void): void;
  /** Whether nothing is broken now that could cost data. */
  isQuiet(): boolean;
  /** No other fault begins for so long, ms. */
  keepQuiet(forMs: number): void;
  /** Springs at the next entry that the leader applies. */
  setTrap(spring: (leader: NodeId) => void): void;
  /**
   * Waits, for as long as the event lasts, until `spring` does not say null; at most so many times, and then the event strikes. What `spring` says is for how
   * long the moment is held up, ms.
   */
  trap(timesMax: number, spring: (moment: Moment) => number | null): void;
  /** Whether users terminate it: not what a checker looks at. */
  mayTerminate(instance: InstanceRecord): boolean;
  /** Something happened that must not. */
  complain(what: string): void;
  /** Nodes that shall be cordoned; the storm sees to it that no other stays so. */
  readonly cordoned: Set<NodeId>;
  /** Nodes whose machines run on when they were removed. */
  readonly leftOn: Set<NodeId>;
}

/** What an event does to the node it picked; whether it did anything (a trap does later, if ever). */
export type Strike = (site: StormSite, event: SimEvent, node: NodeId) => boolean;

/** One of these, chosen by a number in [0, 1); undefined when there is none. */
export function pickFrom<Value>(values: readonly Value[], pick: number): Value | undefined {
  return values[Math.floor(pick * values.length)];
}

/** More numbers in [0, 1) out of one: the same each time. */
export function spread(how: number, at: number): number {
  return (how * 977 + at * 0.618_034) % 1;
}

/** Starts what a supervisor would start again: the processes of a node that is up. */
export function startProcesses(cell: VirtualCell, node: NodeId): void {
  if (cell.room.nodeReport(node).bootId === null) return;
  const { agent, keeper } = cell.processes(node);
  if (!keeper) cell.startKeeper(node);
  if (!agent) cell.startAgent(node);
}
