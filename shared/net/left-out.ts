/**
 * What stands in for the libraries that an agent does without? Names that say so when they are used (lean-libraries.ts).
 *
 * Members have Ed25519 keys, which libp2p signs and checks by OpenSSL, and noise-crypto.ts does the rest. What is left is the one
 * function that a new identity needs, done by OpenSSL as well.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { ClusterError } from '../errors.ts';

/** What stands before the 32 bytes of an Ed25519 private key in DER: RFC 8410, section 7. */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A thing of the name; using it (but not carrying it about) throws ClusterError `LibraryLeftOut`. */
function leftOut(name: string): never {
  const refuse = (): never => {
    throw new ClusterError('LibraryLeftOut', `${name} is not loaded in this process: members of a cell have Ed25519 keys`, { retryable: false });
  };
  return new Proxy(refuse, { get: refuse, construct: refuse }) as never;
}

/** The part of @noble/curves' Ed25519 that libp2p asks for: the public key of a 32-byte seed. */
export const ed25519 = {
  getPublicKey: (seed: Uint8Array): Uint8Array => {
    const key = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), type: 'pkcs8', format: 'der' });
    return new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32));
  },
};

// @noble/curves
export const secp256k1 = leftOut('secp256k1');
export const x25519 = leftOut('x25519');
// @noble/ciphers, @noble/hashes
export const chacha20poly1305 = leftOut('chacha20poly1305');
export const extract = leftOut('extract');
export const expand = leftOut('expand');
export const pbkdf2 = leftOut('pbkdf2');
export const sha1 = leftOut('sha1');
export const sha256 = leftOut('sha256');
export const sha512 = leftOut('sha512');
// @chainsafe/as-sha256
export const digest = leftOut('digest');

/** @chainsafe/as-chacha20poly1305: noise makes one when it is loaded, and never uses it, as it is given noise-crypto.ts. */
export function newInstance(): null {
  return null;
}

/** See {@link newInstance}. */
export class ChaCha20Poly1305 {
  readonly seal: never = leftOut('ChaCha20Poly1305.seal');
  readonly open: never = leftOut('ChaCha20Poly1305.open');
}
