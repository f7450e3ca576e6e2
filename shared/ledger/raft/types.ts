/**
 * What words do Raft members exchange, keep and hand out? Data only, all of it JSON-able.
 *
 * Three audiences read these types: the wire (`Message`), the disk (`HardState`, `Entry`, `Snapshot`) and the loop
 * that drives the machine (`Ready`, the result unions). Values are shared by reference between the log, messages and
 * `Ready`: treat everything here as immutable.
 */

/** Version of messages and entries. A member that meets another version refuses it and changes nothing. */
export const RAFT_VERSION = 1;

/** A member of the log: an id bound to one node *and* one store, so a lost store can never vote twice. Opaque here. */
export type VoterId = string;

/**
 * Who belongs to the log. `witnesses` are full voters (or learners) that avoid leading; every one of them also stands
 * in `voters` or `learners`.
 */
export type ConfState = {
  readonly voters: readonly VoterId[];
  readonly learners: readonly VoterId[];
  readonly witnesses: readonly VoterId[];
};

/** One step of membership. Only one is under way at a time, and each moves at most one voter. */
export type ConfChange =
  | { readonly kind: 'addLearner'; readonly id: VoterId; readonly isWitness: boolean }
  | { readonly kind: 'promote'; readonly id: VoterId }
  | { readonly kind: 'demote'; readonly id: VoterId }
  | { readonly kind: 'remove'; readonly id: VoterId };

/** Carries the whole resulting configuration, so that a reader needs no earlier entry to know who belongs. */
export type ConfChangeData = { readonly change: ConfChange; readonly conf: ConfState };

type EntryBase = { readonly version: number; readonly index: number; readonly term: number };

/** One entry of the log. `data` of a command is any JSON value; storage does the encoding. */
export type Entry =
  | (EntryBase & { readonly kind: 'command'; readonly data: unknown })
  | (EntryBase & { readonly kind: 'noop'; readonly data: null })
  | (EntryBase & { readonly kind: 'confChange'; readonly data: ConfChangeData });

/** Must be durable before any message of the same `Ready` leaves. `commit` alone may be forgotten in a crash. */
export type HardState = { readonly term: number; readonly vote: VoterId | null; readonly commit: number };

/**
 * The application's state after `index`. `data` may be the state itself or a name for it: with a large state let it be
 * a name, and let the transport send the bytes in chunks before it delivers the message. The core never looks inside.
 */
export type Snapshot = {
  readonly index: number;
  readonly term: number;
  readonly conf: ConfState;
  readonly data: unknown;
};

type MessageBase = {
  readonly version: number;
  readonly from: VoterId;
  readonly to: VoterId;
  /** The sender's term; in `preVote` and a granted `preVoteResponse` the term that *would* be campaigned for. */
  readonly term: number;
};

export type Message = MessageBase &
  (
    | { readonly kind: 'preVote'; readonly lastIndex: number; readonly lastTerm: number }
    | { readonly kind: 'preVoteResponse'; readonly isGranted: boolean }
    | { readonly kind: 'vote'; readonly lastIndex: number; readonly lastTerm: number; readonly isTransfer: boolean }
    /** `contactAgeMs`: how long ago this member was in contact with a leader. Added by the loop, for leases; the machine does not look. */
    | { readonly kind: 'voteResponse'; readonly isGranted: boolean; readonly contactAgeMs?: number }
    | {
        readonly kind: 'append';
        readonly prevIndex: number;
        readonly prevTerm: number;
        readonly commit: number;
        readonly entries: readonly Entry[];
      }
    /** The log matches the leader's up to `index`, durably. */
    | { readonly kind: 'appendResponse'; readonly index: number }
    /** The log differs at `index`; the two may agree at `hintIndex`, where this member has `hintTerm`. */
    | {
        readonly kind: 'appendRejected';
        readonly index: number;
        readonly hintIndex: number;
        readonly hintTerm: number;
      }
    | { readonly kind: 'heartbeat'; readonly commit: number; readonly round: number }
    | { readonly kind: 'heartbeatResponse'; readonly round: number }
    | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
    | { readonly kind: 'timeoutNow' }
    /** Sent to a leader of an older term, so that it learns of this newer one. */
    | { readonly kind: 'staleTerm' }
  );

export type MessageKind = Message['kind'];
export type MessageOf<K extends MessageKind> = Extract<Message, { readonly kind: K }>;

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

export type SoftState = { readonly role: Role; readonly leader: VoterId | null };

/** A read may be answered from any state that has applied `index`. */
export type ReadState = { readonly context: unknown; readonly index: number };

/**
 * One turn of work, to be done in this order, then `advance(ready)`:
 *
 * 1. `snapshot` and `entries` to disk, in one synced batch. A snapshot replaces the whole log. Entries replace
 *    everything from `entries[0].index` on: delete what lies behind the last of them.
 * 2. `hardState` to disk, synced if `mustSync` (without it, only `commit` moved, and it may be written lazily).
 * 3. `messages` to the network, in any order, as often as you like; losing some is fine.
 * 4. `snapshot` into the application, then `committedEntries`, in order.
 * 5. `readStates`: answer once the application has applied `index`. `abortedReads` will never be confirmed.
 *
 * Entries go before the hard state so that a stored `commit` beyond the stored log is proof of a lost tail.
 * Inputs may reach the machine between `ready()` and `advance()`; what they cause shows in the next `Ready`.
 */
export type Ready = {
  readonly snapshot: Snapshot | null;
  readonly entries: readonly Entry[];
  readonly hardState: HardState | null;
  readonly mustSync: boolean;
  readonly messages: readonly Message[];
  readonly committedEntries: readonly Entry[];
  readonly readStates: readonly ReadState[];
  readonly abortedReads: readonly unknown[];
  /** Null when unchanged since the last `Ready`. */
  readonly softState: SoftState | null;
  /** The configuration in force (it may still be uncommitted); null when unchanged since the last `Ready`. */
  readonly conf: ConfState | null;
};

export type RejectReason =
  | 'notLeader'
  | 'transferInProgress'
  | 'leavingConf'
  | 'overloaded'
  | 'termNotCommitted'
  | 'confChangePending'
  | 'alreadyMember'
  | 'notMember'
  | 'notLearner'
  | 'notVoter'
  | 'notCaughtUp'
  | 'lastVoter'
  | 'tooManyMembers'
  | 'malformedId'
  | 'alreadyLeader';

/** An expected refusal. `leader` is who to ask instead, if known. */
export type Rejected = { readonly kind: 'rejected'; readonly reason: RejectReason; readonly leader: VoterId | null };

/** In the leader's log, not yet committed: committed when an entry of this `index` *and* `term` comes to be applied. */
export type Proposed = { readonly kind: 'proposed'; readonly index: number; readonly term: number };

export type StepResult =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'rejected';
      readonly reason: 'malformed' | 'unknownVersion' | 'misaddressed';
      readonly detail: string;
    };
