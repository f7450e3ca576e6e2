/** The Xen driver over the simulated room: it believes what `xl list` shows, not exit codes. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Xen, XEN_DEFAULTS } from '../../../../../agent/drivers/xen/run-xen.ts';
import type { DomainSpec } from '../../../../../shared/model/domain.ts';
import type { DrbdDevice } from '../../../../../agent/room/model/drbd/device.ts';
import type { InstanceId } from '../../../../../shared/ids.ts';
import type { Files, Runner, RunResult } from '../../../../../shared/world.ts';
import { IMAGE_DIGEST, INSTANCE, noDrbd, startTestRoom } from '../../room/model/room-fixture.ts';
import type { TestRoom } from '../../room/model/room-fixture.ts';

const xen = suite('the Xen driver');

const instance = INSTANCE as InstanceId;
const request: DomainSpec = { instance, generation: 7, kind: 'pv', memoryMiB: 128, vcpus: 1, macAddress: '00:16:3e:00:00:01', disks: [{ device: 'xvda', minor: 3 }] };

/** A primary DRBD device that can be frozen. */
function device(): DrbdDevice & { freeze(): void; thaw(): void } {
  const blocks = new Map<number, string>();
  let thawed: Promise<void> = Promise.resolve();
  let thaw = (): void => undefined;
  return {
    sizeBytes: 1e9, open: () => undefined, close: () => undefined, image: () => Promise.resolve(IMAGE_DIGEST), writeImage: () => Promise.resolve(),
    read: (block) => Promise.resolve(blocks.get(block) ?? null),
    write: async (block, content) => {
      await thawed;
      blocks.set(block, content);
    },
    freeze: () => {
      thawed = new Promise((resolve) => {
        thaw = resolve;
      });
    },
    thaw: () => thaw(),
  };
}

async function start(): Promise<{ test: TestRoom; drbd: ReturnType<typeof device>; create: () => Xen; wait: <Value>(promise: Promise<Value>) => Promise<Value>; breakProgram: (program: string, answer: RunResult | null) => void }> {
  const drbd = device();
  const test = await startTestRoom({ createDrbd: () => ({ ...noDrbd(), device: (_node, path) => (path === '/dev/drbd3' ? drbd : null) }) });
  let broken: { readonly program: string; readonly answer: RunResult } | null = null;
  const breakProgram = (program: string, answer: RunResult | null): void => {
    broken = answer === null ? null : { program, answer };
  };
  const runner: Runner = { run: (argv, { stdin }) => broken !== null && argv[0] === broken.program ? Promise.resolve(broken.answer) : test.room.run('node-1', test.bootId('node-1'), argv, stdin), stream: () => ({ stop: () => undefined }) };
  const files: Files = {
    read: (path) => Promise.resolve(test.files.get(`node-1:/data/${path}`) ?? null),
    writeDurably: (path, text) => Promise.resolve(void test.files.set(`node-1:/data/${path}`, text)),
    remove: (path) => Promise.resolve(void test.files.delete(`node-1:/data/${path}`)),
    list: () => Promise.resolve([]), absolute: (path) => `/data/${path}`,
  };
  const wait = async <Value>(promise: Promise<Value>): Promise<Value> => {
    let isDone = false;
    const settled = promise.finally(() => {
      isDone = true;
    });
    settled.catch(() => undefined);
    await test.world.until('the driver', () => isDone, 60_000);
    return await settled;
  };
  return { test, drbd, wait, breakProgram, create: () => new Xen({ runner, files, bootId: test.bootId('node-1'), ...XEN_DEFAULTS }) };
}

xen('creates a domain paused, tagged with generation and boot', async () => {
  const { test, create, wait } = await start();
  const driver = create();
  await wait(driver.create(request));
  const domain = (await wait(driver.list())).get(instance);
  assert.equal(domain, { instance, domainId: 1, state: 'paused', generation: 7, bootId: test.bootId('node-1') });
  assert.is(test.room.report().instances[INSTANCE], undefined);
  await wait(driver.unpause(instance));
  await test.world.advance(3_000);
  assert.is((await wait(driver.list())).get(instance)?.state, 'running');
  assert.match(await wait(driver.console(instance, 2_000)), 'is on disk');
});

xen('sees the domains of an agent before it, with their tags', async () => {
  const { create, wait } = await start();
  await wait(create().create(request));
  assert.is((await wait(create().list())).get(instance)?.generation, 7);
});

xen('shows a domain without a tag as one being built', async () => {
  const { test, create, wait } = await start();
  await wait(create().create(request));
  await test.must('node-1', ['xenstore-rm', '/local/domain/1/data/ves']);
  const domain = (await wait(create().list())).get(instance);
  assert.equal([domain?.state, domain?.generation], ['building', null]);
});

xen('does not guess what a domain is while xenstore does not answer', async () => {
  const { wait, create, breakProgram } = await start();
  await wait(create().create(request));
  const failing = create();
  for (const answer of [
    { exitCode: 1, stdout: '', stderr: "xenstore-read: couldn't read path /local/domain/1/data/ves\n" },
    { exitCode: 1, stdout: 'Domain-0\n', stderr: 'xenstore-read: xs_read: Connection reset by peer\n' },
    { exitCode: 1, stdout: '', stderr: 'xs_open: No such file or directory\n' },
    { exitCode: 0, stdout: '', stderr: '' },
  ]) {
    breakProgram('xenstore-read', answer);
    await wait(failing.list()).then(() => assert.unreachable(), (thrown: { code?: string; retryable?: boolean }) => assert.equal([thrown.code, thrown.retryable], ['XenCommandFailed', true]));
  }
  breakProgram('xenstore-read', null);
  assert.is((await wait(failing.list())).get(instance)?.generation, 7);
});

xen('removes a domain, and does not mind one that is not there', async () => {
  const { test, create, wait } = await start();
  const driver = create();
  await wait(driver.create(request));
  await wait(driver.destroy(instance));
  assert.is((await wait(driver.list())).size, 0);
  assert.is(test.files.size, 0);
  await wait(driver.destroy(instance));
  await wait(driver.shutdown(instance));
});

xen('does not believe exit 0 of xl destroy while requests hang below', async () => {
  const { test, drbd, create, wait } = await start();
  const driver = create();
  await wait(driver.create(request));
  await wait(driver.unpause(instance));
  await test.world.advance(2_000);
  drbd.freeze();
  await test.world.advance(1_000);
  await wait(driver.destroy(instance)).then(() => assert.unreachable(), (thrown: { code?: string; retryable?: boolean }) => assert.equal([thrown.code, thrown.retryable], ['XenDomainLingers', true]));
  assert.is((await wait(driver.list())).get(instance)?.state, 'gone');
  // An agent that starts now does not remember whose zombie it is, but finds it written.
  assert.is((await wait(create().list())).get(instance)?.state, 'gone');
  drbd.thaw();
  await test.world.advance(100);
  assert.is((await wait(driver.list())).size, 0);
  await wait(driver.destroy(instance));
});

xen('says why a domain could not be made', async () => {
  const { create, wait } = await start();
  const driver = create();
  const code = async (change: Partial<DomainSpec>): Promise<unknown> => await wait(driver.create({ ...request, ...change })).then(() => null, (thrown: { code?: string }) => thrown.code);
  assert.is(await code({ memoryMiB: 900_000 }), 'XenNoMemory');
  assert.is(await code({ disks: [{ device: 'xvda', minor: 4 }] }), 'XenDiskRefused');
  assert.is(await code({}), null);
  assert.is(await code({}), 'XenDomainExists');
});

xen.run();
