/**
 * Does a whole cell keep its promises under hostile weather? `npm run sim -- [--seed N | --seeds A..B] [...]`
 *
 * Exit codes: 0 every seed kept them, 1 one did not (its replay command is printed), 2 wrong usage.
 */
import { appendFileSync, closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { HOUR_MS } from '../../shared/units.ts';
import { readArguments, replayCommand, USAGE, UsageError } from './arguments.ts';
import type { RunArguments, SimArguments } from './arguments.ts';
import { startWithBug } from './bugs/load.ts';
import { COVERAGE_MARK } from './coverage.ts';
import { failureKind, minimise } from './minimise.ts';
import { eventCount, PLAN_VERSION } from './plan.ts';
import type { SimPlan } from './plan.ts';
import { currentCommit, parseResult, resultOf, ResultSum } from './results.ts';
import type { SeedResult } from './results.ts';
import { runSeed } from './run-seed.ts';
import type { SeedOutcome } from './run-seed.ts';

/** How many plans are tried to cut one down. */
const MINIMISE_RUNS_MAX = 400;

async function main(): Promise<void> {
  const args = read();
  if (args.kind === 'sum') return sumUp(args.files, args.isJson);
  if (args.bug === null) return await run(args);
  const { bug } = args;
  const rest = process.argv.slice(2).filter((word, at, all) => word !== '--bug' && all[at - 1] !== '--bug' && !word.startsWith('--bug='));
  process.exitCode = await startWithBug(bug, [import.meta.filename, ...rest]);
}

async function run(args: RunArguments): Promise<void> {
  const sum = new ResultSum();
  const commit = currentCommit();
  const plan = args.plan === null ? null : readPlan(args.plan);
  let isMinimised = !args.doMinimise;
  for (let seed = args.fromSeed; seed <= args.toSeed; seed += 1) {
    const before = process.threadCpuUsage();
    const outcome = await withTrace(args.trace, async (sink) => await runSeed({ seed, nodes: args.nodes, profile: args.profile, hours: args.hours, ...(plan === null ? {} : { plan }), ...(sink === null ? {} : { sink }) }));
    const result = resultOf(outcome, { coreMs: coreMsSince(before), replay: replayCommand(args, outcome.seed), commit });
    sum.add(result);
    if (args.out !== null) appendFileSync(args.out, `${JSON.stringify(result)}\n`);
    print(args.isJson ? JSON.stringify(result) : describe(outcome, result));
    if (isMinimised || outcome.failures.length === 0) continue;
    isMinimised = true;
    await cutDown(outcome);
  }
  if (!args.isJson) print(sum.describe(COVERAGE_MARK));
  if (sum.failed.length > 0) process.exitCode = 1;
}

/** What this thread has used of a core, ms: other work on the machine matters less to it than to the clock. */
function coreMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
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

function readPlan(path: string): SimPlan {
  const plan = JSON.parse(readFileSync(path, 'utf8')) as SimPlan;
  if (plan.version === PLAN_VERSION) return plan;
  process.stderr.write(`sim: ${path} holds a plan of version ${plan.version}; this simulator plays version ${PLAN_VERSION}\n`);
  process.exit(2);
}

function sumUp(files: readonly string[], isJson: boolean): void {
  const sum = new ResultSum();
  for (const file of files) for (const line of readFileSync(file, 'utf8').split('\n')) if (line !== '') sum.add(parseResult(line));
  print(isJson ? JSON.stringify(sum.summary()) : sum.describe(COVERAGE_MARK));
  if (sum.failed.length > 0) process.exitCode = 1;
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

async function cutDown({ seed, plan, failures }: SeedOutcome): Promise<void> {
  process.stderr.write(`cutting ${eventCount(plan)} events down, for: ${failureKind(failures)}\n`);
  const cut = await minimise(plan, async (candidate) => failureKind((await runSeed({ seed, plan: candidate })).failures), MINIMISE_RUNS_MAX);
  const path = `sim-${seed}.json`;
  writeFileSync(path, `${JSON.stringify(cut.plan)}\n`);
  print(`  ${eventCount(cut.plan)} of ${eventCount(plan)} events are left after ${cut.runs} runs: npm run sim -- --plan ${path}`);
  for (const [at, round] of cut.plan.rounds.entries()) {
    for (const { atMs, kind, pick, how, forMs } of round.events) print(`    round ${at + 1}, ${atMs} ms: ${kind} for ${forMs} ms (pick ${pick.toFixed(3)}, how ${how.toFixed(3)})`);
  }
}

function describe({ seed, failures, virtualMs, strikes, hash, plan }: SeedOutcome, { replay, coreMs }: SeedResult): string {
  const verdict = failures.length === 0 ? 'kept' : 'BROKEN';
  const head = `seed ${seed}: ${plan.nodes} nodes, ${plan.profile}${plan.isMild ? ', mild' : ''}, ${(virtualMs / HOUR_MS).toFixed(2)} h at ${(virtualMs / coreMs).toFixed(0)}x, ${strikes} faults and requests, ${verdict} ${hash.slice(0, 16)}`;
  return failures.length === 0 ? head : [head, ...failures.map((failure) => `  ${failure}`), `replay: ${replay}`].join('\n');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
