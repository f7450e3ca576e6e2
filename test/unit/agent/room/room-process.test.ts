/** The machine room over its socket: who may speak, what survives, and what ends with a boot. */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectRoom, connectRoomControl } from '../../../../agent/room/client.ts';
import type { RoomClient, RoomControl } from '../../../../agent/room/client.ts';
import { callHelper } from '../../../../agent/room/helper.ts';
import type { RoomEvent } from '../../../../agent/room/model/ports.ts';
import { parseRoomConfig } from '../../../../agent/room/room-config.ts';
import { startRoom } from '../../../../agent/room/start.ts';
import type { RunningRoom } from '../../../../agent/room/start.ts';
import { noDrbd } from './model/room-fixture.ts';

const processes = suite('the room\'s process');

const INSTANCE = 'i-0123456789abcdef0';
const FAST = { bootMs: 5, xlQueryMs: 1, xlCreateMs: 2, xlUnpauseMs: 1, xlDestroyMs: 2, xlDestroyStuckMs: 50, lvmMs: 1, lvmQueryMs: 1, guestShutdownMs: 5, guestBootMs: 2, guestWriteIntervalMs: 5, bmcMs: 1, smallMs: 1 };

interface Setup {
  readonly directory: string;
  readonly room: RunningRoom;
  readonly control: RoomControl;
  readonly events: RoomEvent[];
  connect(node: string, role?: 'agent' | 'keeper'): Promise<RoomClient>;
}

const directories: string[] = [];
const open: { close(): unknown }[] = [];

async function start(directory = mkdtempSync(join(tmpdir(), 'ves-room-'))): Promise<Setup> {
  directories.push(directory);
  mkdirSync(join(directory, 'node-1'), { recursive: true });
  const config = parseRoomConfig({
    directory, timings: FAST,
    nodes: ['node-1', 'node-2'].map((id) => ({ id, directories: [join(directory, 'node-1')], helperSocket: join(directory, `${id}.sock`), bmc: { address: `bmc-${id}`, username: 'u', password: 'p' } })),
  });
  const events: RoomEvent[] = [];
  const room = await startRoom(config, () => noDrbd(), (event) => void events.push(event));
  open.push(room);
  const control = await connectRoomControl(room.socketPath);
  const up = async (): Promise<void> => {
    while ((await control.report()).nodes.some(({ isOn, bootId }) => isOn && bootId === null)) await new Promise((resolve) => setImmediate(resolve));
  };
  await up();
  const connect = async (node: string, role: 'agent' | 'keeper' = 'agent'): Promise<RoomClient> => {
    await up();
    const { nodes } = await control.report();
    return await connectRoom({ socketPath: room.socketPath, node, bootId: nodes.find((each) => each.node === node)?.bootId ?? '', role, endProcess: () => undefined });
  };
  return { directory, room, control, events, connect };
}

const run = async (client: RoomClient, ...argv: string[]) => await client.runner.run(argv, { timeoutMs: 5_000 });

/** An image and a guest on node-1. */
async function startGuest(setup: Setup, client: RoomClient): Promise<void> {
  const content = 'an image';
  const image = join(setup.directory, 'node-1', createHash('sha256').update(content).digest('hex'));
  writeFileSync(image, content);
  const config = join(setup.directory, 'node-1', 'guest.cfg');
  writeFileSync(config, `name = "${INSTANCE}"\nmemory = 128\nkernel = "/boot/vmlinuz"\ndisk = [ "phy:/dev/vg0/root,xvda,w" ]\n`);
  for (const argv of [['lvcreate', '-y', '-n', 'root', '-L', '1g', 'vg0'], ['dd', `if=${image}`, 'of=/dev/vg0/root', 'conv=fsync'], ['cmp', '-s', '-n', String(content.length), image, '/dev/vg0/root'], ['xl', 'create', '-q', config]]) {
    const result = await run(client, ...argv);
    assert.is(result.exitCode, 0, `${argv.join(' ')}: ${result.stderr}`);
  }
}

