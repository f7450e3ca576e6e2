/**
 * Which rules of leases does the promise rest on, that a node which was proven dead is dead? Each mutation leaves one out; the model must then
 * find a proof of a node that runs (S8), or a watchdog that is petted without a lease (S9).
 */
import type { LeaseBounds } from './model.ts';

/** `rule`: a mutation of the shorter wait (`lastContact`) has no meaning for the longer one. */
export interface LeaseMutationCase {
  readonly breaks: LeaseInvariant;
  readonly rule?: 'lastContact';
  /** Bounds in which it is found soon. */
  readonly bounds: Partial<LeaseBounds>;
}

export type LeaseInvariant = 'who is proven dead is dead (S8)' | 'no pet without a lease (S9)';

const DEAD = 'who is proven dead is dead (S8)';
const PET = 'no pet without a lease (S9)';
/** Whose clock is fast, so that the others need not be tried; all clocks find the same. */
const V1_FAST = { clocks: [2, 1, 1] };
const V3_FAST = { clocks: [1, 1, 2] };

export const LEASE_MUTATIONS = {
  // The figures.
  'the fence wait is not stretched for drift': { breaks: DEAD, bounds: V1_FAST },
  'the fence wait has no margin': { breaks: DEAD, bounds: V1_FAST },
  // The keeper.
  'the watchdog is petted after P': { breaks: PET, bounds: V1_FAST },
  'the clock is not read again before a pet': { breaks: PET, bounds: V1_FAST },
  'a lease counts from the arrival of its grant': { breaks: DEAD, bounds: V1_FAST },
  'a grant confirms what was sent last': { breaks: DEAD, bounds: V1_FAST },
  'a keeper that starts anew believes in a lease': { breaks: DEAD, bounds: { ...V1_FAST, keeperRestarts: 1 } },
  // The leader.
  'a grant needs no quorum round': { breaks: DEAD, bounds: V3_FAST },
  'a round that began before the renewal arrived counts': { breaks: DEAD, bounds: V3_FAST },
  'a grant needs no committed entry of the term': { breaks: DEAD, bounds: { ...V1_FAST, terms: 3, candidates: 0b011 } },
  'a voter answers a leader of an older term': { breaks: DEAD, bounds: V3_FAST },
  'a new leader does not wait': { breaks: DEAD, bounds: V1_FAST },
  'a new leader counts from what it heard as a follower': { breaks: DEAD, bounds: V3_FAST },
  // The shorter wait.
  'a restarted voter says that it never heard a leader': { breaks: DEAD, rule: 'lastContact', bounds: { ...V3_FAST, restarts: 1 } },
  'only the word of the candidate counts': { breaks: DEAD, rule: 'lastContact', bounds: V3_FAST },
  'the candidate leaves itself out': { breaks: DEAD, rule: 'lastContact', bounds: V3_FAST },
  'the oldest word counts': { breaks: DEAD, rule: 'lastContact', bounds: V3_FAST },
  'a former leader tells what it heard as a follower': { breaks: DEAD, rule: 'lastContact', bounds: V3_FAST },
  'heartbeats are no contact': { breaks: DEAD, rule: 'lastContact', bounds: V3_FAST },
  'ages count from when the vote was asked for': { breaks: DEAD, rule: 'lastContact', bounds: V3_FAST },
  "a voter's clock gains more than rho": { breaks: DEAD, rule: 'lastContact', bounds: V3_FAST },
} as const satisfies Record<string, LeaseMutationCase>;

export type LeaseMutation = keyof typeof LEASE_MUTATIONS;
