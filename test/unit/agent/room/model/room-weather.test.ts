/** The room in random weather: whatever is done to it, its books agree, and its journal gives it back. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildDrbdConfig } from '../../../../../agent/drivers/drbd/build-config.ts';
import { parseVolumes } from '../../../../../agent/drivers/lvm/parse-report.ts';
import { parseInfo } from '../../../../../agent/drivers/xen/parse-info.ts';
import { parseList } from '../../../../../agent/drivers/xen/parse-list.ts';
import { roomConfig } from '../../../../../agent/room/model/config.ts';
import { DrbdRoom } from '../../../../../agent/room/model/drbd/room.ts';
import type { RoomRecord } from '../../../../../agent/room/model/ports.ts';
import { Room } from '../../../../../agent/room/model/room.ts';
import type { NodeId, VolumeId } from '../../../../../shared/ids.ts';
import { seededChance } from '../../../../../shared/random.ts';
import { VirtualWorld } from '../../../../support/virtual-world.ts';
import { IMAGE_DIGEST, INSTANCE, noDrbd, putDomainConfig, startTestRoom } from './room-fixture.ts';
import type { TestRoom } from './room-fixture.ts';

const weather = suite('the room in random weather');

const SEEDS = 12;
const STEPS = 60;
const VOLUME = 'vol-0123456789abcdef0' as VolumeId;
const PATH = '/data/volume.res';
const NODES = ['node-1', 'node-2'];

async function start(seed: number): Promise<TestRoom> {
  const exit = seededChance(seed + 1_000);
  const test = await startTestRoom({
    seed, config: roomConfig(2),
    createDrbd: ({ clock, timers, chance }, hooks) => new DrbdRoom(clock, timers, chance, hooks),
    // Careless helpers: this is about the room's books, not about safety.
    callHelper: () => (exit.next() < 0.2 ? new Promise(() => undefined) : Promise.resolve(exit.next() < 0.7 ? 7 : 1)),
  });
  test.files.set(PATH, buildDrbdConfig({
    volume: { id: VOLUME, minor: 1, port: 7801, epoch: 1 }, nodes: NODES.map((id, at) => ({ id: id as NodeId, storageAddress: `10.0.0.${at + 1}` })),
    volumeGroup: 'vg0', secret: 'secret', helper: '/usr/lib/ves/drbd-helper', pingTimeoutTenths: 20,
  }));
  for (const node of NODES) {
    putDomainConfig(test, node, '/dev/drbd1');
    await test.must(node, ['lvcreate', '-y', '-n', VOLUME, '-L', '68m', 'vg0']);
    await test.must(node, ['drbdadm', '-c', PATH, 'create-md', '--force', VOLUME]);
    await test.must(node, ['drbdadm', '-c', PATH, 'up', VOLUME]);
  }
  await test.must('node-1', ['drbdadm', '-c', PATH, 'primary', '--force', VOLUME]);
  await test.must('node-1', ['dd', `if=/images/${IMAGE_DIGEST}`, 'of=/dev/drbd1']);
  return test;
}

/** One thing that somebody does; programs are started and not waited for. */
function act(test: TestRoom, chance: { next(): number }): string {
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(chance.next() * values.length)] as Value;
  const node = pick(NODES);
  const isUp = test.room.nodeReport(node).bootId !== null;
  const run = (...argv: string[]): string => {
    // Failures are part of the weather; a program that never ends is, too.
    if (isUp) test.room.run(node, test.bootId(node), argv).catch(() => undefined);
    return `${node}: ${argv.join(' ')}`;
  };
  /** What an agent would do, without its care: take the volume here and run the guest. */
  const serve = (): string => {
    if (isUp) {
      const bootId = test.bootId(node);
      const steps = [['drbdadm', '-c', PATH, 'up', VOLUME], ['drbdadm', '-c', PATH, 'primary', VOLUME], ['xl', 'create', '-q', `/etc/xen/${INSTANCE}.cfg`]];
      // As above: whatever fails, fails.
      void steps.reduce((before, argv) => before.then(async () => void (await test.room.run(node, bootId, argv))), Promise.resolve()).catch(() => undefined);
    }
    return `${node}: serve`;
  };
  const actions: readonly (() => string)[] = [
    ...Array.from({ length: 10 }, () => serve),
    () => run('xl', 'create', '-q', `/etc/xen/${INSTANCE}.cfg`), () => run('xl', 'create', '-p', `/etc/xen/${INSTANCE}.cfg`), () => run('xl', 'unpause', INSTANCE), () => run('xl', 'pause', INSTANCE),
    () => run('xl', 'destroy', INSTANCE), () => run('xl', 'shutdown', INSTANCE), () => run('xl', 'reboot', INSTANCE),
    ...['primary', 'secondary', 'down', 'connect', 'connect', 'connect'].map((order) => () => run('drbdadm', '-c', PATH, order, VOLUME)),
    () => run('drbdadm', '-c', PATH, 'disconnect', '--force', VOLUME),
    () => run('lvcreate', '-y', '-n', `extra-${Math.floor(chance.next() * 3)}`, '-L', '8m', '--addtag', 'extra', 'vg0'), () => run('lvremove', '-y', `vg0/extra-${Math.floor(chance.next() * 3)}`), () => run('lvchange', '--addtag', 'changed', `vg0/${VOLUME}`),
    () => {
      test.room.powerOff(node);
      return `${node}: power off`;
    },
    ...Array.from({ length: 3 }, () => () => {
      test.room.powerOn(node);
      return `${node}: power on`;
    }),
    () => {
      test.room.reset(node);
      return `${node}: reset`;
    },
    ...[true, true, false].map((storage) => () => {
      test.room.setCables(node, { storage });
      return `${node}: storage cable ${storage}`;
    }),
    () => {
      test.room.failDisk(node, null, pick(['error', 'slow'] as const));
      return `${node}: disk fault`;
    },
    ...Array.from({ length: 3 }, () => () => {
      test.room.repairDisk(node, null);
      return `${node}: disk good again`;
    }),
  ];
  return pick(actions)();
}

