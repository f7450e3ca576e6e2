/**
 * Which kinds of fault does the weather know, and how long may each last? SAFETY.md 6.2 numbers them.
 *
 * What each does is in storm/; this table is all that a plan needs. Of the 30 kinds these are missing: 5 (a wedged hypervisor is, from outside, a reset by the
 * watchdog), 21 (there is no migration yet), 23 (one version only) and 24 (capacity is no matter of healing: test/unit/shared/ledger).
 */

interface KindRule {
  /** The number of the list in SAFETY.md 6.2 that it stands for. */
  readonly of: number;
  /** It lasts up to this long, mostly much shorter, ms. 0: it happens, and is over. */
  readonly longestMs: number;
  /** Only of nodes with a BMC. */
  readonly needsBmc?: true;
  /** It may keep a living node from being heard. A lying BMC may then not say `off` of it (SAFETY.md 5.5). */
  readonly silences?: true;
  /** It strikes only while nothing else is amiss, so it meets no other phase. */
  readonly onlyCalm?: true;
  /** It needs a watchdog that bites: keeper or control domain do not reset the node themselves. */
  readonly needsWatchdog?: true;
}

/** Faults: what may break a cell. */
export const FAULTS = {
  powerCycle: { of: 1, longestMs: 25_000 },
  reset: { of: 1, longestMs: 0 },
  rackOutage: { of: 2, longestMs: 25_000 },
  siteOutage: { of: 3, longestMs: 25_000 },
  domainWedge: { of: 4, longestMs: 20_000, silences: true, needsWatchdog: true },
  agentKill: { of: 6, longestMs: 25_000 },
  agentPause: { of: 6, longestMs: 60_000 },
  agentLoop: { of: 6, longestMs: 20_000 },
  slowLoops: { of: 6, longestMs: 15_000, silences: true },
  keeperKill: { of: 7, longestMs: 8_000, silences: true, needsWatchdog: true },
  keeperPause: { of: 7, longestMs: 10_000, silences: true, needsWatchdog: true },
  watchdogDead: { of: 8, longestMs: 60_000 },
  watchdogEarly: { of: 8, longestMs: 0 },
  pairCut: { of: 9, longestMs: 25_000, silences: true },
  oneWay: { of: 9, longestMs: 25_000, silences: true },
  split: { of: 9, longestMs: 25_000, silences: true },
  ring: { of: 9, longestMs: 25_000, silences: true },
  networkStorm: { of: 10, longestMs: 25_000, silences: true },
  clog: { of: 10, longestMs: 20_000, silences: true },
  meshCut: { of: 11, longestMs: 25_000, silences: true },
  storageCut: { of: 11, longestMs: 25_000 },
  storagePairCut: { of: 11, longestMs: 25_000 },
  linkFlap: { of: 11, longestMs: 20_000, silences: true },
  clockRate: { of: 12, longestMs: 120_000 },
  wallStep: { of: 12, longestMs: 0 },
  slowStore: { of: 13, longestMs: 12_000, silences: true },
  storeFull: { of: 13, longestMs: 12_000 },
  storeDamaged: { of: 13, longestMs: 0 },
  diskFail: { of: 14, longestMs: 25_000, onlyCalm: true },
  diskSlow: { of: 14, longestMs: 12_000 },
  storeLost: { of: 15, longestMs: 0 },
  nodeAdd: { of: 16, longestMs: 0 },
  nodeRemove: { of: 16, longestMs: 60_000 },
  leaderCrash: { of: 17, longestMs: 20_000 },
  programCrash: { of: 18, longestMs: 20_000 },
  programHang: { of: 19, longestMs: 20_000 },
  programFail: { of: 19, longestMs: 20_000 },
  programFailAfter: { of: 19, longestMs: 20_000 },
  programLie: { of: 19, longestMs: 20_000 },
  bmcUnreachable: { of: 20, longestMs: 25_000, needsBmc: true, silences: true },
  bmcLies: { of: 20, longestMs: 25_000, needsBmc: true },
  bmcReboots: { of: 20, longestMs: 60_000, needsBmc: true },
  coordinatorKill: { of: 22, longestMs: 40_000 },
  flapping: { of: 25, longestMs: 60_000 },
  stray: { of: 26, longestMs: 20_000 },
  cordon: { of: 27, longestMs: 60_000 },
  helperKill: { of: 28, longestMs: 10_000 },
  gossipHole: { of: 29, longestMs: 40_000 },
  bootStorm: { of: 30, longestMs: 10_000 },
  frozenHolder: { of: 6, longestMs: 15_000 },
  nodeMove: { of: 16, longestMs: 0 },
  heldRequest: { of: 10, longestMs: 40_000, silences: true },
  heldMessage: { of: 10, longestMs: 40_000, silences: true },
  saveCrash: { of: 13, longestMs: 60_000 },
  saveCut: { of: 17, longestMs: 60_000, silences: true },
  laggard: { of: 10, longestMs: 25_000, silences: true },
  heardByOne: { of: 9, longestMs: 60_000, silences: true },
  saveStall: { of: 13, longestMs: 60_000, silences: true },
  lateProgram: { of: 19, longestMs: 40_000 },
  lateHelper: { of: 28, longestMs: 40_000 },
  orderCut: { of: 18, longestMs: 40_000 },
  lateExpansion: { of: 11, longestMs: 60_000 },
  staleAnswer: { of: 28, longestMs: 60_000 },
} as const satisfies Readonly<Record<string, KindRule>>;

