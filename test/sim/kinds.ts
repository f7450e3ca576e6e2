/**
 * Which kinds of fault does the weather know, and how long may each last? SAFETY.md 6.2 numbers them.
 *
 * What each does is in storm/; this table is all that a plan needs.
 */

interface KindRule {
  /** The number of the list in SAFETY.md 6.2 that it stands for. */
  readonly of: number;
  /** It lasts up to this long, mostly much shorter, ms. 0: it happens, and is over. */
  readonly longestMs: number;
}

/** Faults: what may break a cell. */
export const FAULTS = {
  powerCycle: { of: 1, longestMs: 25_000 },
  reset: { of: 1, longestMs: 0 },
  siteOutage: { of: 3, longestMs: 25_000 },
  agentKill: { of: 6, longestMs: 25_000 },
  keeperKill: { of: 7, longestMs: 8_000 },
  pairCut: { of: 9, longestMs: 25_000 },
  meshCut: { of: 11, longestMs: 25_000 },
  storageCut: { of: 11, longestMs: 25_000 },
  networkStorm: { of: 10, longestMs: 25_000 },
  slowStore: { of: 13, longestMs: 12_000 },
  diskFail: { of: 14, longestMs: 25_000 },
  diskSlow: { of: 14, longestMs: 12_000 },
  bmcUnreachable: { of: 20, longestMs: 25_000 },
  bmcLies: { of: 20, longestMs: 25_000 },
} as const satisfies Readonly<Record<string, KindRule>>;

/** What users and guests do all the time: no node has a reason to die of it. */
export const WORK = {
  userRun: { of: 0, longestMs: 0 },
  userStop: { of: 0, longestMs: 0 },
  userStart: { of: 0, longestMs: 0 },
  userReboot: { of: 0, longestMs: 0 },
  userTerminate: { of: 0, longestMs: 0 },
  guestEnd: { of: 0, longestMs: 0 },
} as const satisfies Readonly<Record<string, KindRule>>;

export type FaultKind = keyof typeof FAULTS;
export type WorkKind = keyof typeof WORK;
export type EventKind = FaultKind | WorkKind;

export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];
export const WORK_KINDS = Object.keys(WORK) as readonly WorkKind[];

export function isWork(kind: EventKind): kind is WorkKind {
  return kind in WORK;
}

/** The rule of a kind. */
export function ruleOf(kind: EventKind): KindRule {
  return isWork(kind) ? WORK[kind] : FAULTS[kind];
}
