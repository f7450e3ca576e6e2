/**
 * What is a ledger's store in a simulation? Memory that takes time to write, survives its process, and may fail.
 *
 * As in the real one (shared/store/ledger-store.ts) a save is term and vote first, then the log in one batch, and saves keep their order: a
 * process that dies while it saves leaves all of the first ones, perhaps half of the next, and nothing of the others. Damage is always
 * noticed at the next opening, and is amnesia: a new store with a new UUID.
 */
import { ClusterError } from '../../shared/errors.ts';
import type { LedgerSave, LedgerStore, LoadedLedger } from '../../shared/ledger/node/ports.ts';
import type { ConfState, Entry, HardState, Snapshot } from '../../shared/ledger/raft/types.ts';
import { uuid } from '../../shared/random.ts';
import type { World } from '../../shared/world.ts';

/** How long one write takes, unless something else is said. */
export const WRITE_MS = 2;
/** Of the saves that were cut off, so many reached the disk as a whole, and of the others so many with their term and vote. */
const SURVIVES_SHARE = 0.5;
const TORN_SHARE = 0.5;

/** A store in memory. */
export class MemoryStore implements LedgerStore {
  storeUuid: string;
  readonly #world: World;
  hardState: HardState = { term: 0, vote: null, commit: 0 };
  snapshot: Snapshot | null = null;
  entries: Entry[] = [];
  saves = 0;
  /** How long writes that begin now take, ms. */
  writeMs = WRITE_MS;
  /** True: every write fails, as on a disk that is full or broken. */
  isFailing = false;
  /** Told each write as it begins; answers for how much longer than others it takes, ms. */
  onSave: ((batch: LedgerSave) => number) | null = null;
  /** What is wrong with what was written: told at the next opening. */
  #damage: string | null = null;
  /** What is being written, in order. */
  #pending: LedgerSave[] = [];

  constructor(world: World) {
    this.#world = world;
    this.storeUuid = uuid(world.chance);
  }

  get loaded(): LoadedLedger {
    if (this.hardState.term === 0 && this.snapshot === null) return { kind: 'fresh' };
    return { kind: 'loaded', hardState: this.hardState, snapshot: this.snapshot, entries: [...this.entries] };
  }

  /** The newest configurations in the log, at most two, oldest first: the last may be taken back, then the other one holds. */
  configurations(): readonly ConfState[] {
    const changes = this.entries.flatMap((entry) => (entry.kind === 'confChange' ? [entry.data.conf] : []));
    return [...(this.snapshot === null ? [] : [this.snapshot.conf]), ...changes].slice(-2);
  }

  /** Term and index of the log's end. */
  end(): { readonly term: number; readonly index: number } {
    const { term, index } = this.entries.at(-1) ?? this.snapshot ?? { term: 0, index: 0 };
    return { term, index };
  }

  /** A bit of what was written is another now. */
  damage(reason: string): void {
    this.#damage = reason;
  }

  async save(batch: LedgerSave): Promise<void> {
    await this.#write(batch, () => true);
  }

  /** The store as one process opens it, after what the last one left. */
  forProcess(isAlive: () => boolean): LedgerStore {
    this.#recover();
    const loaded = this.#damage === null ? this.loaded : this.#begin(this.#damage);
    return { storeUuid: this.storeUuid, loaded, save: async (batch) => await this.#write(batch, isAlive), close: () => Promise.resolve() };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #write(batch: LedgerSave, isAlive: () => boolean): Promise<void> {
    if (!isAlive()) return await new Promise<never>(() => undefined);
    this.saves += 1;
    this.#pending.push(batch);
    const stalledMs = this.onSave?.(batch) ?? 0;
    await new Promise<void>((resolve) => {
      this.#world.timers.after(this.writeMs + stalledMs, resolve);
    });
    if (!isAlive()) return await new Promise<never>(() => undefined);
    if (this.isFailing) throw new ClusterError('StoreFailed', 'could not write the ledger: the simulated disk refuses', { retryable: false });
    // A later save may be done first: then so are those before it.
    const at = this.#pending.indexOf(batch);
    for (const each of this.#pending.splice(0, at + 1)) this.#apply(each);
  }

  /** What became of the saves that the last process did not see the end of. */
  #recover(): void {
    const cutOff = this.#pending;
    this.#pending = [];
    for (const batch of cutOff) {
      if (!this.isFailing && this.#world.chance.next() < SURVIVES_SHARE) {
        this.#apply(batch);
        continue;
      }
      // The commit index is in the log's batch.
      if (!this.isFailing && batch.hardState !== undefined && this.#world.chance.next() < TORN_SHARE) this.hardState = { ...batch.hardState, commit: this.hardState.commit };
      return;
    }
  }

  #begin(reason: string): LoadedLedger {
    this.storeUuid = uuid(this.#world.chance);
    this.hardState = { term: 0, vote: null, commit: 0 };
    this.snapshot = null;
    this.entries = [];
    this.#damage = null;
    return { kind: 'amnesia', reason };
  }

  #apply(batch: LedgerSave): void {
    if (batch.snapshot !== undefined) {
      const { index } = batch.snapshot;
      this.snapshot = batch.snapshot;
      this.entries = batch.compactTo === undefined ? [] : this.entries.filter((entry) => entry.index > index);
    }
    const first = batch.entries?.[0]?.index;
    if (batch.entries !== undefined && first !== undefined) this.#append(batch.entries, first);
    this.hardState = batch.hardState ?? this.hardState;
  }

  /** Replaces what is there from `first` on. Whoever loaded the list before has it as it was. */
  #append(entries: readonly Entry[], first: number): void {
    const firstHere = this.entries[0]?.index ?? first;
    this.entries.length = Math.min(this.entries.length, Math.max(0, first - firstHere));
    this.entries.push(...entries);
  }
}
