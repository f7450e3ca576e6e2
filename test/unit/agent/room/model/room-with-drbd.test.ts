/** Guests on mirrored volumes: what the room shows when power, cables and disks fail under DRBD. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildDrbdConfig } from '../../../../../agent/drivers/drbd/build-config.ts';
import { parseList } from '../../../../../agent/drivers/xen/parse-list.ts';
import { roomConfig } from '../../../../../agent/room/model/config.ts';
import { DrbdRoom } from '../../../../../agent/room/model/drbd/room.ts';
import type { NodeId, VolumeId } from '../../../../../shared/ids.ts';
import { GIB, MIB } from '../../../../../shared/units.ts';
import { IMAGE_DIGEST, INSTANCE, putDomainConfig, startTestRoom } from './room-fixture.ts';
import type { TestRoom } from './room-fixture.ts';

const mirrored = suite('guests on mirrored volumes');

const VOLUME = 'vol-0123456789abcdef0' as VolumeId;
const PATH = '/data/drbd/volume.res';
const adm = (...words: string[]): readonly string[] => ['drbdadm', '-c', PATH, ...words, VOLUME];

interface Mirrored extends TestRoom {
  /** What the helper of each node answers; never, until it is set. */
  answer: number | null;
  dstate(node: string): Promise<string>;
  untilDisks(node: string, state: string): Promise<void>;
  lastAcked(): number;
}

async function start(records: TestRoom['records'] = [], files: TestRoom['files'] = new Map()): Promise<Mirrored> {
  const answers: { code: number | null; waiting: ((code: number) => void)[] } = { code: null, waiting: [] };
  const test = await startTestRoom({
    config: roomConfig(2), records,
    createDrbd: ({ clock, timers, chance }, hooks) => new DrbdRoom(clock, timers, chance, hooks),
    callHelper: (_node, event) => {
      if (event !== 'fence-peer') return Promise.resolve(0);
      return answers.code === null ? new Promise((resolve) => answers.waiting.push(resolve)) : Promise.resolve(answers.code);
    },
  });
  const text = buildDrbdConfig({
    volume: { id: VOLUME, minor: 1, port: 7801, epoch: 1 }, nodes: [{ id: 'node-1' as NodeId, storageAddress: '10.0.0.1' }, { id: 'node-2' as NodeId, storageAddress: '10.0.0.2' }],
    volumeGroup: 'vg0', secret: 'secret', helper: '/usr/lib/ves/drbd-helper', pingTimeoutTenths: 20,
  });
  test.files.set(PATH, text);
  for (const [path, content] of files) test.files.set(path, content);
  const dstate = async (node: string): Promise<string> => (await test.must(node, adm('dstate'))).trim();
  const mirroredTest: Mirrored = {
    ...test, dstate,
    get answer() {
      return answers.code;
    },
    set answer(code) {
      answers.code = code;
      if (code !== null) for (const resolve of answers.waiting.splice(0)) resolve(code);
    },
    untilDisks: async (node, state) => {
      for (let round = 0; round < 200 && (await dstate(node)) !== state; round += 1) await test.world.advance(100);
      assert.is(await dstate(node), state);
    },
    lastAcked: () => test.room.report().instances[INSTANCE]?.lastAckedRecord ?? -1,
  };
  return mirroredTest;
}

/** Both replicas in sync, the guest running on node-1. */
async function running(): Promise<Mirrored> {
  const test = await start();
  for (const node of ['node-1', 'node-2']) {
    await test.must(node, ['lvcreate', '-y', '-Wn', '-Zn', '-n', VOLUME, '-L', `${GIB + 4 * MIB}b`, 'vg0']);
    await test.must(node, adm('create-md', '--force'));
    await test.must(node, adm('up'));
  }
  await test.world.advance(5_000);
  await test.must('node-1', adm('primary', '--force'));
  await test.must('node-1', ['dd', `if=/images/${IMAGE_DIGEST}`, 'of=/dev/drbd1', 'bs=4M', 'conv=fsync', 'status=none']);
  await test.must('node-1', ['cmp', '-s', '-n', '1000', `/images/${IMAGE_DIGEST}`, '/dev/drbd1']);
  await test.must('node-1', ['xl', 'create', '-q', putDomainConfig(test, 'node-1', '/dev/drbd1')]);
  putDomainConfig(test, 'node-2', '/dev/drbd1');
  await test.untilDisks('node-1', 'UpToDate/UpToDate');
  await test.world.advance(3_000);
  assert.ok(test.lastAcked() > 3);
  return test;
}

