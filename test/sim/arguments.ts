/** What was asked of the simulator? Its command line, read and checked. */
import { parseArgs } from 'node:util';
import { TIMING_PROFILES } from '../../shared/model/timing.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';

export const USAGE = `usage: npm run sim [-- [--seed N | --seeds A..B | --plan FILE] [--nodes N] [--hours H] [--profile P] [--bug NAME]
                       [--trace FILE] [--json] [--out FILE] [--minimise]]
       npm run sim -- --sum FILE ...
       npm run sim:soak -- [--minutes M] [--from SEED] [--jobs N] [--nodes N] [--hours H] [--profile P] [--out FILE]

  --seed N       one seed, a whole number from 0 (default: 1)
  --seeds A..B   all seeds from A to B
  --plan FILE    a plan in JSON, as --minimise writes them, in place of a seed's own
  --nodes N      2 to 100 nodes (default: each seed draws 2 to 7)
  --hours H      virtual hours for each seed, up to 100 (default: 1)
  --profile P    ${Object.keys(TIMING_PROFILES).join(', ')} (default: each seed draws one)
  --bug NAME     with a planted mistake: test/sim/bugs
  --trace FILE   writes what happened, a JSON line each; of the last seed when there are several
  --json         results as JSON lines
  --out FILE     appends the results to a file, a JSON line each
  --minimise     cuts the plan of the first seed that fails to the shortest that still does, and writes it to sim-SEED.json
  --sum          adds up such files
  --minutes M    how long the soak runs, on --jobs cores (default: 10, on all cores), from seed --from (default: 1) on
`;

/** What was wrong with the command line, for its user. */
export class UsageError extends Error {}

/** What each seed is run with. */
export interface SeedWishes {
  /** Null: the seed decides. */
  readonly nodes: number | null;
  readonly hours: number;
  readonly profile: TimingProfile['name'] | null;
}

export interface RunArguments extends SeedWishes {
  readonly kind: 'run';
  readonly fromSeed: number;
  readonly toSeed: number;
  readonly plan: string | null;
  readonly bug: string | null;
  readonly trace: string | null;
  readonly isJson: boolean;
  readonly out: string | null;
  readonly doMinimise: boolean;
}

export type SimArguments = RunArguments | { readonly kind: 'sum'; readonly files: readonly string[]; readonly isJson: boolean };

export interface SoakArguments extends SeedWishes {
  readonly minutes: number;
  readonly fromSeed: number;
  /** Null: one for each core. */
  readonly jobs: number | null;
  readonly out: string | null;
}

const SEED_MAX = 0xffff_ffff;
const SEEDS_MAX = 1_000_000;
const NODES_MAX = 100;
const HOURS_MAX = 100;
const MINUTES_MAX = 7 * 24 * 60;
const JOBS_MAX = 256;

const WISHES = { nodes: { type: 'string' }, hours: { type: 'string' }, profile: { type: 'string' } } as const;
const RUN = {
  ...WISHES, seed: { type: 'string' }, seeds: { type: 'string' }, plan: { type: 'string' }, bug: { type: 'string' }, trace: { type: 'string' }, json: { type: 'boolean' }, out: { type: 'string' },
  minimise: { type: 'boolean' }, sum: { type: 'boolean' },
} as const;
const SOAK = { ...WISHES, minutes: { type: 'string' }, from: { type: 'string' }, jobs: { type: 'string' }, out: { type: 'string' } } as const;

/** Reads the command line of `npm run sim`. Throws {@link UsageError} with one sentence. */
export function readArguments(argv: readonly string[]): SimArguments {
  const { values, positionals } = told(() => parseArgs({ args: [...argv], options: RUN, allowPositionals: argv.includes('--sum') }));
  if (values.sum === true) {
    const other = Object.keys(values).find((name) => name !== 'sum' && name !== 'json');
    if (other !== undefined) throw new UsageError(`--sum and --${other} exclude each other`);
    if (positionals.length === 0) throw new UsageError('--sum needs files');
    return { kind: 'sum', files: positionals, isJson: values.json === true };
  }
  const [fromSeed, toSeed] = readSeeds(values);
  return {
    kind: 'run', fromSeed, toSeed, ...readWishes(values), plan: values.plan ?? null, bug: values.bug ?? null, trace: values.trace ?? null, isJson: values.json === true,
    out: values.out ?? null, doMinimise: values.minimise === true,
  };
}

