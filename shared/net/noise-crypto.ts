/**
 * With which arithmetic do members encrypt what they tell each other? OpenSSL's, which Node has anyway.
 *
 * The library's own choice is a ChaCha20-Poly1305 in WebAssembly for short messages and two curves in JavaScript: 5 MiB of every
 * agent, and V8's WebAssembly compiler with them. The bytes on the wire are the same (Noise XX, 25519, ChaChaPoly, SHA256).
 */
import { createCipheriv, createDecipheriv, createHash, createPrivateKey, createPublicKey, createSecretKey, diffieHellman, generateKeyPairSync, hkdfSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { ICryptoInterface } from '@chainsafe/libp2p-noise';

const CIPHER = 'chacha20-poly1305';
const TAG_BYTES = 16;
/** What stands before the 32 bytes of an X25519 key in DER: RFC 8410, sections 4 and 7. */
const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** A connection's keys, for as long as it has them: with bare bytes OpenSSL makes one anew each time, 22 microseconds instead of 6 (measured, Node 24). */
const secretKeys = new WeakMap<Uint8Array, KeyObject>();

function secretKeyOf(key: Uint8Array): KeyObject {
  const known = secretKeys.get(key);
  if (known !== undefined) return known;
  const made = createSecretKey(key);
  secretKeys.set(key, made);
  return made;
}

function publicKeyObject(key: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, key]), type: 'spki', format: 'der' });
}

function privateKeyObject(key: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, key]), type: 'pkcs8', format: 'der' });
}

function publicBytes(key: KeyObject): Uint8Array {
  return key.export({ type: 'spki', format: 'der' }).subarray(PUBLIC_PREFIX.length);
}

/**
 * The `crypto` option of `noise()`. Keys are 32 bytes, nonces 12, tags 16 at the end. `chaCha20Poly1305Decrypt` throws for what was
 * not encrypted with this key, nonce and additional data; `generateX25519SharedKey` throws for points of small order.
 */
export const noiseCrypto: ICryptoInterface = {
  hashSHA256: (data) => createHash('sha256').update(data.subarray()).digest(),

  getHKDF(chainingKey, input) {
    // Noise's HKDF is RFC 5869's with an empty `info`, salted with the chaining key.
    const bytes = new Uint8Array(hkdfSync('sha256', input, chainingKey, new Uint8Array(0), 96));
    return [bytes.subarray(0, 32), bytes.subarray(32, 64), bytes.subarray(64, 96)];
  },

  generateX25519KeyPair() {
    const { publicKey, privateKey } = generateKeyPairSync('x25519');
    return { publicKey: publicBytes(publicKey), privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(PRIVATE_PREFIX.length) };
  },

  generateX25519KeyPairFromSeed: (seed) => ({ publicKey: publicBytes(createPublicKey(privateKeyObject(seed))), privateKey: seed }),

  generateX25519SharedKey: (privateKey, publicKey) => diffieHellman({ privateKey: privateKeyObject(privateKey.subarray()), publicKey: publicKeyObject(publicKey.subarray()) }),

  chaCha20Poly1305Encrypt(plaintext, nonce, additional, key) {
    const cipher = createCipheriv(CIPHER, secretKeyOf(key), nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(additional, { plaintextLength: plaintext.byteLength });
    return Buffer.concat([cipher.update(plaintext.subarray()), cipher.final(), cipher.getAuthTag()]);
  },

  chaCha20Poly1305Decrypt(ciphertext, nonce, additional, key) {
    if (ciphertext.byteLength < TAG_BYTES) throw new Error('shorter than its tag');
    const bytes = ciphertext.subarray();
    const text = bytes.subarray(0, bytes.byteLength - TAG_BYTES);
    const decipher = createDecipheriv(CIPHER, secretKeyOf(key), nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(additional, { plaintextLength: text.byteLength });
    decipher.setAuthTag(bytes.subarray(text.byteLength));
    // `final` throws when the tag is wrong: nothing of the text gets out then.
    return Buffer.concat([decipher.update(text), decipher.final()]);
  },
};