/**
 * Faults that wait for what the cell does (storm/traps.ts): armed for as long as they last, they spring when it happens, and count then. Each is about one
 * of these: a command of the ledger, a method or message of the mesh, a part of what is saved, a program.
 */
export const TRAPS = {
  heldRequest: ['expand', 'shrink', 'bootNode', 'readyNode', 'reportStarted', 'reportStopped', 'volumeFormatted', 'replicaWiped', 'replicaTainted', 'setDesired', 'readIndex', 'feed.open', 'volumeState', 'intent', 'any'],
  heldMessage: ['vote', 'voteResponse', 'append', 'appendResponse', 'snapshot', 'feed', 'placeInstance', 'takeOver', 'expand', 'shrink', 'proveFenced', 'any'],
  saveCrash: ['vote', 'term', 'snapshot', 'expand', 'shrink', 'bootNode', 'reportStopped', 'placeInstance', 'takeOver', 'intendFence', 'proveFenced', 'replaceReplica', 'any'],
  saveCut: ['vote', 'expand', 'shrink', 'bootNode', 'reportStarted', 'reportStopped', 'placeInstance', 'takeOver', 'intendFence', 'proveFenced', 'replaceReplica', 'any'],
  heardByOne: ['vote', 'append'],
  saveStall: ['vote', 'term', 'snapshot', 'expand', 'shrink', 'bootNode', 'reportStarted', 'reportStopped', 'placeInstance', 'takeOver', 'intendFence', 'proveFenced', 'any'],
  lateProgram: ['xl', 'drbdadm', 'drbdsetup', 'lvs', 'any'],
  lateHelper: ['any'],
  orderCut: ['primary', 'connect', 'up', 'adjust', 'disconnect', 'any'],
  lateExpansion: ['any'],
  staleAnswer: ['any'],
} as const satisfies Readonly<Partial<Record<FaultKind, readonly string[]>>>;

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
export type TrapKind = keyof typeof TRAPS;
export type WorkKind = keyof typeof WORK;
export type EventKind = FaultKind | WorkKind;

export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];
export const TRAP_KINDS = Object.keys(TRAPS) as readonly TrapKind[];
/** Kinds that came later, lot by lot. Each lot is planned from a stream of chance of its own: the faults that a seed had before stay what they were. */
export const LATER_KINDS: readonly (readonly FaultKind[])[] = [
  ['heldRequest', 'heldMessage', 'saveCrash', 'saveCut', 'lateProgram', 'lateHelper'],
  ['frozenHolder', 'orderCut', 'lateExpansion', 'staleAnswer', 'nodeMove'],
  ['heardByOne', 'saveStall', 'laggard'],
];
/** The others. They strike at a time of the plan, whatever the cell does then. */
export const TIMED_KINDS = FAULT_KINDS.filter((kind) => !LATER_KINDS.some((lot) => lot.includes(kind)));
export const WORK_KINDS = Object.keys(WORK) as readonly WorkKind[];

export function isWork(kind: EventKind): kind is WorkKind {
  return kind in WORK;
}

export function isTrap(kind: EventKind): kind is TrapKind {
  return kind in TRAPS;
}

/** The rule of a kind. */
export function ruleOf(kind: EventKind): KindRule {
  return isWork(kind) ? WORK[kind] : FAULTS[kind];
}
