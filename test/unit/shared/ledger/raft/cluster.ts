/**
 * How does the log fare in bad weather? A cell of members in one process, driven by one seed: messages are lost,
 * doubled, reordered and delayed, links are cut, members crash anywhere in a turn and lose what was not saved,
 * members join and leave. Afterwards the weather calms and the cell must get on with its work.
 */
import { seededChance } from '../../../../../shared/random.ts';
import { EMPTY_CONF } from '../../../../../shared/ledger/raft/conf-change.ts';
import type { RaftLog } from '../../../../../shared/ledger/raft/log.ts';
import { EMPTY_STORE } from '../../../../../shared/ledger/raft/options.ts';
import type { RaftLimits, RaftOptions } from '../../../../../shared/ledger/raft/options.ts';
import { majorityOf } from '../../../../../shared/ledger/raft/quorum.ts';
import { Raft } from '../../../../../shared/ledger/raft/raft.ts';
import type {
  ConfChange,
  ConfState,
  Entry,
  HardState,
  Message,
  Ready,
  Role,
  Snapshot,
} from '../../../../../shared/ledger/raft/types.ts';
import { Checks, Violation } from './checks.ts';

/** The machine with its inside open to the observer. */
export class OpenRaft extends Raft {
  get open(): { readonly role: Role; readonly term: number; readonly log: RaftLog } {
    return { role: this.role, term: this.term, log: this.log };
  }
}

/** Faults of the loop around the machine, planted by tests that want to see them found. */
export type LoopFault = 'none' | 'voteIsNotSaved' | 'entriesAreNotSaved' | 'sendsBeforeSaving' | 'hardStateIsNotSaved';

export type ClusterOptions = {
  readonly seed: number;
  readonly steps: number;
  readonly makeRaft?: (options: RaftOptions) => OpenRaft;
  readonly loopFault?: LoopFault;
};

type Disk = { hardState: HardState; snapshot: Snapshot | null; entries: Entry[]; readonly conf: ConfState };
type App = { applied: number; hash: number };
type Turn = { readonly ready: Ready; done: number };
type Member = { readonly id: string; raft: OpenRaft | null; readonly disk: Disk; app: App; turn: Turn | null };
type Weather = {
  readonly loss: number;
  readonly duplication: number;
  readonly crash: number;
  readonly cut: number;
  readonly membership: number;
  readonly transfer: number;
  readonly snapshot: number;
  readonly slowDisk: number;
  /** With 1, every append carries one entry. */
  readonly appendBytesMax: number;
  /** How much time passes for each message that arrives. */
  readonly haste: number;
};

export const ELECTION_TICKS = 6;
const MEMBERS_EVER = 12;
const FLIGHT_MAX = 120;
const LIMITS: Partial<RaftLimits> = {
  inflightMessagesMax: 4,
  inflightBytesMax: 2000,
  compactMargin: 3,
  promoteLagMax: 5,
  applyBytesMax: 500,
  snapshotTimeoutTicks: 15,
};

export class Cluster {
  readonly checks = new Checks();
  readonly #options: ClusterOptions;
  readonly #random: () => number;
  readonly #members = new Map<string, Member>();
  readonly #weather: Weather;
  #flying: Message[] = [];
  #cuts = new Set<string>();
  /** A member whose clock stands still, as after a long pause: it goes on leading when it should have noticed. */
  #paused: string | null = null;
  #idsUsed = 0;
  #proposals = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const chance = seededChance(options.seed);
    this.#random = () => chance.next();
    this.#weather = this.#drawWeather();
    const count = this.#pick([1, 2, 3, 3, 3, 4, 5]);
    const voters = Array.from({ length: count }, () => this.#newId());
    const witnesses = count > 1 && this.#random() < 0.4 ? voters.slice(0, 1) : [];
    for (const id of voters) this.#addMember(id, { voters, learners: [], witnesses });
  }

