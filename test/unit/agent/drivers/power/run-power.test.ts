/** Power through a BMC: only a clear word counts, and the password goes through standard input alone. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildFenceInput } from '../../../../../agent/drivers/power/build-fence-input.ts';
import { parsePowerStatus } from '../../../../../agent/drivers/power/parse-fence-output.ts';
import { Power } from '../../../../../agent/drivers/power/run-power.ts';
import type { NodeId } from '../../../../../shared/ids.ts';
import { startTestRoom } from '../../room/model/room-fixture.ts';
import type { TestRoom } from '../../room/model/room-fixture.ts';

const power = suite('the power driver');

const NODE = 'node-2' as NodeId;

function driver(test: TestRoom, password = 'secret'): { power: Power; argvs: (readonly string[])[]; wait: <Value>(promise: Promise<Value>) => Promise<Value> } {
  const argvs: (readonly string[])[] = [];
  const wait = async <Value>(promise: Promise<Value>): Promise<Value> => {
    let isDone = false;
    const settled = promise.finally(() => {
      isDone = true;
    });
    settled.catch(() => undefined);
    await test.world.until('the fence agent', () => isDone, 60_000);
    return await settled;
  };
  const run = (argv: readonly string[], { stdin = '' }: { readonly stdin?: string }) => {
    argvs.push(argv);
    return test.room.run('node-1', test.bootId('node-1'), argv, stdin);
  };
  return { argvs, wait, power: new Power({ run, stream: () => ({ stop: () => undefined }) }, (node) => (node === NODE ? { address: 'bmc-2', username: 'ves', password } : null)) };
}

power('switches a node off and on, and sees which it is', async () => {
  const test = await startTestRoom();
  const { power: own, wait, argvs } = driver(test);
  assert.is(await wait(own.status(NODE)), 'on');
  assert.equal(await wait(own.off(NODE)), { wasOff: false });
  assert.is(test.room.nodeReport('node-2').isOn, false);
  assert.is(await wait(own.status(NODE)), 'off');
  assert.equal(await wait(own.off(NODE)), { wasOff: true });
  for (let time = 0; time < 2; time += 1) {
    await wait(own.on(NODE));
    assert.is(await wait(own.status(NODE)), 'on', 'also when it is on already');
  }
  assert.equal(new Set(argvs.map((argv) => argv.join(' '))), new Set(['fence_ipmilan']));
});

power('never takes silence or a refusal for off', async () => {
  const test = await startTestRoom();
  const off = async (own: Power, wait: <Value>(promise: Promise<Value>) => Promise<Value>) => await wait(own.off(NODE)).then(() => null, (thrown: { code?: string }) => thrown.code);
  const wrong = driver(test, 'wrong');
  assert.is(await off(wrong.power, wrong.wait), 'PowerOffFailed');
  assert.is(await wrong.wait(wrong.power.status(NODE)), 'unknown');
  test.room.setBmc('node-2', { isReachable: false });
  const { power: own, wait } = driver(test);
  assert.is(await off(own, wait), 'PowerOffFailed');
  assert.is(await wait(own.on(NODE)).then(() => null, (thrown: { code?: string }) => thrown.code), 'PowerOnFailed');
  assert.is(await wait(own.status(NODE)), 'unknown');
  assert.ok(test.room.nodeReport('node-2').isOn);
  assert.is(await wait(own.off('node-1' as NodeId)).then(() => null, (thrown: { code?: string }) => thrown.code), 'NoPowerAccess');
});

power('reads only an answer whose words and exit code agree', () => {
  const status = (exitCode: number, stdout: string) => parsePowerStatus({ exitCode, stdout, stderr: '' });
  assert.equal([status(0, 'Status: ON\n'), status(2, 'Status: OFF\n')], ['on', 'off']);
  for (const [exitCode, text] of [[0, 'Status: OFF\n'], [2, 'Status: ON\n'], [2, ''], [1, 'Status: OFF\n'], [0, 'Status: UNKNOWN\n'], [2, 'usage: x Status: OFF y\n']] as const) assert.is(status(exitCode, text), 'unknown');
});

power('lets no line of its options be forged', () => {
  const access = { address: '10.0.0.1', username: 'ves', password: 'p=w #x' };
  assert.match(buildFenceInput(access, 'off', 5_000), /^action=off\nip=10\.0\.0\.1\nusername=ves\npassword=p=w #x\n/);
  for (const change of [{ password: 'a\naction=on' }, { username: '' }, { address: 'x\r' }]) assert.throws(() => buildFenceInput({ ...access, ...change }, 'off', 5_000), (thrown: { code?: string }) => thrown.code === 'InvalidPowerAccess');
});

power.run();
