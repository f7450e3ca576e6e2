/**
 * Who holds every acknowledged write of a volume? Shrink and expand, its first content, failed and wiped replicas.
 *
 * The rules are those of the model in SAFETY.md 2.3; each of them, left out, loses an acknowledged write there.
 */
import { APPLIED, applied, rejected } from './change.ts';
import type { Change, CommandOf } from './change.ts';
import type { ApplyResult } from './commands.ts';
import { refuseAct, refuseActor, refuseVolumeHolder } from './guards.ts';
import { dropReplica, putVolume, taint } from './in-sync.ts';
import type { NodeId } from '../ids.ts';
import type { CellState } from '../model/cell.ts';
import { isFenced, isLive } from '../model/node.ts';
import type { VolumeRecord } from '../model/volume.ts';

/** The holder goes on alone. Answers `{ version, peersFenced }`: whether every replica that left is on a fenced node. */
export function shrink(change: Change, command: CommandOf<'shrink'>): ApplyResult {
  const { actor } = command;
  const volume = change.state.volumes.get(command.volume);
  if (volume === undefined) return rejected('unknownVolume', `there is no volume ${command.volume}`);
  const refusal = refuseVolumeHolder(volume, actor, command.generation) ?? refuseAct(change.state, actor);
  if (refusal !== null) return refusal;
  if (!volume.inSync.includes(actor.node) || volume.tainted.includes(actor.node)) return rejected('notInSync', `the replica of ${volume.id} on ${actor.node} is not in sync`);
  const left = volume.inSync.filter((node) => node !== actor.node);
  // Always a new version, also when nobody leaves: an expansion that was seen before must come too late.
  const version = volume.version + 1;
  putVolume(change, { ...volume, version, inSync: [actor.node] });
  if (left.length > 0) change.say('volumeShrunk', [volume.id, ...left], `${volume.id} goes on without ${left.join(', ')}: ${command.reason}.`, 'warning');
  const others = volume.replicas.filter((node) => node !== actor.node);
  const peersFenced = others.every((id) => {
    const node = change.state.nodes.get(id);
    return node === undefined || (node.bootId !== null && isFenced(node, node.bootId));
  });
  return applied({ version, peersFenced });
}

/** A replica holds everything again, seen by both ends while the version was `expectVersion`. Late is safe, early is fatal. */
export function expand(change: Change, command: CommandOf<'expand'>): ApplyResult {
  const { actor, replica } = command;
  const volume = change.state.volumes.get(command.volume);
  if (volume === undefined) return rejected('unknownVolume', `there is no volume ${command.volume}`);
  const refusal = refuseWitness(volume, command) ?? refuseAct(change.state, actor);
  if (refusal !== null) return refusal;
  if (volume.version !== command.expectVersion) return rejected('staleVersion', `${volume.id} is at version ${volume.version}, not ${command.expectVersion}`);
  if (volume.deleting) return rejected('wrongState', `${volume.id} is being deleted`);
  if (!volume.formatted) return rejected('notFormatted', `${volume.id} has no content yet`);
  if (!volume.inSync.includes(actor.node) || volume.tainted.includes(actor.node)) return rejected('notInSync', `the replica of ${volume.id} on ${actor.node} is not in sync`);
  if (!volume.replicas.includes(replica)) return rejected('notInSync', `${replica} has no replica of ${volume.id}`);
  if (volume.tainted.includes(replica)) return rejected('notInSync', `the replica of ${volume.id} on ${replica} has a failed disk`);
  const node = change.state.nodes.get(replica);
  const isAlive = node !== undefined && node.bootId !== null && node.fenceIntentIndex === null && node.phase !== 'fenced' && node.phase !== 'removed';
  if (!isAlive) return rejected('fenced', `${replica} is ${node?.phase ?? 'unknown'}`);
  if (volume.inSync.includes(replica)) return applied({ version: volume.version });
  const version = volume.version + 1;
  putVolume(change, { ...volume, version, inSync: [...volume.inSync, replica] });
  change.say('volumeExpanded', [volume.id, replica], `The replica of ${volume.id} on ${replica} is in sync.`);
  return applied({ version });
}

