/**
 * What happens in the machine room? All nodes with their power, cables, disks, hypervisors and programs, as one pure model.
 *
 * It lives on the clock, timers and chance that it is given: the playground gives real ones, the simulator its own.
 * Node programs come in as argv and leave as the text that the real program prints; the operator's hand (power,
 * cables, broken disks) comes in as methods; what happened leaves as events.
 */
import { ClusterError } from '../../../shared/errors.ts';
import type { RunResult, Stream, StreamReader } from '../../../shared/world.ts';
import type { Boot, DeathReason } from './boot.ts';
import type { NodeSpec, RoomConfig } from './config.ts';
import { deviceExists, openDevice } from './devices.ts';
import type { DrbdDevice } from './drbd/device.ts';
import type { DrbdHooks } from './drbd/room.ts';
import type { BlockDevice, DiskFault } from './disk.ts';
import type { Bmc, BmcFaults } from './fence-program.ts';
import type { GuestEnd } from './guest.ts';
import { Hypervisor } from './hypervisor.ts';
import { programOf, runProgram } from './node-programs.ts';
import type { ProgramNode } from './node-programs.ts';
import { RoomNode } from './node.ts';
import { Observer } from './observer.ts';
import type { DrbdPort, NodeReport, RoomEvent, RoomHooks, RoomRecord, RoomReport, RoomWorld } from './ports.ts';
import { VolumeGroup } from './volume-group.ts';
import type { LogicalVolume } from './volume-group.ts';

/** Programs that one boot may run at once; more is refused, as fork would. */
const PROGRAMS_MAX = 256;
const KERNEL_LINES_MAX = 2_000;

interface Running {
  readonly boot: Boot;
  readonly hypervisor: Hypervisor;
  readonly kernelLines: string[];
  programs: number;
}

/** The whole room. Methods that name a node throw ClusterError `UnknownNode`; those that name a boot `NodeDown` when that boot is over. */
export class Room {
  readonly observer: Observer;
  readonly #world: RoomWorld;
  readonly #config: RoomConfig;
  readonly #hooks: RoomHooks;
  readonly #drbd: DrbdPort;
  readonly #nodes = new Map<string, RoomNode>();
  readonly #running = new Map<string, Running>();
  /** Nodes that are to be on after `start`. */
  readonly #powered = new Map<string, boolean>();
  /** Pairs of nodes whose storage networks do not reach each other. Not persisted: only simulations cut them. */
  readonly #cutLinks = new Set<string>();
  #wasRestored = false;
  #isStarted = false;

