// deadline: 240 s
/** Does the weather of etcd-weather.test.ts find the faults that it is there for? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { join } from 'node:path';
import { MUTATIONS, seedsUntilFound } from './mutations.ts';

const ROOT = join(import.meta.dirname, '../../../../..');
const SEEDS_MAX = 60;

const weather = suite('bad weather over etcd');

for (const mutation of MUTATIONS) {
  weather(`finds that ${mutation.name}`, async () => {
    assert.is.not(await seedsUntilFound(ROOT, mutation, SEEDS_MAX), null, `not within ${SEEDS_MAX} seeds`);
  });
}

weather.run();
