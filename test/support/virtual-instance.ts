/**
 * How does a story about one instance begin and end? In a whole cell in virtual time, with a running instance on two replicas in sync;
 * at the end the room has seen nothing that must not happen.
 */
import * as assert from 'uvu/assert';
import type { InstanceId, NodeId, VolumeId } from '../../shared/ids.ts';
import { unrest } from './cell-witness.ts';
import { VirtualCell } from './virtual-cell.ts';
import type { VirtualCellOptions } from './virtual-cell.ts';

export interface Running {
  readonly cell: VirtualCell;
  readonly id: InstanceId;
  readonly volume: VolumeId;
  readonly holder: NodeId;
  /** The node of the other replica. */
  readonly other: NodeId;
}

/** A cell with one running instance on two replicas in sync. */
export async function withInstance(options: VirtualCellOptions, body: (running: Running) => Promise<void>): Promise<void> {
  const cell = new VirtualCell(options);
  try {
    await cell.ready();
    const [id] = await cell.run();
    if (id === undefined) throw new Error('no instance was made');
    await calm(cell, 90_000);
    const [volume] = [...cell.state().volumes.values()];
    const { holder } = cell.instance(id);
    const other = volume?.replicas.find((node) => node !== holder);
    if (volume === undefined || holder === null || other === undefined) throw new Error('it has no two replicas');
    await body({ cell, id, volume: volume.id, holder, other });
    assert.equal(cell.room.report().violations, []);
    assert.is(cell.drbd.room?.splitBrains, 0);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${cell.tail(80)}`, { cause: error });
  }
}

/** Waits until nothing is amiss. Rejects with what still is. */
export async function calm(cell: VirtualCell, limitMs: number): Promise<void> {
  try {
    await cell.world.until('nothing is amiss', () => unrest(cell).length === 0, limitMs);
  } catch (error) {
    throw new Error(`still amiss: ${unrest(cell).join('; ')}`, { cause: error });
  }
}

/** The guest's last acknowledged record, -1 before the first. */
export function ackedRecord(cell: VirtualCell, id: InstanceId): number {
  return cell.room.report().instances[id]?.lastAckedRecord ?? -1;
}
