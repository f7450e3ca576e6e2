/**
 * What is a well-formed field? The schemas that commands and records are put together from.
 *
 * They say what a value is made of, and bound it; what it means in a given state is for the guards of `apply`.
 */
import * as v from 'valibot';
import {
  isBootId, isCellId, isImageId, isInstanceId, isMemberId, isNodeId, isReservationId, isUuid, isVolumeId,
} from '../ids.ts';
import type { BootId, CellId, ImageId, InstanceId, MemberId, NodeId, ReservationId, VolumeId } from '../ids.ts';
import { OBSERVATIONS_MAX, REFUSALS_MAX } from '../model/limits.ts';

/** An id of one kind: a string that its grammar accepts. */
function id<Id extends string>(name: string, accepts: (text: string) => boolean) {
  return v.custom<Id>((value) => typeof value === 'string' && value.length <= 64 && accepts(value), `not a valid ${name}`);
}

export const nodeId = id<NodeId>('node id', isNodeId);
export const memberId = id<MemberId>('member id', isMemberId);
export const instanceId = id<InstanceId>('instance id', isInstanceId);
export const volumeId = id<VolumeId>('volume id', isVolumeId);
export const imageId = id<ImageId>('image id', isImageId);
export const reservationId = id<ReservationId>('reservation id', isReservationId);
export const bootId = id<BootId>('boot id', isBootId);
export const cellId = id<CellId>('cell id', isCellId);
export const uuid = id<string>('UUID', isUuid);
export const environment = id<string>('environment', isNodeId);

/** A whole number from 0. */
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
/** Instants and durations of other machines: finite, of either sign. */
export const milliseconds = v.pipe(v.number(), v.finite());
/** A string of at most `lengthMax` UTF-16 units. */
export const text = (lengthMax: number) => v.pipe(v.string(), v.maxLength(lengthMax));
export const listOf = <Item extends v.GenericSchema>(item: Item, lengthMax: number) => v.pipe(v.array(item), v.maxLength(lengthMax));

/** Pairs of strings. A custom check, because valibot's own record drops keys such as `constructor`, which tags may have. */
export const tags = v.custom<Readonly<Record<string, string>>>(isTags, 'not a record of at most 200 short strings');

function isTags(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  return entries.length <= 200 && entries.every(([key, each]) => key !== '__proto__' && key.length <= 512 && typeof each === 'string' && each.length <= 1024);
}

export const domainKind = v.picklist(['pv', 'pvh', 'hvm']);
export const desired = v.picklist(['running', 'stopped', 'terminated']);
export const shutdownBehavior = v.picklist(['stop', 'terminate']);
export const proofKind = v.picklist(['leaseExpired', 'powerOffConfirmed', 'cleanStop', 'nodeRebooted']);
export const profile = v.picklist(['fast', 'standard', 'soft']);

export const actor = v.strictObject({ node: nodeId, bootId });

export const capacity = v.strictObject({
  memoryMiB: count, vcpus: count, diskBytes: count, domainKinds: listOf(domainKind, 3),
});

export const power = v.strictObject({ kind: v.picklist(['none', 'ipmi']), address: text(255) });

export const observation = v.strictObject({
  what: v.picklist(['lastRenewal', 'suspected', 'probeAnswered', 'probeFailed', 'intentCommitted', 'powerOffOrdered', 'foundOff', 'powerStatusOff', 'powerFailed', 'deadline', 'bootSeen', 'stopped']),
  afterMs: milliseconds,
  by: memberId,
  at: text(64),
  detail: text(300),
});
export const observations = listOf(observation, OBSERVATIONS_MAX);

export const refusal = v.strictObject({ node: nodeId, reason: text(64), detail: text(300) });
export const refusals = listOf(refusal, REFUSALS_MAX);

export const placement = v.strictObject({ node: nodeId, bootId, standby: v.nullable(nodeId), refused: refusals });

export const image = v.strictObject({
  id: imageId, name: text(128), description: text(255), digest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)), sizeBytes: positive,
  architecture: v.literal('x86_64'), domainKind, createdAt: text(64),
});

export const parameters = {
  profile, rebuildAfterMs: count, powerFencing: v.boolean(), powerFenceShare: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  reserveStandby: v.boolean(), forgetTerminatedAfterMs: count,
};

/** Where members are reached and known by. */
export const address = text(255);
