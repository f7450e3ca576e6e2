/**
 * How does a process that mostly waits stay small? It gives back what it does not use: V8 collects when memory is asked
 * for, so a process that asks for little keeps the garbage of its start for ever.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Timers } from '../world.ts';

/** Soon after the start, when the garbage of loading is there. */
const FIRST_MS = 15_000;
/** Rarely: a full collection of such a heap takes 20 to 40 ms, a hundredth of what a lease forgives. */
const EVERY_MS = 120_000;

/** Node's own collector; asked for at run time, because a flag at the start would make the compile cache another one. */
type Collect = (options: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' }) => void;

/** Gives unused memory back, for as long as the process lives. */
export function staySmall(timers: Timers): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  const later = (delayMs: number): void => {
    timers.after(delayMs, () => {
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
      later(EVERY_MS);
    });
  };
  later(FIRST_MS);
}
