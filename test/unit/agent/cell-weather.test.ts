// deadline: 240 s
/** Whole cells in random weather, a few seeds of the simulator's for every run of the tests. A failure prints what replays it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runSeed } from '../../sim/run-seed.ts';

const weather = suite('a cell in random weather');

const SEEDS = [11, 13, 15, 39, 76, 125, 204, 1050];
const HOURS = 0.05;

for (const seed of SEEDS) {
  weather(`keeps its promises and comes back, seed ${seed}`, async () => {
    const { failures, tail } = await runSeed({ seed, hours: HOURS });
    assert.equal(failures, [], `${failures.join('\n')}\nnpm run sim -- --seed ${seed} --hours ${HOURS}\n${tail}`);
  });
}

weather.run();
