import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { seededChance } from '../../../shared/random.ts';
import { wireCopy } from '../../support/wire-copy.ts';

const copies = suite('a copy of what is sent');

const jsonOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const VALUES: readonly unknown[] = [
  null, true, 'text', 0, -0, 1.5, Number.NaN, Infinity, [], {}, [undefined, () => 1, Number.NaN, [null]], { a: undefined, b: () => 1, c: null, d: { e: [1, { f: 'g' }] } },
  new Date(0), new Map([[1, 2]]), new Set([1]), Uint8Array.from([1, 2]), { at: new Date(5), list: [new Map()] }, Object.create({ inherited: 1 }), { '': '', '2': 'two', '1': 'one' },
];

copies('is what JSON leaves of it', () => {
  for (const value of VALUES) {
    assert.equal(wireCopy(value), jsonOf(value));
    assert.is(JSON.stringify(wireCopy(value)), JSON.stringify(value));
  }
  assert.is(wireCopy(undefined), undefined);
  assert.throws(() => wireCopy({ big: 1n }), /bigint/);
});

copies('of whatever there is, at random', () => {
  const chance = seededChance(7);
  const draw = (depth: number): unknown => {
    const kind = Math.floor(chance.next() * (depth > 3 ? 8 : 10));
    if (kind < 8) return [null, undefined, true, 'x', chance.next(), -1, Number.NaN, ''][kind];
    const items = Array.from({ length: Math.floor(chance.next() * 5) }, () => draw(depth + 1));
    return kind === 8 ? items : Object.fromEntries(items.map((item, at) => [`key${at}`, item]));
  };
  for (let round = 0; round < 500; round += 1) {
    const value = [draw(0)];
    assert.is(JSON.stringify(wireCopy(value)), JSON.stringify(value));
  }
});

copies('shares nothing with it, and cannot be changed', () => {
  const value = { list: [{ a: 1 }] };
  const copy = wireCopy(value) as typeof value;
  (value.list[0] as { a: number }).a = 2;
  assert.equal(copy, { list: [{ a: 1 }] });
  assert.throws(() => copy.list.push({ a: 3 }));
  assert.throws(() => {
    (copy.list[0] as { a: number }).a = 3;
  });
});

copies('is not copied again', () => {
  const copy = wireCopy({ list: [{ a: 1 }] }) as { readonly list: readonly unknown[] };
  assert.is(wireCopy(copy), copy);
  assert.is((wireCopy({ entries: copy.list }) as { readonly entries: unknown }).entries, copy.list);
});

copies.run();
