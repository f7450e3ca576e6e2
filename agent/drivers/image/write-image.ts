/**
 * How does an image get onto a device, whole? The file is checked against its name, copied, flushed, and read back.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from '../../../shared/errors.ts';
import type { Runner } from '../../../shared/world.ts';
import { buildCompare, buildCopy, buildDigest } from './build-commands.ts';

/** A slow disk writes 20 MB/s; whoever needs longer tries again. */
const SLOWEST_BYTES_PER_SECOND = 20_000_000;
const TIMEOUT_MS_MIN = 30_000;
/** So many checked files are remembered; then all are forgotten and checked again. */
const CHECKED_MAX = 1_000;

/** Images of this node: files named by their sha256 (hex) in one directory. */
export class Images {
  readonly #runner: Runner;
  readonly #directory: string;
  /** Files whose content was seen to match their name, by path and time of change. */
  readonly #checked = new Set<string>();

  constructor(runner: Runner, directory: string) {
    this.#runner = runner;
    this.#directory = directory;
  }

  /**
   * Writes an image to a block device and verifies it there.
   *
   * @throws ClusterError `ImageMissing`, `ImageCorrupt` (the file is not what its name says), `ImageWriteFailed` (retryable).
   */
  async write(digest: string, device: string): Promise<void> {
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new ClusterError('ImageMissing', `not an image's digest: ${JSON.stringify(digest.slice(0, 80))}`, { retryable: false });
    const path = join(this.#directory, digest);
    const sizeBytes = await this.#check(digest, path);
    const timeoutMs = Math.max(TIMEOUT_MS_MIN, (sizeBytes / SLOWEST_BYTES_PER_SECOND) * 1000);
    const copied = await this.#runner.run(buildCopy(path, device), { timeoutMs });
    if (copied.exitCode !== 0) throw new ClusterError('ImageWriteFailed', `could not write ${digest} to ${device}: ${copied.stderr.trim().slice(0, 200)}`, { retryable: true });
    const compared = await this.#runner.run(buildCompare(sizeBytes, path, device), { timeoutMs });
    if (compared.exitCode !== 0) throw new ClusterError('ImageWriteFailed', `${device} does not hold ${digest} after it was written: cmp exit ${compared.exitCode} ${compared.stderr.trim().slice(0, 200)}`, { retryable: true });
  }

  /** The file's size, after its content was compared with its name (once per change of the file). */
  async #check(digest: string, path: string): Promise<number> {
    const found = await stat(path).catch((cause: unknown) => {
      throw new ClusterError('ImageMissing', `this node has no image ${digest}`, { retryable: true, cause });
    });
    const key = `${path}:${found.size}:${found.mtimeMs}:${found.ino}`;
    if (this.#checked.has(key)) return found.size;
    const result = await this.#runner.run(buildDigest(path), { timeoutMs: Math.max(TIMEOUT_MS_MIN, (found.size / SLOWEST_BYTES_PER_SECOND) * 1000) });
    if (result.exitCode !== 0) throw new ClusterError('ImageMissing', `could not read image ${digest}: ${result.stderr.trim().slice(0, 200)}`, { retryable: true });
    if (!result.stdout.startsWith(`${digest} `)) throw new ClusterError('ImageCorrupt', `the file ${path} is not image ${digest}: its sha256 is ${result.stdout.slice(0, 64)}`, { retryable: false });
    if (this.#checked.size >= CHECKED_MAX) this.#checked.clear();
    this.#checked.add(key);
    return found.size;
  }
}
