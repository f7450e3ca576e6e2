/**
 * How does a loop wake exactly when its next deadline is due? One timer, moved forward when something earlier comes up.
 *
 * Deadlines that move away are not followed: the timer then fires early once, finds nothing due and is set again. With a
 * renewal every few milliseconds that is far cheaper than moving it each time.
 */
import type { Timer, World } from '../../shared/world.ts';

export class WakeUp {
  readonly #world: Pick<World, 'clock' | 'timers'>;
  readonly #run: (latenessMs: number) => void;
  #timer: Timer | null = null;
  #dueAtMs = Infinity;

  /** `run` gets how late it is, ms. It must call `at` with whatever is due next. */
  constructor(world: Pick<World, 'clock' | 'timers'>, run: (latenessMs: number) => void) {
    this.#world = world;
    this.#run = run;
  }

  /** Wakes no later than `atMs`. Infinity and null ask for nothing. */
  at(atMs: number | null): void {
    if (atMs === null || atMs >= this.#dueAtMs) return;
    this.#timer?.cancel();
    this.#dueAtMs = atMs;
    this.#timer = this.#world.timers.after(Math.max(0, atMs - this.#world.clock.nowMs()), () => {
      this.#timer = null;
      this.#dueAtMs = Infinity;
      this.#run(Math.max(0, this.#world.clock.nowMs() - atMs));
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#dueAtMs = Infinity;
  }
}
