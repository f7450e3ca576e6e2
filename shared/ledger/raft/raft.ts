/**
 * What does one member of the replicated log do next?
 *
 *     follower --silence--> preCandidate --majority would vote--> candidate --majority voted--> leader
 *     follower --timeoutNow--> candidate          (leadership transfer: no pre-vote)
 *     preCandidate | candidate --refused, leader found--> follower
 *     any --higher term--> follower
 *     leader --majority silent, left the configuration--> follower
 *
 * Raft (Ongaro's thesis, 2014) as a pure machine in the manner of etcd-io/raft: inputs change memory only; `ready()`
 * says what to save, then send, then apply; `advance()` reports that done. No disk, network, clock or chance in here:
 * time is `tick()`, chance is `random` from the options.
 *
 * The rules beyond the plain paper, and why:
 * - Pre-vote (9.6) and stickiness (4.2.3): who still hears a leader gives no vote, so a member that was cut off or
 *   removed cannot disturb. Only a transfer ordered by the leader passes.
 * - Check-quorum (6.2): a leader that hears no majority for an election timeout stops leading.
 * - No-op first (6.4, and the fix of the single-server change bug): before its no-op is committed a leader confirms
 *   no read and changes no configuration.
 * - Entries of older terms commit only behind one of the leader's own (5.4.2).
 * - A configuration is in force once appended (4.1); see log.ts for why. One change at a time.
 * - Reads are confirmed by heartbeat rounds only (see read-index.ts). Proposals and reads are not forwarded: a
 *   follower answers with the leader it knows.
 * - A witness is a full voter that avoids leading: it campaigns late, and once it leads hands over.
 *
 * Methods marked `protected` are the rules that tests break on purpose, to see that their harness notices.
 */
import { changeConf, membersOf } from './conf-change.ts';
import { invariant } from './invariant.ts';
import { unreachable } from '../../errors.ts';
import { RaftLog } from './log.ts';
import { checkOptions } from './options.ts';
import type { CheckedOptions, RaftOptions } from './options.ts';
import { parseMessage } from './parse-message.ts';
import { Progress } from './progress.ts';
import { majorityOf, majorityValue, tallyVotes } from './quorum.ts';
import { ReadQueue } from './read-index.ts';
import { describePeers, describeStatus } from './status.ts';
import type { PeerStatus, RaftStatus } from './status.ts';
import { RAFT_VERSION } from './types.ts';
import type {
  ConfChange,
  ConfChangeData,
  ConfState,
  Entry,
  HardState,
  Message,
  MessageKind,
  MessageOf,
  Proposed,
  ReadState,
  Ready,
  Rejected,
  RejectReason,
  Role,
  Snapshot,
  SoftState,
  StepResult,
  VoterId,
} from './types.ts';

type Body<K extends MessageKind> = Omit<MessageOf<K>, 'version' | 'from' | 'to' | 'term' | 'kind'>;

const ACCEPTED: StepResult = { kind: 'accepted' };

/** One member of one log. Every method returns at once; refusals are values; a throw means a broken invariant. */
export class Raft {
  readonly id: VoterId;
  protected readonly log: RaftLog;
  protected term: number;
  protected vote: VoterId | null;
  protected role: Role = 'follower';
  protected leader: VoterId | null = null;
  readonly #options: CheckedOptions;

  /** Ticks since the leader was heard, a vote was given, or a campaign began. */
  #electionElapsed = 0;
  #electionJitterTicks = 0;
  #votes = new Map<VoterId, boolean>();

  // Only while leading.
  #progress = new Map<VoterId, Progress>();
  #heartbeatElapsed = 0;
  #isHeartbeatDue = false;
  #isAppendDue = false;
  /** Number of the last heartbeat round sent. Never reused by this object, and a new object has a new term. */
  #round = 0;
  /** Index of this term's no-op. */
  #termStart = 0;
  #uncommittedBytes = 0;
  #transferTo: VoterId | null = null;
  #transferTicks = 0;
  #ticksSinceYield = 0;
  readonly #reads = new ReadQueue();

  // What the next Ready carries.
  #messages: Message[] = [];
  #messagesDropped = 0;
  #readStates: ReadState[] = [];
  #abortedReads: unknown[] = [];
  #shownHardState: HardState;
  #shownSoftState: SoftState = { role: 'follower', leader: null };
  #shownConf: ConfState | null = null;
  /** The Ready that was handed out and not advanced yet. */
  #turn: Ready | null = null;

