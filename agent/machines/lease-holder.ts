/**
 * May this node go on? The lease as its holder keeps it: renew, pet the watchdog while confirmed, reset when not.
 *
 *     unarmed --granted--> arming --dogArmed--> armed --petWindow over, or refused as fenced--> expired
 *     arming --dogRefused, or petWindow over--> unarmed
 *     unarmed, arming --refused as fenced--> expired
 *
 * What must hold (SAFETY.md 4.2, S9): the watchdog is petted, or armed, only while the newest *confirmed* renewal was
 * sent less than petWindowMs (P) ago. Confirmed means that the leader echoed the nonce of a renewal that this very
 * process sent, so a keeper that was started anew knows of no lease, and neither pets nor arms before it got one:
 * opening a watchdog that still counts would pet it. `armed` is left only by death.
 *
 * Renewals go to the leader that answered last; to all voters, and twice as often, while answers stay away. Followers
 * need not hear a renewal that the leader answers: they could use it as a hint only, and it would cost the cell bytes.
 *
 * While the leader answers, renewals are sent when the *wall* clock shows a multiple of H, so that those of a cell come
 * together and one quorum round serves them all. Nothing else is decided by that clock: whatever it shows, the next
 * renewal is sent 0.25 H to 1.25 H after the last one, and exactly H while it goes as the monotonic clock does. One that
 * is stepped, or wrong, costs the leader a round.
 */
import type { MemberId } from '../../shared/ids.ts';
import type { Step } from '../../shared/machine.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';
import { unreachable } from '../../shared/errors.ts';
import type { LeaseRefusal } from '../../shared/wire/lease.ts';
import { nonceOf } from '../../shared/wire/lease.ts';

interface SentRenewal {
  readonly nonce: string;
  readonly sentAtMs: number;
}

interface HolderCommon {
  readonly profile: TimingProfile;
  readonly voters: readonly MemberId[];
  /** The last sequence number that a nonce was made of. */
  readonly sequence: number;
  /** Renewals that a grant may still confirm: at most P old. */
  readonly sent: readonly SentRenewal[];
  readonly nextRenewalAtMs: number;
  /** Who answered last, and when the newest answered renewal was sent. */
  readonly leader: MemberId | null;
  readonly answeredSentAtMs: number;
  readonly refusal: LeaseRefusal | null;
}

/** `confirmedAtMs`: when the newest confirmed renewal was sent. The lease is valid until then + P. */
export type HolderState = HolderCommon &
  (
    | { readonly phase: 'unarmed' }
    | { readonly phase: 'arming'; readonly confirmedAtMs: number }
    | { readonly phase: 'armed'; readonly confirmedAtMs: number; readonly pettedAtMs: number }
    | { readonly phase: 'expired' }
  );

type LivingState = Exclude<HolderState, { readonly phase: 'expired' }>;

/** `atMs` is the clock as read when the event is *handled*: a process that was paused must see how late it is. */
export type HolderEvent = { readonly atMs: number } & (
  /** `wallOffsetMs`: the wall clock minus the monotonic one. */
  | { readonly kind: 'timer'; readonly draw: number; readonly wallOffsetMs: number }
  | { readonly kind: 'granted'; readonly nonce: string; readonly leader: MemberId }
  | { readonly kind: 'refused'; readonly nonce: string; readonly leader: MemberId; readonly reason: LeaseRefusal }
  | { readonly kind: 'dogArmed' }
  | { readonly kind: 'dogRefused' }
  | { readonly kind: 'cellChanged'; readonly voters: readonly MemberId[]; readonly profile: TimingProfile }
);

export type HolderEffect =
  | { readonly kind: 'sendRenewal'; readonly nonce: string; readonly to: readonly MemberId[] }
  /** Void once the clock shows `untilMs`: the edge reads it again right before it touches the watchdog. So for `arm`. */
  | { readonly kind: 'pet'; readonly untilMs: number }
  | { readonly kind: 'arm'; readonly timeoutMs: number; readonly untilMs: number }
  | { readonly kind: 'resetNode'; readonly reason: string }
  /** The lease as {@link leaseOf} shows it has changed. */
  | { readonly kind: 'tellAgent' }
  /** An armed keeper keeps its figures: whoever wants others must start it, hence the node, anew. */
  | { readonly kind: 'reportProfileKept'; readonly wanted: TimingProfile['name'] };

/** How soon after a renewal the next one may be sent, as a share of H. It is H later at most than that. */
const SOONEST_RENEWAL = 0.25;
/** How often the watchdog is petted, as a share of its timeout. */
const PETS_PER_TIMEOUT = 4;
/** Renewals remembered at most; at the fastest pace fewer than this fit into P. */
const SENT_MAX = 32;

