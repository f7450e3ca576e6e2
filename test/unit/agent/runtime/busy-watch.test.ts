import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BUSY_DELAY_MS, BusyWatch } from '../../../../agent/runtime/busy-watch.ts';
import type { Timer } from '../../../../shared/world.ts';
import { VirtualWorld } from '../../../support/virtual-world.ts';

/** A world whose timers come as late as it is told. */
function slowWorld() {
  const world = new VirtualWorld(1);
  const state = { lateMs: 0, timers: 0 };
  return {
    world, state,
    slow: {
      clock: world.clock, chance: world.chance, log: world.log,
      timers: {
        after: (delayMs: number, run: () => void): Timer => {
          state.timers += 1;
          return world.timers.after(delayMs + state.lateMs, run);
        },
      },
    },
  };
}

const busy = suite('a busy watch');

busy('sees a loop that is late, and one that has caught up', async () => {
  const { world, state, slow } = slowWorld();
  const watch = new BusyWatch(slow);
  assert.is(watch.isBusy(), false);
  await world.advance(200);
  assert.is(watch.isBusy(), false);
  state.lateMs = BUSY_DELAY_MS + 100;
  await world.advance(1_500);
  assert.is(watch.isBusy(), true);
  state.lateMs = 0;
  await world.advance(2_000);
  assert.is(watch.isBusy(), false);
});

busy('says so while the late timer has not come yet', async () => {
  const { world, state, slow } = slowWorld();
  const watch = new BusyWatch(slow);
  state.lateMs = 10_000;
  assert.is(watch.isBusy(), false);
  await world.advance(BUSY_DELAY_MS + 200);
  assert.is(watch.isBusy(), true);
});

busy('costs nothing while nobody asks', async () => {
  const { world, state, slow } = slowWorld();
  new BusyWatch(slow).isBusy();
  await world.advance(60_000);
  assert.ok(state.timers < 60, `${state.timers} timers in a minute`);
});

busy.run();
