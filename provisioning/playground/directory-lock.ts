/**
 * Does a playground run in this directory already? A lock file that outlives no process.
 *
 * It names the pid and the moment that process started, so that a reused pid is no owner.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { ClusterError } from '../../shared/errors.ts';
import { errorCode } from '../../shared/store/durable-file.ts';

const TRIES_MAX = 20;

/**
 * Takes the lock; the result lets go of it. The directory must exist.
 *
 * @throws ClusterError `PlaygroundAlreadyRuns`, `DirectoryUnusable`.
 */
export function lockDirectory(path: string): () => void {
  const mine = `${path}.${process.pid}`;
  try {
    writeFileSync(mine, `${process.pid} ${startOf(process.pid) ?? '?'}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new ClusterError('DirectoryUnusable', `could not write to ${path}: make the directory writable, or choose another one with --dir`, { retryable: false, cause });
  }
  try {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      if (tryLink(mine, path)) return () => rmSync(path, { force: true });
      const owner = ownerOf(path);
      if (owner !== null && isOwnerAlive(owner)) {
        throw new ClusterError('PlaygroundAlreadyRuns', `a playground runs in this directory already (process ${owner.pid}): end it with Ctrl-C, or give another directory with --dir`, { retryable: false });
      }
      clearStale(path, owner);
    }
    throw new ClusterError('PlaygroundAlreadyRuns', `${path} changes hands again and again: other playgrounds start in this directory`, { retryable: true });
  } finally {
    rmSync(mine, { force: true });
  }
}

interface Owner {
  readonly pid: number;
  readonly start: string;
}

/** A lock file is linked into place complete, so nobody ever sees half of one. */
function tryLink(mine: string, path: string): boolean {
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Renamed away first and looked at again: another playground may have replaced it in between. */
function clearStale(path: string, expected: Owner | null): void {
  const stale = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, stale);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  const found = ownerOf(stale);
  if (found !== null && (found.pid !== expected?.pid || found.start !== expected.start) && isOwnerAlive(found)) tryLink(stale, path);
  rmSync(stale, { force: true });
}

function ownerOf(path: string): Owner | null {
  try {
    const [pid, start] = readFileSync(path, 'utf8').trim().split(' ');
    return { pid: Number(pid) || 0, start: start ?? '?' };
  } catch {
    return null;
  }
}

function isOwnerAlive({ pid, start }: Owner): boolean {
  if (pid <= 0) return false;
  const now = startOf(pid);
  if (now !== null && start !== '?') return now === start;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** When a process began, in the kernel's ticks (proc(5), field 22 of stat), or null where that cannot be known. */
function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
