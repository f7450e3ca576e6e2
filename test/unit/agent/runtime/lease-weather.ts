/**
 * Do leases and fencing keep their promise in bad weather? A cell in virtual time: the real keeper, fencer and fence commands
 * on a small model of everything else, with clocks that run at their own rates, and the true time beside them.
 *
 * The model of the log is meaner than the real one: a leader that was replaced goes on believing in itself until somebody
 * tells it (no check-quorum). The model of a node is meaner than most: its reset order may do nothing, and then its
 * watchdog fires at the last moment that it may. What is checked, at every event and in true time:
 *
 *     S8   when a proof is committed, nothing of that boot runs, nor ever will
 *     S9   a watchdog is petted only within P of the sending of a renewal whose grant was delivered
 *     S10  a renewal that arrives after the intent or the proof was committed is not granted
 */
import { Keeper } from '../../../../agent/keeper/keeper.ts';
import type { FencerPorts } from '../../../../agent/runtime/fencer-ports.ts';
import { startFencer } from '../../../../agent/runtime/fencer.ts';
import { admitNode, bootNode, readyNode } from '../../../../shared/ledger/apply-node.ts';
import { intendFence, proveFenced } from '../../../../shared/ledger/apply-fence.ts';
import { Change } from '../../../../shared/ledger/change.ts';
import type { ApplyResult, Command } from '../../../../shared/ledger/commands.ts';
import { parseBootId, parseCellId, parseNodeId } from '../../../../shared/ids.ts';
import type { BootId, MemberId, NodeId } from '../../../../shared/ids.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../../shared/model/cell.ts';
import type { CellState } from '../../../../shared/model/cell.ts';
import { CLOCK_RATE_ERROR, TIMING_PROFILES } from '../../../../shared/model/timing.ts';
import { seededChance, uuid } from '../../../../shared/random.ts';
import type { Chance, Datagrams, World } from '../../../../shared/world.ts';
import type { KeeperCell } from '../../../../shared/wire/keeper.ts';
import { decodeLease } from '../../../../shared/wire/lease.ts';
import type { Sealer } from '../../../../shared/wire/lease.ts';
import type { Mesh } from '../../../../shared/wire/mesh.ts';
import { SealedSocket } from '../../../../shared/wire/sealed-socket.ts';
import { SimLog } from './lease-weather-log.ts';
import type { LogItem } from './lease-weather-log.ts';

const CELL = parseCellId('default');
const CLUSTER = '11111111-2222-4333-8444-555555555555';
const PROFILE = TIMING_PROFILES.standard;

/** Everything, or one kind of misfortune over and over that everything seldom has: leaders that are replaced by few, while a node dies. */
export type WeatherKind = 'any' | 'coups';

/** What one seed came to. `violations` is empty unless a promise was broken. */
export interface Weather {
  readonly violations: readonly string[];
  /** How often what happened, so that a test can see that the weather was bad. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A process: it may be paused and killed, and reads its node's clock. */
export class Process {
  isAlive = true;
  pausedUntil = 0;
  readonly node: SimNode;
  readonly room: Room;
  #late: { readonly isTimer: boolean; readonly run: () => void }[] = [];

  constructor(room: Room, node: SimNode) {
    this.room = room;
    this.node = node;
  }

