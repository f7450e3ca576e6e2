/**
 * Can this node be switched off without anybody missing it? Then its keeper may disarm the watchdog when it is told to end.
 *
 * Only in maintenance: cordoned, emptied, and given nothing before somebody lifts the cordon (SAFETY.md 5.1). An active node
 * that happens to have nothing to do may be given work at any moment. The ledger's word is not enough, nor is the programs':
 * a domain that the ledger forgot still runs, and one that was just asked for does not yet.
 */
import type { CellState } from '../../shared/model/cell.ts';
import type { Observed, Self } from './observed.ts';

/** Whether no domain runs here, none is to be started, and no replica is, or may be, primary. `observed` must be current. */
export function isIdle(state: CellState, self: Self, observed: Observed): boolean {
  const node = state.nodes.get(self.node);
  if (node?.phase !== 'maintenance' || node.bootId !== self.bootId || !node.cordoned) return false;
  if (observed.domains.size > 0) return false;
  for (const resource of observed.resources.values()) if (resource.role !== 'Secondary') return false;
  for (const instance of state.instances.values()) if (instance.holder === self.node) return false;
  for (const volume of state.volumes.values()) if (volume.holder === self.node) return false;
  return true;
}
