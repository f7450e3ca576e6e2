/**
 * Which replicas hold every acknowledged write? The only ways that the in-sync set and the set of replicas change.
 *
 * Whatever makes an observation of a replica worthless (its disk failed, its node was installed anew, it was replaced)
 * moves the volume's version on, so that an expansion that was seen before is recognised as late.
 */
import type { NodeId } from '../ids.ts';
import type { VolumeRecord } from '../model/volume.ts';
import type { Change } from './change.ts';

/** Stores a volume, and notes when it lost or regained its redundancy. */
export function putVolume(change: Change, volume: VolumeRecord): void {
  const degradedSinceIndex = volume.inSync.length >= 2 ? null : (volume.degradedSinceIndex ?? change.entry.index);
  change.putVolume({ ...volume, degradedSinceIndex });
}

/** Whether the set would still have a member whose disk is well without this one. */
function isSpare(volume: VolumeRecord, node: NodeId): boolean {
  return volume.inSync.some((member) => member !== node && !volume.tainted.includes(member));
}

/** Takes a node out of the in-sync set where another member is left; the version moves on in any case. */
export function shrinkOut(change: Change, volume: VolumeRecord, node: NodeId, why: string): void {
  const isMember = volume.inSync.includes(node);
  const leaves = isMember && isSpare(volume, node);
  putVolume(change, { ...volume, version: volume.version + 1, inSync: leaves ? volume.inSync.filter((member) => member !== node) : volume.inSync });
  if (leaves) change.say('volumeShrunk', [volume.id, node], `${volume.id} goes on without ${node}: ${why}.`, 'warning');
  else if (isMember && volume.formatted) change.say('volumeAtRisk', [volume.id, node], `${volume.id} has no other replica in sync than ${node}, though ${why}.`, 'alarm');
}

/** Marks a replica as failed, and takes it out of the in-sync set where another member is left. Twice is harmless. */
export function taint(change: Change, volume: VolumeRecord, node: NodeId): void {
  if (!volume.replicas.includes(node) || volume.tainted.includes(node)) return;
  const tainted = { ...volume, tainted: [...volume.tainted, node] };
  change.say('replicaTainted', [volume.id, node], `The disk of ${volume.id} on ${node} failed.`, 'alarm');
  shrinkOut(change, tainted, node, 'its disk failed');
}

/** Forgets a replica that is beyond reach for good. The last member in sync of a volume that lives is kept by the caller's guard. */
export function dropReplica(change: Change, volume: VolumeRecord, node: NodeId): void {
  if (!volume.replicas.includes(node) && !volume.retired.includes(node)) return;
  const without = (nodes: readonly NodeId[]): readonly NodeId[] => nodes.filter((each) => each !== node);
  const rest: VolumeRecord = {
    ...volume, replicas: without(volume.replicas), retired: without(volume.retired), tainted: without(volume.tainted),
    inSync: without(volume.inSync), version: volume.version + 1, epoch: volume.epoch + (volume.replicas.includes(node) ? 1 : 0),
  };
  if (rest.deleting && rest.replicas.length === 0 && rest.retired.length === 0) {
    change.dropVolume(volume.id);
    change.say('volumeDeleted', [volume.id], `${volume.id} is gone from every node.`);
  } else {
    putVolume(change, rest);
  }
}
