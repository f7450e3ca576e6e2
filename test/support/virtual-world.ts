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

/** More timers than this within one instant are an endless loop: a busy cell has some hundred. */
const EVENTS_PER_INSTANT_MAX = 200_000;

/** So few cancelled timers may stay where they are. */
const CANCELLED_KEPT = 64;

/** The wall clock's time at the beginning of each world. */
const BEGIN_WALL_MS = Date.UTC(2026, 0, 1);

/** How many of the last facts a world remembers at least; twice as many at most. */
export const FACTS_KEPT = 20_000;

let knownSecond = Number.NaN;
let knownText = '';

/** As `toISOString`, which is most of what a wall clock costs: asked for hundreds of times in each second. `wallMs`: since 1970. */
export function isoTime(wallMs: number): string {
  const second = Math.floor(wallMs / 1000);
  if (second !== knownSecond) {
    knownText = new Date(second * 1000).toISOString().slice(0, -4);
    knownSecond = second;
  }
  return `${knownText}${String(Math.floor(wallMs) - second * 1000).padStart(3, '0')}Z`;
}

/** A world in virtual time. Microtasks run between timers, so promises settle as they would. */
export class VirtualWorld implements World {
  /** The newest facts that were logged: the last {@link FACTS_KEPT} are there for certain. Whoever needs every one listens ({@link onFact}). */
  readonly facts: LogFact[] = [];
  readonly #factListeners: ((fact: LogFact) => void)[] = [];
  readonly chance;
  readonly #pending: Pending[] = [];
  /** How many of them were cancelled. */
  #cancelled = 0;
  #nowMs = 0;
  #order = 0;
  #instantMs = -1;
  #eventsInInstant = 0;

  constructor(seed: number) {
    this.chance = seededChance(seed);
  }

  readonly clock = {
    nowMs: (): number => this.#nowMs,
    wallTime: (): string => isoTime(this.wallMs()),
  };

  /** What the clock on the wall shows, ms since 1970. */
  wallMs(): number {
    return BEGIN_WALL_MS + Math.floor(this.#nowMs);
  }

  readonly timers = {
    after: (delayMs: number, run: () => void): Timer => {
      const pending: Pending = { atMs: this.#nowMs + Math.max(0, delayMs), order: (this.#order += 1), run, isCancelled: false };
      this.#add(pending);
      return {
        cancel: () => {
          if (pending.isCancelled) return;
          pending.isCancelled = true;
          this.#cancelled += 1;
          if (this.#cancelled > CANCELLED_KEPT && 2 * this.#cancelled > this.#pending.length) this.#dropCancelled();
        },
      };
    },
  };

  /** How many timers wait, without those that were cancelled. For those who look for leaks. */
  waitingTimers(): number {
    let count = 0;
    for (const { isCancelled } of this.#pending) if (!isCancelled) count += 1;
    return count;
  }

  readonly log = {
    write: (fact: LogFact): void => {
      this.facts.push(fact);
      if (this.facts.length >= 2 * FACTS_KEPT) this.facts.splice(0, this.facts.length - FACTS_KEPT);
      for (const listener of this.#factListeners) listener(fact);
    },
  };

  /** Tells `listener` every fact from now on, once and in order, at the moment it is logged. */
  onFact(listener: (fact: LogFact) => void): void {
    this.#factListeners.push(listener);
  }

  /** Moves time on by `durationMs`, running what falls due in order. Whatever an event sets off in microtasks ends before the next event. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    await settle();
    await new Promise<void>((resolve, reject) => {
      const step = (): void => {
        try {
          if (this.#runNext(untilMs)) process.nextTick(again);
          else resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      // Not in the tick itself: see settle.
      const again = (): void => void SETTLED.then(step);
      step();
    });
    this.#nowMs = untilMs;
  }

  /** False when nothing more falls due until then. */
  #runNext(untilMs: number): boolean {
    const next = this.#takeNext(untilMs);
    if (next === null) return false;
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    this.#guard();
    next.run();
    return true;
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

  /** Stops a world in which something runs again and again and time stands still: without this a test would spin for ever. */
  #guard(): void {
    if (this.#nowMs !== this.#instantMs) {
      this.#instantMs = this.#nowMs;
      this.#eventsInInstant = 0;
    }
    this.#eventsInInstant += 1;
    if (this.#eventsInInstant > EVENTS_PER_INSTANT_MAX) throw new Error(`${EVENTS_PER_INSTANT_MAX} events at ${this.#nowMs} ms of virtual time, and time does not move: something waits for 0 ms in a circle`);
  }

  #takeNext(untilMs: number): Pending | null {
    for (;;) {
      const first = this.#pending[0];
      if (first === undefined || (!first.isCancelled && first.atMs > untilMs)) return null;
      this.#removeFirst();
      if (first.isCancelled) {
        this.#cancelled -= 1;
        continue;
      }
      first.isCancelled = true; // Too late from here on.
      return first;
    }
  }

  /** Most timers are deadlines that are met. The order of the others stays: it does not depend on how they lie. */
  #dropCancelled(): void {
    const left = this.#pending.filter((pending) => !pending.isCancelled);
    this.#pending.length = 0;
    this.#cancelled = 0;
    for (const pending of left) this.#add(pending);
  }

  // A binary heap: the earliest first, and of one instant the oldest.

  #add(pending: Pending): void {
    const heap = this.#pending;
    let at = heap.length;
    heap.push(pending);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(pending, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = pending;
  }

  #removeFirst(): void {
    const heap = this.#pending;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const least = isRight ? right : left;
      if (!isBefore(least, last)) break;
      heap[at] = least;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
  }
}

function isBefore(left: Pending, right: Pending): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}

const SETTLED = Promise.resolve();

/**
 * Lets everything that waits for microtasks go on, until nothing does: Node runs a tick only when no microtask is left, however many
 * follow from another. That is so for ticks that microtasks ask for, so one comes first.
 */
async function settle(): Promise<void> {
  await SETTLED;
  await new Promise(process.nextTick);
}
