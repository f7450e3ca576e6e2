import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensureEtcd, etcdCommand } from '../../../../provisioning/playground/etcd-members.ts';
import { chooseFreePorts } from '../../../../provisioning/playground/free-ports.ts';
import { ETCD_MISSING } from '../../../support/real-etcd.ts';
import { eventually } from '../../../support/real-world.ts';
import { failureOf, withDirectory } from './support.ts';

const members = suite('a member of the playground’s etcd');

members('is missed with a sentence that says what to install', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  try {
    assert.is(await failureOf(() => Promise.resolve().then(ensureEtcd)), 'EtcdMissing');
    assert.throws(ensureEtcd, /apt-get install etcd-server/);
  } finally {
    process.env['PATH'] = path;
  }
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const NAME = 'does not outlive who started it, whatever ended that';
if (ETCD_MISSING !== null) members.skip(`${NAME}, skipped ${ETCD_MISSING}`);
else {
  members(NAME, async () => {
    await withDirectory(async (directory) => {
      const [clientPort = 0, peerPort = 0] = await chooseFreePorts(2);
      const member = { name: 'etcd-1', clientPort, peerPort };
      const command = etcdCommand(member, [member], join(directory, 'etcd-1'), 'test');
      const script = "const { file, args } = JSON.parse(process.argv[1]); console.log(require('child_process').spawn(file, args, { stdio: 'ignore', detached: true }).pid)";
      const parent = spawn(process.execPath, ['-e', script, JSON.stringify(command)], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(line.toString());
      assert.ok(isAlive(pid));
      // Once it listens it is etcd itself, no longer what was to become it.
      await eventually('it runs', () => readCommand(pid).split('\0')[0]?.endsWith('/etcd') === true);
      parent.kill('SIGKILL');
      await once(parent, 'exit');
      await eventually('it is gone', () => !isAlive(pid));
    });
  });
}

function readCommand(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
}

members.run();
