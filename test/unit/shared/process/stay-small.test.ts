import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { staySmall } from '../../../../shared/process/stay-small.ts';
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

small.run();
