/**
 * What lives exactly as long as one boot of a node? Its timers, its programs, its kernel: all of it stops at once.
 *
 * Whoever waits on a boot that has ended waits for ever, as a process on a dead machine does; only callers outside
 * of the machine (`onEnd`) hear that it ended.
 */
import type { Clock, Timer, Timers } from '../../../shared/world.ts';

/** Why a boot ended. */
export type DeathReason = 'powerOff' | 'reset' | 'watchdog' | 'selfReset';

/** One start of a simulated node. Its timers and sleeps end with it: nothing of a boot happens after its death. */
export class Boot {
  readonly node: string;
  readonly bootId: string;
  readonly bootedAtMs: number;
  #isAlive = true;
  readonly #timers: Timers;
  readonly #pending = new Set<Timer>();
  readonly #listeners = new Set<(reason: DeathReason) => void>();

  constructor(node: string, bootId: string, world: { readonly clock: Clock; readonly timers: Timers }) {
    this.node = node;
    this.bootId = bootId;
    this.bootedAtMs = world.clock.nowMs();
    this.#timers = world.timers;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** A timer of this boot: never fires once the boot has ended. */
  after(delayMs: number, run: () => void): Timer {
    if (!this.#isAlive) return { cancel: () => undefined };
    const timer = this.#timers.after(delayMs, () => {
      this.#pending.delete(handle);
      if (this.#isAlive) run();
    });
    const handle: Timer = {
      cancel: () => {
        this.#pending.delete(handle);
        timer.cancel();
      },
    };
    this.#pending.add(handle);
    return handle;
  }

  /** Resolves after `delayMs`, or never when the boot ends before. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve);
    });
  }

  /** Calls `run` when the boot ends. Returns how to forget it again. */
  onEnd(run: (reason: DeathReason) => void): () => void {
    this.#listeners.add(run);
    return () => {
      this.#listeners.delete(run);
    };
  }

  /** Everything of this boot stops now. */
  end(reason: DeathReason): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    for (const timer of this.#pending) timer.cancel();
    for (const listener of this.#listeners) listener(reason);
    this.#listeners.clear();
  }
}
