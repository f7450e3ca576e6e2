/**
 * At which moments may a trap spring? What a cell is about to do at its edges, told to whoever waits for it, who may hold it up.
 *
 * Nothing is watched most of the time, and then nothing is told.
 */
import type { MemberId, NodeId } from '../../shared/ids.ts';
import type { LedgerSave } from '../../shared/ledger/node/ports.ts';

/** Something that happens now. */
export type Moment =
  /** Sent over the mesh. `name`: a request's method, for its answer too; a message's channel. `body`: as it will arrive; of an answer: what was asked. */
  | { readonly kind: 'request' | 'answer' | 'message'; readonly from: MemberId; readonly to: MemberId; readonly name: string; readonly body: unknown }
  /** A write of a ledger's store begins. */
  | { readonly kind: 'save'; readonly node: NodeId; readonly batch: LedgerSave }
  /** A program is about to be started; it cannot be held up. */
  | { readonly kind: 'order'; readonly node: NodeId; readonly argv: readonly string[] }
  /** A program was started: it does its work, and who started it hears of its end. */
  | { readonly kind: 'program'; readonly node: NodeId; readonly argv: readonly string[] }
  /** A helper program of DRBD's kernel has the agent's answer. */
  | { readonly kind: 'helper'; readonly node: NodeId; readonly event: string; readonly resource: string };

/** Told each moment; answers for how long it is held up, ms (orders cannot be). */
export type Watcher = (moment: Moment) => number;

/** The moments of one cell. */
export class Moments {
  readonly #watchers = new Set<Watcher>();

  /** For those who tell often: whether anybody listens. */
  get areWatched(): boolean {
    return this.#watchers.size > 0;
  }

  /** Returns the function that ends it. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** How long the longest of those who heard it hold it up, ms. */
  tell(moment: Moment): number {
    let heldMs = 0;
    // Who is told may stop listening: a set bears that.
    for (const watcher of this.#watchers) heldMs = Math.max(heldMs, watcher(moment));
    return heldMs;
  }
}
