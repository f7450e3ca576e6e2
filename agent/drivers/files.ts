/**
 * How does a small file reach the disk for certain? Temporary file, fsync, rename, fsync of the directory.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, normalize, resolve } from 'node:path';
import { ClusterError } from '../../shared/errors.ts';
import type { Files } from '../../shared/world.ts';

/** Largest file that is read at once. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

/** Files below `root`, an absolute directory that is made when first needed. */
export function createFiles(root: string): Files {
  const absolute = (path: string): string => {
    const full = resolve(root, normalize(path));
    if (full !== resolve(root) && !full.startsWith(`${resolve(root)}/`)) throw new ClusterError('FileUnreadable', `${path} is not below ${root}`, { retryable: false });
    return full;
  };
  return {
    absolute,
    read: async (path) => await read(absolute(path)),
    writeDurably: async (path, text, mode = 0o600) => await writeDurably(absolute(path), text, mode),
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

async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(ignoreMissing);
    throw new ClusterError('FileNotWritten', `could not write ${path} durably`, { retryable: true, cause });
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(thrown: unknown): boolean {
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** What is not there needs no care. */
function ignoreMissing(thrown: unknown): void {
  if (!isMissing(thrown)) throw thrown;
}
