/**
 * How does the leader know that a lease datagram is really from that node, and the node that the answer is from that voter?
 *
 *     byte 0     version
 *     byte 1, 2  the sender's mark: the low 16 bits of FNV-1a over its id
 *     ...        the payload
 *     last 16    HMAC-SHA256 over all before it, its first half (RFC 4868: HMAC-SHA-256-128)
 *
 * The mark only says which keys to try, so that names cost no bytes; who sent it is whose key fits.
 * The key is pairwise (X25519, then HKDF-SHA256) and bound to the cell and to who sends to whom, so a datagram is worth
 * nothing in another cell, to another receiver, or sent back. Leases are no secret; what must not be possible is to
 * forge them. Repeats are for the layer above: every renewal carries a nonce that its answer echoes.
 *
 * No library beside Node.js: the keeper is a tiny process and imports this.
 */
import { diffieHellman, hash, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { CellId, MemberId } from '../ids.ts';
import { parseLeasePublicKey } from './lease-key.ts';

/** Version of sealed datagrams; others are silently dropped. */
const SEAL_VERSION = 3;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
/** What SHA-256 hashes at a time; keys are shorter. */
const BLOCK_BYTES = 64;
const HEAD_BYTES = 3;
/** What a seal adds to a payload, bytes. */
export const SEAL_OVERHEAD = HEAD_BYTES + TAG_BYTES;

/** Options of {@link createSealer}. */
export interface SealerOptions {
  readonly cell: CellId;
  readonly self: MemberId;
  /** X25519 (lease-key.ts). */
  readonly privateKey: KeyObject;
  /** Public keys of those we speak with, base64. Asked each time, so a removed member is refused at once. A map of the same size is taken to name the same members. */
  readonly peers: () => ReadonlyMap<MemberId, string>;
}

/** What a member and another one seal with, each way: 32 bytes, hexadecimal. Whoever has them needs no other key for that pair. */
export interface PairKeys {
  readonly sendKey: string;
  readonly receiveKey: string;
}

/** Seals and opens datagrams of one member. */
export interface Sealer {
  /** Null when there is no usable key of that member. */
  seal(to: MemberId, bytes: Uint8Array): Uint8Array | null;
  /** Null for whatever is not certainly from a known member to us; never throws. The bytes are not copied. */
  open(bytes: Uint8Array): { readonly from: MemberId; readonly bytes: Uint8Array } | null;
}

/** A sealer that agrees on the keys by itself, and so can hand them out to the keeper of its node. */
export interface AgreeingSealer extends Sealer {
  /** Null when there is no usable key of that member. They never leave the node. */
  keysWith(other: MemberId): PairKeys | null;
}

/** A key as HMAC uses it (RFC 2104): one block for each of its two hashes. */
interface TagKey {
  readonly inner: Uint8Array;
  readonly outer: Uint8Array;
}

interface Keys {
  readonly send: TagKey;
  readonly receive: TagKey;
}

interface Pair {
  readonly publicKey: string;
  readonly keys: Keys | null;
  readonly handedOut: PairKeys | null;
}

/** A sealer for pairs whose keys somebody else agreed on: a keeper's. The keys are checked by shared/wire/keeper.ts. */
export function createSealerFrom(self: MemberId, pairs: ReadonlyMap<MemberId, PairKeys>): Sealer {
  const keys = new Map([...pairs].map(([other, pair]) => [other, keysOf(pair)]));
  const marks = marksOf(keys.keys());
  return sealerOver(self, (mark) => marks.get(mark) ?? [], (other) => keys.get(other) ?? null);
}

/** A sealer. Agreeing on a key costs about 0.1 ms once per peer; a datagram some microseconds. */
export function createSealer(options: SealerOptions): AgreeingSealer {
  const { cell, self } = options;
  /** With the public key that they were agreed with; no keys when that one is unusable. Never more than peers. */
  const pairs = new Map<MemberId, Pair>();

  function derive(secret: Buffer, from: MemberId, to: MemberId): string {
    return Buffer.from(hkdfSync('sha256', secret, 'ves lease 1', `${cell}|${from}|${to}`, KEY_BYTES)).toString('hex');
  }

  function agree(other: MemberId, publicKey: string): PairKeys | null {
    try {
      const secret = diffieHellman({ privateKey: options.privateKey, publicKey: parseLeasePublicKey(publicKey) });
      return { sendKey: derive(secret, self, other), receiveKey: derive(secret, other, self) };
    } catch {
      // No X25519 key, or one that leads to no secret: as good as no key.
      return null;
    }
  }

  function pairWith(other: MemberId): Pair | null {
    const peers = options.peers();
    const publicKey = peers.get(other);
    // A node renews with its own agent as well, so `other` may be ourselves: a pair like any other, with a key of its own.
    if (publicKey === undefined) return null;
    const known = pairs.get(other);
    if (known?.publicKey === publicKey) return known;
    if (pairs.size > peers.size) pairs.clear();
    const handedOut = agree(other, publicKey);
    const pair: Pair = { publicKey, keys: handedOut === null ? null : keysOf(handedOut), handedOut };
    pairs.set(other, pair);
    return pair;
  }

  let marked: { readonly peers: ReadonlyMap<MemberId, string>; readonly size: number; readonly marks: ReturnType<typeof marksOf> } | null = null;

  function membersMarked(mark: number): readonly MemberId[] {
    const peers = options.peers();
    if (marked?.peers !== peers || marked.size !== peers.size) marked = { peers, size: peers.size, marks: marksOf(peers.keys()) };
    return marked.marks.get(mark) ?? [];
  }

  return { ...sealerOver(self, membersMarked, (other) => pairWith(other)?.keys ?? null), keysWith: (other) => pairWith(other)?.handedOut ?? null };
}

function keysOf({ sendKey, receiveKey }: PairKeys): Keys {
  return { send: tagKeyOf(sendKey), receive: tagKeyOf(receiveKey) };
}

function tagKeyOf(hex: string): TagKey {
  const bytes = Buffer.from(hex, 'hex');
  const block = (pad: number): Uint8Array => Uint8Array.from({ length: BLOCK_BYTES }, (_, at) => pad ^ (bytes[at] ?? 0));
  return { inner: block(0x36), outer: block(0x5c) };
}

/**
 * HMAC-SHA256, its first half, by two hashes in one call each. What node:crypto has for it makes a stream each time, which costs a process
 * that does it seldom, hence with cold caches, twice as much (75 instead of 35 microseconds, measured with Node 24).
 */
function tagOf(key: TagKey, bytes: Uint8Array): Uint8Array {
  const inner = hash('sha256', Buffer.concat([key.inner, bytes]), 'buffer');
  return hash('sha256', Buffer.concat([key.outer, inner]), 'buffer').subarray(0, TAG_BYTES);
}

/** The low 16 bits of FNV-1a. Two members may have the same mark. */
function markOf(id: MemberId): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  return hash & 0xffff;
}

