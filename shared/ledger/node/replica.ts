/**
 * What does this member hold of the cell's state? The state machine, fed in order by Raft or by a feed, whichever comes.
 *
 * Committed entries are the same everywhere, so an entry that was applied already is skipped, and two sources never
 * disagree. The newest entries are kept for members that subscribe.
 */
import { assert } from '../../errors.ts';
import type { CellState } from '../../model/cell.ts';
import type { CellEvent } from '../../model/event.ts';
import type { Timers } from '../../world.ts';
import { apply } from '../apply.ts';
import type { AppliedEntry, ApplyResult, EntryData } from '../commands.ts';
import { decodeSnapshot, encodeSnapshot } from '../snapshot.ts';
import { deferWithin } from './deadline.ts';
import { isSameProposal } from './proposals.ts';

/** An entry in passing: `data` is null for entries that carry no command (no-op, voter change). */
export interface PassingEntry {
  readonly index: number;
  readonly term: number;
  readonly data: EntryData | null;
}

/** How many applied entries are kept for subscribers that lag; beyond that they take a snapshot. */
const RECENT_MAX = 4096;
/** How many events are kept for a member that took a snapshot and would not know how it came to that. Some 400 bytes each. */
const EVENTS_MAX = 1000;

/** The applied state of one member. */
export class Replica {
  #state: CellState;
  #index: number;
  #term: number;
  /** recent[0] has index `#index - recent.length + 1`; a gapless run that ends at `#index`. */
  #recent: PassingEntry[] = [];
  /** What came of each of them; null for those without a command. */
  #recentResults: (ApplyResult | null)[] = [];
  /** Newest last. */
  #events: CellEvent[] = [];
  readonly #listeners = new Set<(entry: AppliedEntry | null) => void>();
  readonly #waiters: { readonly index: number; readonly done: () => void }[] = [];

  constructor(state: CellState) {
    this.#state = state;
    this.#index = 0;
    this.#term = 0;
  }

  get state(): CellState {
    return this.#state;
  }

  get index(): number {
    return this.#index;
  }

  get term(): number {
    return this.#term;
  }

  /** Applies one committed entry. Null when it was applied before or carries no command. */
  applyEntry(entry: PassingEntry): ApplyResult | null {
    if (entry.index <= this.#index) return null;
    assert(entry.index === this.#index + 1, `entry ${entry.index} follows ${this.#index}`);
    this.#index = entry.index;
    this.#term = entry.term;
    this.#recent.push(entry);
    if (this.#recent.length > RECENT_MAX * 2) {
      this.#recent = this.#recent.slice(-RECENT_MAX);
      this.#recentResults = this.#recentResults.slice(1 - RECENT_MAX);
    }
    if (entry.data === null) {
      this.#recentResults.push(null);
      this.#wake();
      return null;
    }
    const { state, result, events } = apply(this.#state, { index: entry.index, term: entry.term, data: entry.data });
    this.#state = state;
    this.#recentResults.push(result);
    if (events.length > 0) this.#events.push(...events);
    if (this.#events.length > EVENTS_MAX * 2) this.#events = this.#events.slice(-EVENTS_MAX);
    const applied: AppliedEntry = { index: entry.index, term: entry.term, data: entry.data, result, events };
    for (const listener of this.#listeners) listener(applied);
    this.#wake();
    return result;
  }

  /** Replaces the state by a snapshot's, unless this one is as new. Throws ClusterError when the snapshot is malformed. */
  install(index: number, term: number, data: unknown): boolean {
    if (index <= this.#index) return false;
    this.#state = decodeSnapshot(data);
    this.#index = index;
    this.#term = term;
    this.#recent = [];
    this.#recentResults = [];
    for (const listener of this.#listeners) listener(null);
    this.#wake();
    return true;
  }

  /** The state as a JSON value. */
  encode(): unknown {
    return encodeSnapshot(this.#state);
  }

  /** What came of a proposal that was applied after `since`; null when it is none of the entries that are kept. */
  outcomeOf(proposal: EntryData, since: number): { readonly index: number; readonly result: ApplyResult } | null {
    for (let at = this.#recent.length - 1; at >= 0; at -= 1) {
      const entry = this.#recent[at];
      if (entry === undefined || entry.index <= since) return null;
      const result = this.#recentResults[at];
      if (entry.data !== null && result !== null && result !== undefined && isSameProposal(entry.data, proposal)) return { index: entry.index, result };
    }
    return null;
  }

  /** Entries after `index`, at most `countMax`; null when they are not kept any more. */
  entriesAfter(index: number, countMax: number): readonly PassingEntry[] | null {
    if (index >= this.#index) return [];
    const first = this.#index - this.#recent.length + 1;
    if (index + 1 < first) return null;
    const from = index + 1 - first;
    return this.#recent.slice(from, from + countMax);
  }

  /** Events that were told here after a place in the ledger, oldest first, at most `countMax`; those of long ago are not kept. */
  eventsAfter(place: { readonly index: number; readonly ordinal: number }, countMax: number): readonly CellEvent[] {
    return this.#events.filter((event) => event.index > place.index || (event.index === place.index && event.ordinal > place.ordinal)).slice(0, countMax);
  }

  subscribe(listener: (entry: AppliedEntry | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `done` once this member has applied `index` (at once if so). Returns how to forget it. */
  whenApplied(index: number, done: () => void): () => void {
    if (index <= this.#index) {
      done();
      return () => {};
    }
    const waiter = { index, done };
    this.#waiters.push(waiter);
    return () => {
      const at = this.#waiters.indexOf(waiter);
      if (at >= 0) this.#waiters.splice(at, 1);
    };
  }

  /** Resolves when this member has applied `index`; rejects with ClusterError `LedgerTimeout`. */
  async waitApplied(index: number, timers: Timers, timeoutMs: number): Promise<void> {
    if (index <= this.#index) return;
    let forget = (): void => {};
    const deferred = deferWithin<void>(timers, timeoutMs, `apply ledger entry ${index} here`, () => forget());
    forget = this.whenApplied(index, () => deferred.resolve());
    await deferred.promise;
  }

  #wake(): void {
    for (let at = this.#waiters.length - 1; at >= 0; at -= 1) {
      const waiter = this.#waiters[at];
      if (waiter === undefined || waiter.index > this.#index) continue;
      this.#waiters.splice(at, 1);
      waiter.done();
    }
  }
}
