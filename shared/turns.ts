/**
 * Who may work now? At most so many at once; the others wait, first come first served.
 */

/** Turns of `countMax` workers. */
export class Turns {
  readonly #countMax: number;
  #count = 0;
  /** As many as whoever gives the turns lets in: see {@link waiting}. */
  readonly #waiting: (() => void)[] = [];

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** How many wait for their turn. Whoever cannot know that they are few looks before it lets another one in. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `work` when it is its turn. Rejects as `work` does. */
  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#count < this.#countMax) this.#count += 1;
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The place goes to whoever waited longest, so nobody can overtake it.
      const next = this.#waiting.shift();
      if (next === undefined) this.#count -= 1;
      else next();
    }
  }
}
