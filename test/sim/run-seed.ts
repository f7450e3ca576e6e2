/**
 * What becomes of one seed? A whole cell through storms and calms, from its plan: the same every time.
 *
 * Everything runs in this process, on virtual time and microtasks. Checkers look all the while; the first violation ends the run.
 */
import { describeError } from '../../shared/errors.ts';
import type { InstanceId, NodeId } from '../../shared/ids.ts';
import { POWER_FENCE_WINDOW_MS } from '../../shared/model/limits.ts';
import type { NodeRecord } from '../../shared/model/node.ts';
import { TIMING_PROFILES } from '../../shared/model/timing.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';
import { seededChance } from '../../shared/random.ts';
import { powerFenceOf, powerReturn } from '../../shared/ledger/power-return.ts';
import type { CellParameters } from '../../shared/model/cell.ts';
import { CellWitness, holders } from '../support/cell-witness.ts';
import { VirtualCell } from '../support/virtual-cell.ts';
import { leaks, SETTLE_MS } from './checkers/leaks.ts';
import { CALM_LIMIT_MS, CalmWatch, chooseCore, coreLimitMs, coreUnrest, isMajorityUp, moveLimitMs, rebuildLimitMs, unrebuilt, wholeUnrest } from './checkers/liveness.ts';
import { PATIENCE_MS, PortClients } from './checkers/port-clients.ts';
import { Coverage, PhaseWatch } from './coverage.ts';
import type { CoverageCounts } from './coverage.ts';
import { planSeed } from './plan.ts';
import type { Round, SimPlan } from './plan.ts';
import { echo } from './storm/network.ts';
import { spread } from './storm/site.ts';
import { Storm } from './storm/storm.ts';
import { Trace } from './trace.ts';

/** How often the room is looked at, ms of virtual time. */
const LOOK_MS = 100;
/** How often calm is asked for, ms. */
const CALM_LOOK_MS = 1_000;
/** How long an echo listens before there is need of it, ms: each node has renewed its lease meanwhile. */
const ECHO_HEARS_MS = 2_500;
/** A quiet longer than this is made long enough to look for what piles up, ms. */
const QUIET_SHARE_MS = 20_000;
/** Of the rounds, so many watch the core for as long as rebuilding takes, and so many let it do without a coordinator. */
const REBUILD_SHARE = 0.15;
const NO_COORDINATOR_SHARE = 0.2;
/** How far the clocks of two machines may be apart, ms. */
const CLOCK_OFFSET_MS_MAX = 10_000_000;
const VIOLATIONS_MAX = 20;
/** One seed of so many has clients whose histories are judged. */
const CLIENTS_EVERY = 4;
/** How many facts a failure shows. */
const TAIL_FACTS = 60;

/** What to run. */
export interface SeedRun {
  readonly seed: number;
  /** Null: the seed decides. */
  readonly nodes?: number | null;
  readonly profile?: CellParameters['profile'] | null;
  /** Virtual hours; a round that began is finished. One by default. */
  readonly hours?: number;
  /** In place of the seed's own. */
  readonly plan?: SimPlan;
  /** Given each line of the trace. */
  readonly sink?: (line: string) => void;
}

/** Whether the cell itself has to switch a node on, now or once it has proven it dead. Whoever it leaves off is switched on by people. */
function isOwedPower(cell: VirtualCell, id: NodeId): boolean {
  const state = cell.state();
  const node = state.nodes.get(id);
  if (node === undefined || node.phase === 'removed' || node.bootId === null) return false;
  // Without a majority nobody leads, and a proof that nobody can commit is waited for by nobody: the one that is off may be the vote that is missing.
  if (!isMajorityUp(cell, cell.nodeIds)) return false;
  if (node.phase !== 'fenced') return node.fenceIntentIndex !== null;
  return powerReturn(state, node) === 'due' && !seemsOld(cell, node);
}

