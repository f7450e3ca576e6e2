/** Does the keeper in C read the clock again right before it touches the watchdog? A process may be paused between any two of its instructions. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileNative, keeperParts, noCompiler } from './native-check.ts';

const CLUSTER = '11111111-2222-4333-8444-555555555555';
const BOOT = '21111111-2222-4333-8444-555555555555';
const KEY = 'aa'.repeat(32);

const keeper = suite<{ directory: string }>('the keeper in C, paused within a step,');
const prove = noCompiler === null ? keeper : keeper.skip;

keeper.before((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'keeper-clock-'));
  writeFileSync(join(context.directory, 'keeper-cell.json'), JSON.stringify({
    kind: 'cell', cell: 'default', clusterUuid: CLUSTER, profile: 'fast', voters: [{ id: 'node-2', leaseAddress: '127.0.0.1:1', sendKey: KEY, receiveKey: KEY }],
  }));
  if (noCompiler === null) compileNative(join(context.directory, 'check'), [join(import.meta.dirname, 'keeper-check.c'), ...keeperParts().filter((file) => !/\/(datagrams|room|device)\.c$/.test(file))], 'with sanitizers');
});
keeper.after(({ directory }) => rmSync(directory, { recursive: true, force: true }));

/** What the watchdog saw when the clock jumped so far right after an event was handled, and before it was acted on. */
function watchdogSaw(directory: string, until: 'arm' | 'pet', pauseMs: number): readonly string[] {
  const config = {
    cell: 'default', clusterUuid: CLUSTER, node: 'node-1', dataDirectory: directory, leaseListen: '127.0.0.1:0', keeperSocket: join(directory, 'k'), profile: 'soft', machine: { kind: 'room', socket: '/r', bootId: BOOT },
  };
  const ran = spawnSync(join(directory, 'check'), [until, JSON.stringify(config), String(pauseMs)], { encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(`${ran.signal ?? ran.status}: ${ran.stderr}`);
  return ran.stdout.split('\n').filter((line) => line !== '');
}

prove('arms until the last microsecond of the lease, and not at its end', ({ directory }) => {
  assert.equal(watchdogSaw(directory, 'arm', 99.999), ['arm 2000']);
  assert.equal(watchdogSaw(directory, 'arm', 100), []);
});

prove('pets until the last microsecond of the lease, and not at its end', ({ directory }) => {
  assert.equal(watchdogSaw(directory, 'pet', 899.999), ['arm 2000', 'pet']);
  assert.equal(watchdogSaw(directory, 'pet', 900), ['arm 2000']);
});

keeper.run();
