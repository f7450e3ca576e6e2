/**
 * How does a voter keep its promises through crashes? The ledger's log, and term and vote, on the boot disk.
 *
 *     directory/current/slot.{0,1}   store UUID, term, vote, and how far the log was durable: two checksummed slots
 *     directory/current/log/         entries, snapshot and commit index, in level, each entry chained by checksum
 *     directory/damaged-N/           what could not be trusted any more
 *
 * Order of one save: slots (term and vote) first, then the log in one synced batch. So an entry whose term is above the
 * slots' proves a lost slot, and a commit index or a slot's tail beyond the log's end proves a lost log: level drops the
 * damaged end of its own log without a word, which is why the slots know where the log ended. They are told at most
 * every TAIL_DELAY_MS, aside from the path of saves.
 *
 * Whatever does not fit together means *amnesia*: the old store is set aside and a new one is made with a new UUID,
 * so that the voter of the old one never votes again (SAFETY.md 3.2). A store that is simply gone is new, for the
 * same reason.
 */
import { access, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, ClusterError, describeError } from '../errors.ts';
import type { Entry, HardState, Snapshot } from '../ledger/raft/types.ts';
import { makeDirectory, slotDisk, syncDirectory } from './durable-file.ts';
import type { SlotDisk } from './durable-file.ts';
import { createLedgerWriter } from './ledger-writer.ts';
import type { HardSlot, LedgerBatch, LedgerWriter } from './ledger-writer.ts';
import { BASE_KEY, chainSeed, COMMIT_KEY, contradiction, DamagedLog, encodeRecord, readLog } from './log-records.ts';
import type { LogRecord, ReadLog } from './log-records.ts';
import { openLevel, unwritable } from './open-level.ts';
import type { ByteLevel } from './open-level.ts';
import { setAside } from './set-aside.ts';
import { openSlots } from './slot-file.ts';
import type { Slots } from './slot-file.ts';

/** What was found at opening. */
export type LoadedLedger =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'loaded'; readonly hardState: HardState; readonly snapshot: Snapshot | null; readonly entries: readonly Entry[] }
  /** What was there cannot be trusted; it lies in `keptAt` now, and the store is as good as fresh. */
  | { readonly kind: 'amnesia'; readonly reason: string; readonly keptAt: string };

/** A voter's storage. One process at a time. */
export interface LedgerStore {
  /** UUID that the store was made with: names the voter (ids.ts, `voterIdOf`). */
  readonly storeUuid: string;
  readonly loaded: LoadedLedger;
  /**
   * Durable when resolved. Saves keep their order; those that wait for the disk together share one batch. Rejects with
   * ClusterError `StoreFailed` (not retryable) once anything could not be written, and so does every later save: the
   * process must end. `StoreBusy` (retryable, nothing was written) when too many wait.
   */
  save(batch: LedgerBatch): Promise<void>;
  /** Finishes what waits, then lets go of the store. */
  close(): Promise<void>;
}

/** Options of {@link openLedgerStore}. */
export interface LedgerStoreOptions {
  /** A new random UUID. */
  readonly newStoreUuid: () => string;
  /** Where the slots are written; tests give one that fails. */
  readonly disk?: SlotDisk;
}

interface Opened {
  readonly level: ByteLevel;
  readonly slots: Slots;
  readonly hard: HardSlot;
  readonly log: ReadLog;
}

const CURRENT = 'current';

/**
 * Opens the store below `directory`, or makes one. Throws ClusterError `StoreLocked` when another process has it open,
 * `StoreUnwritable` when the directory cannot be used.
 */
export async function openLedgerStore(directory: string, options: LedgerStoreOptions): Promise<LedgerStore> {
  const disk = options.disk ?? slotDisk;
  try {
    await makeDirectory(directory);
  } catch (cause) {
    throw unwritable(directory, cause);
  }
  if (!(await exists(join(directory, CURRENT)))) {
    await create(directory, options.newStoreUuid(), disk);
    return asStore(await mustOpen(directory, disk), { kind: 'fresh' });
  }
  const opened = await open(directory, disk);
  if (!('reason' in opened)) {
    const { hard, log } = opened;
    const hardState = { term: hard.term, vote: hard.vote, commit: log.commit };
    return asStore(opened, { kind: 'loaded', hardState, snapshot: log.snapshot, entries: log.entries });
  }
  const keptAt = await setAside(directory, CURRENT).catch((cause: unknown) => {
    throw unwritable(directory, cause);
  });
  await create(directory, options.newStoreUuid(), disk);
  return asStore(await mustOpen(directory, disk), { kind: 'amnesia', reason: opened.reason, keptAt });
}

function asStore(opened: Opened, loaded: LoadedLedger): LedgerStore {
  const writer: LedgerWriter = createLedgerWriter(opened.level, opened.slots, opened.hard, opened.log);
  return { storeUuid: opened.hard.storeUuid, loaded, save: (batch) => writer.save(batch), close: () => writer.close() };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/** Makes a whole store under another name and renames it: there is never half a store. */
async function create(directory: string, storeUuid: string, disk: SlotDisk): Promise<void> {
  const path = join(directory, 'new');
  try {
    await rm(path, { recursive: true, force: true });
    await makeDirectory(path);
    const opened = await openLevel(join(path, 'log'), { create: true });
    if (opened.kind === 'damaged') throw new Error(opened.reason);
    const seed = chainSeed(storeUuid);
    await opened.level.batch(
      [
        { type: 'put', key: BASE_KEY, value: encodeRecord(seed, BASE_KEY, { index: 0, term: 0, chain: seed }) },
        { type: 'put', key: COMMIT_KEY, value: encodeRecord(seed, COMMIT_KEY, { index: 0 }) },
      ],
      { sync: true },
    );
    await opened.level.close();
    const hard: HardSlot = { storeUuid, term: 0, vote: null, tail: { index: 0, chain: 0 } };
    await (await openSlots(path, 'slot', disk)).write(hard);
    await rename(path, join(directory, CURRENT));
    await syncDirectory(directory);
  } catch (cause) {
    if (cause instanceof ClusterError && cause.code !== 'StoreFailed') throw cause;
    throw unwritable(directory, cause);
  }
}

async function mustOpen(directory: string, disk: SlotDisk): Promise<Opened> {
  const opened = await open(directory, disk);
  assert(!('reason' in opened), `a new ledger store in ${directory} can be read`);
  return opened;
}

/** Opens and checks everything. The database comes first: its lock keeps other processes out. */
async function open(directory: string, disk: SlotDisk): Promise<Opened | { readonly reason: string }> {
  const path = join(directory, CURRENT);
  const opened = await openLevel(join(path, 'log'), { create: false });
  if (opened.kind === 'damaged') return { reason: opened.reason };
  const reason = await check(path, opened.level, disk);
  if (typeof reason !== 'string') return reason;
  await opened.level.close();
  return { reason };
}

async function check(path: string, level: ByteLevel, disk: SlotDisk): Promise<Opened | string> {
  const slots = await openSlots(path, 'slot', disk);
  if (slots.found.kind === 'empty') return 'the slot files are missing';
  if (slots.found.kind === 'damaged') return `the slot files are damaged: ${slots.found.reason}`;
  const hard = slots.found.value as HardSlot;
  try {
    const records: LogRecord[] = [];
    for await (const [key, value] of level.iterator()) records.push([key, value]);
    const log = readLog(chainSeed(hard.storeUuid), records);
    return contradiction(log, hard) ?? { level, slots, hard, log };
  } catch (error) {
    return error instanceof DamagedLog ? error.message : `the log cannot be read: ${describeError(error)}`;
  }
}
