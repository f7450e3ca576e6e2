/**
 * What is the world of a real process? The machine's own clock, timers and chance, and its log.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { Chance, Clock, Log, Timers, World } from '../world.ts';

/** CLOCK_MONOTONIC: the same for all processes of one boot. */
export const clock: Clock = {
  nowMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  wallTime: () => new Date().toISOString(),
};

/** Node's timers. */
export const timers: Timers = {
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Unpredictable: keys are made from it. `randomInt` draws at most 48 bits. */
export const chance: Chance = {
  next: () => randomInt(2 ** 47) / 2 ** 47,
  bytes: (count) => new Uint8Array(randomBytes(count)),
};

/** What every process has, around its log. */
export function createWorld(log: Log): World {
  return { clock, timers, chance, log };
}
