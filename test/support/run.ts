/**
 * Do these tests pass?
 *
 *     node test/support/run.ts [--grep PATTERN] [--jobs N] [PATH ...]
 *
 * Runs the test files under each PATH (default: all suites), prints what failed, and ends with the line
 * `N passed, N failed`; how many were skipped stands before it. The exit code is 1 if anything failed, 2 for a wrong argument.
 */
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findTests, NoTestsError } from './find-tests.ts';
import { slowReport, totalsLine, totalsOf } from './report.ts';
import type { Totals } from './report.ts';
import { runFiles } from './run-files.ts';

const ROOT = resolve(fileURLToPath(import.meta.url), '../../..');

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Stops the test processes when the run is interrupted; the run then ends by itself and says what it has. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

/**
 * Runs tests as the command line asks, and prints all but the last line.
 *
 * @throws NoTestsError or a TypeError of parseArgs for wrong arguments.
 */
export async function runTests(args: string[]): Promise<Totals> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { grep: { type: 'string' }, jobs: { type: 'string' } },
  });
  const jobs = values.jobs === undefined ? undefined : Number(values.jobs);
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs >= 1 && jobs <= 64)) throw new NoTestsError('--jobs must be a number from 1 to 64');
  if (values.grep !== undefined) new RegExp(values.grep); // a wrong pattern is told once, not by every file
  const files = findTests(
    ROOT,
    positionals.map((path) => relative(ROOT, resolve(path))),
  );
  process.chdir(ROOT);
  const signal = interruption();
  const results = await runFiles(files, { grep: values.grep, jobs, signal, print });
  const slow = slowReport(results);
  if (slow !== '') print(slow);
  const totals = totalsOf(results);
  if (signal.aborted) {
    print('interrupted: not all files have run');
    return { ...totals, failed: totals.failed + 1 };
  }
  if (totals.passed + totals.failed + totals.skipped === 0) {
    print(values.grep === undefined ? 'no test files were found' : `no test matches ${values.grep}`);
    return { ...totals, failed: 1 };
  }
  return totals;
}

/** Prints the line that scripts read, and sets the exit code. */
export function conclude(totals: Totals): void {
  // The last line has one form for those who read it by program.
  if (totals.skipped > 0) print(`${totals.skipped} skipped, each with its reason above`);
  print(totalsLine({ ...totals, skipped: 0 }));
  process.exitCode = totals.failed > 0 ? 1 : 0;
}

/** For both entry points: runs, and turns wrong arguments into one sentence. */
export async function runOrExplain(args: string[]): Promise<Totals | undefined> {
  try {
    return await runTests(args);
  } catch (error) {
    const isArgument = error instanceof NoTestsError || error instanceof TypeError || error instanceof SyntaxError;
    if (!isArgument) throw error;
    process.stderr.write(`${error.message}\nusage: run.ts [--grep PATTERN] [--jobs N] [PATH ...]\n`);
    process.exitCode = 2;
    return undefined;
  }
}

if (import.meta.main) {
  const totals = await runOrExplain(process.argv.slice(2));
  if (totals !== undefined) conclude(totals);
}
