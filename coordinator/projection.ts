/**
 * What does the coordinator know of its cell? The ledger as it is applied here, and until that has caught up the copy of the last run.
 *
 *     copied (stale) --the ledger was read fresh, or has passed the copy--> live --no leader is heard--> stale --heard--> live
 *
 * The copy is written now and then, and when the process ends in order. It is a convenience: nothing is decided by it.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../shared/errors.ts';
import type { CellId } from '../shared/ids.ts';
import type { AppliedEntry } from '../shared/ledger/commands.ts';
import type { LedgerStatus } from '../shared/ledger/replicated-log.ts';
import { decodeSnapshot, encodeSnapshot } from '../shared/ledger/snapshot.ts';
import type { CellState } from '../shared/model/cell.ts';
import type { CellEvent } from '../shared/model/event.ts';
import { openProjectionStore } from '../shared/store/projection-store.ts';
import type { Placed, ProjectionStore } from '../shared/store/projection-store.ts';
import type { Timer, World } from '../shared/world.ts';

/** How long changes may wait before they are copied; much longer where copying a large state takes long. */
const COPY_AFTER_MS = 5_000;
const COPY_COST_FACTOR = 50;
/** Longest wait of a reader for events that are on their way to the disk. */
const SETTLE_MS = 3_000;
const FRESH_TIMEOUT_MS = 5_000;
const FRESH_RETRY_MS = 500;

/** What the projection needs of the ledger. */
export interface ProjectedLog {
  state(): CellState;
  status(): LedgerStatus;
  subscribe(listener: (entry: AppliedEntry | null) => void): () => void;
  readFresh(options: { readonly timeoutMs: number }): Promise<CellState>;
}

/** The events that are known, oldest first. */
export interface EventBook {
  /** Events after a place (exclusive; null: from the oldest that is kept), at most `limit`. */
  readEvents(after: Placed | null, limit: number): Promise<readonly CellEvent[]>;
  latestEvents(limit: number): Promise<readonly CellEvent[]>;
  /** Calls back after events were added. Returns how to end that. */
  onEvents(listener: () => void): () => void;
  /** Resolves when everything that was heard is in the book, or after a moment if it still is not. */
  settled(): Promise<void>;
}

/** Opens the copy. Throws ClusterError `StoreLocked` or `StoreUnwritable`; damage and another cluster's copy are dropped. */
export async function openProjection(directory: string, about: { readonly cell: CellId; readonly clusterUuid: string }, world: World): Promise<Projection> {
  const store = await openProjectionStore<unknown, CellEvent>(directory, { log: world.log });
  const copied = decode(store.loaded, world);
  if (copied === null || (copied.state.clusterUuid === about.clusterUuid && copied.state.cell === about.cell)) return new Projection(store, copied, world);
  world.log.write({ event: 'projectionDropped', reason: `it is of cluster ${copied.state.clusterUuid}` });
  await store.close();
  await rm(join(directory, 'projection'), { recursive: true, force: true });
  return new Projection(await openProjectionStore<unknown, CellEvent>(directory, { log: world.log }), null, world);
}

interface Copied {
  readonly index: number;
  readonly state: CellState;
}

function decode(loaded: { readonly appliedIndex: number; readonly state: unknown } | null, world: World): Copied | null {
  if (loaded === null) return null;
  try {
    return { index: loaded.appliedIndex, state: decodeSnapshot(loaded.state) };
  } catch (error) {
    world.log.write({ event: 'projectionDropped', reason: describeError(error) });
    return null;
  }
}

/** The state that answers are made from. */
export class Projection implements EventBook {
  readonly #store: ProjectionStore<unknown, CellEvent>;
  readonly #world: World;
  #copied: Copied | null;
  #log: ProjectedLog | null = null;
  #pending: CellEvent[] = [];
  #flushing: Promise<void> | null = null;
  #recalling = 0;
  readonly #waiters: (() => void)[] = [];
  readonly #listeners = new Set<() => void>();
  #copyTimer: Timer | null = null;
  #copyAfterMs = COPY_AFTER_MS;
  #copiedIndex: number;
  #isStopped = false;

  constructor(store: ProjectionStore<unknown, CellEvent>, copied: Copied | null, world: World) {
    this.#store = store;
    this.#copied = copied;
    this.#copiedIndex = copied?.index ?? 0;
    this.#world = world;
  }

  /** The state of the last run, for what is needed before the ledger is. */
  copiedState(): CellState | null {
    return this.#copied?.state ?? null;
  }

