/**
 * Whose data is newer? DRBD's generation identifiers: four UUIDs per replica, compared by a list of rules.
 *
 *     positive: we are sync source (1: by bitmap, 2: all blocks)      negative: we are sync target
 *     0: no resync      100, -100: split brain      -1000: unrelated data
 *
 * Source of the rules: drbd_uuid_compare of drbd_receiver.c (8.4, protocol 101), read for its facts. The lowest bit
 * of a UUID says only "was primary" and is masked out.
 */

/** Current, bitmap's base, younger history, older history. */
export type Uuids = readonly [bigint, bigint, bigint, bigint];

/** The current UUID of metadata that never held data (UUID_JUST_CREATED). */
export const JUST_CREATED = 4n;
/** Added to the bitmap UUID at each start of a resync (UUID_NEW_BM_OFFSET). */
export const NEW_BITMAP_OFFSET = 0x0001_0000_0000_0000n;
const U64 = 0xffff_ffff_ffff_ffffn;

const masked = (uuid: bigint): bigint => uuid & ~1n & U64;
const plusOffset = (uuid: bigint): bigint => masked((uuid + NEW_BITMAP_OFFSET) & U64);

export interface ReplicaFacts {
  readonly uuids: Uuids;
  /** Was primary when its node crashed, and has not been in sync with its peer since. */
  readonly wasCrashedPrimary: boolean;
  readonly isPrimary: boolean;
}

export interface UuidVerdict {
  readonly result: number;
  readonly rule: number;
  /** Corrections that a missed end or start of a resync needs. */
  readonly correctedSelf: Uuids | null;
  readonly correctedPeer: Uuids | null;
}

const verdict = (result: number, rule: number, correctedSelf: Uuids | null = null, correctedPeer: Uuids | null = null): UuidVerdict =>
  ({ result, rule, correctedSelf, correctedPeer });

/** Compares two replicas. `resolvesConflicts`: the arbitrary tie-breaker that one end of a connection has. */
export function compareUuids(self: ReplicaFacts, peer: ReplicaFacts, resolvesConflicts: boolean): UuidVerdict {
  const mine = masked(self.uuids[0]);
  const theirs = masked(peer.uuids[0]);
  if (mine === JUST_CREATED && theirs === JUST_CREATED) return verdict(0, 10);
  if ((mine === JUST_CREATED || mine === 0n) && theirs !== JUST_CREATED) return verdict(-2, 20);
  if (mine !== JUST_CREATED && (theirs === JUST_CREATED || theirs === 0n)) return verdict(2, 30);
  if (mine === theirs) return compareEqual(self, peer, resolvesConflicts);
  return compareDifferent(self.uuids, peer.uuids);
}

function compareEqual(self: ReplicaFacts, peer: ReplicaFacts, resolvesConflicts: boolean): UuidVerdict {
  const [current, bitmap, younger, older] = self.uuids;
  const [peerCurrent, peerBitmap, peerYounger, peerOlder] = peer.uuids;
  if (peerBitmap === 0n && bitmap !== 0n) {
    const missedEnd = masked(bitmap) === masked(peerYounger) && masked(younger) === masked(peerOlder);
    return missedEnd ? verdict(1, 34, [current, 0n, bitmap, younger]) : verdict(1, 36);
  }
  if (bitmap === 0n && peerBitmap !== 0n) {
    const missedEnd = masked(younger) === masked(peerBitmap) && masked(older) === masked(peerYounger);
    return missedEnd ? verdict(-1, 35, null, [peerCurrent, 0n, peerBitmap, peerYounger]) : verdict(-1, 37);
  }
  if (!self.wasCrashedPrimary && !peer.wasCrashedPrimary) return verdict(0, 40);
  if (self.isPrimary || peer.isPrimary) {
    if (self.isPrimary && peer.isPrimary) return verdict(-100, 41);
    return verdict(self.isPrimary ? 1 : -1, 41);
  }
  if (self.wasCrashedPrimary && peer.wasCrashedPrimary) return verdict(resolvesConflicts ? -1 : 1, 40);
  return verdict(self.wasCrashedPrimary ? 1 : -1, 40);
}

function compareDifferent(self: Uuids, peer: Uuids): UuidVerdict {
  const mine = masked(self[0]);
  const theirs = masked(peer[0]);
  if (mine === masked(peer[1])) return verdict(-1, 50);
  if (mine === masked(peer[2]) && plusOffset(peer[2]) === masked(peer[1])) {
    return verdict(-1, 51, null, [peer[0], peer[2], peer[3], peer[3]]);
  }
  if (mine === masked(peer[2]) || mine === masked(peer[3])) return verdict(-2, 60);
  if (theirs === masked(self[1])) return verdict(1, 70);
  if (theirs === masked(self[2]) && plusOffset(self[2]) === masked(self[1])) {
    return verdict(1, 71, [self[0], self[2], self[3], self[3]]);
  }
  if (theirs === masked(self[2]) || theirs === masked(self[3])) return verdict(2, 80);
  if (masked(self[1]) !== 0n && masked(self[1]) === masked(peer[1])) return verdict(100, 90);
  for (const mineOld of [self[2], self[3]]) {
    for (const theirsOld of [peer[2], peer[3]]) if (masked(mineOld) === masked(theirsOld)) return verdict(-100, 100);
  }
  return verdict(-1000, 100);
}

/** 16 upper-case hex digits, as drbd-utils prints a UUID. */
export function uuidText(uuid: bigint): string {
  return uuid.toString(16).toUpperCase().padStart(16, '0');
}
