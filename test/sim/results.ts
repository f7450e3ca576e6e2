/**
 * What came of many seeds? One JSON line for each, kept in files, and the sum over any number of them.
 */
import { execFileSync } from 'node:child_process';
import { HOUR_MS } from '../../shared/units.ts';
import { Coverage, coverageTable } from './coverage.ts';
import type { CoverageCounts } from './coverage.ts';
import type { SeedOutcome } from './run-seed.ts';

/** What is kept of one seed. */
export interface SeedResult {
  readonly seed: number;
  readonly nodes: number;
  readonly profile: string;
  readonly virtualMs: number;
  readonly coreMs: number;
  readonly strikes: number;
  readonly hash: string;
  readonly failures: readonly string[];
  /** The command that runs it again, alone. */
  readonly replay: string;
  /** The commit that it ran on; ends with `+` when files had been changed. */
  readonly commit: string;
  readonly coverage: CoverageCounts;
}

/** What is kept of an outcome. */
export function resultOf(outcome: SeedOutcome, how: Pick<SeedResult, 'coreMs' | 'replay' | 'commit'>): SeedResult {
  const { seed, plan, virtualMs, strikes, hash, failures, coverage } = outcome;
  return { seed, nodes: plan.nodes, profile: plan.profile, virtualMs, strikes, hash, failures, coverage, ...how };
}

/** The commit that is checked out, for people; `unknown` where there is no git. */
export function currentCommit(): string {
  try {
    const git = (args: readonly string[]): string => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return `${git(['rev-parse', '--short', 'HEAD'])}${git(['status', '--porcelain', '--untracked-files=no']) === '' ? '' : '+'}`;
  } catch {
    return 'unknown';
  }
}

/** Reads one line of a result file. Throws when it is none. */
export function parseResult(line: string): SeedResult {
  const value = JSON.parse(line) as Partial<SeedResult> | null;
  if (typeof value?.seed !== 'number' || typeof value.virtualMs !== 'number' || !Array.isArray(value.failures) || typeof value.coverage !== 'object') throw new Error(`no result of a seed: ${line.slice(0, 100)}`);
  return value as SeedResult;
}

/** The sum of many results. */
export class ResultSum {
  readonly coverage = new Coverage();
  seeds = 0;
  virtualMs = 0;
  coreMs = 0;
  strikes = 0;
  readonly failed: Pick<SeedResult, 'seed' | 'failures' | 'replay' | 'commit'>[] = [];
  readonly #byNodes = new Map<number, { seeds: number; virtualMs: number }>();
  readonly #byCommit = new Map<string, number>();
  /** Seed, size, profile, length and commit: the same run twice counts once. */
  readonly #known = new Set<string>();

  add(result: SeedResult): void {
    const key = `${result.commit} ${result.replay}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.seeds += 1;
    this.virtualMs += result.virtualMs;
    this.coreMs += result.coreMs;
    this.strikes += result.strikes;
    this.coverage.add(result.coverage);
    const { seed, failures, replay, commit } = result;
    if (failures.length > 0) this.failed.push({ seed, failures, replay, commit });
    const row = this.#byNodes.get(result.nodes) ?? { seeds: 0, virtualMs: 0 };
    this.#byNodes.set(result.nodes, { seeds: row.seeds + 1, virtualMs: row.virtualMs + result.virtualMs });
    this.#byCommit.set(commit, (this.#byCommit.get(commit) ?? 0) + 1);
  }

  /** As plain data. */
  summary(): unknown {
    const { seeds, virtualMs, coreMs, strikes, failed } = this;
    return {
      seeds, virtualHours: virtualMs / HOUR_MS, coreSeconds: coreMs / 1000, timesRealTime: coreMs > 0 ? virtualMs / coreMs : 0, strikes, failed,
      byNodes: [...this.#byNodes].toSorted(([a], [b]) => a - b).map(([nodes, row]) => ({ nodes, seeds: row.seeds, virtualHours: row.virtualMs / HOUR_MS })),
      byCommit: Object.fromEntries(this.#byCommit), coverage: this.coverage.counts(),
    };
  }

  /** For people. `mark`: see coverage.ts. */
  describe(mark: number): string {
    const { seeds, virtualMs, coreMs, strikes, failed } = this;
    const sizes = [...this.#byNodes].toSorted(([a], [b]) => a - b).map(([nodes, row]) => `  ${String(nodes).padStart(3)} nodes: ${row.seeds} seeds, ${(row.virtualMs / HOUR_MS).toFixed(1)} virtual hours`);
    const commits = [...this.#byCommit].map(([commit, count]) => `${commit} (${count})`).join(', ');
    const missing = this.coverage.below(mark);
    return [
      coverageTable(this.coverage, mark),
      missing.length === 0 ? `each kind of fault met each phase at least ${mark} times` : `${missing.length} pairs of fault and phase were met fewer than ${mark} times (!)`,
      ...sizes,
      `commits: ${commits}`,
      `${seeds} seeds, ${(virtualMs / HOUR_MS).toFixed(2)} virtual hours in ${(coreMs / 1000).toFixed(1)} s of a core (${coreMs > 0 ? (virtualMs / coreMs).toFixed(0) : '0'} times real time), ${strikes} faults and requests, ${failed.length} failed`,
      ...failed.map(({ replay, commit, failures }) => `FAILED on ${commit}: ${replay}\n  ${failures[0]}`),
    ].join('\n');
  }
}
