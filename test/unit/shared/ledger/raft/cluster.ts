/**
 * How does the log fare in bad weather? A cell of members in one process, driven by one seed: messages are lost,
 * doubled, reordered and delayed, links are cut, members crash anywhere in a turn and lose what was not saved,
 * members join and leave. Afterwards the weather calms and the cell must get on with its work.
 *
 * With `stores`, what a member saves lies on a disk of bytes that may be damaged (store-disk.ts): whoever finds damage has lost its
 * memory, begins anew under another id, and takes the seat of the old one through the log.
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
import type { Blindness } from './checks.ts';
import { Checks, Violation } from './checks.ts';
import { ShortOffices, WEATHER_OF_SHORT_OFFICES } from './short-offices.ts';
import { StoreDisk } from './store-disk.ts';
import type { OpeningFault } from './store-disk.ts';
import { drawWeather } from './weather.ts';
import type { Weather } from './weather.ts';

/** The machine with its inside open to the observer. */
export class OpenRaft extends Raft {
  get open(): { readonly role: Role; readonly term: number; readonly log: RaftLog } {
    return { role: this.role, term: this.term, log: this.log };
  }
}

/** Faults of the loop around the machine, planted by tests that want to see them found. */
export type LoopFault = 'none' | 'voteIsNotSaved' | 'entriesAreNotSaved' | 'sendsBeforeSaving' | 'hardStateIsNotSaved' | OpeningFault | 'keepsItsName' | 'compactsUnsaved';

export type ClusterOptions = {
  readonly seed: number;
  readonly steps: number;
  readonly makeRaft?: (options: RaftOptions) => OpenRaft;
  readonly loopFault?: LoopFault;
  /** Members save to disks of bytes, which may be damaged. */
  readonly stores?: boolean;
  /** Five voters, whose leaders reach few of the others, and die soon (short-offices.ts). */
  readonly areOfficesShort?: boolean;
  /** What nobody watches, so that it is seen what comes of it. */
  readonly blindTo?: Blindness;
};

