/**
 * What does a RunInstances request become? Instances with their volumes, addresses and rights, all of them or none.
 */
import type { InstanceId, VolumeId } from '../ids.ts';
import { INSTANCE_TYPES } from '../model/image.ts';
import type { InstanceRecord } from '../model/instance.ts';
import { INSTANCES_MAX } from '../model/limits.ts';
import { replicaBytes, missingBytes, missingMiB } from './capacity.ts';
import { nextAddress, nextMinor } from './allocate.ts';
import { applied, rejected } from './change.ts';
import type { Change, CommandOf } from './change.ts';
import type { ApplyResult, NewInstance } from './commands.ts';
import { actorOf, refuseStandby, refuseTarget } from './guards.ts';
import { putVolume } from './in-sync.ts';
import { refuseTags } from './tags.ts';

type Create = CommandOf<'createInstances'>;

/** Answers `{ instances: InstanceId[] }`: those made now, or those that the same token made before. */
export function createInstances(change: Change, command: Create): ApplyResult {
  const earlier = earlierAnswer(change, command);
  if (earlier !== null) return earlier;
  const refusal = refuseRequest(change, command);
  if (refusal !== null) return refusal;
  for (const item of command.instances) {
    const failed = createOne(change, command, item);
    if (failed !== null) return failed;
  }
  const instances = command.instances.map((item) => item.id);
  if (command.clientToken !== null) {
    const record = { requestHash: command.requestHash, instances, index: change.entry.index };
    change.set({ tokens: change.state.tokens.set(tokenKey(command.environment, command.clientToken), record) });
  }
  return applied({ instances });
}

/** Where a request's token is kept. An environment's name has no colon, so no two requests share a key by chance. */
export function tokenKey(environment: string, clientToken: string): string {
  return `${environment}:${clientToken}`;
}

function earlierAnswer(change: Change, command: Create): ApplyResult | null {
  if (command.clientToken === null) return null;
  const earlier = change.state.tokens.get(tokenKey(command.environment, command.clientToken));
  if (earlier === undefined) return null;
  if (earlier.requestHash !== command.requestHash) return rejected('tokenMismatch', 'the client token was used before with other parameters');
  return applied({ instances: earlier.instances });
}

function refuseRequest(change: Change, command: Create): ApplyResult | null {
  const image = change.state.images.get(command.image);
  if (image === undefined) return rejected('unknownImage', `there is no image ${command.image}`);
  const type = INSTANCE_TYPES.find((each) => each.name === command.type);
  if (type === undefined) return rejected('invalidParameter', `there is no instance type ${command.type}`);
  if (type.vcpus !== command.vcpus || type.memoryMiB !== command.memoryMiB) return rejected('invalidParameter', `${type.name} has ${type.vcpus} vCPUs and ${type.memoryMiB} MiB`);
  if (command.diskBytes < image.sizeBytes) return rejected('invalidParameter', `the image has ${image.sizeBytes} bytes, the volume only ${command.diskBytes}`);
  if (change.state.instances.size + command.instances.length > INSTANCES_MAX) return rejected('noCapacity', `a cell has at most ${INSTANCES_MAX} instances`);
  return refuseTags(command.tags);
}

function createOne(change: Change, command: Create, item: NewInstance): ApplyResult | null {
  if (change.state.instances.has(item.id)) return rejected('duplicateId', `${item.id} exists already`);
  if (change.state.volumes.has(item.volume)) return rejected('duplicateId', `${item.volume} exists already`);
  const refusal = refuseNode(change, command, item);
  if (refusal !== null) return refusal;
  const minor = nextMinor(change.state);
  const address = nextAddress(change.state);
  if (minor === null || address === null) return rejected('noCapacity', 'no DRBD minor or no address is left in the cell');
  change.set({ nextMinor: minor.next, nextAddress: address.next });

  const { node, bootId, standby } = item.placement;
  const instance = newInstance(change, command, item, address);
  putVolume(change, {
    id: item.volume, sizeBytes: command.diskBytes, image: command.image, instance: item.id, device: 'xvda', minor: minor.minor, port: minor.port,
    holder: node, holderBootId: bootId, generation: 1, replicas: standby === null ? [node] : [node, standby], inSync: [node],
    version: 1, epoch: 1, formatted: false, tainted: [], retired: [], deleting: false, degradedSinceIndex: null,
  });
  if (standby !== null) {
    const failed = refuseStandby(change.state, instance, change.volumesOf(instance), node, standby);
    if (failed !== null) return failed;
  }
  change.putInstance(instance);
  change.say('instanceCreated', [item.id, node], `${item.id} (${command.type}) starts on ${node}${standby === null ? ', without a standby' : `, standby ${standby}`}.`);
  return null;
}

/** The chosen nodes take new work and have room; memory of the standby is checked with its replica in place. */
function refuseNode(change: Change, command: Create, item: NewInstance): ApplyResult | null {
  const { state } = change;
  const { node, standby } = item.placement;
  const refusal = refuseTarget(state, actorOf(item.placement), { whileDraining: false });
  if (refusal !== null) return refusal;
  if (missingMiB(state, node, { placedMiB: command.memoryMiB }) > 0) return rejected('noCapacity', `${node} has not ${command.memoryMiB} MiB left`);
  const domainKind = state.images.get(command.image)?.domainKind;
  if (domainKind === undefined || state.nodes.get(node)?.capacity.domainKinds.includes(domainKind) !== true) {
    return rejected('noCapacity', `${node} cannot run ${domainKind ?? 'such'} domains`);
  }
  if (standby !== null) {
    const record = state.nodes.get(standby);
    if (record?.phase !== 'active') return rejected('nodeNotActive', `${standby} is ${record?.phase ?? 'unknown'}`);
    if (standby === node) return rejected('invalidParameter', `${standby} cannot be the standby of itself`);
  }
  for (const replica of standby === null ? [node] : [node, standby]) {
    if (missingBytes(state, replica, command.diskBytes) > 0) return rejected('noCapacity', `${replica} has not ${replicaBytes(command.diskBytes)} bytes of disk left`);
  }
  return null;
}

function newInstance(change: Change, command: Create, item: NewInstance, address: { readonly privateAddress: string; readonly macAddress: string }): InstanceRecord {
  const { index, data } = change.entry;
  const { node, bootId, standby, refused } = item.placement;
  const id: InstanceId = item.id;
  const volumes: readonly VolumeId[] = [item.volume];
  return {
    id, environment: command.environment, reservation: command.reservation, launchIndex: index, launchedAt: data.at,
    image: command.image, type: command.type, vcpus: command.vcpus, memoryMiB: command.memoryMiB,
    keyName: command.keyName, userData: command.userData, clientToken: command.clientToken, tags: command.tags,
    privateAddress: address.privateAddress, macAddress: address.macAddress, volumes,
    desired: 'running', phase: 'starting', generation: 1, holder: node, holderBootId: bootId, fence: null, standby,
    restarting: false, stopForced: false, failures: 0, reason: null, phaseIndex: index, phaseAt: data.at,
    moves: [{ generation: 1, from: null, to: node, reason: 'created', proof: null, index, at: data.at, startedIndex: null, startedAt: null, refused }],
    terminationProtected: command.terminationProtected, shutdownBehavior: command.shutdownBehavior,
  };
}
