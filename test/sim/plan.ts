/**
 * What goes wrong in one seed's cell, and when? A plan that is made before anything runs, so that it can be cut down.
 *
 * A seed has rounds: a storm, then calm in which a core of the cell must come back by itself, then calm for all, then quiet.
 * Each seed has only some kinds of faults ("swarm"), some seeds few and some many, and each storm of a seed only some of
 * these; one seed of four is mild: users, guests and a slightly lossy network only, in which no node has a reason to die.
 */
import { seededChance } from '../../shared/random.ts';
import type { CellParameters } from '../../shared/model/cell.ts';
import { HOUR_MS } from '../../shared/units.ts';
import type { Chance } from '../../shared/world.ts';
import { FINE } from '../support/virtual-mesh.ts';
import type { NetworkWeather } from '../support/virtual-mesh.ts';
import { isTrap, LATER_KINDS, ruleOf, TIMED_KINDS, TRAPS, WORK_KINDS } from './kinds.ts';
import type { EventKind, FaultKind, TrapKind } from './kinds.ts';

/** Grows when the same plan would mean something else: an older one is not replayed. */
export const PLAN_VERSION = 2;

/** One event. `pick` and `how` are in [0, 1): what they choose depends on the cell at that moment. */
export interface SimEvent {
  /** Since the storm's beginning, ms. */
  readonly atMs: number;
  readonly kind: EventKind;
  readonly pick: number;
  readonly how: number;
  /** How long it lasts, ms. */
  readonly forMs: number;
  /** What a trap waits for (kinds.ts). */
  readonly what?: string;
}

/** A storm, and the calm after it. */
export interface Round {
  readonly network: NetworkWeather;
  readonly stormMs: number;
  readonly events: readonly SimEvent[];
  /** Chooses the core that is healed first, and what happens to the others meanwhile; in [0, 1). */
  readonly core: number;
  /** How long nothing at all happens at the end, ms. */
  readonly quietMs: number;
  /** Whether datagrams of the node that loses its power for the proof come again and again afterwards. Absent: no. */
  readonly doesEcho?: boolean;
}

export interface SimPlan {
  readonly version: number;
  readonly seed: number;
  readonly nodes: number;
  readonly profile: CellParameters['profile'];
  readonly hasBmc: boolean;
  readonly isMild: boolean;
  /** Machines that may be admitted later. */
  readonly spares: number;
  /** How many instances the cell begins with. */
  readonly instances: number;
  readonly rebuildAfterMs: number;
  /** Members compact their logs after so many entries: mostly a few, so that those who come back meet snapshots, and read little again. */
  readonly snapshotEvery: number;
  /** When the first storm begins: with the first current, when the first instances were asked for, or when all is calm. */
  readonly begins: 'forming' | 'creating' | 'calm';
  /** Whether clients note what they are told, in the first storm (checkers/port-clients.ts). Absent: in one seed of four. */
  readonly hasClients?: boolean;
  /** No round begins after this much virtual time, ms. */
  readonly limitMs: number;
  readonly rounds: readonly Round[];
}

/** What may be said of a seed beforehand; null: the seed decides. */
export interface PlanWishes {
  readonly nodes: number | null;
  readonly profile: CellParameters['profile'] | null;
  readonly hours: number;
  /** No other kinds of fault than these (those of them that go together), all of them, and a seed that is not mild. Absent: the seed decides. */
  readonly kinds?: readonly FaultKind[];
  /** With `kinds`: what the traps among them wait for. Absent: for anything that they know. */
  readonly traps?: TrapWishes;
}

export type TrapWishes = Readonly<Partial<Record<TrapKind, readonly string[]>>>;

/** Of the seeds that are not mild, so many have traps. */
const TRAPPED_SHARE = 0.5;
/** One for each lot of later kinds. */
const SALTS = [0x7247_5e7d, 0x1a7e_3e7d, 0x3c0d_9b21];
/** Of the seeds that are not mild, in so many a dead node seems to speak. */
const ECHO_SHARE = 0.2;
const ECHO_SALT = 0x0ec0_0ec0;
/** The shortest round: what bounds their number. */
const ROUND_MS_MIN = 45_000;

