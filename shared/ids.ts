/**
 * What is a valid name of a thing? Branded ids, parsed once at the edge.
 *
 * Ids are the only strings that reach program arguments and file names, so their grammar is narrow on purpose.
 */
import { ClusterError } from './errors.ts';

declare const brand: unique symbol;
type Brand<Name extends string> = string & { readonly [brand]: Name };

/** A bare-metal node of the fleet, e.g. `node-1`. */
export type NodeId = Brand<'NodeId'>;
/** A process that takes part in a cell's mesh: a node's agent (its NodeId) or a coordinator, e.g. `coordinator-1`. */
export type MemberId = NodeId | Brand<'MemberId'>;
/** A voter of the ledger: member and store, e.g. `node-1.5f2c9a10`. A new store is a new voter (SAFETY.md 3.2). */
export type VoterId = Brand<'VoterId'>;
/** `i-` and 17 hex digits, as EC2 writes it. Also the Xen domain's name. */
export type InstanceId = Brand<'InstanceId'>;
/** `vol-` and 17 hex digits. Also the name of the logical volume and of the DRBD resource. */
export type VolumeId = Brand<'VolumeId'>;
/** `ami-` and 17 hex digits. */
export type ImageId = Brand<'ImageId'>;
/** `r-` and 17 hex digits: one RunInstances call. */
export type ReservationId = Brand<'ReservationId'>;
/** The kernel's boot id of one start of a node: a UUID. */
export type BootId = Brand<'BootId'>;
/** The name of a cell, e.g. `default`. */
export type CellId = Brand<'CellId'>;

const grammar = {
  name: /^[a-z][a-z0-9-]{0,30}$/,
  voter: /^[a-z][a-z0-9-]{0,30}\.[0-9a-f]{8}$/,
  instance: /^i-[0-9a-f]{17}$/,
  volume: /^vol-[0-9a-f]{17}$/,
  image: /^ami-[0-9a-f]{8,17}$/,
  reservation: /^r-[0-9a-f]{17}$/,
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
};

function parse<Id extends string>(what: string, pattern: RegExp, text: string): Id {
  if (!pattern.test(text)) {
    throw new ClusterError('InvalidId', `not a valid ${what}: ${JSON.stringify(text.slice(0, 60))}`, { retryable: false });
  }
  return text as Id;
}

/** Throws ClusterError `InvalidId` unless the text is a node's name; so do the other parsers, each for its kind. */
export const parseNodeId = (text: string): NodeId => parse('node id', grammar.name, text);
export const parseMemberId = (text: string): MemberId => parse('member id', grammar.name, text);
export const parseVoterId = (text: string): VoterId => parse('voter id', grammar.voter, text);
export const parseInstanceId = (text: string): InstanceId => parse('instance id', grammar.instance, text);
export const parseVolumeId = (text: string): VolumeId => parse('volume id', grammar.volume, text);
export const parseImageId = (text: string): ImageId => parse('image id', grammar.image, text);
export const parseReservationId = (text: string): ReservationId => parse('reservation id', grammar.reservation, text);
export const parseBootId = (text: string): BootId => parse('boot id', grammar.uuid, text);
export const parseCellId = (text: string): CellId => parse('cell id', grammar.name, text);

export const isNodeId = (text: string): text is NodeId => grammar.name.test(text);
export const isMemberId = (text: string): text is MemberId => grammar.name.test(text);
export const isVoterId = (text: string): text is VoterId => grammar.voter.test(text);
export const isInstanceId = (text: string): text is InstanceId => grammar.instance.test(text);
export const isVolumeId = (text: string): text is VolumeId => grammar.volume.test(text);
export const isImageId = (text: string): text is ImageId => grammar.image.test(text);
export const isReservationId = (text: string): text is ReservationId => grammar.reservation.test(text);
export const isBootId = (text: string): text is BootId => grammar.uuid.test(text);
export const isCellId = (text: string): text is CellId => grammar.name.test(text);
/** Whether the text is a UUID in lower case, as store and cluster UUIDs are written. */
export const isUuid = (text: string): boolean => grammar.uuid.test(text);

/** The voter that a member is with one store. `storeUuid` is the UUID that the store was made with. */
export function voterIdOf(member: MemberId, storeUuid: string): VoterId {
  return parseVoterId(`${member}.${parse('store uuid', grammar.uuid, storeUuid).slice(0, 8)}`);
}

/** The member behind a voter id. */
export function memberOfVoter(voter: VoterId): MemberId {
  return voter.slice(0, voter.lastIndexOf('.')) as MemberId;
}
