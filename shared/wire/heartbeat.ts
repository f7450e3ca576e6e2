/**
 * How do a leader and its voters tell each other that they live? Raft's heartbeats and their answers as datagrams.
 *
 *     heartbeat          'H' version 1 from:4 to:4 term:u48 round:u48 commit:u48
 *     heartbeatResponse  'H' version 2 from:4 to:4 term:u48 round:u48
 *
 * Numbers are big-endian. `from` and `to` are the stores' parts of the voter ids; the members' parts are who sealed the
 * datagram and whom it was sealed for (sealed-socket.ts). Raft lets every message be lost, repeated or overtaken, so the
 * most frequent ones need no connection: over the mesh an idle leader would spend most of its work on them.
 */
import type { MemberId } from '../ids.ts';

/** First byte of these datagrams; leases have 'L'. */
export const HEARTBEAT_MAGIC = 0x48;
const VERSION = 1;
const HEARTBEAT = 1;
const RESPONSE = 2;
const STORE_BYTES = 4;
const COUNT_BYTES = 6;
const HEAD_BYTES = 3 + 2 * STORE_BYTES + 2 * COUNT_BYTES;

/** The fields that travel, as in shared/ledger/raft/types.ts; `from` and `to` are voter ids. */
export type Heartbeat = { readonly from: string; readonly to: string; readonly term: number; readonly round: number } & (
  | { readonly kind: 'heartbeat'; readonly commit: number }
  | { readonly kind: 'heartbeatResponse' }
);

export function encodeHeartbeat(message: Heartbeat): Uint8Array {
  const isHeartbeat = message.kind === 'heartbeat';
  const bytes = new Uint8Array(HEAD_BYTES + (isHeartbeat ? COUNT_BYTES : 0));
  const view = new DataView(bytes.buffer);
  bytes.set([HEARTBEAT_MAGIC, VERSION, isHeartbeat ? HEARTBEAT : RESPONSE]);
  view.setUint32(3, storeOf(message.from));
  view.setUint32(3 + STORE_BYTES, storeOf(message.to));
  setCount(view, 3 + 2 * STORE_BYTES, message.term);
  setCount(view, 3 + 2 * STORE_BYTES + COUNT_BYTES, message.round);
  if (message.kind === 'heartbeat') setCount(view, HEAD_BYTES, message.commit);
  return bytes;
}

/** The message that `from` sealed for `to`, or null when the bytes are anything but a whole one of this version. */
export function decodeHeartbeat(bytes: Uint8Array, from: MemberId, to: MemberId): Heartbeat | null {
  const kind = bytes[2];
  if (bytes[0] !== HEARTBEAT_MAGIC || bytes[1] !== VERSION || (kind !== HEARTBEAT && kind !== RESPONSE)) return null;
  if (bytes.length !== HEAD_BYTES + (kind === HEARTBEAT ? COUNT_BYTES : 0)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const common = {
    from: voterOf(from, view.getUint32(3)), to: voterOf(to, view.getUint32(3 + STORE_BYTES)),
    term: getCount(view, 3 + 2 * STORE_BYTES), round: getCount(view, 3 + 2 * STORE_BYTES + COUNT_BYTES),
  };
  return kind === HEARTBEAT ? { kind: 'heartbeat', ...common, commit: getCount(view, HEAD_BYTES) } : { kind: 'heartbeatResponse', ...common };
}

/** The part of a voter id that names its store: 32 bits, eight hex digits in the id (ids.ts). */
function storeOf(voter: string): number {
  return Number.parseInt(voter.slice(voter.lastIndexOf('.') + 1), 16);
}

function voterOf(member: MemberId, store: number): string {
  return `${member}.${store.toString(16).padStart(2 * STORE_BYTES, '0')}`;
}

function setCount(view: DataView, at: number, value: number): void {
  view.setUint16(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 2, value % 2 ** 32);
}

function getCount(view: DataView, at: number): number {
  return view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2);
}
