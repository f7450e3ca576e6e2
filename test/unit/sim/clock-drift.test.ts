// deadline: 60 s
/** Is a clock that runs beyond what the fences assume noticed, and one within it not? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NodeId } from '../../../shared/ids.ts';
import { CLOCK_RATE_ERROR } from '../../../shared/model/timing.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';

/** A cell in which one node's clock has this rate; which nodes' clocks were told of within four minutes. */
async function toldWith(rate: number): Promise<{ readonly node: NodeId; readonly told: readonly unknown[] }> {
  const told = new Set<unknown>();
  const cell = new VirtualCell({
    nodes: 3, seed: 5,
    onFact: (fact) => {
      if (fact.event === 'clockDrift') told.add(fact['node']);
    },
  });
  await cell.ready();
  const node = cell.nodeIds.find((id) => id !== cell.leads());
  assert.ok(node);
  cell.faults(node).clock.setRate(rate);
  await cell.world.advance(240_000);
  return { node, told: [...told] };
}

const drift = suite('a clock');

for (const rate of [1 + 2 * CLOCK_RATE_ERROR, 1 - 2 * CLOCK_RATE_ERROR]) {
  drift(`of rate ${rate} is told of`, async () => {
    const { node, told } = await toldWith(rate);
    assert.equal(told, [node]);
  });
}

drift('of rate 1.002, as NTP slews it, is nobody’s matter', async () => {
  assert.equal((await toldWith(1.002)).told, []);
});

drift.run();
