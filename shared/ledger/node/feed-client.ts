/**
 * How does a member outside the configuration follow the log? It asks one participant for a feed, and another when that falls silent.
 */
import { describeError } from '../../errors.ts';
import type { MemberId } from '../../ids.ts';
import type { Mesh } from '../../wire/mesh.ts';
import type { Timer, World } from '../../world.ts';
import { pause } from './deadline.ts';
import { FEED_QUIET_MS } from './feed-server.ts';
import type { FeedFrame, FeedOpened, FeedQuiet, FeedStatus } from './feed-server.ts';
import type { PassingEntry, Replica } from './replica.ts';

/** A feed is given up after this silence. */
const SILENCE_MS = FEED_QUIET_MS * 2.5;
const REQUEST_TIMEOUT_MS = 3_000;
const RETRY_MS = 400;

/** Whom a feed may be asked of. */
export interface FeedCandidates {
  /** Those that took part in the log when it was last heard of. */
  readonly likely: readonly MemberId[];
  readonly others: readonly MemberId[];
}

/** Follows the log through one participant at a time. */
export class FeedClient {
  readonly #mesh: Mesh;
  readonly #world: World;
  readonly #replica: Replica;
  readonly #candidates: () => FeedCandidates;
  readonly #onStatus: (status: FeedStatus) => void;
  readonly #onSilence: () => void;
  #isWanted = false;
  #isRunning = false;
  #server: MemberId | null = null;
  /** The last status that this server told. */
  #status: FeedStatus | null = null;
  #lastHeardAtMs = 0;
  #attempts = 0;
  readonly #asked = { likely: 0, others: 0 };
  #silenceTimer: Timer | null = null;
  #lost: (() => void) | null = null;

  /** `onSilence` is called while nobody has had anything to tell for SILENCE_MS: what was heard before may be over. */
  constructor(mesh: Mesh, world: World, replica: Replica, candidates: () => FeedCandidates, onStatus: (status: FeedStatus) => void, onSilence: () => void) {
    this.#mesh = mesh;
    this.#world = world;
    this.#replica = replica;
    this.#candidates = candidates;
    this.#onStatus = onStatus;
    this.#onSilence = onSilence;
    mesh.onMessage('feed', (from, message) => this.#receive(from, message));
    mesh.onConnection((member, connected) => {
      if (!connected && member === this.#server) this.#loseServer('connection lost');
    });
  }

  /** Follows while `wanted`; a member that takes part in Raft itself does not need to. */
  setWanted(wanted: boolean): void {
    this.#isWanted = wanted;
    if (!wanted) this.#loseServer('not needed');
    // Failures inside are answered by trying the next candidate, for as long as the feed is wanted.
    else if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isWanted) {
      const candidate = this.#nextCandidate();
      if (candidate !== undefined && (await this.#open(candidate))) await this.#followed();
      if (this.#world.clock.nowMs() - this.#lastHeardAtMs > SILENCE_MS) this.#onSilence();
      if (this.#isWanted) await pause(this.#world.timers, RETRY_MS * (0.5 + this.#world.chance.next()));
    }
    this.#isRunning = false;
  }

  /**
   * Each in turn, and every second time one of those that are likely to serve: in a large cell most members follow the log themselves, and to ask one after
   * the other would take longer than a takeover. The others, because all seats may have changed hands meanwhile.
   */
  #nextCandidate(): MemberId | undefined {
    const candidates = this.#candidates();
    const isLikely = candidates.others.length === 0 || (this.#attempts % 2 === 0 && candidates.likely.length > 0);
    const kind = isLikely ? 'likely' : 'others';
    const candidate = candidates[kind][this.#asked[kind] % Math.max(1, candidates[kind].length)];
    this.#attempts += 1;
    this.#asked[kind] += 1;
    return candidate;
  }

  async #open(member: MemberId): Promise<boolean> {
    try {
      let opened = await this.#ask(member);
      if (opened.kind === 'snapshot') {
        await this.#fetch(member, opened);
        opened = await this.#ask(member);
      }
      if (opened.kind !== 'entries' || !this.#isWanted) return false;
      this.#server = member;
      this.#status = null;
      this.#lastHeardAtMs = this.#world.clock.nowMs();
      return true;
    } catch (error) {
      this.#world.log.write({ event: 'feedNotOpened', member, error: describeError(error) });
      return false;
    }
  }

  async #ask(member: MemberId): Promise<FeedOpened> {
    // The answer comes from an admitted member; a malformed one fails below and counts as a feed that did not open.
    return (await this.#mesh.request(member, 'feed.open', { from: this.#replica.index }, { timeoutMs: REQUEST_TIMEOUT_MS })) as FeedOpened;
  }

  async #fetch(member: MemberId, snapshot: Extract<FeedOpened, { kind: 'snapshot' }>): Promise<void> {
    const texts: string[] = [];
    for (let piece = 0; piece < snapshot.pieces; piece += 1) {
      const answer = (await this.#mesh.request(member, 'feed.snapshot', { id: snapshot.id, piece }, { timeoutMs: REQUEST_TIMEOUT_MS })) as { readonly text: string };
      texts.push(answer.text);
    }
    this.#replica.install(snapshot.index, snapshot.term, JSON.parse(texts.join('')) as unknown);
  }

  /** Resolves when the feed was lost. */
  async #followed(): Promise<void> {
    if (this.#server === null) return; // Lost before anybody waited for that.
    await new Promise<void>((resolve) => {
      this.#lost = resolve;
      this.#watchSilence();
    });
  }

  #watchSilence(): void {
    this.#silenceTimer = this.#world.timers.after(SILENCE_MS / 4, () => {
      if (this.#world.clock.nowMs() - this.#lastHeardAtMs > SILENCE_MS) this.#loseServer('silent');
      else if (this.#server !== null) this.#watchSilence();
    });
  }

  #loseServer(reason: string): void {
    if (this.#server === null) return;
    this.#world.log.write({ event: 'feedLost', member: this.#server, reason });
    this.#server = null;
    this.#silenceTimer?.cancel();
    this.#lost?.();
    this.#lost = null;
  }

  #receive(from: MemberId, message: unknown): void {
    if (from !== this.#server) return;
    if (Array.isArray(message)) {
      this.#lives(message as unknown as FeedQuiet);
      return;
    }
    const frame = message as FeedFrame;
    const known = this.#replica.state.clusterUuid;
    if (!Array.isArray(frame.entries) || typeof frame.from !== 'number' || frame.clusterUuid !== known) {
      this.#loseServer('malformed frame');
      return;
    }
    this.#lastHeardAtMs = this.#world.clock.nowMs();
    if (frame.from > this.#replica.index) {
      this.#loseServer('gap');
      return;
    }
    const entries: readonly PassingEntry[] = frame.entries;
    for (const entry of entries) this.#replica.applyEntry(entry);
    this.#status = frame.status;
    this.#onStatus(frame.status);
  }

  /** Nothing has changed since the last frame, which was of this ledger. */
  #lives([index, term]: FeedQuiet): void {
    if (this.#status === null || this.#status.term !== term || !(index <= this.#replica.index)) {
      this.#loseServer('gap');
      return;
    }
    this.#lastHeardAtMs = this.#world.clock.nowMs();
    this.#onStatus(this.#status);
  }
}
