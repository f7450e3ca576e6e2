/**
 * How does a test have an etcd? In memory and virtual time: one store, several members, and everything that may go wrong between them and who asks.
 *
 * The store is linearizable by being one. What is unkind is the way: requests that are lost, answers that are lost after the
 * write happened, writes that happen long after whoever sent them gave up, members that answer nothing or are gone, watches that
 * end, stall, or ask for revisions that were compacted.
 */
import { ClusterError } from '../../shared/errors.ts';
import type { EtcdEndpoint, EtcdPair, EtcdRange, EtcdRead, EtcdWatcher, EtcdWrite, EtcdWritten } from '../../shared/ledger/etcd/etcd-port.ts';
import type { World } from '../../shared/world.ts';

/** Shares are probabilities from 0 to 1, for each request. */
export interface EtcdWeather {
  /** Nothing happens, and nothing is answered. */
  readonly lostShare: number;
  /** It happens, and nothing is answered. */
  readonly unansweredShare: number;
  /** It happens up to `lateMs` after it was sent. */
  readonly lateShare: number;
  readonly lateMs: number;
  /** For each message of a watch: the watch ends, or falls silent for good, instead. */
  readonly watchEndShare: number;
  readonly watchStallShare: number;
  /** How long a request or an answer takes, ms: at least 1, at most this. */
  readonly delayMsMax: number;
}

export const FINE_ETCD: EtcdWeather = { lostShare: 0, unansweredShare: 0, lateShare: 0, lateMs: 0, watchEndShare: 0, watchStallShare: 0, delayMsMax: 1 };

/** `stuck`: takes requests and answers none, as a member does that lost the others. */
export type EtcdMemberState = 'up' | 'stuck' | 'gone';

interface Watch {
  readonly member: number;
  readonly range: { readonly from: string; readonly to: string };
  readonly watcher: EtcdWatcher;
  readonly world: World;
  isStalled: boolean;
  lastArrivalMs: number;
}

/** One etcd of several members. */
export class FakeEtcd {
  weather: EtcdWeather = FINE_ETCD;
  /** False: it has no leader of its own, and answers nothing that must be certain. */
  hasLeader = true;
  revision = 1;
  readonly pairs = new Map<string, EtcdPair>();
  readonly states: EtcdMemberState[];
  /** Told of every write that happens, at that moment. */
  onWrite: (pairs: readonly EtcdPair[]) => void = () => undefined;
  /** How often each call was made. */
  readonly calls = { read: 0, write: 0, watch: 0 };
  readonly #world: World;
  #history: { readonly revision: number; readonly pairs: readonly EtcdPair[] }[] = [];
  #compactedRevision = 0;
  readonly #watches = new Set<Watch>();

  constructor(world: World, members = 3) {
    this.#world = world;
    this.states = Array.from({ length: members }, () => 'up' as const);
  }

  /** The members as one process reaches them: `world` is that process's, which hears nothing once it is dead. */
  endpoints(world: World = this.#world): readonly EtcdEndpoint[] {
    return this.states.map((_, member) => ({
      name: `etcd-${member + 1}`,
      read: (ranges: readonly EtcdRange[], { timeoutMs }: { readonly timeoutMs: number }) => {
        this.calls.read += 1;
        return this.#ask<EtcdRead>(world, member, timeoutMs, () => this.read(ranges), false);
      },
      write: (write: EtcdWrite, { timeoutMs }: { readonly timeoutMs: number }) => {
        this.calls.write += 1;
        return this.#ask<EtcdWritten>(world, member, timeoutMs, () => this.write(write), true);
      },
      watch: ({ sinceRevision, ...range }: { readonly from: string; readonly to: string; readonly sinceRevision: number }, watcher: EtcdWatcher) => this.#watch(world, member, range, sinceRevision, watcher),
    }));
  }

