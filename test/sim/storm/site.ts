/**
 * What may a fault of the storm take hold of? The cell, and the promise that whatever breaks is mended when its time is over.
 */
import type { NodeId } from '../../../shared/ids.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import type { SimEvent, SimPlan } from '../plan.ts';

export interface StormSite {
  readonly cell: VirtualCell;
  readonly plan: SimPlan;
  /** The round's own network weather, as it is without a storm of its own. */
  readonly network: SimPlan['rounds'][number]['network'];
  /** Mends when the event's time is over, or when the storm ends for these nodes; none named: for the whole cell. */
  later(event: Pick<SimEvent, 'forMs'>, nodes: readonly NodeId[], undo: () => void): void;
  /** Whether nothing is broken now. */
  isQuiet(): boolean;
  /** No other fault begins for so long, ms. */
  keepQuiet(forMs: number): void;
}

/** What an event does to the node it picked; whether it did anything. */
export type Strike = (site: StormSite, event: SimEvent, node: NodeId) => boolean;

/** One of these, chosen by a number in [0, 1); undefined when there is none. */
export function pickFrom<Value>(values: readonly Value[], pick: number): Value | undefined {
  return values[Math.floor(pick * values.length)];
}

/** Starts what a supervisor would start again: the processes of a node that is up. */
export function startProcesses(cell: VirtualCell, node: NodeId): void {
  if (cell.room.nodeReport(node).bootId === null) return;
  const { agent, keeper } = cell.processes(node);
  if (!keeper) cell.startKeeper(node);
  if (!agent) cell.startAgent(node);
}
