/**
 * What is the shortest plan that still fails in the same way? Delta debugging (Zeller, Hildebrandt 2002) over a failing plan.
 *
 * First whole rounds go: those after the failure, which ends its run, then as many as possible of those before, since a run is as long as its rounds;
 * then events, in ever smaller parts; then durations shrink and the network clears up. Whatever does not make the failure go away stays away.
 */
import { FINE } from '../support/virtual-mesh.ts';
import { eventCount } from './plan.ts';
import type { Round, SimEvent, SimPlan } from './plan.ts';

/** Runs a plan, and says how it fails; null when it does not. */
export type Verdict = (plan: SimPlan) => Promise<string | null>;

export interface Minimised {
  readonly plan: SimPlan;
  /** How many plans were run. */
  readonly runs: number;
}

/** How a run failed, without what differs from run to run: ids, names and numbers. */
export function failureKind(failures: readonly string[]): string | null {
  const [first] = failures;
  return first === undefined ? null : (first.split(/[;:(]/)[0] ?? '').replaceAll(/\b(i|vol|r)-[0-9a-f]+/g, '$1-').replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'uuid').replaceAll(/(?<!\b[SL]\d*)\d+/g, 'N').trim();
}

/** Cuts a failing plan down. At most `runsMax` plans are run; `verdict` must give the same each time. */
export async function minimise(failing: SimPlan, verdict: Verdict, runsMax: number): Promise<Minimised> {
  const wanted = await verdict(failing);
  if (wanted === null) return { plan: failing, runs: 1 };
  let plan = failing;
  let runs = 1;
  const attempt = async (candidate: SimPlan): Promise<boolean> => {
    if (runs >= runsMax) return false;
    runs += 1;
    if ((await verdict(candidate)) !== wanted) return false;
    plan = candidate;
    return true;
  };
  await cutRounds(() => plan, attempt);
  await cutEvents(() => plan, attempt);
  await shorten(() => plan, attempt);
  return { plan, runs };
}

/** Takes rounds away. Whatever ran before the failure runs the same without the rounds after it, so where it fails is found by halving. */
async function cutRounds(plan: () => SimPlan, attempt: (candidate: SimPlan) => Promise<boolean>): Promise<void> {
  for (let passing = 0; plan().rounds.length - passing > 1;) {
    const count = Math.floor((passing + plan().rounds.length) / 2);
    if (!(await attempt(withRounds(plan(), plan().rounds.slice(0, count))))) passing = count;
  }
  for (let count = 1; count < plan().rounds.length; count *= 2) {
    if (await attempt(withRounds(plan(), plan().rounds.slice(-count)))) break;
  }
  for (let at = 0; at < plan().rounds.length - 1;) {
    if (!(await attempt(withRounds(plan(), plan().rounds.toSpliced(at, 1))))) at += 1;
  }
}

/** Takes events away: halves first, then quarters, and so on, until no single one can go. */
async function cutEvents(plan: () => SimPlan, attempt: (candidate: SimPlan) => Promise<boolean>): Promise<void> {
  let size = Math.ceil(eventCount(plan()) / 2);
  while (size >= 1) {
    let hasCut = false;
    for (let at = 0; at < eventCount(plan());) {
      if (await attempt(withoutEvents(plan(), at, size))) hasCut = true;
      else at += size;
    }
    if (size === 1 && !hasCut) return;
    if (!hasCut || size > 1) size = size === 1 ? 1 : Math.ceil(size / 2);
  }
}

/** Shorter faults, shorter storms, no quiet, and a fine network. */
async function shorten(plan: () => SimPlan, attempt: (candidate: SimPlan) => Promise<boolean>): Promise<void> {
  for (let round = 0; round < plan().rounds.length; round += 1) {
    const now = (): Round => plan().rounds[round] as Round;
    await attempt(withRound(plan(), round, { ...now(), quietMs: 0 }));
    await attempt(withRound(plan(), round, { ...now(), network: FINE }));
    const lastAtMs = Math.max(0, ...now().events.map(({ atMs }) => atMs));
    await attempt(withRound(plan(), round, { ...now(), stormMs: lastAtMs + 1 }));
    for (let at = 0; at < now().events.length; at += 1) {
      for (const share of [0.1, 0.5]) {
        const event = now().events[at] as SimEvent;
        if (event.forMs > 1 && (await attempt(withRound(plan(), round, { ...now(), events: now().events.with(at, { ...event, forMs: Math.ceil(event.forMs * share) }) })))) break;
      }
    }
  }
}

function withRounds(plan: SimPlan, rounds: readonly Round[]): SimPlan {
  return { ...plan, rounds };
}

function withRound(plan: SimPlan, at: number, round: Round): SimPlan {
  return withRounds(plan, plan.rounds.with(at, round));
}

/** Without `count` events from the `from`-th on, counted over all rounds. */
function withoutEvents(plan: SimPlan, from: number, count: number): SimPlan {
  let seen = 0;
  return withRounds(plan, plan.rounds.map((round) => {
    const first = seen;
    seen += round.events.length;
    return { ...round, events: round.events.filter((_, at) => first + at < from || first + at >= from + count) };
  }));
}
