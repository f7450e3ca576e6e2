/**
 * Does a whole cell survive random weather? One seed: a storm of faults, then calm, in which everything must come back.
 */
import { describeError } from '../../shared/errors.ts';
import type { InstanceId, NodeId } from '../../shared/ids.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import { CellWitness, holders, unrest } from './cell-witness.ts';
import { VirtualCell } from './virtual-cell.ts';
import { FINE } from './virtual-mesh.ts';
import { describePlan, planWeather } from './weather-plan.ts';
import type { FaultKind, WeatherEvent, WeatherPlan } from './weather-plan.ts';

/** How often the room is looked at. */
const LOOK_MS = 100;
/** How long the cell may take to come back when nothing new goes wrong, ms: crashed guests are restarted ever more slowly. */
const CALM_LIMIT_MS = 240_000;
/** How long nothing else breaks around a failed disk: a second failure in that window may cost data, and is declared (SAFETY.md 2.5). */
const DISK_QUIET_MS = 12_000;
const INSTANCES_MAX = 6;
const SLOW_WRITE_MS = 400;

/** What came of one seed. */
export interface WeatherOutcome {
  readonly seed: number;
  /** Empty: the cell kept its promises. */
  readonly failures: readonly string[];
  readonly virtualMs: number;
  /** How often each kind of event really did something. */
  readonly counts: ReadonlyMap<FaultKind, number>;
  readonly plan: string;
  /** The last facts that were logged, for a failure. */
  readonly tail: string;
}

/** Runs a seed, or the given plan in its place. */
export async function runWeather(seed: number, given: WeatherPlan | null = null): Promise<WeatherOutcome> {
  const plan = given ?? planWeather(seed);
  const weather = new Weather(plan);
  let failures: readonly string[];
  try {
    failures = await weather.run();
  } catch (error) {
    failures = [...weather.witness.violations, `threw: ${describeError(error)}`];
  }
  const { cell } = weather;
  return { seed, failures, virtualMs: cell.world.clock.nowMs(), counts: weather.counts, plan: describePlan(plan), tail: failures.length === 0 ? '' : cell.tail(60) };
}

class Weather {
  readonly witness = new CellWitness();
  readonly counts = new Map<FaultKind, number>();
  readonly cell: VirtualCell;
  readonly #plan: WeatherPlan;
  /** What must be undone when the storm ends. */
  readonly #undo = new Set<() => void>();
  #quietUntilMs = 0;
  #isOver = false;

  constructor(plan: WeatherPlan) {
    this.#plan = plan;
    this.cell = new VirtualCell({
      nodes: plan.nodes, seed: plan.seed, hasBmc: plan.hasBmc, onLedger: this.witness.onLedger,
      parameters: { rebuildAfterMs: 20_000 + (plan.seed % 5) * 10_000, powerFenceShare: 1, forgetTerminatedAfterMs: 30_000 },
    });
    this.witness.watch(this.cell);
  }

