/**
 * How long may a promise take? Deadlines on the world's timers, for code that may not know a clock.
 */
import { ClusterError } from '../../errors.ts';
import type { Timers } from '../../world.ts';

/** A promise with its handles, and a deadline after which it rejects with ClusterError `LedgerTimeout`. */
export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(error: Error): void;
}

/** `onTimeout` lets the owner forget it. `what` completes the sentence "no answer in time to ...". */
export function deferWithin<Value>(timers: Timers, timeoutMs: number, what: string, onTimeout: () => void): Deferred<Value> {
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const timer = timers.after(timeoutMs, () => {
    onTimeout();
    reject(new ClusterError('LedgerTimeout', `no answer within ${Math.round(timeoutMs)} ms to ${what}`, { retryable: true }));
  });
  return {
    promise,
    resolve: (value) => {
      timer.cancel();
      resolve(value);
    },
    reject: (error) => {
      timer.cancel();
      reject(error);
    },
  };
}

/** Resolves after `delayMs`. */
export function pause(timers: Timers, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.after(delayMs, () => resolve());
  });
}