/** Reads the command line of `npm run sim:soak`. Throws {@link UsageError} with one sentence. */
export function readSoakArguments(argv: readonly string[]): SoakArguments {
  const { values } = told(() => parseArgs({ args: [...argv], options: SOAK }));
  return {
    ...readWishes(values),
    minutes: values.minutes === undefined ? 10 : readNumber('--minutes', values.minutes, { min: 0.01, max: MINUTES_MAX, isWhole: false }),
    fromSeed: values.from === undefined ? 1 : readNumber('--from', values.from, { min: 0, max: SEED_MAX, isWhole: true }),
    jobs: values.jobs === undefined ? null : readNumber('--jobs', values.jobs, { min: 1, max: JOBS_MAX, isWhole: true }),
    out: values.out ?? null,
  };
}

/** The command line that gives these wishes again; empty when there are none. */
export function wishesText({ nodes, hours, profile }: SeedWishes): string {
  return `${nodes === null ? '' : ` --nodes ${nodes}`}${hours === 1 ? '' : ` --hours ${hours}`}${profile === null ? '' : ` --profile ${profile}`}`;
}

/** The command that runs this seed again, alone. */
export function replayCommand(args: SeedWishes & { readonly bug: string | null; readonly plan: string | null }, seed: number): string {
  const what = args.plan === null ? `--seed ${seed}${wishesText(args)}` : `--plan ${args.plan}`;
  return `npm run sim -- ${what}${args.bug === null ? '' : ` --bug ${args.bug}`}`;
}

function told<Value>(parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function readWishes(values: { readonly nodes?: string | undefined; readonly hours?: string | undefined; readonly profile?: string | undefined }): SeedWishes {
  return {
    nodes: values.nodes === undefined ? null : readNumber('--nodes', values.nodes, { min: 2, max: NODES_MAX, isWhole: true }),
    hours: values.hours === undefined ? 1 : readNumber('--hours', values.hours, { min: 0.01, max: HOURS_MAX, isWhole: false }),
    profile: values.profile === undefined ? null : readProfile(values.profile),
  };
}

function readSeeds(values: { readonly seed?: string | undefined; readonly seeds?: string | undefined; readonly plan?: string | undefined }): readonly [number, number] {
  const { seed, seeds } = values;
  if (['seed', 'seeds', 'plan'].filter((name) => name in values).length > 1) throw new UsageError('--seed, --seeds and --plan exclude each other');
  const bounds = { min: 0, max: SEED_MAX, isWhole: true };
  if (seeds === undefined) {
    const one = seed === undefined ? 1 : readNumber('--seed', seed, bounds);
    return [one, one];
  }
  const match = /^(\d+)\.\.(\d+)$/.exec(seeds);
  if (match === null) throw new UsageError(`--seeds is A..B, not ${JSON.stringify(seeds)}`);
  const [from, to] = [readNumber('--seeds', match[1] ?? '', bounds), readNumber('--seeds', match[2] ?? '', bounds)];
  if (to < from) throw new UsageError(`--seeds ${seeds} are none`);
  if (to - from >= SEEDS_MAX) throw new UsageError(`--seeds ${seeds} are more than ${SEEDS_MAX}`);
  return [from, to];
}

function readNumber(name: string, text: string, { min, max, isWhole }: { readonly min: number; readonly max: number; readonly isWhole: boolean }): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || value < min || value > max || (isWhole && !Number.isInteger(value))) {
    throw new UsageError(`${name} is a ${isWhole ? 'whole ' : ''}number from ${min} to ${max}, not ${JSON.stringify(text)}`);
  }
  return value;
}

function readProfile(text: string): TimingProfile['name'] {
  const found = Object.values(TIMING_PROFILES).find(({ name }) => name === text);
  if (found === undefined) throw new UsageError(`--profile is one of ${Object.keys(TIMING_PROFILES).join(', ')}, not ${JSON.stringify(text)}`);
  return found.name;
}
