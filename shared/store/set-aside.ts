/**
 * Where does a damaged store go? Beside the new one, kept for study, at most three of them.
 */
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from './durable-file.ts';

/** How many damaged stores are kept. */
const DAMAGED_KEPT_MAX = 3;

const NAME = /^damaged-(\d{1,9})$/;

/** Renames `directory/name` to `directory/damaged-N`, drops the oldest ones, and returns the new path. */
export async function setAside(directory: string, name: string): Promise<string> {
  const numbers: number[] = [];
  for (const entry of await readdir(directory)) {
    const match = NAME.exec(entry);
    if (match !== null) numbers.push(Number(match[1]));
  }
  numbers.sort((a, b) => a - b);
  const path = join(directory, `damaged-${(numbers.at(-1) ?? 0) + 1}`);
  await rename(join(directory, name), path);
  await syncDirectory(directory);
  for (const old of numbers.slice(0, Math.max(0, numbers.length + 1 - DAMAGED_KEPT_MAX))) {
    await rm(join(directory, `damaged-${old}`), { recursive: true, force: true });
  }
  return path;
}
