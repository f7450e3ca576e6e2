/**
 * Which blocks? A set of block numbers kept as sorted, separate ranges: DRBD's out-of-sync bitmap without the bits.
 *
 * Volumes are large and their bitmaps are nearly always empty, full, or a few extents, so ranges cost next to nothing.
 */

/** `[first, end)` of block numbers. */
export type Range = readonly [number, number];

/** A mutable set of block numbers. */
export class BlockSet {
  #ranges: Range[];
  #count: number;

  constructor(ranges: readonly Range[] = []) {
    this.#ranges = [...ranges];
    this.#count = ranges.reduce((sum, [first, end]) => sum + (end - first), 0);
  }

  get count(): number {
    return this.#count;
  }

  /** Plain data, sorted: what a metadata area keeps. */
  ranges(): readonly Range[] {
    return this.#ranges;
  }

  clone(): BlockSet {
    return new BlockSet(this.#ranges);
  }

  has(block: number): boolean {
    const at = this.#firstEndingAfter(block);
    const range = this.#ranges[at];
    return range !== undefined && range[0] <= block;
  }

  /** The smallest member not below `from`, or null. */
  next(from: number): number | null {
    const range = this.#ranges[this.#firstEndingAfter(from)];
    return range === undefined ? null : Math.max(from, range[0]);
  }

  add(first: number, end: number = first + 1): void {
    if (end <= first) return;
    let low = first;
    let high = end;
    const at = this.#firstEndingAfter(first - 1);
    let to = at;
    for (let range = this.#ranges[to]; range !== undefined && range[0] <= end; range = this.#ranges[to]) {
      low = Math.min(low, range[0]);
      high = Math.max(high, range[1]);
      this.#count -= range[1] - range[0];
      to += 1;
    }
    this.#ranges.splice(at, to - at, [low, high]);
    this.#count += high - low;
  }

  remove(first: number, end: number = first + 1): void {
    if (end <= first) return;
    const at = this.#firstEndingAfter(first);
    let to = at;
    const rest: Range[] = [];
    for (let range = this.#ranges[to]; range !== undefined && range[0] < end; range = this.#ranges[to]) {
      this.#count -= range[1] - range[0];
      if (range[0] < first) rest.push([range[0], first]);
      if (range[1] > end) rest.push([end, range[1]]);
      to += 1;
    }
    this.#ranges.splice(at, to - at, ...rest);
    for (const [low, high] of rest) this.#count += high - low;
  }

  addAll(other: BlockSet): void {
    for (const [first, end] of other.ranges()) this.add(first, end);
  }

  clear(): void {
    this.#ranges = [];
    this.#count = 0;
  }

  /** The first ranges that together have at most `limit` blocks (the last one is cut). */
  take(limit: number): readonly Range[] {
    const taken: Range[] = [];
    let left = limit;
    for (const [first, end] of this.#ranges) {
      if (left <= 0) break;
      const size = Math.min(left, end - first);
      taken.push([first, first + size]);
      left -= size;
    }
    return taken;
  }

  /** Index of the first range that ends after `block`. */
  #firstEndingAfter(block: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.#ranges[middle];
      if (range !== undefined && range[1] > block) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
