/**
 * What does a lease datagram say? Checkers ask at every end of its way, and read it once.
 */
import { decodeLease } from '../../../shared/wire/lease.ts';
import type { Grant, Renewal } from '../../../shared/wire/lease.ts';

/** As `decodeLease`, of bytes that nobody changes. */
export function decodeOnce(bytes: Uint8Array & { read?: Renewal | Grant | null }): Renewal | Grant | null {
  // A note on the bytes: a weak map costs more than reading them again.
  if (bytes.read === undefined) bytes.read = decodeLease(bytes);
  return bytes.read;
}