  /** Runs something in this process: later, timers first, when it is paused; never, when it is dead. */
  run(isTimer: boolean, run: () => void): void {
    if (!this.isAlive || !this.node.isOn) return;
    if (this.room.now >= this.pausedUntil && this.#late.length === 0) {
      run();
      return;
    }
    if (this.#late.length === 0) this.room.at(this.pausedUntil, () => this.#resume());
    this.#late.push({ isTimer, run });
  }

  #resume(): void {
    if (this.room.now < this.pausedUntil) {
      this.room.at(this.pausedUntil, () => this.#resume());
      return;
    }
    const late = this.#late;
    this.#late = [];
    for (const wanted of [true, false]) for (const { isTimer, run } of late) if (isTimer === wanted && this.isAlive && this.node.isOn) run();
  }

  world(): World {
    const { room, node } = this;
    return {
      clock: { nowMs: () => node.clock(room.now), wallTime: () => `2026-01-01T00:00:00.${Math.floor(room.now)}Z` },
      timers: {
        after: (delayMs, run) => {
          let isCancelled = false;
          // Whole milliseconds, like those of a real process, and never early by its own clock; late now and then, so that pets and
          // renewals do not keep step.
          const lateMs = room.chance.next() < 0.05 ? room.chance.next() * 400 : 0;
          room.at(room.now + (Math.max(1, Math.ceil(delayMs)) + lateMs) / node.rate, () => this.run(true, () => {
            if (!isCancelled) run();
          }));
          return { cancel: () => void (isCancelled = true) };
        },
      },
      chance: room.chance,
      log: { write: (fact) => room.count(`log ${fact.event}`) },
    };
  }
}

/** A node with its clock, watchdog and processes; its disk (ledger, last known voters) survives it. */
export class SimNode {
  readonly id: NodeId;
  readonly rate: number;
  readonly offset: number;
  readonly hasBmc: boolean;
  isOn = false;
  bootId: BootId = parseBootId(CLUSTER);
  /** Whether anything may run on it: since its watchdog was armed in this boot. */
  runs = false;
  dogFiresAt = Infinity;
  /** What the network does to it. */
  hears = true;
  speaks = true;
  resetWorks = true;
  bmcSaysOffUntil = -Infinity;
  keeper: { readonly process: Process; readonly keeper: Keeper; receive(bytes: Uint8Array): void } | null = null;
  agent: { readonly process: Process; readonly log: SimLog; receive(bytes: Uint8Array, from: string): void } | null = null;
  savedCell: KeeperCell | null = null;
  /** Raft's promises, durable. */
  term = 0;
  entries: LogItem[] = [];
  /** Renewals of this boot: nonce to local time of sending, and those whose grant was delivered. */
  sent = new Map<string, number>();
  granted: number[] = [];

  constructor(id: NodeId, chance: Chance) {
    this.id = id;
    this.rate = 1 + (chance.next() * 2 - 1) * CLOCK_RATE_ERROR;
    // The extremes are where the arithmetic is tight.
    if (chance.next() < 0.8) this.rate = chance.next() < 0.5 ? 1 - CLOCK_RATE_ERROR : 1 + CLOCK_RATE_ERROR;
    this.offset = Math.floor(chance.next() * 1e7);
    this.hasBmc = chance.next() < 0.3;
  }

  clock(now: number): number {
    return this.offset + now * this.rate;
  }
}

/** The whole cell, its weather, and the observer with the true time. */
export class Room {
  readonly chance: Chance;
  readonly violations: string[] = [];
  readonly counts: Record<string, number> = {};
  readonly nodes: SimNode[];
  readonly voters: SimNode[];
  readonly quorum: number;
  readonly firstState: CellState;
  now = 0;
  isDirty = false;
  readonly #kind: WeatherKind;
  readonly #loss: number;
  readonly #slow: number;
  #queue: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;
  /** True time of the first commit of each boot's intent and proof. */
  readonly #ended = new Map<BootId, number>();
  readonly #proven = new Set<BootId>();
  /** Pairs of nodes that do not reach each other. */
  readonly #apart = new Set<string>();

  constructor(seed: number, kind: WeatherKind) {
    this.#kind = kind;
    this.chance = seededChance(seed);
    const count = kind === 'coups' ? 3 : 2 + Math.floor(this.chance.next() * 4);
    this.nodes = Array.from({ length: count }, (_, at) => new SimNode(parseNodeId(`node-${at + 1}`), this.chance));
    // Two nodes vote with a witness elsewhere; here three vote, so that somebody can be lost.
    this.voters = this.nodes.slice(0, count >= 5 ? 5 : Math.min(count, 3));
    this.quorum = Math.floor(this.voters.length / 2) + 1;
    this.#loss = kind === 'coups' || this.chance.next() < 0.6 ? 0 : this.chance.next() * 0.2;
    this.#slow = kind === 'coups' || this.chance.next() < 0.6 ? 0 : this.chance.next() * 0.2;
    let state = emptyCell(CELL, CLUSTER, { ...DEFAULT_PARAMETERS, powerFenceShare: 1 });
    for (const node of this.nodes) state = this.#applyTo(state, 0, 0, admission(node)).state;
    this.firstState = state;
  }

