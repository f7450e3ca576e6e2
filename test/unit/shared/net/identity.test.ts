import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterError } from '../../../../shared/errors.ts';
import { loadIdentity } from '../../../../shared/net/identity.ts';
import { loadLeaseKey } from '../../../../shared/net/lease-key.ts';
import { seededChance } from '../../../../shared/random.ts';
import type { Files } from '../../../../shared/world.ts';

const identity = suite('identity');

/** Files in memory, with their modes. */
function memoryFiles(): Files & { readonly texts: Map<string, string>; readonly modes: Map<string, number> } {
  const texts = new Map<string, string>();
  const modes = new Map<string, number>();
  return {
    texts,
    modes,
    read: async (path) => await Promise.resolve(texts.get(path) ?? null),
    writeDurably: async (path, text, mode = 0o600) => {
      texts.set(path, text);
      modes.set(path, mode);
      await Promise.resolve();
    },
    remove: async (path) => await Promise.resolve(void texts.delete(path)),
    list: async () => await Promise.resolve([...texts.keys()]),
    absolute: (path) => `/node/${path}`,
  };
}

identity('is made once, for its owner’s eyes only, and found again', async () => {
  const files = memoryFiles();
  const chance = seededChance(1);
  const [first, again] = [await loadIdentity(files, chance), await loadIdentity(files, chance)];
  assert.is(first.peerId, again.peerId);
  assert.match(first.peerId, /^12D3KooW/);
  const [key, sameKey] = [await loadLeaseKey(files, chance), await loadLeaseKey(files, chance)];
  assert.is(key.publicKey, sameKey.publicKey);
  assert.is(Buffer.from(key.publicKey, 'base64').byteLength, 32);
  assert.ok(key.privateKey.equals(sameKey.privateKey));
  assert.equal([...files.modes], [['identity.key', 0o600], ['lease.key', 0o600]]);
  assert.is.not((await loadIdentity(memoryFiles(), seededChance(2))).peerId, first.peerId);
});

identity('is never replaced when it cannot be read', async () => {
  for (const text of ['', 'nonsense', 'AAAA']) {
    const files = memoryFiles();
    files.texts.set('identity.key', text).set('lease.key', text);
    for (const load of [loadIdentity, loadLeaseKey]) {
      const error = await load(files, seededChance(1)).catch((thrown: unknown) => thrown as ClusterError);
      assert.ok('code' in error && error.code === 'IdentityUnreadable' && error.message.includes('/node/'), JSON.stringify(text));
    }
    assert.equal([...files.texts.values()], [text, text]);
  }
});

identity.run();
