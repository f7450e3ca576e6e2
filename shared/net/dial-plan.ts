/**
 * Who is connected to whom, who dials, and when again? Pure: chance comes in as `draw` in [0, 1).
 *
 * Small cells are a full mesh. In larger ones everybody is connected to the voters, and the members form a ring with
 * chords (four neighbours each), which holds together for gossip; other pairs connect when they have a request.
 */
import { crc32 } from 'node:zlib';
import type { MemberId } from '../ids.ts';

/** Up to so many members everybody is connected to everybody. */
export const FULL_MESH_MAX = 10;
/** First and longest wait before a peer is dialled again. There is no last one. */
const REDIAL_FIRST_MS = 250;
export const REDIAL_MS_MAX = 5_000;
/** The side that waits to be dialled starts dialling itself after this. */
export const FALLBACK_DIAL_MS = 2_000;
/** Two connections that began within this time were dialled by both sides at once. */
const SIMULTANEOUS_MS = 2_000;

/**
 * The members that `self` keeps a connection to. Symmetric: everybody who computes it from the same members and voters
 * agrees on each pair.
 */
export function chooseTargets(self: MemberId, members: readonly MemberId[], voters: readonly MemberId[]): ReadonlySet<MemberId> {
  const all = [...new Set([...members, self])];
  const others = all.filter((member) => member !== self);
  if (all.length <= FULL_MESH_MAX || voters.includes(self)) return new Set(others);
  const ring = all.toSorted((a, b) => crc32(a) - crc32(b) || (a < b ? -1 : 1));
  const at = ring.indexOf(self);
  const chord = Math.max(2, Math.round(Math.sqrt(ring.length)));
  const targets = new Set(voters.filter((voter) => voter !== self && others.includes(voter)));
  for (const step of [1, -1, chord, -chord]) {
    const neighbour = ring[(at + step + ring.length) % ring.length];
    if (neighbour !== undefined && neighbour !== self) targets.add(neighbour);
  }
  return targets;
}

/** Whether this side dials, and the other one waits. */
export function dialsFirst(self: MemberId, other: MemberId): boolean {
  return self < other;
}

/** How long to wait before dialling. `failures` counts tries since the last connection; it never gives up. */
export function redialDelayMs(isFirstDialler: boolean, failures: number, draw: number): number {
  const jitter = 0.5 + draw;
  const first = isFirstDialler ? draw * REDIAL_FIRST_MS : FALLBACK_DIAL_MS * jitter;
  const backoff = failures === 0 ? 0 : Math.min(REDIAL_MS_MAX, REDIAL_FIRST_MS * 2 ** Math.min(failures, 10)) * jitter;
  return Math.max(first, backoff);
}

/** What is known when a member knocks. */
export interface Knock {
  /** Age of the connection that is there; null when there is none. */
  readonly existingAgeMs: number | null;
  /** Whether we are dialling that member right now, and how often that failed before. */
  readonly isDialing: boolean;
  readonly failures: number;
  readonly isFirstDialler: boolean;
}

/**
 * What to do with an incoming connection of a member, so that one stays: a member that knocks although it was connected
 * long ago has lost that connection; of two that dial at once, the first dialler's connection stays.
 */
export function answerKnock(knock: Knock): 'admit' | 'admitInstead' | 'refuse' {
  if (knock.existingAgeMs !== null) return knock.existingAgeMs > SIMULTANEOUS_MS ? 'admitInstead' : 'refuse';
  // A dial that failed before may hang again: whoever gets through is welcome.
  if (knock.isDialing && knock.isFirstDialler && knock.failures === 0) return 'refuse';
  return 'admit';
}
