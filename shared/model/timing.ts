/**
 * How long does what take? The lease profiles: one set of constants, held in the ledger, the same on every node.
 *
 * The proof that they fit together is SAFETY.md 4.2: no domain of a node runs later than
 * `renewal sent + petWindowMs + watchdogMs + watchdogLatencyMs` by that node's clock, and the leader proves
 * a node dead by lease only `fenceWaitMs` after the last renewal that it received.
 */

/**
 * All durations in milliseconds. Source: SAFETY.md 4.3, but for the elections, which are shorter here: no lease is
 * confirmed while there is no leader, so an election and one more after a split vote must fit into the pet window
 * ({@link electionBudgetMs}), or the death of a leader resets every node of the cell. And but for the heartbeats of
 * `standard`, which are rarer here: they are most of what an idle leader does. Safety depends on neither.
 *
 * The heartbeats of `standard` are a little rarer than its renewals, so that the rounds that confirm those take their place: they come only
 * where a round stays away. Its elections begin after the second heartbeat that does not come, never after one that was lost.
 */
export interface TimingProfile {
  readonly name: 'fast' | 'standard' | 'soft';
  /** H: how often a keeper renews its lease. */
  readonly renewIntervalMs: number;
  /** No renewal for this long: the node is suspect. */
  readonly suspectAfterMs: number;
  /** How long indirect probes may take. */
  readonly probeTimeoutMs: number;
  /** P: the keeper pets the watchdog only this long after it sent the last confirmed renewal. */
  readonly petWindowMs: number;
  /** W: the watchdog resets the node this long after the last pet. */
  readonly watchdogMs: number;
  /** w_r: resolution and latency of the watchdog. */
  readonly watchdogLatencyMs: number;
  /** delta: the margin beside the clock drift. */
  readonly marginMs: number;
  /** F: from the last renewal that the leader received to the moment the node is certainly dead. */
  readonly fenceWaitMs: number;
  readonly heartbeatMs: number;
  readonly electionMinMs: number;
  readonly electionMaxMs: number;
  /** How much of a lease must be left before a world-changing command starts. */
  readonly commandMarginMs: number;
}

/** rho: how far a clock's rate may be off (SAFETY.md 4.2). */
export const CLOCK_RATE_ERROR = 0.02;

/** The profiles that a cell may run: the same figures on every node (SAFETY.md 4.3; elections: agent/DESIGN.md). */
export const TIMING_PROFILES: Readonly<Record<TimingProfile['name'], TimingProfile>> = {
  fast: {
    name: 'fast', renewIntervalMs: 250, suspectAfterMs: 1_000, probeTimeoutMs: 300, petWindowMs: 1_500, watchdogMs: 2_000,
    watchdogLatencyMs: 1_000, marginMs: 300, fenceWaitMs: 5_000, heartbeatMs: 100, electionMinMs: 500, electionMaxMs: 750, commandMarginMs: 1_000,
  },
  standard: {
    name: 'standard', renewIntervalMs: 500, suspectAfterMs: 2_000, probeTimeoutMs: 500, petWindowMs: 3_000, watchdogMs: 4_000,
    watchdogLatencyMs: 1_000, marginMs: 600, fenceWaitMs: 9_000, heartbeatMs: 550, electionMinMs: 1_150, electionMaxMs: 1_550, commandMarginMs: 2_000,
  },
  soft: {
    name: 'soft', renewIntervalMs: 1_000, suspectAfterMs: 4_000, probeTimeoutMs: 1_000, petWindowMs: 6_000, watchdogMs: 10_000,
    watchdogLatencyMs: 1_000, marginMs: 1_300, fenceWaitMs: 19_000, heartbeatMs: 500, electionMinMs: 2_000, electionMaxMs: 3_000, commandMarginMs: 2_000,
  },
};

/** The longest that a node's domains may run after it sent a renewal, by the node's own clock (F_node). */
export function nodeFenceMs(profile: TimingProfile): number {
  return profile.petWindowMs + profile.watchdogMs + profile.watchdogLatencyMs;
}

/** The shortest fence wait that the proof allows: F_node stretched by the clock rate error on both sides, and the margin. */
export function requiredFenceWaitMs(profile: TimingProfile): number {
  return nodeFenceMs(profile) * ((1 + CLOCK_RATE_ERROR) / (1 - CLOCK_RATE_ERROR)) + profile.marginMs;
}

/** How long an election and a second one after a split vote may take, ms: the Raft machine tries again after a quarter of the shortest timeout and half the spread. */
export function electionBudgetMs(profile: TimingProfile): number {
  return profile.electionMaxMs + profile.electionMinMs / 4 + (profile.electionMaxMs - profile.electionMinMs) / 2;
}

/**
 * How long the leader gathers renewals for one round, from the first on, ms: more than the wall clocks of nodes with NTP
 * and the wakings of their keepers lie apart, and nothing beside P.
 */
export const GATHER_MS = 20;

/**
 * The least time between two rounds that confirm leases, ms. Renewals that come together need one in H; those of nodes whose wall
 * clocks disagree two, and wait so long at most, well before their senders would turn to all voters.
 */
export function roundSpacingMs(profile: TimingProfile): number {
  return profile.renewIntervalMs / 2;
}

/** The longest time between two renewals that are answered, ms: after a step of the wall clock, or the first one that a new leader answers. */
export function renewalGapMs(profile: TimingProfile): number {
  return 1.25 * profile.renewIntervalMs;
}

/**
 * How long renewals may stay unconfirmed before nodes reset themselves, ms, counted from the death of the leader: the worst is one that
 * dies before it confirms a renewal that came as late as it may, and waited for its round.
 */
export function renewalOutageMs(profile: TimingProfile): number {
  return profile.petWindowMs - renewalGapMs(profile) - Math.max(roundSpacingMs(profile), GATHER_MS);
}
