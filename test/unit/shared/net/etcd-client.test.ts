import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EtcdPair } from '../../../../shared/ledger/etcd/etcd-port.ts';
import { createEtcdClient } from '../../../../shared/net/etcd-client.ts';
import type { EtcdClient } from '../../../../shared/net/etcd-client.ts';
import { timers } from '../../../../shared/process/process-world.ts';
import { ETCD_MISSING, withRealEtcd } from '../../../support/real-etcd.ts';
import { eventually } from '../../../support/real-world.ts';

const client = suite('a client of etcd');
const WITHIN = { timeoutMs: 5_000 };

async function withServer(answer: (request: IncomingMessage, response: ServerResponse) => void, use: (client: EtcdClient) => Promise<void>): Promise<void> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const one = createEtcdClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, timers });
  try {
    await use(one);
  } finally {
    one.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then((value) => `answered ${JSON.stringify(value)}`, (error: { readonly code?: unknown; readonly retryable?: unknown }) => (error.retryable === true ? error.code : error));
}

for (const [what, body] of Object.entries({
  'no JSON': 'etcd', 'no object': '[]', 'no header': '{"responses":[{"response_range":{}}]}', 'no ranges': '{"header":{"revision":"7"}}',
  'too few ranges': '{"header":{"revision":"7"},"responses":[{}]}', 'a pair without a revision': '{"header":{"revision":"7"},"responses":[{"response_range":{"kvs":[{"key":"aw=="}]}}]}',
})) {
  client(`takes ${what} for a failure, and never for an empty store`, async () => {
    await withServer((_request, response) => response.end(body), async (one) => {
      assert.is(await codeOf(one.read([{ from: 'k', to: null }], WITHIN)), 'EtcdFailed');
    });
  });
}

client('fails when it is refused, late, or not answered', async () => {
  await withServer((_request, response) => response.writeHead(503).end('{"message":"no leader"}'), async (one) => {
    assert.is(await codeOf(one.read([{ from: 'k', to: null }], WITHIN)), 'EtcdFailed');
  });
  await withServer(() => undefined, async (one) => {
    assert.is(await codeOf(one.write({ key: 'k', modRevision: 0, puts: [], deletes: [] }, { timeoutMs: 20 })), 'EtcdTimeout');
  });
  await withServer((request) => request.socket.destroy(), async (one) => {
    assert.is(await codeOf(one.read([{ from: 'k', to: null }], WITHIN)), 'EtcdUnreachable');
  });
});

client('ends a watch once, by whatever ends it', async () => {
  for (const line of ['{"error":{"message":"no"}}\n', '{"result":{"canceled":true,"compact_revision":"9"}}\n', 'nonsense\n', '']) {
    await withServer((_request, response) => response.end(line), async (one) => {
      const ends: string[] = [];
      one.watch({ from: 'a', to: 'b', sinceRevision: 1 }, { onPairs: () => assert.unreachable(), onEnd: (reason) => ends.push(reason) });
      await eventually('the watch ends', () => ends.length > 0);
      assert.is(ends.length, 1);
    });
  }
});

if (ETCD_MISSING !== null) client.skip(`speaks with a real etcd, skipped ${ETCD_MISSING}`, () => undefined);
else {
  client('speaks with a real etcd', async () => {
    await withRealEtcd(async (etcd) => {
      const [one, other] = etcd.clients;
      if (one === undefined || other === undefined) throw new Error('no etcd');
      const range = { from: 'ves/log/', to: 'ves/log0' };
      const text = `ünï ${'x'.repeat(400_000)}`;
      const first = await one.write({ key: 'ves/log/head', modRevision: 0, puts: [{ key: 'ves/log/entry/1', value: text }, { key: 'ves/log/head', value: '1' }], deletes: [] }, WITHIN);
      assert.ok(first.happened);
      assert.not((await other.write({ key: 'ves/log/head', modRevision: 0, puts: [{ key: 'ves/log/head', value: '2' }], deletes: [] }, WITHIN)).happened);
      const read = await other.read([{ from: 'ves/log/head', to: null }, { ...range, limit: 1 }, { from: 'none', to: null }], WITHIN);
      assert.equal(read.ranges, [[{ key: 'ves/log/head', value: '1', modRevision: first.revision }], [{ key: 'ves/log/entry/1', value: text, modRevision: first.revision }], []]);
      // A watch from the past, which then goes on; deletions are not told.
      const heard: EtcdPair[] = [];
      const end = other.watch({ ...range, sinceRevision: first.revision }, { onPairs: (pairs) => heard.push(...pairs), onEnd: (reason) => assert.unreachable(reason) });
      await eventually('the watch tells the past', () => heard.length === 2);
      const second = await one.write({ key: 'ves/log/head', modRevision: first.revision, puts: [{ key: 'ves/log/head', value: '3' }], deletes: [{ from: 'ves/log/entry/', to: 'ves/log/entry0' }] }, WITHIN);
      await eventually('the watch goes on', () => heard.length === 3);
      assert.equal(heard.map(({ key, modRevision }) => [key, modRevision]), [['ves/log/entry/1', first.revision], ['ves/log/head', first.revision], ['ves/log/head', second.revision]]);
      assert.is(heard[0]?.value, text);
      assert.equal((await one.read([{ from: 'ves/log/entry/1', to: null }], WITHIN)).ranges, [[]]);
      end();
      // Two of three go on; one alone answers nothing.
      await etcd.kill(0);
      assert.is(await codeOf(one.read([{ from: 'k', to: null }], WITHIN)), 'EtcdUnreachable');
      const goesOn = async (): Promise<boolean> => (await codeOf(other.read([{ from: 'k', to: null }], { timeoutMs: 1_000 }))) !== 'EtcdTimeout';
      for (let tries = 0; !(await goesOn()); tries += 1) assert.ok(tries < 10, 'two members go on');
      await etcd.kill(2);
      assert.is(await codeOf(other.read([{ from: 'k', to: null }], { timeoutMs: 300 })), 'EtcdTimeout');
    });
  });
}

client.run();
