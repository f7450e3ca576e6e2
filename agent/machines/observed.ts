/**
 * What does a node see of itself? Its domains and its replicas, as the programs told, in the words that decisions need.
 */
import type { BootId, InstanceId, NodeId, VolumeId } from '../../shared/ids.ts';
import type { ObservedDomain } from '../../shared/model/domain.ts';

/** A replica's logical volume. `formed`: its DRBD metadata was made for this membership (tag `ves.formed`). */
export interface ObservedReplica {
  readonly volume: VolumeId;
  readonly sizeBytes: number;
  readonly formed: boolean;
}

/** DRBD's own states, as `drbdsetup events2` spells them. */
export type DiskState = 'Diskless' | 'Attaching' | 'Failed' | 'Negotiating' | 'Inconsistent' | 'Outdated' | 'DUnknown' | 'Consistent' | 'UpToDate';

/** A DRBD resource that is configured in the kernel. `connection` null: no connection object (StandAlone after disconnect). */
export interface ObservedResource {
  readonly volume: VolumeId;
  readonly role: 'Primary' | 'Secondary' | 'Unknown';
  /** Empty when I/O flows; else why not: `fencing`, `no-data`, `user`. */
  readonly suspended: readonly string[];
  readonly disk: DiskState;
  readonly peerDisk: DiskState;
  readonly peerRole: 'Primary' | 'Secondary' | 'Unknown';
  /** `Connected`, `Connecting`, `StandAlone` ...; null without a connection. */
  readonly connection: string | null;
  /** `Established`, `SyncSource`, `SyncTarget`, `VerifyS` ...; null while not connected. */
  readonly replication: string | null;
  readonly outOfSyncBytes: number;
  readonly syncPercent: number | null;
}

/** Everything about this node that decisions look at. */
export interface Observed {
  readonly replicas: ReadonlyMap<VolumeId, ObservedReplica>;
  readonly resources: ReadonlyMap<VolumeId, ObservedResource>;
  readonly domains: ReadonlyMap<InstanceId, ObservedDomain>;
  /** Configuration that each resource's file holds now: a hash of its text. */
  readonly configs: ReadonlyMap<VolumeId, string>;
}

/** Who decides: this node in this boot. */
export interface Self {
  readonly node: NodeId;
  readonly bootId: BootId;
}
