/**
 * How is the whole state carried to another disk or member? As one JSON value, and back, with nothing lost.
 *
 * A decoded state behaves like the one it was made from: tables keep their order, and what is derived is derived again.
 */
import { ClusterError } from '../errors.ts';
import type { CellState } from '../model/cell.ts';
import { Table } from '../table.ts';
import { recomputeUsage } from './capacity.ts';
import { parseWith } from './command-schema.ts';
import { snapshot, SNAPSHOT_VERSION } from './record-schema.ts';

/** The state as a JSON value. It shares records with the state: treat it as immutable. */
export function encodeSnapshot(state: CellState): unknown {
  const { usage: _, ...kept } = state;
  return {
    ...kept,
    version: SNAPSHOT_VERSION,
    nodes: [...state.nodes.entries()],
    coordinators: [...state.coordinators.entries()],
    images: [...state.images.entries()],
    instances: [...state.instances.entries()],
    volumes: [...state.volumes.entries()],
    tokens: [...state.tokens.entries()],
  };
}

/** Reads a state back. Throws ClusterError `SnapshotInvalid` (not retryable) for anything that `encodeSnapshot` does not make. */
export function decodeSnapshot(value: unknown): CellState {
  const parsed = parseWith(snapshot, value);
  if (parsed.kind === 'invalid') throw invalid(parsed.message);
  const { version: _, nodes, coordinators, images, instances, volumes, tokens, ...rest } = parsed.value;
  const state = {
    ...rest,
    nodes: table('nodes', nodes), coordinators: table('coordinators', coordinators), images: table('images', images),
    instances: table('instances', instances), volumes: table('volumes', volumes), tokens: tableOf('tokens', tokens),
  };
  return { ...state, usage: recomputeUsage(state, Table.empty()) };
}

/** A table of records that carry their own id: it must be their key. */
function table<Key extends string, Value extends { readonly id: Key }>(name: string, entries: readonly (readonly [Key, Value])[]): Table<Key, Value> {
  const wrong = entries.find(([key, record]) => key !== record.id);
  if (wrong !== undefined) throw invalid(`${name}: ${wrong[0]} is the key of ${wrong[1].id}`);
  return tableOf(name, entries);
}

function tableOf<Key extends string, Value>(name: string, entries: readonly (readonly [Key, Value])[]): Table<Key, Value> {
  const made = Table.from(entries);
  if (made.size !== entries.length) throw invalid(`${name}: a key occurs twice`);
  return made;
}

function invalid(what: string): ClusterError {
  return new ClusterError('SnapshotInvalid', `not a snapshot of a cell's state: ${what}`, { retryable: false });
}
