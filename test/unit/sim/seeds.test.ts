// deadline: 300 s
/** Do the simulator's cells keep their promises, for a few seeds of every run of the tests? A failure prints what replays it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runSeed } from '../../sim/run-seed.ts';

/** Those that once found something, and some more. */
const SEEDS = [8, 11, 23, 45, 64, 79, 125];
const HOURS = 0.03;

const seeds = suite('a simulated cell');

for (const seed of SEEDS) {
  seeds(`keeps its promises and comes back, seed ${seed}`, async () => {
    const { failures, tail } = await runSeed({ seed, hours: HOURS });
    assert.equal(failures, [], `${failures.join('\n')}\nnpm run sim -- --seed ${seed} --hours ${HOURS}\n${tail}`);
  });
}

seeds('of twelve nodes does so, too', async () => {
  const { failures, tail } = await runSeed({ seed: 12, nodes: 12, hours: 0.02 });
  assert.equal(failures, [], `${failures.join('\n')}\nnpm run sim -- --seed 12 --nodes 12 --hours 0.02\n${tail}`);
});

seeds.run();
