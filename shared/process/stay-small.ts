/**
 * How does a process that mostly waits stay small? It gives back what it does not use: V8 collects when memory is asked
 * for, so a process that asks for little keeps the garbage of its start for ever.
 */
import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Timers } from '../world.ts';

/** Soon after the start, when the garbage of loading is there. */
const FIRST_MS = 15_000;
/** Rarely: a full collection of such a heap takes 20 to 40 ms, a hundredth of what a lease forgives. */
const EVERY_MS = 120_000;

/** Node's own collector; asked for at run time, because a flag at the start would make the compile cache another one. */
type Collect = (options: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' }) => void;

/**
 * Lets go of the compiled code of every module that is loaded: Node keeps it beside V8's own, 5 MiB of an agent, for writing it to
 * the compile cache at the end. Before the process begins its work, which then uses that memory.
 */
export function forgetCompiled(): void {
  flushCompileCache();
}

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
