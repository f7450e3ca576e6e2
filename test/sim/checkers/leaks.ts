/**
 * Does anything pile up? A calm cell after its storms holds no more timers, streams and entries than a fresh one with as many instances.
 */
import type { VirtualCell } from '../../support/virtual-cell.ts';

/** How long nothing may have happened before one looks, ms: longer than any deadline of what a storm left (programs: 60 s), and than ended instances are shown. */
export const SETTLE_MS = 75_000;

// Measured on fresh cells of 3 to 7 nodes with 0 to 6 instances: 9 to 11 timers for each node and 2 for each instance.
const TIMERS_EACH_NODE = 13;
const TIMERS_EACH_INSTANCE = 4;
const TIMERS_MORE = 20;

/** What there is too much of, in a cell that was calm for {@link SETTLE_MS}. */
export function leaks(cell: VirtualCell): readonly string[] {
  const { instances, volumes, tokens, usage } = cell.state();
  const nodes = cell.nodeIds.length;
  // Whoever was removed, and was switched on again all the same, looks at its disks too.
  const machines = Math.max(nodes, cell.runningAgents());
  const limits: readonly (readonly [string, number, number])[] = [
    ['timers wait', cell.world.waitingTimers(), TIMERS_EACH_NODE * (machines + 1) + TIMERS_EACH_INSTANCE * instances.size + TIMERS_MORE],
    ['streams of DRBD are open', cell.drbd.room?.openStreams() ?? 0, machines],
    ['programs run', cell.programs(), machines],
    ['helpers of DRBD wait', cell.waitingHelpers(), 0],
    ['terminated instances are kept', [...instances.values()].filter(({ phase }) => phase === 'terminated').length, 0],
    ['volumes are kept', volumes.size, [...instances.values()].reduce((sum, { volumes: own }) => sum + own.length, 0)],
    ['client tokens are kept', tokens.size, instances.size],
    ['nodes have a usage', usage.size, cell.state().nodes.size],
  ];
  return limits.filter(([, count, limit]) => count > limit).map(([what, count, limit]) => `leak: ${count} ${what} in a calm cell of ${nodes} nodes and ${instances.size} instances, and ${limit} would be enough`);
}
