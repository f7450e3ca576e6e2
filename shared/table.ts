/**
 * How does a large record of records change without being copied? An immutable table, sharded by key.
 *
 * `set` and `delete` return a new table that shares all but one shard with the old one, so a state machine over
 * thousands of records stays pure at the cost of a few dozen copied pointers: the shards stand in groups, of which one is copied. The order of iteration depends only
 * on the history of keys, and a table rebuilt from `entries()` iterates in the same order: every replica of the
 * ledger walks its tables alike, also after a snapshot.
 */

/** Shards of a group, and groups of a table: 256 shards. */
const BITS = 4;
const WIDTH = 2 ** BITS;

type Shard<Key, Value> = ReadonlyMap<Key, Value>;
type Group<Key, Value> = readonly (Shard<Key, Value> | undefined)[];

/** FNV-1a over the key's UTF-16 units: spreads our ids well and is the same everywhere. */
function shardOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash >>> 8) & (WIDTH * WIDTH - 1);
}

/** `new Map(shard)` would make a pair of each record on its way. */
function copyOf<Key, Value>(shard: Shard<Key, Value> | undefined): Map<Key, Value> {
  const copy = new Map<Key, Value>();
  shard?.forEach((value, key) => void copy.set(key, value));
  return copy;
}

const NO_GROUP: Group<never, never> = new Array<undefined>(WIDTH).fill(undefined);

/** An immutable map from ids to records. */
export class Table<Key extends string, Value> {
  readonly size: number;
  readonly #groups: readonly Group<Key, Value>[];
  /** Made when it is asked for. */
  #values: readonly Value[] | null = null;

  private constructor(groups: readonly Group<Key, Value>[], size: number) {
    this.#groups = groups;
    this.size = size;
  }

  static empty<Key extends string, Value>(): Table<Key, Value> {
    return new Table<Key, Value>(new Array<Group<Key, Value>>(WIDTH).fill(NO_GROUP), 0);
  }

  static from<Key extends string, Value>(entries: Iterable<readonly [Key, Value]>): Table<Key, Value> {
    const groups = Array.from({ length: WIDTH }, () => new Array<Map<Key, Value> | undefined>(WIDTH).fill(undefined));
    let size = 0;
    for (const [key, value] of entries) {
      const at = shardOf(key);
      const group = groups[at >>> BITS] ?? [];
      const shard = group[at & (WIDTH - 1)] ?? new Map<Key, Value>();
      if (!shard.has(key)) size += 1;
      group[at & (WIDTH - 1)] = shard.set(key, value);
    }
    return new Table(groups.map((group) => (group.every((shard) => shard === undefined) ? NO_GROUP : group)), size);
  }

  get(key: Key): Value | undefined {
    return this.#shard(shardOf(key))?.get(key);
  }

  has(key: Key): boolean {
    return this.#shard(shardOf(key))?.has(key) ?? false;
  }

  set(key: Key, value: Value): Table<Key, Value> {
    const at = shardOf(key);
    const old = this.#shard(at);
    return new Table(this.#groupsWith(at, copyOf(old).set(key, value)), this.size + (old?.has(key) === true ? 0 : 1));
  }

  delete(key: Key): Table<Key, Value> {
    const at = shardOf(key);
    const old = this.#shard(at);
    if (old?.has(key) !== true) return this;
    const shard = copyOf(old);
    shard.delete(key);
    return new Table(this.#groupsWith(at, shard.size === 0 ? undefined : shard), this.size - 1);
  }

  *entries(): IterableIterator<readonly [Key, Value]> {
    for (const shard of this.#shards()) yield* shard.entries();
  }

  *keys(): IterableIterator<Key> {
    for (const shard of this.#shards()) yield* shard.keys();
  }

  /** All records, in the order of `keys()`. The same list each time. */
  values(): readonly Value[] {
    if (this.#values !== null) return this.#values;
    const values: Value[] = [];
    for (const shard of this.#shards()) shard.forEach((value) => void values.push(value));
    this.#values = values;
    return values;
  }

  #shard(at: number): Shard<Key, Value> | undefined {
    return this.#groups[at >>> BITS]?.[at & (WIDTH - 1)];
  }

  /** Those that hold something: most tables of a small cell are nearly empty. */
  #shards(): readonly Shard<Key, Value>[] {
    const shards: Shard<Key, Value>[] = [];
    for (const group of this.#groups) {
      if (group === NO_GROUP) continue;
      for (const shard of group) if (shard !== undefined) shards.push(shard);
    }
    return shards;
  }

  #groupsWith(at: number, shard: Shard<Key, Value> | undefined): readonly Group<Key, Value>[] {
    const groups = this.#groups.slice();
    const group = (groups[at >>> BITS] ?? NO_GROUP).slice();
    group[at & (WIDTH - 1)] = shard;
    groups[at >>> BITS] = group;
    return groups;
  }
}
