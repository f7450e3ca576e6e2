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
  const view = new DataView(bytes.buffer);
  bytes[0] = HEARTBEAT_MAGIC;
  bytes[1] = 16 * VERSION + (isHeartbeat ? HEARTBEAT : RESPONSE);
  view.setUint32(2, storeOf(message.from));
  view.setUint32(2 + STORE_BYTES, storeOf(message.to));
  let end = setCount(bytes, HEAD_BYTES, message.term);
  end = setCount(bytes, end, message.round);
  if (isHeartbeat) end = setCount(bytes, end, message.commit);
  return bytes.subarray(0, end);
}

/** The message that `from` sealed for `to`, or null when the bytes are anything but a whole one of this version. */
export function decodeHeartbeat(bytes: Uint8Array, from: MemberId, to: MemberId): Heartbeat | null {
  const kind = (bytes[1] ?? 0) - 16 * VERSION;
  if (bytes.length < HEAD_BYTES || bytes[0] !== HEARTBEAT_MAGIC || (kind !== HEARTBEAT && kind !== RESPONSE)) return null;
  const counts = countsIn(bytes.subarray(HEAD_BYTES));
  const [term, round, commit] = counts ?? [];
  if (counts?.length !== (kind === HEARTBEAT ? 3 : 2) || term === undefined || round === undefined) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const common = { from: voterOf(from, view.getUint32(2)), to: voterOf(to, view.getUint32(2 + STORE_BYTES)), term, round };
  return commit === undefined ? { kind: 'heartbeatResponse', ...common } : { kind: 'heartbeat', ...common, commit };
}

/** The part of a voter id that names its store: 32 bits, eight hex digits in the id (ids.ts). */
function storeOf(voter: string): number {
  return Number.parseInt(voter.slice(voter.lastIndexOf('.') + 1), 16);
}

function voterOf(member: MemberId, store: number): string {
  return `${member}.${store.toString(16).padStart(2 * STORE_BYTES, '0')}`;
}

/** Returns where the count ends. */
function setCount(bytes: Uint8Array, at: number, value: number): number {
  let [left, end] = [value, at];
  for (; left >= 128; left = Math.floor(left / 128)) {
    bytes[end] = 128 + (left % 128);
    end += 1;
  }
  bytes[end] = left;
  return end + 1;
}

/** All counts of the bytes; null when one is cut, too long, or longer than it needs. */
function countsIn(bytes: Uint8Array): readonly number[] | null {
  const counts: number[] = [];
  let [value, length] = [0, 0];
  for (const byte of bytes) {
    value += (byte % 128) * 128 ** length;
    length += 1;
    if (length > COUNT_BYTES_MAX) return null;
    if (byte >= 128) continue;
    if (byte === 0 && length > 1) return null;
    counts.push(value);
    [value, length] = [0, 0];
  }
  return length === 0 ? counts : null;
}