  constructor(options: RaftOptions) {
    this.#options = checkOptions(options);
    const { stored, id, sizeOf } = this.#options;
    this.id = id;
    this.log = new RaftLog(stored.snapshot, stored.conf, stored.entries, sizeOf);
    this.log.commitTo(Math.max(stored.hardState.commit, stored.applied));
    this.log.appliedTo(stored.applied);
    // A crash between saving entries and the hard state leaves entries of a term that we never voted in.
    const isTermBehind = stored.hardState.term < this.log.lastTerm;
    this.term = isTermBehind ? this.log.lastTerm : stored.hardState.term;
    this.vote = isTermBehind ? null : stored.hardState.vote;
    this.#shownHardState = stored.hardState;
    this.#drawElectionTimeout();
  }

  // ---------------------------------------------------------------- inputs

  /** One unit of time has passed. */
  tick(): void {
    if (this.role === 'leader') {
      this.#tickLeader();
      return;
    }
    this.#electionElapsed += 1;
    if (this.#electionElapsed >= this.#electionTimeoutTicks()) this.campaign();
  }

  /** In how many ticks one comes that sends something, at least 1, and whether that is to stand for election. The others only count. */
  nextDue(): { readonly ticks: number; readonly isCampaign: boolean } {
    const isCampaign = this.role !== 'leader';
    const left = isCampaign ? this.#electionTimeoutTicks() - this.#electionElapsed : this.#options.heartbeatTicks - this.#heartbeatElapsed;
    return { ticks: Math.max(1, left), isCampaign };
  }

  /** Start an election now (with pre-vote), as a timeout would. Nothing happens if this member may not lead. */
  campaign(): void {
    if (this.role === 'leader') return;
    this.#electionElapsed = 0;
    this.#drawElectionTimeout();
    if (this.mayCampaign()) this.#becomePreCandidate();
    // A leader this long silent holds back no vote either: a learner's may be the one that a promotion made count.
    else this.leader = null;
  }

  /** Takes a message off the network: any value at all. */
  step(value: unknown): StepResult {
    const parsed = parseMessage(value);
    if (parsed.kind === 'refused') return { kind: 'rejected', reason: parsed.reason, detail: parsed.detail };
    const { message } = parsed;
    if (message.to !== this.id || message.from === this.id) {
      return { kind: 'rejected', reason: 'misaddressed', detail: `from ${message.from} to ${message.to}` };
    }
    if (message.term > this.term && !this.#meetHigherTerm(message)) return ACCEPTED;
    if (message.term < this.term) {
      this.#answerLowerTerm(message);
      return ACCEPTED;
    }
    return this.#dispatch(message);
  }

  /** Appends a command (any JSON value; do not change it afterwards). Leader only. */
  propose(data: unknown): Proposed | Rejected {
    const refusal = this.#refuseProposal();
    if (refusal) return this.#rejected(refusal);
    const index = this.log.lastIndex + 1;
    this.log.append({ version: RAFT_VERSION, index, term: this.term, kind: 'command', data });
    return this.#appended(index);
  }

  /** Appends a change of membership; it is in force at once, and final when committed. One at a time. Leader only. */
  proposeConfChange(change: ConfChange): Proposed | Rejected {
    const refusal = this.#refuseProposal() ?? this.#refuseConfChange(change);
    if (refusal) return this.#rejected(refusal);
    const outcome = changeConf(this.log.conf, change, this.#options.limits.membersMax);
    if (outcome.kind === 'refused') return this.#rejected(outcome.reason);
    const index = this.log.lastIndex + 1;
    const data: ConfChangeData = { change, conf: outcome.conf };
    this.log.append({ version: RAFT_VERSION, index, term: this.term, kind: 'confChange', data });
    this.#trackMembers();
    return this.#appended(index);
  }

  /**
   * Asks from which index a read may be answered; `Ready.readStates` or `Ready.abortedReads` brings `context` back.
   * `immediate` forces a heartbeat round with the next `Ready`; else the next regular heartbeat serves. Leader only.
   */
  readIndex(context: unknown, { immediate }: { readonly immediate: boolean }): { readonly kind: 'pending' } | Rejected {
    if (this.role !== 'leader') return this.#rejected('notLeader');
    if (this.#reads.size >= this.#options.limits.pendingReadsMax) return this.#rejected('overloaded');
    this.#reads.add(context, this.log.committed, this.#round + 1);
    if (immediate) this.#isHeartbeatDue = true;
    return { kind: 'pending' };
  }

  /** Hands leadership to a voter once it has caught up; proposals wait. Given up after one election timeout. Leader only. */
  transferLeadership(to: VoterId): { readonly kind: 'started' } | Rejected {
    if (this.role !== 'leader') return this.#rejected('notLeader');
    if (to === this.id) return this.#rejected('alreadyLeader');
    if (!this.log.conf.voters.includes(to)) return this.#rejected('notVoter');
    if (this.#transferTo !== null && this.#transferTo !== to) return this.#rejected('transferInProgress');
    if (this.#transferTo === null) {
      this.#transferTo = to;
      this.#transferTicks = 0;
      this.#isAppendDue = true;
      this.#completeTransfer();
    }
    return { kind: 'started' };
  }

  /** The transport could not deliver to `id`: what was sent is probably lost. */
  reportUnreachable(id: VoterId): void {
    const progress = this.#progress.get(id);
    if (progress?.state === 'replicate') progress.becomeProbe();
  }

  /**
   * The transport has delivered a snapshot message to `id` (or queued it for good), or failed to. Installing takes its
   * time: after a delivery the member is asked again only if it stays silent for an election timeout.
   */
  reportSnapshot(id: VoterId, isDelivered: boolean): void {
    const progress = this.#progress.get(id);
    if (progress?.state !== 'snapshot') return;
    const { electionTicks, limits } = this.#options;
    if (isDelivered) {
      progress.snapshotTicks = Math.max(progress.snapshotTicks, limits.snapshotTimeoutTicks - electionTicks);
      return;
    }
    progress.giveUpSnapshot();
    // The answer to the next heartbeat allows another try; do not send into the dark before.
    progress.isProbeSent = true;
  }

  /**
   * Describes the application's state at `index`, which it has applied. Save the result unless the disk holds a newer
   * snapshot by then, then `compact`. Null if a newer snapshot has replaced the log meanwhile: there is nothing to do.
   */
  makeSnapshot(index: number, data: unknown): Snapshot | null {
    invariant(index <= this.log.applied, () => `a snapshot of ${index}, but only ${this.log.applied} was applied`);
    const term = this.log.term(index);
    return term === undefined ? null : { index, term, conf: this.log.confAt(index), data };
  }

  /**
   * A snapshot of `makeSnapshot` is on disk: the core keeps it for members that lag and forgets older entries but a
   * margin. Entries at or below `snapshot.index` may be deleted from disk. An outdated snapshot changes nothing.
   */
  compact(snapshot: Snapshot): void {
    if (snapshot.index <= (this.log.snapshot?.index ?? 0)) return;
    invariant(snapshot.index <= this.log.applied, () => `snapshot ${snapshot.index} was never applied here`);
    this.log.compact(snapshot, this.#options.limits.compactMargin);
  }

  // ---------------------------------------------------------------- outputs

  /** Whether `ready()` would carry anything. Cheap. */
  hasReady(): boolean {
    this.#flush();
    return (
      this.#messages.length > 0 ||
      this.log.hasUnstable ||
      this.log.pendingSnapshot !== null ||
      this.log.hasCommittedToApply ||
      this.#readStates.length > 0 ||
      this.#abortedReads.length > 0 ||
      this.#newHardState() !== null ||
      this.#newSoftState() !== null ||
      this.#shownConf !== this.log.conf
    );
  }

  /** Takes out the next turn of work; see {@link Ready} for the order. One at a time: `advance` before the next. */
  ready(): Ready {
    invariant(this.#turn === null, () => 'the last Ready was not advanced');
    this.#flush();
    const hardState = this.#newHardState();
    const entries = this.log.unstableEntries();
    const snapshot = this.log.pendingSnapshot;
    const isVoteNew = hardState?.term !== this.#shownHardState.term || hardState.vote !== this.#shownHardState.vote;
    const ready: Ready = {
      snapshot,
      entries,
      hardState,
      mustSync: snapshot !== null || entries.length > 0 || (hardState !== null && isVoteNew),
      messages: this.#messages,
      committedEntries: this.log.takeCommitted(this.#options.limits.applyBytesMax),
      readStates: this.#readStates,
      abortedReads: this.#abortedReads,
      softState: this.#newSoftState(),
      conf: this.#shownConf === this.log.conf ? null : this.log.conf,
    };
    this.#messages = [];
    this.#readStates = [];
    this.#abortedReads = [];
    this.#shownHardState = hardState ?? this.#shownHardState;
    this.#shownSoftState = ready.softState ?? this.#shownSoftState;
    this.#shownConf = this.log.conf;
    this.#turn = ready;
    return ready;
  }

  /** Everything that `ready` asked for is done: saved, sent, applied. */
  advance(ready: Ready): void {
    invariant(this.#turn === ready, () => 'only the Ready handed out last can be advanced');
    this.#turn = null;
    if (ready.snapshot) this.log.snapshotInstalled(ready.snapshot);
    const saved = ready.entries.at(-1);
    if (saved) this.log.stableTo(saved.index, saved.term);
    const applied = ready.committedEntries.at(-1);
    if (applied) this.log.appliedTo(applied.index);
    if (this.role === 'leader') this.#advanceCommit();
  }

  /** What lies in the log and is not applied here yet, committed or not. */
  unapplied(): readonly Entry[] {
    return this.log.slice(this.log.applied + 1, this.log.lastIndex, Infinity);
  }

  /** Up to where the caller has applied the log. */
  appliedIndex(): number {
    return this.log.applied;
  }

  /** For people and for the policies above: what this member is and how far the others are. */
  status(): RaftStatus {
    return describeStatus({
      id: this.id,
      role: this.role,
      term: this.term,
      vote: this.vote,
      leader: this.leader,
      log: this.log,
      isTermCommitted: this.role === 'leader' && this.isTermCommitted(),
      transferTo: this.#transferTo,
      pendingReads: this.#reads.size,
      messagesDropped: this.#messagesDropped,
    });
  }

  /** How far the others are. Empty unless this member leads. */
  peers(): readonly PeerStatus[] {
    return describePeers(this.#progress, this.log, this.#options.electionTicks);
  }

  // ---------------------------------------------------------------- rules (tests break these on purpose)

  /** May this member stand for election with the configuration it knows? */
  protected mayCampaign(): boolean {
    const { log } = this;
    if (log.pendingSnapshot !== null) return false;
    if (log.conf.voters.includes(this.id)) return true;
    // Left out by an entry that may never commit: this member's log may be the only one that can win (thesis 4.2.2).
    return log.confIndex > log.committed && log.confAt(log.committed).voters.includes(this.id);
  }

  /** A member that leads, or heard its leader within the shortest election timeout, gives no vote. */
  protected isSticky(): boolean {
    return this.leader !== null && (this.role === 'leader' || this.#electionElapsed < this.#options.electionTicks);
  }

  /** May this vote be given? At most one per term, and none to a log that lacks something committed. */
  protected mayGrant(message: MessageOf<'vote' | 'preVote'>): boolean {
    const isFree =
      this.vote === message.from ||
      (this.vote === null && this.leader === null) ||
      (message.kind === 'preVote' && message.term > this.term);
    return isFree && this.log.isUpToDate(message.lastIndex, message.lastTerm);
  }

  /** Is an entry that a majority holds thereby committed? Only one of the leader's own term (thesis 5.4.2). */
  protected mayCommit(index: number): boolean {
    return this.log.term(index) === this.term;
  }

  /** Is this leader's no-op committed? Before that it does not know what is. */
  protected isTermCommitted(): boolean {
    return this.log.committed >= this.#termStart;
  }

  /** No read is older than the leader's no-op: what former leaders committed lies below it. */
  protected readFloor(): number {
    return this.#termStart;
  }

  protected isConfChangePending(): boolean {
    return this.log.confIndex > this.log.applied;
  }

  /** The latest heartbeat round that a majority answered. */
  protected confirmedRound(): number {
    return majorityValue(
      this.log.conf.voters.map((id) =>
        id === this.id ? Number.MAX_SAFE_INTEGER : (this.#progress.get(id)?.ackedRound ?? 0),
      ),
    );
  }

  /** The highest index that a majority has saved. A leader that left the configuration does not count itself. */
  protected majorityMatch(): number {
    return majorityValue(
      this.log.conf.voters.map((id) => (id === this.id ? this.log.stable : (this.#progress.get(id)?.match ?? 0))),
    );
  }

  protected isQuorumActive(): boolean {
    const { voters } = this.log.conf;
    const active = voters.filter((id) => id === this.id || this.#isActive(id));
    return active.length >= majorityOf(voters.length);
  }

  // ---------------------------------------------------------------- terms and roles

  /** False if the message is to be ignored for the sake of a living leader. */
  #meetHigherTerm(message: Message): boolean {
    const isAskingVote = message.kind === 'preVote' || (message.kind === 'vote' && !message.isTransfer);
    if (isAskingVote && this.isSticky()) return false;
    // Pre-votes speak of a term that nobody is in yet.
    if (message.kind === 'preVote' || (message.kind === 'preVoteResponse' && message.isGranted)) return true;
    this.#becomeFollower(message.term, isFromLeader(message) ? message.from : null);
    return true;
  }

  #answerLowerTerm(message: Message): void {
    // Without an answer a member whose term ran ahead would never be heard, nor hear: pre-vote keeps the cell's low.
    if (isFromLeader(message)) this.#send('staleTerm', message.from, {});
    if (message.kind === 'preVote') this.#send('preVoteResponse', message.from, { isGranted: false });
  }

  #dispatch(message: Message): StepResult {
    switch (message.kind) {
      case 'preVote':
      case 'vote':
        this.#answerVote(message);
        return ACCEPTED;
      case 'preVoteResponse':
        this.#countPreVote(message);
        return ACCEPTED;
      case 'voteResponse':
        if (this.role === 'candidate') this.#countVote(message.from, message.isGranted);
        return ACCEPTED;
      case 'append':
        this.#follow(message.from);
        this.#takeAppend(message);
        return ACCEPTED;
      case 'heartbeat':
        this.#follow(message.from);
        this.log.commitTo(message.commit);
        this.#send('heartbeatResponse', message.from, { round: message.round });
        return ACCEPTED;
      case 'snapshot':
        this.#follow(message.from);
        this.#takeSnapshot(message.snapshot, message.from);
        return ACCEPTED;
      case 'timeoutNow':
        if (this.role === 'follower' && this.mayCampaign()) this.#becomeCandidate(true);
        return ACCEPTED;
      case 'appendResponse':
      case 'appendRejected':
      case 'heartbeatResponse':
        return this.#takeAnswer(message);
      case 'staleTerm':
        return ACCEPTED;
      default:
        return unreachable(message);
    }
  }

  #becomeFollower(term: number, leader: VoterId | null): void {
    invariant(term >= this.term, () => `term fell from ${this.term} to ${term}`);
    // A stranger's campaign at a higher term must not keep this member from its own (no vote given, no leader heard).
    if (this.role !== 'follower' || leader !== null) this.#electionElapsed = 0;
    if (term > this.term) {
      this.term = term;
      this.vote = null;
    }
    this.#leaveRole('follower', leader);
  }

  #becomePreCandidate(): void {
    this.#leaveRole('preCandidate', null);
    const { lastIndex, lastTerm } = this.log;
    this.#askVotes((to) => this.#send('preVote', to, { lastIndex, lastTerm }, this.term + 1));
    if (this.#tally() === 'won') this.#becomeCandidate(false);
  }

  #becomeCandidate(isTransfer: boolean): void {
    this.term += 1;
    this.vote = this.id;
    this.#electionElapsed = 0;
    this.#leaveRole('candidate', null);
    const { lastIndex, lastTerm } = this.log;
    this.#askVotes((to) => this.#send('vote', to, { lastIndex, lastTerm, isTransfer }));
    if (this.#tally() === 'won') this.#becomeLeader();
  }

  #becomeLeader(): void {
    invariant(this.role === 'candidate', () => `${this.role} cannot become leader`);
    this.#leaveRole('leader', this.id);
    this.#heartbeatElapsed = 0;
    this.#ticksSinceYield = 0;
    this.#uncommittedBytes = this.#bytesBetween(this.log.committed, this.log.lastIndex);
    this.#trackMembers();
    this.#termStart = this.log.lastIndex + 1;
    this.log.append({ version: RAFT_VERSION, index: this.#termStart, term: this.term, kind: 'noop', data: null });
    this.#appended(this.#termStart);
    this.#isHeartbeatDue = true;
  }

  /** Drops everything that belonged to the role before. */
  #leaveRole(role: Role, leader: VoterId | null): void {
    this.role = role;
    this.leader = leader;
    this.#votes.clear();
    this.#progress.clear();
    this.#transferTo = null;
    this.#isHeartbeatDue = false;
    this.#isAppendDue = false;
    this.#abortedReads.push(...this.#reads.abort());
    this.#drawElectionTimeout();
  }

  #drawElectionTimeout(): void {
    this.#electionJitterTicks = Math.floor(this.#options.random() * this.#options.electionSpreadTicks);
  }

  #electionTimeoutTicks(): number {
    const { electionTicks, limits } = this.#options;
    const isWitness = this.log.conf.witnesses.includes(this.id);
    if (isWitness) return electionTicks * limits.witnessElectionFactor + this.#electionJitterTicks;
    // A split vote is tried again soon: meanwhile no lease is confirmed anywhere, and nodes are about to reset themselves.
    const isRetry = this.role === 'preCandidate' || this.role === 'candidate';
    return isRetry ? Math.ceil(electionTicks / 4) + Math.ceil(this.#electionJitterTicks / 2) : electionTicks + this.#electionJitterTicks;
  }

  // ---------------------------------------------------------------- votes

  /** Votes for itself if it is a voter; the request of the others leaves only after that vote is saved. */
  #askVotes(ask: (to: VoterId) => void): void {
    for (const id of this.log.conf.voters) {
      if (id === this.id) this.#votes.set(id, true);
      else ask(id);
    }
  }

  #tally(): 'won' | 'lost' | 'pending' {
    return tallyVotes(this.log.conf.voters, this.#votes);
  }

  #answerVote(message: MessageOf<'vote' | 'preVote'>): void {
    const isGranted = this.mayGrant(message);
    if (message.kind === 'preVote') {
      this.#send('preVoteResponse', message.from, { isGranted }, isGranted ? message.term : this.term);
      return;
    }
    if (isGranted) {
      this.vote = message.from;
      this.#electionElapsed = 0;
    }
    this.#send('voteResponse', message.from, { isGranted });
  }

  #countPreVote(message: MessageOf<'preVoteResponse'>): void {
    if (this.role !== 'preCandidate') return;
    if (message.isGranted && message.term !== this.term + 1) return;
    this.#votes.set(message.from, message.isGranted);
    const outcome = this.#tally();
    if (outcome === 'won') this.#becomeCandidate(false);
    if (outcome === 'lost') this.#becomeFollower(this.term, null);
  }

  #countVote(from: VoterId, isGranted: boolean): void {
    this.#votes.set(from, isGranted);
    const outcome = this.#tally();
    if (outcome === 'won') this.#becomeLeader();
    if (outcome === 'lost') this.#becomeFollower(this.term, null);
  }

  // ---------------------------------------------------------------- following

  #follow(leader: VoterId): void {
    invariant(this.role !== 'leader', () => `${leader} and ${this.id} both lead term ${this.term}`);
    invariant(
      this.leader === null || this.leader === leader,
      () => `${leader} and ${this.leader} both lead term ${this.term}`,
    );
    if (this.role !== 'follower') this.#becomeFollower(this.term, leader);
    this.leader = leader;
    this.#electionElapsed = 0;
  }

  #takeAppend(message: MessageOf<'append'>): void {
    const { log } = this;
    if (message.prevIndex < log.committed) {
      // Old news: what is committed here equals the leader's log, whoever it is.
      this.#send('appendResponse', message.from, { index: log.committed });
      return;
    }
    if (log.term(message.prevIndex) !== message.prevTerm) {
      const hint = log.meetingPoint(message.prevIndex, message.prevTerm);
      this.#send('appendRejected', message.from, {
        index: message.prevIndex,
        hintIndex: hint.index,
        hintTerm: hint.term,
      });
      return;
    }
    log.merge(message.entries);
    const matched = message.prevIndex + message.entries.length;
    // Beyond `matched` our log may still hold what the leader does not.
    log.commitTo(Math.min(message.commit, matched));
    this.#send('appendResponse', message.from, { index: matched });
  }

  #takeSnapshot(snapshot: Snapshot, from: VoterId): void {
    const { log } = this;
    if (snapshot.index > log.committed) {
      if (log.term(snapshot.index) === snapshot.term) log.commitTo(snapshot.index);
      else log.restore(snapshot);
    }
    this.#send('appendResponse', from, { index: log.committed });
  }

  // ---------------------------------------------------------------- leading

  #tickLeader(): void {
    const { heartbeatTicks, electionTicks, limits } = this.#options;
    for (const progress of this.#progress.values()) {
      progress.silentTicks += 1;
      if (progress.state !== 'snapshot') continue;
      progress.snapshotTicks += 1;
      if (progress.snapshotTicks < limits.snapshotTimeoutTicks) continue;
      // Perhaps only the answer was lost: ask behind the snapshot first; a refusal brings it again.
      progress.becomeProbe();
      this.#isAppendDue = true;
    }
    if (!this.isQuorumActive()) {
      this.#becomeFollower(this.term, null);
      return;
    }
    this.#transferTicks += 1;
    if (this.#transferTicks >= electionTicks) this.#transferTo = null;
    this.#heartbeatElapsed += 1;
    if (this.#heartbeatElapsed >= heartbeatTicks) this.#isHeartbeatDue = true;
    this.#ticksSinceYield += 1;
    if (this.log.conf.witnesses.includes(this.id)) this.#yieldAsWitness();
  }

  /** A witness leads only until somebody better has caught up. A failed attempt is repeated after an election timeout. */
  #yieldAsWitness(): void {
    if (this.#transferTo !== null || !this.isTermCommitted()) return;
    if (this.#ticksSinceYield < this.#options.electionTicks) return;
    const successor = this.#bestSuccessor();
    if (successor === null || this.log.conf.witnesses.includes(successor)) return;
    this.#ticksSinceYield = 0;
    this.transferLeadership(successor);
  }

  /** The active voter with the longest log that holds all that is committed; witnesses last. */
  #bestSuccessor(): VoterId | null {
    const { voters, witnesses } = this.log.conf;
    let best: VoterId | null = null;
    let bestMatch = -1;
    for (const id of voters) {
      const progress = this.#progress.get(id);
      if (!progress || !this.#isActive(id) || progress.match < this.log.committed) continue;
      const rank = progress.match + (witnesses.includes(id) ? 0 : Number.MAX_SAFE_INTEGER / 2);
      if (rank > bestMatch) [best, bestMatch] = [id, rank];
    }
    return best;
  }

  #refuseProposal(): RejectReason | null {
    if (this.role !== 'leader') return 'notLeader';
    if (this.#transferTo !== null) return 'transferInProgress';
    if (!this.log.conf.voters.includes(this.id)) return 'leavingConf';
    if (this.#uncommittedBytes >= this.#options.limits.uncommittedBytesMax) return 'overloaded';
    return null;
  }

  #refuseConfChange(change: ConfChange): RejectReason | null {
    if (!this.isTermCommitted()) return 'termNotCommitted';
    if (this.isConfChangePending()) return 'confChangePending';
    if (change.kind !== 'promote') return null;
    const progress = this.#progress.get(change.id);
    if (!progress) return 'notMember';
    const lag = this.log.lastIndex - progress.match;
    // One that never answered may not even know that it learns, however short the log is; a voter that others wait for must (node/voter.ts, retire).
    const hasCaughtUp = progress.match > 0 && this.#isActive(change.id) && lag <= this.#options.limits.promoteLagMax;
    return hasCaughtUp ? null : 'notCaughtUp';
  }

  #appended(index: number): Proposed {
    this.#uncommittedBytes += this.log.sizeBytes(index);
    this.#isAppendDue = true;
    return { kind: 'proposed', index, term: this.term };
  }

  /** Follows the members of the configuration in force, and those who leave with it until they could learn of it. */
  #trackMembers(): void {
    const { log } = this;
    const { inflightMessagesMax, inflightBytesMax } = this.#options.limits;
    const members = new Set([...membersOf(log.conf), ...membersOf(log.confAt(log.committed))]);
    members.delete(this.id);
    for (const id of this.#progress.keys()) if (!members.has(id)) this.#progress.delete(id);
    for (const id of members) {
      if (this.#progress.has(id)) continue;
      const window = { messagesMax: inflightMessagesMax, bytesMax: inflightBytesMax };
      this.#progress.set(id, new Progress(log.lastIndex + 1, window));
    }
    if (this.#transferTo !== null && !log.conf.voters.includes(this.#transferTo)) this.#transferTo = null;
  }

  #isActive(id: VoterId): boolean {
    const progress = this.#progress.get(id);
    return progress !== undefined && progress.silentTicks < this.#options.electionTicks;
  }

  #takeAnswer(message: MessageOf<'appendResponse' | 'appendRejected' | 'heartbeatResponse'>): StepResult {
    const progress = this.#progress.get(message.from);
    if (this.role !== 'leader' || !progress) return ACCEPTED;
    if (message.kind === 'heartbeatResponse' ? message.round > this.#round : message.index > this.log.lastIndex) {
      return { kind: 'rejected', reason: 'malformed', detail: 'answers what was never sent' };
    }
    progress.silentTicks = 0;
    this.#isAppendDue = true;
    if (message.kind === 'appendResponse') this.#takeAcknowledgement(message, progress);
    else if (message.kind === 'appendRejected') {
      // At most one refusal per term: no index with a term above the hint's can match either.
      const meeting = this.log.meetingPoint(message.hintIndex, message.hintTerm);
      progress.reject(message.index, meeting.index + 1);
    } else {
      progress.ackedRound = Math.max(progress.ackedRound, message.round);
      progress.isProbeSent = false;
      progress.isPokeWanted = progress.match < this.log.lastIndex;
      if (message.from === this.#transferTo) this.#completeTransfer();
    }
    return ACCEPTED;
  }

  #takeAcknowledgement(message: MessageOf<'appendResponse'>, progress: Progress): void {
    const isNew = progress.acknowledge(message.index);
    if (progress.state === 'probe' && progress.match === message.index) progress.becomeReplicate();
    if (progress.state === 'snapshot' && isNew && progress.match + 1 >= this.log.firstIndex) progress.becomeReplicate();
    if (!isNew) return;
    this.#advanceCommit();
    if (message.from === this.#transferTo) this.#completeTransfer();
  }

  #completeTransfer(): void {
    const to = this.#transferTo;
    if (to === null || this.#progress.get(to)?.match !== this.log.lastIndex) return;
    this.#send('timeoutNow', to, {});
  }

  #advanceCommit(): void {
    const { log } = this;
    const before = log.committed;
    const index = this.majorityMatch();
    if (index <= before || !this.mayCommit(index)) return;
    log.commitTo(index);
    this.#uncommittedBytes -= this.#bytesBetween(before, index);
    this.#isAppendDue = true;
    if (log.confIndex > before && log.confIndex <= index) this.#finishConfChange();
  }

  #finishConfChange(): void {
    this.#sendAppends();
    this.#trackMembers();
    if (this.log.conf.voters.includes(this.id)) return;
    const successor = this.#bestSuccessor();
    if (successor !== null) this.#send('timeoutNow', successor, {});
    this.#becomeFollower(this.term, null);
  }

  #bytesBetween(after: number, to: number): number {
    let sizeBytes = 0;
    for (let index = after + 1; index <= to; index += 1) sizeBytes += this.log.sizeBytes(index);
    return sizeBytes;
  }

  // ---------------------------------------------------------------- sending

  /** What a leader sends is gathered until the next Ready, so that many proposals share one append, many reads one round. */
  #flush(): void {
    if (this.role !== 'leader') return;
    if (this.#isHeartbeatDue) this.#sendHeartbeats();
    if (this.#isAppendDue) this.#sendAppends();
    if (this.#reads.size > 0 && this.isTermCommitted()) {
      this.#readStates.push(...this.#reads.release(this.confirmedRound(), this.readFloor()));
    }
  }

  #sendHeartbeats(): void {
    this.#isHeartbeatDue = false;
    this.#heartbeatElapsed = 0;
    this.#round += 1;
    for (const [id, progress] of this.#progress) {
      // Never beyond what is known to match there.
      const commit = Math.min(progress.match, this.log.committed);
      this.#send('heartbeat', id, { commit, round: this.#round });
    }
  }

  #sendAppends(): void {
    this.#isAppendDue = false;
    for (const [id, progress] of this.#progress) while (this.#sendAppend(id, progress));
  }

  /** Sends one append if there is reason and room. True if another may follow at once. */
  #sendAppend(to: VoterId, progress: Progress): boolean {
    if (progress.isPaused) return false;
    const { log } = this;
    const prevIndex = progress.next - 1;
    const prevTerm = log.term(prevIndex);
    if (prevTerm === undefined) {
      this.#sendSnapshot(to, progress);
      return false;
    }
    const isFull = progress.state === 'replicate' && progress.isWindowFull;
    const entries = isFull ? [] : log.slice(progress.next, log.lastIndex, this.#options.limits.appendBytesMax);
    const isNews = progress.state === 'probe' || progress.isPokeWanted || progress.sentCommit < log.committed;
    if (entries.length === 0 && !isNews) return false;
    this.#send('append', to, { prevIndex, prevTerm, commit: log.committed, entries });
    progress.sent(entries.length, this.#bytesBetween(prevIndex, prevIndex + entries.length), log.committed);
    return progress.state === 'replicate' && entries.length > 0;
  }

  #sendSnapshot(to: VoterId, progress: Progress): void {
    const { snapshot } = this.log;
    invariant(snapshot !== null, () => 'the log was compacted without a snapshot');
    if (!this.#isActive(to)) return;
    progress.becomeSnapshot(snapshot.index);
    this.#send('snapshot', to, { snapshot });
  }

  #send<K extends MessageKind>(kind: K, to: VoterId, body: Body<K>, term = this.term): void {
    if (this.#messages.length >= this.#options.limits.messagesMax) {
      this.#messagesDropped += 1;
      return;
    }
    this.#messages.push({ version: RAFT_VERSION, kind, from: this.id, to, term, ...body } as unknown as Message);
  }

  // ---------------------------------------------------------------- what changed

  #newHardState(): HardState | null {
    const { term, vote, commit } = this.#shownHardState;
    if (term === this.term && vote === this.vote && commit === this.log.committed) return null;
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  #newSoftState(): SoftState | null {
    const { role, leader } = this.#shownSoftState;
    return role === this.role && leader === this.leader ? null : { role: this.role, leader: this.leader };
  }

  #rejected(reason: RejectReason): Rejected {
    return { kind: 'rejected', reason, leader: this.leader };
  }
}

function isFromLeader(message: Message): boolean {
  return (
    message.kind === 'append' ||
    message.kind === 'heartbeat' ||
    message.kind === 'snapshot' ||
    message.kind === 'timeoutNow'
  );
}
