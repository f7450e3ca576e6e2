/**
 * What does the rest of the system know of the log? This interface, and nothing of Raft (so that a site may run another engine).
 */
import type { MemberId, VoterId } from '../ids.ts';
import type { CellState } from '../model/cell.ts';
import type { AppliedEntry, ApplyResult, Command } from './commands.ts';

/** How the ledger is, seen from this member. */
export interface LedgerStatus {
  readonly member: MemberId;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner' | 'subscriber';
  readonly term: number;
  readonly leader: MemberId | null;
  readonly appliedIndex: number;
  readonly commitIndex: number;
  readonly voters: readonly VoterId[];
  readonly learners: readonly VoterId[];
}

/** How it is, seen from the leader. */
export interface LeaderStatus extends LedgerStatus {
  /** What each voter and learner has stored; empty on a member that does not lead. */
  readonly matchIndex: Readonly<Record<string, number>>;
}

/** A committed command's fate. */
export interface Proposed {
  readonly index: number;
  readonly result: ApplyResult;
}

/**
 * The replicated log. Every member has one: a voter, a learner, or a subscriber.
 * All promises have deadlines; they reject with ClusterError `NoLeader`, `LedgerTimeout` (the command may still be
 * committed later: repeat it, guards make that harmless) or `LedgerStopped`.
 */
export interface ReplicatedLog {
  /** Resolves after the command was committed and applied by the member that answers, and also here when `appliedHere`. */
  propose(command: Command, options: { readonly timeoutMs: number; readonly appliedHere?: boolean }): Promise<Proposed>;
  /** Resolves when this member's state holds everything that was committed before the call (ReadIndex). */
  readFresh(options: { readonly timeoutMs: number }): Promise<CellState>;
  /** The state as applied here: possibly old, never wrong. */
  state(): CellState;
  /** Called after each applied entry, in order; and with null when a snapshot replaced the state. */
  subscribe(listener: (entry: AppliedEntry | null) => void): () => void;
  /** Called when role, term or leader changed. */
  onStatus(listener: (status: LedgerStatus) => void): () => void;
  status(): LedgerStatus;
}

/** What only the leader's healer needs beside that. */
export interface LeaderLog extends ReplicatedLog {
  /**
   * Resolves true when a quorum round that began after this call was answered while this member still led in the same
   * term and had committed in it; false when it does not lead (any more). This is what a lease renewal waits for.
   */
  confirmLeadership(): Promise<boolean>;
  /** Asks for a voter change; resolves when it is committed. One at a time. */
  changeVoters(change: { readonly kind: 'addLearner' | 'promote' | 'remove'; readonly voter: VoterId; readonly witness: boolean }, options: { readonly timeoutMs: number }): Promise<boolean>;
}