/** A keeper that has just started. It renews at once, when it knows voters. */
export function startHolder(profile: TimingProfile, voters: readonly MemberId[], atMs: number): HolderState {
  return {
    phase: 'unarmed', profile, voters, sequence: 0, sent: [], nextRenewalAtMs: atMs, leader: null, answeredSentAtMs: -Infinity, refusal: null,
  };
}

/** Until when the lease is valid, null without one; whether the watchdog is armed by this process. */
export function leaseOf(state: HolderState): { readonly armed: boolean; readonly validUntilMs: number | null } {
  return state.phase === 'armed' ? { armed: true, validUntilMs: validUntilMs(state) } : { armed: false, validUntilMs: null };
}

/** When the next `timer` event is due; null when never. */
export function holderWakesAtMs(state: HolderState): number | null {
  switch (state.phase) {
    case 'expired':
      return null;
    case 'unarmed':
      return state.voters.length === 0 ? null : state.nextRenewalAtMs;
    case 'arming':
      return Math.min(state.nextRenewalAtMs, validUntilMs(state));
    case 'armed':
      return Math.min(state.nextRenewalAtMs, validUntilMs(state), nextPetAtMs(state));
    default:
      return unreachable(state);
  }
}

/** One step. Whatever the event, a lease that has lapsed by `event.atMs` resets the node first. */
export function stepHolder(before: HolderState, event: HolderEvent): Step<HolderState, HolderEffect> {
  if (before.phase === 'expired') return { state: before, effects: [] };
  const lapsed = lapse(before, event.atMs);
  if (lapsed !== null) return lapsed;
  switch (event.kind) {
    case 'timer':
      return onTimer(before, event);
    case 'granted':
      return onGranted(before, event.atMs, event.nonce, event.leader);
    case 'refused':
      return onRefused(before, event.nonce, event.leader, event.reason);
    case 'dogArmed':
      // Arming took longer than the lease lasted, and arming pets: only an immediate end makes up for that.
      if (before.phase === 'unarmed') return expire(before, 'the watchdog was armed too late for the lease');
      if (before.phase !== 'arming') return { state: before, effects: [] };
      return { state: { ...before, phase: 'armed', pettedAtMs: event.atMs }, effects: [{ kind: 'tellAgent' }] };
    case 'dogRefused':
      return before.phase === 'arming' ? { state: unarmed(before), effects: [] } : { state: before, effects: [] };
    case 'cellChanged':
      return onCellChanged(before, event.voters, event.profile, event.atMs);
    default:
      return unreachable(event);
  }
}

/** What the end of P does, whichever event shows that it came. Null while it has not. */
function lapse(state: HolderState, atMs: number): Step<HolderState, HolderEffect> | null {
  if (state.phase === 'armed' && atMs >= validUntilMs(state)) {
    return expire(state, `the lease was not confirmed for ${state.profile.petWindowMs} ms`);
  }
  // Nothing runs yet by this keeper's word. If an earlier keeper armed the dog, it resets the node, unpetted.
  if (state.phase === 'arming' && atMs >= validUntilMs(state)) return { state: unarmed(state), effects: [] };
  return null;
}

function expire(state: HolderState, reason: string): Step<HolderState, HolderEffect> {
  return { state: { ...common(state), phase: 'expired' }, effects: [{ kind: 'resetNode', reason }, { kind: 'tellAgent' }] };
}

function onTimer(before: HolderState, event: Extract<HolderEvent, { kind: 'timer' }>): Step<HolderState, HolderEffect> {
  const { atMs, draw, wallOffsetMs } = event;
  const effects: HolderEffect[] = [];
  let state = before;
  if (state.phase === 'armed' && atMs >= nextPetAtMs(state)) {
    effects.push({ kind: 'pet', untilMs: validUntilMs(state) });
    state = { ...state, pettedAtMs: atMs };
  }
  if (atMs >= state.nextRenewalAtMs && state.voters.length > 0) {
    const { renewIntervalMs, petWindowMs } = state.profile;
    // Strictly growing, also when two renewals fall into one microsecond or a clock is coarse.
    const sequence = Math.max(state.sequence + 1, Math.floor(atMs * 1000));
    const nonce = nonceOf(sequence, draw);
    const isAnswered = atMs - state.answeredSentAtMs <= 1.5 * renewIntervalMs;
    const leader = isAnswered && state.leader !== null && state.voters.includes(state.leader) ? state.leader : null;
    effects.push({ kind: 'sendRenewal', nonce, to: leader === null ? state.voters : [leader] });
    const sent = [...state.sent.filter((one) => atMs - one.sentAtMs < petWindowMs), { nonce, sentAtMs: atMs }].slice(-SENT_MAX);
    const nextRenewalAtMs = leader === null ? atMs + renewIntervalMs / 2 : turnAfter(atMs, wallOffsetMs, renewIntervalMs);
    state = { ...state, sequence, sent, nextRenewalAtMs };
  }
  return { state, effects };
}

