/**
 * May a user's request come in, or is this process behind with its work? Measured only while somebody asks, so that an idle agent
 * pays nothing.
 *
 * The leader answers leases in the same event loop as its users' requests. When it falls behind, users have to wait:
 * a lease that is answered too late costs a node, a request that is asked again costs a moment. Lateness alone tells too late:
 * most of what a request costs comes after its entry is committed, so hundreds could be let in while nothing is late yet.
 * Hence also a bound on those that wait for their answer: together they must not cost more than a lease can wait.
 */
import type { Timer, World } from '../../shared/world.ts';

/** A timer that comes this late: too busy for more. Far below the pet window of every profile (the shortest is 1.5 s). */
export const BUSY_DELAY_MS = 250;
/** Requests of users that may wait for their answers at once: those of two coordinators (coordinator/cell-port.ts). */
export const USER_REQUESTS_MAX = 64;
const LOOK_MS = 50;
/** How long it goes on measuring after somebody asked. */
const WATCH_MS = 2_000;

/** Measures how late the event loop is. */
export class BusyWatch {
  readonly #world: World;
  #timer: Timer | null = null;
  #dueAtMs = 0;
  #untilMs = 0;
  #delayMs = 0;
  #openCount = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Lets one request of a user in, or not: null. Who is let in calls what it got when the request has its answer, once. */
  admit(): (() => void) | null {
    // Both are asked each time: the watch goes on while anybody wants to come in.
    const isBusy = this.isBusy();
    if (isBusy || this.#openCount >= USER_REQUESTS_MAX) return null;
    this.#openCount += 1;
    return () => void (this.#openCount -= 1);
  }

  /** Whether the loop is, or just was, later than {@link BUSY_DELAY_MS}. */
  isBusy(): boolean {
    const nowMs = this.#world.clock.nowMs();
    this.#untilMs = nowMs + WATCH_MS;
    if (this.#timer === null) this.#look();
    return Math.max(this.#delayMs, nowMs - this.#dueAtMs) > BUSY_DELAY_MS;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #look(): void {
    this.#dueAtMs = this.#world.clock.nowMs() + LOOK_MS;
    this.#timer = this.#world.timers.after(LOOK_MS, () => {
      const nowMs = this.#world.clock.nowMs();
      this.#delayMs = nowMs - this.#dueAtMs;
      this.#timer = null;
      if (nowMs < this.#untilMs) this.#look();
      else this.#delayMs = 0;
    });
  }
}
