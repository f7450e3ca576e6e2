/**
 * How does a whole cell run in one process and in virtual time? Real agents and keepers over the simulated machine room.
 *
 * Each process of a node gets a world of its own that dies with it: timers of a killed process never fire, its programs
 * never answer, its messages are neither sent nor heard.
 */
import { createCellPort } from '../../coordinator/cell-port.ts';
import type { CellPort } from '../../coordinator/ports.ts';
import { createHost } from '../../agent/drivers/host.ts';
import { ConfigTexts } from '../../agent/drivers/drbd/config-texts.ts';
import { Drbd } from '../../agent/drivers/drbd/run-drbd.ts';
import { Lvm } from '../../agent/drivers/lvm/run-lvm.ts';
import { Power } from '../../agent/drivers/power/run-power.ts';
import { Xen, XEN_DEFAULTS } from '../../agent/drivers/xen/run-xen.ts';
import { Keeper } from '../../agent/keeper/keeper.ts';
import { createReplicas } from '../../agent/replicas.ts';
import { roomConfig } from '../../agent/room/model/config.ts';
import { DrbdRoom } from '../../agent/room/model/drbd/room.ts';
import { Room } from '../../agent/room/model/room.ts';
import type { RoomEvent } from '../../agent/room/model/ports.ts';
import { startAgent } from '../../agent/runtime/agent.ts';
import type { Agent } from '../../agent/runtime/agent.ts';
import { ClusterError } from '../../shared/errors.ts';
import { parseBootId, parseCellId, parseImageId, parseInstanceId, parseMemberId, parseNodeId, parseReservationId, parseVolumeId, voterIdOf } from '../../shared/ids.ts';
import type { InstanceId, MemberId, NodeId } from '../../shared/ids.ts';
import { apply } from '../../shared/ledger/apply.ts';
import type { Command } from '../../shared/ledger/commands.ts';
import { createHeartbeatPath } from '../../shared/ledger/node/heartbeat-path.ts';
import { LedgerNode } from '../../shared/ledger/node/ledger-node.ts';
import type { Proposed } from '../../shared/ledger/replicated-log.ts';
import { encodeSnapshot } from '../../shared/ledger/snapshot.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../shared/model/cell.ts';
import type { CellParameters, CellState } from '../../shared/model/cell.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import { TIMING_PROFILES } from '../../shared/model/timing.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';
import { hexDigits } from '../../shared/random.ts';
import { GIB } from '../../shared/units.ts';
import type { IntentAnswer, RunInstancesIntent } from '../../shared/wire/intent.ts';
import type { KeeperCell, KeeperToAgent } from '../../shared/wire/keeper.ts';
import type { Sealer } from '../../shared/wire/lease.ts';
import { SealedSocket } from '../../shared/wire/sealed-socket.ts';
import type { Datagrams, HelperCall, LogFact, NodeWorld, Runner, RunResult, Stream, StreamReader } from '../../shared/world.ts';
import type { CellAudit } from './cell-audit.ts';
import { EventLoops } from './event-loops.ts';
import { MemoryStore } from './memory-store.ts';
import { Moments } from './moments.ts';
import type { Moment } from './moments.ts';
import { NodeFaults } from './node-faults.ts';
import type { NodeClock } from './node-faults.ts';
import { VirtualNetwork } from './virtual-mesh.ts';
import type { VirtualMesh } from './virtual-mesh.ts';
import { memoryFiles, memoryGenerations, ProcessWorld } from './virtual-process.ts';
import { VirtualWorld } from './virtual-world.ts';

const CLUSTER = '11111111-2222-4333-8444-555555555555';
export const IMAGE = parseImageId('ami-0000000000000001a');
const DIGEST = 'ab'.repeat(32);
const COORDINATOR = parseMemberId('coordinator-1');
/** How many of the room's last events a cell remembers at least; twice as many at most. */
const EVENTS_KEPT = 20_000;
const PSK = 'x'.repeat(20);
/** What the kernel hears of a helper program that was killed by signal 9 (the low seven bits of its status; no known answer of fence-peer). */
const KILLED_EXIT_CODE = 9;

interface NodeDisk {
  readonly files: Map<string, string>;
  readonly generations: Map<string, number>;
  store: MemoryStore;
  keeperCell: KeeperCell | null;
}

interface Coordinator {
  readonly process: ProcessWorld;
  readonly mesh: VirtualMesh;
  readonly ledger: LedgerNode;
  /** Whether it has applied anything yet. Checkers ask for the state all the time. */
  isInformed: boolean;
}

interface RunningNode {
  readonly bootId: string;
  /** Helper programs that wait for the agent's answer; they ask the next agent when it dies. */
  readonly waitingHelpers: Set<() => void>;
  agentWorld: ProcessWorld | null;
  keeperWorld: ProcessWorld | null;
  agent: Agent | null;
  ledger: LedgerNode | null;
  keeper: Keeper | null;
  agentHears: ((message: KeeperToAgent) => void) | null;
  agentClosed: (() => void) | null;
  helper: ((call: HelperCall) => Promise<number>) | null;
}

