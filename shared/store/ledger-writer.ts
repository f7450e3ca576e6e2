/**
 * In which order do the promises of a voter reach the disk? Collects saves, and writes those that wait as one batch.
 *
 *     idle --save--> writing --done, more wait--> writing
 *                    writing --done--> idle
 *     any --something could not be written--> failed (for good: "fsyncgate")
 */
import { crc32 } from 'node:zlib';
import { assert, ClusterError } from '../errors.ts';
import type { Entry, HardState, Snapshot, VoterId } from '../ledger/raft/types.ts';
import { BASE_KEY, chainSeed, COMMIT_KEY, encodeEntry, encodeRecord, entryKey, SNAPSHOT_KEY } from './log-records.ts';
import type { Base, ReadLog, Tail } from './log-records.ts';
import type { ByteLevel } from './open-level.ts';
import type { Slots } from './slot-file.ts';

/**
 * What one save makes durable. All parts are optional, but an empty save is a mistake.
 *
 * - `snapshot` without `compactTo` came from the leader: it replaces the whole log.
 * - `snapshot` with `compactTo` was taken here: entries up to `compactTo` (not beyond any snapshot) are dropped.
 * - `entries` replace everything from `entries[0].index` on.
 * - `hardState` with nothing new but `commit` is written without waiting for the disk: forgetting it is harmless.
 */
export interface LedgerBatch {
  readonly hardState?: HardState | null;
  readonly snapshot?: Snapshot | null;
  readonly entries?: readonly Entry[];
  readonly compactTo?: number;
}

/** What the slots hold. `tail` promises that the log reaches at least so far. */
export interface HardSlot {
  readonly storeUuid: string;
  readonly term: number;
  readonly vote: VoterId | null;
  readonly tail: Tail;
}

/** The writing half of a ledger store. */
export interface LedgerWriter {
  save(batch: LedgerBatch): Promise<void>;
  close(): Promise<void>;
}

type Operation = { readonly type: 'put'; readonly key: string; readonly value: Uint8Array } | { readonly type: 'del'; readonly key: string };

/** One group of saves, as it goes to the disk. */
interface Plan {
  readonly operations: Operation[];
  mustSync: boolean;
  /** Everything above this index may change. */
  unchangedTo: number;
}