  /**
   * Follows the ledger from now on; call before it starts. `recall` asks others for events after a place: what happened
   * while this process was down comes as a snapshot, which does not tell how it came to that. It may reject.
   */
  follow(log: ProjectedLog, recall: (after: Placed) => Promise<readonly CellEvent[]>): void {
    this.#log = log;
    log.subscribe((entry) => {
      if (entry === null) this.#recallWith(recall, log.status().appliedIndex);
      else if (entry.events.length > 0) this.#add(entry.events);
      this.#copyLater();
    });
    // Failures inside are retried for as long as there is a copy that may be old.
    if (this.#copied !== null) void this.#catchUp(log);
  }

  state(): CellState {
    return this.#current().state;
  }

  /** Ledger index of `state()`. */
  index(): number {
    return this.#current().index;
  }

  /** Whether the state may be old because nobody leads as far as is known here, or the ledger has not been heard yet. */
  isStale(): boolean {
    this.#dropOvertaken();
    return this.#copied !== null || this.#log === null || this.#log.status().leader === null;
  }

  async readEvents(after: Placed | null, limit: number): Promise<readonly CellEvent[]> {
    return await this.#store.readEvents(after, limit);
  }

  async latestEvents(limit: number): Promise<readonly CellEvent[]> {
    return await this.#store.latestEvents(limit);
  }

  onEvents(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async settled(): Promise<void> {
    if (this.#isSettled()) return;
    let timer: Timer | null = null;
    await new Promise<void>((resolve) => {
      this.#waiters.push(resolve);
      timer = this.#world.timers.after(SETTLE_MS, resolve);
    });
    (timer as Timer | null)?.cancel();
  }

  /** Writes the last copy and lets go of the store. */
  async close(): Promise<void> {
    this.#isStopped = true;
    this.#copyTimer?.cancel();
    await this.#flushing;
    await this.#copy();
    await this.#store.close();
  }

  #current(): Copied {
    const log = this.#log;
    if (log === null) {
      if (this.#copied === null) throw new Error('the projection follows no ledger yet');
      return this.#copied;
    }
    this.#dropOvertaken();
    return this.#copied ?? { index: log.status().appliedIndex, state: log.state() };
  }

  #dropOvertaken(): void {
    if (this.#copied !== null && this.#log !== null && this.#log.status().appliedIndex >= this.#copied.index) this.#copied = null;
  }

  /** Once the ledger was read fresh the copy has done its work, even if it were ahead (a cell that was recovered by hand). */
  async #catchUp(log: ProjectedLog): Promise<void> {
    while (this.#copied !== null && !this.#isStopped) {
      try {
        await log.readFresh({ timeoutMs: FRESH_TIMEOUT_MS });
        this.#copied = null;
      } catch {
        // No leader yet; the copy goes on answering.
        await new Promise<void>((resolve) => void this.#world.timers.after(FRESH_RETRY_MS, resolve));
      }
    }
  }

  #add(events: readonly CellEvent[]): void {
    this.#pending.push(...events);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#recalling > 0) return;
    if (this.#pending.length === 0) return this.#wakeIfSettled();
    // Failures are logged inside.
    this.#flushing ??= this.#flush();
  }

  #isSettled(): boolean {
    return this.#recalling === 0 && this.#flushing === null && this.#pending.length === 0;
  }

  #wakeIfSettled(): void {
    if (!this.#isSettled()) return;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Later events wait meanwhile: the book is written in order. */
  #recallWith(recall: (after: Placed) => Promise<readonly CellEvent[]>, upToIndex: number): void {
    this.#recalling += 1;
    const recalled = async (): Promise<readonly CellEvent[]> => {
      const after = (await this.#store.latestEvents(1))[0] ?? { index: 0, ordinal: 0 };
      return await recall(after);
    };
    void recalled().then(
      (events) => {
        this.#pending = [...events.filter((event) => event.index <= upToIndex), ...this.#pending];
      },
      (error: unknown) => this.#world.log.write({ event: 'eventsNotRecalled', reason: describeError(error) }),
    ).finally(() => {
      this.#recalling -= 1;
      this.#flushSoon();
    });
  }

  async #flush(): Promise<void> {
    while (this.#pending.length > 0) {
      const events = this.#pending;
      this.#pending = [];
      try {
        await this.#store.appendEvents(events);
      } catch (error) {
        this.#world.log.write({ event: 'eventsNotKept', count: events.length, reason: describeError(error) });
      }
      for (const listener of this.#listeners) listener();
    }
    this.#flushing = null;
    this.#wakeIfSettled();
  }

  #copyLater(): void {
    if (this.#isStopped) return;
    this.#copyTimer ??= this.#world.timers.after(this.#copyAfterMs, () => {
      // Failures are logged inside.
      void this.#copy().finally(() => {
        this.#copyTimer = null;
      });
    });
  }

  async #copy(): Promise<void> {
    const log = this.#log;
    if (log === null || this.#copied !== null) return;
    const { appliedIndex } = log.status();
    if (appliedIndex === this.#copiedIndex) return;
    const startedAtMs = this.#world.clock.nowMs();
    try {
      const written = this.#store.saveState({ appliedIndex, state: encodeSnapshot(log.state()) });
      this.#copyAfterMs = Math.max(COPY_AFTER_MS, COPY_COST_FACTOR * (this.#world.clock.nowMs() - startedAtMs));
      await written;
      this.#copiedIndex = appliedIndex;
    } catch (error) {
      this.#world.log.write({ event: 'projectionNotKept', reason: describeError(error) });
    }
  }
}
