/**
 * What is a benchmark here? A name, a run on a playground of its own, and figures that stand beside their targets.
 */
import { removeDirectory, startFleet } from '../playground/support/playground.ts';
import type { Fleet, FleetOptions } from '../playground/support/playground.ts';

/** One measured number. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  /** `ms`, `/s`, `MiB`, `MB` (1e6 bytes), `%` ... */
  readonly unit: string;
  /** What is asked for; null: it stands there to explain another. */
  readonly target: { readonly atMost: number } | { readonly atLeast: number } | null;
}

/** A benchmark. */
export interface Benchmark {
  readonly name: string;
  readonly question: string;
  /** Longest time that it may take, ms: all of its waits are bounded by their own, this is their sum. */
  readonly withinMs: number;
  /** Runs it. `say` tells a person how far it is. */
  readonly run: (say: (line: string) => void) => Promise<readonly Figure[]>;
}

export function isMet({ value, target }: Figure): boolean {
  if (target === null) return true;
  return 'atMost' in target ? value <= target.atMost : value >= target.atLeast;
}

/** The value below which the share `share` (0 to 1) of the samples lies: nearest rank, never between two samples. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Starts a playground, uses it, and leaves nothing of it behind, also when the user interrupts. */
export async function onFleet<Result>(options: FleetOptions, use: (fleet: Fleet) => Promise<Result>): Promise<Result> {
  const fleet = await startFleet(options);
  const end = async (): Promise<void> => {
    await fleet.stop();
    removeDirectory(fleet.directory);
  };
  const interrupted = (): void => void end().finally(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    return await use(fleet);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${fleet.tails()}`, { cause: error });
  } finally {
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', interrupted);
    await end();
  }
}
