/**
 * Which models are run, how far, and what must come out?
 *
 * The small runs are part of `npm test`; the large ones take minutes. Every rule that a mutation leaves out must be missed: a model that finds
 * nothing wrong without it would say nothing about it either.
 */
import { explore } from './explore.ts';
import type { Exploration } from './explore.ts';
import { leaseFigures, leaseModel } from './lease/model.ts';
import type { LeaseBounds } from './lease/model.ts';
import { LEASE_MUTATIONS } from './lease/mutations.ts';
import type { LeaseMutation, LeaseMutationCase } from './lease/mutations.ts';
import { migrationModel, MIGRATION_INVARIANTS } from './migration/model.ts';
import type { MigrationBounds } from './migration/model.ts';
import { MIGRATION_MUTATIONS } from './migration/mutations.ts';
import type { MigrationMutation, MigrationMutationCase } from './migration/mutations.ts';
import type { MigrationState } from './migration/state.ts';
import { volumeModel, VOLUME_INVARIANTS } from './volume/model.ts';
import type { VolumeBounds } from './volume/model.ts';
import { MUTATIONS } from './volume/mutations.ts';
import type { Mutation, MutationCase } from './volume/mutations.ts';

export interface ModelRun {
  readonly name: string;
  readonly isLarge: boolean;
  /** The invariant that must be found broken; null when all of them must hold in every state. */
  readonly breaks: string | null;
  /** States that it has, where somebody counted them independently of this code. */
  readonly states?: number;
  run(): Exploration;
}

/** Far above what any run visits: a model that grew by mistake ends, and is not exhausted. */
const STATES_MAX = 6_000_000;

const VOLUME_BOUNDS: VolumeBounds = { writes: 2, generations: 2, sessions: 2, crashes: 2, messages: 3, diskErrors: 0, peerDiskErrors: 0 };

/** Counts of states from SAFETY.md 6.4, which another program found. */
const VOLUME_RUNS: readonly ModelRun[] = [
  volumeRun('volume', VOLUME_BOUNDS, { states: 108_233 }),
  volumeRun('volume, one write and one crash', { ...VOLUME_BOUNDS, writes: 1, crashes: 1 }, { states: 11_745 }),
  volumeRun('volume, one write and one crash, with errors of either disk', { ...VOLUME_BOUNDS, writes: 1, crashes: 1, diskErrors: 1, peerDiskErrors: 1 }, {}),
  volumeRun("volume, with errors of the primary's disk", { ...VOLUME_BOUNDS, diskErrors: 1 }, { states: 162_441, isLarge: true }),
  volumeRun('volume, three generations and sessions', { ...VOLUME_BOUNDS, generations: 3, sessions: 3 }, { states: 1_483_622, isLarge: true }),
  volumeRun("volume, with errors of the secondary's disk", { ...VOLUME_BOUNDS, peerDiskErrors: 1 }, { isLarge: true }),
  {
    // The data fence stands without the other one: nothing is lost even if an instance runs twice.
    name: 'volume, takeover without a fence, data only', isLarge: true, breaks: null, states: 344_140,
    run: () => explore(volumeModel(VOLUME_BOUNDS, 'takeover without a fence', VOLUME_INVARIANTS.filter(({ name }) => name !== 'one runner (S1)')), STATES_MAX),
  },
  ...(Object.entries(MUTATIONS) as [Mutation, MutationCase][]).map(([mutation, { breaks, needs }]): ModelRun => ({
    name: `volume: ${mutation}`, isLarge: false, breaks,
    run: () => {
      const bounds = needs === undefined ? VOLUME_BOUNDS : { ...VOLUME_BOUNDS, [needs]: 1 };
      return explore(volumeModel(bounds, mutation, VOLUME_INVARIANTS.filter(({ name }) => name === breaks)), STATES_MAX);
    },
  })),
];

function volumeRun(name: string, bounds: VolumeBounds, more: Partial<ModelRun>): ModelRun {
  return { name, isLarge: false, breaks: null, run: () => explore(volumeModel(bounds, null), STATES_MAX), ...more };
}

const LEASE_BOUNDS: LeaseBounds = {
  rule: 'wholeWait', clocks: 'changing', candidates: 0b111, terms: 2, restarts: 0, keeperRestarts: 0, figures: leaseFigures(1, 1),
};
const RULES = ['wholeWait', 'lastContact'] as const;

