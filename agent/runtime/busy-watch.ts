/**
 * Is this process behind with its work? Measured only while somebody asks, so that an idle agent pays nothing.
 *
 * The leader answers leases in the same event loop as its users' requests. When it falls behind, users have to wait:
 * a lease that is answered too late costs a node, a request that is asked again costs a moment.
 */
import type { Timer, World } from '../../shared/world.ts';

/** A timer that comes this late: too busy for more. Far below the pet window of every profile. */
export const BUSY_DELAY_MS = 500;
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

  constructor(world: World) {
    this.#world = world;
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