export interface VirtualCellOptions {
  readonly nodes: number;
  readonly seed?: number;
  readonly hasBmc?: boolean;
  readonly parameters?: Partial<CellParameters>;
  /** After how many entries members compact their logs. The product's own figure by default. */
  readonly snapshotEvery?: number;
  /** Told every ledger as it starts: each member's, and each again after a restart of its process. */
  readonly onLedger?: (member: MemberId, ledger: LedgerNode) => void;
  /** How many machines stand in the room, switched off, for nodes that are admitted later. None by default. */
  readonly spares?: number;
  /** Told everything that happens in the room, after the cell reacted to it. */
  readonly onRoomEvent?: (event: RoomEvent, atMs: number) => void;
  /** Told of an agent that ended because its store failed. Nobody starts it again unless this does. */
  readonly onAgentExit?: (node: NodeId) => void;
  /** Told every fact that is logged, from the very first on. */
  readonly onFact?: (fact: LogFact) => void;
  /** Told what the processes do at the edge. Without it, a ledger's broken invariant is thrown. */
  readonly audit?: CellAudit;
}

/** A cell with a coordinator that only asks. */
export class VirtualCell {
  readonly world: VirtualWorld;
  readonly room: Room;
  readonly drbd: { room: DrbdRoom | null } = { room: null };
  /** The newest events of the room: the last {@link EVENTS_KEPT} are there for certain. */
  readonly events: RoomEvent[] = [];
  /** The nodes of the cell, in the order of their admission. */
  readonly nodeIds: NodeId[];
  /** Machines of the room that are not in the cell (yet, or any more). */
  readonly spareIds: NodeId[];
  /** Machines of removed nodes that nobody has switched off yet. */
  readonly #leaving = new Set<NodeId>();
  /** All machines of the room: what their addresses are counted by. */
  readonly #members: readonly NodeId[];
  readonly network: VirtualNetwork;
  /** What happens at the edges of the cell's processes, for traps. */
  readonly moments = new Moments();
  /** Where agents and keepers work; nothing costs them time unless a test says so. The coordinator asks as fast as it wants. */
  readonly loops: EventLoops;
  /** Told every datagram that is sent, with the node that sends it. */
  onDatagram: ((to: string, bytes: Uint8Array, from: string, sender: NodeId) => void) | null = null;
  readonly #datagramHandlers = new Map<string, (bytes: Uint8Array, from: string) => void>();
  /** Whose socket an address is, and which process of that node reads it. */
  readonly #receivers = new Map<string, { readonly owner: NodeId; readonly process: string }>();
  readonly #meshCut = new Set<string>();
  readonly #disks = new Map<NodeId, NodeDisk>();
  readonly #running = new Map<NodeId, RunningNode>();
  /** Null while it is dead. */
  #coordinator: Coordinator | null = null;
  readonly #coordinatorFiles: MemoryStore;
  readonly #coordinatorClock: NodeClock;
  readonly #options: VirtualCellOptions;
  /** Nodes whose programs that run on end at once: agents that start there see no event stream of DRBD. */
  readonly #withoutStreams = new Set<NodeId>();
  readonly #toldKinds = new Map<string, number>();
  /** Every ledger of the cell that was started, with its member, as it starts. For checkers. */
  readonly #onLedger: (member: MemberId, ledger: LedgerNode) => void;
  readonly #faults: ReadonlyMap<NodeId, NodeFaults>;

  constructor(options: VirtualCellOptions) {
    this.#options = options;
    this.#onLedger = options.onLedger ?? (() => undefined);
    this.world = new VirtualWorld(options.seed ?? 1);
    if (options.onFact !== undefined) this.world.onFact(options.onFact);
    this.loops = new EventLoops(this.world);
    this.network = new VirtualNetwork(this.world, this.loops, this.moments);
    this.#members = Array.from({ length: options.nodes + (options.spares ?? 0) }, (_, at) => parseNodeId(`node-${at + 1}`));
    this.nodeIds = this.#members.slice(0, options.nodes);
    this.spareIds = this.#members.slice(options.nodes);
    for (const owner of this.#members) {
      this.#receivers.set(this.#leaseAddress(owner), { owner, process: owner });
      this.#receivers.set(`keeper-${owner}`, { owner, process: `keeper ${owner}` });
    }
    this.#faults = new Map(this.#members.map((id) => [id, new NodeFaults(this.world)]));
    const state = this.#found();
    this.room = new Room(this.world, roomConfig(this.#members.length, options.hasBmc === true ? { bmcPassword: 'secret' } : {}), {
      readFile: (node, path) => this.#disk(node as NodeId).files.get(path) ?? (path.startsWith('/boot/') ? 'kernel' : null),
      digestOf: (_node, path) => Promise.resolve(path.endsWith(DIGEST) ? { sizeBytes: GIB / 16, digest: DIGEST } : null),
      callHelper: async (node, bootId, event, resource) => await this.#callHelper(node as NodeId, bootId, event, resource),
      persist: () => undefined,
      onEvent: (event) => this.#roomEvent(event),
    }, (hooks) => {
      this.drbd.room = new DrbdRoom(this.world.clock, this.world.timers, this.world.chance, hooks);
      return this.drbd.room;
    });
    this.#coordinatorFiles = this.#coordinatorStore ?? new MemoryStore(this.world);
    this.#coordinatorClock = new NodeFaults(this.world).clock;
    this.#lastState = state;
    this.startCoordinator();
    this.room.start();
    for (const spare of this.spareIds) this.room.powerOff(spare);
  }

  readonly #coordinatorPorts = new WeakMap<LedgerNode, CellPort>();
  /** What was known when nobody was left to ask. */
  #lastState: CellState;

  #coordinatorStore: MemoryStore | null = null;

  // ---------------------------------------------------------------- founding

