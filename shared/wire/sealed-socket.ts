/**
 * How do several kinds of small sealed messages share one socket? The first byte of each says whose it is.
 *
 * A node has one datagram socket, behind its `leaseAddress`: leases and the ledger's heartbeats pass through it.
 */
import type { MemberId } from '../ids.ts';
import type { Datagrams } from '../world.ts';
import type { Sealer } from './lease.ts';

/** Takes the payload of a datagram that `from` sealed for this member; `address` is where it came from. */
type SealedHandler = (bytes: Uint8Array, from: MemberId, address: string) => void;

/** A datagram socket on which everything is authenticated. */
export class SealedSocket {
  readonly #datagrams: Datagrams;
  readonly #sealer: Sealer;
  readonly #handlers = new Map<number, SealedHandler>();

  constructor(datagrams: Datagrams, sealer: Sealer) {
    this.#datagrams = datagrams;
    this.#sealer = sealer;
    datagrams.onReceive((bytes, address) => this.#received(bytes, address));
  }

  /** Sends at most once; failures are silence. False when the receiver's key is not known. */
  send(to: MemberId, address: string, bytes: Uint8Array): boolean {
    const sealed = this.#sealer.seal(to, bytes);
    if (sealed === null) return false;
    this.#datagrams.send(address, sealed);
    return true;
  }

  /** Payloads that begin with the byte `magic` go to this handler; one handler for each. */
  onReceive(magic: number, handler: SealedHandler): void {
    this.#handlers.set(magic, handler);
  }

  #received(bytes: Uint8Array, address: string): void {
    const opened = this.#sealer.open(bytes);
    if (opened !== null) this.#handlers.get(opened.bytes[0] ?? -1)?.(opened.bytes, opened.from, address);
  }
}