/** When the wall clock next shows a multiple of the interval, but not too soon. By the monotonic clock. */
function turnAfter(atMs: number, wallOffsetMs: number, intervalMs: number): number {
  const soonestMs = atMs + SOONEST_RENEWAL * intervalMs;
  const rest = (soonestMs + wallOffsetMs) % intervalMs;
  const pastMs = rest < 0 ? rest + intervalMs : rest;
  // A wall clock that shows no time at all.
  if (!(pastMs >= 0)) return atMs + intervalMs;
  return pastMs === 0 ? soonestMs : soonestMs + (intervalMs - pastMs);
}

function onGranted(before: LivingState, atMs: number, nonce: string, leader: MemberId): Step<HolderState, HolderEffect> {
  const renewal = before.sent.find((one) => one.nonce === nonce);
  if (renewal === undefined) return { state: before, effects: [] };
  const answered: LivingState = { ...before, leader, refusal: null, answeredSentAtMs: Math.max(before.answeredSentAtMs, renewal.sentAtMs) };
  // A grant that comes this late confirms nothing any more.
  if (atMs >= renewal.sentAtMs + before.profile.petWindowMs) return { state: answered, effects: [] };
  switch (answered.phase) {
    case 'unarmed': {
      const state: HolderState = { ...answered, phase: 'arming', confirmedAtMs: renewal.sentAtMs };
      return { state, effects: [{ kind: 'arm', timeoutMs: before.profile.watchdogMs, untilMs: validUntilMs(state) }] };
    }
    case 'arming':
      return { state: { ...answered, confirmedAtMs: Math.max(answered.confirmedAtMs, renewal.sentAtMs) }, effects: [] };
    case 'armed': {
      if (renewal.sentAtMs <= answered.confirmedAtMs) return { state: answered, effects: [] };
      return { state: { ...answered, confirmedAtMs: renewal.sentAtMs }, effects: [{ kind: 'tellAgent' }] };
    }
    default:
      return unreachable(answered);
  }
}

function onRefused(before: HolderState, nonce: string, leader: MemberId, reason: LeaseRefusal): Step<HolderState, HolderEffect> {
  const renewal = before.sent.find((one) => one.nonce === nonce);
  if (renewal === undefined) return { state: before, effects: [] };
  const state: HolderState = { ...before, leader, refusal: reason, answeredSentAtMs: Math.max(before.answeredSentAtMs, renewal.sentAtMs) };
  // The ledger says that this boot is dead: make it true. Every other refusal only lets the lease run out.
  if (reason === 'fenced') return expire(state, `${leader} says that this boot is fenced`);
  return { state, effects: before.refusal === reason ? [] : [{ kind: 'tellAgent' }] };
}

/** New voters count at once. New figures count only while nothing may run by the old ones. */
function onCellChanged(before: HolderState, voters: readonly MemberId[], profile: TimingProfile, atMs: number): Step<HolderState, HolderEffect> {
  const hadNone = before.voters.length === 0;
  const known: HolderState = { ...before, voters, nextRenewalAtMs: hadNone ? atMs : before.nextRenewalAtMs };
  if (profile.name === before.profile.name) return { state: known, effects: [] };
  if (known.phase !== 'unarmed') return { state: known, effects: [{ kind: 'reportProfileKept', wanted: profile.name }] };
  return { state: { ...known, profile, sent: [], nextRenewalAtMs: atMs }, effects: [{ kind: 'tellAgent' }] };
}

function validUntilMs(state: HolderState & { readonly confirmedAtMs: number }): number {
  return state.confirmedAtMs + state.profile.petWindowMs;
}

function nextPetAtMs(state: HolderState & { readonly pettedAtMs: number }): number {
  return state.pettedAtMs + state.profile.watchdogMs / PETS_PER_TIMEOUT;
}

function unarmed(state: HolderState): HolderState {
  return { ...common(state), phase: 'unarmed' };
}

function common(state: HolderState): HolderCommon {
  const { profile, voters, sequence, sent, nextRenewalAtMs, leader, answeredSentAtMs, refusal } = state;
  return { profile, voters, sequence, sent, nextRenewalAtMs, leader, answeredSentAtMs, refusal };
}
