// deadline: 120 s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BUILDS_MAX } from '../../../agent/runtime/builds.ts';
import type { NodeId } from '../../../shared/ids.ts';
import type { VolumeRecord } from '../../../shared/model/volume.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';

const COUNT = 60;

const builds = suite('a cell that is asked for many instances at once');

builds('builds a few of them at a time on each node, and all in the end', async () => {
  const cell = new VirtualCell({ nodes: 3, seed: 5 });
  try {
    await cell.ready();
    const ids = await cell.run(COUNT);
    assert.is(ids.length, COUNT);
    await cell.world.until('all run on two replicas', () => ids.every((id) => cell.instance(id).phase === 'running')
      && [...cell.state().volumes.values()].every((volume) => volume.inSync.length === 2), 15_000);
    for (const node of ['node-1', 'node-2', 'node-3'] as NodeId[]) {
      const most = mostUnderConstruction(cell, node);
      assert.ok(most <= BUILDS_MAX, `${node} built ${most} at once`);
      assert.ok(most > BUILDS_MAX / 2, `${node} built ${most} at once only`);
    }
    assert.equal(cell.room.report().violations, []);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${cell.tail(60)}`, { cause: error });
  }
});

builds('finds out about all replicas that a failed disk cannot take as soon as about one', async () => {
  const cell = new VirtualCell({ nodes: 3, seed: 6 });
  try {
    await cell.ready();
    const broken = 'node-2' as NodeId;
    await cell.run(COUNT);
    const isGivenUp = ({ replicas, tainted }: VolumeRecord): boolean => !replicas.includes(broken) || tainted.includes(broken);
    await cell.world.until('all are given up there', () => {
      // As each is made there: nothing can be written on that node.
      cell.room.failDisk(broken, null, 'error');
      return cell.state().volumes.values().every(isGivenUp);
    }, 25_000);
    assert.equal(cell.room.report().violations, []);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${cell.tail(60)}`, { cause: error });
  }
});

/** The most replicas whose configuration was written and which were not yet brought up. */
function mostUnderConstruction(cell: VirtualCell, node: NodeId): number {
  const building = new Set<unknown>();
  let most = 0;
  for (const { who, event, subject, step } of cell.world.facts) {
    if (who !== node || event !== 'step') continue;
    if (step === 'configure') building.add(subject);
    if (step === 'up') building.delete(subject);
    most = Math.max(most, building.size);
  }
  return most;
}

builds.run();
