// deadline: 120 s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runWeather } from './weather.ts';

const SEEDS = 25;
const weather = suite('a ledger in etcd in bad weather');

weather('keeps its promises, and goes on in calm', async () => {
  const sum = { committed: 0, terms: 0, confirmed: 0, snapshots: 0 };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { faults, ...counts } = await runWeather(seed);
    assert.equal(faults, [], `seed ${seed}`);
    sum.committed += counts.committed;
    sum.terms += counts.terms;
    sum.confirmed += counts.confirmed;
    sum.snapshots += counts.snapshots;
  }
  // Weather in which nothing happens proves nothing.
  assert.ok(sum.committed > 500 && sum.terms > 2 * SEEDS && sum.confirmed > 200 && sum.snapshots > 100, JSON.stringify(sum));
});

weather('comes out the same from the same seed', async () => {
  assert.equal(await runWeather(3), await runWeather(3));
});

weather.run();
