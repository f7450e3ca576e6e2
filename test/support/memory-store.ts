/**
 * What is a ledger's store in a test? Memory that takes time to write, and that survives its process.
 */
import type { LedgerSave, LedgerStore, LoadedLedger } from '../../shared/ledger/node/ports.ts';
import type { Entry, HardState, Snapshot } from '../../shared/ledger/raft/types.ts';
import { uuid } from '../../shared/random.ts';
import type { World } from '../../shared/world.ts';

/** How long one write takes, unless something else is said. */
const WRITE_MS = 2;

/** A store in memory. */
export class MemoryStore implements LedgerStore {
  readonly storeUuid: string;
  readonly #world: World;
  hardState: HardState = { term: 0, vote: null, commit: 0 };
  snapshot: Snapshot | null = null;
  entries: Entry[] = [];
  saves = 0;
  /** How long writes that begin now take, ms. */
  writeMs = WRITE_MS;

  constructor(world: World) {
    this.#world = world;
    this.storeUuid = uuid(world.chance);
  }

  get loaded(): LoadedLedger {
    if (this.hardState.term === 0 && this.snapshot === null) return { kind: 'fresh' };
    return { kind: 'loaded', hardState: this.hardState, snapshot: this.snapshot, entries: this.entries };
  }

  async save(batch: LedgerSave): Promise<void> {
    this.saves += 1;
    await this.#written();
    this.#apply(batch);
  }

  /** The store as one process has it: what that process was writing when it died is on the disk or not, and nothing of it comes later. */
  forProcess(isAlive: () => boolean): LedgerStore {
    return {
      storeUuid: this.storeUuid,
      loaded: this.loaded,
      save: async (batch) => {
        if (!isAlive()) return await new Promise<never>(() => undefined);
        this.saves += 1;
        const isEarly = this.#world.chance.next() < 0.5;
        if (isEarly) this.#apply(batch);
        await this.#written();
        if (!isAlive()) return await new Promise<never>(() => undefined);
        if (!isEarly) this.#apply(batch);
      },
      close: () => Promise.resolve(),
    };
  }

  #written(): Promise<void> {
    return new Promise((resolve) => {
      this.#world.timers.after(this.writeMs, resolve);
    });
  }

  #apply(batch: LedgerSave): void {
    if (batch.snapshot !== undefined) {
      const { index } = batch.snapshot;
      this.snapshot = batch.snapshot;
      this.entries = batch.compactTo === undefined ? [] : this.entries.filter((entry) => entry.index > index);
    }
    const first = batch.entries?.[0]?.index;
    if (batch.entries !== undefined && first !== undefined) this.entries = [...this.entries.filter((entry) => entry.index < first), ...batch.entries];
    this.hardState = batch.hardState ?? this.hardState;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
