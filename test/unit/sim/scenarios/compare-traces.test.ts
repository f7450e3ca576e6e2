import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareTraces, printDifference } from '../../../sim/scenarios/compare-traces.ts';
import type { PlacedLine } from '../../../sim/scenarios/compare-traces.ts';

const line = (atMs: number, text: string): PlacedLine => ({ atMs, text, command: 0 });
const FENCED = 'ledger: A is fenced (leaseExpired)';
const RUNS = 'ledger: web runs on B';

function differences(expected: readonly PlacedLine[], actual: readonly PlacedLine[], toleranceMs: number | null = null): readonly string[] {
  const { missing, added } = compareTraces(expected, actual, toleranceMs);
  return [...missing.map(({ text }) => `- ${text}`), ...added.map(({ text }) => `! ${text}`)];
}

const traces = suite('two traces');

for (const [what, expected, actual, toleranceMs, shall] of [
  ['are the same if only close facts changed places', [line(1_000, 'a'), line(1_050, 'b')], [line(1_000, 'b'), line(1_050, 'a')], null, []],
  ['differ by a fact that is missing', [line(0, FENCED), line(1, RUNS)], [line(0, FENCED)], null, [`- ${RUNS}`]],
  ['differ by a fact that nobody expected', [line(0, FENCED)], [line(0, FENCED), line(1, RUNS)], null, [`! ${RUNS}`]],
  ['differ by a fact that came once more', [line(0, RUNS)], [line(0, RUNS), line(5, RUNS)], null, [`! ${RUNS}`]],
  ['differ by a proof that came a third of a second early', [line(8_800, FENCED)], [line(8_467, FENCED)], null, [`- ${FENCED}`, `! ${FENCED}`]],
  ['are the same where an election moved the proof', [line(8_800, FENCED)], [line(8_467, FENCED)], 600, []],
  ['are the same where a look came a second later', [line(8_800, RUNS)], [line(9_800, RUNS)], null, []],
  ['differ where that took two seconds', [line(8_800, RUNS)], [line(10_800, RUNS)], null, [`- ${RUNS}`, `! ${RUNS}`]],
] as const) {
  traces(what, () => {
    assert.equal(differences(expected, actual, toleranceMs), shall);
  });
}

traces('are shown by time, with what was expected and what happened', () => {
  const { missing, added } = compareTraces([line(10_000, RUNS)], [line(9_000, FENCED)], null);
  assert.is(printDifference({ missing, added }, 1_000), `  ! +  8.0  ${FENCED}\n  - +  9.0  ${RUNS}`);
});

traces.run();
