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

small('gives back what nobody uses, soon after its start and again later', async () => {
  const world = new VirtualWorld(1);
  staySmall(world.timers);
  for (const waitMs of [20_000, 130_000]) {
    const garbage = new WeakRef(Array.from({ length: 100_000 }, (_, at) => ({ at })));
    // A WeakRef keeps its target until the turn of the event loop ends.
    await new Promise((resolve) => setImmediate(resolve));
    await world.advance(waitMs);
    await new Promise((resolve) => setImmediate(resolve));
    assert.is(garbage.deref(), undefined);
  }
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
