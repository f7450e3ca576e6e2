/**
 * What does this member hold in its log, and how much of it is durable, committed, applied?
 *
 *     base | entries ...                                    (base: what a snapshot covers)
 *          first      applied <= handed <= committed   stable      last
 *
 * Held in memory from the last compaction on. `stable` may stand anywhere: what lies above it goes out with the next
 * `Ready`. `committed` may pass `stable` on a follower, but nothing is applied before its own `Ready` saved it.
 *
 * The log also knows the configuration at each of its indexes, because a configuration is in force from the moment
 * it is *appended* (thesis 4.1), not when it is applied as in etcd. The applied rule needs a candidate to know its
 * commit index before it may run (etcd-io/etcd#7625), so the commit index would have to be as durable as the vote;
 * with the appended rule a forgotten commit index costs nothing. The price is that truncating the log may take
 * back a configuration, which `confs` does by dropping its tail.
 */
import { invariant } from './invariant.ts';
import type { ConfState, Entry, Snapshot } from './types.ts';

export type SizeOf = (data: unknown) => number;

/** One member's log: entries after the last compaction, what is committed and applied, and what is saved. */
export class RaftLog {
  committed: number;
  applied: number;
  /** The last snapshot taken here or received; what a member too far behind is sent. */
  snapshot: Snapshot | null;
  /** A received snapshot that is not saved and installed yet. */
  pendingSnapshot: Snapshot | null = null;
  #entries: Entry[] = [];
  #sizes: number[] = [];
  /** Index and term before the first entry. */
  #baseIndex: number;
  #baseTerm: number;
  #stable: number;
  /** Up to here entries were handed out to be applied. */
  #handed: number;
  /** Configurations by the index they came with, oldest first; the first covers the base. Never empty. */
  #confs: { readonly index: number; readonly conf: ConfState }[];
  readonly #sizeOf: SizeOf;

  /** `entries` are what is on disk; those that `snapshot` covers are dropped. `conf` is in force if there is no snapshot. */
  constructor(snapshot: Snapshot | null, conf: ConfState, entries: readonly Entry[], sizeOf: SizeOf) {
    this.#sizeOf = sizeOf;
    this.snapshot = snapshot;
    this.#baseIndex = snapshot?.index ?? 0;
    this.#baseTerm = snapshot?.term ?? 0;
    this.#confs = [{ index: this.#baseIndex, conf: snapshot?.conf ?? conf }];
    this.committed = this.#baseIndex;
    this.applied = this.#baseIndex;
    this.#handed = this.#baseIndex;
    this.#push(entries.filter((entry) => entry.index > this.#baseIndex));
    this.#stable = this.lastIndex;
  }

  get firstIndex(): number {
    return this.#baseIndex + 1;
  }

  get lastIndex(): number {
    return this.#baseIndex + this.#entries.length;
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#baseTerm;
  }

  get stable(): number {
    return this.#stable;
  }

  /** The term of the entry at `index`; undefined below the base and above the last entry. */
  term(index: number): number | undefined {
    return index === this.#baseIndex ? this.#baseTerm : this.#entries[index - this.#baseIndex - 1]?.term;
  }

  sizeBytes(index: number): number {
    return this.#sizes[index - this.#baseIndex - 1] ?? 0;
  }

  /** Entries `from..to`, both included, but at most `bytesMax` (yet always one, if there is one). */
  slice(from: number, to: number, bytesMax: number): readonly Entry[] {
    invariant(from >= this.firstIndex, () => `entry ${from} is compacted, the log starts at ${this.firstIndex}`);
    const start = from - this.#baseIndex - 1;
    const limit = Math.min(to, this.lastIndex) - this.#baseIndex;
    let end = start;
    for (let total = 0; end < limit; end += 1) {
      total += this.#sizes[end] ?? 0;
      if (total > bytesMax && end > start) break;
    }
    return this.#entries.slice(start, end);
  }

  /** Is a log that ends with this entry at least as new as ours (thesis 3.6.1)? */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** Appends a leader's own new entry. */
  append(entry: Entry): void {
    this.#push([entry]);
  }

  /** Takes a leader's entries that follow a matching one: skips what is here already, replaces what differs. */
  merge(entries: readonly Entry[]): void {
    const firstNew = entries.findIndex((entry) => this.term(entry.index) !== entry.term);
    const first = entries[firstNew];
    if (!first) return;
    if (first.index <= this.lastIndex) this.#truncateFrom(first.index);
    this.#push(entries.slice(firstNew));
  }

