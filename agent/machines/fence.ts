/**
 * Is this boot of this node certainly dead? The leader's path from silence to proof, two ways at once.
 *
 *     lease   base + F passed --> proposing leaseExpired ----------------------------------> proven
 *     power   idle --allowed--> intending --committed--> ordering --done--> confirming
 *                   confirming --off, and off again a second later--> proposing powerOffConfirmed --> proven
 *             intending --rejected--> idle (refused)      ordering, confirming --failed--> retried, then given up
 *
 * `base` is the arrival of the last renewal that this leader may have granted, or, when later, the moment it first saw the boot. A boot that it
 * found when it took office counts from the latest moment at which a former leader may have confirmed a lease, which is at most
 * that one: whatever was granted then was sent before (SAFETY.md 4.2, shared/ledger/node/leader-contact.ts). F counts from `base`.
 *
 * What must hold (S8 to S10): from the step that proposes an intent or a proof on, the boot gets no grant from this leader:
 * {@link isHalted}, which the grantor asks before every grant. Only a proposal that was *rejected* ends that; one without
 * an answer may still be committed. Power proves death only by two reports of `off` a second apart, after an order that
 * followed the committed intent, with no renewal in between. One state lives as long as one term of one leader.
 */
import type { BootId, MemberId, NodeId } from '../../shared/ids.ts';
import type { Step } from '../../shared/machine.ts';
import type { FenceObservation } from '../../shared/model/node.ts';
import { SECOND_MS } from '../../shared/units.ts';
import { assert, unreachable } from '../../shared/errors.ts';

/** How power fencing of the boot stands. `attempt` counts orders and questions that led nowhere, the order of a former leader among them. */
export type PowerPath =
  | { readonly phase: 'idle' }
  | { readonly phase: 'refused' }
  | { readonly phase: 'intending'; readonly retryAtMs: number | null }
  | { readonly phase: 'ordering'; readonly attempt: number; readonly retryAtMs: number | null }
  | { readonly phase: 'confirming'; readonly attempt: number; readonly firstOffAtMs: number | null; readonly askAtMs: number | null }
  | { readonly phase: 'givenUp' };

export type ProofPath =
  | { readonly phase: 'none' }
  | { readonly phase: 'proposing'; readonly proof: 'leaseExpired' | 'powerOffConfirmed'; readonly retryAtMs: number | null }
  | { readonly phase: 'proven' };

export interface FenceState {
  readonly node: NodeId;
  readonly bootId: BootId;
  /** Who leads: the author of the observations. */
  readonly by: MemberId;
  /**
   * See the file's opening. `isRenewal` is false when it is no renewal but the beginning of the watch; then `formerMs` says how long
   * before that a former leader may have confirmed a lease, and `at` tells the beginning.
   */
  readonly base: { readonly atMs: number; readonly at: string; readonly isRenewal: boolean; readonly formerMs: number };
  /** The last sign of life of any kind: a renewal that was refused is one too. */
  readonly heardAtMs: number;
  readonly power: PowerPath;
  readonly proof: ProofPath;
  readonly observations: readonly FenceObservation[];
}

/** `at` is the wall clock, for people. */
export type FenceEvent = { readonly atMs: number; readonly at: string } & (
  /** A renewal of this boot. `counted`: the grantor may grant it. */
  | { readonly kind: 'renewalHeard'; readonly counted: boolean }
  | { readonly kind: 'observed'; readonly what: 'suspected' | 'probeAnswered' | 'probeFailed'; readonly by: MemberId; readonly detail: string }
  /** Suspicion, the probes, the parameters and the storm guard agree: switch it off. `reason` goes into the ledger. */
  | { readonly kind: 'powerAllowed'; readonly reason: string }
  /** The intent is in the applied state, whoever proposed it. `byPower`: whether this leader may switch the power. */
  | { readonly kind: 'intentCommitted'; readonly index: number; readonly byPower: boolean }
  /** What became of this leader's proposals. `unknown`: no answer; they may yet be committed. */
  | { readonly kind: 'intentAnswered'; readonly outcome: 'rejected' | 'unknown'; readonly detail: string }
  | { readonly kind: 'proofAnswered'; readonly outcome: 'applied' | 'rejected' | 'unknown'; readonly detail: string }
  /** `wasOff`: the machine was off already when the order came. */
  | { readonly kind: 'powerOffDone'; readonly wasOff: boolean }
  | { readonly kind: 'powerOffFailed'; readonly detail: string }
  | { readonly kind: 'powerStatus'; readonly status: 'on' | 'off' | 'unknown'; readonly detail: string }
  | { readonly kind: 'timer' }
);

