// deadline: 240 s
/**
 * Does the weather of fencer-weather.test.ts find the faults that it is there for?
 *
 * Two more are too rare for so few seeds, and have their tables: a grant by a round that began before the renewal came
 * (lease-grantor.test.ts), and a proof proposed in a later term than it was made in (refused by the ledger as well).
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { join } from 'node:path';
import { MUTATIONS, seedsUntilFound } from './lease-mutations.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const SEEDS_MAX = 250;
const RUN_MS = 60_000;

const weather = suite('bad weather');

for (const mutation of MUTATIONS) {
  weather(`finds that ${mutation.name}`, async () => {
    assert.is.not(await seedsUntilFound(ROOT, mutation, SEEDS_MAX, RUN_MS), null, `not within ${SEEDS_MAX} seeds`);
  });
}

weather.run();
