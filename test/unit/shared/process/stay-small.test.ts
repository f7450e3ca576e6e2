import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { staySmall } from '../../../../shared/process/stay-small.ts';
import { ROOT } from '../../../support/tree.ts';
import { VirtualWorld } from '../../../support/virtual-world.ts';

const small = suite('a process that stays small');

/** Whether the garbage of before is gone after so many ms of the process's life. */
async function isCollected(world: VirtualWorld, waitMs: number): Promise<boolean> {
  const garbage = new WeakRef(Array.from({ length: 100_000 }, (_, at) => ({ at })));
  // A WeakRef keeps its target until the turn of the event loop ends.
  await new Promise((resolve) => setImmediate(resolve));
  await world.advance(waitMs);
  await new Promise((resolve) => setImmediate(resolve));
  return garbage.deref() === undefined;
}

small('gives back what nobody uses, soon after its start and again later', async () => {
  const world = new VirtualWorld(1);
  staySmall(world.timers, () => 0.02);
  for (const waitMs of [20_000, 130_000]) assert.ok(await isCollected(world, waitMs));
});

small('waits with that while it has much to do', async () => {
  const world = new VirtualWorld(1);
  let share = 0.8;
  staySmall(world.timers, () => share);
  assert.not(await isCollected(world, 120_000));
  share = 0.02;
  assert.ok(await isCollected(world, 5_000));
});

small('lets go of the compiled code that Node keeps for the compile cache', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ves-small-'));
  try {
    const program = `import { forgetCompiled } from ${JSON.stringify(join(ROOT, 'shared/process/stay-small.ts'))}; console.error('now'); forgetCompiled(); process.kill(process.pid, 'SIGKILL');`;
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { env: { NODE_COMPILE_CACHE: folder, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }, encoding: 'utf8' });
    // Killed: nothing of it was said by an orderly end.
    assert.match(stderr.slice(stderr.indexOf('now')), /Clear deserialized cache/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

small.run();
