/**
 * How does the pure Raft machine act? The loop that saves, sends, applies and answers, in the order that `Ready` demands.
 *
 * One turn at a time: what a turn must keep is durable before any of its messages leaves. Inputs that arrive while a
 * turn is being saved gather for the next one, which is what batches proposals under load.
 */
import { ClusterError } from '../../errors.ts';
import { memberOfVoter } from '../../ids.ts';
import type { MemberId, VoterId } from '../../ids.ts';
import type { ApplyResult, EntryData } from '../commands.ts';
import type { Proposed } from '../replicated-log.ts';
import { Raft } from '../raft/raft.ts';
import type { PeerStatus, RaftStatus } from '../raft/status.ts';
import type { ConfChange, HardState, Message, Ready } from '../raft/types.ts';
import { EMPTY_STORE } from '../raft/options.ts';
import { RAFT_VERSION } from '../raft/types.ts';
import { deferWithin } from './deadline.ts';
import type { Deferred } from './deadline.ts';
import { LeaderContact, noteContact, withContact } from './leader-contact.ts';
import type { LedgerNodeOptions } from './ports.ts';
import { earlierAttempt, isSameProposal } from './proposals.ts';
import type { Attempts } from './proposals.ts';
import type { Replica } from './replica.ts';
import { SnapshotReceiver, splitSnapshot } from './snapshot-chunks.ts';
import { TickClock } from './tick-clock.ts';

const SNAPSHOT_EVERY = 2_000;
/**
 * About how long a tick is, ms. Finer than elections, so that two members rarely campaign in the same one; and than what heartbeats are
 * rarer than the rounds that take their place (shared/model/timing.ts), since one comes up to a tick early. Ticks are counted, so they cost nothing.
 */
const TICK_MS = 10;

interface ProposalWaiter {
  readonly term: number;
  readonly deferred: Deferred<Proposed>;
}

/** Drives one Raft member. Every member of the mesh has one; outside the configuration it only waits to be added. */
export class Voter {
  readonly id: VoterId;
  readonly #options: LedgerNodeOptions;
  readonly #replica: Replica;
  readonly #raft: Raft;
  readonly #onChange: () => void;
  readonly #receiver = new SnapshotReceiver();
  readonly #proposals = new Map<number, ProposalWaiter>();
  #unsavedHardState: HardState | null = null;
  #isPumping = false;
  #isStopped = false;
  readonly #ticks: TickClock;
  readonly #contact: LeaderContact;
  /** As the turn before showed it. */
  #shown: { readonly role: RaftStatus['role']; readonly term: number } = { role: 'follower', term: 0 };
  #lastSnapshotIndex: number;
  #isRetired = false;