type Disk = { hardState: HardState; snapshot: Snapshot | null; entries: Entry[]; readonly conf: ConfState };
type App = { applied: number; hash: number };
type Turn = { readonly ready: Ready; done: number };
type Member = { readonly id: string; raft: OpenRaft | null; readonly disk: Disk; app: App; turn: Turn | null; readonly store: StoreDisk | null; isDamaged: boolean };
export const ELECTION_TICKS = 6;
const MEMBERS_EVER = 12;
/** Where lost ones are replaced. */
const MEMBERS_EVER_WITH_STORES = 24;
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
  readonly checks: Checks;
  readonly #options: ClusterOptions;
  readonly #random: () => number;
  readonly #members = new Map<string, Member>();
  readonly #weather: Weather;
  readonly #offices: ShortOffices | null;
  #flying: Message[] = [];
  #cuts = new Set<string>();
  /** A member whose clock stands still, as after a long pause: it goes on leading when it should have noticed. */
  #paused: string | null = null;
  #idsUsed = 0;
  #proposals = 0;
  readonly #disksOfBytes: boolean;
  /** How many members lost their memory. */
  amnesias = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.checks = new Checks(options.blindTo);
    const chance = seededChance(options.seed);
    this.#random = () => chance.next();
    this.#disksOfBytes = options.stores === true;
    this.#weather = options.areOfficesShort === true ? { ...drawWeather(this.#random, false), ...WEATHER_OF_SHORT_OFFICES } : drawWeather(this.#random, this.#disksOfBytes);
    this.#offices = options.areOfficesShort === true ? new ShortOffices(this.#random) : null;
    const count = options.areOfficesShort === true ? 5 : this.#pick([1, 2, 3, 3, 3, 4, 5]);
    const voters = Array.from({ length: count }, () => this.#newId());
    const witnesses = count > 1 && this.#random() < 0.4 ? voters.slice(0, 1) : [];
    for (const id of voters) this.#addMember(id, { voters, learners: [], witnesses });
  }

  /** Bad weather, then calm; throws {@link Violation} or what the machine threw. */
  run(): void {
    for (let step = 0; step < this.#options.steps; step += 1) this.#stormStep();
    if (this.#weather.isMerciful) this.#calm();
    else this.#calmDown();
  }

  // ---------------------------------------------------------------- storm

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
    const fallen = this.#offices?.falls() ?? null;
    if (fallen !== null) this.#crash(this.#members.get(fallen) as Member);
    if (this.#disksOfBytes && this.#random() < 0.05) member.store?.tellTail();
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
    const isLost = this.#random() < this.#weather.loss || this.#cuts.has(`${message.from}>${message.to}`) || this.#offices?.swallows(message) === true;
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
    if (this.#disksOfBytes && !this.#leavesMajority(conf, change)) return;
    const isNew = change.kind === 'addLearner' && !this.#members.has(change.id);
    if (isNew && this.#idsUsed >= MEMBERS_EVER) return;
    const result = leader.raft.proposeConfChange(change);
    if (isNew && result.kind === 'proposed') {
      this.#newId();
      this.#addMember(change.id, EMPTY_CONF);
    }
  }

  /** Nobody sends a living voter away whom the rest needs, since others were lost; nor takes in one whose disk is lost already. */
  #leavesMajority({ voters }: ConfState, { kind, id }: ConfChange): boolean {
    if (kind === 'addLearner') return true;
    const left = kind === 'promote' ? [...voters, id] : voters.filter((voter) => voter !== id);
    return left.filter((voter) => this.#members.get(voter)?.isDamaged === false).length >= majorityOf(left.length);
  }

  #drawChange({ voters, learners }: ConfState): ConfChange {
    const draw = this.#random();
    if (this.#disksOfBytes && draw < 0.6) {
      const step = this.#replaceLost({ voters, learners, witnesses: [] });
      if (step !== null) return step;
    }
    const learner = learners[Math.floor(this.#random() * learners.length)];
    if (learner !== undefined && draw < 0.5) return { kind: 'promote', id: learner };
    if (draw < 0.65) return { kind: 'remove', id: this.#pick([...voters, ...learners]) };
    if (draw < 0.72) return { kind: 'demote', id: this.#pick(voters) };
    // Whoever left with its disk intact keeps its promises, and may come back under its name.
    const former = this.#disksOfBytes ? [...this.#members.keys()].find((id) => !voters.includes(id) && !learners.includes(id)) : undefined;
    if (former !== undefined && draw < 0.9) return { kind: 'addLearner', id: former, isWitness: false };
    return { kind: 'addLearner', id: `n${this.#idsUsed + 1}`, isWitness: this.#random() < 0.2 };
  }

  /** A member without a seat takes one, and then whoever lost its memory leaves: one change at a time, as the planner would have it. */
  #replaceLost({ voters, learners }: ConfState): ConfChange | null {
    const gone = [...voters, ...learners].filter((id) => !this.#members.has(id));
    const [lost] = gone;
    if (lost === undefined) return null;
    const learner = learners.find((id) => this.#members.has(id));
    const waiting = [...this.#members.keys()].filter((id) => !voters.includes(id) && !learners.includes(id));
    if (learners.includes(lost) || voters.length > 3) return { kind: 'remove', id: lost };
    if (learner !== undefined) return { kind: 'promote', id: learner };
    return waiting.length === 0 ? null : { kind: 'addLearner', id: this.#pick(waiting), isWitness: false };
  }

  #compact({ raft, disk, app, store }: Member): void {
    if (!raft || app.applied <= (disk.snapshot?.index ?? 0) || raft.open.log.applied < app.applied) return;
    const snapshot = raft.makeSnapshot(app.applied, { ...app });
    if (snapshot === null || this.#random() < 0.1) return;
    // Forgets what it compacts, and the snapshot with it.
    if (this.#options.loopFault !== 'compactsUnsaved') disk.snapshot = snapshot;
    disk.entries = disk.entries.filter(({ index }) => index > snapshot.index);
    store?.saveOwnSnapshot(snapshot);
    raft.compact(snapshot);
  }

  // ---------------------------------------------------------------- members

  #newId(): string {
    this.#idsUsed += 1;
    return `n${this.#idsUsed}`;
  }

  #addMember(id: string, conf: ConfState): void {
    const disk: Disk = { ...EMPTY_STORE, entries: [], conf };
    const fault = this.#options.loopFault === 'trustsTheOlderSlot' || this.#options.loopFault === 'takesAShorterLog' ? this.#options.loopFault : 'none';
    const store = this.#disksOfBytes ? new StoreDisk(`store of ${id}`, fault) : null;
    const member: Member = { id, raft: null, disk, app: { applied: 0, hash: 0 }, turn: null, store, isDamaged: false };
    this.#members.set(id, member);
    this.#start(member);
  }

  /** What the disk gives back, which is all that was saved, or nothing at all. False: it could not be trusted. */
  #open(member: Member): boolean {
    const { disk, store, isDamaged } = member;
    const loaded = store?.load();
    if (loaded === undefined) return true;
    if (loaded.kind === 'amnesia') {
      if (!isDamaged) throw new Violation(`${member.id} lost its memory without damage: ${loaded.reason}`);
      return false;
    }
    const { hardState, snapshot, entries } = loaded;
    const isWhole = JSON.stringify([hardState.term, hardState.vote, snapshot, entries]) === JSON.stringify([disk.hardState.term, disk.hardState.vote, disk.snapshot, disk.entries]);
    if (!isWhole && this.#options.loopFault === undefined) throw new Violation(`${member.id} gets something else from its disk than it saved`);
    Object.assign(disk, { hardState, snapshot, entries: [...entries] });
    return true;
  }

  /** A store that cannot be trusted is set aside, and the member is another one from then on: the old one is never heard again. */
  #forget(member: Member): void {
    this.amnesias += 1;
    if (this.#options.loopFault === 'keepsItsName') {
      this.#members.delete(member.id);
      this.#addMember(member.id, member.disk.conf);
      return;
    }
    this.checks.loses(member.id);
    this.#members.delete(member.id);
    this.#addMember(this.#newId(), EMPTY_CONF);
  }

  #start(member: Member): void {
    if (!this.#open(member)) {
      this.#forget(member);
      return;
    }
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
    const { store } = member;
    if (store === null || member.isDamaged || this.#random() >= this.#weather.damage || !this.#maySpare(member.id)) return;
    const { loopFault } = this.#options;
    const damage = loopFault === 'trustsTheOlderSlot' ? store.damageNewestSlot(this.#random) : loopFault === 'takesAShorterLog' ? store.damageEnd(this.#random) : store.damage(this.#random);
    member.isDamaged = damage !== null;
  }

  /** May this member's disk be lost? While what is left could still elect a leader in every configuration that may be in force. */
  #maySpare(id: string): boolean {
    return this.#idsUsed < MEMBERS_EVER_WITH_STORES && (!this.#weather.isMerciful || this.#canSpare(id));
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
    if (this.#disksOfBytes) save.reverse();
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

  #saveEntries({ disk, store }: Member, { snapshot, entries, hardState, mustSync }: Ready): void {
    if (mustSync) store?.saveLog(snapshot, entries, hardState?.commit ?? disk.hardState.commit);
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

  #saveHardState({ disk, store }: Member, { hardState, mustSync, snapshot, entries }: Ready): void {
    if (store !== null) {
      // A commit index alone waits for the next write (shared/ledger/node/voter.ts).
      if (!mustSync) return;
      const promise = hardState ?? disk.hardState;
      store.saveSlots(promise, snapshot ? 0 : (entries[0]?.index ?? Infinity));
      disk.hardState = { ...disk.hardState, term: promise.term, vote: promise.vote };
      return;
    }
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
      this.#offices?.applies(id);
    }
    for (const read of readStates) this.checks.confirmsRead(id, read);
  }

  /** A leadership that was never saved was never seen either: a single voter elects itself before its disk knows. */
  #observe({ id, raft, disk }: Member): void {
    if (raft?.open.role !== 'leader' || disk.hardState.term < raft.open.term) return;
    const { term, log } = raft.open;
    this.#offices?.leads(id, term, [...this.#members.keys()]);
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

  /** Everybody who is left is back, and may be too few. */
  #calmDown(): void {
    this.#cuts.clear();
    for (const member of this.#members.values()) if (member.raft === null) this.#start(member);
    this.#calmTicks(ELECTION_TICKS * 10);
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
    const better = conf.voters.filter((id) => this.#members.has(id) && !conf.witnesses.includes(id) && this.#members.get(id)?.raft);
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
        const left = voters.filter((voter) => voter !== id && this.#members.get(voter)?.isDamaged === false);
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
