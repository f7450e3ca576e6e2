/**
 * What is a well-formed record? Schemas of everything in the state, for reading a snapshot from a disk or a peer.
 */
import * as v from 'valibot';
import type { CellParameters, CellState, TokenRecord } from '../model/cell.ts';
import type { ImageRecord } from '../model/image.ts';
import type { InstanceRecord } from '../model/instance.ts';
import {
  COORDINATORS_MAX, IMAGES_MAX, INSTANCES_MAX, INSTANCES_PER_REQUEST_MAX, NODES_MAX, OBSERVATIONS_MAX, POWER_FENCES_PER_NODE_MAX, USER_DATA_LENGTH_MAX,
} from '../model/limits.ts';
import { MOVES_KEPT } from '../model/instance.ts';
import { PAST_BOOTS_KEPT } from '../model/node.ts';
import type { CoordinatorRecord, NodeRecord } from '../model/node.ts';
import type { VolumeRecord } from '../model/volume.ts';
import * as field from './field-schema.ts';

const index = field.count;
const at = field.text(64);

const proof = v.strictObject({
  kind: field.proofKind, node: field.nodeId, bootId: field.bootId, index, term: field.count, leader: field.memberId, fenceWaitMs: field.count,
  observations: field.listOf(field.observation, OBSERVATIONS_MAX), at,
});

const node = v.strictObject({
  id: field.nodeId, peerId: field.address, meshAddress: field.address, leaseAddress: field.address, leaseKey: field.address,
  storageAddress: field.address, failureDomain: field.text(64), power: field.power,
  phase: v.picklist(['admitted', 'joining', 'active', 'draining', 'maintenance', 'fencing', 'fenced', 'removed']),
  bootId: v.nullable(field.bootId), storeUuid: v.nullable(field.uuid), incarnation: field.count, pastBoots: field.listOf(field.bootId, PAST_BOOTS_KEPT),
  fenceWaitMs: field.count, capacity: field.capacity, cordoned: v.boolean(), fence: v.nullable(proof), fenceIntentIndex: v.nullable(index),
});

const coordinator = v.strictObject({ id: field.memberId, peerId: field.address, meshAddress: field.address, storeUuid: v.nullable(field.uuid) });

const move = v.strictObject({
  generation: field.count, from: v.nullable(field.nodeId), to: field.nodeId, reason: v.picklist(['created', 'started', 'restarted', 'takenOver']),
  proof: v.nullable(proof), index, at, startedIndex: v.nullable(index), startedAt: v.nullable(at), refused: field.refusals,
});

const instance = v.strictObject({
  id: field.instanceId, environment: field.environment, reservation: field.reservationId, launchIndex: index, launchedAt: at,
  image: field.imageId, type: field.text(32), vcpus: field.positive, memoryMiB: field.positive, keyName: v.nullable(field.text(255)),
  userData: v.nullable(field.text(USER_DATA_LENGTH_MAX)), clientToken: v.nullable(field.text(64)), tags: field.tags,
  privateAddress: field.text(15), macAddress: field.text(17), volumes: field.listOf(field.volumeId, 64), desired: field.desired,
  phase: v.picklist(['starting', 'running', 'stopping', 'stopped', 'takeover', 'unavailableData', 'unavailableCapacity', 'crashBackoff', 'terminated']),
  generation: field.count, holder: v.nullable(field.nodeId), holderBootId: v.nullable(field.bootId), fence: v.nullable(proof),
  standby: v.nullable(field.nodeId), restarting: v.boolean(), stopForced: v.boolean(), failures: field.count,
  reason: v.nullable(v.strictObject({ code: field.text(64), message: field.text(500) })), phaseIndex: index, phaseAt: at,
  moves: field.listOf(move, MOVES_KEPT), terminationProtected: v.boolean(), shutdownBehavior: field.shutdownBehavior,
});

const nodes = field.listOf(field.nodeId, NODES_MAX);

const volume = v.strictObject({
  id: field.volumeId, sizeBytes: field.positive, image: v.nullable(field.imageId), instance: v.nullable(field.instanceId), device: field.text(32),
  minor: field.positive, port: field.positive, holder: v.nullable(field.nodeId), holderBootId: v.nullable(field.bootId), generation: field.count,
  replicas: nodes, inSync: nodes, version: field.count, epoch: field.count, formatted: v.boolean(), tainted: nodes, retired: nodes,
  deleting: v.boolean(), degradedSinceIndex: v.nullable(index),
});

const token = v.strictObject({ requestHash: field.text(128), instances: field.listOf(field.instanceId, INSTANCES_PER_REQUEST_MAX), index });

/** A table as its entries, in the order that it is walked in. */
const entries = <Key extends v.GenericSchema, Value extends v.GenericSchema>(key: Key, value: Value, lengthMax: number) =>
  field.listOf(v.tuple([key, value]), lengthMax);

/** Volumes that may be left of deleted instances, while a node that has a replica is away. */
const VOLUMES_MAX = 4 * INSTANCES_MAX;

/** Version of the snapshot's form; another one is refused. */
export const SNAPSHOT_VERSION = 1;

/** A whole state as a JSON value. */
export const snapshot = v.strictObject({
  version: v.literal(SNAPSHOT_VERSION),
  cell: field.cellId, clusterUuid: field.uuid, epoch: field.positive,
  // A cell that was founded when shares went above 1 stays readable; the limit itself takes such a share as 1.
  parameters: v.strictObject({ ...field.parameters, powerFenceShare: v.pipe(v.number(), v.minValue(0)) }),
  nodes: entries(field.nodeId, node, NODES_MAX),
  coordinators: entries(field.memberId, coordinator, COORDINATORS_MAX),
  images: entries(field.imageId, field.image, IMAGES_MAX),
  instances: entries(field.instanceId, instance, INSTANCES_MAX),
  volumes: entries(field.volumeId, volume, VOLUMES_MAX),
  tokens: entries(field.text(200), token, INSTANCES_MAX),
  nextMinor: field.positive, nextAddress: field.positive,
  powerFences: field.listOf(v.strictObject({ node: field.nodeId, bootId: field.bootId, index, atMs: field.milliseconds, foundOff: v.boolean() }), NODES_MAX * POWER_FENCES_PER_NODE_MAX),
});

/** The compiler's proof that schemas and records say the same: a field added to one and not to the other stops here. */
type Same<Left, Right> = [Left] extends [Right] ? ([Right] extends [Left] ? true : false) : false;
type Yields<Schema extends v.GenericSchema, Value> = [v.InferOutput<Schema>] extends [Value] ? Same<keyof v.InferOutput<Schema>, keyof Value> : false;
export const SCHEMAS_MATCH_RECORDS: [
  Yields<typeof node, NodeRecord>, Yields<typeof coordinator, CoordinatorRecord>, Yields<typeof field.image, ImageRecord>,
  Yields<typeof instance, InstanceRecord>, Yields<typeof volume, VolumeRecord>, Yields<typeof token, TokenRecord>,
  Yields<typeof snapshot.entries.parameters, CellParameters>,
  Same<Exclude<keyof v.InferOutput<typeof snapshot>, 'version'>, Exclude<keyof CellState, 'usage'>>,
] = [true, true, true, true, true, true, true, true];