/** The holder says it; without a holder (nothing is written then) any member of the in-sync set, at the same generation. */
function refuseWitness(volume: VolumeRecord, command: CommandOf<'expand'>): ApplyResult | null {
  if (volume.holder !== null) return refuseVolumeHolder(volume, command.actor, command.generation);
  return volume.generation === command.generation ? null : rejected('staleGeneration', `${volume.id} is at generation ${volume.generation}, not ${command.generation}`);
}

/** The first content is written: `primary --force` is forbidden from here on. */
export function volumeFormatted(change: Change, command: CommandOf<'volumeFormatted'>): ApplyResult {
  const volume = change.state.volumes.get(command.volume);
  if (volume === undefined) return rejected('unknownVolume', `there is no volume ${command.volume}`);
  const refusal = refuseVolumeHolder(volume, command.actor, command.generation) ?? refuseAct(change.state, command.actor);
  if (refusal !== null) return refusal;
  if (volume.formatted) return APPLIED;
  putVolume(change, { ...volume, formatted: true });
  change.say('volumeFormatted', [volume.id, command.actor.node], `${volume.id} has its first content.`);
  return APPLIED;
}

/**
 * A node cannot use the disk of its replica any more. Refused while no other living node has everything: a disk that cannot be
 * read has missed no write that the ledger counts on it, so the only one in sync is waited for, and not given up.
 */
export function replicaTainted(change: Change, command: CommandOf<'replicaTainted'>): ApplyResult {
  const volume = change.state.volumes.get(command.volume);
  if (volume === undefined) return rejected('unknownVolume', `there is no volume ${command.volume}`);
  const refusal = refuseActor(change.state, command.actor) ?? refuseLastTainted(change.state, volume, command.actor.node);
  if (refusal !== null) return refusal;
  taint(change, volume, command.actor.node);
  return APPLIED;
}

function refuseLastTainted(state: CellState, volume: VolumeRecord, node: NodeId): ApplyResult | null {
  // Before the first content any replica may become the holder's: one that is left is enough.
  const whole = volume.formatted ? volume.inSync : volume.replicas;
  if (!whole.includes(node) || volume.tainted.includes(node)) return null;
  const isOtherAlive = whole.some((each) => {
    const record = state.nodes.get(each);
    return each !== node && !volume.tainted.includes(each) && record !== undefined && record.bootId !== null && isLive(record, record.bootId);
  });
  return isOtherAlive ? null : rejected('lastReplica', `no other living node has ${volume.id} in sync than ${node}`);
}

/** A retired replica, or one of a deleted volume, is gone from its node's disk. The last one takes the record with it. */
export function replicaWiped(change: Change, command: CommandOf<'replicaWiped'>): ApplyResult {
  const { node } = command.actor;
  const volume = change.state.volumes.get(command.volume);
  if (volume === undefined) return rejected('unknownVolume', `there is no volume ${command.volume}`);
  const refusal = refuseActor(change.state, command.actor);
  if (refusal !== null) return refusal;
  if (volume.deleting) {
    if (volume.replicas.includes(node) || volume.retired.includes(node)) {
      change.say('replicaWiped', [volume.id, node], `The replica of ${volume.id} on ${node} is wiped.`);
      dropReplica(change, volume, node);
    }
    return APPLIED;
  }
  if (volume.replicas.includes(node)) return rejected('wrongState', `the replica of ${volume.id} on ${node} is in use`);
  if (!volume.retired.includes(node)) return APPLIED;
  putVolume(change, { ...volume, retired: volume.retired.filter((each) => each !== node) });
  change.say('replicaWiped', [volume.id, node], `The retired replica of ${volume.id} on ${node} is wiped.`);
  return APPLIED;
}
