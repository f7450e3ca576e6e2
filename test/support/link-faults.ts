/**
 * What else may be wrong with a link than that it is cut? It may be deaf in one direction, clogged, slow, or swallow gossip.
 *
 * Unlike a cut, none of it is told to anybody: connections look alive, as TCP ones do until somebody's patience ends.
 */
import type { MemberId } from '../../shared/ids.ts';

/** Faults of links, by the members at their ends. Everything may be changed at any time, and holds for what is sent from then on. */
export class LinkFaults {
  readonly #mute = new Set<string>();
  readonly #clogged = new Map<string, number>();
  readonly #slow = new Map<string, number>();
  readonly #gossipDeaf = new Set<MemberId>();

  /** What `from` sends never reaches `to`; the other direction is as it was. */
  mute(from: MemberId, to: MemberId, isMute: boolean): void {
    if (isMute) this.#mute.add(`${from} ${to}`);
    else this.#mute.delete(`${from} ${to}`);
  }

  /** What is sent from `from` to `to` before this moment arrives only then, all at once. */
  clog(from: MemberId, to: MemberId, untilMs: number): void {
    this.#clogged.set(`${from} ${to}`, untilMs);
  }

  unclog(from: MemberId, to: MemberId): void {
    this.#clogged.delete(`${from} ${to}`);
  }

  /** What is sent from `from` to `to` takes so much longer, ms; 0: as ever. */
  slow(from: MemberId, to: MemberId, byMs: number): void {
    if (byMs > 0) this.#slow.set(`${from} ${to}`, byMs);
    else this.#slow.delete(`${from} ${to}`);
  }

  /** A member that hears no gossip, and whose own goes nowhere. */
  setGossip(member: MemberId, isDeaf: boolean): void {
    if (isDeaf) this.#gossipDeaf.add(member);
    else this.#gossipDeaf.delete(member);
  }

  swallowsGossip(from: MemberId, to: MemberId): boolean {
    return this.#gossipDeaf.size > 0 && (this.#gossipDeaf.has(from) || this.#gossipDeaf.has(to));
  }

  /** The delays of what is sent now, as these faults change them. */
  applied(from: MemberId, to: MemberId, delaysMs: readonly number[], nowMs: number): readonly number[] {
    if (this.#mute.size === 0 && this.#clogged.size === 0 && this.#slow.size === 0) return delaysMs;
    const link = `${from} ${to}`;
    if (this.#mute.has(link)) return [];
    const heldMs = Math.max(0, (this.#clogged.get(link) ?? 0) - nowMs) + (this.#slow.get(link) ?? 0);
    return heldMs > 0 ? delaysMs.map((delayMs) => delayMs + heldMs) : delaysMs;
  }
}
