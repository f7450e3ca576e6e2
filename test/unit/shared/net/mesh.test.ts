import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClusterError } from '../../../../shared/errors.ts';
import { MESSAGE_BYTES_MAX } from '../../../../shared/wire/mesh.ts';
import { at, connected, startPeer, withCell } from './loopback-cell.ts';
import { eventually, memberId } from '../../../support/real-world.ts';

const mesh = suite('mesh');

const codeOf = async (work: Promise<unknown>): Promise<string> => await work.then((value) => `answered ${JSON.stringify(value)}`, (error: unknown) => (error instanceof ClusterError ? error.code : String(error)));

mesh('delivers messages in order, on their own channel', async () => {
  await withCell(2, async (peers) => {
    await connected(peers);
    const [a, b] = [at(peers, 0).mesh, at(peers, 1).mesh];
    const got: unknown[] = [];
    b.onMessage('ledger', (from, message) => got.push(['ledger', from, message]));
    b.onMessage('feed', (_, message) => got.push(message));
    for (let number = 0; number < 200; number += 1) assert.ok(a.send(b.self, 'feed', { number, text: 'ä'.repeat(number) }));
    await eventually('200 messages', () => got.length === 200);
    assert.equal(got.map((message) => (message as { number: number }).number), Array.from({ length: 200 }, (_, number) => number));
    a.send(b.self, 'ledger', [1, null, 'x']);
    await eventually('one more', () => got.length === 201);
    assert.equal(got[200], ['ledger', a.self, [1, null, 'x']]);
  });
});

mesh('does not answer each message with a window update, and still lets far more than a window through', async () => {
  await withCell(2, async (peers) => {
    await connected(peers);
    const [a, b] = [at(peers, 0).mesh, at(peers, 1).mesh];
    let got = 0;
    b.onMessage('ledger', () => {
      got += 1;
    });
    const send = async (message: string, count: number): Promise<number> => {
      const [before, wanted] = [a.stats().receivedBytes, got + count];
      for (let number = 0; number < count; number += 1) {
        assert.ok(a.send(b.self, 'ledger', message));
        // Each in a turn of its own, so that each is a frame of its own.
        await new Promise((resolve) => void setImmediate(resolve));
      }
      await eventually('all of them', () => got === wanted);
      return a.stats().receivedBytes - before;
    };
    await send('the first one opens the stream', 1);
    const forSmall = await send('small', 200);
    assert.ok(forSmall < 2_000, `${forSmall} bytes came back for 200 small messages: with an update each it is over 6000`);
    // Eight windows of 256 KiB.
    await send('x'.repeat(MESSAGE_BYTES_MAX / 2), (8 * 256 * 1024) / (MESSAGE_BYTES_MAX / 2));
    assert.is(await b.request(a.self, 'unheard', null, { timeoutMs: 25_000 }).catch((error: unknown) => (error instanceof ClusterError ? error.code : String(error))), 'UnknownMethod');
  });
});

mesh('does not answer each message of gossip with a window update either', async () => {
  await withCell(2, async (peers) => {
    await connected(peers);
    const [a, b] = [at(peers, 0).mesh, at(peers, 1).mesh];
    let isHeard = false;
    b.onGossip('health', () => (isHeard = true));
    await eventually('gossip flows', () => isHeard || (void a.publish('health', performance.now()), false));
    const [toB, toA] = [b.stats().receivedBytes, a.stats().receivedBytes];
    const text = 'x'.repeat(20);
    for (let number = 0; number < 200; number += 1) {
      await a.publish('observed', { number, text });
      await new Promise((resolve) => void setImmediate(resolve));
    }
    await eventually('all of it is there', () => b.stats().receivedBytes - toB > 200 * 150);
    const each = (b.stats().receivedBytes - toB) / 200;
    assert.ok(each < 225, `${each} bytes a message: with the author's key beside his id it is over 240`);
    const cameBack = a.stats().receivedBytes - toA;
    assert.ok(cameBack < 3_000, `${cameBack} bytes came back for 200 messages: with an update each it is over 6000`);
  });
});

