/**
 * What does a block device remember, and what does it forget when the power goes?
 *
 * A logical volume of the simulated room: blocks of 4 KiB whose content is a short text, a volatile cache in front
 * of the platter, a metadata area (DRBD's internal metadata, always written through), and faults. Every change is
 * told to listeners as plain data, so that the playground can keep a journal and replay it with `apply`.
 */
import { ClusterError } from '../../../shared/errors.ts';
import type { Chance } from '../../../shared/world.ts';

/** Size of one block in bytes: DRBD's bitmap granularity (BM_BLOCK_SIZE of the 8.4 source). */
export const BLOCK_BYTES = 4096;

/** An I/O error of the simulated medium. Code `DiskError`, not retryable by itself. */
export class DiskError extends ClusterError {
  constructor(what: string) {
    super('DiskError', `I/O error: could not ${what}`, { retryable: false });
    this.name = 'DiskError';
  }
}

/** One change of a disk. Plain data: a journal of them, applied in order to a saved disk, gives the disk again. */
export type DiskChange =
  | { readonly kind: 'write'; readonly block: number; readonly content: string | null }
  | { readonly kind: 'image'; readonly digest: string | null }
  | { readonly kind: 'flush' }
  | { readonly kind: 'metadata'; readonly value: unknown }
  /** `survived`: blocks of the volatile cache that happened to reach the platter. */
  | { readonly kind: 'powerLoss'; readonly survived: readonly number[]; readonly imageSurvived: boolean }
  | { readonly kind: 'fault'; readonly fault: DiskFault | null };

/** `error`: every access fails. `slow`: accesses never end until `repair` (whoever waits for the disk looks at `slow`). */
export type DiskFault = 'error' | 'slow';

/** A disk as plain JSON. Block contents by block number; null: zeroes over an image. */
export interface SavedDisk {
  readonly sizeBytes: number;
  readonly image: string | null;
  readonly blocks: readonly (readonly [number, string | null])[];
  readonly cachedImage: { readonly digest: string | null } | null;
  readonly cachedBlocks: readonly (readonly [number, string | null])[];
  readonly metadata: unknown;
  readonly fault: DiskFault | null;
}

/** What a logical volume is. One block is {@link BLOCK_BYTES}; content is a short text, null: zeroes. */
export interface BlockDevice {
  readonly sizeBytes: number;
  /** Throws {@link DiskError} after a failure or beyond the end. */
  read(block: number): string | null;
  /** Into the volatile cache; durable after `flush`. */
  write(block: number, content: string | null): void;
  /** The whole content is replaced by an image: every block is forgotten. Durable after `flush`. */
  writeImage(digest: string): void;
  /** The whole content becomes zeroes and no image (a wipe). Durable after `flush`. */
  clear(): void;
  image(): string | null;
  /** Everything written so far is durable. */
  flush(): void;
  /** The block numbers that were written since the last image or wipe, ascending. */
  writtenBlocks(): readonly number[];
  /** DRBD's metadata area: plain JSON, durable at once. Throws {@link DiskError} after a failure. */
  metadata(): unknown;
  setMetadata(value: unknown): void;
  /** Unflushed writes are gone, or, by chance, some survive. */
  powerLoss(): void;
  fail(kind: DiskFault): void;
  repair(): void;
  readonly failed: boolean;
  /** Accesses would not end now. Reads and writes of this object still work: the caller is the one who waits. */
  readonly slow: boolean;
  /** Every change from now on, after it happened. Returns the way to stop listening. */
  onChange(listener: (change: DiskChange) => void): () => void;
  /** Replays one journalled change; listeners hear it too. */
  apply(change: DiskChange): void;
  save(): SavedDisk;
}

/** Options of {@link createDisk}. */
export interface DiskOptions {
  /** Probability that one unflushed block survives a power loss: 0 to 1. */
  readonly surviveProbability?: number;
  /** Continue from this instead of an empty disk. */
  readonly saved?: SavedDisk;
}

/** A disk of `sizeBytes` (a multiple of {@link BLOCK_BYTES} is used; the rest is out of reach), full of zeroes. */
export function createDisk(sizeBytes: number, chance: Chance, options: DiskOptions = {}): BlockDevice {
  return new Disk(sizeBytes, chance, options);
}

/** A disk out of what `save` gave. */
export function restoreDisk(saved: SavedDisk, chance: Chance, options: Omit<DiskOptions, 'saved'> = {}): BlockDevice {
  return new Disk(saved.sizeBytes, chance, { ...options, saved });
}

interface Layer {
  image: string | null;
  readonly blocks: Map<number, string | null>;
}

class Disk implements BlockDevice {
  readonly sizeBytes: number;
  readonly #blockCount: number;
  readonly #chance: Chance;
  readonly #surviveProbability: number;
  readonly #platter: Layer;
  #cachedImage: { readonly digest: string | null } | null = null;
  readonly #cache: Map<number, string | null>;
  #metadata: unknown = null;
  #fault: DiskFault | null = null;
  readonly #listeners = new Set<(change: DiskChange) => void>();