  constructor(world: RoomWorld, config: RoomConfig, hooks: RoomHooks, createDrbd: (hooks: DrbdHooks) => DrbdPort) {
    this.#world = world;
    this.#config = config;
    this.#hooks = hooks;
    this.observer = new Observer(world.clock, (key, value) => this.#set(key, value));
    this.#drbd = createDrbd({
      backing: (node, path) => this.#node(node).parts.group.byPath(path)?.disk ?? null,
      callHelper: (node, event, resource) => this.#callHelper(node, event, resource),
      readFile: (node, path) => hooks.readFile(node, path),
      linkUp: (a, b) => this.#isLinkUp(a, b),
      kernelLog: (node, line) => this.#kernelLog(node, line),
    });
    for (const spec of config.nodes) this.#nodes.set(spec.id, this.#createNode(spec));
  }

  /** Takes back what was persisted, in order, before `start`. Throws ClusterError `RoomStateUnusable` when a record makes no sense. */
  restore(records: Iterable<RoomRecord>): void {
    for (const record of records) {
      this.#wasRestored = true;
      if (!this.#restoreOne(record)) {
        throw new ClusterError('RoomStateUnusable', `the room's journal holds a record that does not fit: ${JSON.stringify(record).slice(0, 200)}`, { retryable: false });
      }
    }
  }

  /** Everything that must be kept now: `restore` of these gives the same room. */
  *entries(): Iterable<RoomRecord> {
    for (const node of this.#nodes.values()) {
      yield { kind: 'set', key: `power/${node.id}`, value: node.isOn ? 'on' : 'off' };
      yield { kind: 'set', key: `cables/${node.id}`, value: JSON.stringify(node.cables) };
      yield { kind: 'set', key: `bmc/${node.id}`, value: JSON.stringify(node.bmcFaults) };
      for (const change of node.parts.group.entries()) yield { kind: 'group', node: node.id, change };
    }
    for (const [key, value] of this.observer.entries()) yield { kind: 'set', key, value };
  }

  /** Current comes back: every node that was on (in a new room: every node) starts up. */
  start(): void {
    this.#isStarted = true;
    for (const node of this.#nodes.values()) {
      node.parts.group.startPersisting();
      if (this.#wasRestored) node.parts.group.powerLoss();
      if (this.#powered.get(node.id) ?? true) node.powerOn();
    }
  }

  /** The room's own power fails: everything stops without a word, and nothing more is persisted. */
  stop(): void {
    this.#isStarted = false;
    this.#running.clear();
    for (const node of this.#nodes.values()) {
      node.stop();
      this.#drbd.nodeDown(node.id);
    }
  }

  /** Runs a program of a node. Rejects with ClusterError `NodeDown` when that boot is over, `ProgramNotStarted` when there is no such program. */
  async run(nodeId: string, bootId: string, argv: readonly string[], stdin = ''): Promise<RunResult> {
    const running = this.#runningOf(nodeId, bootId);
    if (running.programs >= PROGRAMS_MAX) throw new ClusterError('ProgramNotStarted', `could not start ${argv[0]} on ${nodeId}: ${PROGRAMS_MAX} programs run already`, { retryable: true });
    running.programs += 1;
    let forget = (): void => undefined;
    const death = new Promise<never>((_, reject) => {
      forget = running.boot.onEnd((reason) => reject(new ClusterError('NodeDown', `${nodeId} went down (${reason}) while ${argv[0]} ran`, { retryable: false })));
    });
    try {
      return await Promise.race([runProgram(this.#programNode(running), argv, stdin), death]);
    } finally {
      running.programs -= 1;
      forget();
    }
  }

  /** Starts a program that prints lines: `drbdsetup events2`. Its reader hears the end also when the node dies. */
  stream(nodeId: string, bootId: string, argv: readonly string[], reader: StreamReader): Stream {
    const { boot } = this.#runningOf(nodeId, bootId);
    const program = programOf(argv);
    if (program !== 'drbdsetup' && program !== 'drbdadm') throw new ClusterError('ProgramNotStarted', `${program} is no program that streams on ${nodeId}`, { retryable: false });
    let hasEnded = false;
    const end = (reason: string): void => {
      if (hasEnded) return;
      hasEnded = true;
      forget();
      reader.onEnd(reason);
    };
    const forget = boot.onEnd((reason) => end(`the node went down: ${reason}`));
    const stream = this.#drbd.stream(nodeId, [program, ...argv.slice(1)], {
      onLine: (line) => {
        if (!hasEnded) reader.onLine(line);
      },
      onEnd: end,
    });
    return { stop: () => stream.stop() };
  }

  armWatchdog(nodeId: string, bootId: string, timeoutMs: number): void {
    this.#node(nodeId).armWatchdog(bootId, timeoutMs);
  }

  petWatchdog(nodeId: string, bootId: string): void {
    this.#node(nodeId).petWatchdog(bootId);
  }

  disarmWatchdog(nodeId: string, bootId: string): void {
    this.#node(nodeId).disarmWatchdog(bootId);
  }

  /** sysrq-b: the node resets itself at once. */
  resetNow(nodeId: string, bootId: string): void {
    const node = this.#node(nodeId);
    node.bootOf(bootId);
    node.reset('selfReset');
  }

  powerOn(nodeId: string): void {
    this.#node(nodeId).powerOn();
  }

  powerOff(nodeId: string): void {
    this.#node(nodeId).powerOff();
  }

  reset(nodeId: string): void {
    this.#node(nodeId).reset('reset');
  }

  /** Pulls or plugs a node's network cables. */
  setCables(nodeId: string, change: { readonly mesh?: boolean; readonly storage?: boolean }): void {
    const node = this.#node(nodeId);
    const before = node.cables;
    node.cables = { ...before, ...change };
    this.#set(`cables/${nodeId}`, JSON.stringify(node.cables));
    if (before.mesh !== node.cables.mesh) this.#tell({ kind: 'meshChanged', node: nodeId, isUp: node.cables.mesh });
    if (before.storage === node.cables.storage) return;
    this.#linksChanged(nodeId);
    this.#tell({ kind: 'storageChanged', node: nodeId, isUp: node.cables.storage });
  }

  /** Cuts or mends the way that two nodes' storage networks take to each other, whatever their cables do. */
  setStorageLink(a: string, b: string, isUp: boolean): void {
    const link = [this.#node(a).id, this.#node(b).id].toSorted().join(' ');
    if (isUp) this.#cutLinks.delete(link);
    else this.#cutLinks.add(link);
    this.#drbd.linkChanged(a, b);
    this.#drbd.linkChanged(b, a);
  }

  /** A watchdog that does not bite, and one that does. */
  setWatchdog(nodeId: string, doesBite: boolean): void {
    this.#node(nodeId).doesWatchdogBite = doesBite;
  }

  /** The watchdog bites though it was petted, as a broken one does. */
  biteNow(nodeId: string): void {
    this.#node(nodeId).reset('watchdog');
  }

  /** Breaks one volume of a node, or all of them. */
  failDisk(nodeId: string, volume: string | null, fault: DiskFault): void {
    for (const each of this.#volumes(nodeId, volume)) {
      each.disk.fail(fault);
      if (this.#running.has(nodeId)) this.#drbd.diskFailed(nodeId, `/dev/${this.#node(nodeId).parts.group.name}/${each.name}`);
    }
  }

  repairDisk(nodeId: string, volume: string | null): void {
    for (const each of this.#volumes(nodeId, volume)) each.disk.repair();
  }

  setBmc(nodeId: string, change: Partial<BmcFaults>): void {
    const node = this.#node(nodeId);
    if (node.parts.spec.bmc === null) throw new ClusterError('NoBmc', `${nodeId} has no BMC`, { retryable: false });
    node.bmcFaults = { ...node.bmcFaults, ...change };
    this.#set(`bmc/${nodeId}`, JSON.stringify(node.bmcFaults));
  }

  /** The guest of an instance powers itself off, restarts or crashes, wherever it runs. */
  endGuest(instance: string, how: GuestEnd): void {
    let count = 0;
    for (const { hypervisor } of this.#running.values()) {
      const domain = hypervisor.find(instance);
      if (domain === null || domain.state !== 'running') continue;
      hypervisor.endGuest(domain, how);
      count += 1;
    }
    if (count === 0) throw new ClusterError('NotRunning', `${instance} runs nowhere`, { retryable: false });
  }

  report(): RoomReport {
    return { ...this.observer.report(), nodes: [...this.#nodes.values()].map((node) => this.#nodeReport(node)) };
  }

  /** The boot that runs on a node now; null while none does. Checkers ask for it all the time. */
  bootIdOf(nodeId: string): string | null {
    return this.#node(nodeId).boot?.bootId ?? null;
  }

  isMeshUp(nodeId: string): boolean {
    return this.#node(nodeId).cables.mesh;
  }

  nodeReport(nodeId: string): NodeReport {
    return this.#nodeReport(this.#node(nodeId));
  }

  /** A logical volume's disk, for checkers; null: there is none. */
  disk(nodeId: string, volume: string): BlockDevice | null {
    return this.#node(nodeId).parts.group.find(volume)?.disk ?? null;
  }

  /** How many programs a node runs now; those that only print on are not counted. */
  programs(nodeId: string): number {
    return this.#running.get(nodeId)?.programs ?? 0;
  }

  /** Load of the control domain, 0 to 1 per processor. */
  load(nodeId: string): number {
    const domains = this.#running.get(nodeId)?.hypervisor.domains.length ?? 0;
    return Math.min(1, (0.02 * (1 + domains)) / this.#node(nodeId).parts.spec.vcpus);
  }

  #nodeReport(node: RoomNode): NodeReport {
    const { spec, group } = node.parts;
    return {
      node: node.id, isOn: node.isOn, bootId: node.boot?.bootId ?? null, isMeshUp: node.cables.mesh, isStorageUp: node.cables.storage, isWatchdogArmed: node.isWatchdogArmed,
      bmc: spec.bmc === null ? null : { address: spec.bmc.address, ...node.bmcFaults },
      domains: (this.#running.get(node.id)?.hypervisor.domains ?? []).map((domain) => ({ domid: domain.domid, name: domain.spec.name, state: domain.state })),
      volumes: group.volumes.length, failedVolumes: group.volumes.filter(({ disk }) => disk.failed || disk.slow).map(({ name }) => name),
    };
  }

  #node(id: string): RoomNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new ClusterError('UnknownNode', `there is no ${id.slice(0, 60)} in this room; it has ${[...this.#nodes.keys()].join(', ')}`, { retryable: false });
    return node;
  }

  #runningOf(nodeId: string, bootId: string): Running {
    this.#node(nodeId).bootOf(bootId);
    const running = this.#running.get(nodeId);
    if (running === undefined) throw new ClusterError('NodeDown', `${nodeId} is down`, { retryable: false });
    return running;
  }

  #volumes(nodeId: string, name: string | null): readonly LogicalVolume[] {
    const { group } = this.#node(nodeId).parts;
    if (name === null) return group.volumes;
    const volume = group.find(name);
    if (volume === null) throw new ClusterError('UnknownVolume', `${nodeId} has no volume ${name.slice(0, 60)}`, { retryable: false });
    return [volume];
  }

  #createNode(spec: NodeSpec): RoomNode {
    const group = new VolumeGroup(spec.volumeGroup, spec.volumeGroupBytes, this.#world.chance, (change) => this.#persist({ kind: 'group', node: spec.id, change }));
    return new RoomNode({ spec, timings: this.#config.timings, ...this.#world, group }, {
      onBooted: (boot) => this.#booted(spec.id, boot),
      onDied: (boot, reason) => this.#died(spec.id, boot, reason),
      onPower: (isOn) => {
        this.#set(`power/${spec.id}`, isOn ? 'on' : 'off');
        this.#tell({ kind: 'powerChanged', node: spec.id, isOn });
      },
    });
  }

  #booted(nodeId: string, boot: Boot): void {
    const { spec, group } = this.#node(nodeId).parts;
    const findDrbd = (path: string): DrbdDevice | null => this.#drbd.device(nodeId, path);
    const hypervisor = new Hypervisor({
      boot, spec, timings: this.#config.timings, clock: this.#world.clock, chance: this.#world.chance, observer: this.observer,
      devices: {
        exists: (path) => deviceExists(group, findDrbd, path),
        open: (path) => {
          const opened = openDevice(boot, group, findDrbd, path);
          return typeof opened === 'string' ? null : opened;
        },
      },
      onDomain: (event) => this.#tell({ ...event, node: nodeId }),
    });
    this.#running.set(nodeId, { boot, hypervisor, kernelLines: [], programs: 0 });
    this.#linksChanged(nodeId);
    this.#tell({ kind: 'booted', node: nodeId, bootId: boot.bootId });
  }

  #died(nodeId: string, boot: Boot, reason: DeathReason): void {
    this.#running.delete(nodeId);
    this.#drbd.nodeDown(nodeId);
    this.#linksChanged(nodeId);
    this.#tell({ kind: 'died', node: nodeId, bootId: boot.bootId, reason });
  }

  #isLinkUp(a: string, b: string): boolean {
    if (this.#cutLinks.size > 0 && this.#cutLinks.has([a, b].toSorted().join(' '))) return false;
    return [a, b].every((id) => this.#running.has(id) && this.#node(id).cables.storage);
  }

  #linksChanged(nodeId: string): void {
    for (const other of this.#nodes.keys()) if (other !== nodeId) this.#drbd.linkChanged(nodeId, other);
  }

  #kernelLog(nodeId: string, line: string): void {
    const lines = this.#running.get(nodeId)?.kernelLines;
    if (lines === undefined) return;
    lines.push(line);
    if (lines.length > KERNEL_LINES_MAX) lines.splice(0, lines.length - KERNEL_LINES_MAX / 2);
  }

  #callHelper(nodeId: string, event: string, resource: string): Promise<number> {
    const { boot } = this.#node(nodeId);
    if (boot === null) return new Promise(() => undefined);
    return this.#hooks.callHelper(nodeId, boot.bootId, event, resource);
  }

  #programNode(running: Running): ProgramNode {
    const { boot, hypervisor, kernelLines } = running;
    return { boot, hypervisor, kernelLines, group: this.#node(boot.node).parts.group, timings: this.#config.timings, drbd: this.#drbd, hooks: this.#hooks, wallTime: () => this.#world.clock.wallTime(), findBmc: (address) => this.#findBmc(boot.node, address) };
  }

  /** BMCs are reached over the mesh's network, so not by a node whose cable is out. */
  #findBmc(from: string, address: string): Bmc | null {
    if (!this.#node(from).cables.mesh) return null;
    for (const node of this.#nodes.values()) {
      const { bmc } = node.parts.spec;
      if (bmc?.address === address) return { spec: bmc, faults: node.bmcFaults, isOn: () => node.isOn, powerOff: () => node.powerOff(), powerOn: () => node.powerOn() };
    }
    return null;
  }

  #tell(event: RoomEvent): void {
    if (this.#isStarted) this.#hooks.onEvent(event);
  }

  #set(key: string, value: string | null): void {
    this.#persist({ kind: 'set', key, value });
  }

  #persist(record: RoomRecord): void {
    if (this.#isStarted) this.#hooks.persist(record);
  }

  #restoreOne(record: RoomRecord): boolean {
    if (record.kind === 'group') return this.#nodes.get(record.node)?.parts.group.restore(record.change) ?? false;
    const [kind = '', id = ''] = record.key.split('/');
    if (kind === 'ack' || kind === 'acks' || kind === 'violation') {
      this.observer.restore(record.key, record.value);
      return true;
    }
    const node = this.#nodes.get(id);
    if (node === undefined || record.value === null) return false;
    if (kind === 'power') this.#powered.set(id, record.value === 'on');
    else if (kind === 'cables') node.cables = JSON.parse(record.value) as RoomNode['cables'];
    else if (kind === 'bmc') node.bmcFaults = JSON.parse(record.value) as BmcFaults;
    else return false;
    return true;
  }
}
