/**
 * Can this level database be opened, and if not, why? Says apart: used by another process, not writable, damaged.
 */
import { Level } from 'level';
import { ClusterError, describeError } from '../errors.ts';
import { errorCode } from './durable-file.ts';

/** A database of raw bytes. */
export type ByteLevel = Level<string, Uint8Array>;

/** How opening ended. */
export type OpenedLevel = { readonly kind: 'open'; readonly level: ByteLevel } | { readonly kind: 'damaged'; readonly reason: string };

/** Problems of the machine and not of the data: moving the data aside would help nobody. */
const MACHINE_TROUBLE = /permission denied|read-only file system|no space left|too many open files|input\/output error|quota exceeded|not a directory/i;

/** The error for a directory that cannot be used at all. */
export function unwritable(path: string, cause: unknown): ClusterError {
  return new ClusterError('StoreUnwritable', `cannot write to ${path}: make the directory writable, free some space, or choose another one`, { retryable: false, cause });
}

/**
 * Opens a level database; `create` allows making a new one. Throws ClusterError `StoreLocked` when another process has
 * it open and `StoreUnwritable` when the machine does not let us; damage is a value.
 */
export async function openLevel(path: string, options: { readonly create: boolean }): Promise<OpenedLevel> {
  const level: ByteLevel = new Level(path, { keyEncoding: 'utf8', valueEncoding: 'view', createIfMissing: options.create, errorIfExists: options.create });
  try {
    await level.open();
    return { kind: 'open', level };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (errorCode(cause) === 'LEVEL_LOCKED') {
      throw new ClusterError('StoreLocked', `the store ${path} is in use by another process: stop that one first, or use another directory`, { retryable: false, cause: error });
    }
    if (MACHINE_TROUBLE.test(describeError(error))) throw unwritable(path, error);
    return { kind: 'damaged', reason: describeError(cause) };
  }
}
