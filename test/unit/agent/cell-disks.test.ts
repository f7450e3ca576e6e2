// deadline: 240 s
/** Disks that fail for good, in whole cells: what becomes of the replica, of the volume, and of whoever uses it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { InstanceId, NodeId, VolumeId } from '../../../shared/ids.ts';
import type { VolumeRecord } from '../../../shared/model/volume.ts';
import { unrest } from '../../support/cell-witness.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import { ackedRecord, withInstance } from '../../support/virtual-instance.ts';

/** Rebuilds that only time begins are 15 minutes away. */
const THREE = { nodes: 3, seed: 2 } as const;

function record(cell: VirtualCell, volume: VolumeId): VolumeRecord {
  const found = cell.state().volumes.get(volume);
  if (found === undefined) throw new Error(`no volume ${volume}`);
  return found;
}

async function wholeWithout(cell: VirtualCell, volume: VolumeId, node: NodeId, limitMs: number): Promise<void> {
  await cell.world.until(`${volume} is whole without ${node}`, () => {
    const { inSync, replicas, tainted, retired } = record(cell, volume);
    return inSync.length === 2 && !replicas.includes(node) && tainted.length === 0 && retired.length === 0;
  }, limitMs);
}

/** The node starts again, and none of its disks can be read. */
function returnWithoutDisk(cell: VirtualCell, node: NodeId): void {
  cell.room.powerOff(node);
  cell.room.failDisk(node, null, 'error');
  cell.room.powerOn(node);
}

async function stop(cell: VirtualCell, id: InstanceId): Promise<void> {
  await cell.propose({ kind: 'setDesired', instances: [id], desired: 'stopped', force: false });
  await cell.untilPhase(id, 'stopped', 30_000);
}

/** As somebody might by hand: a primary goes on by its peer, and nothing asks the agent. */
async function detach(cell: VirtualCell, volume: VolumeId, node: NodeId): Promise<void> {
  const { bootId } = cell.room.nodeReport(node);
  const { exitCode, stderr } = await cell.finish(cell.room.run(node, bootId ?? '', ['drbdadm', '-c', `/node/drbd/${volume}.res`, 'detach', volume], ''));
  assert.is(exitCode, 0, stderr);
}

const disks = suite('a cell');

disks('rebuilds a replica on a third node whose disk cannot be attached after a restart', async () => {
  await withInstance(THREE, async ({ cell, id, volume, other }) => {
    returnWithoutDisk(cell, other);
    await wholeWithout(cell, volume, other, 120_000);
    assert.is(cell.instance(id).generation, 1, 'the instance ran on');
  });
});

disks('starts an instance on the other node when the disk of its own cannot be attached', async () => {
  await withInstance(THREE, async ({ cell, id, volume, holder, other }) => {
    await stop(cell, id);
    returnWithoutDisk(cell, holder);
    await cell.ready();
    await cell.propose({ kind: 'setDesired', instances: [id], desired: 'running', force: false });
    await cell.untilPhase(id, 'running', 60_000);
    assert.is(cell.instance(id).holder, other);
    await wholeWithout(cell, volume, holder, 120_000);
  });
});

disks('waits for the only replica in sync when its disk cannot be attached, and runs once it can', async () => {
  await withInstance(THREE, async ({ cell, id, volume, holder, other }) => {
    cell.room.powerOff(other);
    await cell.world.until('the in-sync set shrank', () => record(cell, volume).inSync.join() === holder, 20_000);
    await cell.world.advance(5_000);
    await stop(cell, id);
    const acked = ackedRecord(cell, id);
    returnWithoutDisk(cell, holder);
    await cell.propose({ kind: 'setDesired', instances: [id], desired: 'running', force: false });
    cell.room.powerOn(other);
    await cell.world.until('its owner is told why it does not start', () => cell.instance(id).phase === 'starting' && cell.instance(id).reason?.message.includes('Input/output error') === true, 60_000);
    await cell.world.advance(150_000);
    assert.ok(cell.told('instanceDelayed') <= 12, `${cell.told('instanceDelayed')} times`);
    assert.equal(record(cell, volume).tainted, []);
    assert.equal(record(cell, volume).inSync, [holder]);
    assert.is.not(cell.instance(id).phase, 'running');
    cell.room.repairDisk(holder, null);
    await cell.world.until('it runs, and all is well', () => unrest(cell).length === 0, 240_000);
    await cell.world.until('it writes on where it ended', () => ackedRecord(cell, id) > acked, 20_000);
  });
});

disks('lets a guest write on over the network when its disk is detached, and counts that replica out at once', async () => {
  await withInstance(THREE, async ({ cell, id, volume, holder, other }) => {
    await detach(cell, volume, holder);
    const tookMs = await cell.world.until('that replica is out of the in-sync set', () => record(cell, volume).inSync.join() === other, 2_000);
    assert.ok(tookMs < 1_000, `took ${tookMs} ms`);
    const acked = ackedRecord(cell, id);
    await cell.world.until('the guest writes on', () => ackedRecord(cell, id) > acked + 3, 10_000);
    assert.is(cell.instance(id).generation, 1);
    await stop(cell, id);
    await cell.propose({ kind: 'setDesired', instances: [id], desired: 'running', force: false });
    await cell.untilPhase(id, 'running', 30_000);
    assert.is(cell.instance(id).holder, other);
    await wholeWithout(cell, volume, holder, 120_000);
  });
});

disks('lets a guest write on over the network when the node of its only replica in sync was away for a while', async () => {
  await withInstance(THREE, async ({ cell, id, volume, holder, other }) => {
    await detach(cell, volume, holder);
    await cell.world.until('that replica is out of the in-sync set', () => record(cell, volume).inSync.join() === other, 2_000);
    cell.room.reset(other);
    await cell.world.advance(8_000);
    const acked = ackedRecord(cell, id);
    await cell.world.until('the guest writes on', () => ackedRecord(cell, id) > acked + 3, 60_000);
    assert.is(cell.instance(id).generation, 1);
    assert.equal(record(cell, volume).inSync, [other]);
    await stop(cell, id);
    await wholeWithout(cell, volume, holder, 120_000);
  });
});

disks('makes a replica elsewhere when the disk of the chosen node cannot take it', async () => {
  await withInstance(THREE, async ({ cell, volume, other }) => {
    const third = cell.nodeIds.find((node) => !record(cell, volume).replicas.includes(node));
    if (third === undefined) throw new Error('every node has a replica');
    returnWithoutDisk(cell, other);
    await cell.world.until('the third node has begun', () => cell.room.nodeReport(third).volumes === 1, 120_000);
    cell.room.failDisk(third, null, 'error');
    cell.room.repairDisk(other, null);
    await wholeWithout(cell, volume, third, 180_000);
  });
});

disks.run();
