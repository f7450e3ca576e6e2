/** Does the coordinator speak the machine room's protocol, and what does it say when the room does not? */
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRoomClient } from '../../../../coordinator/rest/room-client.ts';
import { ClusterError } from '../../../../shared/errors.ts';
import { withDirectory } from '../../../support/temporary-directory.ts';

/** A room that answers each line as told; null: it closes the connection. */
async function withRoom(answer: (message: Record<string, unknown>) => string | null, use: (path: string, heard: unknown[]) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const heard: unknown[] = [];
    const path = join(directory, 'room.sock');
    const server = createServer((socket: Socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (text: Buffer) => {
        for (const line of text.toString().split('\n').filter((each) => each !== '')) {
          const message = JSON.parse(line) as Record<string, unknown>;
          heard.push(message);
          const said = 'hello' in message ? '{"welcome":true}\n' : answer(message);
          if (said === null) socket.destroy();
          else socket.write(said);
        }
      });
    });
    await new Promise<void>((resolve) => void server.listen(path, resolve));
    try {
      await use(path, heard);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });
}

async function failureOf(promise: Promise<unknown>): Promise<ClusterError> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, ClusterError);
    return error as ClusterError;
  }
  throw new Error('it was answered');
}

const room = suite('room client');

room('says who it is, asks, and takes the answer in however many pieces', async () => {
  await withRoom((message) => `{"event":{"kind":"died"}}\n{"id":${String(message['id'])},"value":{"nodes":[]}}\n`, async (path, heard) => {
    assert.equal(await createRoomClient(path).ask('report', {}), { nodes: [] });
    assert.equal(heard, [{ hello: { role: 'control' } }, { id: 1, op: 'report' }]);
  });
});

room('passes the room\'s refusals on', async () => {
  await withRoom(() => '{"id":1,"error":{"code":"UnknownNode","message":"there is no node-9","retryable":false}}\n', async (path) => {
    const failure = await failureOf(createRoomClient(path).ask('powerOff', { node: 'node-9' }));
    assert.equal([failure.code, failure.retryable, failure.message], ['UnknownNode', false, 'there is no node-9']);
  });
});

room('says that it may be tried again when nobody answers', async () => {
  await withRoom(() => null, async (path) => {
    const failure = await failureOf(createRoomClient(path).ask('report', {}));
    assert.equal([failure.code, failure.retryable], ['RoomUnreachable', true]);
  });
  const failure = await failureOf(createRoomClient('/nowhere/room.sock').ask('report', {}));
  assert.equal([failure.code, failure.retryable], ['RoomUnreachable', true]);
});

room('asks few questions at once', async () => {
  await withRoom((message) => `{"id":${String(message['id'])},"value":null}\n`, async (path) => {
    const client = createRoomClient(path);
    const asked = await Promise.allSettled(Array.from({ length: 40 }, async () => await client.ask('report', {})));
    const refused = asked.filter((each) => each.status === 'rejected');
    assert.is(asked.length - refused.length, 16);
    assert.ok(refused.every((each) => each.reason instanceof ClusterError && each.reason.code === 'RoomBusy'));
    assert.is(await client.ask('report', {}), null);
  });
});

room.run();
