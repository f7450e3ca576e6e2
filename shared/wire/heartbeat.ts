/**
 * How do a leader and its voters tell each other that they live? Raft's heartbeats and their answers as datagrams.
 *
 *     heartbeat          'H' 0x21 from:4 to:4 term:count round:count commit:count
 *     heartbeatResponse  'H' 0x22 from:4 to:4 term:count round:count
 *
 * The second byte is the version, 2, and the kind. A count is as long as it needs: seven bits a byte, the lowest first, the
 * eighth says that more follow. `from` and `to` are the stores' parts of the voter ids; the members' parts are who sealed the
 * datagram and whom it was sealed for (sealed-socket.ts). Raft lets every message be lost, repeated or overtaken, so the
 * most frequent ones need no connection: over the mesh an idle leader would spend most of its work on them.
 */
import type { MemberId } from '../ids.ts';

/** First byte of these datagrams; leases have 'L'. */
export const HEARTBEAT_MAGIC = 0x48;
const VERSION = 2;
const HEARTBEAT = 1;
const RESPONSE = 2;
const STORE_BYTES = 4;
const HEAD_BYTES = 2 + 2 * STORE_BYTES;
/** Enough for 2^49: terms, rounds and indexes never get there. */
const COUNT_BYTES_MAX = 7;

/** The fields that travel, as in shared/ledger/raft/types.ts; `from` and `to` are voter ids. */
export type Heartbeat = { readonly from: string; readonly to: string; readonly term: number; readonly round: number } & (
  | { readonly kind: 'heartbeat'; readonly commit: number }
  | { readonly kind: 'heartbeatResponse' }
);

export function encodeHeartbeat(message: Heartbeat): Uint8Array {
  const isHeartbeat = message.kind === 'heartbeat';
  const bytes = new Uint8Array(HEAD_BYTES + 3 * COUNT_BYTES_MAX);
  bytes[0] = HEARTBEAT_MAGIC;
  bytes[1] = 16 * VERSION + (isHeartbeat ? HEARTBEAT : RESPONSE);
  setStore(bytes, 2, message.from);
  setStore(bytes, 2 + STORE_BYTES, message.to);
  let end = setCount(bytes, HEAD_BYTES, message.term);
  end = setCount(bytes, end, message.round);
  if (isHeartbeat) end = setCount(bytes, end, message.commit);
  return bytes.slice(0, end);
}

/** The message that `from` sealed for `to`, or null when the bytes are anything but a whole one of this version. */
export function decodeHeartbeat(bytes: Uint8Array, from: MemberId, to: MemberId): Heartbeat | null {
  const kind = (bytes[1] ?? 0) - 16 * VERSION;
  if (bytes.length < HEAD_BYTES || bytes[0] !== HEARTBEAT_MAGIC || (kind !== HEARTBEAT && kind !== RESPONSE)) return null;
  const counts = countsIn(bytes, HEAD_BYTES);
  if (counts === null || counts.length !== (kind === HEARTBEAT ? 3 : 2)) return null;
  const [term = 0, round = 0, commit = 0] = counts;
  const common = { from: voterOf(from, bytes, 2), to: voterOf(to, bytes, 2 + STORE_BYTES), term, round };
  return kind === HEARTBEAT ? { kind: 'heartbeat', ...common, commit } : { kind: 'heartbeatResponse', ...common };
}

/** Writes the part of a voter id that names its store: 32 bits, eight hex digits in the id (ids.ts). */
function setStore(bytes: Uint8Array, at: number, voter: string): void {
  const store = Number.parseInt(voter.slice(voter.lastIndexOf('.') + 1), 16);
  for (let byte = 0; byte < STORE_BYTES; byte += 1) bytes[at + byte] = store >>> (8 * (STORE_BYTES - 1 - byte));
}

/** The voter that each member was last: the same one for as long as its store lives. */
const VOTERS = new Map<MemberId, { readonly store: number; readonly voter: string }>();
/** More members than a cell has; beyond it all are forgotten. */
const VOTERS_MAX = 2_000;

function voterOf(member: MemberId, bytes: Uint8Array, at: number): string {
  let store = 0;
  for (let byte = 0; byte < STORE_BYTES; byte += 1) store = store * 256 + (bytes[at + byte] ?? 0);
  const known = VOTERS.get(member);
  if (known?.store === store) return known.voter;
  const voter = `${member}.${store.toString(16).padStart(2 * STORE_BYTES, '0')}`;
  if (VOTERS.size >= VOTERS_MAX) VOTERS.clear();
  VOTERS.set(member, { store, voter });
  return voter;
}

/** Returns where the count ends. */
function setCount(bytes: Uint8Array, at: number, value: number): number {
  let left = value;
  let end = at;
  for (; left >= 128; left = Math.floor(left / 128)) {
    bytes[end] = 128 + (left % 128);
    end += 1;
  }
  bytes[end] = left;
  return end + 1;
}

/** All counts from `begin` on; null when one is cut, too long, or longer than it needs. */
function countsIn(bytes: Uint8Array, begin: number): readonly number[] | null {
  const counts: number[] = [];
  let value = 0;
  let length = 0;
  for (let at = begin; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    value += (byte % 128) * 128 ** length;
    length += 1;
    if (length > COUNT_BYTES_MAX) return null;
    if (byte >= 128) continue;
    if (byte === 0 && length > 1) return null;
    counts.push(value);
    value = 0;
    length = 0;
  }
  return length === 0 ? counts : null;
}
