/**
 * Is this node silent for too long? The leader's memory of one node; it authorises nothing (SAFETY.md 5.1).
 *
 *     trusted --half of suspectAfter--> probing --suspectAfter--> suspect
 *     probing, suspect --renewal that counts--> trusted      (from suspect: one flap more)
 *     suspect --probes agree--> suspect, agreed               (now its power may be switched off, if anything may)
 *
 * Probes go out early, so that their answers are there when suspicion falls due. All waits are stretched by the local
 * health multiplier (local-health.ts).
 */
import type { MemberId, NodeId } from '../../shared/ids.ts';
import type { Step } from '../../shared/machine.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';
import { unreachable } from '../../shared/errors.ts';
import { pickHelpers, probesAgree, voteOf } from './probe.ts';
import type { ProbeAnswer, Vote } from './probe.ts';

interface SuspicionCommon {
  readonly node: NodeId;
  /** Since when nothing was heard. */
  readonly silentSinceMs: number;
  /** How often it was suspect and came back, while this leader leads. */
  readonly flaps: number;
}

interface Probing {
  readonly votes: ReadonlyMap<MemberId, Vote>;
  /** How many helpers there were to choose from. */
  readonly available: number;
  readonly askedAtMs: number;
}

export type SuspicionState = SuspicionCommon &
  (
    | { readonly phase: 'trusted' }
    | ({ readonly phase: 'probing' } & Probing)
    | ({ readonly phase: 'suspect'; readonly suspectAtMs: number; readonly agreed: boolean } & Probing)
  );

export type SuspicionEvent = { readonly atMs: number } & (
  | { readonly kind: 'heard' }
  /** `helpers`: other nodes that are not suspect themselves. `draws`: one chance in [0, 1) for each helper to pick. */
  | { readonly kind: 'timer'; readonly multiplier: number; readonly helpers: readonly NodeId[]; readonly draws: readonly number[] }
  /** `answer` null: the helper did not answer in time. */
  | { readonly kind: 'probed'; readonly helper: MemberId; readonly answer: ProbeAnswer | null }
);

export type SuspicionEffect =
  | { readonly kind: 'askHelpers'; readonly helpers: readonly NodeId[] }
  | { readonly kind: 'suspected' }
  | { readonly kind: 'probesAgreed' }
  | { readonly kind: 'cleared' };

/** Watches a node that is silent since `silentSinceMs` at most. */
export function startSuspicion(node: NodeId, silentSinceMs: number, flaps: number): SuspicionState {
  return { node, phase: 'trusted', silentSinceMs, flaps };
}

/** When the next `timer` event is due. */
export function suspicionWakesAtMs(state: SuspicionState, profile: TimingProfile, multiplier: number): number {
  const suspectAtMs = state.silentSinceMs + profile.suspectAfterMs * multiplier;
  switch (state.phase) {
    case 'trusted':
      return state.silentSinceMs + (profile.suspectAfterMs * multiplier) / 2;
    case 'probing':
      return suspectAtMs;
    case 'suspect':
      return state.agreed ? Infinity : probeAgainAtMs(state, profile);
    default:
      return unreachable(state);
  }
}

/** One step. Suspicion alone proves nothing: it only starts what does. */
export function stepSuspicion(state: SuspicionState, event: SuspicionEvent, profile: TimingProfile): Step<SuspicionState, SuspicionEffect> {
  switch (event.kind) {
    case 'heard': {
      const wasSuspect = state.phase === 'suspect';
      return {
        state: startSuspicion(state.node, event.atMs, state.flaps + (wasSuspect ? 1 : 0)),
        effects: wasSuspect ? [{ kind: 'cleared' }] : [],
      };
    }
    case 'timer':
      return onTimer(state, event, profile);
    case 'probed':
      return onProbed(state, event);
    default:
      return unreachable(event);
  }
}

function onTimer(before: SuspicionState, event: Extract<SuspicionEvent, { kind: 'timer' }>, profile: TimingProfile): Step<SuspicionState, SuspicionEffect> {
  if (event.atMs < suspicionWakesAtMs(before, profile, event.multiplier)) return { state: before, effects: [] };
  if (before.phase === 'probing') {
    const agreed = agree({ ...before, phase: 'suspect', suspectAtMs: event.atMs, agreed: false });
    return { state: agreed.state, effects: [{ kind: 'suspected' }, ...agreed.effects] };
  }
  const helpers = pickHelpers(event.helpers, event.draws);
  const probing: Probing = { votes: new Map(), available: event.helpers.length, askedAtMs: event.atMs };
  const state: SuspicionState = before.phase === 'trusted' ? { ...before, phase: 'probing', ...probing } : { ...before, ...probing };
  const agreed = agree(state);
  return { state: agreed.state, effects: helpers.length > 0 ? [{ kind: 'askHelpers', helpers }, ...agreed.effects] : agreed.effects };
}

function onProbed(before: SuspicionState, event: Extract<SuspicionEvent, { kind: 'probed' }>): Step<SuspicionState, SuspicionEffect> {
  if (before.phase === 'trusted') return { state: before, effects: [] };
  const vote = event.answer === null ? 'none' : voteOf(event.answer, event.atMs - before.silentSinceMs);
  return agree({ ...before, votes: new Map(before.votes).set(event.helper, vote) });
}

function agree(state: SuspicionState): Step<SuspicionState, SuspicionEffect> {
  if (state.phase !== 'suspect' || state.agreed || !probesAgree(state.votes, state.available)) return { state, effects: [] };
  return { state: { ...state, agreed: true }, effects: [{ kind: 'probesAgreed' }] };
}

/** While the probes do not agree they are repeated, with helpers drawn anew. */
function probeAgainAtMs(state: Probing & { readonly suspectAtMs: number }, profile: TimingProfile): number {
  return Math.max(state.askedAtMs + 2 * profile.probeTimeoutMs, state.suspectAtMs + profile.probeTimeoutMs);
}

/** Share of the cell's nodes that may be suspect while power is still switched off (SAFETY.md 7, fence storm). */
const STORM_SHARE = 0.3;

/**
 * Whether so many nodes are suspect that the leader rather suspects the network or itself. Then it switches no power off; the
 * lease path, which needs no order to reach anybody, goes on. One node may always be suspect.
 */
export function isFenceStorm(suspects: number, nodes: number): boolean {
  return suspects > Math.max(1, Math.floor(nodes * STORM_SHARE));
}
