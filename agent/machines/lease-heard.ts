/**
 * What does a voter remember of a node's renewals? The newest one, the pace of its clock, and whether two boots use its name.
 */
import type { BootId } from '../../shared/ids.ts';
import { CLOCK_RATE_ERROR } from '../../shared/model/timing.ts';
import { SECOND_MS } from '../../shared/units.ts';
import type { Renewal } from '../../shared/wire/lease.ts';
import { sequenceOf } from '../../shared/wire/lease.ts';

/** A renewal as it came in. */
export interface HeardRenewal {
  readonly renewal: Renewal;
  readonly address: string;
  readonly arrivedAtMs: number;
}

export interface HeardNode {
  readonly last: HeardRenewal;
  /** The boot heard before the last one, with its newest nonce, and when that came. */
  readonly other: { readonly bootId: BootId; readonly nonce: string; readonly arrivedAtMs: number } | null;
  /** How often the boot changed back to the one before, within {@link DISPUTE_MS} each. */
  readonly changesBack: number;
  readonly changedAtMs: number;
  /** Until when the node's name counts as used by two boots. */
  readonly disputedUntilMs: number;
  /** Where the measurement of the sender's clock began. */
  readonly pace: { readonly sentAtMs: number; readonly arrivedAtMs: number };
}

export interface Hearing {
  readonly heard: HeardNode;
  /** False for a replayed, repeated or overtaken datagram, which changes nothing. */
  readonly isFresh: boolean;
  /** Rate of the sender's clock by ours, when it was found to be off by more than {@link DRIFT_MAX}. */
  readonly driftRate: number | null;
  /** The two boots, when this renewal showed (again) that there are two. */
  readonly disputedBoots: readonly BootId[] | null;
}

/** How long two boots must leave each other alone before their node's name counts as one machine's again. */
const DISPUTE_MS = 60 * SECOND_MS;
/**
 * A restart changes the boot once; a datagram of a boot that was not heard before, and that was held up, may change it back once. More is no accident. One
 * that was heard before cannot, unless it lives: see {@link isFromBefore}.
 */
const CHANGES_BACK_MAX = 1;
/** Over this time the delays of two datagrams no longer matter: 100 ms of jitter are 0.2 %. */
const PACE_MS = 60 * SECOND_MS;
/** Half of the error that the arithmetic of leases allows (SAFETY.md 4.2). */
export const DRIFT_MAX = 0.01;

/** Takes in one authenticated renewal. */
export function hearRenewal(before: HeardNode | undefined, last: HeardRenewal): Hearing {
  const { renewal, arrivedAtMs } = last;
  const pace = { sentAtMs: sequenceOf(renewal.nonce) / 1000, arrivedAtMs };
  const fresh = { isFresh: true, driftRate: null, disputedBoots: null };
  if (before === undefined) {
    return { heard: { last, other: null, changesBack: 0, changedAtMs: -Infinity, disputedUntilMs: -Infinity, pace }, ...fresh };
  }
  const previous = before.last.renewal;
  if (renewal.bootId === previous.bootId) {
    if (renewal.nonce <= previous.nonce) return { ...fresh, heard: before, isFresh: false };
    return sameBoot(before, last, pace);
  }
  const isBack = renewal.bootId === before.other?.bootId;
  if (isBack && (renewal.nonce <= before.other.nonce || isFromBefore(before, before.other, renewal))) return { ...fresh, heard: before, isFresh: false };
  const changesBack = isBack && arrivedAtMs - before.changedAtMs < DISPUTE_MS ? before.changesBack + 1 : 0;
  const isDisputed = changesBack > CHANGES_BACK_MAX;
  const heard: HeardNode = {
    last, pace, changesBack,
    other: { bootId: previous.bootId, nonce: previous.nonce, arrivedAtMs: before.last.arrivedAtMs },
    changedAtMs: arrivedAtMs,
    disputedUntilMs: isDisputed ? arrivedAtMs + DISPUTE_MS : before.disputedUntilMs,
  };
  return { ...fresh, heard, disputedBoots: isDisputed ? [previous.bootId, renewal.bootId] : null };
}

/**
 * Whether the former boot certainly sent this before the present one was heard: a datagram that the network held up while its sender died, no sign of life. It
 * was sent after the last one of that boot by so much of the sender's clock, and that one was sent before it came. Whoever lives sends later than that.
 */
function isFromBefore(before: HeardNode, other: NonNullable<HeardNode['other']>, renewal: Renewal): boolean {
  const laterMs = (sequenceOf(renewal.nonce) - sequenceOf(other.nonce)) / 1000;
  return other.arrivedAtMs + laterMs * ((1 + CLOCK_RATE_ERROR) / (1 - CLOCK_RATE_ERROR)) < before.changedAtMs;
}

function sameBoot(before: HeardNode, last: HeardRenewal, now: HeardNode['pace']): Hearing {
  const elapsedMs = now.arrivedAtMs - before.pace.arrivedAtMs;
  if (elapsedMs < PACE_MS) return { heard: { ...before, last }, isFresh: true, driftRate: null, disputedBoots: null };
  const rate = (now.sentAtMs - before.pace.sentAtMs) / elapsedMs;
  return { heard: { ...before, last, pace: now }, isFresh: true, driftRate: Math.abs(rate - 1) > DRIFT_MAX ? rate : null, disputedBoots: null };
}
