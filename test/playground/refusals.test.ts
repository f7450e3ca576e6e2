// deadline: 240 s
/** What does `npm start` say when it cannot start? A sentence with what to do, exit code not 0, and nothing is lost. */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAIN, newDirectory, removeDirectory, startFleet, until, withFleet } from './support/playground.ts';
import { runProgram } from './support/run-program.ts';
import type { Ran } from './support/run-program.ts';

const refusals = suite('npm start');

async function start(...words: readonly string[]): Promise<Ran> {
  return await runProgram([process.execPath, MAIN, ...words]);
}

/** One sentence, and no stack. */
function assertSentence(ran: Ran, code: number, pattern: RegExp): void {
  assert.is(ran.code, code, ran.stderr);
  assert.match(ran.stderr, pattern);
  assert.not.match(ran.stderr, /\n\s+at /);
}

refusals('refuses what it does not know, and shows what it does', async () => {
  assertSentence(await start('--nodes', '0'), 2, /--nodes must be a whole number from 1/);
  assertSentence(await start('--colour', 'red'), 2, /--colour.*[^]*usage: npm start/);
  const help = await start('--help');
  assert.equal([help.code, help.stderr], [0, '']);
});

refusals('refuses a directory that it cannot write', async () => {
  assertSentence(await start('--dir', '/proc/ves'), 1, /\/proc\/ves.*--dir/);
  const directory = newDirectory();
  writeFileSync(directory, 'a file');
  assertSentence(await start('--dir', directory), 1, /--dir/);
  assert.is(readFileSync(directory, 'utf8'), 'a file');
  removeDirectory(directory);
});

refusals('refuses a port that another program has, and founds nothing then', async () => {
  const directory = newDirectory();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    assertSentence(await start('--dir', directory, '--port', String(port), '--nodes', '1'), 1, new RegExp(`port ${port} .*taken.*--port`));
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  // Other options than those that were refused are as good as they are in a new directory.
  const fleet = await startFleet({ directory, nodes: 2, profile: 'fast' });
  assert.is(await fleet.stop(), 0);
  removeDirectory(directory);
});

refusals('refuses a second playground in the same directory, and the first goes on', async () => {
  await withFleet({ nodes: 1, profile: 'fast' }, async (fleet) => {
    assertSentence(await start('--dir', fleet.directory, '--port', '0'), 1, /runs in this directory already \(process \d+\).*Ctrl-C/);
    assert.is((await fleet.nodes()).length, 1);
  });
});

refusals('refuses a damaged cell.json and directories that are not its own, and changes nothing', async () => {
  const directory = newDirectory();
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'letter.txt'), 'dear diary');
  assertSentence(await start('--dir', directory), 1, /letter\.txt but no cell\.json/);
  writeFileSync(join(directory, 'cell.json'), '{"version": 1');
  assertSentence(await start('--dir', directory), 1, /cell\.json does not describe a cell/);
  assert.is(readFileSync(join(directory, 'cell.json'), 'utf8'), '{"version": 1');
  assert.is(readFileSync(join(directory, 'letter.txt'), 'utf8'), 'dear diary');
  removeDirectory(directory);
});

refusals('does not start without the disks of its machines, nor with damaged ones, and changes nothing', async () => {
  const fleet = await startFleet({ nodes: 1, profile: 'fast' });
  const journal = join(fleet.directory, 'room/journal');
  try {
    const { id } = await fleet.runInstance();
    await fleet.settled(id);
    await fleet.stop();
    const good = readFileSync(journal);
    const damaged = Buffer.from(good);
    damaged.fill(0, Math.floor(good.length / 2), Math.floor(good.length / 2) + 20);
    writeFileSync(journal, damaged);
    assertSentence(await start('--dir', fleet.directory, '--port', '0'), 1, /room ends again and again .*journal is damaged: line \d+.*Put back a good copy/);
    assert.equal(readFileSync(journal), damaged);
    for (const spoil of [() => writeFileSync(journal, ''), () => rmSync(journal)]) {
      spoil();
      assertSentence(await start('--dir', fleet.directory, '--port', '0'), 1, /room\/journal is (empty|gone).*put back a copy.*--dir/);
    }
    writeFileSync(journal, good);
    const again = await startFleet({ directory: fleet.directory });
    await again.settled(id);
    assert.equal((await again.report()).violations, []);
    await again.stop();
  } finally {
    await fleet.stop();
    removeDirectory(fleet.directory);
  }
});

refusals('comes back after its supervisor was killed, as after a power cut of the site, and leaves no process behind', async () => {
  const fleet = await startFleet({ nodes: 1, profile: 'fast' });
  try {
    const { id } = await fleet.runInstance();
    const { lastAckedRecord } = await until('the guest writes', async () => {
      const observed = await fleet.observed(id);
      return (observed.lastAckedRecord ?? 0) > 2 ? observed : null;
    }, 15_000);
    const pids = Object.values(JSON.parse(readFileSync(join(fleet.directory, 'run/pids.json'), 'utf8')) as Record<string, number>);
    assert.is(pids.length, 5);
    await fleet.killSupervisor();
    await until('every process is gone', () => Promise.resolve(pids.every((pid) => !isAlive(pid)) ? true : null), 10_000);
    const again = await startFleet({ directory: fleet.directory });
    try {
      await again.settled(id);
      const acked = await until('the guest writes on', async () => (await again.observed(id)).lastAckedRecord, 10_000);
      assert.ok(acked >= (lastAckedRecord ?? Infinity));
      assert.equal((await again.report()).violations, []);
    } finally {
      await again.stop();
    }
  } finally {
    await fleet.stop();
    removeDirectory(fleet.directory);
  }
});

refusals('goes on with a new store when a voter’s is damaged, and says so', async () => {
  const fleet = await startFleet({ nodes: 3, profile: 'fast' });
  try {
    await fleet.stop();
    const slots = ['slot.0', 'slot.1'].map((name) => join(fleet.directory, 'nodes/node-2/ledger/current', name));
    for (const slot of slots) {
      chmodSync(slot, 0o600);
      writeFileSync(slot, 'damaged');
    }
    const again = await startFleet({ directory: fleet.directory });
    try {
      assert.match(readFileSync(join(fleet.directory, 'log/node-2.agent.jsonl'), 'utf8'), /ledger's store was damaged/);
      await until('three voters, none of them the old node-2', async () => {
        const { voters } = await again.ledger();
        return voters.filter(({ role }) => role === 'voter').length === 3 && voters.some(({ member }) => member === 'node-2') ? true : null;
      }, 30_000);
    } finally {
      await again.stop();
    }
  } finally {
    removeDirectory(fleet.directory);
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

refusals.run();