  at(at: number, run: () => void): void {
    const item = { at: Math.max(at, this.now), order: (this.#order += 1), run };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#queue[middle];
      // Sorted so that the next one is the last.
      if (other !== undefined && (other.at > item.at || (other.at === item.at && other.order > item.order))) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, item);
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  /** Runs everything until `until`, ms of true time, or the first violation. */
  async run(until: number): Promise<Weather> {
    for (const node of this.nodes) this.at(this.chance.next() * 500, () => this.#switchOn(node));
    this.at(3_000, () => this.#misfortune(until));
    while (this.violations.length === 0) {
      const next = this.#queue.pop();
      if (next === undefined || next.at > until) break;
      this.now = next.at;
      next.run();
      if (this.isDirty) {
        this.isDirty = false;
        await new Promise((resolve) => void setImmediate(resolve));
      }
    }
    return { violations: this.violations, counts: this.counts };
  }

  /** A message between the logs of two agents. */
  carry(from: SimNode, to: SimNode, deliver: (log: SimLog) => void): void {
    this.#carry(from, to, () => {
      const agent = to.agent;
      if (agent === null) return;
      agent.process.run(false, () => deliver(agent.log));
    });
  }

  /** A datagram: lost, late, and twice, as it pleases. */
  send(from: SimNode, address: string, bytes: Uint8Array, source: string): void {
    const [name = '', kind] = address.split(':');
    const to = this.nodes.find((node) => node.id === name);
    if (to === undefined) return;
    const times = this.chance.next() < 0.05 ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      this.#carry(from, to, () => {
        const process = kind === 'keeper' ? to.keeper : to.agent;
        process?.process.run(false, () => process.receive(bytes, source));
      });
    }
  }

  apply(state: CellState, index: number, item: LogItem): { readonly state: CellState; readonly result: ApplyResult } {
    if (item.command === null) return { state, result: { kind: 'applied' } };
    const done = this.#applyTo(state, index, item.term, item.command);
    if (done.result.kind === 'applied') this.#observe(state, done.state, item.command);
    return done;
  }

  #applyTo(state: CellState, index: number, term: number, command: Command): { readonly state: CellState; readonly result: ApplyResult } {
    const change = new Change(state, { index, term, data: { command, at: '2026-01-01T00:00:00Z', by: parseNodeId('node-1') } });
    let result: ApplyResult;
    switch (command.kind) {
      case 'admitNode': result = admitNode(change, command); break;
      case 'bootNode': result = bootNode(change, command); break;
      case 'readyNode': result = readyNode(change, command); break;
      case 'intendFence': result = intendFence(change, command); break;
      case 'proveFenced': result = proveFenced(change, command); break;
      default: throw new Error(`no part of this weather: ${command.kind}`);
    }
    return { state: result.kind === 'applied' ? change.state : state, result };
  }

  /** S8, at the first application anywhere: later than the commit, so whatever still runs is a fault. */
  #observe(before: CellState, after: CellState, command: Command): void {
    if (command.kind !== 'proveFenced' && command.kind !== 'intendFence') return;
    if (before.nodes.get(command.node) === after.nodes.get(command.node)) return;
    if (!this.#ended.has(command.bootId)) this.#ended.set(command.bootId, this.now);
    if (command.kind !== 'proveFenced' || this.#proven.has(command.bootId)) return;
    this.#proven.add(command.bootId);
    this.count(`proof ${command.proof}`);
    const node = this.nodes.find((one) => one.id === command.node);
    if (node === undefined || !node.isOn || node.bootId !== command.bootId) return;
    if (node.runs) this.violations.push(`S8 at ${Math.round(this.now)}: ${command.node} is proven dead (${command.proof}) and runs`);
    else this.count('proof of a boot that ran nothing');
  }

  // ---------------------------------------------------------------- nodes

  #switchOn(node: SimNode): void {
    if (node.isOn) return;
    node.isOn = true;
    node.runs = false;
    node.dogFiresAt = Infinity;
    node.bootId = parseBootId(uuid(this.chance));
    node.sent = new Map();
    node.granted = [];
    node.resetWorks = this.chance.next() < 0.3;
    this.#startKeeper(node);
    this.#startAgent(node);
    this.#announce(node, node.bootId);
  }

