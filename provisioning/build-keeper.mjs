/**
 * Is there a keeper in C for this machine, and if not, what makes it so?
 *
 * The program lies under node_modules/.cache, in a directory named after its sources and flags: a change of either makes another
 * one, and nothing has to be compared. It is compiled beside its place and renamed, so several processes may build it at once.
 * Plain JavaScript without dependencies, as setup.mjs, which calls this.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Where the sources are, from the checkout's root. */
export const KEEPER_SOURCES = 'agent/keeper/native';

/** Warnings are errors; no contraction: the arithmetic of a lease is the same on every processor, and in TypeScript. */
export const KEEPER_FLAGS = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-O2', '-ffp-contract=off'];
const LIBRARIES = ['-lm'];

/** A probe takes 0.1 s, the compiler some seconds on a slow machine. */
const COMPILE_MS_MAX = 120_000;
const LINES_MAX = 15;

/**
 * @typedef {{ kind: 'present' | 'built' }
 *   | { kind: 'noCompiler', words: string }
 *   | { kind: 'failed', words: string }} BuildOutcome
 */

/** @param {string} root @returns {string[]} */
export function keeperSources(root) {
  const directory = join(root, KEEPER_SOURCES);
  return existsSync(directory) ? readdirSync(directory).filter((name) => /\.[ch]$/.test(name)).toSorted().map((name) => join(directory, name)) : [];
}

/**
 * Where the program of exactly these sources is, or would be.
 *
 * @param {string} root the checkout's folder
 */
export function keeperPath(root) {
  const hash = createHash('sha256').update([process.platform, process.arch, ...KEEPER_FLAGS].join(' '));
  for (const file of keeperSources(root)) hash.update(`\0${file.slice(root.length)}\0`).update(readFileSync(file));
  return join(root, 'node_modules/.cache/ves-keeper', hash.digest('hex').slice(0, 16), 'ves-keeper');
}

/** @param {string[]} args @param {string} [input] */
function compile(args, input) {
  return spawnSync(process.env['CC'] ?? 'cc', args, { input, encoding: 'utf8', timeout: COMPILE_MS_MAX, stdio: ['pipe', 'ignore', 'pipe'] });
}

/**
 * Which way of linking works here: static, which needs no library while it runs and is the smallest; null when there is no
 * compiler, or one without the C library's headers.
 *
 * @returns {string[] | null}
 */
function linkFlags() {
  const program = '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n';
  for (const flags of [['-static'], []]) {
    if (compile([...flags, '-x', 'c', '-o', '/dev/null', '-'], program).status === 0) return flags;
  }
  return null;
}

/**
 * Builds the keeper unless that is done already.
 *
 * @param {string} root
 * @returns {BuildOutcome}
 */
export function buildKeeper(root) {
  const path = keeperPath(root);
  if (existsSync(path)) return { kind: 'present' };
  const link = process.platform === 'linux' ? linkFlags() : null;
  if (link === null) return { kind: 'noCompiler', words: 'there is no C compiler here: the keepers run on Node.js, and each takes 55 MiB more. On Debian: apt-get install gcc libc6-dev' };
  mkdirSync(join(path, '..'), { recursive: true });
  const draft = `${path}.${process.pid}`;
  const sources = keeperSources(root).filter((file) => file.endsWith('.c'));
  const result = compile([...KEEPER_FLAGS, ...link, '-o', draft, ...sources, ...LIBRARIES]);
  if (result.status !== 0) {
    rmSync(draft, { force: true });
    return { kind: 'failed', words: `the keeper cannot be compiled:\n  ${(result.error?.message ?? result.stderr).trim().split('\n').slice(0, LINES_MAX).join('\n  ')}` };
  }
  renameSync(draft, path);
  return { kind: 'built' };
}
