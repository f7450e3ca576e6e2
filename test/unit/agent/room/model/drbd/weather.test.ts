/**
 * Does the in-sync protocol hold on the DRBD model in bad weather, and does the model lose data where the protocol is broken?
 *
 * Replays one seed: `runWeather(SEED, STEPS, FULL_DISCIPLINE)` prints its trace.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FULL_DISCIPLINE, runWeather } from './weather.ts';
import type { Discipline } from './weather.ts';

const SEEDS = 60;
const STEPS = 40;

/** The first seed in which an acknowledged write is lost, or null. */
async function firstLoss(discipline: Discipline): Promise<number | null> {
  for (let seed = 1; seed <= SEEDS; seed += 1) if ((await runWeather(seed, STEPS, discipline)).lost.length > 0) return seed;
  return null;
}

const weather = suite('the in-sync protocol on the DRBD model');

weather('loses no acknowledged write, splits no brain, and comes to rest in sync', async () => {
  let acked = 0;
  let takeovers = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const report = await runWeather(seed, STEPS, FULL_DISCIPLINE);
    const story = `seed ${seed}, ${STEPS} steps:\n${report.trace.join('\n')}`;
    assert.equal(report.lost, [], story);
    assert.is(report.splitBrains, 0, story);
    assert.is(report.twoWriters, 0, story);
    assert.ok(report.isCalmAtEnd, story);
    acked += report.acked;
    takeovers += report.takeovers;
  }
  assert.ok(acked > 3_000 && takeovers > 60, `too little happened: ${acked} writes, ${takeovers} takeovers`);
});

weather('is repeated exactly by the same seed', async () => {
  assert.equal(await runWeather(11, STEPS, FULL_DISCIPLINE), await runWeather(11, STEPS, FULL_DISCIPLINE));
});

weather('is found to lose a write with fencing dont-care', async () => {
  assert.is.not(await firstLoss({ ...FULL_DISCIPLINE, fencing: 'dont-care' }), null);
});

weather('is found to lose a write when the helper answers without the ledger', async () => {
  assert.is.not(await firstLoss({ ...FULL_DISCIPLINE, shrinksBeforeAck: false }), null);
});

weather('is found to lose a write when any replica is promoted', async () => {
  assert.is.not(await firstLoss({ ...FULL_DISCIPLINE, promotesInSyncOnly: false }), null);
});

weather.run();
