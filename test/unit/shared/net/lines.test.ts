import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterError } from '../../../../shared/errors.ts';
import { connectLines, LINE_BYTES_MAX, serveLines } from '../../../../shared/net/lines.ts';
import type { LineConnection } from '../../../../shared/net/lines.ts';
import { eventually, realWorld } from '../../../support/real-world.ts';

const lines = suite('lines');

const { timers } = realWorld(1);

/** A server in a directory of its own that collects what it hears. */
async function withServer(use: (path: string, heard: unknown[], connections: LineConnection[], closed: string[]) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'ves-lines-'));
  const path = join(directory, 'socket');
  const heard: unknown[] = [];
  const connections: LineConnection[] = [];
  const closed: string[] = [];
  const server = await serveLines(path, (connection) => {
    connections.push(connection);
    connection.onMessage((value) => heard.push(value));
    connection.onClose((reason) => closed.push(reason));
  }, { timers });
  try {
    await use(path, heard, connections, closed);
  } finally {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

lines('carry JSON values both ways, in order', async () => {
  await withServer(async (path, heard, connections, closed) => {
    assert.is((await stat(path)).mode & 0o777, 0o600);
    const client = await connectLines(path, { timers, timeoutMs: 1_000 });
    const back: unknown[] = [];
    client.onMessage((value) => back.push(value));
    const values = [{ a: 'ä\n€' }, null, [1], 'x'.repeat(LINE_BYTES_MAX - 2)];
    for (const value of values) assert.ok(client.send(value));
    await eventually('all are heard', () => heard.length === values.length);
    assert.equal(heard, values);
    assert.not(client.send('x'.repeat(LINE_BYTES_MAX)), 'too long');
    assert.not(client.send(undefined), 'no JSON');
    connections[0]?.send('answer');
    await eventually('the answer is heard', () => back.length === 1);
    client.close();
    await eventually('the close is told', () => closed.length === 1);
    assert.not(client.send(1));
  });
});

lines('end a connection that brings nonsense, and no other', async () => {
  await withServer(async (path, heard, _, closed) => {
    const good = await connectLines(path, { timers, timeoutMs: 1_000 });
    for (const nonsense of ['not json\n', Buffer.alloc(LINE_BYTES_MAX + 1, 0x20)]) {
      const before = closed.length;
      const raw = connect(path);
      raw.on('error', () => undefined);
      raw.write(nonsense);
      await eventually('it is cut off', () => closed.length === before + 1);
      raw.destroy();
    }
    assert.equal(closed, ['a line is no JSON', `a line is longer than ${LINE_BYTES_MAX} bytes`]);
    good.send('still here');
    await eventually('the other one lives', () => heard.includes('still here'));
    good.close();
  });
});

lines('take a stale socket file’s place, but not a living one’s nor a file’s', async () => {
  const codeOf = async (path: string) => await serveLines(path, () => undefined, { timers }).then(async (server) => { await server.close(); return 'served'; }, (error: unknown) => (error as ClusterError).code);
  await withServer(async (path) => {
    assert.is(await codeOf(path), 'SocketInUse');
    await writeFile(`${path}.file`, '');
    assert.is(await codeOf(`${path}.file`), 'SocketInUse');
    assert.is(await codeOf(`${path}/no/where`), 'SocketNotOpened');
    assert.is(await codeOf(`/tmp/${'x'.repeat(120)}`), 'SocketPathTooLong');
    // A socket whose process was killed: its file is still there.
    const stale = `${path}.stale`;
    spawnSync(process.execPath, ['-e', 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))', stale], { timeout: 10_000 });
    assert.ok((await stat(stale)).isSocket());
    assert.is(await codeOf(stale), 'served');
  });
});

lines('say that nobody answers', async () => {
  const error = await connectLines('/tmp/ves-lines-nobody', { timers, timeoutMs: 500 }).catch((thrown: unknown) => thrown as ClusterError);
  assert.ok('code' in error && error.code === 'SocketUnreachable' && error.retryable);
});

lines('bound what waits for a reader that does not read', async () => {
  await withServer(async (path, _, connections) => {
    const raw = connect(path);
    raw.pause();
    await eventually('it is connected', () => connections.length === 1);
    const text = 'x'.repeat(100_000);
    let taken = 0;
    while (taken < 1_000 && connections[0]?.send(text) === true) taken += 1;
    assert.ok(taken < 60, `${taken} lines of 100 kB were taken`);
    raw.destroy();
  });
});

lines.run();
