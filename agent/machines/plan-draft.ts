/**
 * What has the planner decided so far in this call? Its commands, each tried out on a copy of the state.
 */
import { apply } from '../../shared/ledger/apply.ts';
import type { Command } from '../../shared/ledger/commands.ts';
import type { MemberId } from '../../shared/ids.ts';
import { SECOND_MS } from '../../shared/units.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { PlacementHints } from './placement.ts';
import type { PlanMemory } from './plan-memory.ts';

/** What the leader knows beside the ledger. */
export interface PlanHints extends PlacementHints {
  /** Kept by `remember`. */
  readonly memory: PlanMemory;
  /** How long a cold start waits for the node that held an instance before, ms. Default OLD_HOLDER_WAIT_MS. */
  readonly oldHolderWaitMs?: number;
}

/** Commands of one call: enough to move a node's worth of instances, few enough to follow each other quickly. */
export const PLAN_COMMANDS_MAX = 64;
/** In a cold start the old holder is the better choice, if it is ready this soon (its standby is ready already). */
export const OLD_HOLDER_WAIT_MS = 15 * SECOND_MS;

/** Who the trial entries are from; they are never proposed. */
const PLANNER = 'planner' as MemberId;

/** One call's work: the commands so far, and the state as it would be after them. */
export class Draft {
  state: CellState;
  readonly commands: Command[] = [];
  readonly hints: PlanHints;
  readonly nowMs: number;

  constructor(state: CellState, hints: PlanHints, nowMs: number) {
    this.state = state;
    this.hints = hints;
    this.nowMs = nowMs;
  }

  get isFull(): boolean {
    return this.commands.length >= PLAN_COMMANDS_MAX;
  }

  /** Adds a command if it would be applied and change something. */
  propose(command: Command): boolean {
    if (this.isFull) return false;
    const { state, result } = apply(this.state, { index: 0, term: 0, data: { command, at: '', by: PLANNER } });
    if (result.kind === 'rejected' || state === this.state) return false;
    this.state = state;
    this.commands.push(command);
    return true;
  }
}