  #switchOff(node: SimNode, why: string): void {
    if (!node.isOn) return;
    this.count(`off by ${why}`);
    node.isOn = false;
    node.runs = false;
    node.dogFiresAt = Infinity;
    if (node.agent !== null) node.agent.process.isAlive = false;
    if (node.keeper !== null) node.keeper.process.isAlive = false;
    // Late enough, mostly, for a proof to come before it.
    this.at(this.now + 6_000 + this.chance.next() * 18_000, () => this.#switchOn(node));
  }

  #startKeeper(node: SimNode): void {
    if (!node.isOn) return;
    const process = new Process(this, node);
    let receive: (bytes: Uint8Array) => void = () => undefined;
    const { bootId } = node;
    const datagrams: Datagrams = {
      address: `${node.id}:keeper`,
      send: (address, bytes) => {
        const renewal = decodeLease(bytes.subarray(1 + (bytes[0] ?? 0)));
        if (renewal?.kind === 'renewal') node.sent.set(renewal.nonce, node.clock(this.now));
        this.send(node, address, bytes, `${node.id}:keeper`);
      },
      onReceive: (handler) => {
        receive = (bytes) => {
          const grant = decodeLease(bytes.subarray(1 + (bytes[0] ?? 0)));
          const sentAt = grant?.kind === 'grant' && grant.status === 'granted' ? node.sent.get(grant.nonce) : undefined;
          if (sentAt !== undefined) node.granted.push(sentAt);
          handler(bytes, '');
        };
      },
      close: () => undefined,
    };
    const ports = {
      // A wall clock that is stepped again and again, by no round figure.
      world: process.world(), wallMs: () => this.now + 1_234.5 * Math.floor(this.now / 7_000), node: node.id, bootId, clusterUuid: CLUSTER, datagrams, sealerFor: () => sealerOf(node.id), tellAgents: () => undefined,
      saveCell: (cell: KeeperCell) => void (node.savedCell = cell),
      machine: {
        resetNow: () => {
          if (node.resetWorks && process.isAlive) this.#switchOff(node, 'its own reset');
        },
      },
      watchdog: {
        arm: async () => {
          this.#pet(node, 'armed');
          node.runs = true;
          this.isDirty = true;
          await Promise.resolve();
        },
        pet: () => this.#pet(node, 'petted'),
        disarm: async () => await Promise.resolve(),
      },
    };
    node.keeper = { process, keeper: new Keeper(ports, 'standard', this.#cellOf()), receive: (bytes) => receive(bytes) };
  }

  #cellOf(): KeeperCell {
    const voters = this.voters.map((voter) => ({ id: voter.id, leaseAddress: `${voter.id}:agent`, sendKey: '', receiveKey: '' }));
    return { kind: 'cell', cell: CELL, clusterUuid: CLUSTER, profile: 'standard', voters };
  }