const LEASE_RUNS: readonly ModelRun[] = [
  ...RULES.flatMap((rule) => [
    leaseRun(`lease, ${rule}`, { rule, restarts: 1 }, {}),
    leaseRun(`lease, ${rule}, steady clocks`, { rule, clocks: 'steady' }, { isLarge: true }),
    leaseRun(`lease, ${rule}, keepers that start anew`, { rule, restarts: 1, keeperRestarts: 1 }, { isLarge: true }),
    leaseRun(`lease, ${rule}, longer pet window`, { rule, figures: leaseFigures(2, 1) }, { isLarge: true }),
    leaseRun(`lease, ${rule}, longer watchdog`, { rule, figures: leaseFigures(1, 2) }, { isLarge: true }),
    leaseRun(`lease, ${rule}, three terms`, { rule, terms: 3 }, { isLarge: true }),
  ]),
  ...(Object.entries(LEASE_MUTATIONS) as [LeaseMutation, LeaseMutationCase][]).flatMap(([mutation, { breaks, rule, bounds }]) =>
    RULES.filter((one) => rule === undefined || one === rule).map((one): ModelRun => ({
      name: `lease, ${one}: ${mutation}`, isLarge: one === 'wholeWait', breaks,
      run: () => explore(leaseModel({ ...LEASE_BOUNDS, rule: one, ...bounds }, mutation), STATES_MAX),
    })),
  ),
];

function leaseRun(name: string, bounds: Partial<LeaseBounds>, more: Partial<ModelRun>): ModelRun {
  return { name, isLarge: false, breaks: null, run: () => explore(leaseModel({ ...LEASE_BOUNDS, ...bounds }, null), STATES_MAX), ...more };
}

const MIGRATION_BOUNDS: MigrationBounds = { writes: 1, generations: 3, migrations: 1, sessions: 2, crashes: 1, messages: 2 };
/** A model in which nothing moves would hold, too. */
const NEVER_MOVES = {
  name: 'never runs on the other node, and has written there',
  holds: ({ ledger, nodes, acknowledged }: MigrationState): boolean => !(ledger.phase === 'running' && ledger.attempt > 0 && nodes.B.domain.kind === 'running' && ledger.generation === 2 && acknowledged > 0),
};

const MIGRATION_RUNS: readonly ModelRun[] = [
  migrationRun('migration', {}, {}),
  migrationRun('migration, two attempts', { migrations: 2, crashes: 0 }, { isLarge: true }),
  migrationRun('migration, two crashes and writes', { writes: 2, crashes: 2 }, { isLarge: true }),
  {
    name: 'migration: it can move', isLarge: false, breaks: NEVER_MOVES.name,
    run: () => explore(migrationModel({ ...MIGRATION_BOUNDS, crashes: 0, sessions: 1 }, null, [NEVER_MOVES]), STATES_MAX),
  },
  ...(Object.entries(MIGRATION_MUTATIONS) as [MigrationMutation, MigrationMutationCase][]).map(([mutation, { breaks, bounds }]): ModelRun => ({
    name: `migration: ${mutation}`, isLarge: false, breaks,
    run: () => explore(migrationModel({ ...MIGRATION_BOUNDS, ...bounds }, mutation, MIGRATION_INVARIANTS.filter(({ name }) => name === breaks)), STATES_MAX),
  })),
];

function migrationRun(name: string, bounds: Partial<MigrationBounds>, more: Partial<ModelRun>): ModelRun {
  return { name, isLarge: false, breaks: null, run: () => explore(migrationModel({ ...MIGRATION_BOUNDS, ...bounds }, null), STATES_MAX), ...more };
}

export const MODEL_RUNS: readonly ModelRun[] = [...VOLUME_RUNS, ...LEASE_RUNS, ...MIGRATION_RUNS];

/** What is wrong with what came out; null when nothing is. */
export function faultOf({ breaks, states }: ModelRun, found: Exploration): string | null {
  if (breaks !== null) return found.violation?.invariant === breaks ? null : `${found.violation?.invariant ?? 'nothing'} was broken, not: ${breaks}`;
  if (found.violation !== null) return `broke: ${found.violation.invariant}: ${found.violation.trace.join('; ')}`;
  if (!found.isExhausted) return `not exhausted after ${found.states} states`;
  return states === undefined || states === found.states ? null : `${found.states} states, not ${states}`;
}
