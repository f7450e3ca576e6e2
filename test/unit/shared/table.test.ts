import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { seededChance } from '../../../shared/random.ts';
import { Table } from '../../../shared/table.ts';

const tables = suite('a table');

tables('never changes under those who have it', () => {
  const empty = Table.empty<string, number>();
  const one = empty.set('a', 1);
  const two = one.set('a', 2).set('b', 3);
  assert.equal([empty.size, one.size, two.size], [0, 1, 2]);
  assert.equal([empty.get('a'), one.get('a'), two.get('a')], [undefined, 1, 2]);
  assert.equal([two.delete('a').get('a'), two.get('a')], [undefined, 2]);
  assert.is(two.delete('z'), two);
});

tables('holds what a map holds, after any history', () => {
  const chance = seededChance(11);
  let table = Table.empty<string, number>();
  const map = new Map<string, number>();
  for (let step = 0; step < 5000; step += 1) {
    const key = `key-${Math.floor(chance.next() * 700)}`;
    if (chance.next() < 0.4) {
      table = table.delete(key);
      map.delete(key);
    } else {
      table = table.set(key, step);
      map.set(key, step);
    }
    assert.is(table.size, map.size);
  }
  for (const [key, value] of map) assert.ok(table.has(key) && table.get(key) === value);
  assert.equal([...table.keys()].toSorted(), [...map.keys()].toSorted());
  assert.equal(new Map(table.entries()), map);
  assert.is([...table.values()].length, map.size);
});

tables('that is built from its entries is walked in the same order', () => {
  let table = Table.empty<string, number>();
  for (let at = 0; at < 2000; at += 1) table = table.set(`k${(at * 7919) % 997}`, at);
  for (let at = 0; at < 500; at += 1) table = table.delete(`k${at}`).set(`k${(at * 31) % 500}`, at);
  const again = Table.from(table.entries());
  assert.equal([...again.entries()], [...table.entries()]);
  assert.equal([...again.set('k3', -1).delete('k700').set('k700', 1).keys()], [...table.set('k3', -1).delete('k700').set('k700', 1).keys()]);
});

tables('takes the last of two entries with one key, and counts it once', () => {
  const table = Table.from([['a', 1], ['a', 2]] as const);
  assert.is(table.size, 1);
  assert.is(table.get('a'), 2);
});

tables.run();