/** Orders of the fence machine. All but the alarm are answered by an event. */
export type FenceEffect =
  | { readonly kind: 'proposeIntent'; readonly byPower: boolean; readonly reason: string }
  | { readonly kind: 'orderPowerOff' }
  | { readonly kind: 'askPowerStatus' }
  | { readonly kind: 'proposeProof'; readonly proof: 'leaseExpired' | 'powerOffConfirmed'; readonly fenceWaitMs: number; readonly observations: readonly FenceObservation[] }
  /** Somebody should look: an assumption of the proof does not hold here. */
  | { readonly kind: 'alarm'; readonly message: string };

/** How long the boot may live after its last renewal: by its own watchdog (F_node), and with all margins (F). */
export interface FenceWaits {
  readonly nodeFenceMs: number;
  readonly fenceWaitMs: number;
}

/** Two reports of `off` must be this far apart (SAFETY.md 5.5: BMCs lie for a moment). */
export const OFF_REPORTS_APART_MS = SECOND_MS;
/**
 * How long a leader waits before it carries out an intent that it did not propose itself. Whoever restarted since then has told the ledger of its
 * new boot by that time, and must not be switched off for the old one: a power switch knows no boots.
 */
export const FOUND_INTENT_WAIT_MS = 2 * SECOND_MS;
const RETRY_MS = 250;
const POWER_ATTEMPTS_MAX = 40;
/** Evidence is kept for ever: no more lines than a person reads, and with the first one no more than the ledger takes. */
const OBSERVATIONS_MAX = 30;

/**
 * Watches a boot from now on. The event that it begins with is the leader's taking office, or the boot's first appearance. `formerMs`: no
 * former leader confirmed a lease of the boot later than so long ago; 0 when that is not known.
 */
export function startFence(node: NodeId, bootId: BootId, by: MemberId, formerMs: number, now: { readonly atMs: number; readonly at: string }): FenceState {
  // An age below zero, or none at all, would shorten the wait.
  assert(formerMs >= 0 && formerMs < Infinity, `${node} was in contact ${formerMs} ms ago`);
  return {
    node, bootId, by, base: { atMs: now.atMs - formerMs, at: now.at, isRenewal: false, formerMs }, heardAtMs: -Infinity,
    power: { phase: 'idle' }, proof: { phase: 'none' }, observations: [],
  };
}

/** Whether the boot's end was proposed, so that it gets no grant from this leader. */
export function isHalted(state: FenceState): boolean {
  if (state.proof.phase !== 'none') return true;
  return state.power.phase !== 'idle' && state.power.phase !== 'refused';
}

/** When the next `timer` event is due. */
export function fenceWakesAtMs(state: FenceState, waits: FenceWaits): number {
  if (state.proof.phase === 'proven') return Infinity;
  if (state.proof.phase === 'proposing') return state.proof.retryAtMs ?? Infinity;
  return Math.min(deadlineAtMs(state, waits), powerWakesAtMs(state.power));
}

/** One step. A boot that is proven dead stays so, whatever comes. */
export function stepFence(state: FenceState, event: FenceEvent, waits: FenceWaits): Step<FenceState, FenceEffect> {
  switch (event.kind) {
    case 'renewalHeard':
      return onRenewal(state, event, waits);
    case 'observed':
      return { state: observe(state, event, event.what, event.detail, event.by), effects: [] };
    case 'powerAllowed':
      if (isHalted(state) || state.power.phase !== 'idle') return { state, effects: [] };
      return { state: { ...state, power: { phase: 'intending', retryAtMs: null } }, effects: [{ kind: 'proposeIntent', byPower: true, reason: event.reason }] };
    case 'intentCommitted':
      return onIntentCommitted(state, event);
    case 'intentAnswered':
      return onIntentAnswered(state, event);
    case 'proofAnswered':
      return onProofAnswered(state, event);
    case 'powerOffDone':
      return onPowerOffDone(state, event);
    case 'powerOffFailed':
      return onPowerOffFailed(state, event);
    case 'powerStatus':
      return onPowerStatus(state, event);
    case 'timer':
      return onTimer(state, event, waits);
    default:
      return unreachable(event);
  }
}

type Heard = Extract<FenceEvent, { kind: 'renewalHeard' }>;

function onRenewal(before: FenceState, event: Heard, waits: FenceWaits): Step<FenceState, FenceEffect> {
  const { atMs, at } = event;
  if (event.counted && !isHalted(before)) {
    return { state: { ...before, base: { atMs, at, isRenewal: true, formerMs: 0 }, heardAtMs: atMs, observations: [], power: { phase: 'idle' } }, effects: [] };
  }
  // It speaks, so it is not off: the two reports of `off` must both come later.
  const power: PowerPath = before.power.phase === 'confirming' ? { ...before.power, firstOffAtMs: null } : before.power;
  const state: FenceState = { ...before, heardAtMs: atMs, power };
  if (atMs - before.base.atMs <= waits.nodeFenceMs) return { state, effects: [] };
  // Its watchdog should have fired by now. The arithmetic failed here, so the wait begins anew and people are told.
  const message = `${state.node} renews its lease ${Math.round(atMs - before.base.atMs)} ms after the last renewal that could be granted: its watchdog did not fire`;
  return { state: { ...state, base: { atMs, at, isRenewal: true, formerMs: 0 } }, effects: [{ kind: 'alarm', message }] };
}

