import { noise } from '@chainsafe/libp2p-noise';
import { yamux } from '@chainsafe/libp2p-yamux';
import { identify } from '@libp2p/identify';
import type { Libp2p, Stream } from '@libp2p/interface';
import { preSharedKey } from '@libp2p/pnet';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFrame } from '../../../../shared/net/frames.ts';
import { identityFrom } from '../../../../shared/net/identity.ts';
import type { MeshOptions } from '../../../../shared/net/mesh.ts';
import { presharedKeyText } from '../../../../shared/net/traffic.ts';
import { seededChance } from '../../../../shared/random.ts';
import { MESSAGE_BYTES_MAX } from '../../../../shared/wire/mesh.ts';
import { at, connected, PRESHARED_KEY, startPeer, withCell } from './loopback-cell.ts';
import type { TestPeer } from './loopback-cell.ts';
import { eventually, memberId } from '../../../support/real-world.ts';

const hostile = suite('mesh with a hostile member');

/** A member of the cell that is not our code, connected to `victim`. */
async function withIntruder(use: (victim: TestPeer, intruder: Libp2p, dial: (protocol: string) => Promise<Stream>) => Promise<void>, options: Partial<MeshOptions> = {}): Promise<void> {
  const identity = await identityFrom(seededChance(77).bytes(32));
  const victim = await startPeer(1, { members: [{ id: memberId(2), peerId: identity.peerId, address: '/ip4/127.0.0.1/tcp/1' }], ...options });
  const intruder = await createLibp2p({
    privateKey: identity.privateKey,
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionProtector: preSharedKey({ psk: presharedKeyText(PRESHARED_KEY) }),
    connectionMonitor: { enabled: false },
    services: { identify: identify({ protocolPrefix: 'ves' }) },
  });
  try {
    // Nobody is at the address above: after that the victim lets the intruder in at any time (dial-plan.ts, `answerKnock`).
    await eventually('the victim has dialled in vain', () => victim.facts.some((fact) => fact.event === 'meshPeerUnreachable'));
    const address = multiaddr(`${victim.member.address}/p2p/${victim.member.peerId}`);
    await use(victim, intruder, async (protocol) => await intruder.dialProtocol(address, protocol));
  } finally {
    await Promise.all([intruder.stop(), victim.mesh.stop()]);
  }
}

function raw(length: number, ...rest: number[]): Uint8Array {
  const bytes = Buffer.alloc(4 + rest.length);
  bytes.writeUInt32BE(length);
  bytes.set(rest, 4);
  return bytes;
}

function frame(value: unknown): Uint8Array {
  const bytes = encodeFrame(value, MESSAGE_BYTES_MAX);
  if (bytes === null) throw new Error('too large');
  return bytes;
}

const attacks: readonly (readonly [string, string, Uint8Array])[] = [
  ['a frame that is too large', 'ledger', raw(MESSAGE_BYTES_MAX + 2, 1)],
  ['a frame of another version', 'feed', raw(3, 9, 0x7b, 0x7d)],
  ['a frame that is no JSON', 'ledger', raw(3, 1, 0x7b, 0x7b)],
  ['a question that is none', 'request', frame({ q: 'x', m: 5 })],
  ['a question with an endless method', 'request', frame({ q: 1, m: 'x'.repeat(100) })],
];

for (const [what, use, bytes] of attacks) {
  hostile(`closes the stream of ${what}, says so, and goes on`, async () => {
    await withIntruder(async (victim, _, dial) => {
      const heard: unknown[] = [];
      victim.mesh.onMessage('feed', (from, message) => heard.push([from, message]));
      const stream = await dial(`/ves/default/${use}/1`);
      stream.send(bytes);
      await eventually('the stream is closed', () => stream.status !== 'open');
      assert.equal(victim.facts.filter((fact) => fact.event === 'meshStreamRefused').map((fact) => [fact['peer'], fact['use']]), [['node-2', use]]);
      assert.ok(victim.mesh.isConnected(memberId(2)));
      (await dial('/ves/default/feed/1')).send(frame('still speaking'));
      await eventually('a good frame is heard', () => heard.length === 1);
      assert.equal(heard, [['node-2', 'still speaking']]);
    });
  });
}

hostile('opens no more streams than allowed, and none of another cell', async () => {
  await withIntruder(async (victim, _, dial) => {
    const refused = await dial('/ves/other/ledger/1').then(() => 'opened', () => 'refused');
    assert.is(refused, 'refused');
    const streams: Stream[] = [];
    for (let count = 0; count < 12; count += 1) await dial('/ves/default/feed/1').then((stream) => streams.push(stream), () => undefined);
    await eventually('the surplus is reset', () => streams.filter((stream) => stream.status === 'open').length <= 4);
    assert.ok(victim.mesh.isConnected(memberId(2)));
  });
});

hostile('gives a member up that says nothing', async () => {
  await withIntruder(async (victim, _, dial) => {
    dial('/ves/default/ledger/1').catch(() => undefined);
    await eventually('it was connected and is given up', () => victim.facts.some((fact) => fact.event === 'meshPeerDisconnected' && fact['peer'] === 'node-2'));
  }, { limits: { beatMs: 50, silenceMs: 300, tickMs: 50 } });
});

hostile('is still there for one that beats', async () => {
  await withCell(2, async (peers) => {
    await connected(peers);
    await eventually('ten beats', () => peers.every((peer) => peer.mesh.stats().beatsReceived >= 10));
    assert.equal(peers.flatMap((peer) => peer.facts).filter((fact) => fact.event === 'meshPeerDisconnected'), []);
  }, { limits: { beatMs: 100, silenceMs: 3_000, tickMs: 50 } });
});

hostile('survives handlers that throw, and says so', async () => {
  await withCell(2, async (peers) => {
    await connected(peers);
    const [a, b] = [at(peers, 0), at(peers, 1)];
    b.mesh.onMessage('feed', () => { throw new Error('a handler’s fault'); });
    for (let count = 0; count < 2; count += 1) a.mesh.send(b.member.id, 'feed', count);
    await eventually('both are logged', () => b.facts.filter((fact) => fact.event === 'meshHandlerFailed').length === 2);
    assert.ok(a.mesh.isConnected(b.member.id));
  });
});

hostile.run();