interface Waiting {
  readonly batch: LedgerBatch;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** How many saves may wait for the disk. */
const SAVES_WAITING_MAX = 4096;
/** Saves written together hold about this many entries at most. */
const GROUP_ENTRIES_MAX = 4096;
/** After this time the slots are told where the log ends: four small writes a second at most. */
const TAIL_DELAY_MS = 250;
/** A tail that promises nothing. */
const NOTHING: Tail = { index: 0, chain: 0 };

/** Writes to an opened and checked store. */
export function createLedgerWriter(level: ByteLevel, slots: Slots, found: HardSlot, log: ReadLog): LedgerWriter {
  const seed = chainSeed(found.storeUuid);
  let hard = found;
  let base = log.base;
  let snapshotIndex = log.snapshot?.index ?? 0;
  let commit = log.commit;
  /** Term and chain of each entry after `base`. */
  const terms: number[] = log.entries.map((entry) => entry.term);
  const chains: number[] = [...log.chains];
  let durable: Tail = { index: base.index + chains.length, chain: chains.at(-1) ?? base.chain };

  const waiting: Waiting[] = [];
  let running: Promise<void> | null = null;
  let tailWrite: Promise<void> = Promise.resolve();
  let tailTimer: NodeJS.Timeout | null = null;
  let failure: ClusterError | null = null;
  let isClosed = false;

  const lastIndex = (): number => base.index + chains.length;
  const chainAt = (index: number): number => (index === base.index ? base.chain : (chains[index - base.index - 1] ?? 0));
  const termAt = (index: number): number => (index === base.index ? base.term : (terms[index - base.index - 1] ?? 0));

  function putOwn(plan: Plan, key: string, value: unknown): void {
    plan.operations.push({ type: 'put', key, value: encodeRecord(seed, key, value) });
  }

  function dropAfter(plan: Plan, index: number): void {
    for (let at = index + 1; at <= lastIndex(); at += 1) plan.operations.push({ type: 'del', key: entryKey(at) });
    if (index < lastIndex()) plan.unchangedTo = Math.min(plan.unchangedTo, index);
    terms.length = index - base.index;
    chains.length = index - base.index;
  }

  function rebase(plan: Plan, next: Base): void {
    base = next;
    putOwn(plan, BASE_KEY, next);
    plan.mustSync = true;
  }

  function planSnapshot(plan: Plan, batch: LedgerBatch): void {
    const { snapshot, compactTo } = batch;
    if (snapshot !== undefined && snapshot !== null) {
      assert(snapshot.index >= snapshotIndex, `snapshot ${snapshot.index} is not older than ${snapshotIndex}`);
      putOwn(plan, SNAPSHOT_KEY, snapshot);
      plan.mustSync = true;
      snapshotIndex = snapshot.index;
      if (compactTo === undefined) {
        plan.unchangedTo = 0;
        dropAfter(plan, base.index);
        rebase(plan, { index: snapshot.index, term: snapshot.term, chain: crc32(`snapshot ${snapshot.index} ${snapshot.term}`, seed) });
      } else {
        assert(snapshot.index <= lastIndex() && snapshot.index >= base.index && termAt(snapshot.index) === snapshot.term, `snapshot ${snapshot.index} was taken from this log`);
      }
    }
    if (compactTo === undefined || compactTo <= base.index) return;
    assert(compactTo <= snapshotIndex && compactTo <= lastIndex(), `entry ${compactTo} is in a snapshot before it is dropped`);
    for (let at = base.index + 1; at <= compactTo; at += 1) plan.operations.push({ type: 'del', key: entryKey(at) });
    const next = { index: compactTo, term: termAt(compactTo), chain: chainAt(compactTo) };
    terms.splice(0, compactTo - base.index);
    chains.splice(0, compactTo - base.index);
    rebase(plan, next);
  }

  function planEntries(plan: Plan, batch: LedgerBatch): void {
    const first = batch.entries?.[0];
    if (batch.entries === undefined || first === undefined) return;
    assert(first.index > base.index && first.index <= lastIndex() + 1, `entry ${first.index} continues a log of ${base.index} to ${lastIndex()}`);
    dropAfter(plan, first.index - 1);
    for (const entry of batch.entries) {
      assert(entry.index === lastIndex() + 1 && entry.term >= termAt(lastIndex()), `entry ${entry.index} follows ${lastIndex()}`);
      const { bytes, chain } = encodeEntry(chainAt(lastIndex()), entry);
      plan.operations.push({ type: 'put', key: entryKey(entry.index), value: bytes });
      terms.push(entry.term);
      chains.push(chain);
    }
    plan.mustSync = true;
  }

  /** Slots first. They are written when term or vote changed, or when the log is about to lose what they promise. */
  async function writeSlots(promise: Pick<HardSlot, 'term' | 'vote'>, plan: Plan): Promise<void> {
    const breaks = hard.tail.index > plan.unchangedTo;
    if (!breaks && promise.term === hard.term && promise.vote === hard.vote) return;
    hard = { ...hard, ...promise, tail: breaks ? NOTHING : hard.tail };
    await slots.write(hard);
  }

  async function writeGroup(group: readonly Waiting[]): Promise<void> {
    const plan: Plan = { operations: [], mustSync: false, unchangedTo: Number.MAX_SAFE_INTEGER };
    let promise: Pick<HardSlot, 'term' | 'vote'> = { term: hard.term, vote: hard.vote };
    for (const { batch } of group) {
      planSnapshot(plan, batch);
      planEntries(plan, batch);
      const next = batch.hardState;
      if (next === undefined || next === null) continue;
      assert(next.term >= promise.term && next.commit <= lastIndex(), `term ${next.term} and commit ${next.commit} go forward within the log`);
      promise = { term: next.term, vote: next.vote };
      commit = Math.max(commit, next.commit);
    }
    assert(termAt(lastIndex()) <= promise.term, `the last entry's term ${termAt(lastIndex())} was promised`);
    // From here on the disk may or may not hold what the slots would be told: tell them nothing until it is done.
    if (durable.index > plan.unchangedTo) durable = NOTHING;
    await writeSlots(promise, plan);
    commit = Math.max(commit, base.index);
    putOwn(plan, COMMIT_KEY, { index: commit });
    await level.batch(plan.operations, { sync: plan.mustSync });
    if (!plan.mustSync) return;
    durable = { index: lastIndex(), chain: chainAt(lastIndex()) };
    tailTimer ??= setTimeout(tellTail, TAIL_DELAY_MS).unref();
  }

  function fail(cause: unknown): ClusterError {
    failure ??= cause instanceof ClusterError && cause.code === 'StoreFailed'
      ? cause
      : new ClusterError('StoreFailed', `could not write the ledger store ${level.location}: nothing more can be promised, the process must end`, { retryable: false, cause });
    return failure;
  }

  /** Tells the slots how far the log is durable, while saves go on; one that takes that away writes them after this. */
  function tellTail(): void {
    tailTimer = null;
    if (failure !== null) return;
    tailWrite = writeTail().catch((error: unknown) => void fail(error)); // Every later save reports it.
  }

  async function writeTail(): Promise<void> {
    if (durable.index === 0 || (durable.index === hard.tail.index && durable.chain === hard.tail.chain)) return;
    hard = { ...hard, tail: durable };
    await slots.write(hard);
  }

  function takeGroup(): Waiting[] {
    let count = 0;
    let entries = 0;
    while (count < waiting.length && entries < GROUP_ENTRIES_MAX) {
      entries += waiting[count]?.batch.entries?.length ?? 0;
      count += 1;
    }
    return waiting.splice(0, count);
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const group = takeGroup();
      try {
        if (failure !== null) throw failure;
        await writeGroup(group);
        for (const one of group) one.resolve();
      } catch (error) {
        const failed = fail(error);
        for (const one of group) one.reject(failed);
      }
    }
    running = null;
  }

  return {
    save: (batch) =>
      new Promise((resolve, reject) => {
        if (failure !== null) return reject(failure);
        if (isClosed) return reject(new ClusterError('StoreClosed', `the ledger store ${level.location} is closed`, { retryable: false }));
        if (waiting.length >= SAVES_WAITING_MAX) return reject(new ClusterError('StoreBusy', `${SAVES_WAITING_MAX} saves wait for ${level.location}`, { retryable: true }));
        waiting.push({ batch, resolve, reject });
        running ??= run();
      }),
    async close() {
      isClosed = true;
      await running;
      if (tailTimer !== null) clearTimeout(tailTimer);
      await tailWrite;
      try {
        if (failure === null) await writeTail();
      } finally {
        await level.close();
      }
    },
  };
}
