// deadline: 300 s
/** Does the main job work as well with the ledger in an etcd of three members, while one of them dies, and another one hangs? */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { ETCD_MISSING } from '../support/real-etcd.ts';
import { fleetSuite } from './support/fleet-suite.ts';
import { ETCD_MEMBERS, until } from './support/playground.ts';
import type { Fleet } from './support/playground.ts';

const NAME = 'a fleet of three over etcd';

/** A member of etcd that is killed comes back at once, as under systemd. One that is stopped takes requests and answers none. */
async function without<Result>(fleet: Fleet, member: string, use: () => Promise<Result>): Promise<Result> {
  fleet.signal(member, 'SIGSTOP');
  try {
    return await use();
  } finally {
    fleet.signal(member, 'SIGCONT');
  }
}

async function neverTwice(fleet: Fleet): Promise<void> {
  assert.equal((await fleet.report()).violations, []);
}

if (ETCD_MISSING !== null) {
  const skipped = suite(NAME);
  skipped.skip(`does the main job, skipped ${ETCD_MISSING}`, () => undefined);
  skipped.run();
} else {
  const { test, restart, run } = fleetSuite(NAME, { nodes: 3, ledger: 'etcd' });
  let kept = '';

  test('runs an instance on a mirrored disk', async (fleet) => {
    const instance = await fleet.runInstance();
    kept = instance.id;
    assert.ok(instance.standby !== null);
    assert.ok((await fleet.ledger()).voters.length === 3, 'all three nodes may lead');
  });

  test('loses no node, and goes on, when members of etcd are killed one after the other', async (fleet) => {
    for (const member of ETCD_MEMBERS) {
      const before = fleet.pid(member);
      fleet.signal(member, 'SIGKILL');
      await until(`${member} is started again`, () => Promise.resolve(fleet.pid(member) !== null && fleet.pid(member) !== before ? true : null), 10_000);
      // A request that is answered was committed: tags are in the ledger.
      await until('requests are answered', async () => await fleet.aws('create-tags', '--resources', kept, '--tags', `Key=without,Value=${member}`).then(() => true), 20_000);
      assert.is((await fleet.instance(kept)).tags['without'], member);
    }
    assert.is((await fleet.instance(kept)).generation, 1, 'nothing had to move');
    await fleet.allActive(3);
    await neverTwice(fleet);
  });

  test('heals when the plug of the instance’s node is pulled while a member of etcd hangs', async (fleet) => {
    const before = await fleet.settled(kept);
    await without(fleet, 'etcd-2', async () => {
      await fleet.ves('room', 'power-off', before.holder ?? '');
      const after = await fleet.moved(before);
      assert.is.not(after.holder, before.holder);
      const why = await fleet.why(kept);
      assert.is(why.moves.at(-1)?.proof?.kind, 'leaseExpired');
      assert.ok(((await fleet.observed(kept)).downtimes.at(-1)?.downtimeMs ?? Infinity) <= 20_000);
    });
    await neverTwice(fleet);
    await fleet.ves('room', 'power-on', before.holder ?? '');
    await fleet.allActive(3, 60_000);
    await fleet.settled(kept);
  });

  test('answers again soon after its coordinator died', async (fleet) => {
    const before = fleet.pid('coordinator');
    fleet.signal('coordinator', 'SIGKILL');
    await until('another coordinator answers', async () => (fleet.pid('coordinator') !== before && (await fleet.instance(kept)).phase === 'running' ? true : null), 30_000);
    await fleet.aws('create-tags', '--resources', kept, '--tags', 'Key=after,Value=restart');
  });

  test('has everything again after it was stopped and started', async (fleet) => {
    const before = await fleet.settled(kept);
    const { lastAckedRecord } = await fleet.observed(kept);
    const { exitCode, fleet: again } = await restart();
    assert.is(exitCode, 0);
    const after = await again.settled(kept);
    assert.is(after.privateAddress, before.privateAddress);
    assert.is(after.tags['after'], 'restart');
    const acked = await until('the guest writes', async () => (await again.observed(kept)).lastAckedRecord, 10_000);
    assert.ok(acked >= (lastAckedRecord ?? Infinity), 'no acknowledged record was lost');
    await neverTwice(again);
  });

  run();
}
