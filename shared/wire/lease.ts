/**
 * What do a keeper and the voters say to each other? Two datagrams: a renewal, and the answer to it.
 *
 * They are the only messages with a clock in their meaning (SAFETY.md 4.2), so they are small, carry no text of
 * people, and are never retried: a lost one is replaced by the next. On the wire each is sealed for one receiver
 * (see {@link Sealer}), so what is decoded here was written by the member that it is said to come from.
 *
 *     renewal  'L' 0x31 constants:u32 cluster:16 boot:16 nonce:12 node:text cell:text
 *     grant    'L' 0x32 status:u8 constants:u32 nonce:12
 *
 * The second byte is the version, 3, and the kind. Numbers are big-endian; a text is one byte of length and ASCII. A grant names
 * no leader: its seal does; and no term: the leader was confirmed in it before it answered. A leader sends one to each node of the
 * cell twice a second, so every byte of it counts.
 */
import { parseBootId, parseCellId, parseNodeId } from '../ids.ts';
import type { BootId, CellId, MemberId, NodeId } from '../ids.ts';
import { CLOCK_RATE_ERROR } from '../model/timing.ts';
import type { TimingProfile } from '../model/timing.ts';

/** Version of both datagrams. Another version is not understood, hence not answered. */
const LEASE_VERSION = 3;

/** First byte of both; heartbeats have 'H'. */
export const LEASE_MAGIC = 0x4c;

/** No datagram is longer, before sealing. */
export const LEASE_BYTES_MAX = 200;

/** A node asks for its lease to last longer. */
export interface Renewal {
  readonly kind: 'renewal';
  readonly cell: CellId;
  /** The ledger that the node belongs to. */
  readonly clusterUuid: string;
  readonly node: NodeId;
  readonly bootId: BootId;
  /** See {@link nonceOf}. */
  readonly nonce: string;
  /** {@link constantsHash} of the profile that the keeper pets by. */
  readonly constants: number;
}

/** Why a renewal is refused. Only `fenced` is final for a boot. */
export type LeaseRefusal = 'fenced' | 'notAdmitted' | 'wrongProfile' | 'wrongCluster';

/** The answer of the leader, which is who sealed it. `granted` lasts from the moment the renewal with this nonce was *sent*. */
export interface Grant {
  readonly kind: 'grant';
  readonly nonce: string;
  readonly status: 'granted' | LeaseRefusal;
  /** {@link constantsHash} of the profile that the ledger holds. */
  readonly constants: number;
}

/** Authenticates and encrypts datagrams between two members, with a key that only these two can compute. */
export interface Sealer {
  /** Null when the receiver's key is not known. */
  seal(to: MemberId, bytes: Uint8Array): Uint8Array | null;
  /** Null unless a known member sealed exactly these bytes for this one. */
  open(bytes: Uint8Array): { readonly from: MemberId; readonly bytes: Uint8Array } | null;
}

const STATUSES: readonly Grant['status'][] = ['granted', 'fenced', 'notAdmitted', 'wrongProfile', 'wrongCluster'];
const RENEWAL = 1;
const GRANT = 2;
const NONCE_BYTES = 12;
const UUID_BYTES = 16;

/**
 * A nonce that no other renewal of this boot has: a sequence number that grows over all keepers of one boot (they take
 * it from the monotonic clock, in microseconds) and 32 random bits. 24 hex digits; later ones compare greater as text.
 */
export function nonceOf(sequence: number, draw: number): string {
  return sequence.toString(16).padStart(16, '0') + (draw >>> 0).toString(16).padStart(8, '0');
}

/** The sequence number in a nonce: microseconds of the sender's monotonic clock. */
export function sequenceOf(nonce: string): number {
  return Number.parseInt(nonce.slice(0, 16), 16);
}

/** 32 bits that differ when any figure of a profile differs (FNV-1a): both ends of a lease must do the same arithmetic. */
export function constantsHash(profile: TimingProfile): number {
  const known = HASHES.get(profile);
  if (known !== undefined) return known;
  const figures = [
    profile.renewIntervalMs, profile.petWindowMs, profile.watchdogMs, profile.watchdogLatencyMs, profile.marginMs,
    profile.fenceWaitMs, CLOCK_RATE_ERROR,
  ];
  let hash = 0x811c9dc5;
  for (const unit of `${profile.name} ${figures.join(' ')}`) hash = Math.imul(hash ^ unit.charCodeAt(0), 0x01000193);
  HASHES.set(profile, hash >>> 0);
  return hash >>> 0;
}

/** Asked for at each renewal; a profile never changes in place. */
const HASHES = new WeakMap<TimingProfile, number>();

export function encodeRenewal(renewal: Renewal): Uint8Array {
  const writer = new Writer(RENEWAL, NONCE_AT + NONCE_BYTES + 2 + renewal.node.length + renewal.cell.length);
  writer.number(renewal.constants, 4);
  writer.hex(renewal.clusterUuid);
  writer.hex(renewal.bootId);
  writer.hex(renewal.nonce);
  writer.text(renewal.node);
  writer.text(renewal.cell);
  return writer.finish();
}

export function encodeGrant(grant: Grant): Uint8Array {
  const writer = new Writer(GRANT, 2 + 1 + 4 + NONCE_BYTES);
  writer.number(STATUSES.indexOf(grant.status), 1);
  writer.number(grant.constants, 4);
  writer.hex(grant.nonce);
  return writer.finish();
}

