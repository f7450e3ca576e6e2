/**
 * When may the keeper disarm the watchdog at its end? While the node is idle (machines/idle.ts): withdrawn with the very entry that
 * ends that, allowed when a look some time later finds it so.
 */
import type { ReplicatedLog } from '../../shared/ledger/replicated-log.ts';
import type { Timer, World } from '../../shared/world.ts';
import { isIdle } from '../machines/idle.ts';
import type { Observed, Self } from '../machines/observed.ts';

/** As often as the reconciler looks at everything: what nobody mentioned is found by then. */
const LOOK_EVERY_MS = 5_000;

/** What it needs. */
export interface IdleWatchOptions {
  readonly self: Self;
  readonly world: World;
  readonly log: Pick<ReplicatedLog, 'state' | 'subscribe'>;
  /** Null while what the programs showed last may be old. */
  readonly observed: () => Observed | null;
  readonly allowDisarm: (allowed: boolean) => void;
}

/** Tells the keeper. Start it once the node has been observed. */
export class IdleWatch {
  readonly #options: IdleWatchOptions;
  #timer: Timer | null = null;
  #unsubscribe: (() => void) | null = null;
  #isAllowed = false;

  constructor(options: IdleWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#unsubscribe = this.#options.log.subscribe(() => {
      if (this.#isAllowed && !this.#isIdle()) this.#allow(false);
    });
    this.#look();
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#timer?.cancel();
  }

  #look(): void {
    this.#timer = this.#options.world.timers.after(LOOK_EVERY_MS, () => {
      this.#allow(this.#isIdle());
      this.#look();
    });
  }

  #isIdle(): boolean {
    const observed = this.#options.observed();
    return observed !== null && isIdle(this.#options.log.state(), this.#options.self, observed);
  }

  #allow(isAllowed: boolean): void {
    if (isAllowed === this.#isAllowed) return;
    this.#isAllowed = isAllowed;
    this.#options.world.log.write({ event: 'disarmAllowed', isAllowed });
    this.#options.allowDisarm(isAllowed);
  }
}
