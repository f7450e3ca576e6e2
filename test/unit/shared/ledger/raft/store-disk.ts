/**
 * What is on a voter's disk, byte for byte, after a crash in the middle of a save, and after damage? The order of
 * shared/store/ledger-writer.ts with its real records, slots and rules of judging, without a disk.
 *
 *     slots (term, vote, how far the log reaches) --then--> log, in one batch --now and then--> slots are told how far it reaches
 *
 * Each step is done as a whole or not at all, whatever crash there is: that is what the files' renames and level's batches
 * give. Damage is what no crash may do (a flipped bit, a lost file, a lost end of the log): it must be noticed.
 */
import { crc32 } from 'node:zlib';
import { BASE_KEY, chainSeed, COMMIT_KEY, contradiction, DamagedLog, encodeEntry, encodeRecord, entryKey, readLog, SNAPSHOT_KEY } from '../../../../../shared/store/log-records.ts';
import type { Base, ReadLog, Tail } from '../../../../../shared/store/log-records.ts';
import { decodeSlot, encodeSlot, judgeSlots } from '../../../../../shared/store/slot-file.ts';
import type { Entry, HardState, Snapshot } from '../../../../../shared/ledger/raft/types.ts';

export type LoadedDisk =
  | { readonly kind: 'loaded'; readonly hardState: HardState; readonly snapshot: Snapshot | null; readonly entries: readonly Entry[] }
  | { readonly kind: 'amnesia'; readonly reason: string };

/** Mistakes at opening that tests plant: a damaged newer slot is replaced by the older one; a log that is too short is taken as it is. */
export type OpeningFault = 'none' | 'trustsTheOlderSlot' | 'takesAShorterLog';

type Hard = { readonly storeUuid: string; readonly term: number; readonly vote: string | null; readonly tail: Tail };

const NOTHING: Tail = { index: 0, chain: 0 };

export class StoreDisk {
  readonly #seed: number;
  readonly #fault: OpeningFault;
  readonly #slots: [Uint8Array | null, Uint8Array | null] = [null, null];
  readonly #records = new Map<string, Uint8Array>();
  #sequence = 0;
  #hard: Hard;
  #base: Base;
  #terms: number[] = [];
  #chains: number[] = [];
  #durable: Tail = NOTHING;

  constructor(storeUuid: string, fault: OpeningFault) {
    this.#seed = chainSeed(storeUuid);
    this.#fault = fault;
    this.#base = { index: 0, term: 0, chain: this.#seed };
    this.#hard = { storeUuid, term: 0, vote: null, tail: NOTHING };
    this.#put(BASE_KEY, this.#base);
    this.#put(COMMIT_KEY, { index: 0 });
    this.#writeSlot();
    this.#writeSlot();
  }

  // ---------------------------------------------------------------- saving

