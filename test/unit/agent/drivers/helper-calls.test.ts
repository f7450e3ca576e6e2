/** Calls of DRBD's helper program: asked on a socket, answered by the agent, never wrongly by accident. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHelperCalls } from '../../../../agent/drivers/helper-calls.ts';
import { callHelper } from '../../../../agent/room/helper.ts';
import type { HelperCall, LogFact } from '../../../../shared/world.ts';

const helpers = suite('helper calls');

const directory = mkdtempSync(join(tmpdir(), 'ves-helper-'));
const closers: (() => Promise<void>)[] = [];
let count = 0;

function serve(answer: (call: HelperCall) => Promise<number>): { socketPath: string; facts: LogFact[]; close: () => Promise<void> } {
  const socketPath = join(directory, 'below', `${(count += 1)}.sock`);
  const facts: LogFact[] = [];
  const calls = createHelperCalls(socketPath, { write: (fact) => void facts.push(fact) });
  calls.serve(answer);
  closers.push(() => calls.close());
  return { socketPath, facts, close: () => calls.close() };
}

/** What comes back for raw bytes; empty when the connection is just closed. */
const raw = (socketPath: string, text: string): Promise<string> => new Promise((resolve) => {
  const tryOnce = (): void => {
    const socket = createConnection(socketPath);
    let answer = '';
    socket.on('connect', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') setImmediate(tryOnce);
    });
    socket.on('close', (hadError) => {
      if (!hadError) resolve(answer);
    });
  };
  tryOnce();
});

helpers.after(async () => {
  for (const close of closers) await close();
  rmSync(directory, { recursive: true, force: true });
});

helpers('reach the agent from the room\'s helper, and bring its exit code back', async () => {
  const seen: HelperCall[] = [];
  const { socketPath } = serve((call) => {
    seen.push(call);
    return Promise.resolve(4);
  });
  assert.is(await callHelper({ socketPath, event: 'fence-peer', resource: 'vol-1', isAlive: () => true }), 4);
  assert.equal(seen, [{ event: 'fence-peer', resource: 'vol-1' }]);
});

helpers('may wait as long as the agent needs, several at once', async () => {
  const waiting: ((code: number) => void)[] = [];
  const { socketPath } = serve(() => new Promise((resolve) => waiting.push(resolve)));
  const answers = [1, 2, 3].map(() => raw(socketPath, '{"event":"fence-peer","resource":"vol-1"}\n'));
  while (waiting.length < 3) await new Promise((resolve) => setImmediate(resolve));
  for (const resolve of waiting) resolve(7);
  assert.equal(await Promise.all(answers), Array.from({ length: 3 }, () => '{"exitCode":7}\n'));
});

helpers('get no exit code at all when the agent fails, so that they ask again', async () => {
  const { socketPath, facts } = serve(() => Promise.reject(new Error('no quorum')));
  assert.is(await raw(socketPath, '{"event":"fence-peer","resource":"vol-1"}\n'), '');
  assert.is(facts[0]?.event, 'helperCallFailed');
});

helpers('that are no calls are hung up on', async () => {
  let isAsked = false;
  const { socketPath } = serve(() => {
    isAsked = true;
    return Promise.resolve(0);
  });
  for (const text of ['x\n', '{}\n', '{"event":"fence-peer"}\n', '{"event":"../x","resource":"vol-1"}\n', 'y'.repeat(10_000)]) assert.is(await raw(socketPath, text), '');
  assert.not.ok(isAsked);
});

helpers.run();
