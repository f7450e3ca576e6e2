import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RaftLog } from '../../../../../shared/ledger/raft/log.ts';
import { jsonSizeBytes } from '../../../../../shared/ledger/raft/size.ts';
import { RAFT_VERSION } from '../../../../../shared/ledger/raft/types.ts';
import type { ConfState, Entry } from '../../../../../shared/ledger/raft/types.ts';

const log = suite('a raft log');
const conf = (...voters: string[]): ConfState => ({ voters, learners: [], witnesses: [] });

/** Entries with these terms, from `first` on. */
const entries = (terms: readonly number[], first = 1): Entry[] =>
  terms.map((term, at) => ({ version: RAFT_VERSION, index: first + at, term, kind: 'command', data: `${term}` }));
const change = (index: number, term: number, ...voters: string[]): Entry => ({
  version: RAFT_VERSION,
  index,
  term,
  kind: 'confChange',
  data: { change: { kind: 'remove', id: 'x' }, conf: conf(...voters) },
});
const make = (...terms: number[]): RaftLog => new RaftLog(null, conf('a'), entries(terms), () => 10);
const terms = (made: RaftLog): number[] =>
  made.slice(made.firstIndex, made.lastIndex, Infinity).map((entry) => entry.term);

for (const [had, got, first, has, stable] of [
  [[1, 1], [1, 1], 1, [1, 1], 2],
  [[1, 1], [1], 1, [1, 1], 2],
  [[1, 1], [1, 2], 2, [1, 1, 2], 2],
  [[1, 1, 1], [2], 2, [1, 2], 1],
  [[1, 1, 1], [1, 2, 2], 2, [1, 1, 2, 2], 2],
  [[], [3], 1, [3], 0],
] as const) {
  log(`of terms ${had.join()} that is given ${got.join()} from ${first} on has ${has.join()}`, () => {
    const made = make(...had);
    made.merge(entries(got, first));
    assert.equal(terms(made), [...has]);
    assert.is(made.stable, stable);
    assert.equal(
      made.unstableEntries().map((entry) => entry.index),
      has.map((_, at) => at + 1).filter((index) => index > stable),
    );
  });
}

log('never replaces a committed entry, nor commits what it does not have', () => {
  const made = make(1, 1, 1);
  made.commitTo(2);
  assert.throws(() => made.merge(entries([2], 2)), /committed/);
  assert.throws(() => made.commitTo(4), /entries were lost/);
  made.commitTo(1);
  assert.is(made.committed, 2, 'commit does not fall');
});

log('takes no entry out of order', () => {
  assert.throws(() => make(1).merge(entries([1], 3)), /cannot follow/);
  assert.throws(() => make(2, 1), /cannot follow/);
});

for (const [lastIndex, lastTerm, isUpToDate] of [
  [2, 2, true],
  [3, 2, true],
  [1, 2, false],
  [9, 1, false],
  [1, 3, true],
] as const) {
  log(`calls one that ends with ${lastIndex} of term ${lastTerm} ${isUpToDate ? '' : 'not '}up to date`, () => {
    assert.is(make(1, 2).isUpToDate(lastIndex, lastTerm), isUpToDate);
  });
}

log('does not believe a save that was overtaken', () => {
  const made = make(1);
  made.merge(entries([2, 2], 2));
  made.merge(entries([3], 2));
  made.stableTo(3, 2);
  assert.is(made.stable, 1);
  made.stableTo(2, 3);
  assert.is(made.stable, 2);
});

log('finds where two logs may meet', () => {
  const made = make(1, 3, 3, 5);
  assert.equal(made.meetingPoint(9, 4), { index: 3, term: 3 });
  assert.equal(made.meetingPoint(2, 9), { index: 2, term: 3 });
  assert.equal(made.meetingPoint(4, 0), { index: 0, term: 0 });
});

log('cuts what it hands out by size, but never to nothing', () => {
  const made = make(1, 1, 1, 1);
  assert.is(made.slice(1, 4, 25).length, 2);
  assert.is(made.slice(1, 4, 1).length, 1);
  assert.is(made.slice(5, 9, 100).length, 0);
  assert.throws(() => make(1).slice(0, 1, 1), /compacted/);
});

log('hands each committed entry out once', () => {
  const made = make(1, 1, 1);
  made.commitTo(2);
  assert.is(made.takeCommitted(Infinity).length, 2);
  assert.is(made.takeCommitted(Infinity).length, 0);
  made.commitTo(3);
  assert.equal(
    made.takeCommitted(Infinity).map((entry) => entry.index),
    [3],
  );
});

log('takes a configuration back with the entry that brought it', () => {
  const made = make(1);
  made.merge([change(2, 1, 'a', 'b')]);
  assert.equal(made.conf, conf('a', 'b'));
  assert.equal(made.confAt(1), conf('a'));
  made.merge(entries([2], 2));
  assert.equal(made.conf, conf('a'));
});

log('knows the configuration at its base after compaction', () => {
  const made = make(1);
  made.merge([change(2, 1, 'a', 'b'), change(3, 1, 'b'), ...entries([1, 1], 4)]);
  made.stableTo(5, 1);
  made.commitTo(5);
  made.appliedTo(5);
  made.compact({ index: 5, term: 1, conf: made.confAt(5), data: null }, 1);
  assert.is(made.firstIndex, 5);
  assert.is(made.term(4), 1);
  assert.is(made.term(3), undefined);
  assert.equal(made.confAt(4), conf('b'));
});

log('begins anew with a snapshot', () => {
  const made = make(1, 1);
  const snapshot = { index: 7, term: 3, conf: conf('z'), data: 's' };
  made.restore(snapshot);
  assert.equal([made.firstIndex, made.lastIndex, made.lastTerm, made.committed], [8, 7, 3, 7]);
  assert.equal(made.conf, conf('z'));
  assert.equal(made.takeCommitted(Infinity), []);
  made.snapshotInstalled(snapshot);
  assert.is(made.applied, 7);
  assert.is(made.pendingSnapshot, null);
});

log('estimates sizes near those of JSON', () => {
  for (const value of [null, 'text', 12345678, { a: [1, 2, { b: 'c'.repeat(500) }], d: true }, Array(50).fill('xy')]) {
    const exact = JSON.stringify(value).length;
    const estimate = jsonSizeBytes(value);
    assert.ok(estimate >= exact * 0.8 && estimate <= exact * 2 + 32, `${estimate} for ${exact}`);
  }
});

log.run();
