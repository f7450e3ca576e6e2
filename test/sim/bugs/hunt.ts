/**
 * Is a planted bug found, and how soon? The child process of run.ts: seed after seed until one breaks what the bug breaks.
 *
 *     node --import plant.ts?bug=NAME hunt.ts NAME [SEEDS [FIRST]]
 *
 * Prints one JSON line, `Hunt`. Other violations than the stated ones are told, and count as found too late if nothing else comes.
 */
import process from 'node:process';
import { runSeed } from './arenas.ts';
import type { Bug } from './bug.ts';
import { bugNamed } from './list.ts';

/** What came of a hunt. */
export interface Hunt {
  readonly bug: string;
  /** The seed that found it, null: none did. */
  readonly foundBy: number | null;
  /** How many seeds were run. */
  readonly seeds: number;
  /** What was broken, as the checker says it; empty when nothing was. */
  readonly violation: string;
  /** The first violation of something else, and its seed. */
  readonly beside: { readonly seed: number; readonly violation: string } | null;
}

/** Whether a violation is one that the bug is said to cause. */
export function isOf(bug: Bug, violation: string): boolean {
  const isLiveness = violation.startsWith('not calm');
  return bug.breaks.some((invariant) => violation.startsWith(`${invariant} `) || violation.startsWith(`${invariant}:`) || (isLiveness && invariant.startsWith('L')));
}

async function hunt(bug: Bug, seeds: number, first: number): Promise<Hunt> {
  let beside: Hunt['beside'] = null;
  for (let seed = first; seed < first + seeds; seed += 1) {
    const violations = await runSeed(bug, seed);
    const hit = violations.find((violation) => isOf(bug, violation));
    if (hit !== undefined) return { bug: bug.name, foundBy: seed, seeds: seed - first + 1, violation: hit.slice(0, 300), beside };
    const other = violations[0];
    if (other !== undefined) beside ??= { seed, violation: other.slice(0, 300) };
  }
  return { bug: bug.name, foundBy: null, seeds, violation: '', beside };
}

if (import.meta.main) {
  const [name = '', seeds, first] = process.argv.slice(2);
  const bug = bugNamed(name);
  const found = await hunt(bug, seeds === undefined ? bug.seeds : Number(seeds), first === undefined ? 1 : Number(first));
  process.stdout.write(`${JSON.stringify(found)}\n`);
}