  /** The highest index not above `index` whose term is not above `term`: the best guess of where two logs meet. */
  meetingPoint(index: number, term: number): { readonly index: number; readonly term: number } {
    for (let at = Math.min(index, this.lastIndex); at >= this.#baseIndex; at -= 1) {
      const termHere = this.term(at) ?? 0;
      if (termHere <= term) return { index: at, term: termHere };
    }
    return { index: Math.min(index, this.#baseIndex), term: 0 };
  }

  commitTo(index: number): void {
    invariant(index <= this.lastIndex, () => `commit ${index} beyond the log's end ${this.lastIndex}: entries were lost`);
    if (index > this.committed) this.committed = index;
  }

  unstableEntries(): readonly Entry[] {
    return this.#entries.slice(Math.max(this.#stable, this.#baseIndex) - this.#baseIndex);
  }

  get hasUnstable(): boolean {
    return this.#stable < this.lastIndex;
  }

  /** Everything up to this entry is on disk, unless the log was rewritten meanwhile. */
  stableTo(index: number, term: number): void {
    if (index > this.#stable && this.term(index) === term) this.#stable = index;
  }

  get hasCommittedToApply(): boolean {
    return this.pendingSnapshot === null && this.#handed < this.committed;
  }

  /** The next committed entries to apply, handed out once. A snapshot that waits goes first. */
  takeCommitted(bytesMax: number): readonly Entry[] {
    if (!this.hasCommittedToApply) return [];
    const entries = this.slice(this.#handed + 1, this.committed, bytesMax);
    this.#handed += entries.length;
    return entries;
  }

  appliedTo(index: number): void {
    invariant(index <= this.committed, () => `applied ${index} beyond commit ${this.committed}`);
    this.applied = Math.max(this.applied, index);
    this.#handed = Math.max(this.#handed, index);
  }

  /** Replaces everything by a received snapshot, to be saved with the next `Ready`. */
  restore(snapshot: Snapshot): void {
    invariant(snapshot.index > this.committed, () => `snapshot ${snapshot.index} is not above commit ${this.committed}`);
    this.snapshot = snapshot;
    this.pendingSnapshot = snapshot;
    this.#entries = [];
    this.#sizes = [];
    this.#baseIndex = snapshot.index;
    this.#baseTerm = snapshot.term;
    this.#stable = snapshot.index;
    this.#confs = [{ index: snapshot.index, conf: snapshot.conf }];
    this.committed = snapshot.index;
  }

  snapshotInstalled(snapshot: Snapshot): void {
    if (this.pendingSnapshot === snapshot) this.pendingSnapshot = null;
    this.appliedTo(snapshot.index);
  }

  /** Forgets entries up to `margin` below `snapshot`, which is saved and covers them. */
  compact(snapshot: Snapshot, margin: number): void {
    this.snapshot = snapshot;
    const newBase = Math.min(snapshot.index - margin, this.#stable);
    if (newBase <= this.#baseIndex) return;
    this.#baseTerm = this.term(newBase) ?? 0;
    this.#entries = this.#entries.slice(newBase - this.#baseIndex);
    this.#sizes = this.#sizes.slice(newBase - this.#baseIndex);
    this.#baseIndex = newBase;
    const base = this.#confs.findLastIndex(({ index }) => index <= newBase);
    this.#confs = this.#confs.slice(Math.max(base, 0));
  }

  /** The configuration in force: the newest one in the log, committed or not. */
  get conf(): ConfState {
    const newest = this.#confs.at(-1);
    invariant(newest !== undefined, () => 'no configuration is known');
    return newest.conf;
  }

  /** Index of the newest configuration. */
  get confIndex(): number {
    return this.#confs.at(-1)?.index ?? 0;
  }

  /** The configuration as of `index`, which must not lie below the log's base. */
  confAt(index: number): ConfState {
    const found = this.#confs.findLast((each) => each.index <= index);
    invariant(found !== undefined, () => `no configuration is known at ${index}`);
    return found.conf;
  }

  #push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(
        entry.index === this.lastIndex + 1 && entry.term >= this.lastTerm,
        () => `entry ${entry.index} (term ${entry.term}) cannot follow ${this.lastIndex} (term ${this.lastTerm})`,
      );
      this.#entries.push(entry);
      this.#sizes.push(this.#sizeOf(entry.data));
      if (entry.kind === 'confChange') this.#confs.push({ index: entry.index, conf: entry.data.conf });
    }
  }

  #truncateFrom(index: number): void {
    invariant(index > this.committed, () => `entry ${index} is committed (${this.committed}) and must not be replaced`);
    this.#entries.length = index - this.#baseIndex - 1;
    this.#sizes.length = this.#entries.length;
    this.#stable = Math.min(this.#stable, index - 1);
    while (this.confIndex >= index && this.#confs.length > 1) this.#confs.pop();
  }
}
