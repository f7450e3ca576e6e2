/**
 * Does it still fit? What is promised on each node, and the rule that no promise may exceed what the node has (S16).
 *
 * Memory: `placed + the largest sum reserved for one holder <= capacity`, because one holder may die at a time. Every
 * command that adds to it is held to that, except a takeover: that is what the reservation was for, so it needs only
 * `placed <= capacity`; the planner then gives up reservations that no longer fit. Processors may be overcommitted.
 */
import type { NodeId } from '../ids.ts';
import { isPlaced } from '../model/instance.ts';
import type { InstanceRecord } from '../model/instance.ts';
import type { CellState } from '../model/cell.ts';
import { NO_USAGE } from '../model/usage.ts';
import type { NodeUsage } from '../model/usage.ts';
import type { VolumeRecord } from '../model/volume.ts';
import type { Table } from '../table.ts';
import { MIB } from '../units.ts';

type UsageTable = Table<NodeId, NodeUsage>;

/** LVM's default extent. */
const EXTENT_BYTES = 4 * MIB;
/** DRBD's bitmap has one bit for 4 KiB of data, so one byte for 32 KiB; its other metadata takes less than 1 MiB. */
const BYTES_PER_BITMAP_BYTE = 32 * 1024;

/** Space that a replica of a volume takes in a volume group: data and DRBD metadata, both in whole extents. */
export function replicaBytes(sizeBytes: number): number {
  const extents = (bytes: number): number => Math.ceil(bytes / EXTENT_BYTES) * EXTENT_BYTES;
  return extents(sizeBytes) + extents(sizeBytes / BYTES_PER_BITMAP_BYTE + MIB);
}

/** Who reserves memory for whom: null when the instance has no standby or does not need one. */
function reservationOf(instance: InstanceRecord): { readonly standby: NodeId; readonly holder: NodeId } | null {
  const { standby, holder, holderBootId } = instance;
  if (standby === null || holder === null || holderBootId === null || instance.desired !== 'running') return null;
  return { standby, holder };
}

/** The usage after an instance changed. `before` and `after` are null where it did not or does not exist. */
export function usageAfterInstance(usage: UsageTable, before: InstanceRecord | null, after: InstanceRecord | null): UsageTable {
  let next = usage;
  if (before !== null) next = countInstance(next, before, -1);
  if (after !== null) next = countInstance(next, after, 1);
  return next;
}

/** The usage after a volume changed. */
export function usageAfterVolume(usage: UsageTable, before: VolumeRecord | null, after: VolumeRecord | null): UsageTable {
  if (before?.replicas === after?.replicas && before?.retired === after?.retired) return usage;
  let next = usage;
  if (before !== null) next = countReplicas(next, before, -1);
  if (after !== null) next = countReplicas(next, after, 1);
  return next;
}

function countInstance(usage: UsageTable, instance: InstanceRecord, sign: 1 | -1): UsageTable {
  let next = usage;
  if (isPlaced(instance) && instance.holder !== null) next = countPlaced(next, instance.holder, instance, instance.phase === 'starting', sign);
  const reservation = reservationOf(instance);
  return reservation === null ? next : countReserved(next, reservation.standby, reservation.holder, instance.memoryMiB, sign);
}

function countPlaced(usage: UsageTable, node: NodeId, size: { readonly memoryMiB: number; readonly vcpus: number }, isStarting: boolean, sign: 1 | -1): UsageTable {
  const old = usage.get(node) ?? NO_USAGE;
  return store(usage, node, {
    ...old,
    memoryMiB: old.memoryMiB + sign * size.memoryMiB,
    vcpus: old.vcpus + sign * size.vcpus,
    instances: old.instances + sign,
    starting: old.starting + (isStarting ? sign : 0),
  });
}

