/**
 * What did the coordinator last know of the ledger? A copy that can be lost: state, applied index, and the latest events.
 *
 * Nothing here is the truth, so nothing is synced, and damage only costs time: the directory is emptied, a log fact says
 * why, and the ledger fills it again.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describeError } from '../errors.ts';
import type { Log } from '../world.ts';
import { makeDirectory } from './durable-file.ts';
import { openLevel, unwritable } from './open-level.ts';
import type { ByteLevel } from './open-level.ts';

/** What every event has: its place in the ledger (shared/model/event.ts, `CellEvent`). */
export interface Placed {
  readonly index: number;
  readonly ordinal: number;
}

/** A state with the ledger index that it is true at. JSON. */
export interface Projection<State> {
  readonly appliedIndex: number;
  readonly state: State;
}

/** The copy. One process at a time. */
export interface ProjectionStore<State, Event extends Placed> {
  /** Null: nothing usable was there. */
  readonly loaded: Projection<State> | null;
  /** Replaces state and index at once. */
  saveState(projection: Projection<State>): Promise<void>;
  /** Adds events (the same ones again change nothing) and drops the oldest beyond the bound. */
  appendEvents(events: readonly Event[]): Promise<void>;
  /** Events after a place (exclusive; null: from the oldest), oldest first, at most `limit`. */
  readEvents(after: Placed | null, limit: number): Promise<readonly Event[]>;
  /** The latest events, oldest first, at most `limit`. */
  latestEvents(limit: number): Promise<readonly Event[]>;
  close(): Promise<void>;
}

/** Options of {@link openProjectionStore}. */
export interface ProjectionStoreOptions {
  readonly log: Log;
  /** How many events are kept. Default 10 000. */
  readonly eventsMax?: number;
}

const STATE_KEY = 'state';
const EVENTS_FROM = 'v';
const EVENTS_TO = 'w';

const eventKey = ({ index, ordinal }: Placed): string => `v${String(index).padStart(16, '0')}.${String(ordinal).padStart(6, '0')}`;

function encode(value: unknown): Uint8Array {
  const json = Buffer.from(JSON.stringify(value), 'utf8');
  return Buffer.concat([Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} `, 'latin1'), json]);
}

function decode(key: string, bytes: Uint8Array): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const json = buffer.subarray(9);
  if (buffer.toString('latin1', 0, 9) !== `${crc32(json).toString(16).padStart(8, '0')} `) throw new Error(`${key}: the checksum does not fit`);
  return JSON.parse(json.toString('utf8')) as unknown;
}

interface Read<State> {
  readonly level: ByteLevel;
  readonly loaded: Projection<State> | null;
  readonly eventKeys: string[];
}

/** Reads everything once, so that damage shows now and not in the middle of an answer. */
async function read<State>(path: string, create: boolean): Promise<Read<State> | string> {
  const opened = await openLevel(path, { create });
  if (opened.kind === 'damaged') return opened.reason;
  try {
    let loaded: Projection<State> | null = null;
    const eventKeys: string[] = [];
    for await (const [key, bytes] of opened.level.iterator()) {
      const value = decode(key, bytes);
      if (key === STATE_KEY) loaded = value as Projection<State>;
      else eventKeys.push(key);
    }
    return { level: opened.level, loaded, eventKeys };
  } catch (error) {
    await opened.level.close();
    return describeError(error);
  }
}

async function readOrRenew<State>(directory: string, log: Log): Promise<Read<State>> {
  const path = join(directory, 'projection');
  try {
    await makeDirectory(path);
  } catch (cause) {
    throw unwritable(path, cause);
  }
  const isNew = !(await hasDatabase(path));
  const first = await read<State>(path, isNew);
  if (typeof first !== 'string') return first;
  log.write({ event: 'projectionRebuilt', directory: path, reason: first });
  await rm(path, { recursive: true, force: true });
  const second = await read<State>(path, true);
  if (typeof second === 'string') throw unwritable(path, new Error(second));
  return second;
}

async function hasDatabase(path: string): Promise<boolean> {
  return (await readdir(path)).length > 0;
}

/** Opens (or makes, or remakes) the copy. Throws ClusterError `StoreLocked` or `StoreUnwritable`. */
export async function openProjectionStore<State, Event extends Placed>(directory: string, options: ProjectionStoreOptions): Promise<ProjectionStore<State, Event>> {
  const eventsMax = options.eventsMax ?? 10_000;
  const { level, loaded, eventKeys } = await readOrRenew<State>(directory, options.log);
  let writing: Promise<void> = Promise.resolve();

  async function append(events: readonly Event[]): Promise<void> {
    const known = eventKeys.at(-1) ?? '';
    const fresh = events.map((event) => ({ key: eventKey(event), event })).filter(({ key }) => key > known);
    const dropped = [...eventKeys, ...fresh.map(({ key }) => key)].slice(0, Math.max(0, eventKeys.length + fresh.length - eventsMax));
    await level.batch([
      ...fresh.map(({ key, event }) => ({ type: 'put' as const, key, value: encode(event) })),
      ...dropped.map((key) => ({ type: 'del' as const, key })),
    ]);
    eventKeys.push(...fresh.map(({ key }) => key));
    eventKeys.splice(0, dropped.length);
  }

  async function collect(range: { gt?: string; gte?: string; limit: number; reverse: boolean }): Promise<Event[]> {
    const events: Event[] = [];
    for await (const [key, bytes] of level.iterator({ ...range, lt: EVENTS_TO })) events.push(decode(key, bytes) as Event);
    return events;
  }

  return {
    loaded,
    saveState: (projection) => level.put(STATE_KEY, encode(projection)),
    appendEvents(events) {
      const done = writing.then(() => append(events));
      writing = done.catch(() => undefined);
      return done;
    },
    readEvents: (after, limit) => collect({ ...(after === null ? { gte: EVENTS_FROM } : { gt: eventKey(after) }), limit, reverse: false }),
    latestEvents: async (limit) => (await collect({ gte: EVENTS_FROM, limit, reverse: true })).toReversed(),
    async close() {
      await writing;
      await level.close();
    },
  };
}