/** What must hold at any time. */
async function check(test: TestRoom): Promise<void> {
  const report = test.room.report();
  const executing = report.nodes.flatMap(({ node, domains }) => domains.filter(({ state, name }) => state === 'running' && name === INSTANCE).map(({ domid }) => `${node} ${domid}`));
  // A domain whose guest just ended by itself is still listed while it is taken down.
  for (const { node, domid } of report.instances[INSTANCE]?.running ?? []) assert.ok(executing.includes(`${node} ${domid}`), `the observer sees ${node} ${domid} run, the room has ${executing.join()}`);
  for (const { node, bootId } of report.nodes) {
    if (bootId === null) continue;
    // Programs that read take equally long, so these three see the same moment.
    const texts: string[] = [];
    let volumes = -1;
    void Promise.all([['xl', 'info'], ['xl', 'list'], ['lvs', '--reportformat', 'json', '--units', 'b', '-o', 'lv_name,vg_name,lv_size,lv_attr,lv_tags', 'vg0']].map((argv) => test.room.run(node, bootId, argv))).then((results) => {
      texts.push(...results.map(({ stdout }) => stdout));
      volumes = test.room.nodeReport(node).volumes;
    });
    await test.world.until('the programs', () => texts.length === 3, 1_000);
    const [info = '', list = '', lvs = ''] = texts;
    const taken = parseList(list).filter(({ domainId }) => domainId !== 0).reduce((sum, { memoryMiB, isDying }) => sum + (isDying ? 0 : memoryMiB + 1), 0);
    assert.is(parseInfo(info).freeMemoryMiB + taken, 16 * 1024 - 1024 - 12, `memory of ${node}`);
    assert.is(parseVolumes(lvs).length, volumes);
  }
}

/** The room as its records give it back, with its own snapshot. */
function replay(records: readonly RoomRecord[]): readonly RoomRecord[] {
  const config = roomConfig(2);
  const room = new Room(new VirtualWorld(1), config, {
    readFile: () => null, digestOf: () => Promise.resolve(null), callHelper: () => new Promise(() => undefined), persist: () => undefined, onEvent: () => undefined,
  }, noDrbd);
  room.restore(records);
  return [...room.entries()];
}

/** Snapshots may order blocks differently, and only started rooms know what is on. */
const canonical = (records: readonly RoomRecord[]): string[] => records
  .filter((record) => !(record.kind === 'set' && record.key.startsWith('power/')))
  .map((record) => JSON.stringify(record, (_, value: unknown) => (Array.isArray(value) && value.every((item) => Array.isArray(item)) ? value.map((item) => JSON.stringify(item)).toSorted() : value)))
  .toSorted();

for (let seed = 1; seed <= SEEDS; seed += 1) {
  weather(`keeps its books with seed ${seed}`, async () => {
    const test = await start(seed);
    const chance = seededChance(seed);
    const done: string[] = [];
    try {
      for (let step = 0; step < STEPS; step += 1) {
        done.push(act(test, chance));
        await test.world.advance(Math.floor(chance.next() * 4_000));
        if (step % 3 === 0) await check(test);
      }
      await test.world.advance(0);
      assert.equal(canonical(replay(test.records)), canonical([...test.room.entries()]));
    } catch (thrown) {
      throw new Error(`seed ${seed} after: ${done.slice(-15).join('; ')}`, { cause: thrown });
    }
  });
}

weather.run();