/** A leader leaves alone what seems to be an old fence of another leader's; wall clocks are stepped here, so any fence may (agent/runtime/power-returns.ts). */
function seemsOld(cell: VirtualCell, node: NodeRecord): boolean {
  const leader = cell.leads();
  const fence = powerFenceOf(cell.state(), node);
  if (leader === null || fence === undefined || node.fence?.term === cell.term()) return false;
  return Math.abs(cell.faults(leader).clock.wallMs() - fence.atMs) > POWER_FENCE_WINDOW_MS;
}

/** What came of it. */
export interface SeedOutcome {
  readonly seed: number;
  /** Empty: the cell kept its promises. */
  readonly failures: readonly string[];
  readonly virtualMs: number;
  /** Faults and requests that really did something. */
  readonly strikes: number;
  readonly coverage: CoverageCounts;
  readonly lines: number;
  readonly hash: string;
  readonly plan: SimPlan;
  /** The last facts that were logged, for a failure; else empty. */
  readonly tail: string;
}

/** Runs a seed, or the plan that is given in its place. Never rejects: what is thrown inside is a failure of the seed. */
export async function runSeed(run: SeedRun): Promise<SeedOutcome> {
  const plan = run.plan ?? planSeed(run.seed, { nodes: run.nodes ?? null, profile: run.profile ?? null, hours: run.hours ?? 1 });
  const seedRun = new Running(plan, run.sink ?? null);
  const failures = await seedRun.run();
  const { lines, hash } = seedRun.trace.end();
  return {
    seed: plan.seed, failures, virtualMs: seedRun.cell.world.clock.nowMs(), strikes: seedRun.strikes, coverage: seedRun.coverage.counts(), lines, hash, plan,
    tail: failures.length === 0 ? '' : seedRun.cell.tail(TAIL_FACTS),
  };
}

class Running {
  readonly trace: Trace;
  readonly coverage = new Coverage();
  readonly cell: VirtualCell;
  strikes = 0;
  readonly #plan: SimPlan;
  readonly #witness = new CellWitness();
  readonly #storm: Storm;
  readonly #phases: PhaseWatch;
  readonly #calm: CalmWatch;
  /** Some seeds have clients that note what they are told, in their first storm. */
  readonly #clients: PortClients | null;
  readonly #profile: TimingProfile;

