/**
 * How long do cells keep their promises? `npm run sim:soak -- --minutes N`: seed after seed, on all cores, until the time is over.
 *
 * Each core has a child process that runs one batch of seeds after the other (main.ts); when the time is over they are ended, and what they
 * had finished counts. Exit codes as of main.ts.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { MINUTE_MS } from '../../shared/units.ts';
import { readSoakArguments, USAGE, UsageError, wishesText } from './arguments.ts';
import type { SoakArguments } from './arguments.ts';
import { COVERAGE_MARK } from './coverage.ts';
import { parseResult, ResultSum } from './results.ts';

/** So many seeds for one process: enough that its start costs nothing, few enough that its memory says something. */
const BATCH_SEEDS = 20;
/** How often it is told how far things are, ms. */
const TELL_EVERY_MS = 30_000;

async function main(): Promise<void> {
  const args = read();
  const endsAtMs = performance.now() + args.minutes * MINUTE_MS;
  const sum = new ResultSum();
  const children = new Set<ChildProcess>();
  let nextSeed = args.fromSeed;
  const takeBatch = (): readonly [number, number] => {
    const from = nextSeed;
    nextSeed += BATCH_SEEDS;
    return [from, nextSeed - 1];
  };
  const stop = setTimeout(() => {
    for (const child of children) child.kill('SIGKILL');
  }, args.minutes * MINUTE_MS);
  const tell = setInterval(() => process.stderr.write(`${sum.seeds} seeds, ${(sum.virtualMs / 3_600_000).toFixed(1)} virtual hours, ${sum.failed.length} failed\n`), TELL_EVERY_MS);
  const worker = async (): Promise<void> => {
    while (performance.now() < endsAtMs) await runBatch(args, takeBatch(), children, sum);
  };
  await Promise.all(Array.from({ length: args.jobs ?? availableParallelism() }, worker));
  clearTimeout(stop);
  clearInterval(tell);
  process.stdout.write(`${sum.describe(COVERAGE_MARK)}\n`);
  if (sum.failed.length > 0) process.exitCode = 1;
}

function read(): SoakArguments {
  try {
    return readSoakArguments(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`sim:soak: ${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** Runs seeds in a child, and counts what it finished. */
async function runBatch(args: SoakArguments, [from, to]: readonly [number, number], children: Set<ChildProcess>, sum: ResultSum): Promise<void> {
  const wishes = wishesText(args).split(' ').filter((word) => word !== '');
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '--seeds', `${from}..${to}`, '--json', ...wishes], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const result = parseResult(line);
    sum.add(result);
    if (args.out !== null) appendFileSync(args.out, `${line}\n`);
    if (result.failures.length > 0) process.stdout.write(`FAILED: ${result.replay}\n  ${result.failures[0]}\n`);
  }
  await ended;
  children.delete(child);
}

await main();
