/** Does a coordinator's process start, refuse and end as whoever runs it expects? */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROOT } from '../../support/tree.ts';
import { eventually } from '../../support/real-world.ts';
import { withDirectory } from '../../support/temporary-directory.ts';

const CONFIG = {
  cell: 'default', clusterUuid: '11111111-2222-4333-8444-555555555555', member: 'coordinator-1', http: { host: '127.0.0.1', port: 0 }, meshListen: '/ip4/127.0.0.1/tcp/0',
  presharedKey: Buffer.alloc(32, 7).toString('base64'), seeds: [],
  accounts: [{ accessKeyId: 'AKIAVESEXAMPLE00001', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', environment: 'playground', name: 'me' }],
};
/** A loaded machine takes its time for a process with libp2p in it. */
const START_MS = 60_000;

function start(words: readonly string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'coordinator/main.ts'), ...words], {
    env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/compile') }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { text: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => void (said.text += text.toString()));
  const ended = new Promise<{ readonly code: number | null; readonly text: string }>((resolve) => void child.once('close', (code) => resolve({ code, text: said.text })));
  return { child, said, ended };
}

async function startWith(directory: string, change: object = {}) {
  const path = join(directory, 'coordinator.json');
  await writeFile(path, JSON.stringify({ ...CONFIG, dataDirectory: join(directory, 'data'), ...change }));
  return start(['--config', path]);
}

const portOf = (text: string): number => Number(/"event":"coordinatorStarted".*"port":(\d+)/.exec(text)?.[1]);

const process_ = suite('the coordinator\'s process');

process_('answers without a leader, keeps others out of its directory, and ends with exit code 0', async () => {
  await withDirectory(async (directory) => {
    const { child, said, ended } = await startWith(directory);
    await eventually('it has started', () => said.text.includes('coordinatorStarted'), START_MS);
    const health = await fetch(`http://127.0.0.1:${portOf(said.text)}/healthz`);
    assert.equal(await health.json(), { status: 'noLeader', member: 'coordinator-1', cell: 'default' });

    const second = await (await startWith(directory)).ended;
    assert.is(second.code, 1);
    assert.match(second.text, /in use by another process/);

    child.kill('SIGTERM');
    const { code, text } = await ended;
    assert.is(code, 0, text);
    assert.match(text, /coordinatorStopped/);
  });
});

process_('refuses a busy port with a sentence, and lets go of what it had opened', async () => {
  await withDirectory(async (directory) => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    const { port } = blocker.address() as AddressInfo;
    const { code, text } = await (await startWith(directory, { http: { host: '127.0.0.1', port } })).ended;
    blocker.close();
    assert.is(code, 1);
    assert.match(text, new RegExp(`coordinator: port ${port} of 127\\.0\\.0\\.1 is in use by another process: .*choose another port`));
  });
});

process_('refuses a directory that it cannot use, a configuration that is wrong, and a command line that is none', async () => {
  await withDirectory(async (directory) => {
    await writeFile(join(directory, 'file'), '');
    const unusable = await (await startWith(directory, { dataDirectory: join(directory, 'file', 'data') })).ended;
    assert.is(unusable.code, 1);
    assert.match(unusable.text, /cannot write to .*file/);
    const wrong = await (await startWith(directory, { profile: 'turbo' })).ended;
    assert.is(wrong.code, 1);
    assert.match(wrong.text, /coordinator\.json: .*profile/);
    const [none, unread, unknown] = await Promise.all([start([]).ended, start(['--config', join(directory, 'nothing')]).ended, start(['--colour']).ended]);
    assert.is(none.code, 2);
    assert.match(none.text, /usage/);
    assert.is(unread.code, 1);
    assert.match(unread.text, /cannot read the configuration/);
    assert.is(unknown.code, 2);
  });
});

process_.run();
