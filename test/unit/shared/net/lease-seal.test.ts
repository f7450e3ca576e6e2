import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseCellId } from '../../../../shared/ids.ts';
import type { MemberId } from '../../../../shared/ids.ts';
import { leaseKeyFrom, parseLeasePublicKey } from '../../../../shared/net/lease-key.ts';
import type { LeaseKey } from '../../../../shared/net/lease-key.ts';
import { createSealer, createSealerFrom, SEAL_OVERHEAD } from '../../../../shared/net/lease-seal.ts';
import type { AgreeingSealer, Sealer } from '../../../../shared/net/lease-seal.ts';
import { memberId } from '../../../support/real-world.ts';

const seal = suite('lease seal');

const keyOf = (number: number): LeaseKey => leaseKeyFrom(new Uint8Array(32).fill(number));
const [a, b, c] = [memberId(1), memberId(2), memberId(3)];
const everybody = new Map<MemberId, string>([[a, keyOf(1).publicKey], [b, keyOf(2).publicKey], [c, keyOf(3).publicKey]]);
const payload = new TextEncoder().encode('{"nonce":"0011"}');

function sealer(self: MemberId, number: number, options: { cell?: string; peers?: Map<MemberId, string> } = {}): AgreeingSealer {
  return createSealer({ cell: parseCellId(options.cell ?? 'default'), self, privateKey: keyOf(number).privateKey, peers: () => options.peers ?? everybody });
}

function sealed(from: Sealer, to: MemberId): Uint8Array {
  const bytes = from.seal(to, payload);
  if (bytes === null) throw new Error('not sealed');
  return bytes;
}

seal('is opened by the receiver alone, and names the sender', () => {
  const bytes = sealed(sealer(a, 1), b);
  assert.is(bytes.byteLength, payload.byteLength + SEAL_OVERHEAD);
  const opened = sealer(b, 2).open(bytes);
  assert.is(opened?.from, a);
  assert.is(new TextDecoder().decode(opened?.bytes), '{"nonce":"0011"}');
  assert.is(sealer(c, 3).open(bytes), null);
  assert.is(sealer(a, 1).open(bytes), null, 'nor sent back');
});

seal('is broken by any flipped bit and any cut', () => {
  const bytes = sealed(sealer(a, 1), b);
  const receiver = sealer(b, 2);
  for (let bit = 0; bit < bytes.byteLength * 8; bit += 1) {
    const changed = Uint8Array.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.is(receiver.open(changed), null, `bit ${bit}`);
  }
  for (let length = 0; length < bytes.byteLength; length += 1) assert.is(receiver.open(bytes.subarray(0, length)), null, `${length} bytes`);
  assert.is(receiver.open(new Uint8Array([...bytes, 0])), null);
  assert.is.not(receiver.open(bytes), null, 'and what was cut and flipped before did no harm');
});

seal('is worth nothing in another cell', () => {
  assert.is(sealer(b, 2, { cell: 'other' }).open(sealed(sealer(a, 1), b)), null);
});

seal('does not let one member speak for another', () => {
  const forged = sealed(createSealer({ cell: parseCellId('default'), self: a, privateKey: keyOf(3).privateKey, peers: () => everybody }), b);
  assert.is(sealer(b, 2).open(forged), null);
});

seal('tells members apart whose marks are the same', () => {
  const keys = (number: number): { sendKey: string; receiveKey: string } => ({ sendKey: number.toString(16).padStart(64, '0'), receiveKey: number.toString(16).padStart(64, 'f') });
  const markOf = (self: MemberId): string => Buffer.from(createSealerFrom(self, new Map([[a, keys(1)]])).seal(a, payload) ?? []).toString('hex', 1, 3);
  const seen = new Map<string, MemberId>();
  let twins: readonly [MemberId, MemberId] | null = null;
  for (let number = 1; twins === null; number += 1) {
    const [one, mark] = [memberId(number), markOf(memberId(number))];
    const other = seen.get(mark);
    if (other !== undefined) twins = [other, one];
    seen.set(mark, one);
  }
  const receiver = createSealerFrom(a, new Map(twins.map((twin, at) => [twin, { sendKey: keys(at).receiveKey, receiveKey: keys(at).sendKey }])));
  for (const [at, twin] of twins.entries()) {
    assert.is(receiver.open(sealed(createSealerFrom(twin, new Map([[a, keys(at)]])), a))?.from, twin);
    assert.is(receiver.open(sealed(createSealerFrom(twin, new Map([[a, keys(7)]])), a)), null, 'with no key of either');
  }
});

seal('follows the members as they change', () => {
  const peers = new Map(everybody);
  const receiver = sealer(b, 2, { peers });
  const bytes = sealed(sealer(a, 1), b);
  assert.is.not(receiver.open(bytes), null);
  peers.delete(a);
  assert.is(receiver.open(bytes), null, 'a removed member');
  assert.is(receiver.seal(a, payload), null);
  peers.set(a, keyOf(9).publicKey);
  assert.is(receiver.open(bytes), null, 'its new key is another one');
  assert.is.not(receiver.open(sealed(sealer(a, 9), b)), null);
});

seal('is not made with a key that is none', () => {
  for (const publicKey of ['', 'AAAA', Buffer.alloc(32).toString('base64')]) {
    const peers = new Map<MemberId, string>([[a, publicKey]]);
    assert.is(sealer(b, 2, { peers }).seal(a, payload), null, JSON.stringify(publicKey));
  }
  assert.throws(() => parseLeasePublicKey('AAAA'), /32 bytes/);
});

seal('is the same one with the keys that were handed out, for that pair alone', () => {
  const keys = sealer(a, 1).keysWith(b);
  if (keys === null) throw new Error('no keys');
  assert.match(keys.sendKey, /^[0-9a-f]{64}$/);
  const keeper = createSealerFrom(a, new Map([[b, keys]]));
  assert.equal(keeper.seal(b, payload), sealed(sealer(a, 1), b));
  assert.is(keeper.open(sealed(sealer(b, 2), a))?.from, b);
  assert.is(keeper.open(sealed(sealer(c, 3), a)), null);
  assert.is(keeper.seal(c, payload), null);
  assert.is(sealer(a, 1, { peers: new Map() }).keysWith(b), null);
});

seal('costs little per datagram', () => {
  const [sender, receiver] = [sealer(a, 1), sealer(b, 2)];
  const startedMs = performance.now();
  for (let count = 0; count < 2_000; count += 1) assert.is(receiver.open(sealed(sender, b))?.from, a);
  assert.ok(performance.now() - startedMs < 2_000, 'far below 1 ms each');
});

seal.run();
