/**
 * Where does what lie in etcd, and how is it read back? Names of keys, and the values behind them, checked before anybody believes them.
 */
import * as v from 'valibot';
import { ClusterError } from '../../errors.ts';
import type { MemberId } from '../../ids.ts';
import { parseWith } from '../command-schema.ts';
import type { EntryData } from '../commands.ts';
import { count, memberId } from '../field-schema.ts';

/** The newest snapshot of the log: the state at `index`, in pieces. Entries up to there may be gone. `name`: of whoever wrote it, so that two never mix. */
export interface Base {
  readonly index: number;
  readonly term: number;
  readonly name: string;
  readonly pieces: number;
}

/** The register that every write compares and replaces. */
export interface Head {
  /** Of the last entry. */
  readonly index: number;
  readonly term: number;
  /** Who began the term, and by which name: of one process and one term. A cell that was just founded has no leader. */
  readonly leader: MemberId | null;
  readonly campaign: string;
  /** Grows with each write of a term that carries no entry. */
  readonly beat: number;
  readonly base: Base;
}

/** An entry as it lies in etcd. `id`: of the proposal; null for what opens a term, which carries no command. */
export interface StoredEntry {
  readonly index: number;
  readonly term: number;
  readonly id: string | null;
  readonly data: EntryData | null;
}

/** As many as JavaScript counts exactly. */
const DIGITS = 16;
/** Of the values below. A reader of another version stops. */
const VERSION = 1;

const padded = (index: number): string => String(index).padStart(DIGITS, '0');
const rootOf = (clusterUuid: string): string => `ves/${clusterUuid}/`;

export const headKey = (clusterUuid: string): string => `${rootOf(clusterUuid)}log/head`;
export const entryKey = (clusterUuid: string, index: number): string => `${rootOf(clusterUuid)}log/entry/${padded(index)}`;
export const pieceKey = (clusterUuid: string, base: Pick<Base, 'index' | 'name'>, piece: number): string => `${rootOf(clusterUuid)}snapshot/${padded(base.index)}/${base.name}/${padded(piece)}`;
/** Head and entries. */
export const logRange = (clusterUuid: string): { readonly from: string; readonly to: string } => ({ from: `${rootOf(clusterUuid)}log/`, to: `${rootOf(clusterUuid)}log0` });
/** Entries from `from` on, and before `to` (default: all). */
export const entryRange = (clusterUuid: string, from: number, to?: number): { readonly from: string; readonly to: string } => ({
  from: entryKey(clusterUuid, from), to: to === undefined ? `${rootOf(clusterUuid)}log/entry0` : entryKey(clusterUuid, to),
});
/** Pieces of all snapshots before that of `index`. */
export const olderPieces = (clusterUuid: string, index: number): { readonly from: string; readonly to: string } => ({
  from: `${rootOf(clusterUuid)}snapshot/`, to: `${rootOf(clusterUuid)}snapshot/${padded(index)}/`,
});

const name = v.pipe(v.string(), v.regex(/^[0-9a-z.-]{0,100}$/));
const head = v.object({
  version: v.literal(VERSION), index: count, term: count, leader: v.nullable(memberId), campaign: name, beat: count,
  base: v.object({ index: count, term: count, name, pieces: v.pipe(count, v.minValue(1)) }),
});
const entry = v.object({
  version: v.literal(VERSION), index: count, term: count, id: v.nullable(name),
  // Whether the command in it is one is for `apply`, as with every log.
  data: v.nullable(v.looseObject({})),
});

export const encodeHead = (value: Head): string => JSON.stringify({ version: VERSION, ...value });
export const encodeEntry = (value: StoredEntry): string => JSON.stringify({ version: VERSION, ...value });

/** Throws ClusterError `LedgerDamaged` (not retryable), as the other parsers do: somebody else wrote there. */
export function parseHead(text: string): Head {
  const parsed = parseWith(head, parseJson('the head', text));
  if (parsed.kind === 'invalid') throw damaged('the head', parsed.message);
  const { version: _, ...value } = parsed.value;
  return value;
}

export function parseEntry(text: string): StoredEntry {
  const parsed = parseWith(entry, parseJson('an entry', text));
  if (parsed.kind === 'invalid') throw damaged('an entry', parsed.message);
  const { index, term, id, data } = parsed.value;
  return { index, term, id, data: data as EntryData | null };
}

function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw damaged(what, 'it is no JSON');
  }
}

function damaged(what: string, why: string): ClusterError {
  return new ClusterError('LedgerDamaged', `${what} of the ledger in etcd cannot be read: ${why}`, { retryable: false });
}
