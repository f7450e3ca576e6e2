/**
 * Are two members' states the same? A fingerprint of everything in a state, equal on all members at one index (S21).
 *
 * It depends on the values and on the order in which tables are walked (that order decides what later commands do), but
 * not on the order of an object's keys. 64 bits against accidents, not against an enemy.
 */
import type { CellState } from '../model/cell.ts';

/** Two lanes of 32 bits, each a multiply-xor hash with its own odd constant (FNV's and MurmurHash3's). */
class Fingerprint {
  #a = 0x811c9dc5;
  #b = 0x9747b28c;

  add(text: string): void {
    let a = this.#a;
    let b = this.#b;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit ^ (b >>> 15), 0x85ebca6b);
    }
    this.#a = a;
    this.#b = b;
  }

  hex(): string {
    const mixed = (value: number): string => {
      const once = Math.imul(value ^ (value >>> 16), 0xc2b2ae35);
      return ((once ^ (once >>> 13)) >>> 0).toString(16).padStart(8, '0');
    };
    return mixed(this.#a) + mixed(this.#b ^ Math.imul(this.#a, 0x27d4eb2f));
  }
}

/** 16 hex digits. Walks the whole state, but into records only that it has not met: for audits and tests, not for every entry. */
export function hashState(state: CellState): string {
  const fingerprint = new Fingerprint();
  const { nodes, coordinators, images, instances, volumes, tokens, usage, ...rest } = state;
  addValue(fingerprint, rest);
  for (const table of [nodes, coordinators, images, instances, volumes, tokens]) addTable(fingerprint, table.entries());
  // Derived from the others, so its own order decides nothing.
  addTable(fingerprint, sorted(usage.entries()));
  return fingerprint.hex();
}

function addTable(fingerprint: Fingerprint, entries: Iterable<readonly [string, object]>): void {
  fingerprint.add('[');
  for (const [key, record] of entries) fingerprint.add(`${key}:${printOf(record)},`);
  fingerprint.add(']');
}

/** Prints of records that were met before. Records never change in place. */
const PRINTS = new WeakMap<object, string>();

function printOf(record: object): string {
  const known = PRINTS.get(record);
  if (known !== undefined) return known;
  const fingerprint = new Fingerprint();
  addValue(fingerprint, record);
  const print = fingerprint.hex();
  PRINTS.set(record, print);
  return print;
}

function addValue(fingerprint: Fingerprint, value: unknown): void {
  if (value instanceof Map) {
    addValue(fingerprint, sorted(value));
  } else if (Array.isArray(value)) {
    fingerprint.add('[');
    for (const item of value) addValue(fingerprint, item);
    fingerprint.add(']');
  } else if (typeof value === 'object' && value !== null) {
    fingerprint.add('{');
    for (const [key, item] of sorted(Object.entries(value))) {
      fingerprint.add(`${JSON.stringify(key)}:`);
      addValue(fingerprint, item);
    }
    fingerprint.add('}');
  } else {
    fingerprint.add(`${JSON.stringify(value)},`);
  }
}

function sorted<Value>(entries: Iterable<readonly [string, Value]>): readonly (readonly [string, Value])[] {
  return [...entries].toSorted(([left], [right]) => compare(left, right));
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
