/**
 * How does the playground read and write its own files, and what does it tell the user when it cannot?
 */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClusterError } from '../../shared/errors.ts';
import { errorCode, makeDirectory, replaceDurably } from '../../shared/store/durable-file.ts';

/** Replaces a file durably, and makes its directory. Throws ClusterError `DirectoryUnusable`. */
export async function writeText(path: string, text: string, mode = 0o600): Promise<void> {
  try {
    await makeDirectory(dirname(path));
    await replaceDurably(path, Buffer.from(text), mode);
  } catch (cause) {
    throw new ClusterError('DirectoryUnusable', `could not write ${path}: make the directory writable, free some space, or choose another one with --dir`, { retryable: false, cause });
  }
}

/** Writes a value as readable JSON. Throws as {@link writeText}. */
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
