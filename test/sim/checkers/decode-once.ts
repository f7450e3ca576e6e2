/**
 * What does a lease datagram say? Checkers ask at every end of its way, and read it once.
 */
import { decodeLease } from '../../../shared/wire/lease.ts';
import type { Grant, Renewal } from '../../../shared/wire/lease.ts';

const READ = new WeakMap<Uint8Array, Renewal | Grant | null>();

/** As `decodeLease`, of bytes that nobody changes. */
export function decodeOnce(bytes: Uint8Array): Renewal | Grant | null {
  const known = READ.get(bytes);
  if (known !== undefined) return known;
  const read = decodeLease(bytes);
  READ.set(bytes, read);
  return read;
}