/** The weather of a seed. */
export function planSeed(seed: number, wishes: PlanWishes): SimPlan {
  const chance = seededChance(seed ^ 0x5eed_cafe);
  const isMild = chance.next() < 0.25 && wishes.kinds === undefined;
  const drawnNodes = pickOf([2, 3, 3, 3, 4, 5, 5, 7], chance);
  const nodes = wishes.nodes ?? drawnNodes;
  const profile = wishes.profile ?? pickOf(['standard', 'standard', 'standard', 'fast', 'soft'] as const, chance);
  const hasBmc = chance.next() < 0.4;
  const lies = hasBmc && !isMild && chance.next() < 0.2;
  const kinds = isMild ? [] : swarm(chance, { hasBmc, lies, kinds: wishes.kinds ?? null });
  const limitMs = wishes.hours * HOUR_MS;
  const rounds: Round[] = [];
  for (let atMs = 0; atMs < limitMs;) {
    const round = planRound(chance, { isMild, lies, kinds });
    rounds.push(round);
    atMs += Math.max(ROUND_MS_MIN, round.stormMs + round.quietMs);
  }
  const plan: SimPlan = {
    version: PLAN_VERSION, seed, nodes, profile, hasBmc, isMild, spares: kinds.includes('nodeAdd') ? 2 : 0,
    instances: 1 + Math.floor(chance.next() * 3), rebuildAfterMs: 20_000 + Math.floor(chance.next() * 5) * 10_000, begins: isMild ? 'calm' : pickOf(['forming', 'creating', 'calm', 'calm'] as const, chance), limitMs, rounds,
    snapshotEvery: pickOf([15, 60, 60, 60, 250, 2_000], chance),
  };
  if (isMild) return plan;
  const whole = LATER_KINDS.reduce((planned, more, lot) => withMore(planned, { more, salt: SALTS[lot] ?? lot, lies, wishes }), plan);
  return withEcho(whole);
}

/** Kinds that came later have a stream of chance of their own, lot by lot: the other faults of a seed are what they would be without them. */
function withMore(plan: SimPlan, { more, salt, lies, wishes }: { readonly more: readonly FaultKind[]; readonly salt: number; readonly lies: boolean; readonly wishes: PlanWishes }): SimPlan {
  const chance = seededChance(plan.seed ^ salt);
  const share = chance.next() < TRAPPED_SHARE ? 0.1 + 0.7 * chance.next() ** 1.5 : 0;
  const kinds = more.filter((kind) => {
    const isDrawn = chance.next() < share;
    return (wishes.kinds === undefined ? isDrawn : wishes.kinds.includes(kind)) && !(lies && ruleOf(kind).silences === true);
  });
  if (kinds.length === 0) return plan;
  return { ...plan, rounds: plan.rounds.map((round) => ({ ...round, events: [...round.events, ...planMore(chance, round.stormMs, kinds, wishes.traps ?? TRAPS)].toSorted((one, other) => one.atMs - other.atMs) })) };
}

/** In some rounds of some seeds a dead node seems to speak. */
function withEcho(plan: SimPlan): SimPlan {
  const chance = seededChance(plan.seed ^ ECHO_SALT);
  if (chance.next() >= ECHO_SHARE) return plan;
  return { ...plan, rounds: plan.rounds.map((round) => ({ ...round, doesEcho: chance.next() < 0.5 })) };
}