function onIntentCommitted(before: FenceState, event: Extract<FenceEvent, { kind: 'intentCommitted' }>): Step<FenceState, FenceEffect> {
  const isOurs = before.power.phase === 'intending';
  if (before.proof.phase !== 'none' || (!isOurs && before.power.phase !== 'idle' && before.power.phase !== 'refused')) return { state: before, effects: [] };
  const state = observe(before, event, 'intentCommitted', `ledger entry ${event.index}: no renewal of this boot any more`);
  if (!event.byPower) return { state: { ...state, power: { phase: 'givenUp' } }, effects: [] };
  if (!isOurs) return { state: { ...state, power: { phase: 'ordering', attempt: 1, retryAtMs: event.atMs + FOUND_INTENT_WAIT_MS } }, effects: [] };
  return orderPowerOff(state, event, 0);
}

function onIntentAnswered(state: FenceState, event: Extract<FenceEvent, { kind: 'intentAnswered' }>): Step<FenceState, FenceEffect> {
  if (state.power.phase !== 'intending') return { state, effects: [] };
  if (event.outcome === 'unknown') return { state: { ...state, power: { phase: 'intending', retryAtMs: event.atMs + RETRY_MS } }, effects: [] };
  return { state: observe({ ...state, power: { phase: 'refused' } }, event, 'powerFailed', `not switched off: ${event.detail}`), effects: [] };
}

function onProofAnswered(state: FenceState, event: Extract<FenceEvent, { kind: 'proofAnswered' }>): Step<FenceState, FenceEffect> {
  if (state.proof.phase !== 'proposing') return { state, effects: [] };
  switch (event.outcome) {
    case 'applied':
      return { state: { ...state, proof: { phase: 'proven' } }, effects: [] };
    case 'unknown':
      return { state: { ...state, proof: { ...state.proof, retryAtMs: event.atMs + RETRY_MS } }, effects: [] };
    case 'rejected':
      // The ledger knows better (another boot, or proven already). The wait begins anew, in case it does not.
      return {
        state: { ...state, proof: { phase: 'none' }, base: { atMs: event.atMs, at: event.at, isRenewal: false, formerMs: 0 }, observations: [] },
        effects: [{ kind: 'alarm', message: `the proof that ${state.node} is dead was rejected: ${event.detail}` }],
      };
    default:
      return unreachable(event.outcome);
  }
}

/** Whoever is off before the cell's first order was not switched off by the cell, which therefore does not switch it on again (power-return.ts). */
function onPowerOffDone(before: FenceState, event: Extract<FenceEvent, { kind: 'powerOffDone' }>): Step<FenceState, FenceEffect> {
  const { power } = before;
  if (power.phase !== 'ordering' || before.proof.phase !== 'none') return { state: before, effects: [] };
  const state = event.wasOff && power.attempt === 0 ? observe(before, event, 'foundOff', '') : before;
  return { state: { ...state, power: { phase: 'confirming', attempt: power.attempt, firstOffAtMs: null, askAtMs: null } }, effects: [{ kind: 'askPowerStatus' }] };
}

function onPowerOffFailed(before: FenceState, event: Extract<FenceEvent, { kind: 'powerOffFailed' }>): Step<FenceState, FenceEffect> {
  if (before.power.phase !== 'ordering') return { state: before, effects: [] };
  const state = observe(before, event, 'powerFailed', event.detail);
  return { state: { ...state, power: retried(before.power.attempt, (attempt) => ({ phase: 'ordering', attempt, retryAtMs: event.atMs + 2 * RETRY_MS })) }, effects: [] };
}

function onPowerStatus(before: FenceState, event: Extract<FenceEvent, { kind: 'powerStatus' }>): Step<FenceState, FenceEffect> {
  const { power } = before;
  if (power.phase !== 'confirming' || before.proof.phase !== 'none') return { state: before, effects: [] };
  if (event.status !== 'off') {
    const state = power.attempt % 4 === 0 ? observe(before, event, 'powerFailed', `status is ${event.status}: ${event.detail}`) : before;
    const again = (attempt: number): PowerPath =>
      // It was told and is still on: tell it again now and then.
      event.status === 'on' && attempt % 4 === 0
        ? { phase: 'ordering', attempt, retryAtMs: event.atMs + RETRY_MS }
        : { phase: 'confirming', attempt, firstOffAtMs: null, askAtMs: event.atMs + RETRY_MS };
    return { state: { ...state, power: retried(power.attempt, again) }, effects: [] };
  }
  const state = observe(before, event, 'powerStatusOff', event.detail);
  if (power.firstOffAtMs === null) {
    return { state: { ...state, power: { ...power, firstOffAtMs: event.atMs, askAtMs: event.atMs + OFF_REPORTS_APART_MS } }, effects: [] };
  }
  return propose(state, 'powerOffConfirmed', 0);
}

