/**
 * What goes wrong in one seed's cell, and when? A plan that is made before anything runs, so that it can be cut down.
 *
 * Each seed has only some kinds of faults (so that some seeds have few, and some many), and one of four is mild: users,
 * guests and a slightly lossy network only, in which no node has a reason to die.
 */
import { seededChance } from '../../shared/random.ts';
import type { Chance } from '../../shared/world.ts';
import { FINE } from './virtual-mesh.ts';
import type { NetworkWeather } from './virtual-mesh.ts';

/** Kinds of faults. What each does is in virtual-weather.ts. */
export const FAULT_KINDS = [
  'powerCycle', 'reset', 'siteOutage', 'meshCut', 'pairCut', 'storageCut', 'agentKill', 'keeperKill', 'diskFail', 'diskSlow', 'bmcUnreachable', 'bmcLies', 'slowStore', 'networkStorm',
] as const;
export const MILD_KINDS = ['userRun', 'userStop', 'userStart', 'userReboot', 'userTerminate', 'guestEnd'] as const;

export type FaultKind = (typeof FAULT_KINDS)[number] | (typeof MILD_KINDS)[number];

/** One event. `pick` and `how` are in [0, 1): what they choose from depends on the cell at that moment. */
export interface WeatherEvent {
  readonly atMs: number;
  readonly kind: FaultKind;
  readonly pick: number;
  readonly how: number;
  /** How long it lasts, ms. */
  readonly forMs: number;
}

export interface WeatherPlan {
  readonly seed: number;
  readonly nodes: number;
  readonly hasBmc: boolean;
  readonly isMild: boolean;
  readonly instances: number;
  readonly network: NetworkWeather;
  readonly stormMs: number;
  readonly events: readonly WeatherEvent[];
}

/** A lying BMC says `off` of a node that runs: whatever else silences a living node must then not happen (SAFETY.md 5.5). */
const SILENCERS: readonly FaultKind[] = ['meshCut', 'pairCut', 'keeperKill', 'networkStorm', 'slowStore', 'bmcUnreachable'];

/** The weather of a seed. */
export function planWeather(seed: number): WeatherPlan {
  const chance = seededChance(seed ^ 0x5eed_cafe);
  const pickOf = <Value>(values: readonly Value[]): Value => values[Math.floor(chance.next() * values.length)] as Value;
  const isMild = chance.next() < 0.25;
  const nodes = pickOf([2, 3, 3, 3, 4, 5]);
  const hasBmc = chance.next() < 0.4;
  const network: NetworkWeather = isMild
    ? { lossShare: 0.05 * chance.next(), duplicateShare: 0.02, jitterMs: 50 }
    : pickOf([FINE, FINE, { lossShare: 0.02, duplicateShare: 0.02, jitterMs: 30 }, { lossShare: 0.1, duplicateShare: 0.05, jitterMs: 200 }]);
  const lies = hasBmc && !isMild && chance.next() < 0.2;
  const share = 0.2 + 0.7 * chance.next();
  const kinds = isMild ? [] : FAULT_KINDS.filter((kind) => {
    const isOn = chance.next() < share;
    if (kind === 'bmcLies') return lies;
    if (kind === 'bmcUnreachable' && !hasBmc) return false;
    return isOn && !(lies && SILENCERS.includes(kind));
  });
  const stormMs = 30_000 + Math.floor(chance.next() * 40_000);
  const meanGapMs = 500 + chance.next() * 4_000;
  const events: WeatherEvent[] = [];
  for (let atMs = 0; ; ) {
    atMs += Math.ceil(-Math.log(1 - chance.next()) * meanGapMs);
    if (atMs >= stormMs) break;
    const kind = kinds.length > 0 && chance.next() < 0.7 ? pickOf<FaultKind>(kinds) : pickOf<FaultKind>(MILD_KINDS);
    events.push({ atMs, kind, pick: chance.next(), how: chance.next(), forMs: durationOf(kind, chance) });
  }
  return { seed, nodes, hasBmc, isMild, instances: 1 + Math.floor(chance.next() * 3), network: lies ? FINE : network, stormMs, events };
}

/** Mostly short, sometimes longer than any lease. */
function durationOf(kind: FaultKind, chance: Chance): number {
  const longestMs = kind === 'keeperKill' ? 8_000 : kind === 'slowStore' || kind === 'diskSlow' ? 12_000 : 25_000;
  return Math.ceil(50 + longestMs * chance.next() ** 2);
}

/** For people: what happened when. */
export function describePlan(plan: WeatherPlan): string {
  const events = plan.events.map((event, at) => `${at}:${event.kind}@${event.atMs}(${event.pick.toFixed(2)},${event.how.toFixed(2)},${event.forMs})`);
  const { seed, nodes, hasBmc, isMild, instances, network } = plan;
  return `${JSON.stringify({ seed, nodes, hasBmc, isMild, instances, network })} ${events.join(' ')}`;
}
