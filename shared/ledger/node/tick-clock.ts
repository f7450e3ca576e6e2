/**
 * When does time pass for a Raft machine? Ticks are counted when the machine is used or something is due, not one timer each.
 *
 * A timer for every tick would be most of what an idle member wakes for: twenty times a second, for nothing.
 *
 * A process that was stopped, or whose event loop was busy, finds its timers due before it has read what waits in its
 * sockets. So time that nobody saw pass does not count, and a member that would campaign late reads first.
 */
import type { Timer, World } from '../../world.ts';

/** The part of Raft that knows time. */
interface Ticking {
  tick(): void;
  /** In how many ticks one comes that does something, at least 1, and whether that is to stand for election. */
  nextDue(): { readonly ticks: number; readonly isCampaign: boolean };
}

export class TickClock {
  readonly #world: Pick<World, 'clock' | 'timers'>;
  readonly #tickMs: number;
  readonly #raft: Ticking;
  readonly #onDue: () => void;
  /** The machine has ticked for all time until here. */
  #countedAtMs: number;
  #timer: Timer | null = null;
  #timerDueAtMs = Infinity;
  #hasWaited = false;
  #isStopped = false;

  /** `onDue` is called after each tick that does something. */
  constructor(world: Pick<World, 'clock' | 'timers' | 'chance'>, tickMs: number, raft: Ticking, onDue: () => void) {
    this.#world = world;
    this.#tickMs = tickMs;
    this.#raft = raft;
    this.#onDue = onDue;
    // Members that started together must not tick together: those that campaign in the same moment split the vote.
    this.#countedAtMs = world.clock.nowMs() - world.chance.next() * tickMs;
  }

  /**
   * Counts the time until now, but for a tick that does something: that is the timer's. Called before the machine is fed,
   * so that what it then restarts begins now.
   */
  catchUp(): void {
    const { ticks } = this.#raft.nextDue();
    const passed = Math.floor((this.#world.clock.nowMs() - this.#countedAtMs) / this.#tickMs);
    this.#tick(Math.min(passed, ticks - 1));
    if (passed >= ticks) this.#countedAtMs = this.#world.clock.nowMs() - this.#tickMs;
  }

  /** Sees to it that the next tick that does something comes in time. Called after the machine was fed. */
  schedule(): void {
    if (this.#isStopped) return;
    const dueAtMs = this.#dueAtMs();
    // A deadline that moved away is not followed: the timer then finds nothing due, and is set again.
    if (dueAtMs >= this.#timerDueAtMs) return;
    this.#timer?.cancel();
    this.#timerDueAtMs = dueAtMs;
    this.#timer = this.#world.timers.after(Math.max(0, dueAtMs - this.#world.clock.nowMs()), () => this.#wake());
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Time counts again after a stop, from now on. */
  resume(): void {
    this.#isStopped = false;
    this.#timerDueAtMs = Infinity;
    this.#countedAtMs = this.#world.clock.nowMs();
    this.schedule();
  }

  #wake(): void {
    this.#timer = null;
    this.#timerDueAtMs = Infinity;
    const { ticks, isCampaign } = this.#raft.nextDue();
    const nowMs = this.#world.clock.nowMs();
    const latenessMs = nowMs - this.#dueAtMs();
    if (latenessMs >= 0) {
      // Once only: a loop that is always late must not keep a member from campaigning.
      this.#hasWaited = isCampaign && latenessMs > this.#tickMs && !this.#hasWaited;
      this.#tick(this.#hasWaited ? ticks - 1 : ticks);
      if (latenessMs > this.#tickMs) this.#countedAtMs = nowMs;
      if (!this.#hasWaited) this.#onDue();
    }
    this.schedule();
  }

  #dueAtMs(): number {
    return this.#countedAtMs + this.#raft.nextDue().ticks * this.#tickMs;
  }

  #tick(times: number): void {
    for (let left = times; left > 0; left -= 1) this.#raft.tick();
    this.#countedAtMs += Math.max(0, times) * this.#tickMs;
  }
}
