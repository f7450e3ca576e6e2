/**
 * What is the state that the ledger agrees on? Everything desired and every right to act, of one cell.
 */
import type { BootId, CellId, ImageId, InstanceId, MemberId, NodeId, VolumeId } from '../ids.ts';
import { Table } from '../table.ts';
import type { ImageRecord } from './image.ts';
import type { InstanceRecord } from './instance.ts';
import type { CoordinatorRecord, NodeRecord } from './node.ts';
import { TIMING_PROFILES } from './timing.ts';
import type { TimingProfile } from './timing.ts';
import { MINUTE_MS } from '../units.ts';
import type { NodeUsage } from './usage.ts';
import type { VolumeRecord } from './volume.ts';

/** What may be tuned in a running cell. The same on all nodes, because it is in the ledger. */
export interface CellParameters {
  readonly profile: TimingProfile['name'];
  /** How long a node may be dead before its replicas are rebuilt elsewhere, ms. */
  readonly rebuildAfterMs: number;
  /** Whether the leader switches a suspect node's power off, where it can. */
  readonly powerFencing: boolean;
  /**
   * How many nodes may be missing because they were switched off within ten minutes and did not come back well, as a share of the nodes, 0 to 1
   * (at least one may): shared/ledger/power-limit.ts.
   */
  readonly powerFenceShare: number;
  /** Whether an instance needs a standby with memory reserved to be placed on more than one node. */
  readonly reserveStandby: boolean;
  /** How long a terminated instance stays visible, ms. */
  readonly forgetTerminatedAfterMs: number;
}

/** What a new cell begins with; `setParameters` changes them. */
export const DEFAULT_PARAMETERS: CellParameters = {
  profile: 'standard',
  rebuildAfterMs: 15 * MINUTE_MS,
  powerFencing: true,
  powerFenceShare: 0.2,
  reserveStandby: true,
  forgetTerminatedAfterMs: 60 * MINUTE_MS,
};

/** A request that was answered before: one token, one effect. */
export interface TokenRecord {
  /** Hash of the request's parameters: the same token with other parameters is an error (IdempotentParameterMismatch). */
  readonly requestHash: string;
  readonly instances: readonly InstanceId[];
  readonly index: number;
}

/** The whole state. */
export interface CellState {
  readonly cell: CellId;
  /** Identity of this ledger: a UUID; nothing of another ledger is ever accepted. */
  readonly clusterUuid: string;
  /** Grows when an operator recovers the cell by hand. */
  readonly epoch: number;
  readonly parameters: CellParameters;
  readonly nodes: Table<NodeId, NodeRecord>;
  readonly coordinators: Table<MemberId, CoordinatorRecord>;
  readonly images: Table<ImageId, ImageRecord>;
  readonly instances: Table<InstanceId, InstanceRecord>;
  readonly volumes: Table<VolumeId, VolumeRecord>;
  /** By `environment:token`. Gone when the last of its instances is forgotten. */
  readonly tokens: Table<string, TokenRecord>;
  /** What is promised on each node: derived from instances and volumes, kept so that no guard has to add it up. */
  readonly usage: Table<NodeId, NodeUsage>;
  /** Next DRBD minor to try, and next address of the instances' network. They count on past the last number: modulo. */
  readonly nextMinor: number;
  readonly nextAddress: number;
  /**
   * The power fences of an hour up to the newest, newest last, for the rate limit and the return of nodes (with the wall time the leader gave).
   * `foundOff`: the machine was off before the cell's first order.
   */
  readonly powerFences: readonly { readonly node: NodeId; readonly bootId: BootId; readonly index: number; readonly atMs: number; readonly foundOff: boolean }[];
}

/** A new cell. */
export function emptyCell(cell: CellId, clusterUuid: string, parameters: CellParameters): CellState {
  return {
    cell, clusterUuid, epoch: 1, parameters,
    nodes: Table.empty(), coordinators: Table.empty(), images: Table.empty(),
    instances: Table.empty(), volumes: Table.empty(), tokens: Table.empty(), usage: Table.empty(),
    nextMinor: 1, nextAddress: 10, powerFences: [],
  };
}

/** How long after a node's last renewal its current boot may be proven dead by its lease, ms. */
export function fenceWaitOf(state: Pick<CellState, 'parameters' | 'nodes'>, node: NodeId): number {
  return Math.max(TIMING_PROFILES[state.parameters.profile].fenceWaitMs, state.nodes.get(node)?.fenceWaitMs ?? 0);
}
