/**
 * Which rules of leases does the promise rest on, that a node which was proven dead is dead? Each mutation leaves one out; the model must then
 * find a proof of a node that runs (S8), or a watchdog that is petted without a lease (S9).
 */
import type { LeaseBounds } from './model.ts';

/** `rule`: a mutation of the shorter wait (`lastContact`) has no meaning for the longer one. */
export interface LeaseMutationCase {
  readonly breaks: LeaseInvariant;
  readonly rule?: 'lastContact';
  /** Bounds in which it is found, beside those that find most. */
  readonly bounds?: Partial<LeaseBounds>;
}

export type LeaseInvariant = 'who is proven dead is dead (S8)' | 'no pet without a lease (S9)';

const DEAD = 'who is proven dead is dead (S8)';
const PET = 'no pet without a lease (S9)';

export const LEASE_MUTATIONS = {
  // The figures.
  'the fence wait is not stretched for drift': { breaks: DEAD },
  'the fence wait has no margin': { breaks: DEAD },
  // The keeper.
  'the watchdog is petted after P': { breaks: PET },
  'the clock is not read again before a pet': { breaks: PET },
  'a lease counts from the arrival of its grant': { breaks: DEAD },
  'a grant confirms what was sent last': { breaks: DEAD },
  'a keeper that starts anew believes in a lease': { breaks: DEAD, bounds: { keeperRestarts: 1 } },
  // The leader.
  'a grant needs no quorum round': { breaks: DEAD },
  'a round that began before the renewal arrived counts': { breaks: DEAD },
  'a grant needs no committed entry of the term': { breaks: DEAD, bounds: { terms: 3, clocks: [2, 1, 1], candidates: 0b011 } },
  'a voter answers a leader of an older term': { breaks: DEAD },
  'a new leader does not wait': { breaks: DEAD },
  'a new leader counts from what it heard as a follower': { breaks: DEAD, bounds: { clocks: 'steady' } },
  // The shorter wait.
  'a restarted voter says that it never heard a leader': { breaks: DEAD, rule: 'lastContact', bounds: { restarts: 1 } },
  'only the word of the candidate counts': { breaks: DEAD, rule: 'lastContact' },
  'the candidate leaves itself out': { breaks: DEAD, rule: 'lastContact' },
  'the oldest word counts': { breaks: DEAD, rule: 'lastContact' },
  'a former leader tells what it heard as a follower': { breaks: DEAD, rule: 'lastContact' },
  'heartbeats are no contact': { breaks: DEAD, rule: 'lastContact' },
  'ages count from when the vote was asked for': { breaks: DEAD, rule: 'lastContact' },
  "a voter's clock gains more than rho": { breaks: DEAD, rule: 'lastContact' },
} as const satisfies Record<string, LeaseMutationCase>;

export type LeaseMutation = keyof typeof LEASE_MUTATIONS;
