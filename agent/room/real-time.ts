/**
 * What time is it in the playground's room? The machine's own monotonic clock, timers and chance.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { Chance, Clock, Timer, Timers } from '../../shared/world.ts';

export const realClock: Clock = {
  nowMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  wallTime: () => new Date().toISOString(),
};

export const realTimers: Timers = {
  after: (delayMs, run): Timer => {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export const realChance: Chance = {
  next: () => randomInt(2 ** 47) / 2 ** 47,
  bytes: (count) => new Uint8Array(randomBytes(count)),
};