  /** The first half of a save. `changesFrom`: the first index that the second half changes or drops; Infinity if it only adds. */
  saveSlots({ term, vote }: { readonly term: number; readonly vote: string | null }, changesFrom: number): void {
    const breaks = this.#hard.tail.index >= changesFrom;
    if (this.#durable.index >= changesFrom) this.#durable = NOTHING;
    if (!breaks && term === this.#hard.term && vote === this.#hard.vote) return;
    this.#hard = { ...this.#hard, term, vote, tail: breaks ? NOTHING : this.#hard.tail };
    this.#writeSlot();
  }

  /** The second half: what a leader's snapshot and entries replace, and the commit index. */
  saveLog(snapshot: Snapshot | null, entries: readonly Entry[], commit: number): void {
    if (snapshot !== null) {
      this.#put(SNAPSHOT_KEY, snapshot);
      this.#dropAfter(this.#base.index);
      this.#rebase({ index: snapshot.index, term: snapshot.term, chain: crc32(`snapshot ${snapshot.index} ${snapshot.term}`, this.#seed) });
    }
    const first = entries[0];
    if (first !== undefined) this.#dropAfter(first.index - 1);
    for (const entry of entries) {
      const { bytes, chain } = encodeEntry(this.#chains.at(-1) ?? this.#base.chain, entry);
      this.#records.set(entryKey(entry.index), bytes);
      this.#terms.push(entry.term);
      this.#chains.push(chain);
    }
    this.#put(COMMIT_KEY, { index: Math.max(commit, this.#base.index) });
    this.#durable = { index: this.#lastIndex, chain: this.#chains.at(-1) ?? this.#base.chain };
  }

  /** A snapshot of one's own: entries up to it go. */
  saveOwnSnapshot(snapshot: Snapshot): void {
    this.#put(SNAPSHOT_KEY, snapshot);
    const count = snapshot.index - this.#base.index;
    if (count <= 0) return;
    for (let at = this.#base.index + 1; at <= snapshot.index; at += 1) this.#records.delete(entryKey(at));
    const next = { index: snapshot.index, term: this.#terms[count - 1] ?? 0, chain: this.#chains[count - 1] ?? 0 };
    this.#terms.splice(0, count);
    this.#chains.splice(0, count);
    this.#rebase(next);
  }

  /** The slots are told how far the log reaches, as happens aside from the saves. */
  tellTail(): void {
    if (this.#durable.index === 0 || this.#durable.chain === this.#hard.tail.chain) return;
    this.#hard = { ...this.#hard, tail: this.#durable };
    this.#writeSlot();
  }

  // ---------------------------------------------------------------- damage

  /** Something is lost that was durable; returns what, for people. Null when nothing was there that could be. */
  damage(draw: () => number): string | null {
    const kind = Math.floor(draw() * 5);
    const slot = draw() < 0.5 ? 0 : 1;
    const keys = [...this.#records.keys()].filter((key) => key.startsWith('e')).toSorted();
    switch (kind) {
      case 0:
        this.#slots[slot] = null;
        return `slot ${slot} is gone`;
      case 1:
        this.#slots[slot] = flipped(this.#slots[slot], draw);
        return `a bit of slot ${slot} is flipped`;
      case 2: {
        const key = keys[Math.floor(draw() * keys.length)];
        if (key === undefined) return null;
        this.#records.set(key, flipped(this.#records.get(key) ?? null, draw) ?? new Uint8Array());
        return `a bit of ${key} is flipped`;
      }
      case 3: {
        const key = keys[Math.floor(draw() * (keys.length - 1))];
        if (key === undefined || key === keys.at(-1)) return null;
        this.#records.delete(key);
        return `${key} is gone`;
      }
      default:
        return this.damageEnd(draw);
    }
  }

  /** The log loses its end, which the slots know of. */
  damageEnd(draw: () => number): string | null {
    return this.#loseEnd([...this.#records.keys()].filter((key) => key.startsWith('e')).toSorted(), draw);
  }

  /** The newest of both slots only, which the last save of term and vote went to. */
  damageNewestSlot(draw: () => number): string {
    const slot = (this.#sequence - 1) % 2 === 0 ? 0 : 1;
    this.#slots[slot] = flipped(this.#slots[slot], draw);
    return `a bit of the newer slot is flipped`;
  }

  /** level drops the damaged end of its log without a word. What the slots were not told of yet may go unnoticed, so that is left. */
  #loseEnd(keys: readonly string[], draw: () => number): string | null {
    const promised = this.#hard.tail.index;
    const lost = keys.filter((key) => key >= entryKey(promised));
    if (lost.length === 0 || promised <= this.#base.index) return null;
    const more = Math.floor(draw() * 3);
    const from = Math.max(0, keys.length - lost.length - more);
    for (const key of keys.slice(from)) this.#records.delete(key);
    return `the log ends before ${keys[from]}`;
  }

  // ---------------------------------------------------------------- opening

  load(): LoadedDisk {
    const hard = this.#judge();
    if (typeof hard === 'string') return { kind: 'amnesia', reason: hard };
    const log = this.#read();
    if (typeof log === 'string') return { kind: 'amnesia', reason: log };
    const reason = this.#fault === 'takesAShorterLog' ? null : contradiction(log, hard);
    if (reason !== null) return { kind: 'amnesia', reason };
    this.#hard = hard;
    this.#base = log.base;
    this.#terms = log.entries.map(({ term }) => term);
    this.#chains = [...log.chains];
    this.#durable = { index: this.#lastIndex, chain: this.#chains.at(-1) ?? this.#base.chain };
    const commit = Math.min(log.commit, this.#lastIndex);
    const term = Math.max(hard.term, log.entries.at(-1)?.term ?? 0);
    return { kind: 'loaded', hardState: { term, vote: term === hard.term ? hard.vote : null, commit }, snapshot: log.snapshot, entries: log.entries };
  }

  #judge(): Hard | string {
    const [first, second] = [decodeSlot(this.#slots[0]), decodeSlot(this.#slots[1])] as const;
    const { content, nextSequence } = judgeSlots(first, second);
    if (content.kind === 'intact') {
      this.#sequence = nextSequence;
      return content.value as Hard;
    }
    const held = first.kind === 'held' ? first : second.kind === 'held' ? second : null;
    if (this.#fault !== 'trustsTheOlderSlot' || held === null) return content.kind === 'empty' ? 'the slot files are missing' : content.reason;
    this.#sequence = held.sequence + 1;
    return held.value as Hard;
  }

  #read(): ReadLog | string {
    try {
      return readLog(this.#seed, [...this.#records].toSorted(([left], [right]) => (left < right ? -1 : 1)));
    } catch (error) {
      if (error instanceof DamagedLog) return error.message;
      throw error;
    }
  }

  // ---------------------------------------------------------------- parts

  get #lastIndex(): number {
    return this.#base.index + this.#chains.length;
  }

  #writeSlot(): void {
    this.#slots[this.#sequence % 2] = encodeSlot(this.#sequence, this.#hard);
    this.#sequence += 1;
  }

  #put(key: string, value: unknown): void {
    this.#records.set(key, encodeRecord(this.#seed, key, value));
  }

  #rebase(next: Base): void {
    this.#base = next;
    this.#put(BASE_KEY, next);
  }

  #dropAfter(index: number): void {
    for (let at = index + 1; at <= this.#lastIndex; at += 1) this.#records.delete(entryKey(at));
    this.#terms.length = index - this.#base.index;
    this.#chains.length = index - this.#base.index;
  }
}

function flipped(bytes: Uint8Array | null, draw: () => number): Uint8Array | null {
  if (bytes === null || bytes.length === 0) return bytes;
  const copy = Uint8Array.from(bytes);
  const at = Math.floor(draw() * copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(draw() * 8));
  return copy;
}