function countReserved(usage: UsageTable, standby: NodeId, holder: NodeId, memoryMiB: number, sign: 1 | -1): UsageTable {
  const old = usage.get(standby) ?? NO_USAGE;
  const reserved = new Map(old.reservedMiB);
  const sum = (reserved.get(holder) ?? 0) + sign * memoryMiB;
  if (sum === 0) reserved.delete(holder);
  else reserved.set(holder, sum);
  return store(usage, standby, { ...old, reservedMiB: reserved });
}

function countReplicas(usage: UsageTable, volume: VolumeRecord, sign: 1 | -1): UsageTable {
  let next = usage;
  for (const node of [...volume.replicas, ...volume.retired]) next = countReplica(next, node, volume.sizeBytes, sign);
  return next;
}

function countReplica(usage: UsageTable, node: NodeId, sizeBytes: number, sign: 1 | -1): UsageTable {
  const old = usage.get(node) ?? NO_USAGE;
  return store(usage, node, { ...old, diskBytes: old.diskBytes + sign * replicaBytes(sizeBytes), replicas: old.replicas + sign });
}

/** The usage if one more instance were created: what placement counts with before anything is committed. */
export function usageWithNew(usage: UsageTable, node: NodeId, standby: NodeId | null, size: { readonly memoryMiB: number; readonly vcpus: number; readonly diskBytes: number }): UsageTable {
  const placed = countReplica(countPlaced(usage, node, size, true, 1), node, size.diskBytes, 1);
  return standby === null ? placed : countReplica(countReserved(placed, standby, node, size.memoryMiB, 1), standby, size.diskBytes, 1);
}

/** A node without promises has no record, so that the table depends on what is promised only. */
function store(usage: UsageTable, node: NodeId, next: NodeUsage): UsageTable {
  const isEmpty = next.instances === 0 && next.replicas === 0 && next.reservedMiB.size === 0;
  return isEmpty ? usage.delete(node) : usage.set(node, next);
}

/** The usage added up from scratch: what `state.usage` must always equal. */
export function recomputeUsage(state: Pick<CellState, 'instances' | 'volumes'>, empty: UsageTable): UsageTable {
  let usage = empty;
  for (const instance of state.instances.values()) usage = countInstance(usage, instance, 1);
  for (const volume of state.volumes.values()) usage = countReplicas(usage, volume, 1);
  return usage;
}

/** Memory that must stay free on a node for the death of any one holder, MiB. */
export function reservedMiB(usage: NodeUsage): number {
  let most = 0;
  for (const sum of usage.reservedMiB.values()) most = Math.max(most, sum);
  return most;
}

/** What somebody wants to add on one node. */
export interface Demand {
  /** Memory of instances placed there, MiB. */
  readonly placedMiB?: number;
  /** Memory reserved there for instances of another node. */
  readonly reserve?: { readonly holder: NodeId; readonly memoryMiB: number };
  /** True: reservations may be used up (a takeover). */
  readonly usesReservations?: boolean;
}

/** Memory that would be missing on a node if the demand were met, MiB; 0 or less: it fits. */
export function missingMiB(state: CellState, node: NodeId, demand: Demand): number {
  const usage = state.usage.get(node) ?? NO_USAGE;
  const capacityMiB = state.nodes.get(node)?.capacity.memoryMiB ?? 0;
  const placed = usage.memoryMiB + (demand.placedMiB ?? 0);
  if (demand.usesReservations === true || !state.parameters.reserveStandby) return placed - capacityMiB;
  let reserved = reservedMiB(usage);
  if (demand.reserve !== undefined) {
    reserved = Math.max(reserved, (usage.reservedMiB.get(demand.reserve.holder) ?? 0) + demand.reserve.memoryMiB);
  }
  return placed + reserved - capacityMiB;
}

/** Space that would be missing on a node for one more replica, bytes; 0 or less: it fits. */
export function missingBytes(state: CellState, node: NodeId, sizeBytes: number): number {
  const used = state.usage.get(node)?.diskBytes ?? 0;
  return used + replicaBytes(sizeBytes) - (state.nodes.get(node)?.capacity.diskBytes ?? 0);
}
