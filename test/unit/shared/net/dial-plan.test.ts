import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemberId } from '../../../../shared/ids.ts';
import { answerKnock, chooseTargets, dialsFirst, FALLBACK_DIAL_MS, FULL_MESH_MAX, REDIAL_MS_MAX, redialDelayMs } from '../../../../shared/net/dial-plan.ts';
import { memberId } from '../../../support/real-world.ts';

const plan = suite('dial plan');

const members = (count: number): MemberId[] => Array.from({ length: count }, (_, at) => memberId(at + 1));

plan('is a full mesh in small cells', () => {
  for (let count = 1; count <= FULL_MESH_MAX; count += 1) {
    for (const self of members(count)) assert.equal([...chooseTargets(self, members(count), [])], members(count).filter((member) => member !== self));
  }
});

plan('is symmetric, connected and sparse in large cells, and everybody knows the voters', () => {
  for (const count of [11, 12, 30, 101, 500]) {
    const all = members(count);
    const voters = all.slice(3, 8);
    const targets = new Map(all.map((member) => [member, chooseTargets(member, all, voters)]));
    for (const [member, chosen] of targets) {
      assert.not(chosen.has(member));
      for (const other of chosen) assert.ok(targets.get(other)?.has(member), `${member} and ${other} agree`);
      for (const voter of voters) assert.ok(voter === member || chosen.has(voter));
      if (!voters.includes(member)) assert.ok(chosen.size <= voters.length + 4, `${chosen.size} connections`);
    }
    // Without the voters it still holds together.
    const reached = new Set<MemberId>([all[0] ?? memberId(1)]);
    for (const member of reached) for (const other of chooseTargets(member, all, [])) reached.add(other);
    assert.is(reached.size, count);
  }
});

plan('does not depend on the order of members, nor on self being listed', () => {
  const all = members(40);
  const expected = [...chooseTargets(memberId(7), all, [])].toSorted();
  assert.equal([...chooseTargets(memberId(7), all.toReversed().filter((member) => member !== memberId(7)), [])].toSorted(), expected);
});

plan('ignores voters that are no members', () => {
  assert.not(chooseTargets(memberId(1), members(20), [memberId(99)]).has(memberId(99)));
});

plan('lets exactly one side dial first', () => {
  assert.is(dialsFirst(memberId(1), memberId(2)), true);
  assert.is(dialsFirst(memberId(2), memberId(1)), false);
});

plan('waits longer after each failure, with jitter and a bound, for ever', () => {
  for (const draw of [0, 0.5, 0.999]) {
    let before = 0;
    for (const failures of [1, 2, 3, 4, 5, 50, 1e6]) {
      const delayMs = redialDelayMs(true, failures, draw);
      assert.ok(delayMs >= before && delayMs <= REDIAL_MS_MAX * 1.5, `${delayMs} ms after ${failures}`);
      before = delayMs;
    }
    assert.ok(redialDelayMs(false, 0, draw) >= FALLBACK_DIAL_MS / 2, 'the second dialler leaves the first one time');
    assert.ok(redialDelayMs(false, 1, draw) >= FALLBACK_DIAL_MS / 2);
    assert.ok(redialDelayMs(true, 0, draw) < FALLBACK_DIAL_MS / 2);
  }
});

plan('answers a knock so that one connection stays', () => {
  const knock = { existingAgeMs: null, isDialing: false, failures: 0, isFirstDialler: true };
  assert.is(answerKnock(knock), 'admit');
  assert.is(answerKnock({ ...knock, isDialing: true }), 'refuse', 'ours is under way and goes first');
  assert.is(answerKnock({ ...knock, isDialing: true, failures: 1 }), 'admit', 'ours failed before');
  assert.is(answerKnock({ ...knock, isDialing: true, isFirstDialler: false }), 'admit');
  assert.is(answerKnock({ ...knock, existingAgeMs: 100 }), 'refuse', 'just connected');
  assert.is(answerKnock({ ...knock, existingAgeMs: 60_000 }), 'admitInstead', 'it has lost the one we still hold');
});

plan.run();
