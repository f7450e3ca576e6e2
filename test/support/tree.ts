/**
 * Which files make up this checkout?
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's folder. */
export const ROOT = resolve(fileURLToPath(import.meta.url), '../../..');

/** Folders that hold code. ARCHITECTURE.md fixes them. */
export const TOP_FOLDERS = ['agent', 'coordinator', 'provisioning', 'shared', 'test'];

/** All files that git tracks or would add, relative to the root. Needs git and a work tree. */
export function listFiles(): string[] {
  const output = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' });
  const files = output.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)));
  return [...new Set(files)].toSorted();
}

/** Files with code that people wrote, without the recorded faults in the house tests' fixtures. */
export function listSources(): string[] {
  return listFiles().filter((path) => /\.(ts|mjs)$/.test(path) && !path.startsWith('test/unit/house/fixtures/'));
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
