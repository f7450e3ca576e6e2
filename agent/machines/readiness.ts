/**
 * What does a node that has started still lack before it takes work? Its right must have proven steady, its replicas must be up,
 * and nothing may run here that another boot was allowed to run (SAFETY.md 5.1, JOINING to ACTIVE).
 */
import type { VolumeId } from '../../shared/ids.ts';
import type { CellState } from '../../shared/model/cell.ts';
import { SECOND_MS } from '../../shared/units.ts';
import type { Observed, Self } from './observed.ts';

/** How many renewals of the lease in a row, none missed between them, are asked of a node that joins (SAFETY.md 5.1). */
export const READY_RENEWALS = 10;

/**
 * How long a node waits for its replicas. One that does not come up (its holder does not say what it missed, its configuration is
 * refused) concerns one volume, and must not keep the node from all others: placement asks the in-sync set in any case.
 */
export const REPLICAS_WAIT_MS = 15 * SECOND_MS;

/** What readiness looks at. */
export interface ReadinessView {
  readonly state: CellState;
  readonly self: Self;
  readonly observed: Observed;
  /** Whether `observed.resources` is what DRBD shows now. */
  readonly isDrbdCurrent: boolean;
  /** Renewals confirmed in a row, the watchdog armed. */
  readonly renewalsInRow: number;
  /** How long this node has worked on its replicas since it started, ms. */
  readonly waitedMs: number;
}

/** What is missing, for people; empty: ready. */
export function missingForReady(view: ReadinessView): readonly string[] {
  const { state, self, observed, renewalsInRow, waitedMs } = view;
  const missing: string[] = [];
  if (renewalsInRow < READY_RENEWALS) missing.push(`${READY_RENEWALS} renewals in a row`);
  for (const { instance: id } of observed.domains.values()) {
    const instance = state.instances.get(id);
    // One that the ledger does not know is left to people (S14), and keeps nobody waiting.
    const isOrphan = instance !== undefined && (instance.holder !== self.node || instance.holderBootId !== self.bootId);
    if (isOrphan) missing.push(`the end of ${id}`);
  }
  if (waitedMs < REPLICAS_WAIT_MS) missing.push(...replicasDown(view).map((id) => `${id} to be up`));
  return missing;
}

/** Replicas that should be up here and are not. */
export function replicasDown({ state, self, observed, isDrbdCurrent }: ReadinessView): readonly VolumeId[] {
  const down: VolumeId[] = [];
  for (const volume of state.volumes.values()) {
    const isOurs = volume.replicas.includes(self.node) && !volume.deleting && !volume.tainted.includes(self.node);
    if (isOurs && !(isDrbdCurrent && observed.resources.has(volume.id))) down.push(volume.id);
  }
  return down;
}
