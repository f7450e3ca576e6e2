import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FACTS_KEPT, VirtualWorld } from '../../support/virtual-world.ts';

const world = suite('a world in virtual time');

world('runs what falls due in order, and of one instant the oldest first', async () => {
  const virtual = new VirtualWorld(1);
  const ran: string[] = [];
  for (const [name, delayMs] of [['c', 30], ['a', 10], ['d', 30], ['b', 20], ['later', 31]] as const) virtual.timers.after(delayMs, () => void ran.push(name));
  virtual.timers.after(15, () => void ran.push('cancelled')).cancel();
  virtual.timers.after(10, () => {
    virtual.timers.after(0, () => void ran.push('at once'));
  });
  await virtual.advance(30);
  assert.equal(ran, ['a', 'at once', 'b', 'c', 'd']);
  assert.is(virtual.clock.nowMs(), 30);
});

world('keeps the order of many timers', async () => {
  const virtual = new VirtualWorld(2);
  const ran: number[] = [];
  for (let count = 0; count < 2_000; count += 1) {
    const delayMs = Math.floor(virtual.chance.next() * 100);
    const timer = virtual.timers.after(delayMs, () => void ran.push(delayMs));
    if (virtual.chance.next() < 0.3) timer.cancel();
  }
  await virtual.advance(100);
  assert.equal(ran, ran.toSorted((left, right) => left - right));
  assert.ok(ran.length > 1_000);
});

world('drops the timers that were cancelled, and keeps the order of the others', async () => {
  const virtual = new VirtualWorld(3);
  const ran: number[] = [];
  const deadlines: { cancel(): void }[] = [];
  for (let count = 0; count < 3_000; count += 1) {
    virtual.timers.after(Math.floor(count / 3), () => void ran.push(count));
    deadlines.push(virtual.timers.after(5_000 + (count % 7), () => void ran.push(-1)));
    if (count % 5 === 0) await virtual.advance(1);
    // Again, and after it fired: neither counts.
    for (const timer of deadlines.splice(0)) for (const _ of [1, 2]) timer.cancel();
  }
  await virtual.advance(10_000);
  assert.equal(ran.toSorted((left, right) => left - right), Array.from({ length: 3_000 }, (_, at) => at));
});

world('stops when something waits for nothing in a circle', async () => {
  const virtual = new VirtualWorld(1);
  const again = (): void => void virtual.timers.after(0, again);
  again();
  let thrown: unknown = null;
  try {
    await virtual.advance(1);
  } catch (error) {
    thrown = error;
  }
  assert.match(String(thrown), /time does not move/);
});

world('tells every fact once, and remembers the newest only', () => {
  const virtual = new VirtualWorld(1);
  let told = 0;
  const heard = (fact: { readonly event: string }): void => {
    if (fact.event === `fact ${told}`) told += 1;
  };
  virtual.onFact(heard);
  const count = 5 * FACTS_KEPT + 7;
  let mostKept = 0;
  for (let at = 0; at < count; at += 1) {
    virtual.log.write({ event: `fact ${at}` });
    mostKept = Math.max(mostKept, virtual.facts.length);
  }
  assert.is(told, count);
  assert.is(virtual.facts.at(-1)?.event, `fact ${count - 1}`);
  assert.is(virtual.facts.at(-FACTS_KEPT)?.event, `fact ${count - FACTS_KEPT}`);
  assert.ok(mostKept < 2 * FACTS_KEPT, `${mostKept} kept`);
});

world.run();
