/**
 * Do leases and fencing keep S8 to S10 whatever the weather? Replay a seed that fails: `runWeather(SEED, RUN_MS[, 'coups'])`.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runWeather } from './lease-weather.ts';

const RUN_MS = 60_000;
const SEEDS = 60;

const weather = suite('leases in bad weather');

weather('never let a boot be proven dead that runs, nor a watchdog be petted without a lease', async () => {
  const counts: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations, counts: of } = await runWeather(seed, RUN_MS);
    assert.equal(violations, [], `seed ${seed}`);
    for (const [what, times] of Object.entries(of)) counts[what] = (counts[what] ?? 0) + times;
  }
  // Calm weather proves nothing: each of these must have happened often.
  for (const what of ['proof leaseExpired', 'proof powerOffConfirmed', 'off by watchdog', 'off by its own reset', 'restart of keeper', 'restart of agent']) {
    assert.ok((counts[what] ?? 0) >= 10, `${what}: only ${counts[what] ?? 0} times`);
  }
  assert.ok((counts['elections'] ?? 0) >= SEEDS && (counts['grants'] ?? 0) >= 50 * SEEDS, JSON.stringify(counts));
});

weather('never let a boot be proven dead that runs, when leaders are replaced by few while nodes die', async () => {
  let coups = 0;
  let proofs = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations, counts } = await runWeather(seed, RUN_MS, 'coups');
    assert.equal(violations, [], `seed ${seed}`);
    coups += counts['coups'] ?? 0;
    proofs += counts['proof leaseExpired'] ?? 0;
  }
  assert.ok(coups >= SEEDS && proofs >= SEEDS / 2, `${coups} coups, ${proofs} proofs`);
});

weather.run();