const create = (test: Mirrored, node: string) => test.must(node, ['xl', 'create', '-q', `/etc/xen/${INSTANCE}.cfg`]);

mirrored('move to the other node after a power failure, with every acknowledged record', async () => {
  const test = await running();
  test.room.powerOff('node-1');
  const last = test.lastAcked();
  test.answer = 7;
  await test.must('node-2', adm('disconnect', '--force'));
  await test.must('node-2', adm('primary'));
  await create(test, 'node-2');
  await test.world.advance(3_000);
  assert.ok(test.lastAcked() > last);
  assert.equal(test.room.report().violations, []);
  assert.equal(test.room.report().instances[INSTANCE]?.downtimes.map(({ from, to }) => [from, to]), [['node-1', 'node-2']]);
});

mirrored('do not execute on a replica that was not promoted', async () => {
  const test = await running();
  test.room.powerOff('node-1');
  const refused = await test.run('node-2', ['xl', 'create', '-q', `/etc/xen/${INSTANCE}.cfg`]);
  assert.is(refused.exitCode, 3);
  assert.match(refused.stderr, 'unable to add disk devices');
  assert.is(parseList(await test.must('node-2', ['xl', 'list'])).length, 1);
});

mirrored('freeze when the storage cable is cut, execute on, and write again once the helper agreed', async () => {
  const test = await running();
  test.room.setCables('node-2', { storage: false });
  await test.world.advance(10_000);
  const frozenAt = test.lastAcked();
  await test.world.advance(10_000);
  assert.is(test.lastAcked(), frozenAt);
  assert.ok(test.helperCalls.some(({ node, event, resource }) => node === 'node-1' && event === 'fence-peer' && resource === VOLUME));
  assert.equal(test.room.report().instances[INSTANCE]?.running, [{ node: 'node-1', domid: 1 }]);
  test.answer = 4;
  await test.world.advance(3_000);
  assert.ok(test.lastAcked() > frozenAt + 2);
  assert.equal(test.room.report().violations, []);
});

mirrored('leave a zombie when they are destroyed while frozen, and its device cannot be demoted', async () => {
  const test = await running();
  test.room.setCables('node-1', { storage: false });
  await test.world.advance(10_000);
  assert.is((await test.run('node-1', ['xl', 'destroy', INSTANCE])).exitCode, 0);
  assert.equal(parseList(await test.must('node-1', ['xl', 'list'])).map(({ name }) => name), ['Domain-0', '(null)']);
  assert.is.not((await test.run('node-1', adm('secondary'))).exitCode, 0);
  test.answer = 4;
  await test.world.advance(2_000);
  assert.equal(parseList(await test.must('node-1', ['xl', 'list'])).map(({ name }) => name), ['Domain-0']);
  await test.must('node-1', adm('secondary'));
});

mirrored('keep their volumes from being removed while DRBD has them', async () => {
  const test = await running();
  const refused = await test.run('node-2', ['lvremove', '-y', `vg0/${VOLUME}`]);
  assert.equal([refused.exitCode, refused.stderr], [5, `  Logical volume vg0/${VOLUME} in use.\n`]);
  await test.must('node-2', adm('down'));
  await test.must('node-2', ['lvremove', '-y', `vg0/${VOLUME}`]);
});

mirrored('find everything again after the whole room lost power', async () => {
  const before = await running();
  const last = before.lastAcked();
  const test = await start(before.records, before.files);
  test.answer = 7;
  for (const node of ['node-1', 'node-2']) await test.must(node, adm('up'));
  await test.untilDisks('node-1', 'UpToDate/UpToDate');
  await test.must('node-1', adm('primary'));
  await create(test, 'node-1');
  await test.world.advance(3_000);
  assert.ok(test.lastAcked() > last);
  assert.equal(test.room.report().violations, []);
});

mirrored('lose records, and the observer says so, when a stale replica is promoted', async () => {
  const test = await running();
  test.answer = 7;
  test.room.setCables('node-2', { storage: false });
  await test.world.advance(15_000);
  test.room.powerOff('node-1');
  // What no agent of ours would do: the replica that missed the last seconds is taken.
  await test.must('node-2', adm('disconnect', '--force'));
  await test.must('node-2', adm('primary'));
  await create(test, 'node-2');
  await test.world.advance(3_000);
  assert.equal(test.room.report().violations.map(({ kind }) => kind), ['lostAckedRecord']);
});

mirrored.run();