  /** S9; and the watchdog, which fires as late as it may. */
  #pet(node: SimNode, how: string): void {
    const local = node.clock(this.now);
    const newest = Math.max(-Infinity, ...node.granted);
    if (local - newest > PROFILE.petWindowMs + 1e-6) {
      this.violations.push(`S9 at ${Math.round(this.now)}: ${node.id} ${how} its watchdog ${Math.round(local - newest)} ms after the last granted renewal was sent`);
    }
    const firesAt = this.now + (PROFILE.watchdogMs + PROFILE.watchdogLatencyMs) / node.rate;
    node.dogFiresAt = firesAt;
    this.at(firesAt, () => {
      if (node.isOn && node.dogFiresAt === firesAt) this.#switchOff(node, 'watchdog');
    });
  }

  #startAgent(node: SimNode): void {
    if (!node.isOn) return;
    const process = new Process(this, node);
    let receive: (bytes: Uint8Array, from: string) => void = () => undefined;
    const log = new SimLog(this, node);
    const arrivals = new Map<string, number>();
    node.agent = { process, log, receive: (bytes, from) => receive(bytes, from) };
    const datagrams: Datagrams = {
      address: `${node.id}:agent`,
      send: (address, bytes) => {
        this.#checkGrant(node, address, bytes, arrivals);
        this.send(node, address, bytes, `${node.id}:agent`);
      },
      onReceive: (handler) => {
        receive = (bytes, from) => {
          const renewal = decodeLease(bytes.subarray(1 + (bytes[0] ?? 0)));
          if (renewal?.kind === 'renewal' && !arrivals.has(renewal.nonce)) arrivals.set(renewal.nonce, this.now);
          handler(bytes, from);
        };
      },
      close: () => undefined,
    };
    const ports: FencerPorts = {
      world: process.world(), wallMs: () => this.now, log, socket: new SealedSocket(datagrams, sealerOf(node.id)), mesh: this.#meshOf(node, process), self: node.id,
      formerContactAtMs: () => log.formerContactAtMs(), power: this.#powerOf(process), storageReachable: () => null,
    };
    startFencer(ports);
  }

  /** S10 */
  #checkGrant(leader: SimNode, address: string, bytes: Uint8Array, arrivals: ReadonlyMap<string, number>): void {
    const grant = decodeLease(bytes.subarray(1 + (bytes[0] ?? 0)));
    const to = this.nodes.find((node) => node.id === address.split(':')[0]);
    if (grant?.kind !== 'grant' || grant.status !== 'granted' || to === undefined || !to.sent.has(grant.nonce)) return;
    this.count('grants');
    const arrivedAt = arrivals.get(grant.nonce);
    const endedAt = this.#ended.get(to.bootId);
    if (arrivedAt !== undefined && endedAt !== undefined && arrivedAt > endedAt) {
      this.violations.push(`S10 at ${Math.round(this.now)}: ${leader.id} grants ${to.id} a renewal that came ${Math.round(arrivedAt - endedAt)} ms after its end was committed`);
    }
  }

  /** The node's agent says that it started, until the ledger has it, and then that it is ready. */
  #announce(node: SimNode, bootId: BootId): void {
    if (!node.isOn || node.bootId !== bootId) return;
    const actor = { node: node.id, bootId };
    const leader = this.nodes.find((one) => one.isOn && one.agent?.log.status().role === 'leader' && this.#connected(node, one));
    const record = leader?.agent?.log.state().nodes.get(node.id);
    if (leader !== undefined && record !== undefined) {
      const command: Command | null = record.bootId !== bootId
        ? { kind: 'bootNode', actor, storeUuid: CLUSTER, capacity: { memoryMiB: 1024, vcpus: 1, diskBytes: 1, domainKinds: ['pv'] }, tainted: [] }
        : record.phase === 'joining' && node.runs ? { kind: 'readyNode', actor } : null;
      // What becomes of it shows in the state; a failure is tried again.
      if (command !== null) void leader.agent?.log.propose(command).catch(() => undefined);
    }
    this.at(this.now + 1_000, () => this.#announce(node, bootId));
  }

  #powerOf(process: Process): FencerPorts['power'] {
    const later = <Value>(delay: number, value: () => Value): Promise<Value> =>
      new Promise((resolve) => {
        this.at(this.now + delay, () => process.run(false, () => {
          // A promise that is made here takes what `value` throws.
          resolve(Promise.try(value));
          this.isDirty = true;
        }));
      });
    return {
      off: async (id) => {
        const node = this.#find(id);
        await later(100 + this.chance.next() * 1_500, () => {
          if (this.chance.next() < 0.2) throw new Error('the BMC does not answer');
          // It says done, and `off`, a moment before it is.
          node.bmcSaysOffUntil = this.now + 900;
          const { bootId } = node;
          this.at(this.now + this.chance.next() * 900, () => {
            if (node.bootId === bootId) this.#switchOff(node, 'BMC');
          });
        });
        return { wasOff: false };
      },
      // Sooner than the node would come back by itself; one that is slow, or late, comes in the middle of what follows.
      on: async (id) => await later(100 + this.chance.next() * 4_500, () => this.#switchOn(this.#find(id))),
      status: async (id) => await later(20 + this.chance.next() * 300, () => (this.#find(id).isOn && this.now > this.#find(id).bmcSaysOffUntil ? 'on' : 'off')),
    };
  }

  #meshOf(node: SimNode, process: Process): Mesh {
    const request = async (to: MemberId, _method: string, body: unknown, options: { readonly timeoutMs: number }): Promise<unknown> =>
      await new Promise((resolve, reject) => {
        const end = (isAnswered: boolean, answer: unknown): void => process.run(false, () => {
          this.isDirty = true;
          if (isAnswered) resolve(answer);
          else reject(new Error('PeerTimeout'));
        });
        this.at(this.now + options.timeoutMs / node.rate, () => end(false, null));
        const target = this.#find(to);
        this.#carry(node, target, () => target.agent?.process.run(false, () => this.#carry(target, node, () => end(true, this.#probeAnswer(target, body)))));
      });
    const none = (): void => undefined;
    return {
      self: node.id, setMembers: none, send: () => false, onMessage: none, request, serve: none, publish: async () => await Promise.resolve(false), onGossip: none,
      isConnected: () => true, apart: () => [], onConnection: none, stop: async () => await Promise.resolve(),
    };
  }

  #probeAnswer(helper: SimNode, body: unknown): unknown {
    const target = this.#find((body as { node: NodeId }).node);
    return { agentAnswers: target.isOn && this.#connected(helper, target), renewalAgeMs: null, storageReachable: null };
  }

  // ---------------------------------------------------------------- weather

  #carry(from: SimNode, to: SimNode, deliver: () => void): void {
    if (!from.isOn || !this.#connected(from, to) || (from !== to && this.chance.next() < this.#loss)) return;
    const delay = this.chance.next() < this.#slow ? this.chance.next() ** 3 * 12_000 : 0.2 + this.chance.next() * 5;
    this.at(this.now + delay, () => {
      if (to.isOn && (from === to || to.hears)) deliver();
    });
  }

  #connected(from: SimNode, to: SimNode): boolean {
    return from === to || (from.speaks && to.hears && !this.#apart.has(pairOf(from, to)));
  }

  #find(id: string): SimNode {
    const node = this.nodes.find((one) => one.id === id);
    if (node === undefined) throw new Error(`there is no ${id}`);
    return node;
  }

  #misfortune(until: number): void {
    const node = this.nodes[Math.floor(this.chance.next() * this.nodes.length)];
    if (node === undefined) return;
    const leader = this.nodes.find((one) => one.agent?.log.status().role === 'leader') ?? node;
    if (this.#kind === 'coups') {
      this.#coup(leader);
      if (this.now < until) this.at(this.now + 10_000 + this.chance.next() * 10_000, () => this.#misfortune(until));
      return;
    }
    const lasts = 500 + this.chance.next() * 14_000;
    switch (Math.floor(this.chance.next() * 12)) {
      case 0: this.#cut(node, lasts); break;
      case 1: this.#cut(leader, lasts); break;
      // Long enough to be proven dead; the leader too, which then goes on believing in itself.
      case 2: case 3: this.#cut(node, 12_000 + lasts, 0.5); break;
      case 4: this.#cut(leader, 12_000 + lasts, 0.5); break;
      case 5: this.#switchOff(node, 'a pulled plug'); break;
      case 6: this.#pause(node.keeper?.process, lasts / 2); break;
      case 7: this.#pause(leader.agent?.process, lasts); break;
      case 8: this.#restart(node, 'keeper'); break;
      case 9: this.#restart(node, 'agent'); break;
      case 10: this.voters[Math.floor(this.chance.next() * this.voters.length)]?.agent?.log.campaign(); break;
      default: this.#pause(node.agent?.process, lasts / 4);
    }
    if (this.now < until) this.at(this.now + 500 + this.chance.next() * 9_000, () => this.#misfortune(until));
  }

  /**
   * A voter that has not met the leader for a while is elected by few, just when a node falls silent that was granted a lease: what those few
   * tell of the former leader decides. It may be all that the voter still reaches, and may have been started anew.
   */
  #coup(leader: SimNode): void {
    const [heir, victim] = this.nodes.filter((one) => one !== leader && one.isOn);
    if (heir === undefined || victim === undefined || !this.voters.includes(heir)) return;
    const lasts = 1_000 + this.chance.next() * 3_000;
    heir.agent?.log.doNotStandBefore(this.now + lasts);
    this.#part(heir, leader, lasts, () => {
      this.count('coups');
      const isLonely = this.chance.next() < 0.5;
      for (const other of isLonely ? this.voters : []) if (other !== leader && other !== heir) this.#part(heir, other, 1_500, () => undefined);
      if (this.chance.next() < 0.4) this.#restart(leader, 'agent', 0);
      victim.resetWorks = false;
      this.#cut(victim, 15_000, 0.5);
      heir.agent?.log.campaign();
    });
  }

  #part(one: SimNode, other: SimNode, lasts: number, then: () => void): void {
    const pairs = [pairOf(one, other), pairOf(other, one)];
    for (const pair of pairs) this.#apart.add(pair);
    this.at(this.now + lasts, () => {
      for (const pair of pairs) this.#apart.delete(pair);
      then();
    });
  }

  /** `how`: below 0.7 it cannot be heard, above 0.3 it cannot hear. */
  #cut(node: SimNode, lasts: number, how = this.chance.next()): void {
    if (how < 0.7) node.speaks = false;
    if (how > 0.3) node.hears = false;
    this.count('cuts');
    this.at(this.now + lasts, () => {
      node.speaks = true;
      node.hears = true;
    });
  }

  #pause(process: Process | undefined, lasts: number): void {
    if (process === undefined) return;
    this.count('pauses');
    process.pausedUntil = Math.max(process.pausedUntil, this.now + lasts);
  }

  #restart(node: SimNode, what: 'keeper' | 'agent', lasts = this.chance.next() * 3_000): void {
    const running = node[what];
    if (!node.isOn || running === null) return;
    running.process.isAlive = false;
    this.count(`restart of ${what}`);
    const { bootId } = node;
    this.at(this.now + lasts, () => {
      if (node.bootId !== bootId || !node.isOn || node[what] !== running) return;
      if (what === 'keeper') this.#startKeeper(node);
      else this.#startAgent(node);
    });
  }
}

function pairOf(from: SimNode, to: SimNode): string {
  return `${from.id} ${to.id}`;
}

/** One seed: `forMs` of true time. */
export async function runWeather(seed: number, forMs: number, kind: WeatherKind = 'any'): Promise<Weather> {
  return await new Room(seed, kind).run(forMs);
}

/** Names the sender in front, and believes it: authenticity is lease-seal's matter. */
function sealerOf(self: MemberId): Sealer {
  const name = new TextEncoder().encode(self);
  return {
    seal: (_to, bytes) => Uint8Array.from([name.length, ...name, ...bytes]),
    open: (bytes) => {
      const length = bytes[0] ?? 0;
      return { from: parseNodeId(new TextDecoder().decode(bytes.subarray(1, 1 + length))), bytes: bytes.subarray(1 + length) };
    },
  };
}

function admission(node: SimNode): Command {
  return {
    kind: 'admitNode',
    node: {
      id: node.id, peerId: `peer of ${node.id}`, meshAddress: '', leaseAddress: `${node.id}:agent`, leaseKey: '', storageAddress: '', failureDomain: '',
      power: node.hasBmc ? { kind: 'ipmi', address: '127.0.0.1' } : { kind: 'none', address: '' },
    },
  };
}
