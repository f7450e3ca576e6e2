/**
 * How does a member hold a ledger that lives in etcd? The loop around member.ts: it reads, writes and watches, applies, and answers.
 *
 * Whoever uses it sees the interface of our own log (replicated-log.ts). The design is in shared/DESIGN.md, "The ledger in etcd".
 */
import { ClusterError, describeError, unreachable } from '../../errors.ts';
import { hexDigits } from '../../random.ts';
import type { MemberId, NodeId } from '../../ids.ts';
import type { CellState } from '../../model/cell.ts';
import type { TimingProfile } from '../../model/timing.ts';
import type { Mesh } from '../../wire/mesh.ts';
import type { Timer, World } from '../../world.ts';
import type { AppliedEntry, ApplyResult, Command, EntryData, Rejection } from '../commands.ts';
import { LEADER_ANSWER_MS, proposeToLeader } from '../node/ask-leader.ts';
import { deferWithin } from '../node/deadline.ts';
import type { Deferred } from '../node/deadline.ts';
import { serveEvents } from '../node/feed-server.ts';
import { earlierAttempt, isSameProposal, notLeader, parseAttempts, parseProposal, ProposalGate } from '../node/proposals.ts';
import type { Attempts } from '../node/proposals.ts';
import { Replica } from '../node/replica.ts';
import type { LeaderStatus, LedgerMember, LedgerStatus, Proposed } from '../replicated-log.ts';
import { candidatesOf, votersOf } from './candidates.ts';
import { Endpoints } from './endpoints.ts';
import type { EtcdEndpoint } from './etcd-port.ts';
import { FreshReads } from './fresh-reads.ts';
import type { FreshHead, ReadAttempt } from './fresh-reads.ts';
import { LogFollower } from './log-follower.ts';
import { isLeading, memberWakesAtMs, openProposals, startMember, stepMember } from './member.ts';
import type { MemberEffect, MemberEvent, MemberState, Willingness } from './member.ts';
import { encodeEntry, encodeHead, entryKey, entryRange, headKey, olderPieces } from './records.ts';
import type { StoredEntry } from './records.ts';
import { writeSnapshot } from './snapshot-writer.ts';

/** A snapshot is taken after so many entries. Half as many stay below it, so that whoever lags a little needs none. */
const SNAPSHOT_EVERY = 2_000;
/** Longest wait for a piece of a snapshot: nobody waits for it. */
const SNAPSHOT_PIECE_MS = 5_000;
/** Largest entry, bytes: what one message of the mesh takes, and less than one request of etcd. */
const ENTRY_BYTES_MAX = 1024 * 1024;
/** What may wait to be appended; beyond that proposals are refused as overload. */
const QUEUE_BYTES_MAX = 16 * 1024 * 1024;
const QUEUE_MAX = 4_096;
/** Pause before a watch that ended is opened again, ms. */
const WATCH_RETRY_MS = 100;

/** Everything that a member is made from. */
export interface EtcdLedgerOptions {
  readonly self: MemberId;
  readonly world: World;
  readonly mesh: Mesh;
  readonly endpoints: readonly EtcdEndpoint[];
  readonly profile: TimingProfile;
  /** Whether this member may lead: nodes may, coordinators may not. */
  readonly mayLead: boolean;
  /** Called when etcd holds what cannot be, or less than it did: the process must exit. */
  readonly onFatal: (error: unknown) => void;
  readonly snapshotEvery?: number;
}

type Unstamped<Event> = Event extends unknown ? Omit<Event, 'atMs' | 'draw'> : never;

/** The ledger, as one member holds it. */
export class EtcdLedger implements LedgerMember {
  /** Nobody of the cell holds this log. */
  readonly voterSet = null;
  readonly #options: EtcdLedgerOptions;
  readonly #clusterUuid: string;
  readonly #replica: Replica;
  readonly #endpoints: Endpoints;
  readonly #reads: FreshReads;
  readonly #follower: LogFollower;
  readonly #gate = new ProposalGate();
  readonly #proposals = new Map<string, Deferred<Proposed>>();
  readonly #statusListeners = new Set<(status: LedgerStatus) => void>();
  #member: MemberState;
  #events: MemberEvent[] = [];
  #isFeeding = false;
  #timer: Timer | null = null;
  #timerAtMs = Infinity;
  #proposalCount = 0;
  #judgedNodes: CellState['nodes'] | null = null;
  #isReopening = false;
  #isSnapshotting = false;
  #snapshotCount = 0;
  #shownStatus = '';
  #isStopped = false;

