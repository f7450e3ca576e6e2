// deadline: 240 s
/** Does the main job work as a new user would do it? With the real AWS client, and plugs that are pulled. */
import * as assert from 'uvu/assert';
import { fleetSuite } from './support/fleet-suite.ts';
import { AWS, until } from './support/playground.ts';
import type { Fleet } from './support/playground.ts';

interface Reservations {
  readonly Reservations: readonly { readonly Instances: readonly { readonly InstanceId: string; readonly State: { readonly Name: string } }[] }[];
}
const namesOf = (reply: unknown): readonly string[] => (reply as Reservations).Reservations.flatMap(({ Instances }) => Instances.map(({ InstanceId }) => InstanceId));

const { test, restart, run } = fleetSuite('a fleet of three', { nodes: 3 });
/** The instance that outlives the tests below. */
let kept = '';

test(`runs, filters, stops, starts and terminates instances for ${AWS}`, async (fleet) => {
  const images = (await fleet.aws('describe-images')) as { readonly Images: readonly { readonly ImageId: string }[] };
  const image = images.Images[0]?.ImageId ?? '';
  assert.match(image, /^ami-/);
  const [first, second] = await Promise.all(['one', 'two'].map(async (name) => {
    const reply = await fleet.aws('run-instances', '--image-id', image, '--instance-type', 't1.micro', '--tag-specifications', `ResourceType=instance,Tags=[{Key=Name,Value=${name}}]`);
    return namesOf({ Reservations: [reply] })[0] ?? '';
  }));
  assert.ok(first !== undefined && second !== undefined && first !== second);
  await fleet.settled(first);
  await fleet.settled(second);
  await fleet.aws('wait', 'instance-running', '--instance-ids', first);
  assert.equal(namesOf(await fleet.aws('describe-instances', '--filters', 'Name=tag:Name,Values=two')), [second]);
  await until('the guest has said something', async () => {
    const { Output } = (await fleet.aws('get-console-output', '--instance-id', first)) as { readonly Output?: string };
    return Output !== undefined && Output !== '' ? Output : null;
  }, 15_000);
  await fleet.aws('stop-instances', '--instance-ids', first);
  await until('it stopped', async () => ((await fleet.instance(first)).state === 'stopped' ? true : null), 20_000);
  assert.equal((await fleet.observed(first)).running, []);
  await fleet.aws('start-instances', '--instance-ids', first);
  await fleet.settled(first);
  await fleet.aws('terminate-instances', '--instance-ids', second);
  await until('it was terminated', async () => ((await fleet.instance(second)).state === 'terminated' ? true : null), 20_000);
  assert.equal((await fleet.observed(second)).running, []);
  kept = first;
});

test('heals when the plug of the instance’s node is pulled, and can say why that was safe', async (fleet) => {
  const before = await fleet.settled(kept);
  const { lastAckedRecord } = await fleet.observed(kept);
  await fleet.ves('room', 'power-off', before.holder ?? '');
  const after = await fleet.moved(before);
  assert.is.not(after.holder, before.holder);
  const { running, downtimes, lastAckedRecord: acked } = await fleet.observed(kept);
  assert.equal(running.map(({ node }) => node), [after.holder]);
  assert.ok((downtimes.at(-1)?.downtimeMs ?? Infinity) <= 15_000, `healed after ${downtimes.at(-1)?.downtimeMs} ms`);
  assert.ok((acked ?? 0) >= (lastAckedRecord ?? Infinity), 'the guest goes on counting where it was');
  const why = (await fleet.ves('why', kept)) as Awaited<ReturnType<Fleet['why']>>;
  const move = why.moves.at(-1);
  assert.is(move?.from, before.holder);
  assert.is(move?.to, after.holder);
  assert.is(move?.proof?.kind, 'leaseExpired');
  assert.ok(move?.proof?.observations.some(({ what }) => what === 'lastRenewal'));
  assert.equal((await fleet.report()).violations, []);
  await fleet.ves('room', 'power-on', before.holder ?? '');
  await fleet.allActive(3);
  await fleet.settled(kept);
});

test('has everything again after it was stopped and started', async (fleet) => {
  const before = await fleet.settled(kept);
  const { lastAckedRecord } = await fleet.observed(kept);
  const { exitCode, fleet: again } = await restart();
  assert.is(exitCode, 0);
  const after = await again.settled(kept);
  assert.is(after.privateAddress, before.privateAddress);
  assert.equal(after.tags, { Name: 'one' });
  const acked = await until('the guest writes', async () => (await again.observed(kept)).lastAckedRecord, 10_000);
  assert.ok(acked >= (lastAckedRecord ?? Infinity), 'no acknowledged record was lost');
  assert.equal((await again.report()).violations, []);
});

run();
