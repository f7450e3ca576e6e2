import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Turns } from '../../../shared/turns.ts';

const turns = suite('taking turns');

/** Lets everything run that can. */
const settle = async (): Promise<void> => await new Promise((resolve) => void setImmediate(resolve));

turns('lets so many work at once, and the others in the order in which they came', async () => {
  const two = new Turns(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const all = [0, 1, 2, 3, 4].map(async (number) => await two.take(async () => {
    begun.push(number);
    await new Promise<void>((resolve) => void (ends[number] = resolve));
    return number;
  }));
  await settle();
  assert.equal(begun, [0, 1]);
  ends[1]?.();
  await settle();
  assert.equal(begun, [0, 1, 2]);
  ends[0]?.();
  ends[2]?.();
  await settle();
  assert.equal(begun, [0, 1, 2, 3, 4]);
  ends[3]?.();
  ends[4]?.();
  assert.equal(await Promise.all(all), [0, 1, 2, 3, 4]);
});

turns('passes the place on when somebody fails', async () => {
  const one = new Turns(1);
  const failing = one.take(async () => await Promise.reject(new Error('no space')));
  const next = one.take(async () => await Promise.resolve('done'));
  assert.is(await failing.catch((error: unknown) => (error as Error).message), 'no space');
  assert.is(await next, 'done');
  assert.is(await one.take(async () => await Promise.resolve('again')), 'again');
});

turns.run();
