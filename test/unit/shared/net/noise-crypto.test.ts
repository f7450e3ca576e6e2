import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pureJsCrypto } from '@chainsafe/libp2p-noise';
import { Uint8ArrayList } from 'uint8arraylist';
import { noiseCrypto } from '../../../../shared/net/noise-crypto.ts';
import { seededChance } from '../../../../shared/random.ts';

const chance = seededChance(25519);
const noise = suite("noise's arithmetic by OpenSSL");

/** The same bytes, whatever they are kept in. */
function hex(bytes: { subarray(): Uint8Array }): string {
  return Buffer.from(bytes.subarray()).toString('hex');
}

/** In two pieces, as they come from a connection. (The library has a version of the list of its own, whose type is another.) */
function inPieces(bytes: Uint8Array): Uint8Array {
  return new Uint8ArrayList(bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)) as unknown as Uint8Array;
}

noise("gives the library's own hash and keys", () => {
  for (const length of [0, 1, 32, 100, 5000]) {
    const bytes = chance.bytes(length);
    assert.is(hex(noiseCrypto.hashSHA256(bytes)), hex(pureJsCrypto.hashSHA256(bytes)));
    assert.is(hex(noiseCrypto.hashSHA256(inPieces(bytes))), hex(pureJsCrypto.hashSHA256(bytes)));
  }
  for (const length of [0, 32]) {
    const chainingKey = chance.bytes(32);
    const input = chance.bytes(length);
    assert.equal(noiseCrypto.getHKDF(chainingKey, input).map(hex), pureJsCrypto.getHKDF(chainingKey, input).map(hex));
  }
});

noise("agrees on a secret with the library's own curve", () => {
  const ours = noiseCrypto.generateX25519KeyPair();
  const theirs = pureJsCrypto.generateX25519KeyPair();
  assert.is(ours.publicKey.subarray().length, 32);
  assert.is(hex(noiseCrypto.generateX25519SharedKey(ours.privateKey, theirs.publicKey)), hex(pureJsCrypto.generateX25519SharedKey(theirs.privateKey, ours.publicKey)));
  const seed = chance.bytes(32);
  assert.is(hex(noiseCrypto.generateX25519KeyPairFromSeed(seed).publicKey), hex(pureJsCrypto.generateX25519KeyPairFromSeed(seed).publicKey));
});

noise('agrees on nothing with a point of small order', () => {
  const { privateKey } = noiseCrypto.generateX25519KeyPair();
  assert.throws(() => noiseCrypto.generateX25519SharedKey(privateKey, new Uint8Array(32)));
});

noise("encrypts and decrypts as the library's own cipher does", () => {
  for (const length of [0, 1, 64, 1199, 1200, 65_519]) {
    const [text, nonce, additional, key] = [chance.bytes(length), chance.bytes(12), chance.bytes(length % 33), chance.bytes(32)];
    const theirs = hex(pureJsCrypto.chaCha20Poly1305Encrypt(text, nonce, additional, key));
    assert.is(hex(noiseCrypto.chaCha20Poly1305Encrypt(text, nonce, additional, key)), theirs);
    assert.is(hex(noiseCrypto.chaCha20Poly1305Encrypt(inPieces(text), nonce, additional, key)), theirs);
    const encrypted = Buffer.from(theirs, 'hex');
    assert.is(hex(noiseCrypto.chaCha20Poly1305Decrypt(encrypted, nonce, additional, key)), hex(text));
    assert.is(hex(noiseCrypto.chaCha20Poly1305Decrypt(inPieces(encrypted), nonce, additional, key)), hex(text));
  }
});

noise('refuses what was changed on the way, cut short, or meant for another place', () => {
  const [text, nonce, additional, key] = [chance.bytes(40), chance.bytes(12), chance.bytes(8), chance.bytes(32)];
  const encrypted = noiseCrypto.chaCha20Poly1305Encrypt(text, nonce, additional, key).subarray();
  for (const at of [0, 39, 40, 55]) {
    const changed = Uint8Array.from(encrypted);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(changed, nonce, additional, key));
  }
  for (const length of [0, 15, 16, 55]) assert.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(encrypted.subarray(0, length), nonce, additional, key));
  assert.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(encrypted, chance.bytes(12), additional, key));
  assert.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(encrypted, nonce, chance.bytes(8), key));
  assert.throws(() => noiseCrypto.chaCha20Poly1305Decrypt(encrypted, nonce, additional, chance.bytes(32)));
});

noise.run();
