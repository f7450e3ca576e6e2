/**
 * Who may work now? At most so many at once; the others wait, first come first served.
 */

/** Turns of `countMax` workers. */
export class Turns {
  readonly #countMax: number;
  #count = 0;
  /** At most one for each object of this node: whoever waits asks once. */
  readonly #waiting: (() => void)[] = [];

  constructor(countMax: number) {
    this.#countMax = countMax;
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
