/**
 * Is every hole that uvu leaves open closed by the runner?
 *
 * Each fixture is a test file with one fault; the table says how the runner must judge it.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fileURLToPath } from 'node:url';
import { deadlineOf, runFile } from '../../support/run-file.ts';
import type { FileResult } from '../../support/test-report.ts';

interface Verdict {
  passed: number;
  /** One pattern per failure, in order. */
  failures: RegExp[];
}

const VERDICTS: Record<string, Verdict> = {
  'passes': { passed: 3, failures: [] },
  'fails': { passed: 1, failures: [/deeply equal/] },
  'before-throws': { passed: 0, failures: [/the before hook threw: Error: no ground to stand on/] },
  'after-throws': { passed: 1, failures: [/the after hook threw: Error: could not clean up/] },
  'before-each-throws': { passed: 0, failures: [/the before\.each hook threw/] },
  'after-each-throws': { passed: 1, failures: [/the after\.each hook threw/] },
  'never-run': { passed: 0, failures: [/1 tests were declared but never run/] },
  'declared-after-run': { passed: 1, failures: [/1 tests were declared but never run/] },
  'no-tests': { passed: 0, failures: [/declares no tests/] },
  'drains': { passed: 0, failures: [/ended early, with exit code 13, before its tests had finished/] },
  'exits-early': { passed: 0, failures: [/ended early, with exit code 1/] }, // uvu turned 0 into 1
  'exits-at-load': { passed: 0, failures: [/ended early, with exit code 0/] },
  'unawaited': { passed: 1, failures: [/nobody awaited was rejected: Error: nobody listened/] },
  'unawaited-late': { passed: 1, failures: [/nobody awaited was rejected: Error: nobody listened/] },
  'uncaught': { passed: 0, failures: [/exception that nobody caught ended the process: Error: from a timer/] },
  'load-throws': { passed: 1, failures: [/could not be loaded: Error: the file is broken/] },
  'skips-silently': { passed: 1, failures: [/does not say why/] },
  'skips': { passed: 1, failures: [] },
  'focused': { passed: 1, failures: [/focused with \.only/] },
  'exit-code': { passed: 1, failures: [/ended with exit code 3/] },
};

function fixture(name: string): string {
  return fileURLToPath(new URL(`./fixtures/${name}.fixture.ts`, import.meta.url));
}

function assertVerdict(result: FileResult, verdict: Verdict): void {
  const messages = result.failures.map((failure) => failure.message);
  assert.is(messages.length, verdict.failures.length, `failures: ${JSON.stringify(messages)}`);
  for (const [index, pattern] of verdict.failures.entries()) assert.match(messages[index] ?? '', pattern);
  assert.is(result.passed, verdict.passed);
}

/** These wait for a deadline or a grace; together they take as long as the longest. */
const waits = {
  'hangs-busy': runFile(fixture('hangs-busy'), { deadlineMs: 3_000 }),
  'hangs-waiting': runFile(fixture('hangs-waiting'), { deadlineMs: 3_000 }),
  'leaks-handle': runFile(fixture('leaks-handle')),
  'leaks-process': runFile(fixture('leaks-process')),
};

const judges = suite('the runner judges a file that');

for (const [name, verdict] of Object.entries(VERDICTS)) {
  judges(name, async () => assertVerdict(await runFile(fixture(name)), verdict));
}

judges('hangs in a loop, by its deadline, and names the test', async () => {
  const result = await waits['hangs-busy'];
  assertVerdict(result, { passed: 1, failures: [/did not finish within its deadline of 3 s/] });
  assert.is(result.failures[0]?.name, 'spins for ever');
});

judges('waits for ever, by its deadline', async () => {
  assertVerdict(await waits['hangs-waiting'], { passed: 0, failures: [/did not finish within its deadline/] });
});

judges('leaks a handle', async () => {
  assertVerdict(await waits['leaks-handle'], { passed: 1, failures: [/does not end by itself; still open: TCPServerWrap/] });
});

judges('leaks a process', async () => {
  assertVerdict(await waits['leaks-process'], { passed: 1, failures: [/left processes running: \d+/] });
});

judges.run();

const reports = suite('the report of a file');

reports('holds the diff, the place and what the file printed, but not the marks of uvu', async () => {
  const result = await runFile(fixture('fails'));
  assert.match(result.failures[0]?.details ?? '', /"port"/);
  assert.match(result.failures[0]?.stack ?? '', /fails\.fixture\.ts:7/);
  assert.is(result.output, 'said by the test\n');
});

reports('says why a test was skipped', async () => {
  const result = await runFile(fixture('skips'));
  assert.equal(
    result.skips.map((skip) => skip.reason),
    ['there is no hypervisor here'],
  );
});

reports('holds only the tests that a pattern names', async () => {
  const result = await runFile(fixture('fails'), { grep: 'still' });
  assertVerdict(result, { passed: 1, failures: [] });
});

reports.run();

const deadlines = suite('the deadline of a file');

deadlines('is a minute unless its head asks for another one', () => {
  assert.is(deadlineOf('import x\n'), 60_000);
  assert.is(deadlineOf('// deadline: 300 s\nimport x\n'), 300_000);
  assert.is(deadlineOf('\n\n\n\n\n// deadline: 300 s\n'), 60_000);
});

deadlines('is never longer than a quarter of an hour', () => {
  assert.is(deadlineOf('// deadline: 99999 s\n'), 900_000);
});

deadlines.run();
