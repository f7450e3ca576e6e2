/**
 * How does a member of the modelled cell hold its log? As meanly as Raft allows: a leader that was replaced goes on believing in itself
 * until somebody tells it (no check-quorum), and a listener may hear of a change long after it.
 */
import type { AppliedEntry, ApplyResult, Command } from '../../../../shared/ledger/commands.ts';
import { LeaderContact } from '../../../../shared/ledger/node/leader-contact.ts';
import type { LeaderLog, LedgerStatus, Proposed } from '../../../../shared/ledger/replicated-log.ts';
import type { MemberId, NodeId, VoterId } from '../../../../shared/ids.ts';
import type { CellState } from '../../../../shared/model/cell.ts';
import { TIMING_PROFILES } from '../../../../shared/model/timing.ts';
import type { Process, Room, SimNode } from './lease-weather.ts';

const PROFILE = TIMING_PROFILES.standard;
/** How often a member of the modelled ledger looks around, ms: finer than any heartbeat, so that leaders change at more moments. */
const BEAT_MS = 150;

export interface LogItem {
  readonly term: number;
  readonly command: Command | null;
}

/** One member's ledger, as mean as Raft allows. */
export class SimLog implements LeaderLog {
  readonly #room: Room;
  readonly #node: SimNode;
  #state: CellState;
  #applied = 0;
  #commit = 0;
  #role: LedgerStatus['role'] = 'follower';
  #leader: MemberId | null = null;
  #heardLeaderAt: number;
  #patience = PROFILE.electionMinMs;
  #votes = new Set<NodeId>();
  #match = new Map<NodeId, number>();
  #rounds: { readonly begun: number; readonly term: number; readonly acks: Set<NodeId>; readonly resolve: (confirmed: boolean) => void }[] = [];
  #round = 0;
  readonly #contact: LeaderContact;
  readonly #waiting = new Map<number, (result: ApplyResult) => void>();
  readonly #entryListeners = new Set<(entry: AppliedEntry | null) => void>();
  readonly #statusListeners = new Set<(status: LedgerStatus) => void>();

  constructor(room: Room, node: SimNode) {
    this.#room = room;
    this.#node = node;
    this.#state = room.firstState;
    this.#heardLeaderAt = room.now;
    this.#contact = new LeaderContact({ nowMs: () => node.clock(room.now), wallTime: () => '' });
    this.#patience *= 1 + room.chance.next();
    this.#beat();
  }

  state(): CellState {
    return this.#state;
  }

  status(): LedgerStatus {
    return {
      member: this.#node.id, role: this.#role, term: this.#node.term, leader: this.#leader, appliedIndex: this.#applied, commitIndex: this.#commit,
      voters: this.#room.voters.map((voter) => `${voter.id}.00000000` as VoterId), learners: [],
    };
  }

  subscribe(listener: (entry: AppliedEntry | null) => void): () => void {
    this.#entryListeners.add(listener);
    return () => this.#entryListeners.delete(listener);
  }

