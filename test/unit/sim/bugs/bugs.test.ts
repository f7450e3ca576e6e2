// deadline: 600 s
/**
 * Is the simulator still as sharp as it was? The planted bugs that are found within a few seeds; `node test/sim/bugs/run.ts` hunts all of them.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isOf } from '../../../sim/bugs/hunt.ts';
import { bugNamed } from '../../../sim/bugs/list.ts';
import { describeHunt, huntBug } from '../../../sim/bugs/run.ts';

/** Some of each kind of checker, and of each arena: cheap ones, found at once. */
const QUICK = [
  'generation-not-kept', 'fencing-dont-care', 'forced-promotion', 'proof-before-wait', 'stop-reported-before-demotion', 'adoption-restarts', 'apply-remembers',
  'lease-from-receipt', 'two-votes-in-a-term', 'commit-of-an-older-term', 'absent-means-delete',
];

const hunt = suite('the hunt for planted bugs');

for (const name of QUICK) {
  hunt(`finds ${name}`, async () => {
    const found = await huntBug(bugNamed(name));
    assert.is.not(found.foundBy, null, describeHunt(found));
  });
}

hunt('takes only what the bug is said to break for a find', () => {
  const bug = bugNamed('proof-before-wait');
  assert.ok(isOf(bug, 'S9 boot b of node-1 was proven dead too early'));
  assert.not.ok(isOf(bug, 'S90 something'));
  assert.not.ok(isOf(bug, 'S2 a record is missing'));
  assert.not.ok(isOf(bug, 'not calm after 240000 ms'));
  assert.ok(isOf(bugNamed('stand-alone-left'), 'not calm after 240000 ms'));
});

hunt('says so when a bug is not found, and what was seen instead', async () => {
  const missed = await huntBug({ ...bugNamed('two-votes-in-a-term'), seeds: 1 }, { first: 1 });
  assert.is(missed.foundBy, null);
  assert.match(describeHunt(missed), /NOT FOUND in 1 /);
});

hunt.run();
