/**
 * Does a whole cell keep its promises under hostile weather? `npm run sim -- [--seed N | --seeds A..B] [...]`
 *
 * Exit codes: 0 every seed kept them, 1 one did not (its replay command is printed), 2 wrong usage.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { HOUR_MS } from '../../shared/units.ts';
import { readArguments, replayCommand, USAGE, UsageError } from './arguments.ts';
import type { SimArguments } from './arguments.ts';
import { Coverage, coverageTable } from './coverage.ts';
import { runSeed } from './run-seed.ts';
import type { SeedOutcome } from './run-seed.ts';

/** A kind that met a phase less often than this is marked in the table. */
const COVERAGE_MARK = 3;

async function main(): Promise<void> {
  const args = read();
  const startedAtMs = performance.now();
  const coverage = new Coverage();
  let virtualMs = 0;
  let strikes = 0;
  const failed: SeedOutcome[] = [];
  for (let seed = args.fromSeed; seed <= args.toSeed; seed += 1) {
    const outcome = await withTrace(args.trace, async (sink) => await runSeed({ seed, nodes: args.nodes, profile: args.profile, hours: args.hours, ...(sink === null ? {} : { sink }) }));
    coverage.add(outcome.coverage);
    virtualMs += outcome.virtualMs;
    strikes += outcome.strikes;
    if (outcome.failures.length > 0) failed.push(outcome);
    tell(args, outcome);
  }
  const realMs = performance.now() - startedAtMs;
  const sum = { seeds: args.toSeed - args.fromSeed + 1, failed: failed.length, virtualHours: virtualMs / HOUR_MS, strikes, realSeconds: realMs / 1000, timesRealTime: virtualMs / realMs };
  if (args.isJson) process.stdout.write(`${JSON.stringify({ ...sum, coverage: coverage.counts() })}\n`);
  else {
    print(coverageTable(coverage, COVERAGE_MARK));
    print(`${sum.seeds} seeds, ${sum.virtualHours.toFixed(2)} virtual hours in ${sum.realSeconds.toFixed(1)} s (${sum.timesRealTime.toFixed(0)} times real time), ${strikes} faults and requests, ${failed.length} failed`);
  }
  if (failed.length > 0) process.exitCode = 1;
}

function read(): SimArguments {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`sim: ${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function withTrace<Value>(path: string | null, body: (sink: ((line: string) => void) | null) => Promise<Value>): Promise<Value> {
  if (path === null) return await body(null);
  const file = openSync(path, 'w');
  try {
    return await body((line) => void writeSync(file, `${line}\n`));
  } finally {
    closeSync(file);
  }
}

function tell(args: SimArguments, outcome: SeedOutcome): void {
  const { seed, failures, virtualMs, strikes, hash, plan } = outcome;
  const replay = replayCommand(args, seed);
  if (args.isJson) {
    process.stdout.write(`${JSON.stringify({ seed, nodes: plan.nodes, profile: plan.profile, virtualMs, strikes, hash, failures, ...(failures.length === 0 ? {} : { replay }) })}\n`);
    return;
  }
  print(`seed ${seed}: ${plan.nodes} nodes, ${plan.profile}${plan.isMild ? ', mild' : ''}, ${(virtualMs / HOUR_MS).toFixed(2)} h, ${strikes} faults and requests, ${failures.length === 0 ? 'kept' : 'BROKEN'} ${hash.slice(0, 16)}`);
  if (failures.length === 0) return;
  for (const failure of failures) print(`  ${failure}`);
  print(`replay: ${replay}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