  onStatus(listener: (status: LedgerStatus) => void): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  async readFresh(): Promise<CellState> {
    return await Promise.resolve(this.#state);
  }

  async changeVoters(): Promise<boolean> {
    return await Promise.resolve(false);
  }

  /** Like the real one: whoever does not lead waits for a leader, which may be itself again, in another term. */
  propose(command: Command): Promise<Proposed> {
    return new Promise((resolve, reject) => {
      const until = this.#room.now + 3_000;
      const attempt = (): void => {
        if (this.#room.now > until) {
          reject(new Error('LedgerTimeout'));
          this.#room.isDirty = true;
          return;
        }
        if (this.#role !== 'leader') {
          this.#later(50, attempt);
          return;
        }
        this.#node.entries.push({ term: this.#node.term, command });
        const index = this.#node.entries.length;
        this.#waiting.set(index, (result) => {
          resolve({ index, result });
          this.#room.isDirty = true;
        });
        this.#later(3_000, () => {
          reject(new Error('LedgerTimeout'));
          this.#room.isDirty = true;
        });
        this.#replicate();
      };
      attempt();
    });
  }

  confirmLeadership(): Promise<boolean> {
    const { term } = this.#node;
    if (this.#role !== 'leader' || !this.#isTermCommitted()) return Promise.resolve(false);
    return new Promise((resolve) => {
      const begun = (this.#round += 1);
      this.#rounds.push({ begun, term, acks: new Set([this.#node.id]), resolve });
      this.#tellRounds();
      for (const voter of this.#others()) {
        this.#room.carry(this.#node, voter, (log) => log.#onRound(this.#node, term, begun));
      }
    });
  }

  formerContactAtMs(): number | null {
    return this.#role === 'leader' ? this.#contact.formerAtMs(this.#node.term) : null;
  }

  doNotStandBefore(at: number): void {
    this.#heardLeaderAt = at;
  }

  campaign(): void {
    const { node } = { node: this.#node };
    if (this.#role === 'leader') return;
    node.term += 1;
    this.#become('candidate', null);
    this.#votes = new Set([node.id]);
    this.#heardLeaderAt = this.#room.now;
    const last = node.entries.at(-1)?.term ?? 0;
    for (const voter of this.#otherVoters()) {
      const term = node.term;
      const length = node.entries.length;
      this.#room.carry(node, voter, (log) => log.#onVoteAsked(node, term, last, length));
    }
    this.#countVotes();
  }

  #onVoteAsked(from: SimNode, term: number, lastTerm: number, length: number): void {
    const { node } = { node: this.#node };
    if (term <= node.term) return;
    node.term = term;
    this.#become('follower', null);
    const own = node.entries.at(-1)?.term ?? 0;
    if (lastTerm < own || (lastTerm === own && length < node.entries.length)) return;
    this.#heardLeaderAt = this.#room.now;
    const contactAgeMs = this.#contact.ageMs();
    this.#room.carry(node, from, (log) => {
      log.#contact.voteTells(term, contactAgeMs);
      if (log.#node.term !== term || log.#role !== 'candidate') return;
      log.#votes.add(node.id);
      log.#countVotes();
    });
  }

  #countVotes(): void {
    if (this.#role !== 'candidate' || this.#votes.size < this.#room.quorum) return;
    this.#match = new Map();
    this.#node.entries.push({ term: this.#node.term, command: null });
    this.#room.count('elections');
    this.#become('leader', this.#node.id);
    this.#replicate();
  }

  #replicate(): void {
    const { node } = { node: this.#node };
    const { term } = node;
    const entries = [...node.entries];
    const commit = this.#commit;
    for (const voter of this.#others()) this.#room.carry(node, voter, (log) => log.#onAppend(node, term, entries, commit));
    this.#advance();
  }

  #onAppend(from: SimNode, term: number, entries: readonly LogItem[], commit: number): void {
    const { node } = { node: this.#node };
    if (term < node.term) {
      this.#room.carry(node, from, (log) => log.#onNewerTerm(this.#node.term));
      return;
    }
    node.term = term;
    if (this.#role !== 'follower' || this.#leader !== from.id) this.#become('follower', from.id);
    this.#heardLeaderAt = this.#room.now;
    this.#contact.answersLeader();
    // A leader's log only grows, so a shorter one of the same term is an older message.
    if (entries.length >= node.entries.length || (node.entries.at(-1)?.term ?? 0) < term) node.entries = [...entries];
    this.#commitTo(Math.min(commit, entries.length));
    const length = entries.length;
    this.#room.carry(node, from, (log) => {
      if (log.#role !== 'leader' || log.#node.term !== term) return;
      log.#match.set(node.id, Math.max(log.#match.get(node.id) ?? 0, length));
      log.#advance();
    });
  }

  #onRound(from: SimNode, term: number, begun: number): void {
    if (term < this.#node.term) {
      this.#room.carry(this.#node, from, (log) => log.#onNewerTerm(this.#node.term));
      return;
    }
    this.#node.term = term;
    if (this.#role !== 'follower' || this.#leader !== from.id) this.#become('follower', from.id);
    this.#heardLeaderAt = this.#room.now;
    this.#contact.answersLeader();
    this.#room.carry(this.#node, from, (log) => {
      for (const round of log.#rounds) if (round.begun === begun && round.term === term) round.acks.add(this.#node.id);
      log.#tellRounds();
    });
  }

  #tellRounds(): void {
    const done = this.#rounds.filter((round) => round.acks.size >= this.#room.quorum);
    this.#rounds = this.#rounds.filter((round) => !done.includes(round)).slice(-200);
    for (const round of done) {
      this.#room.isDirty = true;
      round.resolve(this.#role === 'leader' && this.#node.term === round.term);
    }
  }

  #onNewerTerm(term: number): void {
    if (term <= this.#node.term) return;
    this.#node.term = term;
    this.#become('follower', null);
  }

  /** Commits what a majority has, if it is of this term. */
  #advance(): void {
    if (this.#role !== 'leader') return;
    const { entries, term } = this.#node;
    for (let index = entries.length; index > this.#commit; index -= 1) {
      if (entries[index - 1]?.term !== term) return;
      const stored = 1 + this.#otherVoters().filter((voter) => (this.#match.get(voter.id) ?? 0) >= index).length;
      if (stored < this.#room.quorum) continue;
      this.#commitTo(index);
      return;
    }
  }

  #commitTo(commit: number): void {
    this.#commit = Math.max(this.#commit, commit);
    while (this.#applied < this.#commit) {
      const item = this.#node.entries[this.#applied];
      if (item === undefined) return;
      this.#applied += 1;
      const { state, result } = this.#room.apply(this.#state, this.#applied, item);
      this.#state = state;
      if (item.command !== null) this.#waiting.get(this.#applied)?.(result);
      this.#waiting.delete(this.#applied);
      for (const listener of this.#entryListeners) listener(null);
    }
  }

  #isTermCommitted(): boolean {
    return this.#node.entries[this.#commit - 1]?.term === this.#node.term;
  }

  #become(role: LedgerStatus['role'], leader: MemberId | null): void {
    const wasLeader = this.#role === 'leader';
    this.#contact.beforeSending();
    this.#contact.afterSending(role === 'leader', this.#node.term);
    this.#role = role;
    this.#leader = leader;
    if (wasLeader) {
      for (const round of this.#rounds) round.resolve(false);
      this.#rounds = [];
      this.#waiting.clear();
      this.#room.isDirty = true;
    }
    // The listeners may hear of it late: what they do must not depend on being told in time.
    if (this.#room.chance.next() < 0.8) for (const listener of this.#statusListeners) listener(this.status());
    else this.#later(this.#room.chance.next() * 3_000, () => {
      for (const listener of this.#statusListeners) listener(this.status());
    });
  }

  #beat(): void {
    this.#later(BEAT_MS, () => {
      if (this.#role === 'leader') this.#replicate();
      else if (this.#isVoter() && this.#room.now - this.#heardLeaderAt > this.#patience) {
        this.#patience = PROFILE.electionMinMs * (1 + this.#room.chance.next());
        this.campaign();
      }
      this.#beat();
    });
  }

  #isVoter(): boolean {
    return this.#room.voters.includes(this.#node);
  }

  #otherVoters(): readonly SimNode[] {
    return this.#room.voters.filter((node) => node !== this.#node);
  }

  /** Voters, and everybody else as a reader. */
  #others(): readonly SimNode[] {
    return this.#room.nodes.filter((node) => node !== this.#node);
  }

  #later(delay: number, run: () => void): void {
    const agent = (): Process | undefined => this.#node.agent?.process;
    this.#room.at(this.#room.now + delay, () => {
      if (this.#node.agent?.log === this) agent()?.run(true, run);
    });
  }
}
