// deadline: 240 s
/** Whole cells in random weather. A failure names its seed: `runWeather(seed)` of test/support/virtual-weather.ts repeats it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runWeather } from '../../support/virtual-weather.ts';

const weather = suite('a cell in random weather');

/** Few, for every run of the tests; thousands were run with the same code, and those that found something have tests of their own. */
const SEEDS = [11, 13, 15, 39, 76, 125, 204, 1050, 1251, 2046];

for (const seed of SEEDS) {
  weather(`keeps its promises and comes back, seed ${seed}`, async () => {
    const { failures, plan, tail } = await runWeather(seed);
    assert.equal(failures, [], `${failures.join('\n')}\n${plan}\n${tail}`);
  });
}

weather('is the same again for the same seed', async () => {
  const [first, second] = [await runWeather(7), await runWeather(7)];
  assert.is(first.virtualMs, second.virtualMs);
  assert.equal([...first.counts], [...second.counts]);
});

weather.run();
