/**
 * How does a process that mostly waits stay small? It gives back what it does not use: V8 collects when memory is asked
 * for, so a process that asks for little keeps the garbage of its start for ever.
 */
import { flushCompileCache } from 'node:module';
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Timers } from '../world.ts';

/**
 * Options of Node for an agent, wherever it is started: a young generation of 2 MiB, which costs some more short collections (107 MB
 * instead of 130, measured; 1 MiB would save another 2 or 3). What V8 counts among its flags (`--no-opt`, `--expose-gc`) is another key of
 * the compile cache, which has to be warmed with the same options then; else the process strips its types itself, and is larger than before.
 */
export const SMALL_NODE_OPTIONS: readonly string[] = ['--max-semi-space-size=2'];

/**
 * The environment of an agent, for glibc's malloc: one arena; and pieces of 8 KiB or more in mappings of their own, which go back
 * to the kernel when they are freed, as most of {@link forgetCompiled}'s do (93.7 to 90.2 MiB for a leader of ten nodes, measured).
 */
export const SMALL_ENVIRONMENT = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '8192' } as const;

/** Soon after the start, when the garbage of loading is there. */
const FIRST_MS = 15_000;
/**
 * Rarely: a full collection of such a heap takes 20 to 40 ms, a hundredth of what a lease forgives, and half a second of V8's helper threads and
 * of compiling anew what it threw away (0.15 % of a core in the mean, measured on an idle leader). In five minutes an agent grows by 4 MB.
 */
const EVERY_MS = 120_000;
/** How long it must have waited rather than worked: in a process that has much to do the same collection takes 400 ms (measured), of its work's time. */
const QUIET_MS = 3_000;
/** An idle agent works 1 to 3 % of the time. */
const QUIET_SHARE_MAX = 0.15;

/** Node's own collector; asked for at run time, because a flag at the start would make the compile cache another one. */
type Collect = (options: { readonly type: 'major'; readonly execution: 'sync'; readonly flavor: 'last-resort' | 'regular' }) => void;

/**
 * Lets go of the compiled code of every module that is loaded: Node keeps it beside V8's own, 5 MiB of an agent, for writing it to
 * the compile cache at the end. Small pieces stay with malloc, so it is called before the process begins its work, which
 * then uses them.
 */
export function forgetCompiled(): void {
  flushCompileCache();
}

/**
 * Gives unused memory back, for as long as the process lives, at times when it has little to do. `busyShare` tells how much of the
 * time since it was asked last the event loop worked, 0 to 1.
 */
export function staySmall(timers: Timers, busyShare: () => number = loopShare()): void {
  setFlagsFromString('--expose-gc');
  // V8 would add two collections of its own to each of these.
  setFlagsFromString('--no-memory-reducer');
  const collect = runInNewContext('gc') as Collect;
  const later = (delayMs: number, flavor: 'last-resort' | 'regular'): void => {
    timers.after(delayMs, () => {
      busyShare();
      whenQuiet(flavor);
    });
  };
  const whenQuiet = (flavor: 'last-resort' | 'regular'): void => {
    timers.after(QUIET_MS, () => {
      if (busyShare() > QUIET_SHARE_MAX) {
        whenQuiet(flavor);
        return;
      }
      collect({ type: 'major', execution: 'sync', flavor });
      // The code that has become fast by then is worth its memory: the last resort would throw it away.
      later(EVERY_MS, 'regular');
    });
  };
  later(FIRST_MS, 'last-resort');
}

function loopShare(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