  setState(member: number, state: EtcdMemberState): void {
    this.states[member] = state;
    if (state !== 'gone') return;
    for (const watch of this.#watches) if (watch.member === member) this.#end(watch, 'the member is gone');
  }

  /** Forgets history, as an etcd does that compacts itself. */
  compact(revision = this.revision): void {
    this.#compactedRevision = revision;
    this.#history = this.#history.filter((each) => each.revision > revision);
  }

  // ---------------------------------------------------------------- the store

  read(ranges: readonly EtcdRange[]): EtcdRead {
    return { revision: this.revision, ranges: ranges.map((range) => this.#range(range)) };
  }

  write({ key, modRevision, puts, deletes }: EtcdWrite): EtcdWritten {
    if ((this.pairs.get(key)?.modRevision ?? 0) !== modRevision) return { happened: false, revision: this.revision };
    this.revision += 1;
    for (const range of deletes) for (const pair of this.#range(range)) this.pairs.delete(pair.key);
    const pairs = puts.map((put) => ({ ...put, modRevision: this.revision }));
    for (const pair of pairs) this.pairs.set(pair.key, pair);
    this.#history.push({ revision: this.revision, pairs });
    this.onWrite(pairs);
    for (const watch of this.#watches) this.#tell(watch, pairs, this.revision);
    return { happened: true, revision: this.revision };
  }

  #range({ from, to, limit }: EtcdRange): readonly EtcdPair[] {
    if (to === null) {
      const pair = this.pairs.get(from);
      return pair === undefined ? [] : [pair];
    }
    const found = [...this.pairs.values()].filter((pair) => pair.key >= from && pair.key < to);
    return found.toSorted((left, right) => (left.key < right.key ? -1 : 1)).slice(0, limit);
  }

  // ---------------------------------------------------------------- the way to it

  #delayMs(): number {
    return 1 + this.#world.chance.next() * (this.weather.delayMsMax - 1);
  }

  #ask<Answer>(world: World, member: number, timeoutMs: number, work: () => Answer, isWrite: boolean): Promise<Answer> {
    if (this.states[member] === 'gone') return Promise.reject(new ClusterError('EtcdUnreachable', `etcd-${member + 1} is not there`, { retryable: true }));
    const { lostShare, unansweredShare, lateShare, lateMs } = this.weather;
    const draw = this.#world.chance.next();
    const isLost = draw < lostShare;
    const isUnanswered = !isLost && draw < lostShare + unansweredShare;
    const isLate = this.#world.chance.next() < lateShare;
    return new Promise((resolve, reject) => {
      const timer = world.timers.after(timeoutMs, () => reject(new ClusterError('EtcdTimeout', `etcd-${member + 1} did not answer`, { retryable: true })));
      const arrive = (): void => {
        if (this.states[member] !== 'up' || !this.hasLeader) {
          // It waits inside of etcd, and may be proposed once there is a leader again.
          if (isWrite && this.#world.chance.next() < 0.5) this.#world.timers.after(200 + this.#world.chance.next() * 2_000, () => this.hasLeader && work());
          return;
        }
        const answer = work();
        if (isUnanswered) return;
        world.timers.after(this.#delayMs(), () => {
          if (this.states[member] !== 'up') return;
          timer.cancel();
          resolve(answer);
        });
      };
      // What was sent arrives although its sender died meanwhile.
      if (!isLost) this.#world.timers.after(this.#delayMs() + (isLate ? this.#world.chance.next() * lateMs : 0), arrive);
    });
  }

  #watch(world: World, member: number, range: { readonly from: string; readonly to: string }, sinceRevision: number, watcher: EtcdWatcher): () => void {
    this.calls.watch += 1;
    const watch: Watch = { member, range, watcher, world, isStalled: false, lastArrivalMs: 0 };
    this.#watches.add(watch);
    world.timers.after(this.#delayMs(), () => {
      if (!this.#watches.has(watch)) return;
      if (this.states[member] === 'gone') this.#end(watch, 'the member is not there');
      else if (sinceRevision <= this.#compactedRevision) this.#end(watch, `revision ${sinceRevision} was compacted`);
    });
    for (const { revision, pairs } of this.#history) if (revision >= sinceRevision && sinceRevision > this.#compactedRevision) this.#tell(watch, pairs, revision);
    return () => {
      this.#watches.delete(watch);
    };
  }

  #tell(watch: Watch, pairs: readonly EtcdPair[], revision: number): void {
    const { watchEndShare, watchStallShare } = this.weather;
    const inRange = pairs.filter((pair) => pair.key >= watch.range.from && pair.key < watch.range.to);
    if (watch.isStalled || inRange.length === 0) return;
    const draw = this.#world.chance.next();
    if (draw < watchEndShare) {
      watch.world.timers.after(this.#delayMs(), () => this.#end(watch, 'the stream broke'));
      return;
    }
    if (draw < watchEndShare + watchStallShare || this.states[watch.member] !== 'up') watch.isStalled = true;
    const nowMs = this.#world.clock.nowMs();
    watch.lastArrivalMs = Math.max(watch.lastArrivalMs, nowMs + this.#delayMs());
    watch.world.timers.after(watch.lastArrivalMs - nowMs, () => {
      if (this.#watches.has(watch) && !watch.isStalled) watch.watcher.onPairs(inRange, revision);
    });
  }

  #end(watch: Watch, reason: string): void {
    if (!this.#watches.delete(watch)) return;
    watch.world.timers.after(1, () => watch.watcher.onEnd(reason));
  }
}
