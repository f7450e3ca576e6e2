/** What was asked of the simulator? Its command line, read and checked. */
import { parseArgs } from 'node:util';
import { TIMING_PROFILES } from '../../shared/model/timing.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';

export const USAGE = `usage: npm run sim [-- [--seed N | --seeds A..B] [--nodes N] [--hours H] [--profile P] [--trace FILE] [--json]]

  --seed N       one seed, a whole number from 0 (default: 1)
  --seeds A..B   all seeds from A to B
  --nodes N      2 to 100 nodes (default: each seed draws 2 to 7)
  --hours H      virtual hours for each seed, up to 100 (default: 1)
  --profile P    ${Object.keys(TIMING_PROFILES).join(', ')} (default: each seed draws one)
  --trace FILE   writes what happened, a JSON line each; of the last seed when there are several
  --json         results as JSON lines
`;

/** What was wrong with the command line, for its user. */
export class UsageError extends Error {}

export interface SimArguments {
  readonly fromSeed: number;
  readonly toSeed: number;
  /** Null: the seed decides. */
  readonly nodes: number | null;
  readonly hours: number;
  readonly profile: TimingProfile['name'] | null;
  readonly trace: string | null;
  readonly isJson: boolean;
}

const SEED_MAX = 0xffff_ffff;
const SEEDS_MAX = 1_000_000;
const NODES_MAX = 100;
const HOURS_MAX = 100;

/** Reads a command line. Throws {@link UsageError} with one sentence. */
export function readArguments(argv: readonly string[]): SimArguments {
  const values = parse(argv);
  const [fromSeed, toSeed] = readSeeds(values.seed, values.seeds);
  return {
    fromSeed, toSeed,
    nodes: values.nodes === undefined ? null : readNumber('--nodes', values.nodes, { min: 2, max: NODES_MAX, isWhole: true }),
    hours: values.hours === undefined ? 1 : readNumber('--hours', values.hours, { min: 0.01, max: HOURS_MAX, isWhole: false }),
    profile: values.profile === undefined ? null : readProfile(values.profile),
    trace: values.trace ?? null,
    isJson: values.json === true,
  };
}

/** The command that runs this seed again, alone. */
export function replayCommand(args: SimArguments, seed: number): string {
  const { nodes, hours, profile } = args;
  return `npm run sim -- --seed ${seed}${nodes === null ? '' : ` --nodes ${nodes}`}${hours === 1 ? '' : ` --hours ${hours}`}${profile === null ? '' : ` --profile ${profile}`}`;
}

function parse(argv: readonly string[]): { seed?: string; seeds?: string; nodes?: string; hours?: string; profile?: string; trace?: string; json?: boolean } {
  try {
    return parseArgs({
      args: [...argv],
      options: { seed: { type: 'string' }, seeds: { type: 'string' }, nodes: { type: 'string' }, hours: { type: 'string' }, profile: { type: 'string' }, trace: { type: 'string' }, json: { type: 'boolean' } },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function readSeeds(seed: string | undefined, seeds: string | undefined): readonly [number, number] {
  if (seed !== undefined && seeds !== undefined) throw new UsageError('--seed and --seeds exclude each other');
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
