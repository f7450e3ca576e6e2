/**
 * How do members outside the configuration hear of the log? Any participant pushes committed entries to those who asked.
 *
 * A subscriber asks with the index it has (`feed.open`); whoever is too far behind first fetches the state in pieces
 * (`feed.snapshot`), and may ask how it came to that (`ledger.events`). Entries then follow on the `feed` channel, with who leads and votes; a quiet feed says so every
 * FEED_QUIET_MS, by index and term alone, and a subscriber that hears nothing goes elsewhere.
 */
import { ClusterError } from '../../errors.ts';
import type { MemberId } from '../../ids.ts';
import type { Mesh } from '../../wire/mesh.ts';
import type { Timer, World } from '../../world.ts';
import type { ConfState } from '../raft/types.ts';
import type { PassingEntry, Replica } from './replica.ts';
import { splitText } from './snapshot-chunks.ts';

/** How often a feed without news says that it lives. */
export const FEED_QUIET_MS = 3_000;
/** Entries per frame, and frames' worth of entries per push: bounded by the mesh's queue, refused pushes end the feed. */
const ENTRIES_PER_FRAME = 32;
/** A frame is closed early once its entries are about this long as JSON. */
const FRAME_CHARACTERS = 300_000;
/** How many subscribers one member serves. */
const SUBSCRIBERS_MAX = 256;
/** How long an encoded state stays for subscribers that fetch it. */
const SNAPSHOT_KEPT_MS = 60_000;

/** Events of one answer: far below the mesh's largest message. */
const EVENTS_PER_ANSWER = 500;

/** What a participant tells beside the entries. */
export interface FeedStatus {
  readonly applied: number;
  readonly term: number;
  readonly leader: MemberId | null;
  readonly conf: ConfState;
  /** Whether `conf` is committed: until then another leader may take it back. Members of older versions do not say. */
  readonly isConfCommitted?: boolean;
}

/** One push. `from` is the index that precedes the entries. */
export interface FeedFrame {
  readonly clusterUuid: string;
  readonly from: number;
  readonly entries: readonly PassingEntry[];
  readonly status: FeedStatus;
}

/** Nothing has changed since the last push: the subscriber's index, and the term. Who missed one (a stream that broke) sees it by these. */
export type FeedQuiet = readonly [index: number, term: number];

/** What goes over the `feed` channel. */
export type FeedMessage = FeedFrame | FeedQuiet;

/** Answer to `feed.open`. */
export type FeedOpened =
  | { readonly kind: 'entries' }
  | { readonly kind: 'snapshot'; readonly id: string; readonly index: number; readonly term: number; readonly pieces: number };

/** What the server needs to know of its own member. */
export interface FeedSource {
  readonly replica: Replica;
  /** Null while this member must not serve (not in the configuration, or no leader heard). */
  status(): FeedStatus | null;
}

/** Serves the log to subscribers. */
export class FeedServer {
  readonly #mesh: Mesh;
  readonly #world: World;
  readonly #source: FeedSource;
  readonly #subscribers = new Map<MemberId, number>();
  /** The last status that each subscriber was told. */
  readonly #told = new Map<MemberId, FeedStatus>();
  #encoded: { readonly id: string; readonly index: number; readonly term: number; readonly pieces: readonly string[]; readonly timer: Timer } | null = null;
  #quietTimer: Timer | null = null;
  #isStopped = false;

