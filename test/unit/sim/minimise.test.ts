/** Is a failing plan cut down to what makes it fail? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failureKind, minimise } from '../../sim/minimise.ts';
import { eventCount, planSeed } from '../../sim/plan.ts';
import type { SimEvent, SimPlan } from '../../sim/plan.ts';
import { FINE } from '../../support/virtual-mesh.ts';

const seed = 4;
const failing = planSeed(seed, { nodes: null, profile: null, hours: 0.5 });
const eventsOf = (plan: SimPlan): readonly SimEvent[] => plan.rounds.flatMap(({ events }) => events);
const culprits = [eventsOf(failing)[7], eventsOf(failing)[23]] as readonly SimEvent[];

/** Fails by construction, while both culprits are there, the second for at least a quarter of its time. */
const verdict = async (plan: SimPlan): Promise<string | null> => {
  await Promise.resolve();
  const [first, second] = culprits;
  const hasFirst = eventsOf(plan).some(({ pick }) => pick === first?.pick);
  const hasSecond = eventsOf(plan).some(({ pick, forMs }) => pick === second?.pick && forMs >= (second?.forMs ?? 0) / 4);
  return hasFirst && hasSecond ? 'S2 lost' : hasFirst ? 'another failure' : null;
};

const cut = suite('a failing plan');

cut('is cut down to the events that make it fail in the same way', async () => {
  assert.ok(eventCount(failing) > 30, `${eventCount(failing)}`);
  const { plan, runs } = await minimise(failing, verdict, 400);
  assert.equal(eventsOf(plan).map(({ pick }) => pick), culprits.map(({ pick }) => pick));
  assert.is(await verdict(plan), 'S2 lost');
  assert.ok(runs < 200, `${runs} runs`);
});

cut('has no round, quiet or bad weather left that it does not need', async () => {
  const { plan } = await minimise(failing, verdict, 400);
  assert.ok(plan.rounds.every(({ events, quietMs, network }) => events.length > 0 && quietMs === 0 && JSON.stringify(network) === JSON.stringify(FINE)));
  const [, second] = eventsOf(plan);
  assert.ok((second?.forMs ?? Infinity) <= Math.max(1, (culprits[1]?.forMs ?? 0) * 0.5 + 1));
});

cut('is never run more often than allowed', async () => {
  let count = 0;
  await minimise(failing, async (plan) => {
    count += 1;
    return await verdict(plan);
  }, 25);
  assert.is(count, 25);
});

cut('stays as it is when it does not fail', async () => {
  const { plan, runs } = await minimise(failing, () => Promise.resolve(null), 100);
  assert.is(plan, failing);
  assert.is(runs, 1);
});

cut('fails in the same way when only names and numbers differ', () => {
  const kind = failureKind(['S1 i-00b9236c576b42ebd runs on node-1 (boot dba8cd16-188b-424c-a998-f90f17fbe047); and more']);
  assert.is(kind, failureKind(['S1 i-d51c64e6693518186 runs on node-3 (boot 11111111-2222-4333-8444-555555555555)', 'another']));
  assert.not.equal(kind, failureKind(['S2 i-d51c64e6693518186 runs on node-3']));
  assert.not.equal(failureKind(['S10 something']), failureKind(['S11 something']));
  assert.is(failureKind([]), null);
});

cut.run();
