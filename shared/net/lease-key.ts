/**
 * Which key are a node's lease datagrams authenticated with? An X25519 key pair on the node's boot disk.
 *
 * No library beside Node.js: the keeper is a tiny process and imports this.
 */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ClusterError } from '../errors.ts';
import type { Chance, Files } from '../world.ts';

/** The pair. `publicKey` is the raw 32 bytes in base64, as in `NodeRecord.leaseKey`. */
export interface LeaseKey {
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

/** DER in front of the 32 raw bytes of an X25519 key (RFC 8410). */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const KEY_BYTES = 32;

/** The pair that 32 secret bytes make. */
export function leaseKeyFrom(secret: Uint8Array): LeaseKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, secret]), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return { privateKey, publicKey: publicKey.subarray(PUBLIC_PREFIX.length).toString('base64') };
}

/** Another node's public key. Throws ClusterError `LeaseKeyInvalid` when the text is none. */
export function parseLeasePublicKey(text: string): KeyObject {
  const raw = Buffer.from(text, 'base64');
  if (raw.byteLength !== KEY_BYTES) throw new ClusterError('LeaseKeyInvalid', `a lease key has ${KEY_BYTES} bytes, not ${raw.byteLength}`, { retryable: false });
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, raw]), format: 'der', type: 'spki' });
}

/** Reads the node's key, or makes it at the first start. Throws ClusterError `IdentityUnreadable` rather than replacing one. */
export async function loadLeaseKey(files: Files, chance: Chance, path = 'lease.key'): Promise<LeaseKey> {
  const text = await files.read(path);
  if (text === null) {
    const secret = chance.bytes(KEY_BYTES);
    await files.writeDurably(path, `${Buffer.from(secret).toString('base64')}\n`, 0o600);
    return leaseKeyFrom(secret);
  }
  const secret = Buffer.from(text.trim(), 'base64');
  if (secret.byteLength !== KEY_BYTES) {
    throw new ClusterError('IdentityUnreadable', `${files.absolute(path)} holds no lease key: restore it, or remove it and enrol the node again`, { retryable: false });
  }
  return leaseKeyFrom(secret);
}
