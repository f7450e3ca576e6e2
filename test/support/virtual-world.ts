/**
 * How do tests run hours in a moment? A world whose clock only moves when somebody advances it, with chance from a seed.
 */
import { seededChance } from '../../shared/random.ts';
import type { LogFact, Timer, World } from '../../shared/world.ts';

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** A world in virtual time. Microtasks run between timers, so promises settle as they would. */
export class VirtualWorld implements World {
  readonly facts: LogFact[] = [];
  readonly chance;
  readonly #pending: Pending[] = [];
  #nowMs = 0;
  #order = 0;

  constructor(seed: number) {
    this.chance = seededChance(seed);
  }

  readonly clock = {
    nowMs: (): number => this.#nowMs,
    wallTime: (): string => new Date(Date.UTC(2026, 0, 1) + this.#nowMs).toISOString(),
  };

  readonly timers = {
    after: (delayMs: number, run: () => void): Timer => {
      const pending: Pending = { atMs: this.#nowMs + Math.max(0, delayMs), order: (this.#order += 1), run, isCancelled: false };
      this.#pending.push(pending);
      return {
        cancel: () => {
          pending.isCancelled = true;
        },
      };
    },
  };

  readonly log = { write: (fact: LogFact): void => void this.facts.push(fact) };

  /** Moves time on by `durationMs`, running what falls due in order. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    await settle();
    for (;;) {
      const next = this.#takeNext(untilMs);
      if (next === null) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await settle();
    }
    this.#nowMs = untilMs;
  }

  /** Moves time on in small steps until `isTrue`; throws after `limitMs`. Returns how long it took, ms. */
  async until(what: string, isTrue: () => boolean, limitMs: number): Promise<number> {
    const fromMs = this.#nowMs;
    await settle();
    while (!isTrue()) {
      if (this.#nowMs - fromMs >= limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
      await this.advance(5);
    }
    return this.#nowMs - fromMs;
  }

  #takeNext(untilMs: number): Pending | null {
    let best = -1;
    for (let at = this.#pending.length - 1; at >= 0; at -= 1) {
      const pending = this.#pending[at];
      if (pending === undefined || pending.isCancelled) {
        this.#pending.splice(at, 1);
        if (best > at) best -= 1;
        continue;
      }
      const known = this.#pending[best];
      const isBetter = known === undefined || pending.atMs < known.atMs || (pending.atMs === known.atMs && pending.order < known.order);
      if (pending.atMs <= untilMs && isBetter) best = at;
    }
    return best < 0 ? null : (this.#pending.splice(best, 1)[0] ?? null);
  }
}

/** Lets everything that waits for microtasks go on. */
async function settle(): Promise<void> {
  for (let round = 0; round < 40; round += 1) await Promise.resolve();
}
