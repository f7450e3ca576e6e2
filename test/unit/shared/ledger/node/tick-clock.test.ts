/** Does a Raft machine see the same time pass as with a timer for each tick, and none that nobody saw? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TickClock } from '../../../../../shared/ledger/node/tick-clock.ts';
import { seededChance } from '../../../../../shared/random.ts';

const ticking = suite('a tick clock');
const TICK_MS = 50;

/** A machine that campaigns, or sends, after `every` ticks since it was last fed or did so; and a clock that can stall. */
class Bench {
  nowMs = 10;
  elapsed = 0;
  isCampaign = true;
  readonly acted: number[] = [];
  readonly #every: number;
  #timer: { atMs: number; run: () => void } | null = null;
  readonly clock: TickClock;

  constructor(every: number) {
    this.#every = every;
    const world = {
      chance: { next: () => 0, bytes: (count: number) => new Uint8Array(count) },
      clock: { nowMs: () => this.nowMs, wallTime: () => '' },
      timers: {
        after: (delayMs: number, run: () => void) => {
          const timer = { atMs: this.nowMs + delayMs, run };
          this.#timer = timer;
          return { cancel: () => void (this.#timer === timer && (this.#timer = null)) };
        },
      },
    };
    this.clock = new TickClock(world, TICK_MS, {
      tick: () => {
        this.elapsed += 1;
        if (this.elapsed < this.#every) return;
        this.acted.push(this.nowMs);
        this.elapsed = 0;
      },
      nextDue: () => ({ ticks: this.#every - this.elapsed, isCampaign: this.isCampaign }),
    }, () => undefined);
    this.clock.schedule();
  }

  /** The process runs until then. */
  run(untilMs: number): void {
    while (this.#timer !== null && this.#timer.atMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.#timer.atMs);
      this.#fire();
    }
    this.nowMs = untilMs;
  }

  /** The process stands still until then; its timers come before its messages when it goes on. */
  stall(untilMs: number): void {
    this.nowMs = untilMs;
    if (this.#timer !== null && this.#timer.atMs <= untilMs) this.#fire();
  }

  #fire(): void {
    const run = this.#timer?.run;
    this.#timer = null;
    run?.();
  }

  /** A message that restarts what was due, as a leader's heartbeat does. */
  feed(): void {
    this.clock.catchUp();
    this.elapsed = 0;
    this.clock.schedule();
  }
}

ticking('acts when as many ticks have passed, and again', () => {
  const bench = new Bench(20);
  bench.run(3_100);
  assert.equal(bench.acted, [1_010, 2_010, 3_010]);
});

ticking('counts from the message that restarts it, to within a tick', () => {
  const chance = seededChance(7);
  const bench = new Bench(20);
  let fedAtMs = 0;
  for (let round = 0; round < 300; round += 1) {
    fedAtMs = bench.nowMs + chance.next() * 900;
    bench.run(fedAtMs);
    assert.equal(bench.acted, [], `round ${round}`);
    bench.feed();
  }
  bench.run(fedAtMs + 2_000);
  const lateMs = (bench.acted[0] ?? NaN) - fedAtMs;
  assert.ok(lateMs >= 1_000 - TICK_MS && lateMs <= 1_000 + TICK_MS, `${lateMs} ms`);
});

ticking('lets a member that stood still read before it campaigns', () => {
  const bench = new Bench(20);
  bench.run(500);
  bench.stall(20_000);
  assert.equal(bench.acted, [], 'its own timer came first');
  bench.feed();
  bench.run(20_900);
  assert.equal(bench.acted, [], 'the heartbeat that waited in the socket counts');
  bench.run(21_100);
  assert.is(bench.acted.length, 1);
});

ticking('does not count the time that a member stood still against a heartbeat that it reads first', () => {
  const bench = new Bench(20);
  bench.nowMs = 20_000;
  bench.feed();
  bench.run(20_900);
  assert.equal(bench.acted, []);
});

ticking('lets a member that stood still campaign soon when there was nothing to read', () => {
  const bench = new Bench(20);
  bench.stall(20_000);
  bench.run(20_000 + TICK_MS);
  assert.equal(bench.acted, [20_000 + TICK_MS]);
});

ticking('does not keep a leader that stood still from sending at once, nor sends for the time it missed', () => {
  const bench = new Bench(8);
  bench.isCampaign = false;
  bench.stall(20_000);
  assert.equal(bench.acted, [20_000]);
  bench.run(20_000 + 8 * TICK_MS);
  assert.equal(bench.acted, [20_000, 20_000 + 8 * TICK_MS]);
});

ticking('acts though its loop is always late, and always busy with messages that restart nothing', () => {
  for (const [isCampaign, isFed] of [[true, true], [true, false], [false, true], [false, false]] as const) {
    const bench = new Bench(20);
    bench.isCampaign = isCampaign;
    for (let round = 0; round < 60; round += 1) {
      bench.nowMs += 130;
      if (isFed) bench.clock.catchUp();
      bench.clock.schedule();
      bench.stall(bench.nowMs);
    }
    assert.ok(bench.acted.length >= 4, `${bench.acted.length} times`);
  }
});

ticking.run();
