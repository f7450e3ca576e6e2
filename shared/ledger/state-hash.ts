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

  addText(text: string): void {
    let a = this.#a;
    let b = this.#b;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit ^ (b >>> 15), 0x85ebca6b);
    }
    // Where one text ends and the next begins.
    this.#add(text.length, ~text.length, a, b);
  }

  /** What `other` says, as one part of what this one says. */
  addPrint(other: Fingerprint): void {
    this.#add(mixed(other.#a), mixed(other.#b), this.#a, this.#b);
  }

  /** As `addPrint`, but in whatever order such parts come. */
  addUnordered(other: Fingerprint): void {
    this.#a = (this.#a + mixed(other.#a)) | 0;
    this.#b = (this.#b + mixed(other.#b ^ Math.imul(other.#a, 0x27d4eb2f))) | 0;
  }

  hex(): string {
    const digits = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');
    return digits(mixed(this.#a)) + digits(mixed(this.#b ^ Math.imul(this.#a, 0x27d4eb2f)));
  }

  #add(left: number, right: number, a: number, b: number): void {
    this.#a = Math.imul(a ^ left ^ (a >>> 13), 0x01000193);
    this.#b = Math.imul(b ^ right ^ (b >>> 15), 0x85ebca6b);
  }
}

function mixed(value: number): number {
  const once = Math.imul(value ^ (value >>> 16), 0xc2b2ae35);
  return once ^ (once >>> 13);
}

/** 16 hex digits. Walks the whole state, but into records only that it has not met: for audits and tests, not for every entry. */
export function hashState(state: CellState): string {
  const fingerprint = new Fingerprint();
  const { nodes, coordinators, images, instances, volumes, tokens, usage, ...rest } = state;
  addValue(fingerprint, rest);
  for (const table of [nodes, coordinators, images, instances, volumes, tokens]) {
    for (const [key, record] of table.entries()) {
      fingerprint.addText(key);
      fingerprint.addPrint(printOf(record));
    }
    fingerprint.addText('end');
  }
  // Derived from the others, so its own order decides nothing.
  for (const [node, sums] of usage.entries()) fingerprint.addUnordered(fieldPrint(node, sums));
  return fingerprint.hex();
}

/** Prints of records, and of lists in them, that were met before. What a state holds never changes in place. */
const PRINTS = new WeakMap<object, Fingerprint>();

function printOf(value: object): Fingerprint {
  const known = PRINTS.get(value);
  if (known !== undefined) return known;
  const print = walk(value);
  PRINTS.set(value, print);
  return print;
}

function walk(value: object): Fingerprint {
  const print = new Fingerprint();
  if (Array.isArray(value)) {
    print.addText('list');
    for (const item of value) addValue(print, item);
  } else if (value instanceof Map) {
    print.addText('map');
    for (const [key, item] of value) print.addUnordered(fieldPrint(String(key), item));
  } else {
    print.addText('record');
    for (const key of Object.keys(value)) print.addUnordered(fieldPrint(key, (value as Readonly<Record<string, unknown>>)[key]));
  }
  return print;
}

function fieldPrint(key: string, value: unknown): Fingerprint {
  const print = new Fingerprint();
  print.addText(key);
  addValue(print, value);
  return print;
}

function addValue(fingerprint: Fingerprint, value: unknown): void {
  switch (typeof value) {
    case 'string':
      fingerprint.addText('text');
      fingerprint.addText(value);
      return;
    case 'object':
      if (value === null) fingerprint.addText('null');
      else fingerprint.addPrint(Array.isArray(value) ? printOf(value) : walk(value));
      return;
    default:
      fingerprint.addText(String(value));
  }
}
