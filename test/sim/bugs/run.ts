/**
 * Does the simulator find every planted bug, and within how many seeds? Prints the table.
 *
 *     node test/sim/bugs/run.ts [--seeds N] [--first N] [--jobs N] [--json] [--open] [NAME ...]
 *
 * Without names: all that are known to be found; with `--open` those that are not yet. Each bug runs in a process of its own, until a violation of what it breaks is found, up to its stated number
 * of seeds (or `--seeds`). Exit code 1 when one was not found, 2 for wrong arguments.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { Bug } from './bug.ts';
import type { Hunt } from './hunt.ts';
import { BUGS, bugNamed } from './list.ts';
import { plantingOptions } from './load.ts';

/** A hunt with the time that it took. */
export interface TimedHunt extends Hunt {
  readonly seconds: number;
}

export interface HuntOptions {
  /** In place of the bug's stated number. */
  readonly seeds?: number;
  readonly first?: number;
}

/** Hunts one bug in a child process. Rejects when that fails otherwise than by finding nothing. */
export function huntBug(bug: Bug, options: HuntOptions = {}): Promise<TimedHunt> {
  const { seeds = bug.seeds, first = 1 } = options;
  const beganAtMs = performance.now();
  return new Promise((resolve, reject) => {
    const script = join(import.meta.dirname, 'hunt.ts');
    const child = spawn(process.execPath, [...plantingOptions(bug.name), script, bug.name, String(seeds), String(first)], { stdio: ['ignore', 'pipe', 'pipe'] });
    const texts = { stdout: '', stderr: '' };
    child.stdout.on('data', (bytes: Buffer) => {
      texts.stdout += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      texts.stderr = (texts.stderr + bytes.toString()).slice(-4_000);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code !== 0) reject(new Error(`the hunt for ${bug.name} ended with ${String(code)}: ${texts.stderr}`));
      else resolve({ ...(JSON.parse(texts.stdout) as Hunt), seconds: (performance.now() - beganAtMs) / 1000 });
    });
  });
}

/** One line of the table. */
export function describeHunt(hunt: TimedHunt): string {
  const found = hunt.foundBy === null ? `NOT FOUND in ${hunt.seeds}` : `${hunt.seeds} ${hunt.seeds === 1 ? 'seed' : 'seeds'}`;
  const said = hunt.violation === '' && hunt.beside !== null ? `(beside: ${hunt.beside.violation})` : hunt.violation;
  return `${hunt.bug.padEnd(32)} ${found.padEnd(22)} ${hunt.seconds.toFixed(1).padStart(7)} s  ${said.replaceAll(/\s+/g, ' ').slice(0, 140)}`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true, options: { seeds: { type: 'string' }, first: { type: 'string' }, jobs: { type: 'string' }, json: { type: 'boolean' }, open: { type: 'boolean' } },
  });
  const waiting = (positionals.length === 0 ? BUGS.filter((bug) => (bug.open !== undefined) === (values.open === true)) : positionals.map(bugNamed)).slice();
  const options = { ...(values.seeds === undefined ? {} : { seeds: wholeNumber('--seeds', values.seeds) }), ...(values.first === undefined ? {} : { first: wholeNumber('--first', values.first) }) };
  const jobs = values.jobs === undefined ? 1 : wholeNumber('--jobs', values.jobs);
  let missed = 0;
  const work = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
      const hunt = await huntBug(bug, options);
      if (hunt.foundBy === null) missed += 1;
      process.stdout.write(`${values.json === true ? JSON.stringify(hunt) : describeHunt(hunt)}\n`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  process.exitCode = missed === 0 ? 0 : 1;
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new TypeError(`${option} must be a whole number from 1 on, not ${text}`);
  return value;
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