function marksOf(ids: Iterable<MemberId>): ReadonlyMap<number, readonly MemberId[]> {
  return Map.groupBy(ids, markOf);
}

function sealerOver(self: MemberId, membersMarked: (mark: number) => readonly MemberId[], keysWith: (other: MemberId) => Keys | null): Sealer {
  const mark = markOf(self);
  return {
    seal(to, bytes) {
      const keys = keysWith(to);
      if (keys === null) return null;
      const sealed = Buffer.allocUnsafe(bytes.byteLength + SEAL_OVERHEAD);
      sealed[0] = SEAL_VERSION;
      sealed.writeUInt16BE(mark, 1);
      sealed.set(bytes, HEAD_BYTES);
      const end = HEAD_BYTES + bytes.byteLength;
      sealed.set(tagOf(keys.send, sealed.subarray(0, end)), end);
      return sealed;
    },
    open(bytes) {
      if (bytes[0] !== SEAL_VERSION || bytes.byteLength < SEAL_OVERHEAD) return null;
      const end = bytes.byteLength - TAG_BYTES;
      for (const from of membersMarked((bytes[1] ?? 0) * 256 + (bytes[2] ?? 0))) {
        const keys = keysWith(from);
        if (keys === null || !timingSafeEqual(tagOf(keys.receive, bytes.subarray(0, end)), bytes.subarray(end))) continue;
        return { from, bytes: bytes.subarray(HEAD_BYTES, end) };
      }
      return null;
    },
  };
}
