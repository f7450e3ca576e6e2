/** The room as a process of its own: kill -9 is a power failure of the site, and nothing more. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectRoom, connectRoomControl } from '../../../../agent/room/client.ts';
import type { RoomClient, RoomControl } from '../../../../agent/room/client.ts';

const killed = suite('the room, killed');

const INSTANCE = 'i-0123456789abcdef0';
const MAIN = fileURLToPath(new URL('../../../../agent/room/main.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'ves-killed-'));
const socketPath = join(directory, 'room.sock');
const children: ChildProcess[] = [];

killed.after(async () => {
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  rmSync(directory, { recursive: true, force: true });
});

/** A room that serves; resolves when it has said so. */
async function start(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [MAIN, '--config', join(directory, 'room.json')], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  assert.is((JSON.parse(line.toString()) as { event?: string }).event, 'roomReady');
  return child;
}

async function booted(control: RoomControl): Promise<RoomClient> {
  for (;;) {
    const bootId = (await control.report()).nodes[0]?.bootId;
    if (bootId !== null && bootId !== undefined) return await connectRoom({ socketPath, node: 'node-1', bootId, role: 'agent' });
  }
}

async function records(control: RoomControl, atLeast: number): Promise<number> {
  for (;;) {
    const last = (await control.report()).instances[INSTANCE]?.lastAckedRecord ?? -1;
    if (last >= atLeast) return last;
  }
}

killed('loses no acknowledged record, however often', async () => {
  const files = join(directory, 'node-1');
  mkdirSync(files);
  const image = join(files, createHash('sha256').update('image').digest('hex'));
  const config = join(files, 'guest.cfg');
  writeFileSync(image, 'image');
  writeFileSync(config, `name = "${INSTANCE}"\nmemory = 128\nkernel = "/boot/vmlinuz"\ndisk = [ "phy:/dev/vg0/root,xvda,w" ]\n`);
  writeFileSync(join(directory, 'room.json'), JSON.stringify({
    directory, nodes: [{ id: 'node-1', directories: [files], helperSocket: join(directory, 'helper.sock') }],
    timings: { bootMs: 20, xlCreateMs: 5, guestBootMs: 5, guestWriteIntervalMs: 2 },
  }));
  let last = -1;
  for (let round = 0; round < 3; round += 1) {
    const child = await start();
    const control = await connectRoomControl(socketPath);
    const client = await booted(control);
    const setUp = round === 0 ? [['lvcreate', '-y', '-n', 'root', '-L', '1g', 'vg0'], ['dd', `if=${image}`, 'of=/dev/vg0/root', 'conv=fsync']] : [];
    for (const argv of [...setUp, ['xl', 'create', '-q', config]]) {
      const result = await client.runner.run(argv, { timeoutMs: 10_000 });
      assert.is(result.exitCode, 0, `${argv.join(' ')}: ${result.stderr}`);
    }
    last = await records(control, last + 20);
    assert.equal((await control.report()).violations, []);
    client.close();
    control.close();
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  assert.ok(last >= 59);
});

killed('says in a sentence why it cannot start', async () => {
  const fail = async (...args: string[]): Promise<{ readonly code: number | null; readonly stderr: string }> => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    children.push(child);
    let stderr = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    await once(child, 'close');
    return { code: child.exitCode, stderr };
  };
  writeFileSync(join(directory, 'bad.json'), '{"directory": "x", "nodes": []}');
  for (const [args, what] of [[[], '--config FILE'], [['--config', join(directory, 'none.json')], 'could not read'], [['--config', join(directory, 'bad.json')], 'nodes: must be a list']] as const) {
    const { code, stderr } = await fail(...args);
    assert.is(code, 1);
    assert.match(stderr, what);
    assert.is(stderr.trim().split('\n').length, 1, stderr);
  }
});

killed.run();
