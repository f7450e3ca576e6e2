import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { seededChance } from '../../../../shared/random.ts';
import { describeCalls, judge } from '../../../sim/checkers/linearizable.ts';
import type { Call, Specification } from '../../../sim/checkers/linearizable.ts';

type Input = { readonly write: number } | 'read';
type Output = number | 'done';

/** A box that holds one number. */
const BOX: Specification<number, Input, Output> = {
  initial: 0,
  step: (state, input, output) => {
    if (input === 'read') return output === null || output === state ? state : null;
    return input.write;
  },
  nameOf: String,
};

/** Calls by where they begin and end; `?` as output stands for no answer. */
function history(...calls: readonly (readonly [calledAt: number, returnedAt: number, input: Input, output: Output | '?'])[]): readonly Call<Input, Output>[] {
  return calls.map(([calledAt, returnedAt, input, output], at) => ({
    key: 'x', who: `client ${at}`, input, output: output === '?' ? null : output, calledAt, returnedAt: output === '?' ? Infinity : returnedAt,
  }));
}

const linearizable = suite('a history');

const CASES: readonly (readonly [string, readonly Call<Input, Output>[], 'linearizable' | 'violated'])[] = [
  ['of nothing', [], 'linearizable'],
  ['of a read of what was there', history([1, 2, 'read', 0]), 'linearizable'],
  ['of a read of what nobody wrote', history([1, 2, 'read', 7]), 'violated'],
  ['of a read after the write', history([1, 2, { write: 1 }, 'done'], [3, 4, 'read', 1]), 'linearizable'],
  ['of a stale read', history([1, 2, { write: 1 }, 'done'], [3, 4, 'read', 0]), 'violated'],
  ['of a read during the write, before its effect', history([1, 4, { write: 1 }, 'done'], [2, 3, 'read', 0]), 'linearizable'],
  ['of a read during the write, after its effect', history([1, 4, { write: 1 }, 'done'], [2, 3, 'read', 1]), 'linearizable'],
  ['of reads that go back', history([1, 9, { write: 1 }, 'done'], [2, 3, 'read', 1], [4, 5, 'read', 0]), 'violated'],
  ['of two writes at once, seen in one order', history([1, 9, { write: 1 }, 'done'], [2, 8, { write: 2 }, 'done'], [3, 4, 'read', 1], [5, 6, 'read', 2]), 'linearizable'],
  ['of two writes at once, seen in two orders', history([1, 9, { write: 1 }, 'done'], [2, 8, { write: 2 }, 'done'], [3, 4, 'read', 1], [5, 6, 'read', 2], [10, 11, 'read', 1]), 'violated'],
  ['of a write without an answer that had its effect late', history([1, 0, { write: 1 }, '?'], [2, 3, 'read', 0], [4, 5, 'read', 1]), 'linearizable'],
  ['of a write without an answer that never had its effect', history([1, 0, { write: 1 }, '?'], [2, 3, 'read', 0], [4, 5, 'read', 0]), 'linearizable'],
  ['of a write without an answer that had its effect twice', history([1, 0, { write: 1 }, '?'], [2, 3, 'read', 1], [4, 5, { write: 2 }, 'done'], [6, 7, 'read', 1]), 'violated'],
  ['of a write that was seen before it was made', history([1, 2, 'read', 1], [3, 4, { write: 1 }, 'done']), 'violated'],
];

for (const [what, calls, verdict] of CASES) {
  linearizable(`${what} is ${verdict === 'violated' ? 'found to have no order' : 'found in order'}`, () => {
    assert.is(judge(calls, BOX).kind, verdict);
  });
}

/** Tries every order: a call may come when nobody who waits to come was answered before it was made. */
function triesAll(calls: readonly Call<Input, Output>[], state: number): boolean {
  if (calls.every(({ output }) => output === null)) return true;
  const firstAnswer = Math.min(...calls.map(({ returnedAt }) => returnedAt));
  return calls.some((call, at) => {
    if (call.calledAt > firstAnswer) return false;
    const next = BOX.step(state, call.input, call.output);
    return next !== null && triesAll(calls.toSpliced(at, 1), next);
  });
}

function randomHistory(seed: number): readonly Call<Input, Output>[] {
  const chance = seededChance(seed);
  const count = 2 + Math.floor(chance.next() * 5);
  const places = Array.from({ length: count * 2 }, (_, at) => at).toSorted(() => chance.next() - 0.5);
  const parts = Array.from({ length: count }, (_, at): readonly [number, number, Input, Output | '?'] => {
    const [one = 0, other = 0] = places.slice(at * 2, at * 2 + 2);
    const isWrite = chance.next() < 0.5;
    const value = Math.floor(chance.next() * 3);
    const output = chance.next() < 0.2 ? '?' : isWrite ? 'done' : value;
    return [Math.min(one, other), Math.max(one, other), isWrite ? { write: value } : 'read', output];
  });
  return history(...parts);
}

linearizable('is judged as by trying every order', () => {
  const seen = { linearizable: 0, violated: 0, undecided: 0 };
  for (let seed = 1; seed <= 3_000; seed += 1) {
    const calls = randomHistory(seed);
    const { kind } = judge(calls, BOX);
    assert.is(kind, triesAll(calls, 0) ? 'linearizable' : 'violated', `seed ${seed}\n${describeCalls(calls)}`);
    seen[kind] += 1;
  }
  assert.ok(seen.linearizable > 500 && seen.violated > 500, JSON.stringify(seen));
});

linearizable('of several keys is judged key by key', () => {
  const fine = history([1, 2, { write: 1 }, 'done'], [7, 8, 'read', 1]);
  const stale = history([3, 4, { write: 1 }, 'done'], [5, 6, 'read', 0]).map((call) => ({ ...call, key: 'y' }));
  const verdict = judge([...fine, ...stale], BOX);
  assert.is(verdict.kind === 'violated' && verdict.key, 'y');
});

linearizable('without an order is cut down to its first impossible answer', () => {
  const verdict = judge(history([1, 2, { write: 1 }, 'done'], [3, 4, 'read', 0], [5, 6, 'read', 1], [7, 20, { write: 5 }, 'done'], [8, 9, 'read', 9]), BOX);
  assert.is(verdict.kind, 'violated');
  const calls = verdict.kind === 'violated' ? verdict.calls : [];
  assert.equal(calls.map(({ who }) => who), ['client 0', 'client 1']);
  assert.match(describeCalls(calls), /client 1: "read" => 0/u);
});

linearizable('that would take too long to judge is not judged', () => {
  const calls = history(...Array.from({ length: 16 }, (_, at): readonly [number, number, Input, Output] => [at, 100 + at, { write: at + 1 }, 'done']), [200, 201, 'read', 99]);
  assert.is(judge(calls, BOX, 1_000).kind, 'undecided');
});

linearizable('of many calls is judged in a time that grows with their number alone', () => {
  const chance = seededChance(5);
  const calls: Call<Input, Output>[] = [];
  let value = 0;
  for (let at = 0; at < 20_000; at += 1) {
    const isWrite = chance.next() < 0.4;
    if (isWrite) value = at;
    // Each has its effect at 10 * at, is made up to 50 before and answered up to 50 after.
    const [calledAt, returnedAt] = [10 * at - chance.next() * 50, 10 * at + chance.next() * 50];
    calls.push({ key: 'x', who: `client ${at}`, input: isWrite ? { write: at } : 'read', output: isWrite ? 'done' : value, calledAt, returnedAt });
  }
  assert.is(judge(calls, BOX).kind, 'linearizable');
});

linearizable.run();
