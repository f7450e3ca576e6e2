/**
 * When may a replica move to another node? When the one it replaces is beyond use, and another holds everything (SAFETY.md 5.4).
 */
import { isFenced, mayAct } from '../model/node.ts';
import type { NodeId } from '../ids.ts';
import type { CellState } from '../model/cell.ts';
import type { VolumeRecord } from '../model/volume.ts';
import { missingBytes, replicaBytes } from './capacity.ts';
import { applied, rejected } from './change.ts';
import type { Change, CommandOf } from './change.ts';
import type { ApplyResult } from './commands.ts';
import { putVolume } from './in-sync.ts';

/** Answers `{ epoch }`. The new replica is not in sync; its full synchronisation begins when both nodes hear of it. */
export function replaceReplica(change: Change, command: CommandOf<'replaceReplica'>): ApplyResult {
  const { node, replaces } = command;
  const volume = change.state.volumes.get(command.volume);
  if (volume === undefined) return rejected('unknownVolume', `there is no volume ${command.volume}`);
  if (volume.epoch !== command.expectEpoch) return rejected('staleEpoch', `${volume.id} is at epoch ${volume.epoch}, not ${command.expectEpoch}`);
  if (volume.deleting) return rejected('wrongState', `${volume.id} is being deleted`);
  const refusal = (replaces === null ? refuseSecond(volume) : refuseReplaced(change.state, volume, replaces))
    ?? refuseSource(change.state, volume, replaces)
    ?? (node === replaces ? refuseGivingUp(volume, node) : refuseNew(change.state, volume, node));
  if (refusal !== null) return refusal;

  const kept = volume.replicas.filter((each) => each !== replaces);
  const inSync = volume.inSync.filter((each) => each !== replaces);
  // Before the first content any replica may become the holder's, so the set only has to name one that is left.
  const [first] = kept;
  const isBeyondReach = replaces !== null && change.state.nodes.get(replaces)?.phase === 'removed';
  putVolume(change, {
    ...volume,
    replicas: node === replaces ? kept : [...kept, node],
    inSync: inSync.length === 0 && first !== undefined ? [first] : inSync,
    retired: replaces === null || isBeyondReach || volume.retired.includes(replaces) ? volume.retired : [...volume.retired, replaces],
    tainted: volume.tainted.filter((each) => each !== replaces),
    epoch: volume.epoch + 1, version: volume.version + 1,
  });
  releaseStandby(change, volume, replaces);
  const what = node === replaces ? `${volume.id} gives up its failed replica on ${node}` : `${volume.id} gets a replica on ${node}${replaces === null ? '' : ` in place of ${replaces}`}`;
  change.say('replicaReplaced', [volume.id, node, ...(replaces === null || replaces === node ? [] : [replaces])], `${what}.`, replaces === null ? 'info' : 'warning');
  return applied({ epoch: volume.epoch + 1 });
}

function refuseSecond(volume: VolumeRecord): ApplyResult | null {
  return volume.replicas.length < 2 ? null : rejected('wrongState', `${volume.id} has ${volume.replicas.length} replicas`);
}

function refuseReplaced(state: CellState, volume: VolumeRecord, replaces: NodeId): ApplyResult | null {
  if (!volume.replicas.includes(replaces)) return rejected('wrongState', `${replaces} has no replica of ${volume.id}`);
  const node = state.nodes.get(replaces);
  const isDead = node === undefined || node.phase === 'removed' || (node.bootId !== null && isFenced(node, node.bootId));
  if (!isDead && !volume.tainted.includes(replaces)) return rejected('notFenced', `the replica of ${volume.id} on ${replaces} is still of use`);
  const isHeld = volume.holder === replaces && volume.holderBootId !== null && !isFenced(node, volume.holderBootId);
  if (isHeld) return rejected('wrongState', `${replaces} holds ${volume.id}`);
  return null;
}

/** Somebody must be there to copy from, and hold everything. */
function refuseSource(state: CellState, volume: VolumeRecord, replaces: NodeId | null): ApplyResult | null {
  const kept = volume.replicas.filter((each) => each !== replaces);
  if (kept.length === 0) return rejected('lastReplica', `${volume.id} has no other replica than that on ${replaces ?? 'no node'}`);
  const sources = (volume.formatted ? volume.inSync : kept).filter((each) => each !== replaces && !volume.tainted.includes(each));
  if (sources.length === 0) return rejected('lastReplica', `no other replica of ${volume.id} is in sync than that on ${replaces ?? 'no node'}`);
  const isSourceUp = sources.some((each) => {
    const node = state.nodes.get(each);
    return node !== undefined && node.bootId !== null && node.phase !== 'joining' && mayAct(node, node.bootId);
  });
  return isSourceUp ? null : rejected('nodeNotActive', `no node that has ${volume.id} in sync is active`);
}

/** A failed replica may be given up for a new one on the same node, which must wipe it first. */
function refuseGivingUp(volume: VolumeRecord, node: NodeId): ApplyResult | null {
  return volume.tainted.includes(node) ? null : rejected('wrongState', `the replica of ${volume.id} on ${node} has not failed`);
}

function refuseNew(state: CellState, volume: VolumeRecord, node: NodeId): ApplyResult | null {
  const record = state.nodes.get(node);
  if (record === undefined) return rejected('unknownNode', `there is no node ${node}`);
  if (record.phase !== 'active') return rejected('nodeNotActive', `${node} is ${record.phase}`);
  if (volume.replicas.includes(node)) return rejected('wrongState', `${node} has a replica of ${volume.id} already`);
  if (volume.retired.includes(node)) return rejected('wrongState', `${node} has not wiped its retired replica of ${volume.id} yet`);
  if (missingBytes(state, node, volume.sizeBytes) > 0) return rejected('noCapacity', `${node} has not ${replicaBytes(volume.sizeBytes)} bytes of disk left`);
  return null;
}

/** A node without a replica cannot be the standby of the volume's instance any more. */
function releaseStandby(change: Change, volume: VolumeRecord, replaces: NodeId | null): void {
  const instance = volume.instance === null ? undefined : change.state.instances.get(volume.instance);
  if (instance === undefined || replaces === null || instance.standby !== replaces) return;
  change.putInstance({ ...instance, standby: null });
}
