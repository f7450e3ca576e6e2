/**
 * Which proposals of other members does a leader take? Those that are well formed, of whoever has the right, and of users only while it has time.
 */
import { ClusterError } from '../../errors.ts';
import type { MemberId } from '../../ids.ts';
import type { CellState } from '../../model/cell.ts';
import { isSameJson } from '../../json.ts';
import { USER_COMMANDS } from '../../wire/intent.ts';
import { parseCommand } from '../command-schema.ts';
import type { Command, EntryData, Rejection } from '../commands.ts';
import type { Proposed } from '../replicated-log.ts';
import { refuseProposal } from './authority.ts';
import type { Replica } from './replica.ts';

/** The leader's door for proposals. */
export class ProposalGate {
  #vetUser: (command: Command) => Rejection | null = () => null;
  #admitUser: () => (() => void) | null = () => () => undefined;

  /** See LedgerMember.admitUsersBy. */
  admitUsersBy(admit: () => (() => void) | null): void {
    this.#admitUser = admit;
  }

  /** See LedgerMember.vetUsersBy. */
  vetUsersBy(vet: (command: Command) => Rejection | null): void {
    this.#vetUser = vet;
  }

  /** Lets the proposal of `from` pass; rejects with ClusterError `NotAuthorised` or `LeaderBusy`. `state` must be a leader's: that of one whose store was lost knows nobody yet. */
  async pass(state: CellState, self: MemberId, from: MemberId, command: Command, propose: () => Promise<Proposed>): Promise<Proposed> {
    const refusal = refuseProposal(state, self, from, command);
    if (refusal !== null) throw new ClusterError('NotAuthorised', refusal, { retryable: false });
    const isUser = state.coordinators.has(from);
    const vetoed = isUser ? this.#vetUser(command) : null;
    // No entry of the log says so: there is none to wait for.
    if (vetoed !== null) return { index: 0, result: vetoed };
    const leave = isUser ? this.#admitUser() : () => undefined;
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

/**
 * What a proposer knows of earlier attempts. An attempt without an answer may have been committed, or may be yet: whoever takes a user's
 * command looks for it in its log first, so that it has its effect once. Had it twice, an acknowledged one between the two would be undone.
 */
export interface Attempts {
  /** What the proposer had applied before its first attempt: the entry can only lie behind that. */
  readonly since: number;
  /** Whether an earlier attempt may have had its effect. */
  readonly isRepeat: boolean;
}

/** Reads it from a proposal; members of older versions say nothing of it. */
export function parseAttempts(body: unknown): Attempts {
  const { since, isRepeat } = body as Partial<Attempts>;
  return { since: isCount(since) ? since : 0, isRepeat: isRepeat === true };
}

/** Whether a failed attempt may have had its effect all the same. */
export function mayHaveHadEffect(error: unknown): boolean {
  return !(error instanceof ClusterError) || (error.code !== 'NotLeader' && error.code !== 'LeaderBusy' && error.code !== 'LedgerOverloaded');
}

/** Whether two entries are attempts at the same proposal: a member asks for the same thing once in a millisecond. */
export function isSameProposal(one: EntryData, other: EntryData): boolean {
  return one.by === other.by && one.at === other.at && isSameJson(one.command, other.command);
}

/**
 * What becomes of an earlier attempt at the same user's command, on a leader; null when there is none, so that it may be proposed. `waiting`
 * finds it in what this leader has not applied yet. What nodes and leaders propose is taken each time: it carries guards, by which a second
 * time is refused or changes nothing, and a shrink must never be answered by an older one (SAFETY.md 2.3). Throws ClusterError
 * `LedgerTimeout` when so much of the log is gone that nobody can tell.
 */
export function earlierAttempt(replica: Replica, data: EntryData, { since, isRepeat }: Attempts, waiting: () => Promise<Proposed> | null): Promise<Proposed> | null {
  if (!USER_COMMANDS.includes(data.command.kind)) return null;
  const applied = replica.outcomeOf(data, since);
  if (applied !== null) return Promise.resolve(applied);
  const open = waiting();
  if (open !== null) return open;
  if (!isRepeat || replica.entriesAfter(since, 1) !== null) return null;
  throw new ClusterError('LedgerTimeout', 'whether an earlier attempt was committed is not known here any more', { retryable: true });
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
