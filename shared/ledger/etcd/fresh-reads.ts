/**
 * How is the head read so that nothing older than the question answers it? One read at a time; who asks while one is under way waits for the next.
 *
 * A read is tried until it succeeds, for as long as somebody waits: at one member of etcd after the other, with a pause after each failure.
 * The first attempts are short, since a member of etcd that lost its leader takes half a second to ask the next one (3.4, readIndexRetryTime).
 */
import { describeError } from '../../errors.ts';
import type { World } from '../../world.ts';
import { deferWithin, pause } from '../node/deadline.ts';
import type { Endpoints } from './endpoints.ts';
import type { EtcdEndpoint } from './etcd-port.ts';
import type { SeenHead } from './member.ts';

const RETRY_MS = 50;
const RETRY_MS_MAX = 200;
/** How long one answer may take: of the first attempts, and of those after so many that failed; then twice as long with each. */
const ANSWER_MS = 250;
const ANSWER_MS_MAX = 4_000;
const SHORT_ATTEMPTS = 3;

/** A head that was read, and when the read began. `revision`: of the whole store then. */
export interface FreshHead {
  readonly head: SeenHead | null;
  readonly revision: number;
  readonly beganAtMs: number;
}

/** One attempt to read. `wantedSinceMs`: since when none succeeded although somebody waited. */
export interface ReadAttempt {
  readonly endpoint: EtcdEndpoint;
  readonly beganAtMs: number;
  readonly wantedSinceMs: number;
  /** Longest wait for one answer. */
  readonly timeoutMs: number;
}

interface Waiter {
  readonly done: (fresh: FreshHead) => void;
}

export class FreshReads {
  readonly #world: World;
  readonly #endpoints: Endpoints;
  readonly #attempt: (attempt: ReadAttempt) => Promise<FreshHead>;
  #waiters: Waiter[] = [];
  #isRunning = false;
  #isStopped = false;

  /** `attempt` reads at one member of etcd, and applies what it finds; it rejects with a retryable ClusterError, or the member's ledger has failed for good. */
  constructor(world: World, endpoints: Endpoints, attempt: (attempt: ReadAttempt) => Promise<FreshHead>) {
    this.#world = world;
    this.#endpoints = endpoints;
    this.#attempt = attempt;
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiters = [];
  }

  /** What the head was at a moment after this call. Rejects with ClusterError `LedgerTimeout`. */
  async within(timeoutMs: number, what: string): Promise<FreshHead> {
    let waiter: Waiter | null = null;
    const deferred = deferWithin<FreshHead>(this.#world.timers, timeoutMs, what, () => {
      this.#waiters = this.#waiters.filter((each) => each !== waiter);
    });
    waiter = { done: deferred.resolve };
    this.#add(waiter);
    return await deferred.promise;
  }

  /** The same without a deadline: `done` is called once, unless this is stopped before. */
  whenever(done: (fresh: FreshHead) => void): void {
    this.#add({ done });
  }

  #add(waiter: Waiter): void {
    if (this.#isStopped) return;
    this.#waiters.push(waiter);
    if (this.#isRunning) return;
    this.#isRunning = true;
    // It handles its failures by itself.
    void this.#run();
  }

  async #run(): Promise<void> {
    // Whoever asks in this turn of the event loop is answered by one read.
    await Promise.resolve();
    const { clock, chance, timers } = this.#world;
    let failures = 0;
    let wantedSinceMs = clock.nowMs();
    while (this.#waiters.length > 0 && !this.#isStopped) {
      const asked = [...this.#waiters];
      const endpoint = this.#endpoints.current();
      const timeoutMs = Math.min(ANSWER_MS_MAX, ANSWER_MS * 2 ** Math.max(0, failures - SHORT_ATTEMPTS + 1));
      try {
        const fresh = await this.#attempt({ endpoint, beganAtMs: clock.nowMs(), wantedSinceMs, timeoutMs });
        if (this.#isStopped) return;
        this.#waiters = this.#waiters.filter((waiter) => !asked.includes(waiter));
        failures = 0;
        wantedSinceMs = clock.nowMs();
        for (const { done } of asked) done(fresh);
      } catch (error) {
        this.#endpoints.failed(endpoint, describeError(error));
        failures += 1;
        await pause(timers, Math.min(RETRY_MS * failures, RETRY_MS_MAX) * (0.5 + chance.next() / 2));
      }
    }
    this.#isRunning = false;
  }
}
