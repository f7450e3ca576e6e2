/**
 * How does a large record of records change without being copied? An immutable table, sharded by key.
 *
 * `set` and `delete` return a new table that shares all but one shard with the old one, so a state machine over
 * thousands of records stays pure at the cost of a few dozen copied pointers. The order of iteration depends only
 * on the history of keys, and a table rebuilt from `entries()` iterates in the same order: every replica of the
 * ledger walks its tables alike, also after a snapshot.
 */

const SHARDS = 256;

/** FNV-1a over the key's UTF-16 units: spreads our ids well and is the same everywhere. */
function shardOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash >>> 8) & (SHARDS - 1);
}

/** An immutable map from ids to records. */
export class Table<Key extends string, Value> {
  readonly size: number;
  readonly #shards: readonly (ReadonlyMap<Key, Value> | undefined)[];

  private constructor(shards: readonly (ReadonlyMap<Key, Value> | undefined)[], size: number) {
    this.#shards = shards;
    this.size = size;
  }

  static empty<Key extends string, Value>(): Table<Key, Value> {
    return new Table<Key, Value>(new Array<undefined>(SHARDS).fill(undefined), 0);
  }

  static from<Key extends string, Value>(entries: Iterable<readonly [Key, Value]>): Table<Key, Value> {
    const shards: (Map<Key, Value> | undefined)[] = new Array<undefined>(SHARDS).fill(undefined);
    let size = 0;
    for (const [key, value] of entries) {
      const at = shardOf(key);
      const shard = shards[at] ?? new Map<Key, Value>();
      if (!shard.has(key)) size += 1;
      shards[at] = shard.set(key, value);
    }
    return new Table(shards, size);
  }

  get(key: Key): Value | undefined {
    return this.#shards[shardOf(key)]?.get(key);
  }

  has(key: Key): boolean {
    return this.#shards[shardOf(key)]?.has(key) ?? false;
  }

  set(key: Key, value: Value): Table<Key, Value> {
    const at = shardOf(key);
    const old = this.#shards[at];
    const shards = this.#shards.slice();
    shards[at] = new Map(old).set(key, value);
    return new Table(shards, this.size + (old?.has(key) === true ? 0 : 1));
  }

  delete(key: Key): Table<Key, Value> {
    const at = shardOf(key);
    const old = this.#shards[at];
    if (old?.has(key) !== true) return this;
    const shard = new Map(old);
    shard.delete(key);
    const shards = this.#shards.slice();
    shards[at] = shard.size === 0 ? undefined : shard;
    return new Table(shards, this.size - 1);
  }

  *entries(): IterableIterator<readonly [Key, Value]> {
    for (const shard of this.#shards) if (shard !== undefined) yield* shard.entries();
  }

  *keys(): IterableIterator<Key> {
    for (const shard of this.#shards) if (shard !== undefined) yield* shard.keys();
  }

  *values(): IterableIterator<Value> {
    for (const shard of this.#shards) if (shard !== undefined) yield* shard.values();
  }
}