mesh('answers requests, hands on what the other side threw, and keeps the deadline', async () => {
  await withCell(2, async (peers) => {
    const [a, b] = [at(peers, 0).mesh, at(peers, 1).mesh];
    b.serve('double', async (from, body) => await Promise.resolve({ from, twice: 2 * (body as number) }));
    b.serve('refuse', () => Promise.reject(new ClusterError('NotLeader', 'ask node-3', { retryable: true })));
    b.serve('break', () => Promise.reject(new TypeError('oops')));
    let hanging = 0;
    b.serve('hang', async () => {
      hanging += 1;
      return await new Promise(() => undefined);
    });
    b.serve('nothing', async () => await Promise.resolve(undefined));
    b.serve('huge', async () => await Promise.resolve('x'.repeat(MESSAGE_BYTES_MAX)));
    const ask = async (method: string, body: unknown = null) => await a.request(b.self, method, body, { timeoutMs: 25_000 });
    assert.equal(await ask('double', 21), { from: a.self, twice: 42 }, 'also when it has to be dialled first');
    assert.is(await ask('nothing'), null);
    const refused = await ask('refuse').catch((error: unknown) => error);
    assert.ok(refused instanceof ClusterError && refused.code === 'NotLeader' && refused.message === 'ask node-3' && refused.retryable);
    assert.is(await codeOf(ask('break')), 'PeerFailed');
    assert.is(await codeOf(ask('unheard')), 'UnknownMethod');
    assert.is(await codeOf(ask('huge')), 'MessageTooLarge');
    assert.is(await codeOf(ask('double', 'x'.repeat(MESSAGE_BYTES_MAX))), 'MessageTooLarge');
    assert.is(await codeOf(a.request(b.self, 'hang', null, { timeoutMs: 50 })), 'PeerTimeout');
    assert.is(await codeOf(a.request(memberId(9), 'double', 1, { timeoutMs: 1_000 })), 'PeerUnreachable');
    assert.equal(await Promise.all([1, 2, 3].map(async (number) => ((await ask('double', number)) as { twice: number }).twice)), [2, 4, 6]);
    const lost = codeOf(ask('hang'));
    await eventually('the question is under way', () => hanging === 2);
    await b.stop();
    assert.is(await lost, 'PeerUnreachable');
  });
});

mesh('admits members only, and only with the cell’s key', async () => {
  await withCell(2, async (peers) => {
    await connected(peers);
    const members = peers.map((peer) => peer.member);
    const stranger = await startPeer(7);
    const keyless = await startPeer(8, { presharedKey: new Uint8Array(32).fill(8), limits: { dialMs: 500 } });
    for (const outsider of [stranger, keyless]) {
      outsider.mesh.setMembers(members);
      assert.match(await codeOf(outsider.mesh.request(memberId(1), 'x', null, { timeoutMs: 1_500 })), /^Peer(Unreachable|Timeout)$/);
      assert.not(at(peers, 0).mesh.isConnected(outsider.member.id));
      await outsider.mesh.stop();
    }
    assert.equal(peers.map((peer) => peer.mesh.stats().connections), [1, 1]);
    assert.equal(at(peers, 0).facts.filter((fact) => fact.event === 'meshStrangerRefused').map((fact) => fact['peerId']), [stranger.identity.peerId]);
  });
});

mesh('closes the connection of a removed member, and connects it again when it is back', async () => {
  await withCell(3, async (peers) => {
    await connected(peers);
    const [a, b, c] = [at(peers, 0), at(peers, 1), at(peers, 2)];
    const told: [string, boolean][] = [];
    a.mesh.onConnection((member, isConnected) => told.push([member, isConnected]));
    a.mesh.setMembers([a.member, b.member]);
    assert.not(a.mesh.isConnected(c.member.id));
    assert.not(a.mesh.send(c.member.id, 'feed', 1));
    await eventually('the other side sees it', () => !c.mesh.isConnected(a.member.id));
    assert.equal(told, [['node-3', false]]);
    assert.ok(a.mesh.isConnected(b.member.id));
    a.mesh.setMembers([b.member, c.member]);
    await connected(peers);
    assert.equal(told.at(-1), ['node-3', true]);
  });
});

mesh('finds a member again that was restarted, and speaks with it', async () => {
  await withCell(3, async (peers) => {
    await connected(peers);
    const [a, b, c] = [at(peers, 0), at(peers, 1), at(peers, 2)];
    await b.mesh.stop();
    await eventually('it is missed', () => !a.mesh.isConnected(b.member.id) && !c.mesh.isConnected(b.member.id));
    assert.equal(a.mesh.apart(), [b.member.id]);
    const again = await startPeer(2, { listenAddress: b.member.address, members: [a.member, c.member] });
    try {
      await connected([a, again, c]);
      const heard: unknown[] = [];
      again.mesh.onMessage('ledger', (from, message) => heard.push([from, message]));
      again.mesh.onGossip('health', (from, message) => heard.push([from, message]));
      assert.ok(a.mesh.send(b.member.id, 'ledger', 'welcome'));
      await eventually('it is heard', () => heard.length === 1);
      await eventually('gossip reaches it', () => heard.length > 1 || (void c.mesh.publish('health', { n: performance.now() }), false));
    } finally {
      await again.mesh.stop();
    }
  });
});

mesh('keeps one connection when both sides dial at once', async () => {
  const peers = await Promise.all([startPeer(1), startPeer(2)]);
  try {
    const members = peers.map((peer) => peer.member);
    for (const peer of peers) peer.mesh.setMembers(members);
    await Promise.allSettled([at(peers, 0).mesh.request(memberId(2), 'x', 1, { timeoutMs: 25_000 }), at(peers, 1).mesh.request(memberId(1), 'x', 1, { timeoutMs: 25_000 })]);
    await connected(peers);
    const heard: unknown[] = [];
    at(peers, 1).mesh.onMessage('feed', (_, message) => heard.push(message));
    assert.ok(at(peers, 0).mesh.send(memberId(2), 'feed', 'one'));
    await eventually('it is heard', () => heard.length === 1);
    assert.equal(peers.map((peer) => peer.facts.filter((fact) => fact.event === 'meshPeerConnected').length - peer.facts.filter((fact) => fact.event === 'meshPeerDisconnected').length), [1, 1]);
  } finally {
    for (const peer of peers) await peer.mesh.stop();
  }
});

