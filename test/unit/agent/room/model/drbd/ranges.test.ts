/**
 * Is a set of blocks kept as ranges the same as a set?
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BlockSet } from '../../../../../../agent/room/model/drbd/ranges.ts';
import { seededChance } from '../../../../../../shared/random.ts';

const ranges = suite('a set of blocks');

ranges('behaves as a plain set would, in any order of changes', () => {
  const chance = seededChance(4);
  const draw = (limit: number): number => Math.floor(chance.next() * limit);
  for (let round = 0; round < 60; round += 1) {
    const set = new BlockSet();
    const plain = new Set<number>();
    for (let step = 0; step < 60; step += 1) {
      const first = draw(100);
      const end = first + draw(12);
      const isAdd = draw(2) === 0;
      if (isAdd) set.add(first, end);
      else set.remove(first, end);
      for (let block = first; block < end; block += 1) {
        if (isAdd) plain.add(block);
        else plain.delete(block);
      }
      assert.is(set.count, plain.size);
    }
    for (let block = 0; block < 115; block += 1) assert.is(set.has(block), plain.has(block));
    const members = [...plain].toSorted((a, b) => a - b);
    assert.equal(set.ranges().flatMap(([first, end]) => Array.from({ length: end - first }, (_none, at) => first + at)), members);
    for (const [at, range] of set.ranges().entries()) assert.ok(at === 0 || (set.ranges()[at - 1]?.[1] ?? 0) < range[0], 'ranges are apart');
    for (const from of [0, 50, 99]) assert.is(set.next(from), members.find((block) => block >= from) ?? null);
    const taken = set.take(7).reduce((sum, [first, end]) => sum + (end - first), 0);
    assert.is(taken, Math.min(7, plain.size));
    assert.equal(new BlockSet(set.ranges()).ranges(), set.ranges());
  }
});

ranges('is changed by nothing that is empty', () => {
  const set = new BlockSet([[5, 10]]);
  set.add(3, 3);
  set.remove(7, 7);
  assert.equal(set.ranges(), [[5, 10]]);
  const copy = set.clone();
  copy.clear();
  assert.is(set.count, 5);
  assert.is(copy.count, 0);
});

ranges.run();
