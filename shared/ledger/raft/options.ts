/**
 * What does a member of the log start from, and what bounds it? Counts of ticks, bytes and messages; never a clock.
 */
import { EMPTY_CONF, isConfState, isVoterId } from './conf-change.ts';
import { invariant } from './invariant.ts';
import { faultOfEntries, isSnapshot } from './parse-message.ts';
import { ENTRY_OVERHEAD_BYTES, jsonSizeBytes } from './size.ts';
import type { SizeOf } from './log.ts';
import type { ConfState, Entry, HardState, Snapshot, VoterId } from './types.ts';

/** What is on this member's disk. A new member's disk is {@link EMPTY_STORE}. */
export type StoredState = {
  readonly hardState: HardState;
  readonly snapshot: Snapshot | null;
  /** Without gaps; those at or below `snapshot.index` are ignored. */
  readonly entries: readonly Entry[];
  /** The index that the application's own state already includes; at least `snapshot.index`. */
  readonly applied: number;
  /**
   * The configuration before the first entry; only used without a snapshot. The first members of a new log all start
   * with the same one; whoever joins later starts with {@link EMPTY_CONF} and learns it from the log.
   */
  readonly conf: ConfState;
};

export const EMPTY_STORE: StoredState = {
  hardState: { term: 0, vote: null, commit: 0 },
  snapshot: null,
  entries: [],
  applied: 0,
  conf: EMPTY_CONF,
};

export type RaftLimits = {
  /** One append carries at most this much (yet always one entry), and the window of unanswered ones is bounded too. */
  readonly appendBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  /** A leader refuses proposals (`overloaded`) while more than this is uncommitted. */
  readonly uncommittedBytesMax: number;
  /** One `Ready` hands out at most this much to apply. */
  readonly applyBytesMax: number;
  readonly pendingReadsMax: number;
  /** Messages that wait for the next `Ready`; further ones are dropped, as a network might. */
  readonly messagesMax: number;
  readonly membersMax: number;
  /** A learner this many entries behind, or fewer, counts as caught up (SAFETY.md 3.3: lag below 100). */
  readonly promoteLagMax: number;
  /** Entries kept in memory below a snapshot, so that a member slightly behind needs no snapshot. */
  readonly compactMargin: number;
  /** A witness waits this many times as long before it campaigns. */
  readonly witnessElectionFactor: number;
  /** A snapshot without an answer or a report for so long is given up and tried again. */
  readonly snapshotTimeoutTicks: number;
};

export type RaftOptions = {
  readonly id: VoterId;
  /** Uniform draws from [0, 1), used for election timeouts only. */
  readonly random: () => number;
  /** A follower campaigns after `electionTicks` of silence and a random part of `electionSpreadTicks`; several times `heartbeatTicks`. */
  readonly electionTicks: number;
  /** Default: as many as `electionTicks`. */
  readonly electionSpreadTicks?: number;
  readonly heartbeatTicks: number;
  readonly stored: StoredState;
  readonly limits?: Partial<RaftLimits>;
  /** Size of an entry, its overhead included. */
  readonly sizeOf?: SizeOf;
};

export type CheckedOptions = Required<Omit<RaftOptions, 'limits'>> & { readonly limits: RaftLimits };

/** Fills the defaults in and throws `RaftInvariantError` for what no member may start from (SAFETY.md 3.2: amnesia). */
export function checkOptions(options: RaftOptions): CheckedOptions {
  const { id, stored, electionTicks, heartbeatTicks } = options;
  invariant(isVoterId(id), () => 'the member has no valid id');
  invariant(heartbeatTicks >= 1 && electionTicks > heartbeatTicks, () => 'an election must outlast a heartbeat');
  invariant(isConfState(stored.conf), () => 'the first configuration is malformed');
  invariant(stored.snapshot === null || isSnapshot(stored.snapshot), () => 'the stored snapshot is malformed');
  checkEntries(stored);
  return {
    ...options,
    electionSpreadTicks: options.electionSpreadTicks ?? electionTicks,
    sizeOf: options.sizeOf ?? ((data) => ENTRY_OVERHEAD_BYTES + jsonSizeBytes(data)),
    limits: { ...defaultLimits(electionTicks), ...options.limits },
  };
}

function checkEntries({ snapshot, entries, applied, hardState }: StoredState): void {
  const base = snapshot?.index ?? 0;
  const first = entries[0]?.index ?? base + 1;
  invariant(first <= base + 1, () => `entries ${base + 1} to ${first - 1} are missing`);
  const fault = faultOfEntries(entries, first - 1, first - 1 === base ? (snapshot?.term ?? 0) : 0, Infinity);
  invariant(fault === null, () => `stored log: ${fault}`);
  const covered = entries[base - first];
  invariant(
    covered === undefined || covered.term === snapshot?.term,
    () => `stored entry ${base} contradicts the snapshot`,
  );
  const last = Math.max(base, first + entries.length - 1);
  invariant(hardState.commit <= last, () => `commit ${hardState.commit} was stored, but the log ends at ${last}`);
  invariant(applied >= base && applied <= last, () => `applied ${applied} is outside ${base}..${last}`);
}

function defaultLimits(electionTicks: number): RaftLimits {
  return {
    appendBytesMax: 256 * 1024,
    inflightMessagesMax: 64,
    inflightBytesMax: 4 * 1024 * 1024,
    uncommittedBytesMax: 16 * 1024 * 1024,
    applyBytesMax: 1024 * 1024,
    pendingReadsMax: 10_000,
    messagesMax: 4096,
    membersMax: 32,
    promoteLagMax: 100,
    compactMargin: 1000,
    witnessElectionFactor: 4,
    snapshotTimeoutTicks: electionTicks * 10,
  };
}