  constructor(id: VoterId, options: LedgerNodeOptions, replica: Replica, onChange: () => void) {
    this.id = id;
    this.#options = options;
    this.#replica = replica;
    this.#onChange = onChange;
    const { loaded } = options.store;
    const profile = options.profile;
    const heartbeatTicks = Math.round(profile.heartbeatMs / TICK_MS);
    const tickMs = profile.heartbeatMs / heartbeatTicks;
    const snapshot = loaded.kind === 'loaded' ? loaded.snapshot : null;
    if (snapshot !== null) replica.install(snapshot.index, snapshot.term, snapshot.data);
    this.#lastSnapshotIndex = snapshot?.index ?? 0;
    this.#raft = new Raft({
      id,
      random: () => options.world.chance.next(),
      heartbeatTicks,
      electionTicks: Math.round(profile.electionMinMs / tickMs),
      electionSpreadTicks: Math.round((profile.electionMaxMs - profile.electionMinMs) / tickMs),
      stored: loaded.kind === 'loaded'
        ? { ...EMPTY_STORE, hardState: loaded.hardState, snapshot: loaded.snapshot, entries: loaded.entries, applied: loaded.snapshot?.index ?? 0 }
        : EMPTY_STORE,
    });
    this.#contact = new LeaderContact(options.world.clock);
    this.#ticks = new TickClock(options.world, tickMs, this.#raft, () => this.#kick());
  }

  start(): void {
    this.#options.mesh.onMessage('ledger', (from, frame) => this.#receive(from, frame));
    this.#options.heartbeats?.onMessage((from, message) => this.#receive(from, { version: RAFT_VERSION, ...message }));
    this.#kick();
  }

  stop(): void {
    this.#isStopped = true;
    this.#ticks.stop();
    for (const { deferred } of this.#proposals.values()) deferred.reject(stopped());
    this.#proposals.clear();
  }

  status(): RaftStatus {
    return this.#raft.status();
  }

  /** How far the others are. Empty unless this member leads. */
  peers(): readonly PeerStatus[] {
    return this.#raft.peers();
  }

  /**
   * On a leader: no former leader confirmed anything that it was asked for after this moment (monotonic clock, see leader-contact.ts).
   * Null on others.
   */
  formerContactAtMs(): number | null {
    const { role, term } = this.#raft.status();
    return role === 'leader' ? this.#contact.formerAtMs(term) : null;
  }

  /** Whether the configuration that this member knows names it. */
  isMember(): boolean {
    const { conf } = this.#raft.status();
    return !this.#isRetired && (conf.voters.includes(this.id) || conf.learners.includes(this.id));
  }

  /**
   * Told by others that a committed configuration leaves this member out: it falls silent until a leader calls it back. Its
   * promises are on its disk all the while, so it may be called under the same name.
   */
  retire(): void {
    this.#isRetired = true;
    this.#ticks.stop();
    this.#onChange();
  }

  /**
   * Proposes as leader, unless it is a user's command that is in its log already; null when this member does not lead. Resolves when
   * applied here. Throws ClusterError `LedgerTimeout` when such a one is repeated and so much of the log is gone that nobody can tell.
   */
  propose(data: EntryData, attempts: Attempts, timeoutMs: number): Promise<Proposed> | null {
    if (this.#raft.status().role !== 'leader') return null;
    const earlier = this.#earlier(data, attempts, timeoutMs);
    if (earlier !== null) return earlier;
    const outcome = this.#raft.propose(data);
    if (outcome.kind === 'rejected') {
      if (outcome.reason === 'overloaded') throw new ClusterError('LedgerOverloaded', 'the ledger has too much uncommitted work', { retryable: true });
      return null;
    }
    return this.#committed(outcome, timeoutMs, `commit ledger entry ${outcome.index}`);
  }

  /**
   * Whatever is not in a leader's log now can only be committed by taking the place of what is: so a log never comes to hold a proposal twice.
   */
  #earlier(data: EntryData, attempts: Attempts, timeoutMs: number): Promise<Proposed> | null {
    return earlierAttempt(this.#replica, data, attempts, () => {
      const waiting = this.#raft.unapplied().find((entry) => entry.kind === 'command' && isSameProposal(entry.data as EntryData, data));
      if (waiting === undefined) return null;
      const waiter = this.#proposals.get(waiting.index);
      return waiter?.term === waiting.term ? waiter.deferred.promise : this.#committed(waiting, timeoutMs, `commit ledger entry ${waiting.index}`);
    });
  }

  /**
   * Resolves with the index that a fresh read must have applied; with null when this member does not lead. Rejects with
   * ClusterError `LedgerTimeout`: a disk that stalls holds Raft up, and must not hold up whoever asks.
   */
  readIndex(timeoutMs: number): Promise<number | null> {
    const deferred = deferWithin<number | null>(this.#options.world.timers, timeoutMs, 'confirm that this member leads', () => undefined);
    this.#ticks.catchUp();
    const outcome = this.#raft.readIndex(deferred.resolve, { immediate: true });
    if (outcome.kind === 'rejected') deferred.resolve(null);
    else this.#kick();
    return deferred.promise;
  }

  /** Resolves when the change is committed; false when it was refused or lost. */
  async changeConf(change: ConfChange, timeoutMs: number): Promise<boolean> {
    this.#ticks.catchUp();
    const outcome = this.#raft.proposeConfChange(change);
    if (outcome.kind === 'rejected') return false;
    try {
      await this.#committed(outcome, timeoutMs, 'commit a change of voters');
      return true;
    } catch (error) {
      if (error instanceof ClusterError) return false;
      throw error;
    }
  }

  transferLeadership(to: VoterId): boolean {
    this.#ticks.catchUp();
    const outcome = this.#raft.transferLeadership(to);
    this.#kick();
    return outcome.kind === 'started';
  }

  /** Waits for the entry that was proposed at this place; one of an older term that waited there has lost. */
  #committed(proposed: { readonly index: number; readonly term: number }, timeoutMs: number, what: string): Promise<Proposed> {
    const { index, term } = proposed;
    const deferred = deferWithin<Proposed>(this.#options.world.timers, timeoutMs, what, () => {
      this.#proposals.delete(index);
    });
    this.#proposals.get(index)?.deferred.reject(lost());
    this.#proposals.set(index, { term, deferred });
    this.#kick();
    return deferred.promise;
  }

  #receive(from: MemberId, frame: unknown): void {
    if (this.#isStopped) return;
    const message = this.#receiver.accept(from, frame);
    if (message === null) return;
    const sender = typeof message === 'object' && message !== null && 'from' in message ? message.from : null;
    // A member speaks for itself only: the mesh has proven who it is.
    if (typeof sender !== 'string' || memberOfVoter(sender as VoterId) !== from) return;
    if (this.#isRetired && !this.#isCalledBackBy(message)) return;
    this.#ticks.catchUp();
    noteContact(this.#contact, message, this.id);
    const outcome = this.#raft.step(message);
    if (outcome.kind === 'rejected' && outcome.reason !== 'misaddressed') {
      this.#options.world.log.write({ event: 'ledgerMessageRefused', from, reason: outcome.reason, detail: outcome.detail });
    }
    this.#kick();
  }

  /** Only whom a leader counts as a member is sent the log. A message that comes late is no harm: others then tell this member again. */
  #isCalledBackBy(message: unknown): boolean {
    const { kind, to, term } = message as Partial<Message>;
    const isOfLeader = kind === 'append' || kind === 'heartbeat' || kind === 'snapshot';
    if (!isOfLeader || to !== this.id || term === undefined || !(term >= this.#raft.status().term)) return false;
    this.#isRetired = false;
    this.#options.world.log.write({ event: 'voterCalledBack', voter: this.id });
    this.#ticks.resume();
    this.#onChange();
    return true;
  }

  #kick(): void {
    this.#ticks.schedule();
    if (this.#isPumping || this.#isStopped) return;
    this.#isPumping = true;
    // Whoever fails here reports through onFatal, so the promise has no other listener.
    void this.#pump();
  }

  async #pump(): Promise<void> {
    try {
      // Lets everything that arrives in this turn of the event loop into one batch.
      await Promise.resolve();
      while (!this.#isStopped && this.#raft.hasReady()) {
        const ready = this.#raft.ready();
        await this.#save(ready);
        if (this.#isStopped) return;
        this.#contact.beforeSending();
        for (const message of ready.messages) this.#send(withContact(this.#contact, message));
        if (ready.softState !== null || ready.hardState !== null) this.#shown = this.#raft.status();
        this.#contact.afterSending(this.#shown.role === 'leader', this.#shown.term);
        this.#apply(ready);
        this.#raft.advance(ready);
        if (ready.softState !== null || ready.conf !== null) this.#onChange();
      }
      await this.#snapshotIfDue();
    } catch (error) {
      this.#isStopped = true;
      this.#options.onFatal(error);
    } finally {
      this.#isPumping = false;
    }
    this.#ticks.schedule();
    if (!this.#isStopped && this.#raft.hasReady()) this.#kick();
  }

  async #save(ready: Ready): Promise<void> {
    this.#unsavedHardState = ready.hardState ?? this.#unsavedHardState;
    // A commit index alone may be forgotten in a crash, so it waits for the next write that must be durable.
    if (!ready.mustSync) return;
    const hardState = this.#unsavedHardState;
    this.#unsavedHardState = null;
    await this.#options.store.save({
      ...(hardState === null ? {} : { hardState }),
      ...(ready.snapshot === null ? {} : { snapshot: ready.snapshot }),
      ...(ready.entries.length === 0 ? {} : { entries: ready.entries }),
    });
  }

  #send(message: Message): void {
    const to = memberOfVoter(message.to as VoterId);
    if (message.kind === 'snapshot') {
      const isDelivered = splitSnapshot(message).every((frame) => this.#options.mesh.send(to, 'ledger', frame));
      this.#raft.reportSnapshot(message.to, isDelivered);
      return;
    }
    const isHeartbeat = message.kind === 'heartbeat' || message.kind === 'heartbeatResponse';
    if (isHeartbeat && this.#options.heartbeats?.send(to, message) === true) return;
    if (!this.#options.mesh.send(to, 'ledger', message)) this.#raft.reportUnreachable(message.to);
  }

  #apply(ready: Ready): void {
    if (ready.snapshot !== null) {
      this.#replica.install(ready.snapshot.index, ready.snapshot.term, ready.snapshot.data);
      this.#lastSnapshotIndex = Math.max(this.#lastSnapshotIndex, ready.snapshot.index);
    }
    for (const entry of ready.committedEntries) {
      const data = entry.kind === 'command' ? (entry.data as EntryData) : null;
      const result = this.#replica.applyEntry({ index: entry.index, term: entry.term, data });
      this.#answer(entry.index, entry.term, result ?? { kind: 'applied' });
    }
    for (const { context, index } of ready.readStates) (context as (index: number | null) => void)(index);
    for (const context of ready.abortedReads) (context as (index: number | null) => void)(null);
  }

  #answer(index: number, term: number, result: ApplyResult): void {
    const waiter = this.#proposals.get(index);
    if (waiter === undefined) return;
    this.#proposals.delete(index);
    if (waiter.term === term) waiter.deferred.resolve({ index, result });
    else waiter.deferred.reject(lost());
  }

  /** Compacts the log once enough was applied. The state must be Raft's own: a feed may be ahead of it for a moment. */
  async #snapshotIfDue(): Promise<void> {
    const every = this.#options.snapshotEvery ?? SNAPSHOT_EVERY;
    const applied = this.#raft.appliedIndex();
    if (applied - this.#lastSnapshotIndex < every || applied !== this.#replica.index) return;
    const snapshot = this.#raft.makeSnapshot(applied, this.#replica.encode());
    if (snapshot === null) return;
    this.#lastSnapshotIndex = applied;
    await this.#options.store.save({ snapshot, compactTo: snapshot.index });
    this.#raft.compact(snapshot);
  }
}

const lost = (): ClusterError => new ClusterError('LedgerTimeout', 'the entry was replaced by another leader\'s', { retryable: true });
const stopped = (): ClusterError => new ClusterError('LedgerStopped', 'this member of the ledger has stopped', { retryable: false });
