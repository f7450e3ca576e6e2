/**
 * How does a member of the mesh hold the ledger? As a voter or learner where the configuration names it, through a feed
 * otherwise; whoever uses it sees one interface, and never which of the two it is.
 */
import { describeError } from '../../errors.ts';
import { memberOfVoter, voterIdOf } from '../../ids.ts';
import type { MemberId, VoterId } from '../../ids.ts';
import type { CellState } from '../../model/cell.ts';
import type { AppliedEntry, Command, Rejection } from '../commands.ts';
import type { LeaderStatus, LedgerMember, LedgerStatus, Proposed, VoterSet } from '../replicated-log.ts';
import { askLeader, LEADER_ANSWER_MS, proposeToLeader } from './ask-leader.ts';
import type { Proposer } from './ask-leader.ts';
import { FeedClient } from './feed-client.ts';
import type { FeedCandidates } from './feed-client.ts';
import { FeedServer } from './feed-server.ts';
import type { FeedStatus } from './feed-server.ts';
import type { LedgerNodeOptions } from './ports.ts';
import { notLeader, parseAttempts, parseProposal, ProposalGate } from './proposals.ts';
import { Replica } from './replica.ts';
import { Voter } from './voter.ts';

/** The ledger, as one member holds it. */
export class LedgerNode implements LedgerMember, VoterSet {
  readonly voterId: VoterId;
  readonly #options: LedgerNodeOptions;
  readonly #replica: Replica;
  readonly #voter: Voter;
  readonly #feedServer: FeedServer;
  readonly #feedClient: FeedClient;
  readonly #statusListeners = new Set<(status: LedgerStatus) => void>();
  #feedStatus: FeedStatus | null = null;
  #shownStatus = '';
  #isStopped = false;
  readonly #gate = new ProposalGate();

