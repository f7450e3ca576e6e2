/**
 * Does the ledger still give a right? What a permit of each kind is compared with, at the gate.
 */
import { unreachable } from '../../shared/errors.ts';
import type { InstanceId, VolumeId } from '../../shared/ids.ts';
import type { CellState } from '../../shared/model/cell.ts';
import { isLive } from '../../shared/model/node.ts';
import type { Permit } from './gate.ts';

/** Whether the ledger as known here still gives the right that a permit names. */
export function isGranted(state: CellState, permit: Permit): boolean {
  if (!isLive(state.nodes.get(permit.node), permit.bootId)) return false;
  const volume = state.volumes.get(permit.target as VolumeId);
  switch (permit.right) {
    case 'hold': {
      const target = state.instances.get(permit.target as InstanceId) ?? volume;
      return target?.holder === permit.node && target.holderBootId === permit.bootId && target.generation === permit.generation;
    }
    case 'keep':
      return volume !== undefined && volume.epoch === permit.generation && !volume.deleting && volume.replicas.includes(permit.node);
    case 'wipe':
      return volume !== undefined && volume.epoch === permit.generation && (volume.retired.includes(permit.node) || (volume.deleting && volume.replicas.includes(permit.node)));
    default:
      return unreachable(permit.right);
  }
}