/** The datagram, or null when it is anything but a whole one of this version. Never throws. */
export function decodeLease(bytes: Uint8Array): Renewal | Grant | null {
  if (bytes.length > LEASE_BYTES_MAX) return null;
  const reader = new Reader(bytes);
  if (reader.number(1) !== LEASE_MAGIC) return null;
  const kind = reader.number(1) - 16 * LEASE_VERSION;
  try {
    if (kind === RENEWAL) return saidBefore(bytes) ?? decodeRenewal(reader, bytes);
    if (kind === GRANT) return decodeGrant(reader);
    return null;
  } catch {
    // An id that is none (ids.ts throws): as malformed as a datagram that is too short.
    return null;
  }
}

/**
 * The last renewal of each boot, by a part of its boot id: the next one differs in its nonce only, and reading ids is most of the work.
 * Only whole and valid ones are here, and only bytes that are equal count.
 */
const SAID = new Map<number, { readonly bytes: Uint8Array; readonly renewal: Renewal }>();
/** More boots than ever renew with one leader; beyond it all is forgotten. */
const SAID_MAX = 1_000;
const BOOT_AT = 2 + 4 + UUID_BYTES;
const NONCE_AT = BOOT_AT + UUID_BYTES;

function saidBefore(bytes: Uint8Array): Renewal | null {
  const said = SAID.get(bootKey(bytes));
  if (said?.bytes.length !== bytes.length) return null;
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] !== said.bytes[at] && (at < NONCE_AT || at >= NONCE_AT + NONCE_BYTES)) return null;
  }
  return { ...said.renewal, nonce: hexOf(bytes, NONCE_AT, NONCE_BYTES) };
}

function bootKey(bytes: Uint8Array): number {
  let key = 0;
  for (let at = BOOT_AT; at < BOOT_AT + 6; at += 1) key = key * 256 + (bytes[at] ?? 0);
  return key;
}

function decodeRenewal(reader: Reader, bytes: Uint8Array): Renewal | null {
  const constants = reader.number(4);
  const clusterUuid = reader.uuid();
  const bootId = reader.uuid();
  const nonce = reader.hex(NONCE_BYTES);
  const node = reader.text();
  const cell = reader.text();
  if (!reader.isWhole()) return null;
  const renewal: Renewal = { kind: 'renewal', cell: parseCellId(cell), clusterUuid, node: parseNodeId(node), bootId: parseBootId(bootId), nonce, constants };
  if (SAID.size >= SAID_MAX) SAID.clear();
  SAID.set(bootKey(bytes), { bytes: bytes.slice(), renewal });
  return renewal;
}

function decodeGrant(reader: Reader): Grant | null {
  const status = STATUSES[reader.number(1)];
  const constants = reader.number(4);
  const nonce = reader.hex(NONCE_BYTES);
  if (!reader.isWhole() || status === undefined) return null;
  return { kind: 'grant', nonce, status, constants };
}

/** Two hex digits for each byte: asked for dozens of times with each renewal. */
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexOf(bytes: Uint8Array, from: number, size: number): string {
  let digits = '';
  for (let at = from; at < from + size; at += 1) digits += HEX[bytes[at] ?? 0] ?? '';
  return digits;
}

/** What a hexadecimal digit counts, by its character code. */
const DIGITS: readonly number[] = Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? -1 : value;
});

/** Appends fields to one datagram. */
class Writer {
  readonly #bytes: Uint8Array;
  #at = 2;

  constructor(kind: number, size: number) {
    this.#bytes = new Uint8Array(size);
    this.#bytes[0] = LEASE_MAGIC;
    this.#bytes[1] = 16 * LEASE_VERSION + kind;
  }

  number(value: number, size: number): void {
    for (let at = size - 1; at >= 0; at -= 1) this.#byte(Math.floor(value / 2 ** (8 * at)) % 256);
  }

  /** The dashes of a UUID are passed over. */
  hex(digits: string): void {
    let high = -1;
    for (let at = 0; at < digits.length; at += 1) {
      const digit = DIGITS[digits.charCodeAt(at)] ?? -1;
      if (digit < 0) continue;
      if (high < 0) {
        high = digit;
        continue;
      }
      this.#byte(16 * high + digit);
      high = -1;
    }
  }

  text(text: string): void {
    this.#byte(text.length);
    for (let at = 0; at < text.length; at += 1) this.#byte(text.charCodeAt(at));
  }

  finish(): Uint8Array {
    return this.#bytes;
  }

  #byte(value: number): void {
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }
}

/** Takes fields off one datagram; past its end it yields zeros and remembers that it was too short. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(size: number): number {
    let value = 0;
    for (let left = size; left > 0; left -= 1) value = value * 256 + this.#byte();
    return value;
  }

  hex(size: number): string {
    let digits = '';
    for (let left = size; left > 0; left -= 1) digits += HEX[this.#byte()] ?? '';
    return digits;
  }

  uuid(): string {
    return `${this.hex(4)}-${this.hex(2)}-${this.hex(2)}-${this.hex(2)}-${this.hex(UUID_BYTES - 10)}`;
  }

  text(): string {
    let text = '';
    for (let left = Math.min(this.#byte(), LEASE_BYTES_MAX); left > 0; left -= 1) text += String.fromCharCode(this.#byte());
    return text;
  }

  isWhole(): boolean {
    return this.#at === this.#bytes.length;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    return byte;
  }
}
