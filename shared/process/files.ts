/**
 * How does a process keep its few small files? The `Files` port below one directory, each replaced durably.
 */
import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, normalize, resolve } from 'node:path';
import { ClusterError } from '../errors.ts';
import { errorCode, makeDirectory, replaceDurably, syncDirectory } from '../store/durable-file.ts';
import type { Files } from '../world.ts';

/** Largest file that is read at once. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

/** Files below `root`, an absolute directory that is made when first needed. Throws ClusterError `FileUnreadable`, `FileNotWritten`. */
export function createFiles(root: string): Files {
  const absolute = (path: string): string => {
    const full = resolve(root, normalize(path));
    if (full !== resolve(root) && !full.startsWith(`${resolve(root)}/`)) throw new ClusterError('FileUnreadable', `${path} is not below ${root}`, { retryable: false });
    return full;
  };
  return {
    absolute,
    read: async (path) => await read(absolute(path)),
    writeDurably: async (path, text, mode) => await writeDurably(absolute(path), text, mode),
    remove: async (path) => {
      await rm(absolute(path), { force: true });
      await syncDirectory(dirname(absolute(path))).catch(ignoreMissing);
    },
    list: async (path) => {
      try {
        return (await readdir(absolute(path))).filter((name) => !name.endsWith('.tmp')).toSorted();
      } catch (cause) {
        if (isMissing(cause)) return [];
        throw new ClusterError('FileUnreadable', `could not list ${absolute(path)}`, { retryable: true, cause });
      }
    },
  };
}

async function read(path: string): Promise<string | null> {
  try {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      if (size > FILE_BYTES_MAX) throw new ClusterError('FileUnreadable', `${path} is larger than ${FILE_BYTES_MAX} bytes`, { retryable: false });
      return await readFile(handle, 'utf8');
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (isMissing(cause)) return null;
    if (cause instanceof ClusterError) throw cause;
    throw new ClusterError('FileUnreadable', `could not read ${path}`, { retryable: true, cause });
  }
}

async function writeDurably(path: string, text: string, mode?: number): Promise<void> {
  try {
    await makeDirectory(dirname(path));
    // A name of its own: the kernel may ask twice at once for the same mark.
    await replaceDurably(path, Buffer.from(text, 'utf8'), mode, `${path}.${randomBytes(6).toString('hex')}.tmp`);
  } catch (cause) {
    throw new ClusterError('FileNotWritten', `could not write ${path} durably`, { retryable: true, cause });
  }
}

function isMissing(thrown: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errorCode(thrown));
}

/** What is not there needs no care. */
function ignoreMissing(thrown: unknown): void {
  if (!isMissing(thrown)) throw thrown;
}
