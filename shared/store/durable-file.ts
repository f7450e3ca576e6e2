/**
 * How is a small file replaced so that neither a crash nor a power cut leaves half of it?
 *
 * Temporary file, fsync, rename, fsync of the directory: after that the new bytes are there, before that the old ones.
 */
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What a slot needs of a disk. Tests give one that fails. */
export interface SlotDisk {
  /** The file's bytes, or null when there is none. */
  read(path: string): Promise<Uint8Array | null>;
  /** Replaces the file; durable when resolved. */
  replace(path: string, bytes: Uint8Array): Promise<void>;
}

/**
 * Replaces a file durably, mode 0600 unless told otherwise. One writer of a path at a time, so that a crash leaves at
 * most one temporary file; who cannot promise that gives a `temporary` of its own. Throws what the file system throws.
 */
export async function replaceDurably(path: string, bytes: Uint8Array, mode = 0o600, temporary = `${path}.tmp`): Promise<void> {
  try {
    const file = await open(temporary, 'w', mode);
    try {
      await file.writeFile(bytes);
      await file.chmod(mode);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // The disk may have just gone away: what counts is the first failure.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Makes a directory (and those above it), only for its owner; durable. Existing ones are left as they are. */
export async function makeDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncDirectory(dirname(made));
}

/** The file's bytes, or null when there is none. */
async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The stable code that Node.js and level put on their errors, or an empty string. */
export function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The machine's disk. */
export const slotDisk: SlotDisk = { read: readIfThere, replace: (path, bytes) => replaceDurably(path, bytes) };