  constructor(mesh: Mesh, world: World, source: FeedSource) {
    this.#mesh = mesh;
    this.#world = world;
    this.#source = source;
    mesh.serve('feed.open', async (from, body) => this.#open(from, body));
    mesh.serve('feed.snapshot', async (_from, body) => this.#piece(body));
    serveEvents(mesh, source.replica);
    mesh.serve('ledger.status', async () => this.#source.status());
    this.#scheduleQuiet();
  }

  stop(): void {
    this.#isStopped = true;
    this.#quietTimer?.cancel();
    this.#encoded?.timer.cancel();
  }

  /** Called after entries were applied or the status changed. */
  push(): void {
    if (this.#subscribers.size === 0) return;
    const status = this.#source.status();
    // Between two leaders there is nothing to tell; whoever waits too long goes elsewhere by itself.
    if (status === null) return;
    for (const [member, index] of this.#subscribers) this.#pushTo(member, index, status);
  }

  #pushTo(member: MemberId, index: number, status: FeedStatus): void {
    let from = index;
    do {
      const entries = this.#frameAfter(from);
      const isSent = entries !== null && this.#mesh.send(member, 'feed', this.#message(member, from, entries, status));
      if (!isSent) {
        // The subscriber notices by silence or by a gap, and opens again.
        this.#subscribers.delete(member);
        this.#told.delete(member);
        return;
      }
      this.#told.set(member, status);
      from = entries.at(-1)?.index ?? from;
      this.#subscribers.set(member, from);
      if (entries.length === 0) return;
    } while (from < this.#source.replica.index);
  }

  #frameAfter(index: number): readonly PassingEntry[] | null {
    const entries = this.#source.replica.entriesAfter(index, ENTRIES_PER_FRAME);
    if (entries === null) return null;
    let characters = 0;
    const fitting = entries.findIndex((entry) => (characters += charactersOf(entry)) > FRAME_CHARACTERS);
    return fitting <= 0 ? entries.slice(0, fitting === 0 ? 1 : entries.length) : entries.slice(0, fitting);
  }

  #message(member: MemberId, from: number, entries: readonly PassingEntry[], status: FeedStatus): FeedMessage {
    const told = this.#told.get(member);
    if (entries.length === 0 && told !== undefined && isSame(told, status)) return [from, status.term];
    return { clusterUuid: this.#source.replica.state.clusterUuid, from, entries, status };
  }

  #open(member: MemberId, body: unknown): FeedOpened {
    const from = indexOf(body, 'from');
    const status = this.#source.status();
    if (status === null) throw new ClusterError('FeedNotServed', 'this member does not follow the log itself', { retryable: true });
    if (!this.#subscribers.has(member) && this.#subscribers.size >= SUBSCRIBERS_MAX) {
      throw new ClusterError('FeedNotServed', 'this member serves as many subscribers as it may', { retryable: true });
    }
    if (from > this.#source.replica.index) throw new ClusterError('FeedNotServed', 'the subscriber is ahead of this member', { retryable: true });
    if (from === 0 || this.#source.replica.entriesAfter(from, 1) === null) return this.#encode();
    this.#subscribers.set(member, from);
    this.#told.delete(member);
    // After the answer has left: the subscriber takes frames only once its request was answered.
    this.#world.timers.after(0, () => this.push());
    return { kind: 'entries' };
  }

  #encode(): FeedOpened {
    const { replica } = this.#source;
    if (this.#encoded === null || replica.entriesAfter(this.#encoded.index, 1) === null || replica.index - this.#encoded.index > 1_000) {
      this.#encoded?.timer.cancel();
      const id = `${replica.term}-${replica.index}`;
      const timer = this.#world.timers.after(SNAPSHOT_KEPT_MS, () => {
        this.#encoded = null;
      });
      this.#encoded = { id, index: replica.index, term: replica.term, timer, pieces: splitText(id, JSON.stringify(replica.encode())).map((piece) => piece.text) };
    }
    const { id, index, term, pieces } = this.#encoded;
    return { kind: 'snapshot', id, index, term, pieces: pieces.length };
  }

  #piece(body: unknown): { readonly text: string } {
    const piece = indexOf(body, 'piece');
    const id = typeof body === 'object' && body !== null && 'id' in body ? body.id : null;
    const text = this.#encoded?.id === id ? this.#encoded?.pieces[piece] : undefined;
    if (text === undefined) throw new ClusterError('FeedSnapshotGone', 'this snapshot is not kept any more', { retryable: true });
    return { text };
  }

  #scheduleQuiet(): void {
    this.#quietTimer = this.#world.timers.after(FEED_QUIET_MS, () => {
      if (this.#isStopped) return;
      this.push();
      this.#scheduleQuiet();
    });
  }
}

/** Answers whoever asks how the state came to be what it is, as far as this member remembers. */
export function serveEvents(mesh: Mesh, replica: Replica): void {
  mesh.serve('ledger.events', async (_from, body) => {
    const place = { index: indexOf(body, 'index'), ordinal: indexOf(body, 'ordinal') };
    return { events: replica.eventsAfter(place, EVENTS_PER_ANSWER) };
  });
}

function isSame(one: FeedStatus, other: FeedStatus): boolean {
  const { conf } = one;
  return one.applied === other.applied && one.term === other.term && one.leader === other.leader && one.isConfCommitted === other.isConfCommitted && (conf === other.conf || JSON.stringify(conf) === JSON.stringify(other.conf));
}

function indexOf(body: unknown, key: 'from' | 'piece' | 'index' | 'ordinal'): number {
  const value = typeof body === 'object' && body !== null && key in body ? (body as Record<string, unknown>)[key] : null;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ClusterError('InvalidRequest', `"${key}" must be a whole number`, { retryable: false });
  }
  return value;
}

/** Entries never change, and each goes to many subscribers. */
const CHARACTERS = new WeakMap<PassingEntry, number>();

function charactersOf(entry: PassingEntry): number {
  const known = CHARACTERS.get(entry);
  if (known !== undefined) return known;
  const characters = JSON.stringify(entry).length;
  CHARACTERS.set(entry, characters);
  return characters;
}
