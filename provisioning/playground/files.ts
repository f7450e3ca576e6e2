/**
 * How does the playground write small files so that neither a crash nor a full disk leaves half of one?
 */
import { randomBytes, randomInt } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClusterError } from '../../shared/errors.ts';
import { errorCode, makeDirectory, replaceDurably } from '../../shared/store/durable-file.ts';
import type { Chance, Files } from '../../shared/world.ts';

/** Unpredictable: keys are made from it. */
export const chance: Chance = {
  next: () => randomInt(2 ** 47) / 2 ** 47,
  bytes: (count) => new Uint8Array(randomBytes(count)),
};

/** Replaces a file durably, and makes its directory. Throws ClusterError `DirectoryUnusable`. */
export async function writeText(path: string, text: string, mode = 0o600): Promise<void> {
  try {
    await makeDirectory(dirname(path));
    await replaceDurably(path, Buffer.from(text), mode);
  } catch (cause) {
    throw new ClusterError('DirectoryUnusable', `could not write ${path}: make the directory writable, free some space, or choose another one with --dir`, { retryable: false, cause });
  }
}

export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeText(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** A file's text, or null when there is none. Throws ClusterError `DirectoryUnusable` when it cannot be read. */
export async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return null;
    throw new ClusterError('DirectoryUnusable', `could not read ${path}: check who may read it`, { retryable: false, cause });
  }
}

/** The `Files` port below a directory, as shared/net wants it for keys. */
export function filesBelow(root: string): Files {
  const absolute = (path: string): string => join(root, path);
  return {
    absolute,
    read: async (path) => await readText(absolute(path)),
    writeDurably: async (path, text, mode) => await writeText(absolute(path), text, mode),
    remove: async (path) => await rm(absolute(path), { force: true, recursive: true }),
    list: async (path) => await readdir(absolute(path)),
  };
}
