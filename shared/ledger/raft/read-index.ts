/**
 * When may a read be answered, without writing to the log and without trusting a clock (thesis 6.4)?
 *
 * The leader remembers its commit index, then learns from a majority that it still leads. It learns that from a
 * heartbeat *round*: every heartbeat carries a number, answers repeat it, and a read that came while round `r` was
 * the latest sent waits for round `r + 1`. Only heartbeats that left after the read began can confirm it; several
 * reads share one round. A new leader does not know what is committed before its own no-op is, so the read
 * waits for that too, and its index is never below the no-op's.
 */
import type { ReadState } from './types.ts';

type PendingRead = { readonly context: unknown; readonly commit: number; readonly round: number };

/** Reads that wait until a quorum has answered a round that began after they were asked. */
export class ReadQueue {
  /** Rounds do not fall along the queue, so only its head needs looking at. */
  #pending: PendingRead[] = [];
  #head = 0;

  get size(): number {
    return this.#pending.length - this.#head;
  }

  /** `commit` is the leader's commit index now, `round` the first heartbeat round that has not left yet. */
  add(context: unknown, commit: number, round: number): void {
    this.#pending.push({ context, commit, round });
  }

  /** Takes out the reads that `confirmedRound` confirms. `termStart` is the index of the leader's committed no-op. */
  release(confirmedRound: number, termStart: number): ReadState[] {
    const released: ReadState[] = [];
    for (let read = this.#pending[this.#head]; read && read.round <= confirmedRound; ) {
      released.push({ context: read.context, index: Math.max(read.commit, termStart) });
      this.#head += 1;
      read = this.#pending[this.#head];
    }
    if (this.#head * 2 > this.#pending.length) {
      this.#pending = this.#pending.slice(this.#head);
      this.#head = 0;
    }
    return released;
  }

  /** Takes out everything: leadership is gone, nobody will confirm these. */
  abort(): unknown[] {
    const contexts = this.#pending.slice(this.#head).map((read) => read.context);
    this.#pending = [];
    this.#head = 0;
    return contexts;
  }
}
