/**
 * What should be done next in the cell? The leader's planner: ledger state, hints and time in, commands to propose out.
 *
 * Deterministic and idempotent: the same input gives the same commands, and proposing them twice is harmless, because
 * every one names the generation, epoch or phase that it was thought out for. Each command is tried out on a copy of
 * the state first, so one call never promises the same memory twice and never proposes what would be rejected.
 */
import type { Command } from '../../shared/ledger/commands.ts';
import type { CellState } from '../../shared/model/cell.ts';
import { Draft } from './plan-draft.ts';
import type { PlanHints } from './plan-draft.ts';
import { planForgetting, planPardons, planStandbys } from './plan-upkeep.ts';
import { planReplicas } from './plan-replicas.ts';
import { planStarts } from './plan-starts.ts';

/** The commands that the leader should propose now, the most urgent first. `nowMs` is its monotonic clock, as in `remember`. */
export function plan(state: CellState, hints: PlanHints, nowMs: number): readonly Command[] {
  const draft = new Draft(state, hints, nowMs);
  planStarts(draft);
  planReplicas(draft);
  planStandbys(draft);
  planPardons(draft);
  planForgetting(draft);
  return draft.commands;
}
