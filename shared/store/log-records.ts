/**
 * How does the log look inside the database, and does what is there fit together?
 *
 *     e0000000000000042  one entry: checksum, space, JSON. The checksum of each runs on from the one before it.
 *     base               what the log begins after: { index, term, chain }
 *     commit             { index }
 *     snapshot           { index, term, conf, data }
 *
 * The chain begins with the store's UUID, so an entry of another store, a missing one, one that was put back from an
 * older copy and one with a flipped bit all break it.
 */
import { crc32 } from 'node:zlib';
import { ClusterError } from '../errors.ts';
import type { Entry, Snapshot } from '../ledger/raft/types.ts';

/** The place that the log begins after: nothing at first, later a snapshot's or the last compacted entry. */
export interface Base {
  readonly index: number;
  readonly term: number;
  /** Checksum of the chain at `index`. */
  readonly chain: number;
}

/** What the slots promise about the log: at least so much of it is there. */
export interface Tail {
  readonly index: number;
  readonly chain: number;
}

/** A log as read from the disk. `chains[i]` is the chain after `entries[i]`. */
export interface ReadLog {
  readonly base: Base;
  readonly snapshot: Snapshot | null;
  readonly commit: number;
  readonly entries: readonly Entry[];
  readonly chains: readonly number[];
}

/** One key and its bytes. */
export type LogRecord = readonly [key: string, value: Uint8Array];

export const BASE_KEY = 'base';
export const COMMIT_KEY = 'commit';
export const SNAPSHOT_KEY = 'snapshot';

/** Thrown inside, told as a reason outside: the log does not fit together. */
export class DamagedLog extends Error {}

const ENTRY_KEY = /^e\d{16}$/;

/** The key of an entry; keys sort like indexes. */
export function entryKey(index: number): string {
  return `e${String(index).padStart(16, '0')}`;
}

/** What the chain of a store begins with. */
export function chainSeed(storeUuid: string): number {
  return crc32(storeUuid);
}

function withChecksum(checksum: number, json: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${checksum.toString(16).padStart(8, '0')} `, 'latin1'), json]);
}

/** A record of its own: its checksum begins with the store and its key. */
export function encodeRecord(seed: number, key: string, value: unknown): Uint8Array {
  const json = Buffer.from(JSON.stringify(value), 'utf8');
  return withChecksum(crc32(json, crc32(key, seed)), json);
}

/** An entry's record, and the chain after it. Throws ClusterError `EntryInvalid` when it is no JSON. */
export function encodeEntry(previous: number, entry: Entry): { readonly bytes: Uint8Array; readonly chain: number } {
  const text = JSON.stringify(entry) as string | undefined;
  if (text === undefined) throw new ClusterError('EntryInvalid', `entry ${entry.index} is no JSON value`, { retryable: false });
  const json = Buffer.from(text, 'utf8');
  const chain = crc32(json, previous);
  return { bytes: withChecksum(chain, json), chain };
}

function decode(bytes: Uint8Array, previous: number, what: string): { readonly value: unknown; readonly chain: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const json = buffer.subarray(9);
  const chain = crc32(json, previous);
  if (buffer.toString('latin1', 0, 9) !== `${chain.toString(16).padStart(8, '0')} `) throw new DamagedLog(`${what}: the checksum does not fit`);
  return { value: JSON.parse(json.toString('utf8')) as unknown, chain };
}

/** Puts the records of one store (in the order of their keys) together. Throws {@link DamagedLog} when they do not fit. */
export function readLog(seed: number, records: Iterable<LogRecord>): ReadLog {
  const own = new Map<string, unknown>();
  const kept: LogRecord[] = [];
  for (const record of records) {
    const [key, bytes] = record;
    if (ENTRY_KEY.test(key)) kept.push(record);
    else if (key === BASE_KEY || key === COMMIT_KEY || key === SNAPSHOT_KEY) own.set(key, decode(bytes, crc32(key, seed), key).value);
    else throw new DamagedLog(`unknown key ${JSON.stringify(key.slice(0, 40))}`);
  }
  const base = own.get(BASE_KEY) as Base | undefined;
  const commit = own.get(COMMIT_KEY) as { readonly index: number } | undefined;
  if (base === undefined || commit === undefined) throw new DamagedLog('the log’s beginning is missing');
  const entries: Entry[] = [];
  const chains: number[] = [];
  let before = base;
  for (const [key, bytes] of kept) {
    const { value, chain } = decode(bytes, before.chain, key);
    const entry = value as Entry;
    if (entry.index !== before.index + 1 || key !== entryKey(entry.index)) throw new DamagedLog(`entry ${key} follows ${before.index}`);
    if (entry.term < before.term) throw new DamagedLog(`entry ${entry.index} has term ${entry.term} after ${before.term}`);
    entries.push(entry);
    chains.push(chain);
    before = { index: entry.index, term: entry.term, chain };
  }
  const snapshot = (own.get(SNAPSHOT_KEY) as Snapshot | undefined) ?? null;
  return { base, snapshot, commit: commit.index, entries, chains };
}

/** Whether a log keeps what the slots promised; the reason if not. */
export function contradiction(log: ReadLog, promised: { readonly term: number; readonly tail: Tail }): string | null {
  const last = log.base.index + log.entries.length;
  const lastTerm = log.entries.at(-1)?.term ?? log.base.term;
  if (lastTerm > promised.term) return `the log has term ${lastTerm}, the slots know only ${promised.term}`;
  if (log.commit > last) return `entry ${log.commit} was committed, the log ends at ${last}`;
  if (log.base.index > (log.snapshot?.index ?? 0)) return `the log begins after ${log.base.index}, the snapshot ends at ${log.snapshot?.index ?? 0}`;
  if (log.snapshot !== null && log.snapshot.index > last) return `the snapshot reaches ${log.snapshot.index}, the log ends at ${last}`;
  const { index, chain } = promised.tail;
  if (index > last) return `entries up to ${index} were stored, the log ends at ${last}`;
  const found = index > log.base.index ? log.chains[index - log.base.index - 1] : index === log.base.index && index > 0 ? log.base.chain : chain;
  return found === chain ? null : `entry ${index} is not the one that was stored`;
}
