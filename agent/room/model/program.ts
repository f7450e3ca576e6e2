/**
 * How does a simulated program answer? Exit code and text, after it read its options as the real one would.
 *
 * An option that the real program does not have, or that the room does not model, fails; nothing is ever a silent success.
 */
import type { RunResult } from '../../../shared/world.ts';

/** A program that ended well, with what it printed. */
export function succeeded(stdout = '', stderr = ''): RunResult {
  return { exitCode: 0, stdout, stderr };
}

/** A program that failed. `stderr` ends with a line feed, as programs print it. */
export function failed(exitCode: number, stderr: string, stdout = ''): RunResult {
  return { exitCode, stdout, stderr };
}

/** Which options a program takes: short and long names with their meaning. */
export interface OptionTable {
  /** Options without a value: name as typed (`-y`, `--yes`) to canonical name. */
  readonly flags: Readonly<Record<string, string>>;
  /** Options with a value. */
  readonly values: Readonly<Record<string, string>>;
}

/** A command line after it was read. */
export interface ReadOptions {
  readonly flags: ReadonlySet<string>;
  readonly values: Readonly<Record<string, string | undefined>>;
  /** Options that may be given several times, in order. */
  readonly all: readonly { readonly name: string; readonly value: string }[];
  readonly rest: readonly string[];
}

/** Reads a command line in getopt's way: `-n NAME`, `-nNAME`, `--name NAME`, `--name=NAME`. Null, with the option, when it is unknown or lacks its value. */
export function readOptions(argv: readonly string[], table: OptionTable): { readonly options: ReadOptions } | { readonly bad: string } {
  const flags = new Set<string>();
  const values: Record<string, string> = {};
  const all: { name: string; value: string }[] = [];
  const rest: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (!word.startsWith('-') || word === '-') {
      rest.push(word);
      continue;
    }
    const { name, attached } = splitOption(word);
    const flag = attached === null ? table.flags[word] ?? table.flags[name] : table.flags[word];
    if (flag !== undefined) {
      flags.add(flag);
      continue;
    }
    const valued = table.values[name];
    if (valued === undefined) return { bad: word };
    const value = attached ?? argv[(at += 1)];
    if (value === undefined) return { bad: word };
    values[valued] = value;
    all.push({ name: valued, value });
  }
  return { options: { flags, values, all, rest } };
}

function splitOption(word: string): { name: string; attached: string | null } {
  if (word.startsWith('--')) {
    const equals = word.indexOf('=');
    return equals < 0 ? { name: word, attached: null } : { name: word.slice(0, equals), attached: word.slice(equals + 1) };
  }
  return word.length > 2 ? { name: word.slice(0, 2), attached: word.slice(2) } : { name: word, attached: null };
}
