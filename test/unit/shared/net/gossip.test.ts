import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TopicValidatorResult } from '@chainsafe/libp2p-gossipsub';
import type { Message } from '@chainsafe/libp2p-gossipsub';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { deflateRawSync } from 'node:zlib';
import { createRateLimit, createValidator, GOSSIP_RATE_MAX, pack, signatureId, unpack } from '../../../../shared/net/gossip.ts';
import { identityFrom } from '../../../../shared/net/identity.ts';
import { GOSSIP_BYTES_MAX } from '../../../../shared/wire/mesh.ts';
import { memberId } from '../../../support/real-world.ts';

const gossip = suite('gossip');

async function messageOf(number: number, bytes: number): Promise<Message> {
  const { privateKey } = await identityFrom(new Uint8Array(32).fill(number));
  return { type: 'signed', from: peerIdFromPrivateKey(privateKey), topic: 't', data: new Uint8Array(bytes), sequenceNumber: 1n, signature: new Uint8Array(64), key: privateKey.publicKey };
}

gossip('is taken from members, in their size, at their rate', async () => {
  const [member, stranger] = [await messageOf(1, 100), await messageOf(2, 100)];
  if (member.type !== 'signed') throw new Error('unsigned');
  const known = member.from.toString();
  let nowMs = 0;
  const judge = createValidator((peerId) => (peerId === known ? memberId(1) : undefined), () => nowMs);
  assert.is(judge(stranger), TopicValidatorResult.Ignore);
  assert.is(judge({ type: 'unsigned', topic: 't', data: new Uint8Array(1) }), TopicValidatorResult.Reject);
  assert.is(judge(await messageOf(1, GOSSIP_BYTES_MAX + 1)), TopicValidatorResult.Reject);
  for (let count = 0; count < GOSSIP_RATE_MAX; count += 1) assert.is(judge(member), TopicValidatorResult.Accept);
  assert.is(judge(member), TopicValidatorResult.Ignore, 'too many at once');
  nowMs += 1_000 / GOSSIP_RATE_MAX;
  assert.is(judge(member), TopicValidatorResult.Accept);
  assert.is(judge(member), TopicValidatorResult.Ignore);
});

gossip('limits each author by himself', () => {
  const isWithin = createRateLimit(2);
  assert.equal([isWithin('a', 0), isWithin('a', 0), isWithin('a', 0), isWithin('b', 0)], [true, true, false, true]);
  assert.equal([isWithin('a', 60_000), isWithin('a', 60_000), isWithin('a', 60_000)], [true, true, false], 'silence is not saved up');
});

gossip('that came before is known by its signature', async () => {
  const { privateKey } = await identityFrom(new Uint8Array(32).fill(3));
  const signed = await Promise.all(['one', 'two', 'one'].map(async (text) => signatureId({ signature: await privateKey.sign(new TextEncoder().encode(text)) })));
  assert.is(signed[0], signed[2]);
  assert.is.not(signed[0], signed[1]);
  assert.is(new Set(signed).size, 2);
  assert.is(signatureId({}), '', 'unsigned ones are refused anyway');
});

gossip('is packed small, and unpacked within its bound', () => {
  const health = JSON.stringify({ node: 'node-1', bootId: '0f4c1a2e-6d5b-4a53-9a1f-0a7f6b1c2d3e', sequence: 12, freeMemoryMiB: 61234, freeDiskBytes: 912345678901, load: 0.12, loopDelayMsMax: 4, unreachable: [], running: [{ instance: 'i-0123456789abcdef0', generation: 3 }], volumes: [] });
  const packed = pack(new TextEncoder().encode(health));
  assert.ok(packed.byteLength < 0.6 * health.length, `${packed.byteLength} of ${health.length} bytes`);
  assert.is(new TextDecoder().decode(unpack(packed)), health);
  assert.throws(() => unpack(deflateRawSync(new Uint8Array(GOSSIP_BYTES_MAX + 1))), /larger|buffer/i);
  assert.throws(() => unpack(new TextEncoder().encode(health)));
});

gossip.run();
