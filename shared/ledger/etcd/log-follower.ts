/**
 * How does a member keep up with a log in etcd? It watches, and reads what it missed: a snapshot first, where the entries are gone.
 *
 * Entries come from three sides (a read, the watch, an own write that happened), in any order; they are the same, so each
 * index is applied once, by whichever comes first.
 */
import { ClusterError, describeError } from '../../errors.ts';
import type { World } from '../../world.ts';
import type { ApplyResult } from '../commands.ts';
import type { Replica } from '../node/replica.ts';
import type { Endpoints } from './endpoints.ts';
import type { EtcdPair } from './etcd-port.ts';
import type { FreshHead, ReadAttempt } from './fresh-reads.ts';
import type { SeenHead } from './member.ts';
import { entryRange, headKey, logRange, parseEntry, parseHead, pieceKey } from './records.ts';
import type { Base, StoredEntry } from './records.ts';

/** Entries of one read: of the largest size still less than what the edge takes. */
const ENTRIES_PER_READ = 64;

/** What the follower is made from, and whom it tells. */
export interface LogFollowerOptions {
  readonly world: World;
  readonly endpoints: Endpoints;
  readonly clusterUuid: string;
  readonly replica: Replica;
  /** An entry was applied here; null: it carries no command. */
  readonly onEntry: (entry: StoredEntry, result: ApplyResult | null) => void;
  /** Entries up to `index` were applied, with these proposals among them; null: a snapshot does not tell. */
  readonly onApplied: (index: number, ids: ReadonlySet<string> | null) => void;
  /** The watch told of a head. */
  readonly onHead: (head: SeenHead) => void;
  /** The watch has a gap, or ended: read, then call {@link LogFollower.watch}. */
  readonly onWatchLost: () => void;
  /** What was read makes no sense, or etcd holds less than it did: this process must end. */
  readonly onFatal: (error: unknown) => void;
}

export class LogFollower {
  readonly #options: LogFollowerOptions;
  /** The highest revision that etcd is known to have reached: no later read may show less. */
  #reachedRevision = 0;
  /** Everything that was written up to this revision was heard here. */
  #coveredRevision = 0;
  /** No head up to this revision is news to the watch. */
  #watchedHeadRevision = 0;
  #endWatch: (() => void) | null = null;
  #isStopped = false;

  constructor(options: LogFollowerOptions) {
    this.#options = options;
  }

  get watchedHeadRevision(): number {
    return this.#watchedHeadRevision;
  }

  stop(): void {
    this.#isStopped = true;
    this.#endWatch?.();
    this.#endWatch = null;
  }

  /** An own write happened at this revision. */
  reached(revision: number): void {
    this.#reachedRevision = Math.max(this.#reachedRevision, revision);
  }