function planMore(chance: Chance, stormMs: number, kinds: readonly FaultKind[], whats: TrapWishes): readonly SimEvent[] {
  const meanGapMs = 1_500 + chance.next() ** 2 * 12_000;
  const present = kinds.filter(() => chance.next() < 0.8);
  const events: SimEvent[] = [];
  for (let atMs = 0; present.length > 0;) {
    atMs += Math.ceil(-Math.log(1 - chance.next()) * meanGapMs);
    if (atMs >= stormMs) break;
    const kind = pickOf(present, chance);
    const event = { atMs, kind, pick: chance.next(), how: chance.next(), forMs: durationOf(kind, chance) };
    events.push(isTrap(kind) ? { ...event, what: pickOf(whats[kind] ?? TRAPS[kind], chance) } : event);
  }
  return events;
}

/** The kinds that a seed has. */
function swarm(chance: Chance, { hasBmc, lies, kinds }: { readonly hasBmc: boolean; readonly lies: boolean; readonly kinds: readonly FaultKind[] | null }): readonly FaultKind[] {
  const share = 0.05 + 0.6 * chance.next() ** 1.5;
  // Two assumptions of the fences are broken alone or not at all: a watchdog bites, and a BMC that says `off` while nothing is heard is right.
  const isWatchdogDead = chance.next() < 0.15;
  return TIMED_KINDS.filter((kind) => {
    const isDrawn = chance.next() < share;
    const isOn = kinds === null ? isDrawn : kinds.includes(kind);
    const rule = ruleOf(kind);
    if (kind === 'bmcLies') return lies;
    if (kind === 'watchdogDead') return isWatchdogDead;
    if (rule.needsBmc === true && !hasBmc) return false;
    if (rule.silences === true && lies) return false;
    if (rule.needsWatchdog === true && isWatchdogDead) return false;
    return isOn;
  });
}

function planRound(chance: Chance, { isMild, lies, kinds }: { readonly isMild: boolean; readonly lies: boolean; readonly kinds: readonly FaultKind[] }): Round {
  const stormMs = 20_000 + Math.floor(chance.next() ** 2 * 160_000);
  const meanGapMs = 400 + chance.next() ** 2 * 12_000;
  const faultShare = 0.3 + 0.6 * chance.next();
  const present = kinds.filter(() => chance.next() < 0.7);
  const network: NetworkWeather = isMild
    ? { lossShare: 0.05 * chance.next(), duplicateShare: 0.02, jitterMs: 50 }
    : pickOf([FINE, FINE, { lossShare: 0.02, duplicateShare: 0.02, jitterMs: 30 }, { lossShare: 0.1, duplicateShare: 0.05, jitterMs: 200 }], chance);
  const events: SimEvent[] = [];
  for (let atMs = 0; ;) {
    atMs += Math.ceil(-Math.log(1 - chance.next()) * meanGapMs);
    if (atMs >= stormMs) break;
    const kind = present.length > 0 && chance.next() < faultShare ? pickOf<EventKind>(present, chance) : pickOf<EventKind>(WORK_KINDS, chance);
    events.push({ atMs, kind, pick: chance.next(), how: chance.next(), forMs: durationOf(kind, chance) });
  }
  const core = chance.next();
  // A disk fails only while all else is well: hardly ever, but before the storm.
  if (present.includes('diskFail')) events.unshift({ atMs: 1, kind: 'diskFail', pick: (core * 31) % 1, how: (core * 577) % 1, forMs: Math.ceil(core * ruleOf('diskFail').longestMs) + 1 });
  return { network: lies ? FINE : network, stormMs, events, core, quietMs: Math.floor(chance.next() ** 3 * 120_000) };
}

/** Mostly short, sometimes longer than any lease. */
function durationOf(kind: EventKind, chance: Chance): number {
  const drawn = chance.next();
  const { longestMs } = ruleOf(kind);
  return longestMs === 0 ? 0 : Math.ceil(50 + longestMs * drawn ** 2);
}

function pickOf<Value>(values: readonly Value[], chance: Chance): Value {
  return values[Math.floor(chance.next() * values.length)] as Value;
}

/** How many events a plan has. */
export function eventCount(plan: SimPlan): number {
  return plan.rounds.reduce((sum, { events }) => sum + events.length, 0);
}
