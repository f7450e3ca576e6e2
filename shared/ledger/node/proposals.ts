/**
 * Which proposals of other members does a leader take? Those that are well formed, of whoever has the right, and of users only while it has time.
 */
import { ClusterError } from '../../errors.ts';
import type { MemberId } from '../../ids.ts';
import type { CellState } from '../../model/cell.ts';
import { parseCommand } from '../command-schema.ts';
import type { Command, EntryData } from '../commands.ts';
import { refuseProposal } from './authority.ts';

/** The leader's door for proposals. */
export class ProposalGate {
  #admitUser: () => (() => void) | null = () => () => undefined;

  /** See LedgerMember.admitUsersBy. */
  admitUsersBy(admit: () => (() => void) | null): void {
    this.#admitUser = admit;
  }

  /** Lets the proposal of `from` pass; rejects with ClusterError `NotAuthorised` or `LeaderBusy`. `state` must be a leader's: that of one whose store was lost knows nobody yet. */
  async pass<Value>(state: CellState, self: MemberId, from: MemberId, command: Command, propose: () => Promise<Value>): Promise<Value> {
    const refusal = refuseProposal(state, self, from, command);
    if (refusal !== null) throw new ClusterError('NotAuthorised', refusal, { retryable: false });
    const leave = state.coordinators.has(from) ? this.#admitUser() : () => undefined;
    if (leave === null) throw new ClusterError('LeaderBusy', 'the leader is behind with its work', { retryable: true });
    try {
      return await propose();
    } finally {
      leave();
    }
  }
}

/** What a member is told that asked somebody who does not lead. */
export const notLeader = (leader: MemberId | null): ClusterError =>
  new ClusterError('NotLeader', leader === null ? 'no leader is known here' : `the leader is ${leader}`, { retryable: true });

/** Reads a proposal; throws ClusterError `InvalidRequest`. */
export function parseProposal(body: unknown): EntryData {
  const data = body as Partial<EntryData> | null;
  if (typeof data !== 'object' || data === null || typeof data.at !== 'string' || data.at.length > 40 || typeof data.by !== 'string') {
    throw new ClusterError('InvalidRequest', 'a proposal needs a command, a time and a proposer', { retryable: false });
  }
  const command = parseCommand(data.command);
  if (command.kind === 'invalid') throw new ClusterError('InvalidRequest', `the proposed command is malformed: ${command.message}`, { retryable: false });
  return { command: command.value, at: data.at, by: data.by };
}