  async run(): Promise<readonly string[]> {
    const { cell, witness } = this;
    await cell.ready();
    await cell.run(this.#plan.instances);
    // Some storms begin before the first replicas are in sync.
    if (this.#plan.seed % 4 !== 0) await cell.world.until('it is calm before the storm', () => unrest(cell).length === 0, CALM_LIMIT_MS);
    cell.network.weather = this.#plan.network;
    for (const event of this.#plan.events) cell.world.timers.after(event.atMs, () => this.#strike(event));
    await this.#pass(this.#plan.stormMs);
    this.#isOver = true;
    if (witness.violations.length > 0) return witness.violations;
    this.#endStorm();
    await this.#untilCalm();
    if (witness.violations.length === 0 && !this.#plan.isMild) await this.#losePowerOnce();
    return witness.violations;
  }

  async #pass(durationMs: number): Promise<void> {
    const untilMs = this.cell.world.clock.nowMs() + durationMs;
    while (this.cell.world.clock.nowMs() < untilMs && this.witness.violations.length === 0) {
      await this.cell.world.advance(LOOK_MS);
      this.witness.look(this.#plan.isMild);
    }
  }

  async #untilCalm(): Promise<void> {
    const untilMs = this.cell.world.clock.nowMs() + CALM_LIMIT_MS;
    while (this.witness.violations.length === 0) {
      const left = unrest(this.cell);
      if (left.length === 0) return;
      // Whoever was switched off by a BMC before the calm stays off until somebody switches it on.
      for (const node of this.cell.nodeIds) this.cell.room.powerOn(node);
      if (this.cell.world.clock.nowMs() > untilMs) {
        this.witness.violations.push(`not calm after ${CALM_LIMIT_MS} ms: ${left.join('; ')}`);
        return;
      }
      await this.#pass(1_000);
    }
  }

  /** The proof that what is called in sync is: every node that runs something dies, and the guests read their records elsewhere. */
  async #losePowerOnce(): Promise<void> {
    const [victim] = [...holders(this.cell)].toSorted();
    if (victim === undefined) return;
    this.cell.room.powerOff(victim);
    await this.#pass(15_000);
    this.cell.room.powerOn(victim);
    await this.#untilCalm();
  }

  #endStorm(): void {
    this.cell.network.weather = FINE;
    const undoing = [...this.#undo]; // Each leaves the set.
    for (const undo of undoing) undo();
    for (const node of this.cell.nodeIds) this.#restart(node);
  }

  #restart(node: NodeId): void {
    this.cell.room.powerOn(node);
    if (this.cell.room.nodeReport(node).bootId === null) return;
    const { agent, keeper } = this.cell.processes(node);
    if (!keeper) this.cell.startKeeper(node);
    if (!agent) this.cell.startAgent(node);
  }

  // ---------------------------------------------------------------- events

  #strike(event: WeatherEvent): void {
    if (this.#isOver) return;
    const isFault = !event.kind.startsWith('user') && event.kind !== 'guestEnd';
    if (isFault && this.cell.world.clock.nowMs() < this.#quietUntilMs) return;
    if (this.#happen(event)) this.counts.set(event.kind, (this.counts.get(event.kind) ?? 0) + 1);
  }

  /** Whether it did anything. */
  #happen(event: WeatherEvent): boolean {
    const { cell } = this;
    const node = pickFrom(cell.nodeIds, event.pick) as NodeId;
    const { room, network } = cell;
    switch (event.kind) {
      case 'powerCycle':
        room.powerOff(node);
        this.#later(event, () => room.powerOn(node));
        return true;
      case 'reset':
        room.reset(node);
        return true;
      case 'siteOutage':
        if (event.how > 0.5) return false;
        for (const each of cell.nodeIds) room.powerOff(each);
        for (const [at, each] of cell.nodeIds.entries()) this.#later({ ...event, forMs: event.forMs * (0.3 + 0.7 * ((event.how * 977 * (at + 1)) % 1)) }, () => room.powerOn(each));
        return true;
      case 'meshCut':
        room.setCables(node, event.how < 0.3 ? { mesh: false, storage: false } : { mesh: false });
        this.#later(event, () => room.setCables(node, { mesh: true, storage: true }));
        return true;
      case 'storageCut':
        room.setCables(node, { storage: false });
        this.#later(event, () => room.setCables(node, { storage: true }));
        return true;
      case 'pairCut': {
        const other = pickFrom(cell.nodeIds.filter((each) => each !== node), event.how) as NodeId;
        network.cutPair(node, other);
        this.#later(event, () => network.healPair(node, other));
        return true;
      }
      case 'agentKill':
        if (!cell.processes(node).agent) return false;
        cell.killAgent(node);
        this.#later(event, () => this.#startIfUp(node));
        return true;
      case 'keeperKill':
        if (!cell.processes(node).keeper) return false;
        cell.killKeeper(node);
        this.#later(event, () => this.#startIfUp(node));
        return true;
      case 'diskFail':
        return this.#failDisk(event, node);
      case 'diskSlow':
        room.failDisk(node, null, 'slow');
        this.#later(event, () => room.repairDisk(node, null));
        return true;
      case 'bmcUnreachable':
        room.setBmc(node, { isReachable: false });
        this.#later(event, () => room.setBmc(node, { isReachable: true }));
        return true;
      case 'bmcLies':
        room.setBmc(node, { lies: true });
        this.#later(event, () => room.setBmc(node, { lies: false }));
        return true;
      case 'slowStore':
        cell.setWriteMs(node, SLOW_WRITE_MS * event.how);
        this.#later(event, () => cell.setWriteMs(node, 2));
        return true;
      case 'networkStorm':
        network.weather = { lossShare: 0.4 * event.how, duplicateShare: 0.1, jitterMs: 500 };
        this.#later(event, () => {
          network.weather = this.#plan.network;
        });
        return true;
      default:
        return this.#ask(event);
    }
  }

