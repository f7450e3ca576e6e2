/**
 * How does a test ask the keeper in C? It compiles check.c with the keeper's own sources: as it is shipped, and once more
 * with the compiler's own checks of memory and arithmetic.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KEEPER_FLAGS, KEEPER_SOURCES, keeperSources } from '../../../../../provisioning/build-keeper.mjs';
import { seededChance } from '../../../../../shared/random.ts';
import { ROOT } from '../../../../support/tree.ts';

const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
const BUILDS = {
  'as shipped': [],
  'with sanitizers': ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
} as const;
/** A build of the keeper's parts. */
export type BuildName = keyof typeof BUILDS;
export const BUILD_NAMES: readonly BuildName[] = ['as shipped', 'with sanitizers'];

/** Why there is nothing to ask here; null where there is a compiler. */
export const noCompiler: string | null = spawnSync('cc', ['-x', 'c', '-fsyntax-only', '-'], { input: '#include <stdio.h>\n' }).status === 0 ? null : 'there is no C compiler here';

/** Compiles C files of the keeper, or of a test, with the flags of that build. Throws with the compiler's words. */
export function compileNative(output: string, files: readonly string[], build: BuildName, flags: readonly string[] = []): void {
  const ran = spawnSync('cc', [...KEEPER_FLAGS, ...BUILDS[build], ...flags, '-I', join(ROOT, KEEPER_SOURCES), '-o', output, ...files, '-lm'], { encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(`cc: ${ran.error?.message ?? ran.stderr}`);
}

/** The keeper's C files but its main. */
export function keeperParts(): string[] {
  return keeperSources(ROOT).filter((file) => file.endsWith('.c') && !file.endsWith('/main.c'));
}

/** The check, compiled when it is first asked. */
export class NativeCheck {
  readonly #directory = mkdtempSync(join(tmpdir(), 'keeper-check-'));
  readonly #build: BuildName;
  #isBuilt = false;

  constructor(build: BuildName) {
    this.#build = build;
  }

  /** The answers, one for each question. Throws when it died, with what the sanitizers said. */
  ask(questions: readonly string[]): readonly string[] {
    if (!this.#isBuilt) compileNative(this.#file(), [join(import.meta.dirname, 'check.c'), ...keeperParts()], this.#build);
    this.#isBuilt = true;
    const ran = spawnSync(this.#file(), { input: questions.map((question) => `${question}\n`).join(''), encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX });
    if (ran.status !== 0) throw new Error(`the check ended with ${ran.signal ?? ran.status}: ${ran.stderr.slice(0, 4_000)}`);
    const answers = ran.stdout.split('\n').slice(0, -1);
    if (answers.length !== questions.length) throw new Error(`${answers.length} answers to ${questions.length} questions`);
    return answers;
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #file(): string {
    return join(this.#directory, 'check');
  }
}

/** Bytes, or the UTF-8 of a text, as the check takes them. */
export function hexOf(value: string | Uint8Array): string {
  return Buffer.from(value).toString('hex');
}

/** Repeatable choices. */
export class Choices {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededChance(seed).next;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  pick<Value>(values: readonly Value[]): Value {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('nothing to choose from');
    return value;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
