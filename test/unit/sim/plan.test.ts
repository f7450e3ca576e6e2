/** Is the weather of a seed always the same, and never outside of what the fences assume? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FAULT_KINDS, isWork, ruleOf } from '../../sim/kinds.ts';
import { eventCount, planSeed } from '../../sim/plan.ts';
import type { SimPlan } from '../../sim/plan.ts';

const WISHES = { nodes: null, profile: null, hours: 0.2 };
const plans = Array.from({ length: 400 }, (_, seed) => planSeed(seed, WISHES));
const kindsOf = (plan: SimPlan): ReadonlySet<string> => new Set(plan.rounds.flatMap(({ events }) => events.map(({ kind }) => kind)));

const plan = suite("a seed's plan");

plan('is the same each time, and another for another seed', () => {
  assert.equal(planSeed(5, WISHES), planSeed(5, WISHES));
  assert.not.equal(planSeed(5, WISHES).rounds, planSeed(6, WISHES).rounds);
});

plan('survives being written and read', () => {
  const one = planSeed(9, WISHES);
  assert.equal(JSON.parse(JSON.stringify(one)), one);
});

plan('has each kind in some seeds and not in others', () => {
  for (const kind of FAULT_KINDS) {
    const count = plans.filter((each) => kindsOf(each).has(kind)).length;
    assert.ok(count > 0 && count < plans.length / 2, `${kind} is in ${count} of ${plans.length} plans`);
  }
});

plan('is mild for one seed of four, and then has only users and guests', () => {
  const mild = plans.filter(({ isMild }) => isMild);
  assert.ok(mild.length > 60 && mild.length < 140, `${mild.length}`);
  for (const each of mild) for (const { events, network } of each.rounds) {
    assert.ok(events.every(({ kind }) => isWork(kind)));
    assert.ok(network.lossShare <= 0.05, 'L8 allows so much loss');
  }
});

plan('never has a lying BMC beside what silences a living node, nor a dead watchdog beside what needs it', () => {
  for (const each of plans) {
    const rules = [...kindsOf(each)].map((kind) => ruleOf(kind as never));
    if (kindsOf(each).has('bmcLies')) {
      assert.not.ok(rules.some(({ silences }) => silences === true), `seed ${each.seed}`);
      assert.ok(each.rounds.every(({ network }) => network.lossShare === 0), `seed ${each.seed}`);
    }
    if (kindsOf(each).has('watchdogDead')) assert.not.ok(rules.some(({ needsWatchdog }) => needsWatchdog === true), `seed ${each.seed}`);
    if (!each.hasBmc) assert.not.ok(rules.some(({ needsBmc }) => needsBmc === true), `seed ${each.seed}`);
  }
});

plan('keeps its events within its storms, and in order', () => {
  for (const { rounds } of plans) for (const { events, stormMs } of rounds) {
    assert.ok(events.every(({ atMs }, at) => atMs > 0 && atMs < stormMs && atMs >= (events[at - 1]?.atMs ?? 0)));
    assert.ok(events.every(({ kind, forMs }) => forMs <= ruleOf(kind).longestMs + 50));
  }
});

plan('is as long as was wished', () => {
  const [short, long] = [planSeed(1, WISHES), planSeed(1, { ...WISHES, hours: 2 })];
  assert.ok(long.rounds.length > 4 * short.rounds.length && eventCount(long) > 2 * eventCount(short), `${long.rounds.length} rounds beside ${short.rounds.length}`);
  assert.is(planSeed(1, { nodes: 50, profile: 'fast', hours: 1 }).nodes, 50);
});

plan.run();