  /** `initial` is the state before anything was heard: an empty cell of the right name and cluster. */
  constructor(options: LedgerNodeOptions, initial: CellState) {
    this.#options = options;
    this.voterId = voterIdOf(options.self, options.store.storeUuid);
    this.#replica = new Replica(initial);
    this.#voter = new Voter(this.voterId, options, this.#replica, () => this.#statusChanged());
    this.#feedServer = new FeedServer(options.mesh, options.world, { replica: this.#replica, status: () => this.#feedStatusToServe() });
    this.#feedClient = new FeedClient(options.mesh, options.world, this.#replica, () => this.#feedCandidates(), (status) => this.#feedHeard(status), () => this.#feedSilent());
    this.#replica.subscribe(() => this.#feedServer.push());
    options.mesh.serve('propose', (from, body) => this.#servePropose(from, body));
    options.mesh.serve('readIndex', () => this.#serveReadIndex());
  }

  start(): void {
    this.#voter.start();
    this.#followUnlessMember();
  }

  stop(): void {
    this.#isStopped = true;
    this.#feedClient.setWanted(false);
    this.#feedServer.stop();
    this.#voter.stop();
  }

  // ---------------------------------------------------------------- ReplicatedLog

  async propose(command: Command, options: { readonly timeoutMs: number; readonly appliedHere?: boolean }): Promise<Proposed> {
    return await proposeToLeader(this.#asker(), command, options, (data, attempts, remainingMs) => this.#voter.propose(data, attempts, remainingMs));
  }

  async readFresh(options: { readonly timeoutMs: number }): Promise<CellState> {
    const index = await askLeader(this.#asker(), options.timeoutMs, 'read the ledger', async (leader, remainingMs) => {
      if (leader === this.#options.self) return await this.#voter.readIndex(remainingMs);
      const answer = await this.#options.mesh.request(leader, 'readIndex', {}, { timeoutMs: Math.min(remainingMs, LEADER_ANSWER_MS) });
      return typeof answer === 'number' ? answer : null;
    });
    await this.waitApplied(index, options.timeoutMs);
    return this.#replica.state;
  }

  /** Resolves when this member has applied `index`. */
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
    const raft = this.#voter.status();
    const isMember = this.#voter.isMember();
    const conf = isMember || this.#feedStatus === null ? raft.conf : this.#feedStatus.conf;
    const role = !isMember ? 'subscriber' : raft.role === 'preCandidate' ? 'candidate' : raft.conf.learners.includes(this.voterId) ? 'learner' : raft.role;
    const leader = isMember ? (raft.leader === null ? null : memberOfVoter(raft.leader as VoterId)) : (this.#feedStatus?.leader ?? null);
    return {
      member: this.#options.self, role, leader,
      term: isMember ? raft.term : (this.#feedStatus?.term ?? 0),
      appliedIndex: this.#replica.index,
      commitIndex: Math.max(raft.commit, this.#replica.index),
      voters: conf.voters as readonly VoterId[],
      learners: conf.learners as readonly VoterId[],
    };
  }

  // ---------------------------------------------------------------- LeaderLog

  async confirmLeadership(): Promise<boolean> {
    const { term, role, isTermCommitted } = this.#voter.status();
    if (role !== 'leader' || !isTermCommitted) return false;
    const index = await this.#voter.readIndex(LEADER_ANSWER_MS);
    const now = this.#voter.status();
    return index !== null && now.role === 'leader' && now.term === term;
  }

  async changeVoters(change: { readonly kind: 'addLearner' | 'promote' | 'remove'; readonly voter: VoterId; readonly witness: boolean }, options: { readonly timeoutMs: number }): Promise<boolean> {
    const { kind, voter: id } = change;
    return await this.#voter.changeConf(kind === 'addLearner' ? { kind, id, isWitness: change.witness } : { kind, id }, options.timeoutMs);
  }

  leaderStatus(): LeaderStatus {
    return { ...this.status(), matchIndex: Object.fromEntries(this.#voter.peers().map((peer) => [peer.id, peer.match])) };
  }

  /** How far the other voters and learners are. Empty unless this member leads. */
  peers(): ReturnType<Voter['peers']> {
    return this.#voter.peers();
  }

  get voterSet(): VoterSet {
    return this;
  }

  isLeading(): boolean {
    return this.#voter.status().isTermCommitted;
  }

  formerContactAtMs(): number | null {
    return this.#voter.formerContactAtMs();
  }

  /** How the Raft machine stands. */
  raftStatus(): ReturnType<Voter['status']> {
    return this.#voter.status();
  }

  /** Hands leadership to another voter, for an orderly stop. */
  transferLeadership(to: VoterId): boolean {
    return this.#voter.transferLeadership(to);
  }

  admitUsersBy(admit: () => (() => void) | null): void {
    this.#gate.admitUsersBy(admit);
  }

  vetUsersBy(vet: (command: Command) => Rejection | null): void {
    this.#gate.vetUsersBy(vet);
  }

  // ---------------------------------------------------------------- inside

  #asker(): Proposer {
    const { mesh, self, world } = this.#options;
    return { world, mesh, self, replica: this.#replica, leader: () => this.status().leader, isStopped: () => this.#isStopped };
  }

  async #servePropose(from: MemberId, body: unknown): Promise<Proposed> {
    const data = parseProposal(body);
    // Only a leader's state says who is a member: that of one whose store was lost knows nobody yet.
    if (this.#voter.status().role !== 'leader') throw notLeader(this.status().leader);
    return await this.#gate.pass(this.#replica.state, this.#options.self, from, data.command, async () => {
      const proposed = this.#voter.propose({ ...data, by: from }, parseAttempts(body), LEADER_ANSWER_MS);
      if (proposed === null) throw notLeader(this.status().leader);
      return await proposed;
    });
  }

  async #serveReadIndex(): Promise<number> {
    const index = await this.#voter.readIndex(LEADER_ANSWER_MS);
    if (index === null) throw notLeader(this.status().leader);
    return index;
  }

  #statusChanged(): void {
    this.#followUnlessMember();
    this.#feedServer.push();
    this.#tellStatus();
  }

  #tellStatus(): void {
    const status = this.status();
    const shown = `${status.role} ${status.term} ${status.leader} ${status.voters.join()} ${status.learners.join()}`;
    if (shown === this.#shownStatus) return;
    this.#shownStatus = shown;
    this.#options.world.log.write({ event: 'ledgerStatus', role: status.role, term: status.term, leader: status.leader, voters: status.voters, index: status.appliedIndex });
    for (const listener of this.#statusListeners) listener(status);
  }

  /** A member of the configuration that hears no leader also listens to others: it may have been removed meanwhile. */
  #followUnlessMember(): void {
    const raft = this.#voter.status();
    this.#feedClient.setWanted(!this.#isStopped && !this.#voter.isMember());
    if (this.#voter.isMember() && raft.leader === null) this.#askWhetherRemoved();
  }

  #askedAtMs = -Infinity;

  #askWhetherRemoved(): void {
    const { clock, timers } = this.#options.world;
    const waitMs = this.#options.profile.electionMaxMs * 3;
    if (clock.nowMs() - this.#askedAtMs < waitMs) return;
    this.#askedAtMs = clock.nowMs();
    timers.after(waitMs, () => {
      this.#askedAtMs = -Infinity;
      if (this.#isStopped || this.#voter.status().leader !== null || !this.#voter.isMember()) return;
      // Nobody waits for this answer; a failed one is asked again while no leader is heard.
      void this.#compareConf().finally(() => this.#followUnlessMember());
    });
  }

  async #compareConf(): Promise<void> {
    const { likely, others } = this.#feedCandidates();
    const candidates = likely.length > 0 && this.#options.world.chance.next() < 0.5 ? likely : [...likely, ...others];
    const member = candidates[Math.floor(this.#options.world.chance.next() * candidates.length)];
    if (member === undefined) return;
    try {
      const status = (await this.#options.mesh.request(member, 'ledger.status', {}, { timeoutMs: 2_000 })) as FeedStatus | null;
      const raft = this.#voter.status();
      // Final only what is committed, and behind the entry by which this member believes that it belongs.
      const isNewer = status !== null && status.term >= raft.term && status.applied > this.#replica.index && status.applied >= raft.confIndex;
      if (status === null || !isNewer || status.isConfCommitted !== true || [...status.conf.voters, ...status.conf.learners].includes(this.voterId)) return;
      this.#options.world.log.write({ event: 'voterRetired', voter: this.voterId, toldBy: member });
      this.#voter.retire();
      this.#followUnlessMember();
    } catch (error) {
      this.#options.world.log.write({ event: 'ledgerStatusUnknown', member, error: describeError(error) });
    }
  }

  #feedHeard(status: FeedStatus): void {
    this.#feedStatus = status;
    this.#tellStatus();
  }

  /** Who led may lead no more. Members that know no leader say nothing (FeedServer), so silence is how a lost quorum looks from here. */
  #feedSilent(): void {
    if (this.#feedStatus === null || this.#feedStatus.leader === null) return;
    this.#feedHeard({ ...this.#feedStatus, leader: null });
  }

  #feedStatusToServe(): FeedStatus | null {
    const raft = this.#voter.status();
    if (!this.#voter.isMember() || raft.leader === null) return null;
    return { applied: this.#replica.index, term: raft.term, leader: memberOfVoter(raft.leader as VoterId), conf: raft.conf, isConfCommitted: raft.isConfCommitted };
  }

  /** Those whom the mesh reaches, if there are any. */
  #feedCandidates(): FeedCandidates {
    const { mesh, seeds, self } = this.#options;
    const voters = new Set(this.status().voters.map((voter) => memberOfVoter(voter)));
    const all = [...new Set([...voters, ...seeds()])].filter((member) => member !== self);
    const connected = all.filter((member) => mesh.isConnected(member));
    const asked = connected.length > 0 ? connected : all;
    return { likely: asked.filter((member) => voters.has(member)), others: asked.filter((member) => !voters.has(member)) };
  }
}
