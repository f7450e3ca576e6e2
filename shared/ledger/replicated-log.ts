/**
 * What does the rest of the system know of the log? This interface, and nothing of Raft (so that a site may run another engine):
 * ours (node/ledger-node.ts), or one over etcd (etcd/etcd-ledger.ts). Only who cares for voters sees more, where there are any ({@link VoterSet}).
 */
import type { MemberId, VoterId } from '../ids.ts';
import type { CellState } from '../model/cell.ts';
import type { AppliedEntry, ApplyResult, Command, Rejection } from './commands.ts';
import type { PeerStatus, RaftStatus } from './raft/status.ts';

/** How the ledger is, seen from this member. */
export interface LedgerStatus {
  readonly member: MemberId;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner' | 'subscriber';
  readonly term: number;
  readonly leader: MemberId | null;
  readonly appliedIndex: number;
  readonly commitIndex: number;
  /** The members that may lead: renewals go to them. In our log they also hold it; etcd is held elsewhere. */
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

/** What only a leader needs beside that. */
export interface LeaderLog extends ReplicatedLog {
  /**
   * Resolves true when at some moment after this call no later term than this member's own had begun (a quorum round of ours, or etcd's
   * linearizable read, that began after the call), and the member still leads in that term and has committed in it; false when it does
   * not lead (any more). This is what a lease renewal waits for.
   */
  confirmLeadership(): Promise<boolean>;
}

/** Members that hold the log themselves, and so have to be cared for. */
export interface VoterSet {
  /** This member's own. */
  readonly voterId: VoterId;
  raftStatus(): RaftStatus;
  /**
   * On a leader: `confirmLeadership` of a former leader is false for every call that was made after this moment, by this process's monotonic
   * clock (votes tell it: node/leader-contact.ts). Null on others.
   */
  formerContactAtMs(): number | null;
  /** How far the other voters and learners are. Empty unless this member leads. */
  peers(): readonly PeerStatus[];
  /** On a leader: lets that voter lead, once it has the whole log. False when it cannot begin. */
  transferLeadership(to: VoterId): boolean;
  /** Asks for a voter change; resolves when it is committed. One at a time. */
  changeVoters(change: { readonly kind: 'addLearner' | 'promote' | 'remove'; readonly voter: VoterId; readonly witness: boolean }, options: { readonly timeoutMs: number }): Promise<boolean>;
}

/** The log as an agent or a coordinator holds it. */
export interface LedgerMember extends LeaderLog {
  /** Whether this member leads and has applied everything that was committed before its term began. */
  isLeading(): boolean;
  leaderStatus(): LeaderStatus;
  /** Null where the log is held elsewhere: then there are no voters to care for. */
  readonly voterSet: VoterSet | null;
  /**
   * Lets somebody else lead, for a leader whom the cell does not hear. Not there where the engine sees to that by itself: a leader of our
   * own log is heard by a majority of its voters, or leads no more.
   */
  resign?(): void;
  /** Resolves when this member has applied `index`; rejects with ClusterError `LedgerTimeout`. */
  waitApplied(index: number, timeoutMs: number): Promise<void>;
  /**
   * Whether the leader lets one more proposal of a coordinator in: null is answered with ClusterError `LeaderBusy`, else what it
   * returns is called when the proposal has its answer. What nodes propose always comes in: cells heal by it.
   */
  admitUsersBy(admit: () => (() => void) | null): void;
  /** What the leader answers a coordinator's command with before it is proposed; null: it is proposed. */
  vetUsersBy(vet: (command: Command) => Rejection | null): void;
  start(): void;
  stop(): void;
}
