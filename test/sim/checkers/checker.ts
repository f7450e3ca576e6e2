/**
 * What does a checker see of a cell? Everything, as it happens, in true time. Each checker answers for a few promises of SAFETY.md 6.1.
 *
 * A violation is a sentence that begins with its invariant: `S8 boot ... of node-2 is proven dead while ... runs there`.
 */
import type { MemberId, NodeId } from '../../../shared/ids.ts';
import type { AppliedEntry } from '../../../shared/ledger/commands.ts';
import type { LedgerNode } from '../../../shared/ledger/node/ledger-node.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';

/** What all checkers of one cell share. */
export interface Scene {
  readonly cell: VirtualCell;
  /** The state after the newest entry that any member has applied. Null before the first. */
  readonly newest: () => CellState | null;
  readonly violate: (what: string) => void;
}

export interface Checker {
  /** An entry that no member had applied before; `before`: the state that it came upon, null when nobody knows. */
  readonly applied?: (entry: AppliedEntry, before: CellState | null, after: CellState) => void;
  /** The room, as it is now. Often. */
  readonly look?: () => void;
  /** An agent runs a program. */
  readonly ran?: (node: NodeId, bootId: string, argv: readonly string[], stdin: string) => void;
  /** A process with a ledger starts. */
  readonly started?: (member: MemberId, ledger: LedgerNode) => void;
}