mesh('gossips to everybody, and says when nobody was there', async () => {
  await withCell(4, async (peers) => {
    await connected(peers);
    const heard: string[] = [];
    for (const peer of peers) peer.mesh.onGossip('health', (from, message) => heard.push(`${peer.member.id} ${from} ${JSON.stringify(message)}`));
    const [a, d] = [at(peers, 0).mesh, at(peers, 3).mesh];
    let number = 0;
    await eventually('all hear the same message', () => {
      for (let told = 1; told <= number; told += 1) {
        if ([2, 3, 4].every((node) => heard.includes(`node-${node} node-1 {"number":${told}}`))) return true;
      }
      if (number < 400 && performance.now() % 10 < 5) {
        number += 1;
        void a.publish('health', { number });
      }
      return false;
    });
    assert.not(heard.some((line) => line.startsWith('node-1')), 'nobody hears himself');
    assert.not(await d.publish('health', { text: 'x'.repeat(5000) }), 'too large');
    await Promise.all(peers.slice(0, 3).map(async (peer) => await peer.mesh.stop()));
    await eventually('all are gone', () => d.stats().connections === 0);
    assert.not(await d.publish('observed', { number: 1 }));
  });
});

mesh('bounds what waits for a peer that does not read, and does not keep others waiting', async () => {
  await withCell(3, async (peers) => {
    await connected(peers);
    const [a, b, c] = [at(peers, 0).mesh, at(peers, 1).mesh, at(peers, 2).mesh];
    let heard = 0;
    c.onMessage('ledger', () => (heard += 1));
    b.onMessage('feed', () => {
      const until = performance.now() + 2;
      while (performance.now() < until); // a slow reader
    });
    const text = 'x'.repeat(100_000);
    let taken = 0;
    while (taken < 5_000 && a.send(b.self, 'feed', text)) taken += 1;
    assert.ok(taken < 500, `${taken} messages of 100 kB were taken`);
    assert.ok(a.send(c.self, 'ledger', 1), 'another peer is not concerned');
    assert.ok(a.send(b.self, 'ledger', 1), 'nor another channel');
    await eventually('the other peer hears', () => heard === 1);
  });
});

mesh('connects sparsely in a large cell, and dials on demand', async () => {
  await withCell(13, async (peers) => {
    const voter = at(peers, 12).member.id;
    for (const peer of peers) {
      peer.mesh.setVoters([voter]);
      peer.mesh.serve('name', async () => await Promise.resolve(peer.member.id));
    }
    await eventually('the voter is connected to all', () => at(peers, 12).mesh.stats().connections === 12);
    const [a, far] = [at(peers, 0), peers.slice(1).find((peer) => !at(peers, 0).mesh.isConnected(peer.member.id))];
    if (far === undefined) throw new Error('everybody is connected to everybody');
    await eventually('whom it need not reach is not missed', () => a.mesh.apart().length === 0);
    assert.is(await a.mesh.request(far.member.id, 'name', null, { timeoutMs: 25_000 }), far.member.id);
    assert.ok(a.mesh.isConnected(far.member.id));
    await eventually('what is not used any more is closed', () => !a.mesh.isConnected(far.member.id));
  }, { limits: { idleMs: 1_500, tickMs: 50, dialMs: 20_000 } });
});

mesh('follows a member to its new address', async () => {
  await withCell(2, async (peers) => {
    await connected(peers);
    const [a, b] = [at(peers, 0), at(peers, 1)];
    await b.mesh.stop();
    const moved = await startPeer(2, { members: [] });
    try {
      moved.mesh.setMembers([{ ...a.member, address: '/ip4/127.0.0.1/tcp/1' }]); // It cannot dial: it has to be found.
      a.mesh.setMembers([a.member, moved.member]);
      await connected([a, moved]);
    } finally {
      await moved.mesh.stop();
    }
  });
});

mesh('says which member it cannot make sense of, and goes on', async () => {
  const peer = await startPeer(1);
  try {
    peer.mesh.setMembers([{ id: memberId(2), peerId: 'nonsense', address: '/ip4/127.0.0.1/tcp/1' }, { id: memberId(3), peerId: peer.member.peerId.replace(/.$/, 'x'), address: 'nowhere' }]);
    assert.equal(peer.facts.filter((fact) => fact.event === 'meshMemberInvalid').map((fact) => fact['peer']), ['node-2', 'node-3']);
    const taken = await startPeer(4, { listenAddress: peer.member.address }).catch((error: unknown) => error);
    assert.ok(taken instanceof ClusterError && taken.code === 'MeshNotStarted');
  } finally {
    await peer.mesh.stop();
  }
});

mesh.run();