async function until(what: string, isTrue: () => Promise<boolean> | boolean): Promise<void> {
  const limitAt = Date.now() + 5_000;
  while (!(await isTrue())) {
    if (Date.now() > limitAt) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

processes.after.each(async () => {
  for (const each of open.splice(0)) await each.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

const lastRecord = async (setup: Setup): Promise<number> => (await setup.control.report()).instances[INSTANCE]?.lastAckedRecord ?? -1;

processes('runs programs for the node of the current boot only', async () => {
  const setup = await start();
  const client = await setup.connect('node-1');
  assert.match((await run(client, 'xl', 'info')).stdout, /^host\s+: node-1/);
  await connectRoom({ socketPath: setup.room.socketPath, node: 'node-1', bootId: '00000000-0000-4000-8000-000000000000', role: 'agent' })
    .then(() => assert.unreachable(), (thrown: { code?: string }) => assert.is(thrown.code, 'NodeDown'));
  await run(client, 'rm', '-rf', '/').then(() => assert.unreachable(), (thrown: { code?: string }) => assert.is(thrown.code, 'ProgramNotStarted'));
});

processes('closes the connections of a boot that ends, and fails what they waited for', async () => {
  const setup = await start();
  const client = await setup.connect('node-1');
  let isClosed = false;
  client.onClosed(() => {
    isClosed = true;
  });
  const waiting = client.runner.run(['xl', 'info'], { timeoutMs: 5_000 });
  waiting.catch(() => undefined);
  await setup.control.powerOff('node-1');
  await waiting.then(() => assert.unreachable(), (thrown: { code?: string }) => assert.ok(['NodeDown', 'ProgramNotStarted'].includes(thrown.code ?? '')));
  await until('the connection is closed', () => isClosed);
  await run(client, 'xl', 'info').then(() => assert.unreachable(), (thrown: { code?: string }) => assert.is(thrown.code, 'ProgramNotStarted'));
  assert.is(setup.events.filter(({ kind }) => kind === 'died').length, 1);
});

processes('lets only the keeper hold the watchdog, whose death leaves it armed', async () => {
  const setup = await start();
  const agent = await setup.connect('node-1');
  await agent.watchdog.arm(1_000).then(() => assert.unreachable(), (thrown: { code?: string }) => assert.is(thrown.code, 'NotKeeper'));
  const keeper = await setup.connect('node-1', 'keeper');
  await keeper.watchdog.arm(30);
  keeper.close();
  await until('the node was reset', () => setup.events.some((event) => event.kind === 'died' && event.reason === 'watchdog'));
});

processes('resets a node at its own word', async () => {
  const setup = await start();
  const agent = await setup.connect('node-2');
  agent.machine.resetNow('test');
  await until('the node was reset', () => setup.events.some((event) => event.kind === 'died' && event.node === 'node-2' && event.reason === 'selfReset'));
});

processes('tells a node when its mesh cable is pulled', async () => {
  const setup = await start();
  const heard: boolean[] = [];
  (await setup.connect('node-1')).onMesh((isUp) => void heard.push(isUp));
  await until('the first word', () => heard.length === 1);
  await setup.control.cut('node-1', 'mesh');
  await setup.control.heal('node-1');
  await until('two more', () => heard.length === 3);
  assert.equal(heard, [true, false, true]);
});

processes('keeps everything that disks keep when it is killed and started again', async () => {
  const setup = await start();
  await startGuest(setup, await setup.connect('node-1'));
  await until('some records', async () => (await lastRecord(setup)) > 5);
  await setup.control.powerOff('node-2');
  const last = await lastRecord(setup);
  await setup.room.close(); // closes files and sockets, writes nothing
  const again = await start(setup.directory);
  assert.is((await again.control.report()).nodes.find(({ node }) => node === 'node-2')?.isOn, false);
  assert.ok((await lastRecord(again)) >= last);
  const client = await again.connect('node-1');
  assert.is((await run(client, 'xl', 'create', '-q', join(setup.directory, 'node-1', 'guest.cfg'))).exitCode, 0);
  await until('more records', async () => (await lastRecord(again)) > last + 3);
  assert.equal((await again.control.report()).violations, []);
});

processes('refuses a damaged journal and leaves it as it is', async () => {
  const setup = await start();
  await (await setup.connect('node-1')).runner.run(['lvcreate', '-y', '-n', 'v', '-L', '1g', 'vg0'], { timeoutMs: 5_000 });
  await setup.room.close();
  const path = join(setup.directory, 'room', 'journal');
  const damaged = readFileSync(path, 'utf8').replace('"name":"v"', '"name":"w"');
  writeFileSync(path, damaged);
  await start(setup.directory).then(() => assert.unreachable(), (thrown: { code?: string; message?: string }) => {
    assert.is(thrown.code, 'RoomJournalCorrupt');
    assert.match(thrown.message ?? '', 'Put back a good copy');
  });
  assert.is(readFileSync(path, 'utf8'), damaged);
});

processes('forgets only the last line when it was killed while writing it', async () => {
  const setup = await start();
  await (await setup.connect('node-1')).runner.run(['lvcreate', '-y', '-n', 'v', '-L', '1g', 'vg0'], { timeoutMs: 5_000 });
  await setup.room.close();
  appendFileSync(join(setup.directory, 'room', 'journal'), '0123abcd {"kind":"set","key":"power/node-1","val');
  const again = await start(setup.directory);
  assert.is((await again.control.report()).nodes[0]?.volumes, 1);
});

processes('does not start a second time in the same directory', async () => {
  const setup = await start();
  await start(setup.directory).then(() => assert.unreachable(), (thrown: { code?: string }) => assert.is(thrown.code, 'RoomAlreadyRuns'));
  assert.is((await setup.control.report()).nodes.length, 2);
});

processes('cuts off whoever speaks nonsense, and goes on', async () => {
  const setup = await start();
  for (const text of ['nonsense\n', '{"hello":{"role":"king"}}\n', '[]\n', `{"hello":"${'x'.repeat(5 * 1024 * 1024)}`]) {
    const socket = createConnection(setup.room.socketPath);
    open.push({ close: () => socket.destroy() });
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(text);
    await closed;
  }
  await setup.control.cut('node-9', 'mesh').then(() => assert.unreachable(), (thrown: { code?: string }) => assert.is(thrown.code, 'UnknownNode'));
  assert.is((await setup.control.report()).nodes.length, 2);
});

processes('has programs that end at their deadline', async () => {
  const setup = await start();
  const client = await setup.connect('node-1');
  await setup.control.setBmc('node-2', { isReachable: false });
  await client.runner.run(['fence_ipmilan'], { timeoutMs: 20, stdin: 'action=off\nip=bmc-node-2\nusername=u\npassword=p\n' })
    .then(() => assert.unreachable(), (thrown: { code?: string; retryable?: boolean }) => assert.equal([thrown.code, thrown.retryable], ['ProgramTimeout', true]));
});

processes('asks the agent for fence-peer again and again until it answers, and for nothing else', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ves-room-'));
  directories.push(directory);
  const socketPath = join(directory, 'helper.sock');
  const ask = (event: string): Promise<number> => callHelper({ socketPath, event, resource: 'vol-0123456789abcdef0', isAlive: () => true });
  assert.is(await ask('split-brain'), 0);
  const answer = ask('fence-peer');
  const lines: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      lines.push(chunk.toString());
      // The first agent dies over it.
      if (lines.length === 1) socket.destroy();
      else socket.end('{"exitCode":7}\n');
    });
  });
  open.push({ close: () => new Promise((resolve) => server.close(resolve)) });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  assert.is(await answer, 7);
  assert.equal(lines, Array.from({ length: 2 }, () => '{"event":"fence-peer","resource":"vol-0123456789abcdef0"}\n'));
});

processes('names everything that is wrong in its configuration', () => {
  assert.throws(() => parseRoomConfig({ directory: 'here', nodes: [{ id: 'Node 1', directories: ['/x'], vcpus: -1, helperSocket: '/s', extra: 1 }], timings: { bootMs: 0, speed: 3 } }), (thrown: { code?: string; message?: string }) =>
    thrown.code === 'InvalidConfig' && ['directory', 'nodes[0].id', 'nodes[0].vcpus', 'nodes[0].extra', 'timings.bootMs', 'timings.speed'].every((path) => thrown.message?.includes(`${path}:`)));
});

processes.run();