  /** `initial` is the state before anything was heard: an empty cell of the right name and cluster. */
  constructor(options: EtcdLedgerOptions, initial: CellState) {
    const { endpoints, mesh, profile, self, world } = options;
    this.#options = options;
    this.#clusterUuid = initial.clusterUuid;
    this.#replica = new Replica(initial);
    this.#endpoints = new Endpoints(endpoints, world.chance.next(), world.log);
    this.#reads = new FreshReads(world, this.#endpoints, async (attempt) => await this.#read(attempt));
    this.#follower = new LogFollower({
      world, endpoints: this.#endpoints, clusterUuid: this.#clusterUuid, replica: this.#replica,
      onEntry: (entry, result) => this.#answer(entry, result),
      onApplied: (index, ids) => this.#feed({ kind: 'applied', index, ids }),
      onHead: (head) => this.#feed({ kind: 'headHeard', head }),
      onWatchLost: () => this.#reopenWatch(),
      onFatal: (error) => this.#fail(error),
    });
    this.#member = startMember({
      self, session: `${self}.${hexDigits(world.chance, 16)}`, willingness: options.mayLead ? 'reluctantly' : 'never',
      times: { beatMs: profile.heartbeatMs, electionMinMs: profile.electionMinMs, electionMaxMs: profile.electionMaxMs },
    }, world.clock.nowMs());
    mesh.serve('propose', (from, body) => this.#servePropose(from, body));
    serveEvents(mesh, this.#replica);
  }

  start(): void {
    // What is read comes with `headRead`; the watch begins where that ended.
    this.#reads.whenever(() => this.#follower.watch());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#reads.stop();
    this.#follower.stop();
    for (const deferred of this.#proposals.values()) deferred.reject(new ClusterError('LedgerStopped', 'this member of the ledger has stopped', { retryable: false }));
    this.#proposals.clear();
  }

  // ---------------------------------------------------------------- ReplicatedLog

  async propose(command: Command, options: { readonly timeoutMs: number; readonly appliedHere?: boolean }): Promise<Proposed> {
    const { mesh, self, world } = this.#options;
    const asker = { world, mesh, self, replica: this.#replica, leader: () => this.status().leader, isStopped: () => this.#isStopped };
    return await proposeToLeader(asker, command, options, (data, attempts, remainingMs) => this.#proposeHere(data, attempts, remainingMs));
  }

  async readFresh(options: { readonly timeoutMs: number }): Promise<CellState> {
    const { head } = await this.#freshWithin(options.timeoutMs, 'read the ledger');
    if (head === null) throw new ClusterError('NoLeader', `no ledger of cluster ${this.#clusterUuid} was founded in etcd`, { retryable: true });
    return this.#replica.state;
  }

  async waitApplied(index: number, timeoutMs: number): Promise<void> {
    await this.#replica.waitApplied(index, this.#options.world.timers, timeoutMs);
  }

  state(): CellState {
    return this.#replica.state;
  }

  subscribe(listener: (entry: AppliedEntry | null) => void): () => void {
    return this.#replica.subscribe(listener);
  }

  onStatus(listener: (status: LedgerStatus) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  status(): LedgerStatus {
    const { commit, head, isSilent, office, willingness } = this.#member;
    const named = head?.value.leader ?? null;
    const { self } = this.#options;
    // The head names this member also after it gave its term up.
    const leader = office !== null ? self : isSilent || named === self ? null : named;
    const follower = willingness === 'never' ? 'subscriber' : 'follower';
    return {
      member: self, leader, term: head?.value.term ?? 0,
      role: office !== null ? 'leader' : commit?.kind === 'campaign' ? 'candidate' : follower,
      appliedIndex: this.#replica.index,
      commitIndex: Math.max(head?.value.index ?? 0, this.#replica.index),
      voters: votersOf(this.#replica.state, named), learners: [],
    };
  }

  // ---------------------------------------------------------------- LedgerMember

  isLeading(): boolean {
    return isLeading(this.#member);
  }

  async confirmLeadership(): Promise<boolean> {
    const { office } = this.#member;
    if (office === null || !isLeading(this.#member)) return false;
    const { head } = await this.#freshWithin(LEADER_ANSWER_MS, 'confirm that this member leads');
    return head?.value.campaign === office.campaign && this.#member.office?.campaign === office.campaign;
  }

  leaderStatus(): LeaderStatus {
    return { ...this.status(), matchIndex: {} };
  }

  resign(): void {
    this.#feed({ kind: 'resign' });
  }

  admitUsersBy(admit: () => (() => void) | null): void {
    this.#gate.admitUsersBy(admit);
  }

  vetUsersBy(vet: (command: Command) => Rejection | null): void {
    this.#gate.vetUsersBy(vet);
  }

  // ---------------------------------------------------------------- proposals

  /** Resolves when applied here; null when this member does not lead. */
  #proposeHere(data: EntryData, attempts: Attempts, timeoutMs: number): Promise<Proposed> | null {
    if (!isLeading(this.#member)) return null;
    const earlier = this.#earlier(data, attempts, timeoutMs);
    if (earlier !== null) return earlier;
    const text = JSON.stringify(data);
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > ENTRY_BYTES_MAX) throw new ClusterError('InvalidRequest', `the proposed command is longer than ${ENTRY_BYTES_MAX} bytes`, { retryable: false });
    if (this.#member.queueBytes + bytes > QUEUE_BYTES_MAX || this.#member.queue.length >= QUEUE_MAX) {
      throw new ClusterError('LedgerOverloaded', 'the ledger has too much uncommitted work', { retryable: true });
    }
    this.#proposalCount += 1;
    const id = `${this.#member.session}.${this.#proposalCount}`;
    const deferred = this.#await(id, timeoutMs);
    // As others will read it: nothing is applied here that JSON does not carry.
    this.#feed({ kind: 'proposed', proposal: { id, data: JSON.parse(text) as EntryData, bytes } });
    return deferred.promise;
  }

  #await(id: string, timeoutMs: number): Deferred<Proposed> {
    const deferred = deferWithin<Proposed>(this.#options.world.timers, timeoutMs, `commit proposal ${id}`, () => this.#proposals.delete(id));
    this.#proposals.set(id, deferred);
    return deferred;
  }

  /** A leader has applied the whole log but what it writes itself, and nobody else's write can come any more. */
  #earlier(data: EntryData, attempts: Attempts, timeoutMs: number): Promise<Proposed> | null {
    return earlierAttempt(this.#replica, data, attempts, () => {
      const open = openProposals(this.#member).find((proposal) => isSameProposal(proposal.data, data));
      return open === undefined ? null : (this.#proposals.get(open.id) ?? this.#await(open.id, timeoutMs)).promise;
    });
  }

  async #servePropose(from: MemberId, body: unknown): Promise<Proposed> {
    const data = parseProposal(body);
    if (!isLeading(this.#member)) throw notLeader(this.status().leader);
    return await this.#gate.pass(this.#replica.state, this.#options.self, from, data.command, async () => {
      const proposed = this.#proposeHere({ ...data, by: from }, parseAttempts(body), LEADER_ANSWER_MS);
      if (proposed === null) throw notLeader(this.status().leader);
      return await proposed;
    });
  }

  #answer(entry: StoredEntry, result: ApplyResult | null): void {
    if (entry.id === null) return;
    this.#proposals.get(entry.id)?.resolve({ index: entry.index, result: result ?? { kind: 'applied' } });
    this.#proposals.delete(entry.id);
  }

  // ---------------------------------------------------------------- the machine

  #feed(event: Unstamped<MemberEvent>): void {
    if (this.#isStopped) return;
    const { chance, clock } = this.#options.world;
    this.#events.push({ ...event, atMs: clock.nowMs(), draw: chance.next() });
    if (this.#isFeeding) return;
    this.#isFeeding = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#step(next);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isFeeding = false;
    }
    this.#tellStatus();
    this.#schedule();
    this.#snapshotIfDue();
  }

  #step(event: MemberEvent): void {
    const { state, effects } = stepMember(this.#member, event);
    const before = this.#member.office?.campaign ?? null;
    this.#member = state;
    const after = state.office?.campaign ?? null;
    if (before !== after) this.#options.world.log.write({ event: 'ledgerOffice', campaign: after, left: before, index: this.#replica.index });
    for (const effect of effects) this.#perform(effect);
    this.#judgeWillingness();
  }

  #perform(effect: MemberEffect): void {
    switch (effect.kind) {
      case 'read':
        this.#reads.whenever(() => this.#comparedWatch());
        return;
      case 'write':
        // Both ends are handled inside.
        void this.#write(effect);
        return;
      case 'committed':
        this.#follower.apply(effect.entries);
        return;
      case 'dropped':
        for (const id of effect.ids) {
          this.#proposals.get(id)?.reject(notLeader(null));
          this.#proposals.delete(id);
        }
        return;
      default:
        unreachable(effect);
    }
  }

  /** Who the ledger names as candidate campaigns gladly. */
  #judgeWillingness(): void {
    const state = this.#replica.state;
    if (!this.#options.mayLead || state.nodes === this.#judgedNodes) return;
    this.#judgedNodes = state.nodes;
    const willingness: Willingness = candidatesOf(state).includes(this.#options.self as NodeId) ? 'gladly' : 'reluctantly';
    if (willingness !== this.#member.willingness) this.#feed({ kind: 'willing', willingness });
  }

  #schedule(): void {
    const { clock, timers } = this.#options.world;
    const atMs = memberWakesAtMs(this.#member);
    // A timer that fires early finds nothing due, and is set again.
    if (this.#isStopped || atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    // Whole milliseconds: a sum of fractions may come out a little before the time that it was made of.
    this.#timer = timers.after(Math.max(0, Math.ceil(atMs - clock.nowMs())), () => {
      this.#timerAtMs = Infinity;
      this.#feed({ kind: 'timer' });
    });
  }

  #tellStatus(): void {
    const status = this.status();
    const shown = `${status.role} ${status.term} ${status.leader} ${status.voters.join()}`;
    if (shown === this.#shownStatus || this.#isStopped) return;
    this.#shownStatus = shown;
    this.#options.world.log.write({ event: 'ledgerStatus', role: status.role, term: status.term, leader: status.leader, voters: status.voters, index: status.appliedIndex });
    for (const listener of this.#statusListeners) listener(status);
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return;
    this.stop();
    this.#options.onFatal(error);
  }

  // ---------------------------------------------------------------- etcd

  async #freshWithin(timeoutMs: number, what: string): Promise<FreshHead> {
    if (this.#isStopped) throw new ClusterError('LedgerStopped', 'this member of the ledger has stopped', { retryable: false });
    return await this.#reads.within(timeoutMs, what);
  }

  async #read(attempt: ReadAttempt): Promise<FreshHead> {
    const fresh = await this.#follower.read(attempt);
    this.#feed({ kind: 'headRead', head: fresh.head, beganAtMs: attempt.beganAtMs, wantedSinceMs: attempt.wantedSinceMs });
    return fresh;
  }

  async #write(effect: Extract<MemberEffect, { kind: 'write' }>): Promise<void> {
    const { number, fromRevision, head, entries, base } = effect;
    const key = headKey(this.#clusterUuid);
    const endpoint = this.#endpoints.current();
    const kept = head.base.index - Math.floor(this.#snapshotEvery() / 2);
    const deletes = base === null ? [] : [olderPieces(this.#clusterUuid, base.index), ...(kept > 0 ? [entryRange(this.#clusterUuid, 0, kept + 1)] : [])];
    const puts = [...entries.map((entry) => ({ key: entryKey(this.#clusterUuid, entry.index), value: encodeEntry(entry) })), { key, value: encodeHead(head) }];
    try {
      const { happened, revision } = await endpoint.write({ key, modRevision: fromRevision, puts, deletes }, { timeoutMs: this.#options.profile.heartbeatMs });
      if (happened) this.#follower.reached(revision);
      this.#feed({ kind: 'writeEnded', number, outcome: happened ? 'happened' : 'refused', revision });
    } catch (error) {
      this.#endpoints.failed(endpoint, describeError(error));
      this.#feed({ kind: 'writeEnded', number, outcome: 'unknown', revision: 0 });
    }
  }

  /** A read that shows a head which the watch did not tell: it is behind, or dead without knowing it. */
  #comparedWatch(): void {
    if ((this.#member.head?.revision ?? 0) > this.#follower.watchedHeadRevision) this.#follower.watch();
  }

  #reopenWatch(): void {
    if (this.#isReopening || this.#isStopped) return;
    this.#isReopening = true;
    this.#options.world.timers.after(WATCH_RETRY_MS * (0.5 + this.#options.world.chance.next()), () => {
      this.#reads.whenever(() => {
        this.#isReopening = false;
        this.#follower.watch();
      });
    });
  }

  #snapshotEvery(): number {
    return this.#options.snapshotEvery ?? SNAPSHOT_EVERY;
  }

  /** Compacts the log once enough was applied. */
  #snapshotIfDue(): void {
    const { head } = this.#member;
    if (!isLeading(this.#member) || head === null || this.#isSnapshotting || this.#member.newBase !== null) return;
    if (this.#replica.index - head.value.base.index < this.#snapshotEvery()) return;
    this.#isSnapshotting = true;
    this.#snapshotCount += 1;
    const snapshot = { index: this.#replica.index, term: this.#replica.term, name: `${this.#member.session}.${this.#snapshotCount}`, data: this.#replica.encode() };
    const { profile, world } = this.#options;
    // It never rejects: a snapshot that etcd did not take is null.
    void writeSnapshot({ world, endpoints: this.#endpoints, clusterUuid: this.#clusterUuid, timeoutMs: SNAPSHOT_PIECE_MS }, snapshot).then((base) => {
      if (base !== null) this.#feed({ kind: 'baseMade', base });
      // A failed one is followed by another after a while, not at once.
      world.timers.after(base === null ? profile.electionMaxMs : 0, () => {
        this.#isSnapshotting = false;
      });
    });
  }
}
