// deadline: 600 s
/**
 * Do the protocols hold in every state of their models, and is each of their rules needed?
 *
 * `npm run models -- --large` goes further, `--trace` shows how a rule that is left out is missed.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { faultOf, MODEL_RUNS } from '../../models/catalogue.ts';

const models = suite('the model of');

for (const run of MODEL_RUNS.filter(({ isLarge }) => !isLarge)) {
  models(`${run.name}${run.breaks === null ? ' holds in every state' : ' is found'}`, () => {
    assert.is(faultOf(run, run.run()), null);
  });
}

models('a run is at fault when anything else comes out than must', () => {
  const run = MODEL_RUNS[0];
  assert.ok(run !== undefined);
  const holds = { states: run.states ?? 0, depth: 1, isExhausted: true, violation: null };
  const broken = { ...holds, isExhausted: false, violation: { invariant: 'one runner (S1)', trace: ['pour'] } };
  assert.is(faultOf(run, holds), null);
  assert.match(faultOf(run, broken) ?? '', 'broke: one runner');
  assert.match(faultOf(run, { ...holds, isExhausted: false }) ?? '', 'not exhausted');
  assert.match(faultOf(run, { ...holds, states: 7 }) ?? '', '7 states, not');
  assert.is(faultOf({ ...run, breaks: 'one runner (S1)' }, broken), null);
  assert.match(faultOf({ ...run, breaks: 'no split brain (S5)' }, broken) ?? '', 'was broken, not');
  assert.match(faultOf({ ...run, breaks: 'no split brain (S5)' }, holds) ?? '', 'nothing was broken');
});

models.run();