  #found(): CellState {
    let state = emptyCell(parseCellId('default'), CLUSTER, { ...DEFAULT_PARAMETERS, ...this.#options.parameters });
    let index = 0;
    const give = (command: Command): void => {
      index += 1;
      const applied = apply(state, { index, term: 0, data: { command, at: this.world.clock.wallTime(), by: COORDINATOR } });
      if (applied.result.kind === 'rejected') throw new Error(`${command.kind}: ${applied.result.message}`);
      state = applied.state;
    };
    for (const id of this.nodeIds) give(this.#admission(id));
    for (const id of this.#members) this.#disks.set(id, { files: new Map(), generations: new Map(), store: this.#newStore(id), keeperCell: null });
    if (this.#options.nodes === 2) this.#coordinatorStore = new MemoryStore(this.world);
    give({ kind: 'admitCoordinator', coordinator: { id: COORDINATOR, peerId: 'peer-c', meshAddress: '/ip4/127.0.0.1/tcp/3999', storeUuid: this.#coordinatorStore?.storeUuid ?? null } });
    give({ kind: 'registerImage', image: { id: IMAGE, name: 'test', description: '', digest: DIGEST, sizeBytes: GIB / 16, architecture: 'x86_64', domainKind: 'pv', createdAt: this.world.clock.wallTime() } });
    for (const id of this.nodeIds.slice(0, this.#options.nodes >= 5 ? 5 : 3)) this.#foundStore(this.#disk(id).store, state, this.#voters(state));
    if (this.#coordinatorStore !== null) this.#foundStore(this.#coordinatorStore, state, this.#voters(state));
    return state;
  }

  #admission(id: NodeId): Command {
    const at = this.#members.indexOf(id);
    return {
      kind: 'admitNode',
      node: {
        id, peerId: `peer-${id}`, meshAddress: `/ip4/127.0.0.1/tcp/${4000 + at}`, leaseAddress: `127.0.0.1:${5000 + at}`, leaseKey: `key-${id}`, storageAddress: `10.0.0.${at + 1}`,
        failureDomain: id, power: this.#options.hasBmc === true ? { kind: 'ipmi', address: `bmc-${at + 1}` } : { kind: 'none', address: '' },
      },
    };
  }

  #voters(_state: CellState): { readonly voters: readonly string[]; readonly witnesses: readonly string[] } {
    const nodes = this.nodeIds.slice(0, this.#options.nodes >= 5 ? 5 : 3).map((id) => voterIdOf(id, this.#disk(id).store.storeUuid));
    if (this.#coordinatorStore === null) return { voters: nodes, witnesses: [] };
    const witness = voterIdOf(COORDINATOR, this.#coordinatorStore.storeUuid);
    return { voters: [...nodes, witness], witnesses: [witness] };
  }

  #foundStore(store: MemoryStore, state: CellState, { voters, witnesses }: { readonly voters: readonly string[]; readonly witnesses: readonly string[] }): void {
    store.hardState = { term: 1, vote: null, commit: 1 };
    store.snapshot = { index: 1, term: 1, conf: { voters, learners: [], witnesses }, data: encodeSnapshot(state) };
  }

  #newStore(node: NodeId): MemoryStore {
    const store = new MemoryStore(this.world);
    store.onSave = (batch) => (this.moments.areWatched ? this.moments.tell({ kind: 'save', node, batch }) : 0);
    return store;
  }

  #disk(node: NodeId): NodeDisk {
    const disk = this.#disks.get(node);
    if (disk === undefined) throw new Error(`no node ${node}`);
    return disk;
  }

  // ---------------------------------------------------------------- processes

  startCoordinator(): void {
    if (this.#coordinator !== null) return;
    const process = new ProcessWorld(this.world, COORDINATOR, this.loops, this.#coordinatorClock);
    const mesh = this.network.join(COORDINATOR, () => !process.isDead);
    const ledger = new LedgerNode({
      self: COORDINATOR, world: process, mesh, store: this.#coordinatorFiles.forProcess(() => !process.isDead), profile: this.#profile, seeds: () => this.#members, ...this.#compaction,
      onFatal: (error) => {
        if (!process.isDead) this.#fatal(COORDINATOR, error);
      },
    }, emptyCell(parseCellId('default'), CLUSTER, DEFAULT_PARAMETERS));
    this.#coordinator = { process, mesh, ledger, isInformed: false };
    this.#onLedger(COORDINATOR, ledger);
    ledger.subscribe((entry) => {
      for (const { kind } of entry?.events ?? []) this.#toldKinds.set(kind, this.told(kind) + 1);
    });
    ledger.start();
  }

  /** The coordinator dies; what it stored stays. */
  killCoordinator(): void {
    if (this.#coordinator === null) return;
    this.#lastState = this.#coordinator.ledger.state();
    this.#coordinator.process.isDead = true;
    this.#coordinator = null;
    this.network.cut(COORDINATOR);
  }

  /** The ledger by which the cell is looked at: the coordinator's, or, while that is dead, that of whoever applied most. */
  #view(): LedgerNode | null {
    if (this.#coordinator !== null) {
      this.#coordinator.isInformed ||= this.#coordinator.ledger.status().appliedIndex > 0;
      if (this.#coordinator.isInformed) return this.#coordinator.ledger;
    }
    let best: LedgerNode | null = null;
    for (const { ledger } of this.#running.values()) {
      if (ledger !== null && (best === null || ledger.status().appliedIndex > best.status().appliedIndex)) best = ledger;
    }
    return best;
  }

  #mustCoordinate(): Coordinator {
    if (this.#coordinator === null) throw new ClusterError('NoCoordinator', 'the coordinator is dead', { retryable: true });
    return this.#coordinator;
  }

  #roomEvent(event: RoomEvent): void {
    this.events.push(event);
    if (this.events.length >= 2 * EVENTS_KEPT) this.events.splice(0, this.events.length - EVENTS_KEPT);
    if (event.kind === 'booted') this.#boot(event.node as NodeId, event.bootId);
    if (event.kind === 'died') {
      this.killAgent(event.node as NodeId);
      this.killKeeper(event.node as NodeId);
      this.#running.delete(event.node as NodeId);
    }
    if (event.kind === 'meshChanged') this.#cutMesh(event.node as NodeId, !event.isUp);
    this.#options.onRoomEvent?.(event, this.world.clock.nowMs());
  }

  /** What agents and keepers are configured with; the ledger's own parameter is the same. */
  get #compaction(): { readonly snapshotEvery?: number } {
    const { snapshotEvery } = this.#options;
    return snapshotEvery === undefined ? {} : { snapshotEvery };
  }

  get #profile(): TimingProfile {
    return TIMING_PROFILES[this.#options.parameters?.profile ?? 'standard'];
  }

  #cutMesh(node: NodeId, isCut: boolean): void {
    if (isCut) {
      this.#meshCut.add(node);
      this.network.cut(node);
    } else {
      this.#meshCut.delete(node);
      const running = this.#running.get(node);
      if (running !== undefined && running.agent !== null) this.network.heal(node);
    }
  }

  #boot(node: NodeId, bootId: string): void {
    this.#running.set(node, { bootId, waitingHelpers: new Set(), agentWorld: null, keeperWorld: null, agent: null, ledger: null, keeper: null, agentHears: null, agentClosed: null, helper: null });
    this.startKeeper(node);
    this.startAgent(node);
  }

  killAgent(node: NodeId): void {
    const running = this.#running.get(node);
    if (running?.agentWorld === null || running === undefined) return;
    running.agentWorld.isDead = true;
    // They end with the pipe that nobody reads any more.
    const streams = [...running.agentWorld.streams]; // Each leaves the set.
    for (const stream of streams) stream.stop();
    running.agentWorld = null;
    running.agent = null;
    running.ledger = null;
    running.helper = null;
    running.agentHears = null;
    running.agentClosed = null;
    const retries = [...running.waitingHelpers]; // Each leaves the set.
    for (const retry of retries) retry();
    this.network.cut(node);
    this.#datagramHandlers.delete(this.#leaseAddress(node));
    running.keeper?.agentGone();
  }

  killKeeper(node: NodeId): void {
    const running = this.#running.get(node);
    if (running?.keeperWorld === null || running === undefined) return;
    running.keeperWorld.isDead = true;
    running.keeperWorld = null;
    running.keeper = null;
    this.#datagramHandlers.delete(`keeper-${node}`);
    const closed = running.agentClosed;
    running.agentClosed = null;
    closed?.();
  }

  /** The keeper is told to end, as an orderly shutdown does, and ends. */
  async stopKeeper(node: NodeId): Promise<void> {
    const { keeper } = this.#mustRun(node);
    if (keeper === null) throw new Error(`${node} has no keeper`);
    await this.finish(keeper.stop());
    this.killKeeper(node);
  }

  startKeeper(node: NodeId): void {
    const running = this.#mustRun(node);
    const { clock } = this.faults(node);
    const world = new ProcessWorld(this.world, `keeper ${node}`, this.loops, clock);
    running.keeperWorld = world;
    const disk = this.#disk(node);
    running.keeper = new Keeper({
      world, wallMs: () => clock.wallMs(), node, bootId: parseBootId(running.bootId), clusterUuid: CLUSTER,
      machine: { resetNow: () => this.room.resetNow(node, running.bootId) },
      watchdog: {
        // It counts by the machine's own clock, and bites late.
        arm: (timeoutMs) => {
          this.#options.audit?.onPet(node, running.bootId);
          // A room without that device refuses, as opening it would.
          return Promise.try(() => this.room.armWatchdog(node, running.bootId, timeoutMs / clock.rate + this.faults(node).watchdogLatencyMs));
        },
        pet: () => {
          this.#options.audit?.onPet(node, running.bootId);
          this.room.petWatchdog(node, running.bootId);
        },
        disarm: () => Promise.resolve(this.room.disarmWatchdog(node, running.bootId)),
      },
      datagrams: this.#datagrams(`keeper-${node}`, node, world),
      sealerFor: () => this.#audited(node, (audit, bytes) => audit.onLeaseSent(node, running.bootId, bytes), (audit, bytes) => audit.onLeaseHeard(node, running.bootId, bytes)),
      tellAgents: (message: KeeperToAgent) => running.agentHears?.(message),
      saveCell: (cell) => {
        disk.keeperCell = cell;
      },
    }, this.#profile.name, disk.keeperCell);
  }

  startAgent(node: NodeId): void {
    const running = this.#mustRun(node);
    const process = new ProcessWorld(this.world, node, this.loops, this.faults(node).clock);
    running.agentWorld = process;
    const disk = this.#disk(node);
    const bootId = parseBootId(running.bootId);
    const runner = this.#runner(node, running.bootId, process);
    const files = memoryFiles(disk.files, process);
    const world: NodeWorld = {
      clock: process.clock, chance: process.chance, timers: process.timers, log: process.log, runner, files,
      machine: {
        bootId,
        resetNow: () => {
          if (!process.isDead) this.room.resetNow(node, running.bootId);
        },
      },
      helpers: {
        serve: (answer) => {
          running.helper = answer;
        },
      },
    };
    const mesh = this.network.join(node, () => !process.isDead);
    if (this.#meshCut.has(node)) this.network.cut(node);
    const socket = new SealedSocket(this.#datagrams(this.#leaseAddress(node), node, process), this.#agentSealer(node));
    const profile = this.#profile;
    const heartbeats = createHeartbeatPath({ self: node, socket, clock: process.clock, state: () => ledger.state(), profile });
    const ledger: LedgerNode = new LedgerNode({
      self: node, world, mesh, store: disk.store.forProcess(() => !process.isDead), profile, heartbeats, seeds: () => this.#members, ...this.#compaction,
      onFatal: (error) => {
        if (process.isDead) return;
        // A store that fails ends the process (SAFETY.md 3.2); anything else that is fatal is a mistake of ours.
        if (!(error instanceof ClusterError && error.code === 'StoreFailed')) this.#fatal(node, error);
        this.killAgent(node);
        this.#options.onAgentExit?.(node);
      },
    }, emptyCell(parseCellId('default'), CLUSTER, DEFAULT_PARAMETERS));
    running.ledger = ledger;
    this.#onLedger(node, ledger);
    const lvm = new Lvm(runner, 'vg0');
    const xen = new Xen({ runner, files, bootId, ...XEN_DEFAULTS });
    const drbd = new Drbd(runner, process.timers, process.log);
    const images = {
      write: async (digest: string, device: string): Promise<void> => {
        const { exitCode, stderr } = await runner.run(['dd', `if=/images/${digest}`, `of=${device}`, 'bs=4M', 'conv=fsync', 'status=none'], { timeoutMs: 60_000 });
        if (exitCode !== 0) throw new ClusterError('ImageWriteFailed', stderr, { retryable: true });
      },
    };
    const configTexts = new ConfigTexts({ volumeGroup: 'vg0', helper: '/usr/lib/ves/drbd-helper', pingTimeoutTenths: 20 }, (volume) => `${PSK}${volume.epoch}`);
    drbd.start();
    running.agent = startAgent({
      self: { node, bootId }, world, wallMs: () => process.clock.wallMs(), ledger, storeUuid: disk.store.storeUuid,
      mesh: Object.assign(mesh, { setVoters: () => undefined }), seeds: [], generations: memoryGenerations(disk.generations, process),
      replicas: createReplicas({ drbd, lvm, images, files }), domains: xen, host: createHost(xen, lvm, () => Promise.resolve(0)),
      power: new Power(runner, (other) => this.#bmcOf(other)),
      socket,
      connectKeeper: async () => await this.#connectKeeper(node, running, process),
      leaseKeysWith: () => LEASE_KEYS,
      configText: (volume, state) => configTexts.of(volume, volume.replicas.flatMap((id) => state.nodes.get(id) ?? [])),
    });
  }

  #bmcOf(node: NodeId): { readonly address: string; readonly username: string; readonly password: string } | null {
    return this.#options.hasBmc === true ? { address: `bmc-${this.#members.indexOf(node) + 1}`, username: 'ves', password: 'secret' } : null;
  }

  #mustRun(node: NodeId): RunningNode {
    const running = this.#running.get(node);
    if (running === undefined) throw new Error(`${node} is down`);
    return running;
  }

  #leaseAddress(node: NodeId): string {
    return `127.0.0.1:${5000 + this.#members.indexOf(node)}`;
  }

  #runner(node: NodeId, bootId: string, process: ProcessWorld): Runner {
    return {
      run: (argv, options) => process.ask(async () => {
        this.#options.audit?.onProgram(node, bootId, argv, options.stdin ?? '');
        return await this.#withDeadline(argv, options.timeoutMs, this.faults(node).run(argv, async () => {
          if (this.moments.areWatched) this.moments.tell({ kind: 'order', node, argv });
          const result = await this.room.run(node, bootId, argv, options.stdin ?? '');
          if (this.moments.areWatched) await this.#holdUp({ kind: 'program', node, argv });
          return result;
        }));
      }),
      stream: (argv, reader) => this.#withoutStreams.has(node) ? this.#brokenStream(process, reader) : this.#agentStream(node, bootId, argv, process, reader),
    };
  }

  /** As the real runner: whoever waited hears of the deadline. What the program does to the kernel it may still do, as one in uninterruptible sleep. */
  async #withDeadline(argv: readonly string[], timeoutMs: number, result: Promise<RunResult>): Promise<RunResult> {
    return await new Promise((resolve, reject) => {
      const timer = this.world.timers.after(timeoutMs, () => reject(new ClusterError('ProgramTimeout', `${argv[0]} did not end within ${timeoutMs} ms`, { retryable: true })));
      result.then(resolve, reject).finally(() => timer.cancel()).catch(() => undefined); // reject hears of the failure
    });
  }

  #agentStream(node: NodeId, bootId: string, argv: readonly string[], process: ProcessWorld, reader: StreamReader): Stream {
    const stream = this.room.stream(node, bootId, argv, {
      onLine: (line) => {
        this.loops.whenFree(node, () => {
          if (!process.isDead) reader.onLine(line);
        });
      },
      onEnd: (reason) => {
        process.streams.delete(stream);
        this.loops.whenFree(node, () => {
          if (!process.isDead) reader.onEnd(reason);
        });
      },
    });
    process.streams.add(stream);
    return stream;
  }

  #brokenStream(process: ProcessWorld, reader: StreamReader): Stream {
    process.timers.after(0, () => reader.onEnd('exit 20'));
    return { stop: () => undefined };
  }

  #datagrams(address: string, node: NodeId, process: ProcessWorld): Datagrams {
    return {
      address,
      send: (to, bytes) => {
        if (process.isDead || this.#meshCut.has(node)) return;
        this.onDatagram?.(to, bytes, address, node);
        const receiver = this.#receivers.get(to);
        if (receiver === undefined) return;
        const { owner, process: receiving } = receiver;
        for (const delayMs of this.network.delays(node, owner)) {
          this.world.timers.after(delayMs, () => {
            if (this.#meshCut.has(owner) || this.network.isPairCut(node, owner)) return;
            const handler = this.#datagramHandlers.get(to);
            if (handler !== undefined) this.loops.take(receiving, 'datagram', () => handler(bytes, address));
          });
        }
      },
      onReceive: (handler) => {
        this.#datagramHandlers.set(address, (bytes, from) => {
          if (!process.isDead) handler(bytes, from);
        });
      },
      close: () => void this.#datagramHandlers.delete(address),
    };
  }

