/** Do results add up, and does the coverage table show what is missing? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Coverage, coverageTable } from '../../sim/coverage.ts';
import { FAULT_KINDS } from '../../sim/kinds.ts';
import { PHASES } from '../../sim/coverage.ts';
import { parseResult, ResultSum } from '../../sim/results.ts';
import type { SeedResult } from '../../sim/results.ts';

const result = (seed: number, change: Partial<SeedResult> = {}): SeedResult => ({
  seed, nodes: 3, profile: 'standard', virtualMs: 3_600_000, coreMs: 1_000, strikes: 5, hash: 'h', failures: [], replay: `npm run sim -- --seed ${seed}`, commit: 'abc', coverage: { reset: { calm: 2, all: 3 } }, ...change,
});

const results = suite('results');

results('add up by seeds, nodes and commits', () => {
  const sum = new ResultSum();
  for (const one of [result(1), result(2, { nodes: 5, commit: 'def' }), result(3)]) sum.add(parseResult(JSON.stringify(one)));
  assert.is(sum.seeds, 3);
  assert.is(sum.coverage.of('reset', 'calm'), 6);
  const text = sum.describe(7);
  assert.match(text, /3 seeds, 3\.00 virtual hours in 3\.0 s of a core \(3600 times real time\), 15 faults and requests, 0 failed/);
  assert.match(text, /3 nodes: 2 seeds, 2\.0 virtual hours/);
  assert.match(text, /abc \(2\), def \(1\)/);
});

results('count a run once, however often it is read', () => {
  const sum = new ResultSum();
  for (const one of [result(1), result(1), result(1, { commit: 'def' })]) sum.add(one);
  assert.is(sum.seeds, 2);
});

results('show each failure with its command', () => {
  const sum = new ResultSum();
  sum.add(result(8, { failures: ['S2 lost', 'more'] }));
  assert.match(sum.describe(1), /FAILED on abc: npm run sim -- --seed 8\n {2}S2 lost/);
});

results('are refused when they are none', () => {
  assert.throws(() => parseResult('{"seed":1}'), /no result/);
  assert.throws(() => parseResult('{'));
});

results('mark each pair of fault and phase that was met too rarely', () => {
  const coverage = new Coverage();
  for (let count = 0; count < 3; count += 1) coverage.met('reset', ['calm', 'electing']);
  assert.is(coverage.below(3).length, FAULT_KINDS.length * PHASES.length - 2 - (PHASES.length - 1), 'a failed disk meets calm only');
  assert.ok(!coverage.below(3).some((pair) => pair.startsWith('reset x calm')));
  assert.ok(coverage.below(4).includes('reset x calm (3)'));
  assert.match(coverageTable(coverage, 4), /^reset +3 +0! +3! +3! /m);
});

results.run();