  constructor(plan: SimPlan, sink: ((line: string) => void) | null) {
    this.#plan = plan;
    this.#clients = (plan.hasClients ?? plan.seed % CLIENTS_EVERY === 1) && plan.begins !== 'forming' ? new PortClients(plan.seed) : null;
    this.trace = new Trace(plan, sink);
    this.cell = new VirtualCell({
      nodes: plan.nodes, seed: plan.seed, hasBmc: plan.hasBmc, spares: plan.spares, snapshotEvery: plan.snapshotEvery,
      onLedger: (member, ledger) => {
        this.#witness.onLedger(member, ledger);
        this.#clients?.onLedger(member, ledger);
        ledger.subscribe((entry) => {
          // The cell begins before its weather.
          if (entry !== null) (this.#storm as Storm | undefined)?.applied(member);
        });
      },
      onAgentExit: (node) => this.#storm.agentExited(node), audit: this.#witness.audit,
      parameters: { profile: plan.profile, rebuildAfterMs: plan.rebuildAfterMs, powerFenceShare: 1, forgetTerminatedAfterMs: 30_000 },
      onFact: this.trace.fact,
      onRoomEvent: (event, atMs) => this.trace.room(event, atMs),
    });
    this.#witness.watch(this.cell);
    if (!plan.isMild) this.#setClocks();
    this.#profile = TIMING_PROFILES[plan.profile];
    this.#phases = new PhaseWatch(this.cell, this.#profile);
    this.#calm = new CalmWatch(this.cell, this.#profile, (what) => this.#violate(what));
    this.#storm = new Storm(this.cell, {
      phases: () => this.#phases.now(),
      complain: (what) => this.#violate(what),
      mayTerminate: (instance) => this.#clients?.isWatched(instance) !== true,
      onStrike: ({ atMs: sinceMs, ...event }, node, before) => {
        this.strikes += 1;
        this.coverage.met(event.kind, before);
        this.#say('strike', { ...event, sinceMs, node });
      },
    });
  }

  /** No two machines count from the same moment, and each watchdog is late in its own way (SAFETY.md 4.1, w_r). */
  #setClocks(): void {
    const chance = seededChance(this.#plan.seed ^ 0x0c10_c4ed);
    const { watchdogLatencyMs } = TIMING_PROFILES[this.#plan.profile];
    for (const node of [...this.cell.nodeIds, ...this.cell.spareIds]) {
      const faults = this.cell.faults(node);
      faults.clock.jump(Math.floor(chance.next() * CLOCK_OFFSET_MS_MAX));
      faults.watchdogLatencyMs = Math.floor(chance.next() * watchdogLatencyMs);
    }
  }

  async run(): Promise<readonly string[]> {
    try {
      await this.#live();
      return this.#witness.violations;
    } catch (error) {
      return [...this.#witness.violations, `threw: ${describeError(error)}`];
    }
  }

  async #live(): Promise<void> {
    const { cell } = this;
    const { begins } = this.#plan;
    if (begins !== 'forming') await cell.ready();
    const made: InstanceId[] = [];
    for (let asked = 0; asked < this.#plan.instances && begins !== 'forming'; asked += 1) made.push(...(await cell.run(1)));
    if (begins === 'calm') await this.#untilCalm('formed', () => wholeUnrest(cell));
    const [first] = made;
    if (first !== undefined) this.#clients?.begin(cell, first);
    for (const round of this.#plan.rounds) {
      if (this.#isOver()) return;
      await this.#weather(round);
      if (cell.world.clock.nowMs() >= this.#plan.limitMs) return;
    }
  }

  async #weather(round: Round): Promise<void> {
    this.#calm.begin(null);
    this.#say('storm');
    this.#storm.begin(round);
    await this.#pass(round.stormMs);
    if (this.#isOver()) return;
    if (round === this.#plan.rounds[0]) await this.#hearClients();
    await this.#healCore(round);
    this.#calm.begin(null);
    this.#say('healed');
    this.#storm.endForAll();
    await this.#pass(this.#storm.lastsForMs());
    this.#calm.begin(this.cell.nodeIds);
    await this.#untilCalm('all is healed', () => wholeUnrest(this.cell));
    if (!this.#plan.isMild) await this.#losePowerOnce(round.doesEcho === true);
    await this.#settle(round.quietMs);
  }

  /** Nothing happens; and at times for so long that whatever is still there stays for ever. */
  async #settle(quietMs: number): Promise<void> {
    const isLong = quietMs > QUIET_SHARE_MS;
    await this.#pass(isLong ? Math.max(quietMs, SETTLE_MS) : quietMs);
    if (!isLong || this.#isOver() || this.#plan.isMild) return;
    for (const what of leaks(this.cell)) this.#violate(what);
  }

  /** What the clients were told must have an order (S13). */
  async #hearClients(): Promise<void> {
    if (this.#clients === null) return;
    this.#clients.end();
    await this.#pass(PATIENCE_MS);
    for (const what of this.#clients.violations()) this.#violate(what);
  }

  /** A majority of the voters and the replicas in sync are mended; the others stay broken, and worse. */
  async #healCore(round: Round): Promise<void> {
    const { cell } = this;
    const core = this.#plan.isMild ? [...cell.nodeIds] : chooseCore(cell, round.core);
    // L10: without a coordinator, but where it is a voter itself, or where an operator has yet to say something through it.
    const isNeeded = this.#plan.nodes === 2 || this.#storm.wasOperated || [...cell.state().nodes.values()].some(({ cordoned, phase }) => cordoned && phase !== 'removed');
    const hasCoordinator = this.#plan.isMild || isNeeded || spread(round.core, 2) >= NO_COORDINATOR_SHARE;
    this.#say('core', { nodes: core, hasCoordinator });
    this.#storm.endFor(core, hasCoordinator);
    for (const node of cell.nodeIds) if (!core.includes(node)) this.#storm.breakDown(node, spread(round.core, 1));
    await this.#pass(this.#storm.lastsForMs());
    this.#calm.begin(core);
    const fromMs = cell.world.clock.nowMs();
    const limitMs = coreLimitMs(this.#profile, cell.state().instances.size);
    await this.#untilCalm(`only ${core.join(', ')} are healed`, () => coreUnrest(cell, core), { core, limitMs });
    if (core.length === cell.nodeIds.length || spread(round.core, 3) >= REBUILD_SHARE) return;
    await this.#pass(fromMs + rebuildLimitMs(this.#profile, this.#plan.rebuildAfterMs) - cell.world.clock.nowMs());
    for (const what of unrebuilt(cell, core)) this.#violate(what);
  }

  /** The proof that what is called in sync is: a node that runs something dies, and the guests read their records elsewhere. */
  async #losePowerOnce(doesEcho: boolean): Promise<void> {
    const [victim] = [...holders(this.cell)].toSorted();
    if (victim === undefined || this.#isOver()) return;
    const { cell } = this;
    const moved = [...cell.state().instances.values()].filter(({ holder, phase }) => holder === victim && phase === 'running');
    const limitMs = moveLimitMs(this.#profile, moved.length, cell.leads() === victim);
    this.#say('proof', { node: victim });
    this.#calm.begin(cell.nodeIds.filter((node) => node !== victim));
    const endEcho = doesEcho ? echo(cell, victim) : null;
    // There must be something to repeat.
    if (doesEcho) await this.#pass(ECHO_HEARS_MS);
    cell.room.powerOff(victim);
    await this.#pass(limitMs);
    endEcho?.();
    for (const { id, generation } of moved) {
      const now = cell.state().instances.get(id);
      // Guests may have ended by themselves, and what users asked for in the storm may come late.
      if (now?.desired !== 'running' || now.failures >= 2) continue;
      const isBack = now.phase === 'running' && now.generation > generation;
      if (!isBack) this.#violate(`L2 ${id} is ${now.phase === 'running' ? `believed to run on ${victim}` : now.phase} ${limitMs} ms after ${victim} died${now.reason === null ? '' : ` (${now.reason.message})`}`);
    }
    cell.room.powerOn(victim);
    this.#calm.begin(cell.nodeIds);
    await this.#untilCalm('the dead node is back', () => wholeUnrest(cell));
  }

  async #pass(durationMs: number): Promise<void> {
    const { world } = this.cell;
    const untilMs = world.clock.nowMs() + durationMs;
    while (world.clock.nowMs() < untilMs && !this.#isOver()) {
      await world.advance(Math.min(LOOK_MS, untilMs - world.clock.nowMs()));
      this.#phases.look();
      this.#witness.look(this.#plan.isMild);
      this.#calm.look();
      this.#storm.tend();
    }
  }

  /** Until nothing is left, which is a violation when it takes too long. */
  async #untilCalm(when: string, left: () => readonly string[], { core = this.cell.nodeIds, limitMs = CALM_LIMIT_MS }: { readonly core?: readonly NodeId[]; readonly limitMs?: number } = {}): Promise<void> {
    const { world } = this.cell;
    const fromMs = world.clock.nowMs();
    while (!this.#isOver()) {
      const found = left();
      if (found.length === 0) return;
      for (const node of core) if (!isOwedPower(this.cell, node)) this.cell.room.powerOn(node);
      const sinceMs = world.clock.nowMs() - fromMs;
      if (sinceMs > limitMs && (sinceMs > CALM_LIMIT_MS || found.some((what) => !what.startsWith('L7')))) {
        this.#violate(`not calm after ${Math.round(sinceMs)} ms though ${when}: ${found.join('; ')}`);
        return;
      }
      await this.#pass(CALM_LOOK_MS);
    }
  }

  #violate(what: string): void {
    if (this.#witness.violations.length < VIOLATIONS_MAX) this.#witness.violations.push(what);
  }

  #isOver(): boolean {
    return this.#witness.violations.length > 0;
  }

  #say(event: string, what: Readonly<Record<string, unknown>> = {}): void {
    this.trace.weather({ event, ...what }, this.cell.world.clock.nowMs());
  }
}