  /** A seal is a note on the bytes of who made them: nobody forges here, and nobody writes into what was sent. */
  #sealer(self: NodeId): Sealer {
    return {
      seal: (_to, bytes: Sealed) => {
        bytes.sealedBy = self;
        return bytes;
      },
      open: (sealed: Sealed) => (sealed.sealedBy === undefined ? null : { from: sealed.sealedBy, bytes: sealed }),
    };
  }

  /** An agent has no key of a node that its ledger says was removed (agent/main.ts). */
  #agentSealer(node: NodeId): Sealer {
    const plain = this.#sealer(node);
    const isRemoved = (from: string): boolean => this.#running.get(node)?.ledger?.state().nodes.get(from as NodeId)?.phase === 'removed';
    const open: Sealer['open'] = (sealed) => {
      const opened = plain.open(sealed);
      return opened === null || isRemoved(opened.from) ? null : opened;
    };
    return this.#audited(node, (audit, bytes) => audit.onAgentSent(node, bytes), (audit, bytes) => audit.onAgentHeard(node, bytes), { ...plain, open });
  }

  #audited(node: NodeId, sent: (audit: CellAudit, bytes: Uint8Array) => void, heard: (audit: CellAudit, bytes: Uint8Array) => void, plain = this.#sealer(node)): Sealer {
    const { audit } = this.#options;
    if (audit === undefined) return plain;
    return {
      seal: (to, bytes) => {
        sent(audit, bytes);
        return plain.seal(to, bytes);
      },
      open: (sealed) => {
        const opened = plain.open(sealed);
        if (opened !== null) heard(audit, opened.bytes);
        return opened;
      },
    };
  }

  #fatal(member: MemberId, error: unknown): void {
    const { audit } = this.#options;
    if (audit === undefined) throw error instanceof Error ? error : new Error(String(error));
    audit.onFatal(member, error);
  }

  async #connectKeeper(node: NodeId, running: RunningNode, process: ProcessWorld): Promise<never> {
    await Promise.resolve();
    const { keeper } = running;
    if (keeper === null) throw new Error('no keeper runs');
    let onMessage: ((message: unknown) => void) | null = null;
    let onClose: ((reason: string) => void) | null = null;
    const connection = {
      send: (message: unknown): boolean => {
        if (running.keeper !== keeper) return false;
        this.world.timers.after(0, () => {
          this.loops.whenFree(`keeper ${node}`, () => {
            if (running.keeper === keeper) keeper.hear(structuredClone(message));
          });
        });
        return true;
      },
      onMessage: (handler: (message: unknown) => void): void => {
        onMessage = handler;
        this.world.timers.after(0, () => {
          if (!process.isDead && running.keeper === keeper) handler(keeper.lease());
        });
      },
      onClose: (handler: (reason: string) => void): void => {
        onClose = handler;
      },
      close: (): void => onClose?.('closed'),
    };
    running.agentHears = (message) => {
      const copy = { ...message }; // flat
      this.world.timers.after(0, () => {
        this.loops.whenFree(node, () => {
          if (!process.isDead) onMessage?.(copy);
        });
      });
    };
    running.agentClosed = () => {
      if (!process.isDead) onClose?.('the keeper ended');
    };
    return connection as never;
  }

  async #callHelper(node: NodeId, bootId: string, event: string, resource: string): Promise<number> {
    for (;;) {
      const running = this.#running.get(node);
      if (running === undefined || running.bootId !== bootId) return await new Promise<number>(() => undefined);
      const { helper, agentWorld } = running;
      if (this.faults(node).areHelpersKilled) return KILLED_EXIT_CODE;
      const exitCode = helper === null || agentWorld === null ? null : await askAgent(running, this.#whenAnswering(node, helper), { event, resource });
      if (exitCode !== null) {
        if (this.moments.areWatched) await this.#holdUp({ kind: 'helper', node, event, resource });
        return exitCode;
      }
      // Events that only inform wait for nobody (agent/room/helper.ts).
      if (event !== 'fence-peer' && event !== 'local-io-error') return 0;
      await new Promise<void>((resolve) => {
        this.world.timers.after(200, resolve);
      });
    }
  }

  async #holdUp(moment: Moment): Promise<void> {
    const heldMs = this.moments.tell(moment);
    if (heldMs === 0) return;
    await new Promise<void>((resolve) => {
      this.world.timers.after(heldMs, resolve);
    });
  }

  /** An agent that is stopped takes no call before it goes on. */
  #whenAnswering(node: NodeId, helper: (call: HelperCall) => Promise<number>): (call: HelperCall) => Promise<number> {
    return async (call) => {
      await new Promise<void>((resolve) => this.loops.whenFree(node, resolve));
      return await helper(call);
    };
  }

  /** The node's agent died, and what its ledger store held is gone: the next one begins with an empty store. */
  loseStore(node: NodeId): void {
    this.killAgent(node);
    this.#disk(node).store = this.#newStore(node);
  }

  /** A datagram arrives that nobody sent just now: an old one again, or one of a stranger. */
  strayDatagram(to: string, bytes: Uint8Array, from: string): void {
    const receiver = this.#receivers.get(to);
    if (receiver !== undefined && !this.#meshCut.has(receiver.owner)) this.loops.take(receiver.process, 'datagram', () => this.#datagramHandlers.get(to)?.(bytes, from));
  }

  /** The member that leads, by its own word: of those whose agent runs. Null: nobody says so. */
  leads(): NodeId | null {
    for (const [node, { ledger }] of this.#running) if (ledger?.status().role === 'leader') return node;
    return null;
  }

  /** The term of whoever leads; 0: nobody does. */
  term(): number {
    const leader = this.leads();
    return leader === null ? 0 : (this.#running.get(leader)?.ledger?.status().term ?? 0);
  }

  /** How many helper programs wait for an agent's answer, on all nodes. */
  waitingHelpers(): number {
    let count = 0;
    for (const { waitingHelpers } of this.#running.values()) count += waitingHelpers.size;
    return count;
  }

  /** How many programs run, on all nodes. */
  programs(): number {
    return this.#members.reduce((sum, node) => sum + this.room.programs(node), 0);
  }

  /** Voters as the coordinator hears of them. */
  voters(): readonly string[] {
    return this.#view()?.status().voters ?? [];
  }

  // ---------------------------------------------------------------- what tests do

  state(): CellState {
    const view = this.#view();
    // Whoever just started knows less than who died.
    if (view !== null && (this.#coordinator !== null || view.status().appliedIndex > 0)) this.#lastState = view.state();
    return this.#lastState;
  }

  /** What any running member knows at most: the coordinator, by which the cell is looked at otherwise, may follow from afar, or not at all. */
  newestState(): CellState {
    let newest: LedgerNode | null = this.#coordinator?.ledger ?? null;
    for (const { ledger } of this.#running.values()) {
      if (ledger !== null && (newest === null || ledger.status().appliedIndex > newest.status().appliedIndex)) newest = ledger;
    }
    return newest === null || newest.status().appliedIndex === 0 ? this.state() : newest.state();
  }

  instance(id: InstanceId): InstanceRecord {
    const instance = this.state().instances.get(id);
    if (instance === undefined) throw new Error(`no instance ${id}`);
    return instance;
  }

  /** How many events of a kind the ledger has told the coordinator of. */
  told(kind: string): number {
    return this.#toldKinds.get(kind) ?? 0;
  }

  leader(): MemberId | null {
    return this.#view()?.status().leader ?? null;
  }

  async ready(): Promise<void> {
    await this.world.until('all nodes are active', () => [...this.state().nodes.values()].length === this.nodeIds.length && [...this.state().nodes.values()].every((node) => node.phase === 'active'), 60_000);
  }

  async run(count = 1): Promise<readonly InstanceId[]> {
    const answer = await this.finish(this.askToRun(count));
    if (answer.kind !== 'created') throw new Error(JSON.stringify(answer));
    return answer.instances;
  }

  /** RunInstances as a coordinator words it. */
  intentToRun(count: number, dryRun = false): RunInstancesIntent {
    const hex = (): string => hexDigits(this.world.chance, 17);
    return {
      kind: 'runInstances', reservation: parseReservationId(`r-${hex()}`), environment: 'default', clientToken: null, requestHash: 'hash', image: IMAGE, type: 't1.micro',
      vcpus: 1, memoryMiB: 128, diskBytes: GIB, keyName: null, userData: null, tags: {}, terminationProtected: false, shutdownBehavior: 'stop', minCount: count,
      ids: Array.from({ length: count }, () => ({ instance: parseInstanceId(`i-${hex()}`), volume: parseVolumeId(`vol-${hex()}`) })), dryRun,
    };
  }

  /** RunInstances as a user asks for it. Settles as virtual time goes on. */
  async askToRun(count: number, clientToken: string | null = null): Promise<IntentAnswer> {
    const leader = this.leader();
    if (leader === null) throw new Error('no leader');
    return (await this.#mustCoordinate().mesh.request(leader, 'intent', { ...this.intentToRun(count), clientToken }, { timeoutMs: 10_000 })) as IntentAnswer;
  }

  /** The coordinator, as its app asks it: the same for as long as that lives. */
  coordinatorPort(): CellPort {
    const { ledger, mesh } = this.#mustCoordinate();
    const known = this.#coordinatorPorts.get(ledger);
    if (known !== undefined) return known;
    const port = createCellPort({
      world: this.world, mesh, log: ledger, projection: { state: () => ledger.state(), isStale: () => this.leader() === null },
    });
    this.#coordinatorPorts.set(ledger, port);
    return port;
  }

  /** Any other request of a user. Settles as virtual time goes on. */
  async ask(command: Command): Promise<Proposed> {
    return await this.#mustCoordinate().ledger.propose(command, { timeoutMs: 10_000, appliedHere: true });
  }

  /** The same of this member, whoever is believed to lead. Settles as virtual time goes on. */
  async askMember(member: MemberId, command: Command): Promise<Proposed> {
    const { ledger, mesh } = this.#mustCoordinate();
    const proposal = { command, at: this.world.clock.wallTime(), by: COORDINATOR, since: ledger.status().appliedIndex, isRepeat: false };
    return (await mesh.request(member, 'propose', proposal, { timeoutMs: 4_000 })) as Proposed;
  }

  /** A spare machine is admitted to the cell, if the ledger takes it; {@link followMembership} switches it on. */
  addNode(): boolean {
    const spare = this.spareIds[0];
    if (spare === undefined || this.#coordinator === null) return false;
    this.post(this.#admission(spare));
    return true;
  }

  /** Does what an operator does: a machine that was admitted is switched on, one that was removed is switched off for good, if not at once (`leftOn`). */
  followMembership(leftOn: ReadonlySet<NodeId> = new Set()): void {
    const { nodes } = this.state();
    for (const spare of this.spareIds.filter((id) => nodes.has(id))) {
      this.spareIds.splice(this.spareIds.indexOf(spare), 1);
      this.nodeIds.push(spare);
      this.room.powerOn(spare);
    }
    for (const node of this.nodeIds.filter((id) => nodes.get(id)?.phase === 'removed')) {
      this.nodeIds.splice(this.nodeIds.indexOf(node), 1);
      this.#leaving.add(node);
    }
    for (const node of [...this.#leaving].filter((id) => !leftOn.has(id))) {
      this.#leaving.delete(node);
      this.room.powerOff(node);
    }
  }

  /** What is wrong with a node's clock, watchdog and programs; may be changed at any time. */
  faults(node: NodeId): NodeFaults {
    const faults = this.#faults.get(node);
    if (faults === undefined) throw new Error(`no node ${node}`);
    return faults;
  }

  /** The store of a node's ledger. */
  store(node: NodeId): MemoryStore {
    return this.#disk(node).store;
  }

  /** On how many machines an agent runs, that of a node that was removed and switched on again among them. */
  runningAgents(): number {
    return [...this.#running.values()].filter(({ agent }) => agent !== null).length;
  }

  /** Which processes of a node run now. */
  processes(node: NodeId): { readonly agent: boolean; readonly keeper: boolean } {
    const running = this.#running.get(node);
    return { agent: running !== undefined && running.agent !== null, keeper: running !== undefined && running.keeper !== null };
  }

  /** Whether programs that begin to run on (DRBD's event stream) do so on a node, from now on. */
  setStreams(node: NodeId, doRun: boolean): void {
    if (doRun) this.#withoutStreams.delete(node);
    else this.#withoutStreams.add(node);
  }

  /** The highest generation of a right that the gate of a node made durable; 0: none. */
  durableGeneration(node: NodeId, target: string): number {
    return this.#disk(node).generations.get(target) ?? 0;
  }

  /** Whether a small file is on a node's boot disk; `path` as its agent names it. */
  hasFile(node: NodeId, path: string): boolean {
    return this.#disk(node).files.has(`/node/${path}`);
  }

  /** How long the ledger's writes of a node take from now on, ms. */
  setWriteMs(node: NodeId, writeMs: number): void {
    this.#disk(node).store.writeMs = writeMs;
  }

  /** Proposes and waits for nothing. */
  post(command: Command): void {
    this.#mustCoordinate().ledger.propose(command, { timeoutMs: 10_000 }).catch(() => undefined);
  }

  async propose(command: Command): Promise<Proposed> {
    return await this.finish(this.#mustCoordinate().ledger.propose(command, { timeoutMs: 10_000, appliedHere: true }));
  }

  async finish<Value>(promise: Promise<Value>): Promise<Value> {
    let isDone = false;
    const watched = promise.finally(() => {
      isDone = true;
    });
    watched.catch(() => undefined);
    await this.world.until('the promise settles', () => isDone, 60_000);
    return await watched;
  }

  async untilPhase(id: InstanceId, phase: InstanceRecord['phase'], limitMs: number): Promise<number> {
    return await this.world.until(`${id} is ${phase}`, () => this.state().instances.get(id)?.phase === phase, limitMs);
  }

  /** The last facts that were logged, for a failing test. */
  tail(count: number): string {
    return this.world.facts.slice(-count).map((fact) => JSON.stringify(fact)).join('\n');
  }
}

/** The agent's answer, null when it died before it answered. */
function askAgent(running: RunningNode, helper: (call: HelperCall) => Promise<number>, call: HelperCall): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const died = (): void => {
      running.waitingHelpers.delete(died);
      resolve(null);
    };
    running.waitingHelpers.add(died);
    helper(call).then((exitCode) => {
      if (running.waitingHelpers.delete(died)) resolve(exitCode);
    }, (error: unknown) => {
      running.waitingHelpers.delete(died);
      reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
}

type Sealed = Uint8Array & { sealedBy?: NodeId };

/** What a keeper is told; seals of this cell need none. */
const LEASE_KEYS = { sendKey: '5e'.repeat(32), receiveKey: 'ec'.repeat(32) };
