/**
 * Who may propose what? The first guard of the ledger: a node speaks for itself, a coordinator for users, the leader for the rest.
 */
import type { MemberId, NodeId } from '../../ids.ts';
import type { CellState } from '../../model/cell.ts';
import { USER_COMMANDS } from '../../wire/intent.ts';
import type { Command } from '../commands.ts';

/** Null when `from` may propose the command; else why not. `self` is the leader's own member id. */
export function refuseProposal(state: CellState, self: MemberId, from: MemberId, command: Command): string | null {
  if (from === self) return null;
  const node = state.nodes.get(from as NodeId);
  if (node !== undefined) {
    if (node.phase === 'removed') return `${from} was removed from the cell`;
    if ('actor' in command && command.actor.node === from) return null;
    return `${from} may only report what concerns itself, not ${command.kind}`;
  }
  if (state.coordinators.has(from)) {
    return USER_COMMANDS.includes(command.kind) ? null : `a coordinator may not propose ${command.kind}`;
  }
  return `${from} is not a member of the cell`;
}
