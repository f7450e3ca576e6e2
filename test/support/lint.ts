/**
 * Do the types agree, and are the rules of the house kept?
 *
 *     node test/support/lint.ts [--fix]
 *
 * Runs the TypeScript compiler (which only checks) and the type-aware linter at the same time, prints what they found,
 * and ends with a line of the runner's form. Each counts as one test.
 */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { Totals } from './report.ts';
import { conclude } from './run.ts';

const ROOT = resolve(fileURLToPath(import.meta.url), '../../..');

/** Both take seconds; one that takes this long hangs. */
const DEADLINE_MS = 300_000;

interface Check {
  name: string;
  script: string;
  args: string[];
}

const TYPES: Check = { name: 'types (tsc)', script: 'node_modules/typescript/bin/tsc', args: ['-p', '.', '--pretty', 'false'] };
const RULES: Check = { name: 'rules (oxlint)', script: 'node_modules/oxlint/bin/oxlint', args: ['--type-aware', '--deny-warnings'] };

async function run(check: Check): Promise<Totals> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [check.script, ...check.args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], timeout: DEADLINE_MS });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const how = await new Promise<string | undefined>((settle, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => settle(code === 0 ? undefined : `exit code ${code ?? signal}`));
  });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`${how === undefined ? 'ok  ' : 'FAIL'} ${check.name}  (${how ?? '1 passed'}, ${seconds} s)\n`);
  if (how !== undefined) process.stdout.write(`${stripVTControlCharacters(output).trim()}\n`);
  return { passed: how === undefined ? 1 : 0, failed: how === undefined ? 0 : 1, skipped: 0 };
}

/** Checks types and rules; each is one passed or failed test. Extra arguments go to the linter. */
export async function checkAll(lintArgs: string[] = []): Promise<Totals[]> {
  return await Promise.all([run(TYPES), run({ ...RULES, args: [...RULES.args, ...lintArgs] })]);
}

/** Adds totals up. */
export function addTotals(parts: Totals[]): Totals {
  const sum = (pick: (part: Totals) => number): number => parts.reduce((total, part) => total + pick(part), 0);
  return { passed: sum((part) => part.passed), failed: sum((part) => part.failed), skipped: sum((part) => part.skipped) };
}

if (import.meta.main) conclude(addTotals(await checkAll(process.argv.slice(2))));
