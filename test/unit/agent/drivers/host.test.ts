/** The node's own measures, over the simulated room. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHost, systemLoad } from '../../../../agent/drivers/host.ts';
import { Lvm } from '../../../../agent/drivers/lvm/run-lvm.ts';
import { createFiles } from '../../../../shared/process/files.ts';
import { Xen, XEN_DEFAULTS } from '../../../../agent/drivers/xen/run-xen.ts';
import { GIB } from '../../../../shared/units.ts';
import type { Runner } from '../../../../shared/world.ts';
import { startGuest, startTestRoom } from '../room/model/room-fixture.ts';

const hosts = suite('the host');

hosts('carries the same whether domains run or not, and has less free', async () => {
  const test = await startTestRoom();
  const runner: Runner = { run: (argv) => test.run('node-1', argv), stream: () => ({ stop: () => undefined }) };
  const xen = new Xen({ runner, files: createFiles('/nowhere'), bootId: test.bootId('node-1'), ...XEN_DEFAULTS });
  const host = createHost(xen, new Lvm(runner, 'vg0'), () => Promise.resolve(0.25));
  const before = await host.inventory();
  const free = await host.sample();
  assert.equal([before.vcpus, before.diskBytes, before.domainKinds], [8, 200 * GIB, ['pv', 'pvh', 'hvm']]);
  assert.ok(before.memoryMiB > 14_900 && before.memoryMiB < 15_360, `${before.memoryMiB} of 16384 less the control domain's 1024`);
  assert.equal(free, { freeMemoryMiB: before.memoryMiB, freeDiskBytes: 200 * GIB, load: 0.25 });
  await startGuest(test, 'node-1');
  const after = await host.inventory();
  assert.ok(Math.abs(after.memoryMiB - before.memoryMiB) <= 1);
  const used = await host.sample();
  assert.ok(free.freeMemoryMiB - used.freeMemoryMiB >= 126);
  assert.is(free.freeDiskBytes - used.freeDiskBytes, GIB);
});

hosts('can hold as many of the smallest instances as it promises', async () => {
  const test = await startTestRoom();
  const runner: Runner = { run: (argv) => test.run('node-1', argv), stream: () => ({ stop: () => undefined }) };
  const xen = new Xen({ runner, files: createFiles('/nowhere'), bootId: test.bootId('node-1'), ...XEN_DEFAULTS });
  const { memoryMiB } = await createHost(xen, new Lvm(runner, 'vg0'), () => Promise.resolve(0)).inventory();
  for (let count = 0; count < Math.floor(memoryMiB / 128); count += 1) {
    test.files.set('/x.cfg', `name = "small-${count}"\nkernel = "/boot/k"\nmemory = 128\n`);
    await test.must('node-1', ['xl', 'create', '-q', '/x.cfg']);
  }
});

hosts('measures the load of the machine itself', async () => {
  const load = await systemLoad();
  assert.ok(load >= 0 && load <= 1, String(load));
});

hosts.run();