  /** Bad weather, then calm; throws {@link Violation} or what the machine threw. */
  run(): void {
    for (let step = 0; step < this.#options.steps; step += 1) this.#stormStep();
    this.#calm();
  }

  // ---------------------------------------------------------------- storm

  #drawWeather(): Weather {
    const rate = (max: number): number => (this.#random() < 0.35 ? 0 : this.#random() * max);
    return {
      loss: rate(0.3),
      duplication: rate(0.3),
      crash: rate(0.03),
      cut: rate(0.008),
      membership: this.#random() < 0.3 ? 0.3 : rate(0.08),
      transfer: rate(0.02),
      snapshot: rate(0.05),
      slowDisk: rate(0.6),
      appendBytesMax: this.#pick([1, 150, 400]),
      haste: 0.1 + this.#random() * 0.3,
    };
  }

  #stormStep(): void {
    const { crash, cut, membership, transfer, snapshot } = this.#weather;
    const member = this.#pick([...this.#members.values()]);
    const draw = this.#random();
    const ticking = this.#weather.haste;
    if (draw < ticking) this.#tick(member);
    else if (draw < ticking + 0.04) this.#propose(member);
    else if (draw < ticking + 0.08) this.#read(member);
    else if (draw < ticking + 0.35) this.#work(member);
    else this.#deliverOne();
    if (this.#random() < crash) this.#crash(member);
    if (member.raft === null && this.#random() < 0.1) this.#start(member);
    if (this.#random() < cut) this.#changeCuts();
    if (this.#random() < membership) this.#changeMembers();
    if (this.#random() < transfer) member.raft?.transferLeadership(this.#pick([...this.#members.keys()]));
    if (this.#random() < snapshot) this.#compact(member);
    this.#observe(member);
  }

  #tick(member: Member): void {
    if (member.id !== this.#paused) member.raft?.tick();
  }

  #propose(member: Member): void {
    if (!member.raft) return;
    for (let count = Math.floor(this.#random() * 4); count >= 0; count -= 1) {
      this.#proposals += 1;
      member.raft.propose({ number: this.#proposals, by: member.id });
    }
  }

  #read(member: Member): void {
    member.raft?.readIndex(this.checks.acknowledged, { immediate: this.#random() < 0.5 });
  }

  #deliverOne(): void {
    if (this.#flying.length === 0) return;
    const at = Math.floor(this.#random() * this.#random() * this.#flying.length);
    const message = this.#flying[at];
    if (!message) return;
    if (this.#random() >= this.#weather.duplication) this.#flying.splice(at, 1);
    const isLost = this.#random() < this.#weather.loss || this.#cuts.has(`${message.from}>${message.to}`);
    this.#arrive(message, isLost);
  }

  #arrive(message: Message, isLost: boolean): void {
    const sender = this.#members.get(message.from)?.raft;
    const receiver = this.#members.get(message.to);
    const isDelivered = !isLost && receiver?.raft !== null && receiver !== undefined;
    if (message.kind === 'snapshot' && this.#random() < 0.7) sender?.reportSnapshot(message.to, isDelivered);
    else if (!isDelivered && this.#random() < 0.3) sender?.reportUnreachable(message.to);
    if (!isDelivered || !receiver.raft) return;
    const result = receiver.raft.step(JSON.parse(JSON.stringify(message)));
    if (result.kind === 'rejected') throw new Violation(`${message.kind} was refused: ${result.detail}`);
    this.#observe(receiver);
  }

  #changeCuts(): void {
    const ids = [...this.#members.keys()];
    const kind = this.#random();
    this.#cuts.clear();
    this.#paused = null;
    if (kind < 0.4) return;
    const lonely = kind < 0.55 ? ids.find((id) => this.#members.get(id)?.raft?.open.role === 'leader') : undefined;
    const side = new Set(lonely === undefined ? ids.filter(() => this.#random() < 0.5) : [lonely]);
    if (lonely !== undefined && this.#random() < 0.5) this.#paused = lonely;
    for (const from of ids) {
      for (const to of ids) {
        const isAcross = kind < 0.7 ? side.has(from) !== side.has(to) : this.#random() < 0.3;
        if (isAcross) this.#cuts.add(`${from}>${to}`);
      }
    }
  }

  #changeMembers(): void {
    const leader = this.#pick([...this.#members.values()]);
    if (leader.raft?.open.role !== 'leader') return;
    const { conf } = leader.raft.open.log;
    const change = this.#drawChange(conf);
    if (change.kind === 'addLearner' && this.#idsUsed >= MEMBERS_EVER) return;
    const result = leader.raft.proposeConfChange(change);
    if (change.kind === 'addLearner' && result.kind === 'proposed') {
      this.#newId();
      this.#addMember(change.id, EMPTY_CONF);
    }
  }

  #drawChange({ voters, learners }: ConfState): ConfChange {
    const draw = this.#random();
    const learner = learners[Math.floor(this.#random() * learners.length)];
    if (learner !== undefined && draw < 0.5) return { kind: 'promote', id: learner };
    if (draw < 0.65) return { kind: 'remove', id: this.#pick([...voters, ...learners]) };
    if (draw < 0.72) return { kind: 'demote', id: this.#pick(voters) };
    return { kind: 'addLearner', id: `n${this.#idsUsed + 1}`, isWitness: this.#random() < 0.2 };
  }

  #compact({ raft, disk, app }: Member): void {
    if (!raft || app.applied <= (disk.snapshot?.index ?? 0) || raft.open.log.applied < app.applied) return;
    const snapshot = raft.makeSnapshot(app.applied, { ...app });
    if (snapshot === null || this.#random() < 0.1) return;
    disk.snapshot = snapshot;
    disk.entries = disk.entries.filter(({ index }) => index > snapshot.index);
    raft.compact(snapshot);
  }

  // ---------------------------------------------------------------- members

  #newId(): string {
    this.#idsUsed += 1;
    return `n${this.#idsUsed}`;
  }

  #addMember(id: string, conf: ConfState): void {
    const disk: Disk = { ...EMPTY_STORE, entries: [], conf };
    const member: Member = { id, raft: null, disk, app: { applied: 0, hash: 0 }, turn: null };
    this.#members.set(id, member);
    this.#start(member);
  }

  #start(member: Member): void {
    const { id, disk } = member;
    const snapshotApp = (disk.snapshot?.data as App | undefined) ?? { applied: 0, hash: 0 };
    // Some applications keep their own state, others start again from the snapshot.
    const isOlder = member.app.applied < snapshotApp.applied;
    if (isOlder || this.#random() < 0.5) member.app = { ...snapshotApp };
    const make = this.#options.makeRaft ?? ((options: RaftOptions) => new OpenRaft(options));
    member.turn = null;
    member.raft = make({
      id,
      random: this.#random,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: 1 + Math.floor(this.#random() * 2),
      limits: { ...LIMITS, appendBytesMax: this.#weather.appendBytesMax },
      stored: {
        hardState: disk.hardState,
        snapshot: disk.snapshot,
        entries: [...disk.entries],
        applied: member.app.applied,
        conf: disk.conf,
      },
    });
  }

  #crash(member: Member): void {
    member.raft = null;
    member.turn = null;
  }

  /** Goes on with the turn: a slow disk leaves it half done, and inputs arrive meanwhile. */
  #work(member: Member): void {
    if (!member.raft) return;
    if (!member.turn) {
      if (!member.raft.hasReady()) return;
      member.turn = { ready: member.raft.ready(), done: 0 };
    }
    const save = [
      (ready: Ready): void => this.#saveEntries(member, ready),
      (ready: Ready): void => this.#saveHardState(member, ready),
    ];
    const send = (ready: Ready): void => this.#send(ready);
    const apply = (ready: Ready): void => this.#apply(member, ready);
    const isHasty = this.#options.loopFault === 'sendsBeforeSaving';
    const phases = isHasty ? [send, ...save, apply] : [...save, send, apply];
    const { turn } = member;
    while (turn.done < phases.length) {
      if (this.#random() < this.#weather.slowDisk) return;
      phases[turn.done]?.(turn.ready);
      turn.done += 1;
    }
    member.turn = null;
    member.raft.advance(turn.ready);
    this.#observe(member);
  }

  #saveEntries({ disk }: Member, { snapshot, entries }: Ready): void {
    if (snapshot) {
      disk.snapshot = snapshot;
      disk.entries = [];
    }
    const first = entries[0];
    if (!first || this.#options.loopFault === 'entriesAreNotSaved') return;
    disk.entries = disk.entries.filter(({ index }) => index < first.index);
    for (const entry of entries) {
      const prev = disk.entries.at(-1) ?? disk.snapshot;
      if ((prev?.index ?? 0) !== entry.index - 1) throw new Violation(`a gap before entry ${entry.index}`);
      this.checks.saves(entry, prev?.term ?? 0);
      disk.entries.push(entry);
    }
  }

  #saveHardState({ disk }: Member, { hardState, mustSync }: Ready): void {
    if (!hardState || (!mustSync && this.#random() < 0.5)) return;
    const fault = this.#options.loopFault;
    if (fault === 'hardStateIsNotSaved') return;
    disk.hardState = fault === 'voteIsNotSaved' ? { ...hardState, vote: null } : hardState;
    if (fault === 'entriesAreNotSaved') disk.hardState = { ...disk.hardState, commit: 0 };
  }

  #send({ messages }: Ready): void {
    for (const message of messages) this.checks.sends(message);
    this.#flying.push(...messages);
    while (this.#flying.length > FLIGHT_MAX) this.#flying.splice(Math.floor(this.#random() * this.#flying.length), 1);
  }

  #apply(member: Member, { snapshot, committedEntries, readStates }: Ready): void {
    const { id, raft } = member;
    if (snapshot) {
      member.app = { ...(snapshot.data as App) };
      this.checks.reaches(id, snapshot.index, member.app.hash);
    }
    for (const entry of committedEntries) {
      if (entry.index !== member.app.applied + 1) {
        throw new Violation(`${id} is handed ${entry.index} after ${member.app.applied}`);
      }
      member.app = { applied: entry.index, hash: mix(member.app.hash, entry) };
      this.checks.applies(id, entry, member.app.hash, raft?.open.term ?? 0);
    }
    for (const read of readStates) this.checks.confirmsRead(id, read);
  }

  /** A leadership that was never saved was never seen either: a single voter elects itself before its disk knows. */
  #observe({ id, raft, disk }: Member): void {
    if (raft?.open.role !== 'leader' || disk.hardState.term < raft.open.term) return;
    const { term, log } = raft.open;
    this.checks.leads(id, term, (index) => log.term(index), log.firstIndex);
  }

  // ---------------------------------------------------------------- calm

  /** Everybody is back but perhaps one, nothing is lost any more: the cell must elect, commit, read and agree. */
  #calm(): void {
    this.#cuts.clear();
    this.#flying = [];
    const dead = this.#pick([...this.#members.values()]);
    if (this.#random() < 0.5 && this.#canSpare(dead.id)) this.#crash(dead);
    for (const member of this.#members.values()) {
      if (member.raft === null && member !== dead) this.#start(member);
      else if (member.raft === null && !this.#canSpare(dead.id)) this.#start(member);
    }
    this.#calmTicks(ELECTION_TICKS * 40);
    const leader = this.#calmLeader();
    const proposed = leader.raft?.propose({ number: 'last' });
    if (proposed?.kind !== 'proposed') throw new Violation(`in calm weather ${leader.id} refuses a proposal`);
    const readsBefore = this.checks.readsConfirmed;
    leader.raft?.readIndex(this.checks.acknowledged, { immediate: false });
    this.#calmTicks(ELECTION_TICKS * 4);
    if (this.checks.readsConfirmed === readsBefore) throw new Violation('in calm weather a read is not confirmed');
    this.#checkAgreement(proposed.index);
  }

  #calmTicks(ticks: number): void {
    for (let tick = 0; tick < ticks; tick += 1) {
      for (const member of this.#members.values()) member.raft?.tick();
      for (let round = 0; round < 6; round += 1) {
        for (const member of this.#members.values()) this.#finishTurns(member);
        const arriving = this.#flying;
        this.#flying = [];
        for (const message of arriving) this.#arriveCalmly(message);
      }
    }
  }

  #finishTurns(member: Member): void {
    for (let turns = 0; member.raft?.hasReady() || member.turn; turns += 1) {
      if (turns > 1000) throw new Violation(`${member.id} has no end of work`);
      this.#work(member);
    }
  }

  #arriveCalmly(message: Message): void {
    const receiver = this.#members.get(message.to)?.raft;
    if (message.kind === 'snapshot') this.#members.get(message.from)?.raft?.reportSnapshot(message.to, !!receiver);
    receiver?.step(JSON.parse(JSON.stringify(message)));
    const member = this.#members.get(message.to);
    if (member) this.#observe(member);
  }

  #calmLeader(): Member {
    const leaders = [...this.#members.values()].filter((member) => member.raft?.open.role === 'leader');
    const [leader] = leaders;
    if (!leader || leaders.length > 1) throw new Violation(`${leaders.length} leaders after calm`);
    const { conf, lastIndex } = leader.raft?.open.log ?? { conf: EMPTY_CONF, lastIndex: 0 };
    const better = conf.voters.filter((id) => !conf.witnesses.includes(id) && this.#members.get(id)?.raft);
    if (conf.witnesses.includes(leader.id) && better.length > 0) throw new Violation(`witness ${leader.id} still leads`);
    if (lastIndex === 0) throw new Violation('nothing was ever written');
    return leader;
  }

  #checkAgreement(index: number): void {
    const conf = this.#calmLeader().raft?.open.log.conf ?? EMPTY_CONF;
    for (const id of [...conf.voters, ...conf.learners]) {
      const member = this.#members.get(id);
      if (!member?.raft) continue;
      if (member.app.applied < index) throw new Violation(`${id} applied ${member.app.applied} of ${index} after calm`);
      const own = member.raft.open.log.conf;
      if (JSON.stringify(own) !== JSON.stringify(conf)) throw new Violation(`${id} knows another configuration`);
    }
  }

  /** Would every configuration that may still matter keep a majority without this member? */
  #canSpare(id: string): boolean {
    return [...this.#members.values()].every(({ disk, raft }) => {
      const confs = [disk.conf, disk.snapshot?.conf ?? EMPTY_CONF, raft?.open.log.conf ?? EMPTY_CONF];
      for (const entry of disk.entries) if (entry.kind === 'confChange') confs.push(entry.data.conf);
      return confs.every(({ voters }) => {
        const left = voters.filter((voter) => voter !== id);
        return voters.length === 0 || left.length >= majorityOf(voters.length);
      });
    });
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

function mix(hash: number, entry: Entry): number {
  let mixed = hash ^ entry.index;
  for (const character of JSON.stringify([entry.kind, entry.data])) {
    mixed = Math.imul(mixed ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return mixed;
}