  constructor(sizeBytes: number, chance: Chance, options: DiskOptions) {
    const saved = options.saved;
    this.sizeBytes = sizeBytes;
    this.#blockCount = Math.floor(sizeBytes / BLOCK_BYTES);
    this.#chance = chance;
    this.#surviveProbability = options.surviveProbability ?? 0.25;
    this.#platter = { image: saved?.image ?? null, blocks: new Map(saved?.blocks ?? []) };
    this.#cachedImage = saved?.cachedImage ?? null;
    this.#cache = new Map(saved?.cachedBlocks ?? []);
    this.#metadata = saved?.metadata ?? null;
    this.#fault = saved?.fault ?? null;
  }

  get failed(): boolean {
    return this.#fault === 'error';
  }

  get slow(): boolean {
    return this.#fault === 'slow';
  }

  read(block: number): string | null {
    this.#check(`read block ${block}`, block);
    const cached = this.#cache.get(block);
    if (cached !== undefined) return cached;
    if (this.#cachedImage !== null) return null;
    return this.#platter.blocks.get(block) ?? null;
  }

  write(block: number, content: string | null): void {
    this.#check(`write block ${block}`, block);
    this.#change({ kind: 'write', block, content });
  }

  writeImage(digest: string): void {
    this.#check('write an image', 0);
    this.#change({ kind: 'image', digest });
  }

  clear(): void {
    this.#check('clear the device', 0);
    this.#change({ kind: 'image', digest: null });
  }

  image(): string | null {
    return this.#cachedImage === null ? this.#platter.image : this.#cachedImage.digest;
  }

  flush(): void {
    this.#check('flush', 0);
    if (this.#cache.size > 0 || this.#cachedImage !== null) this.#change({ kind: 'flush' });
  }

  writtenBlocks(): readonly number[] {
    const numbers = new Set(this.#cache.keys());
    if (this.#cachedImage === null) for (const block of this.#platter.blocks.keys()) numbers.add(block);
    return [...numbers].toSorted((a, b) => a - b);
  }

  metadata(): unknown {
    this.#check('read metadata', 0);
    return this.#metadata;
  }

  setMetadata(value: unknown): void {
    this.#check('write metadata', 0);
    this.#change({ kind: 'metadata', value });
  }

  powerLoss(): void {
    const survived: number[] = [];
    const imageSurvived = this.#cachedImage !== null && this.#chance.next() < this.#surviveProbability;
    // Blocks written over an image that did not survive cannot be there either: the model keeps the two in order.
    if (this.#cachedImage === null || imageSurvived) {
      for (const block of this.#cache.keys()) if (this.#chance.next() < this.#surviveProbability) survived.push(block);
    }
    this.#change({ kind: 'powerLoss', survived, imageSurvived });
  }

  fail(kind: DiskFault): void {
    this.#change({ kind: 'fault', fault: kind });
  }

  repair(): void {
    this.#change({ kind: 'fault', fault: null });
  }

  onChange(listener: (change: DiskChange) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  apply(change: DiskChange): void {
    this.#change(change);
  }

  save(): SavedDisk {
    return {
      sizeBytes: this.sizeBytes,
      image: this.#platter.image,
      blocks: [...this.#platter.blocks],
      cachedImage: this.#cachedImage,
      cachedBlocks: [...this.#cache],
      metadata: this.#metadata,
      fault: this.#fault,
    };
  }

  #check(what: string, block: number): void {
    if (this.failed) throw new DiskError(what);
    if (!Number.isInteger(block) || block < 0 || block >= this.#blockCount) throw new DiskError(`${what}: beyond the end of the device`);
  }

  #change(change: DiskChange): void {
    switch (change.kind) {
      case 'write':
        this.#cache.set(change.block, change.content);
        break;
      case 'image':
        this.#cache.clear();
        this.#cachedImage = { digest: change.digest };
        break;
      case 'flush':
        this.#writeBack(this.#cache.keys(), true);
        this.#cache.clear();
        this.#cachedImage = null;
        break;
      case 'metadata':
        this.#metadata = change.value;
        break;
      case 'powerLoss':
        this.#writeBack(change.survived, change.imageSurvived);
        this.#cache.clear();
        this.#cachedImage = null;
        break;
      case 'fault':
        this.#fault = change.fault;
        break;
    }
    for (const listener of this.#listeners) listener(change);
  }

  #writeBack(blocks: Iterable<number>, withImage: boolean): void {
    if (withImage && this.#cachedImage !== null) {
      this.#platter.image = this.#cachedImage.digest;
      this.#platter.blocks.clear();
    }
    for (const block of blocks) {
      const content = this.#cache.get(block);
      if (content === null) this.#platter.blocks.delete(block);
      else if (content !== undefined) this.#platter.blocks.set(block, content);
    }
  }
}