  /** Only while everything is well, with quiet around it, so that no second failure falls into the declared window. */
  #failDisk(event: WeatherEvent, node: NodeId): boolean {
    const { cell } = this;
    const isWell = this.#undo.size === 0 && [...cell.state().volumes.values()].every((volume) => volume.inSync.length === 2 && volume.tainted.length === 0)
      && cell.nodeIds.every((each) => cell.processes(each).agent && this.#isSettled(each));
    if (!isWell) return false;
    const volumes = (cell.drbd.room?.facts() ?? []).filter((fact) => fact.node === node && fact.disk === 'UpToDate');
    const volume = pickFrom(volumes, event.how);
    if (volume === undefined) return false;
    this.#quietUntilMs = cell.world.clock.nowMs() + DISK_QUIET_MS;
    cell.room.failDisk(node, event.how < 0.5 ? null : volume.resource, 'error');
    this.#later(event, () => cell.room.repairDisk(node, null));
    return true;
  }

  /** Active in the boot that it is really in: the ledger knows all that the node knows. */
  #isSettled(node: NodeId): boolean {
    const record = this.cell.state().nodes.get(node);
    return record?.phase === 'active' && record.bootId === this.cell.room.nodeReport(node).bootId;
  }

  #startIfUp(node: NodeId): void {
    if (this.cell.room.nodeReport(node).bootId === null) return;
    const { agent, keeper } = this.cell.processes(node);
    if (!keeper) this.cell.startKeeper(node);
    if (!agent) this.cell.startAgent(node);
  }

  /** Ends with its time, or with the storm. */
  #later(event: WeatherEvent, undo: () => void): void {
    const once = (): void => {
      if (this.#undo.delete(once)) undo();
    };
    this.#undo.add(once);
    this.cell.world.timers.after(event.forMs, once);
  }

  /** What users and guests do. Refused and unanswered requests are no failures: the ledger decides. */
  #ask(event: WeatherEvent): boolean {
    const { cell } = this;
    const instances = [...cell.state().instances.values()].filter((instance) => instance.desired !== 'terminated');
    if (event.kind === 'userRun') {
      if (instances.length >= INSTANCES_MAX) return false;
      // Without a leader, or an answer, the user simply has no instance.
      void cell.askToRun(1).catch(() => undefined);
      return true;
    }
    const instance = pickFrom(instances, event.pick);
    if (instance === undefined) return false;
    if (event.kind === 'guestEnd') return this.#endGuest(instance, event.how);
    void this.#request(event.kind, instance.id, event.how < 0.3).catch(() => undefined);
    return true;
  }

  async #request(kind: FaultKind, id: InstanceId, force: boolean): Promise<void> {
    if (kind === 'userStop') await this.cell.ask({ kind: 'setDesired', instances: [id], desired: 'stopped', force });
    if (kind === 'userStart') await this.cell.ask({ kind: 'setDesired', instances: [id], desired: 'running', force: false });
    if (kind === 'userTerminate') await this.cell.ask({ kind: 'setDesired', instances: [id], desired: 'terminated', force });
    if (kind === 'userReboot') await this.cell.ask({ kind: 'restartInstances', instances: [id] });
  }

  #endGuest(instance: InstanceRecord, how: number): boolean {
    if ((this.cell.room.report().instances[instance.id]?.running ?? []).length === 0) return false;
    this.cell.room.endGuest(instance.id, how < 0.4 ? 'crash' : how < 0.7 ? 'poweroff' : 'reboot');
    return true;
  }
}

function pickFrom<Value>(values: readonly Value[], pick: number): Value | undefined {
  return values[Math.floor(pick * values.length)];
}
