/**
 * What does xenstore hold, and how do its programs answer? A tree of small values, as of xenstored; lost with each boot.
 *
 * Messages and exit codes: xen/tools/xenstore/xenstore_client.c of Xen 4.17.
 */
import type { RunResult } from '../../../shared/world.ts';
import { failed, readOptions, succeeded } from './program.ts';
import type { ReadOptions } from './program.ts';

/** xenstored's default quota of entries per domain is 1000; this is for the whole store. */
const ENTRIES_MAX = 50_000;
/** XENSTORE_PAYLOAD_MAX of xs_wire.h. */
const VALUE_BYTES_MAX = 4_096;

/** The store of one boot. Values are texts by path, at most VALUE_BYTES_MAX long. */
export class Xenstore {
  readonly #values = new Map<string, string>([['', '']]);

  get(path: string): string | null {
    return this.#values.get(canonical(path)) ?? null;
  }

  /** Sets a value and makes the directories above it. False when the store is full or the value too large. */
  set(path: string, value: string): boolean {
    if (value.length > VALUE_BYTES_MAX || this.#values.size >= ENTRIES_MAX) return false;
    const parts = canonical(path).split('/');
    for (let length = 1; length < parts.length; length += 1) {
      const above = parts.slice(0, length).join('/');
      if (!this.#values.has(above)) this.#values.set(above, '');
    }
    this.#values.set(canonical(path), value);
    return true;
  }

  /** Removes the path and all below it; false when it is not there. */
  remove(path: string): boolean {
    const root = canonical(path);
    if (!this.#values.has(root)) return false;
    for (const key of this.#values.keys()) {
      if (key === root || key.startsWith(`${root}/`)) this.#values.delete(key);
    }
    return true;
  }

  /** Names directly below the path, or null when it is not there. */
  list(path: string): readonly string[] | null {
    const root = canonical(path);
    if (!this.#values.has(root)) return null;
    const names: string[] = [];
    for (const key of this.#values.keys()) {
      if (key.startsWith(`${root}/`) && !key.slice(root.length + 1).includes('/')) names.push(key.slice(root.length + 1));
    }
    return names;
  }

  /** Answers `xenstore-read`, `-write`, `-list`, `-ls`, `-exists` and `-rm`. */
  run(argv: readonly string[]): RunResult {
    const program = argv[0] ?? '';
    const read = readOptions(argv.slice(1), OPTIONS[program] ?? { flags: {}, values: {} });
    if ('bad' in read) return failed(1, `${program}: unrecognized option '${read.bad}'\n`);
    const { rest } = read.options;
    switch (program) {
      case 'xenstore-read': return this.#read(rest, read.options);
      case 'xenstore-write': return this.#write(rest);
      case 'xenstore-list': return this.#eachList(rest);
      case 'xenstore-exists': return rest.length > 0 && rest.every((path) => this.get(path) !== null) ? succeeded() : failed(1, '');
      case 'xenstore-ls': return this.#ls(rest[0] ?? '/', read.options.flags.has('full'));
      case 'xenstore-rm': {
        const missing = rest.find((path) => !this.remove(path));
        return missing === undefined ? succeeded() : failed(1, `xenstore-rm: could not remove path ${missing}\n`);
      }
      default: return failed(127, `${program}: command not found\n`);
    }
  }

  #read(paths: readonly string[], options: ReadOptions): RunResult {
    if (paths.length === 0) return failed(1, 'Usage: xenstore-read [-h] [-p] [-s] key [...]\n');
    let stdout = '';
    for (const path of paths) {
      const value = this.get(path);
      if (value === null) return failed(1, `xenstore-read: couldn't read path ${path}\n`, stdout);
      stdout += options.flags.has('prefix') ? `${path}: ${value}\n` : `${value}\n`;
    }
    return succeeded(stdout);
  }

  #write(words: readonly string[]): RunResult {
    if (words.length === 0 || words.length % 2 !== 0) return failed(1, 'Usage: xenstore-write [-h] [-s] key value [...]\n');
    for (let at = 0; at < words.length; at += 2) {
      if (!this.set(words[at] ?? '', words[at + 1] ?? '')) return failed(1, `xenstore-write: could not write path ${words[at]}\n`);
    }
    return succeeded();
  }

  #eachList(paths: readonly string[]): RunResult {
    let stdout = '';
    for (const path of paths) {
      const names = this.list(path);
      if (names === null) return failed(1, `xenstore-list: could not list path ${path}\n`, stdout);
      stdout += names.map((name) => `${name}\n`).join('');
    }
    return succeeded(stdout);
  }

  #ls(path: string, isFull: boolean): RunResult {
    const root = canonical(path);
    if (!this.#values.has(root)) return failed(1, `xenstore-ls: xs_directory (${path}): No such file or directory\n`);
    const lines: string[] = [];
    const walk = (at: string, depth: number): void => {
      for (const name of this.list(at) ?? []) {
        const below = `${at}/${name}`;
        lines.push(`${isFull ? below : ' '.repeat(depth) + name} = "${this.#values.get(below) ?? ''}"\n`);
        walk(below, depth + 1);
      }
    };
    walk(root, 0);
    return succeeded(lines.join(''));
  }
}

const OPTIONS: Readonly<Record<string, { flags: Record<string, string>; values: Record<string, string> }>> = {
  'xenstore-read': { flags: { '-p': 'prefix', '-s': 'socket' }, values: {} },
  'xenstore-write': { flags: { '-s': 'socket' }, values: {} },
  'xenstore-list': { flags: { '-p': 'prefix', '-s': 'socket' }, values: {} },
  'xenstore-ls': { flags: { '-f': 'full', '-s': 'socket' }, values: {} },
  'xenstore-exists': { flags: { '-s': 'socket' }, values: {} },
  'xenstore-rm': { flags: { '-s': 'socket' }, values: {} },
};

/** `/a/b/` is `/a/b`; the root is the empty string. */
function canonical(path: string): string {
  return path.replace(/\/+$/, '');
}
