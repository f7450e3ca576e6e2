/**
 * Does an agent really do without the libraries that it leaves out? This file is a process of its own: what it leaves out is gone.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { registerHooks } from 'node:module';
import { leaveOutLibraries } from '../../../../shared/net/lean-libraries.ts';

const loaded: string[] = [];

/** Told last, asked first: it hears where an import really leads. */
function listen(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      loaded.push(resolved.url);
      return resolved;
    },
  });
}

const LIBP2P = /node_modules\/(?:libp2p|@libp2p|@chainsafe)\//;
const LEFT_OUT = /node_modules\/(?:.*\/node_modules\/)?(?:@noble|@chainsafe\/as-)/;

const lean = suite('an agent without what it does not need');

lean('imports nothing of libp2p before it could say so', async () => {
  listen();
  await import('../../../../agent/main.ts');
  assert.ok(loaded.length > 100);
  assert.equal(loaded.filter((url) => LIBP2P.test(url)), []);
});

lean('makes a mesh of members who understand each other', async () => {
  leaveOutLibraries();
  listen();
  const { connected, withCell } = await import('./loopback-cell.ts');
  assert.ok(loaded.some((url) => LIBP2P.test(url)));
  assert.equal(loaded.filter((url) => LEFT_OUT.test(url)), []);
  await withCell(2, async (peers) => await connected(peers));
});

lean('has the identity that it would have otherwise', async () => {
  const { identityFrom } = await import('../../../../shared/net/identity.ts');
  // RFC 8032, section 7.1, test 1.
  const { privateKey } = await identityFrom(Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex'));
  assert.is(Buffer.from(privateKey.publicKey.raw).toString('hex'), 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  const message = Buffer.from('hello');
  assert.is(await privateKey.publicKey.verify(message, await privateKey.sign(message)), true);
});

lean('refuses what is left out, by its name', async () => {
  const left = await import('../../../../shared/net/left-out.ts');
  const refused = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'LibraryLeftOut';
  assert.throws(() => (left.secp256k1 as { getPublicKey(): unknown }).getPublicKey(), refused);
  assert.throws(() => (left.sha256 as () => unknown)(), refused);
  assert.throws(() => (new left.ChaCha20Poly1305().seal as () => unknown)(), refused);
  const { generateKeyPair } = await import('@libp2p/crypto/keys');
  await generateKeyPair('secp256k1').then(() => assert.unreachable('it made a key of another kind'), (error: unknown) => assert.ok(refused(error), String(error)));
});

lean('sorts by code units, in every country', () => {
  assert.equal(['b', 'a', 'B', 'ä', 'ab', ''].toSorted((a, b) => a.localeCompare(b)), ['', 'B', 'a', 'ab', 'b', 'ä']);
  assert.is('a'.localeCompare('a'), 0);
});

lean.run();