  /** Reads the head, and applies everything up to it. Rejects with a retryable ClusterError; what is worse is told to `onFatal` as well. */
  async read(attempt: ReadAttempt): Promise<FreshHead> {
    try {
      const before = { revision: this.#reachedRevision, index: this.#options.replica.index };
      const { head, revision } = await this.#readPage(attempt);
      if (revision < before.revision || (head?.value.index ?? 0) < before.index) throw wentBack(before, { revision, index: head?.value.index ?? 0 });
      this.reached(revision);
      // What comes after that head comes by the watch.
      while (head !== null && this.#options.replica.index < head.value.index && !this.#isStopped) await this.#readPage(attempt);
      this.#coveredRevision = Math.max(this.#coveredRevision, revision);
      return { head, revision, beganAtMs: attempt.beganAtMs };
    } catch (error) {
      if (!this.#isStopped && !(error instanceof ClusterError && error.retryable)) this.#options.onFatal(error);
      throw error;
    }
  }

  /** Applies those that are next. */
  apply(entries: readonly StoredEntry[]): void {
    const { replica, onEntry, onApplied } = this.#options;
    const ids = new Set<string>();
    const before = replica.index;
    for (const entry of entries) {
      if (this.#isStopped || entry.index !== replica.index + 1) continue;
      const result = replica.applyEntry({ index: entry.index, term: entry.term, data: entry.data });
      if (entry.id !== null) ids.add(entry.id);
      onEntry(entry, result);
    }
    if (replica.index > before) onApplied(replica.index, ids);
  }

  /** Opens the watch (anew), from where everything was heard. */
  watch(): void {
    if (this.#isStopped) return;
    this.#endWatch?.();
    const { endpoints, world } = this.#options;
    const endpoint = endpoints.current();
    this.#watchedHeadRevision = Math.max(this.#watchedHeadRevision, this.#coveredRevision);
    let isOpen = true;
    const end = endpoint.watch({ ...logRange(this.#options.clusterUuid), sinceRevision: this.#coveredRevision + 1 }, {
      onPairs: (pairs, revision) => {
        if (isOpen) this.#heard(pairs, revision);
      },
      onEnd: (reason) => {
        if (!isOpen) return;
        isOpen = false;
        this.#endWatch = null;
        world.log.write({ event: 'etcdWatchEnded', endpoint: endpoint.name, reason });
        this.#options.onWatchLost();
      },
    });
    this.#endWatch = () => {
      isOpen = false;
      end();
    };
  }

  #heard(pairs: readonly EtcdPair[], revision: number): void {
    try {
      const { clusterUuid, replica } = this.#options;
      const key = headKey(clusterUuid);
      const heads = pairs.filter((pair) => pair.key === key).map((pair) => ({ value: parseHead(pair.value), revision: pair.modRevision }));
      this.apply(pairs.filter((pair) => pair.key !== key).map((pair) => parseEntry(pair.value)));
      const head = heads.at(-1);
      this.reached(revision);
      if (head === undefined) return;
      this.#watchedHeadRevision = Math.max(this.#watchedHeadRevision, head.revision);
      this.#options.onHead(head);
      if (replica.index < head.value.index) this.#options.onWatchLost();
      else this.#coveredRevision = Math.max(this.#coveredRevision, head.revision);
    } catch (error) {
      this.#options.onFatal(error);
    }
  }

  /** Head and next entries at one moment. Where those are gone, the snapshot is taken instead. */
  async #readPage({ endpoint, timeoutMs }: ReadAttempt): Promise<{ readonly head: SeenHead | null; readonly revision: number }> {
    const { clusterUuid, replica } = this.#options;
    const from = replica.index + 1;
    const { revision, ranges } = await endpoint.read(
      [{ from: headKey(clusterUuid), to: null }, { ...entryRange(clusterUuid, from), limit: ENTRIES_PER_READ }], { timeoutMs },
    );
    const [pair] = ranges[0] ?? [];
    if (pair === undefined) return { head: null, revision };
    const head: SeenHead = { value: parseHead(pair.value), revision: pair.modRevision };
    const entries = (ranges[1] ?? []).map((each) => parseEntry(each.value));
    if (head.value.index >= from && entries[0]?.index !== from) await this.#takeSnapshot({ endpoint, timeoutMs }, head.value.base, from);
    this.apply(entries);
    return { head, revision };
  }

  async #takeSnapshot({ endpoint, timeoutMs }: Pick<ReadAttempt, 'endpoint' | 'timeoutMs'>, base: Base, from: number): Promise<void> {
    const { clusterUuid, onApplied, replica, world } = this.#options;
    if (base.index < from) throw new ClusterError('LedgerDamaged', `entry ${from} of the ledger is not in etcd, nor a snapshot that holds it`, { retryable: false });
    let text = '';
    for (let piece = 0; piece < base.pieces; piece += 1) {
      const { ranges } = await endpoint.read([{ from: pieceKey(clusterUuid, base, piece), to: null }], { timeoutMs });
      const [pair] = ranges[0] ?? [];
      if (pair === undefined) throw new ClusterError('EtcdFailed', `piece ${piece} of snapshot ${base.index} is gone: there is a newer one`, { retryable: true });
      text += String(parseSnapshot(pair.value));
    }
    if (this.#isStopped || !replica.install(base.index, base.term, parseSnapshot(text))) return;
    world.log.write({ event: 'ledgerSnapshotTaken', index: base.index, characters: text.length });
    onApplied(replica.index, null);
  }
}

function parseSnapshot(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ClusterError('LedgerDamaged', `the snapshot in etcd is no JSON: ${describeError(error)}`, { retryable: false });
  }
}

interface Place {
  readonly revision: number;
  readonly index: number;
}

function wentBack(before: Place, now: Place): ClusterError {
  return new ClusterError(
    'LedgerWentBack', `etcd holds less than it did (revision ${now.revision} after ${before.revision}, entry ${now.index} after ${before.index}): was it restored from a backup?`, { retryable: false },
  );
}
