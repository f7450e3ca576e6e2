/**
 * Which real files do the simulated nodes have? Those below each node's own directories, and nothing else.
 */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, realpathSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Largest small file that a program of the room reads: a domain's or a DRBD configuration is some KiB. */
const SMALL_FILE_BYTES_MAX = 1024 * 1024;
const DIGESTS_KEPT = 64;

/** The files of all nodes. A path outside of a node's directories, also by a link, is no file of that node. */
export class NodeFiles {
  readonly #directories: ReadonlyMap<string, readonly string[]>;
  readonly #digests = new Map<string, Promise<{ readonly sizeBytes: number; readonly digest: string }>>();

  /** `directories`: for each node the absolute directories that it may read. */
  constructor(directories: ReadonlyMap<string, readonly string[]>) {
    this.#directories = directories;
  }

  /** A small file's text, or null when the node has no such file. */
  read(node: string, path: string): string | null {
    try {
      const real = this.#allowed(node, path);
      if (real === null || statSync(real).size > SMALL_FILE_BYTES_MAX) return null;
      return readFileSync(real, 'utf8');
    } catch {
      return null; // as for a program of the node: no such file
    }
  }

  /** Size and sha256 of a file of any size; remembered until the file changes. */
  async digestOf(node: string, path: string): Promise<{ readonly sizeBytes: number; readonly digest: string } | null> {
    try {
      const real = this.#allowed(node, path);
      if (real === null) return null;
      const { size, mtimeMs, ino } = await stat(real);
      const key = `${real}:${ino}:${size}:${mtimeMs}`;
      const known = this.#digests.get(key);
      if (known !== undefined) return await known;
      const fresh = hash(real, size);
      fresh.catch(() => this.#digests.delete(key));
      this.#digests.set(key, fresh);
      for (const oldest of this.#digests.keys()) {
        if (this.#digests.size <= DIGESTS_KEPT) break;
        this.#digests.delete(oldest);
      }
      return await fresh;
    } catch {
      return null;
    }
  }

  #allowed(node: string, path: string): string | null {
    if (!path.startsWith('/')) return null;
    const real = realpathSync(path);
    const isBelow = (this.#directories.get(node) ?? []).some((directory) => real.startsWith(realpathSync(directory) + sep));
    return isBelow ? real : null;
  }
}

async function hash(path: string, sizeBytes: number): Promise<{ readonly sizeBytes: number; readonly digest: string }> {
  const digest = createHash('sha256');
  await pipeline(createReadStream(path), digest);
  return { sizeBytes, digest: digest.digest('hex') };
}
