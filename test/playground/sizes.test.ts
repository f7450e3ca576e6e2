// deadline: 300 s
/** Do fleets of 1, 2 and 5 nodes work, each with the right voters? And is a fleet of two as safe as it can be? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startFleet, until, withFleet } from './support/playground.ts';
import type { Fleet } from './support/playground.ts';

const sizes = suite('a fleet');

async function voters(fleet: Fleet): Promise<readonly string[]> {
  return (await fleet.ledger()).voters.filter(({ role }) => role === 'voter').map(({ member }) => member).toSorted();
}

sizes('of one node votes alone, and grows to a fleet of two with the coordinator as witness', async () => {
  await withFleet({ nodes: 1, profile: 'fast' }, async (fleet) => {
    assert.equal(await voters(fleet), ['node-1']);
    const { id, holder } = await fleet.runInstance();
    assert.is(holder, 'node-1');
    assert.is(await fleet.stop(), 0);
    const grown = await startFleet({ directory: fleet.directory, nodes: 2 });
    try {
      await until('both nodes and the witness vote', async () => ((await voters(grown)).join() === 'coordinator-1,node-1,node-2' ? true : null), 30_000);
      await until('the instance has a second replica', async () => ((await grown.settled(id)).standby === 'node-2' ? true : null), 30_000);
      assert.equal((await grown.volumes())[0]?.inSync.toSorted(), ['node-1', 'node-2']);
    } finally {
      await grown.stop();
    }
  });
});

sizes('of two nodes votes with the coordinator as witness, and outlives any one of the three', async () => {
  await withFleet({ nodes: 2, profile: 'fast' }, async (fleet) => {
    assert.equal(await voters(fleet), ['coordinator-1', 'node-1', 'node-2']);
    const { id } = await fleet.runInstance();
    for (const node of ['node-1', 'node-2']) {
      const before = await fleet.settled(id);
      await fleet.room('powerOff', { node });
      const other = node === 'node-1' ? 'node-2' : 'node-1';
      await until(`${id} runs on ${other} alone`, async () => {
        const { phase, holder, generation } = await fleet.instance(id);
        return phase === 'running' && holder === other && (before.holder === other || generation > before.generation) ? true : null;
      }, 30_000);
      await fleet.room('powerOn', { node });
      await fleet.allActive(2);
    }
    await fleet.settled(id);
    fleet.signal('coordinator', 'SIGSTOP');
    const { lastAckedRecord } = await fleet.observed(id);
    await until('the guest writes on', async () => (((await fleet.observed(id)).lastAckedRecord ?? 0) > (lastAckedRecord ?? 0) + 5 ? true : null), 10_000);
    fleet.signal('coordinator', 'SIGCONT');
    await fleet.settled(id);
    assert.equal((await fleet.report()).violations, []);
  });
});

sizes('of two nodes does not outlive two of the three: the survivor lets go of everything until the witness is back', async () => {
  await withFleet({ nodes: 2, profile: 'fast' }, async (fleet) => {
    const { id, holder } = await fleet.runInstance();
    const other = holder === 'node-1' ? 'node-2' : 'node-1';
    const bootOf = async (): Promise<string | undefined> => (await fleet.report()).nodes.find(({ node }) => node === holder)?.bootId ?? undefined;
    const boot = await bootOf();
    fleet.signal('coordinator', 'SIGSTOP');
    await fleet.room('powerOff', { node: other });
    await until(`${holder} resets itself`, async () => ((await bootOf()) === boot ? null : true), 20_000);
    assert.equal((await fleet.observed(id)).running, []);
    fleet.signal('coordinator', 'SIGCONT');
    await until(`${id} runs on ${holder} again`, async () => {
      const { phase, holder: now } = await fleet.instance(id);
      return phase === 'running' && now === holder && (await fleet.observed(id)).running.length === 1 ? true : null;
    }, 60_000);
    assert.equal((await fleet.report()).violations, []);
  });
});

sizes('of five nodes has five voters, and heals when two of them are gone', async () => {
  await withFleet({ nodes: 5, profile: 'standard' }, async (fleet) => {
    assert.equal(await voters(fleet), ['node-1', 'node-2', 'node-3', 'node-4', 'node-5']);
    const before = await fleet.runInstance();
    const bystander = ['node-1', 'node-2', 'node-3', 'node-4', 'node-5'].find((node) => node !== before.holder && node !== before.standby) ?? '';
    await fleet.room('powerOff', { node: bystander });
    await fleet.room('powerOff', { node: before.holder });
    const after = await fleet.moved(before);
    assert.is(after.holder, before.standby);
    assert.equal((await fleet.report()).violations, []);
  });
});

sizes.run();
