/**
 * What do others know of a node that the leader does not hear? The question to a helper, its answer, and the count.
 *
 * Mesh method `probe`, served by every agent. A helper pings the node's agent itself before it answers, so that the
 * answer is about now. Probes authorise nothing: they only keep the leader from switching off a node that lives.
 */
import { parseNodeId } from '../../shared/ids.ts';
import type { MemberId, NodeId } from '../../shared/ids.ts';
import { isJsonObject } from '../../shared/json.ts';

/** How many helpers are asked (SWIM's k, SAFETY.md 3.5). */
export const HELPERS = 3;

export type ProbeRequest =
  /** Are you there? */
  | { readonly kind: 'ping' }
  /** Is this node there, as far as you can find out within `timeoutMs`? */
  | { readonly kind: 'reach'; readonly node: NodeId; readonly timeoutMs: number };

export interface ProbeAnswer {
  /** Whether the node's agent answered the helper just now. */
  readonly agentAnswers: boolean;
  /** Age of the last lease renewal that the helper received from it, ms; null if none. */
  readonly renewalAgeMs: number | null;
  /** Whether the helper's replicas see their peers on that node; null when it shares none. */
  readonly storageReachable: boolean | null;
}

/** What one helper's answer says. `none`: the helper itself could not be asked. */
export type Vote = 'silent' | 'alive' | 'none';

/** Longest wait that a helper grants a prober, ms. */
const REACH_TIMEOUT_MS_MAX = 5_000;

/** Up to {@link HELPERS} of the candidates, by `draws` in [0, 1), one for each. */
export function pickHelpers(candidates: readonly NodeId[], draws: readonly number[]): readonly NodeId[] {
  const left = [...candidates];
  const picked: NodeId[] = [];
  for (const draw of draws.slice(0, HELPERS)) {
    const [one] = left.splice(Math.floor(draw * left.length), 1);
    if (one !== undefined) picked.push(one);
  }
  return picked;
}

/**
 * Whether the node itself gave a sign of life. `silenceMs` is how long the leader has heard nothing: a renewal that the helper
 * got *later* than the leader's last is one. Reachable storage is none: a kernel's DRBD goes on when everything else hangs.
 */
export function voteOf(answer: ProbeAnswer, silenceMs: number): Vote {
  const heardLater = answer.renewalAgeMs !== null && answer.renewalAgeMs < silenceMs / 2;
  return answer.agentAnswers || heardLater ? 'alive' : 'silent';
}

/**
 * Whether the probes allow to switch the node's power off: at least two say silent, or all that there are when there are
 * fewer than two helpers, and nobody saw a sign of life.
 */
export function probesAgree(votes: ReadonlyMap<MemberId, Vote>, available: number): boolean {
  const counted = [...votes.values()];
  if (counted.includes('alive')) return false;
  return counted.filter((vote) => vote === 'silent').length >= Math.min(2, available);
}

/** The request, or null when it is none. */
export function parseProbeRequest(body: unknown): ProbeRequest | null {
  if (!isJsonObject(body)) return null;
  if (body['kind'] === 'ping') return { kind: 'ping' };
  const { kind, node, timeoutMs } = body;
  if (kind !== 'reach' || typeof node !== 'string' || typeof timeoutMs !== 'number') return null;
  if (!(timeoutMs > 0 && timeoutMs <= REACH_TIMEOUT_MS_MAX)) return null;
  try {
    return { kind: 'reach', node: parseNodeId(node), timeoutMs };
  } catch {
    return null;
  }
}

/** The answer to `reach`, or null when it is none. */
export function parseProbeAnswer(body: unknown): ProbeAnswer | null {
  if (!isJsonObject(body)) return null;
  const { agentAnswers, renewalAgeMs, storageReachable } = body;
  if (typeof agentAnswers !== 'boolean') return null;
  if (renewalAgeMs !== null && typeof renewalAgeMs !== 'number') return null;
  if (storageReachable !== null && typeof storageReachable !== 'boolean') return null;
  return { agentAnswers, renewalAgeMs, storageReachable };
}