function onTimer(before: FenceState, event: Extract<FenceEvent, { kind: 'timer' }>, waits: FenceWaits): Step<FenceState, FenceEffect> {
  const { power, proof } = before;
  if (proof.phase === 'proven') return { state: before, effects: [] };
  if (proof.phase === 'proposing') {
    if (proof.retryAtMs === null || event.atMs < proof.retryAtMs) return { state: before, effects: [] };
    return propose(before, proof.proof, proof.proof === 'leaseExpired' ? waits.fenceWaitMs : 0);
  }
  if (event.atMs >= deadlineAtMs(before, waits)) {
    const since = before.base.isRenewal ? 'its last renewal' : before.base.formerMs > 0 ? 'a former leader could confirm its lease' : 'this leader began to watch it';
    const state = observe(before, event, 'deadline', `${waits.fenceWaitMs} ms since ${since}: lease, watchdog and drift of clocks are over`);
    return propose(state, 'leaseExpired', waits.fenceWaitMs);
  }
  if (event.atMs < powerWakesAtMs(power)) return { state: before, effects: [] };
  switch (power.phase) {
    case 'intending':
      return { state: { ...before, power: { ...power, retryAtMs: null } }, effects: [{ kind: 'proposeIntent', byPower: true, reason: 'repeated, after no answer' }] };
    case 'ordering':
      return orderPowerOff(before, event, power.attempt);
    case 'confirming':
      return { state: { ...before, power: { ...power, askAtMs: null } }, effects: [{ kind: 'askPowerStatus' }] };
    case 'idle':
    case 'refused':
    case 'givenUp':
      return { state: before, effects: [] };
    default:
      return unreachable(power);
  }
}

function orderPowerOff(before: FenceState, event: FenceEvent, attempt: number): Step<FenceState, FenceEffect> {
  const state = observe(before, event, 'powerOffOrdered', attempt === 0 ? '' : `attempt ${attempt + 1}`);
  return { state: { ...state, power: { phase: 'ordering', attempt, retryAtMs: null } }, effects: [{ kind: 'orderPowerOff' }] };
}

function propose(before: FenceState, proof: 'leaseExpired' | 'powerOffConfirmed', fenceWaitMs: number): Step<FenceState, FenceEffect> {
  const state: FenceState = { ...before, proof: { phase: 'proposing', proof, retryAtMs: null } };
  return { state, effects: [{ kind: 'proposeProof', proof, fenceWaitMs, observations: evidence(state) }] };
}

/** The whole story, from the last renewal on. */
function evidence(state: FenceState): readonly FenceObservation[] {
  const { isRenewal, formerMs } = state.base;
  const since = 'none since this leader took office or first saw this boot; times count from';
  const then = formerMs === 0 ? 'then' : `${Math.round(formerMs)} ms before, when a former leader could last confirm a lease`;
  const detail = isRenewal ? '' : `${since} ${then}`;
  return [{ what: 'lastRenewal', afterMs: 0, by: state.by, at: state.base.at, detail }, ...state.observations];
}

/** The last line stays free for the deadline, or the second `off`. */
function observe(state: FenceState, event: { readonly atMs: number; readonly at: string }, what: FenceObservation['what'], detail: string, by: MemberId = state.by): FenceState {
  const isLast = what === 'deadline' || what === 'powerStatusOff';
  if (state.observations.length >= OBSERVATIONS_MAX - (isLast ? 0 : 4)) return state;
  const one: FenceObservation = { what, afterMs: Math.round(event.atMs - state.base.atMs), by, at: event.at, detail: detail.slice(0, 200) };
  return { ...state, observations: [...state.observations, one] };
}

function retried(attempt: number, again: (attempt: number) => PowerPath): PowerPath {
  return attempt + 1 >= POWER_ATTEMPTS_MAX ? { phase: 'givenUp' } : again(attempt + 1);
}

function deadlineAtMs(state: FenceState, waits: FenceWaits): number {
  return state.base.atMs + waits.fenceWaitMs;
}

function powerWakesAtMs(power: PowerPath): number {
  switch (power.phase) {
    case 'intending':
    case 'ordering':
      return power.retryAtMs ?? Infinity;
    case 'confirming':
      return power.askAtMs ?? Infinity;
    case 'idle':
    case 'refused':
    case 'givenUp':
      return Infinity;
    default:
      return unreachable(power);
  }
}
