/** The watchdog device: armed with the timeout that the fence proof stands on, or not at all. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDeviceWatchdog } from '../../../../../agent/drivers/watchdog/device-watchdog.ts';
import type { Runner } from '../../../../../shared/world.ts';

const watchdogs = suite('the watchdog device');

const root = mkdtempSync(join(tmpdir(), 'ves-watchdog-'));
watchdogs.after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

/** A device, and a wdctl that makes its driver keep `kept` seconds. */
function device(kept: (seconds: number) => number, exitCode = 0): { path: string; runner: Runner; content: () => string } {
  const name = `watchdog${(count += 1)}`;
  const path = join(root, name);
  writeFileSync(path, '');
  mkdirSync(join(root, 'sys', name), { recursive: true });
  const runner: Runner = {
    run: (argv) => {
      assert.equal([argv[0], argv[1], argv[3]], ['wdctl', '--settimeout', path]);
      writeFileSync(join(root, 'sys', name, 'timeout'), `${kept(Number(argv[2]))}\n`);
      return Promise.resolve({ exitCode, stdout: '', stderr: '' });
    },
    stream: () => ({ stop: () => undefined }),
  };
  return { path, runner, content: () => readFileSync(path, 'latin1') };
}
const code = async (promise: Promise<unknown>): Promise<string | undefined> => await promise.then(() => undefined, (thrown: { code?: string }) => thrown.code);

watchdogs('is armed with whole seconds, petted, and disarmed by the magic letter', async () => {
  const { path, runner, content } = device((seconds) => seconds);
  const watchdog = createDeviceWatchdog(runner, path, join(root, 'sys'));
  watchdog.pet();
  assert.is(content(), '');
  await watchdog.arm(3_500);
  assert.is(readFileSync(join(root, 'sys', path.slice(root.length + 1), 'timeout'), 'utf8'), '4\n');
  assert.is(content(), '\0');
  watchdog.pet();
  await watchdog.arm(4_000);
  assert.is(content(), '\0\0\0');
  await watchdog.disarm();
  assert.is(content(), '\0\0\0V');
  watchdog.pet();
  await watchdog.disarm();
  assert.is(content(), '\0\0\0V');
});

watchdogs('is not opened when its driver keeps another timeout, or wdctl fails', async () => {
  for (const { path, runner, content } of [device(() => 60), device((seconds) => seconds, 1)]) {
    assert.is(await code(createDeviceWatchdog(runner, path, join(root, 'sys')).arm(4_000)), 'WatchdogNotArmed');
    assert.is(content(), '');
  }
});

watchdogs.run();
