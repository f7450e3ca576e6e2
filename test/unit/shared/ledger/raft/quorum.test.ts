import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { changeConf, isConfState } from '../../../../../shared/ledger/raft/conf-change.ts';
import { majorityOf, majorityValue, tallyVotes } from '../../../../../shared/ledger/raft/quorum.ts';
import type { ConfChange, ConfState } from '../../../../../shared/ledger/raft/types.ts';

const quorum = suite('a quorum');

quorum('is more than half', () => {
  assert.equal([1, 2, 3, 4, 5].map(majorityOf), [1, 2, 2, 3, 3]);
});

for (const [values, reached] of [
  [[], 0],
  [[7], 7],
  [[7, 3], 3],
  [[7, 3, 5], 5],
  [[9, 9, 1, 1], 1],
  [[9, 9, 9, 1, 1], 9],
  [[100, 9], 9],
] as const) {
  quorum(`of ${JSON.stringify(values)} has reached ${reached}`, () => {
    assert.is(majorityValue(values), reached);
  });
}

for (const [voters, votes, outcome] of [
  ['', '', 'lost'],
  ['a', 'a+', 'won'],
  ['ab', 'a+', 'pending'],
  ['ab', 'a+ b-', 'lost'],
  ['abc', 'a+ b-', 'pending'],
  ['abc', 'a+ b- c-', 'lost'],
  ['abc', 'a+ x+ y+', 'pending'],
  ['abcd', 'a+ b+ c-', 'pending'],
  ['abcd', 'a+ b- c-', 'lost'],
] as const) {
  quorum(`of voters ${voters || 'none'} with votes ${votes || 'none'} is ${outcome}`, () => {
    const given = votes.split(' ').filter((vote) => vote !== '');
    const map = new Map(given.map((vote) => [vote.slice(0, 1), vote.endsWith('+')] as const));
    assert.is(tallyVotes(Array.from(voters), map), outcome);
  });
}

/** All sets of voters that make a majority. */
function majorities(voters: readonly string[]): string[][] {
  const subsets = Array.from({ length: 2 ** voters.length }, (_, bits) =>
    voters.filter((_voter, at) => (bits & (1 << at)) !== 0),
  );
  return subsets.filter((subset) => subset.length >= majorityOf(voters.length));
}

quorum('of every configuration shares a voter with every quorum of the next one', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const changes: ConfChange[] = ids.flatMap((id) => [
    { kind: 'addLearner', id, isWitness: id === 'a' },
    { kind: 'promote', id },
    { kind: 'demote', id },
    { kind: 'remove', id },
  ]);
  const first: ConfState = { voters: ['a'], learners: [], witnesses: [] };
  const seen = new Map([[JSON.stringify(first), first]]);
  for (const conf of seen.values()) {
    for (const change of changes) {
      const outcome = changeConf(conf, change, 4);
      if (outcome.kind === 'refused') continue;
      assert.ok(isConfState(outcome.conf), JSON.stringify(outcome.conf));
      assert.ok(outcome.conf.voters.length > 0);
      for (const before of majorities(conf.voters)) {
        for (const after of majorities(outcome.conf.voters)) {
          assert.ok(before.some((id) => after.includes(id)), `${before.join('')} and ${after.join('')}`);
        }
      }
      const sorted = {
        voters: outcome.conf.voters.toSorted(),
        learners: outcome.conf.learners.toSorted(),
        witnesses: outcome.conf.witnesses.toSorted(),
      };
      seen.set(JSON.stringify(sorted), sorted);
    }
  }
  assert.ok(seen.size > 100, `${seen.size} configurations`);
});

quorum.run();
