/**
 * How long does a process take for what reaches it? Event loops in virtual time: one thing after the other, each at a cost.
 *
 * Without costs (the usual case) everything runs the moment it arrives, as if processors were infinitely fast. With them,
 * whatever arrives waits its turn behind what arrived before, as in a Node process: a flood of requests delays timers, leases
 * and heartbeats alike. Nothing is told when a process works: its answers leave when the work is done.
 */
import type { World } from '../../shared/world.ts';

/** What reaches a process. `request`: of any method; `message`: on a stream, or gossip; `answer`: to a request of its own. */
export type WorkKind = 'request' | 'message' | 'answer' | 'datagram' | 'timer';

/** What a piece of work costs a process, ms. */
export type CostOf = (process: string, kind: WorkKind) => number;

const NO_TIME_MS = 1e-6;

/** The event loops of all processes, by name. */
export class EventLoops {
  /** Null: no work costs anything. May be changed at any time. */
  costOf: CostOf | null = null;
  /** Longest time that anything waited for its turn, ms. */
  delayMsMax = 0;
  readonly #world: World;
  readonly #freeAtMs = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Runs `work` when it is its turn, and its own time has passed. */
  take(process: string, kind: WorkKind, work: () => void): void {
    if (this.costOf === null && this.#freeAtMs.size === 0) {
      work();
      return;
    }
    if (this.costOf === null) {
      this.whenFree(process, work);
      return;
    }
    this.charge(process, this.costOf(process, kind));
    const waitMs = this.#waitMs(process);
    if (waitMs === 0) work();
    else this.#world.timers.after(waitMs, work);
  }

  /** The process does nothing for so long, as when it is stopped by a signal or collects garbage. */
  hold(process: string, forMs: number): void {
    this.#freeAtMs.set(process, this.#world.clock.nowMs() + Math.max(this.#waitMs(process), forMs));
  }

  /** Runs `work` at once, or when a held process goes on. */
  whenFree(process: string, work: () => void): void {
    if (this.#freeAtMs.size === 0) {
      work();
      return;
    }
    const waitMs = this.#waitMs(process);
    if (waitMs > 0) {
      this.#world.timers.after(waitMs, () => this.whenFree(process, work));
      return;
    }
    this.#freeAtMs.delete(process);
    work();
  }

  /** Work that was found while other work ran: the process is busy for so much longer. */
  charge(process: string, costMs: number): void {
    const waitMs = this.#waitMs(process);
    this.delayMsMax = Math.max(this.delayMsMax, waitMs);
    this.#freeAtMs.set(process, this.#world.clock.nowMs() + waitMs + costMs);
  }

  /** A new process begins with nothing to do. */
  forget(process: string): void {
    this.#freeAtMs.delete(process);
  }

  #waitMs(process: string): number {
    const waitMs = (this.#freeAtMs.get(process) ?? 0) - this.#world.clock.nowMs();
    // What is left of sums of fractions is no time: it could be too little for a clock to move.
    return waitMs < NO_TIME_MS ? 0 : waitMs;
  }
}
