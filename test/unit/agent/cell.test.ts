// deadline: 180 s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { InstanceId, NodeId } from '../../../shared/ids.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';

/** Runs a body, and tells what the cell logged last when it fails. */
async function inCell(options: ConstructorParameters<typeof VirtualCell>[0], body: (cell: VirtualCell) => Promise<void>): Promise<void> {
  const cell = new VirtualCell(options);
  try {
    await body(cell);
    assert.equal(cell.room.report().violations, []);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${cell.tail(60)}`, { cause: error });
  }
}

function holderOf(cell: VirtualCell, id: InstanceId): NodeId {
  const { holder } = cell.instance(id);
  if (holder === null) throw new Error(`${id} has no holder`);
  return holder;
}

const cellSuite = suite('a cell of three nodes');

cellSuite('comes up and runs an instance with two replicas in sync', async () => {
  await inCell({ nodes: 3 }, async (cell) => {
    await cell.ready();
    const [id] = await cell.run();
    assert.ok(id);
    await cell.untilPhase(id, 'running', 15_000);
    const [volume] = [...cell.state().volumes.values()];
    assert.ok(volume);
    await cell.world.until('both replicas are in sync', () => cell.state().volumes.get(volume.id)?.inSync.length === 2, 30_000);
  });
});

cellSuite('takes work on a node only once ten renewals in a row were confirmed there, and its replicas are up', async () => {
  await inCell({ nodes: 3, seed: 2 }, async (cell) => {
    await cell.ready();
    const [id] = await cell.run();
    assert.ok(id);
    await cell.untilPhase(id, 'running', 15_000);
    await cell.world.advance(10_000);
    const node = holderOf(cell, id);
    cell.room.powerOff(node);
    await cell.world.advance(15_000);
    let armedAtMs: number | null = null;
    cell.world.onFact((fact) => {
      if (fact.event === 'lease' && fact['who'] === node && fact['armed'] === true) armedAtMs ??= cell.world.clock.nowMs();
    });
    cell.room.powerOn(node);
    await cell.world.until('it takes work', () => cell.state().nodes.get(node)?.phase === 'active', 30_000);
    const sinceArmedMs = cell.world.clock.nowMs() - Number(armedAtMs ?? Number.NaN);
    assert.ok(sinceArmedMs >= 4_400 && sinceArmedMs < 7_000, `after ${sinceArmedMs} ms`);
    const [volume] = [...cell.state().volumes.keys()];
    assert.ok(cell.drbd.room?.facts().some((fact) => fact.node === node && fact.resource === volume), 'its replica is up');
  });
});

for (const hasBmc of [false, true]) {
  cellSuite(`runs an instance elsewhere after its node lost power, ${hasBmc ? 'with' : 'without'} a BMC`, async () => {
    await inCell({ nodes: 3, hasBmc }, async (cell) => {
      await cell.ready();
      const [id] = await cell.run();
      assert.ok(id);
      await cell.untilPhase(id, 'running', 15_000);
      await cell.world.until('both replicas are in sync', () => [...cell.state().volumes.values()].every((volume) => volume.inSync.length === 2), 30_000);
      await cell.world.advance(3_000);
      const victim = holderOf(cell, id);
      cell.room.powerOff(victim);
      const tookMs = await cell.world.until('it runs elsewhere', () => cell.instance(id).phase === 'running' && cell.instance(id).holder !== victim, 60_000);
      assert.ok(tookMs < (hasBmc ? 6_000 : 15_000), `took ${tookMs} ms`);
      cell.room.powerOn(victim);
      await cell.world.until('both replicas are in sync again', () => [...cell.state().volumes.values()].every((volume) => volume.inSync.length === 2), 60_000);
      await cell.ready();
    });
  });
}

cellSuite.run();
