/**
 * Does the checker visit every state, once, and show the shortest way to a fault?
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { explore } from '../../models/explore.ts';
import type { Invariant, Model } from '../../models/explore.ts';

interface Jugs {
  readonly small: number;
  readonly large: number;
}

/** Two jugs of three and five litres, a tap and a drain. */
function jugs(invariants: readonly Invariant<Jugs>[]): Model<Jugs> {
  const pour = ({ small, large }: Jugs): Jugs => ({ small: Math.max(0, small - (5 - large)), large: Math.min(5, small + large) });
  const pourBack = ({ small, large }: Jugs): Jugs => ({ small: Math.min(3, small + large), large: Math.max(0, large - (3 - small)) });
  return {
    initial: [{ label: '', state: { small: 0, large: 0 } }],
    invariants,
    key: ({ small, large }) => `${small},${large}`,
    steps: (state) => [
      { label: 'fill small', state: { ...state, small: 3 } },
      { label: 'fill large', state: { ...state, large: 5 } },
      { label: 'empty small', state: { ...state, small: 0 } },
      { label: 'empty large', state: { ...state, large: 0 } },
      { label: 'pour', state: pour(state) },
      { label: 'pour back', state: pourBack(state) },
    ],
  };
}

const exploring = suite('exploring');

exploring('visits every state once', () => {
  // Of the 24 pairs those where neither jug is empty or full cannot be measured.
  assert.equal(explore(jugs([]), 1000), { states: 16, depth: 7, isExhausted: true, violation: null });
});

exploring('shows a shortest way to what must not be', () => {
  const { violation, isExhausted } = explore(jugs([{ name: 'never four', holds: ({ large }) => large !== 4 }]), 1000);
  assert.is(isExhausted, false);
  assert.equal(violation, { invariant: 'never four', trace: ['fill large', 'pour back', 'empty small', 'pour back', 'fill large', 'pour back'] });
});

exploring('looks at the first states, too, and names the one that a trace begins with', () => {
  const first = (label: string, large: number): { label: string; state: Jugs } => ({ label, state: { small: 0, large } });
  const none = jugs([{ name: 'never four', holds: ({ large }) => large !== 4 }]);
  assert.equal(explore({ ...none, initial: [first('empty', 0), first('given', 4)] }, 1000).violation?.trace, ['given']);
  assert.equal(explore({ ...none, initial: [first('given', 1)] }, 1000).violation?.trace[0], 'given');
});

exploring('says that it did not finish when it reached its bound', () => {
  assert.equal(explore(jugs([]), 10), { states: 10, depth: explore(jugs([]), 10).depth, isExhausted: false, violation: null });
});

exploring.run();
