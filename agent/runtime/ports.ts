/**
 * What does the runtime ask of the node's programs? The drivers behind small ports, so that it knows no program by name.
 *
 * Every method has a deadline inside, rejects with ClusterError, and may be called again after any failure.
 */
import type { InstanceId, NodeId, VolumeId } from '../../shared/ids.ts';
import type { NodeCapacity } from '../../shared/model/node.ts';
import type { DomainSpec, ObservedDomain } from '../../shared/model/domain.ts';
import type { ObservedReplica, ObservedResource } from '../machines/observed.ts';

/** Replicas: logical volumes and DRBD resources. */
export interface ReplicaPort {
  /** Logical volumes of ours on this node. */
  listReplicas(): Promise<ReadonlyMap<VolumeId, ObservedReplica>>;
  /** Makes the logical volume unless it is there, fresh DRBD metadata (so that it takes a full sync), and marks it formed. */
  createReplica(volume: VolumeId, sizeBytes: number): Promise<void>;
  /** Takes the resource down and removes the logical volume; harmless when either is gone. */
  wipeReplica(volume: VolumeId): Promise<void>;
  /** The text of the resource's configuration file, null: none. */
  readConfig(volume: VolumeId): Promise<string | null>;
  writeConfig(volume: VolumeId, text: string): Promise<void>;
  adjust(volume: VolumeId): Promise<void>;
  up(volume: VolumeId): Promise<void>;
  connect(volume: VolumeId): Promise<void>;
  disconnectForce(volume: VolumeId): Promise<void>;
  /** Everything is taken from the connected peer again: only for a replica that is not in sync, from one that is. */
  invalidate(volume: VolumeId): Promise<void>;
  promote(volume: VolumeId): Promise<void>;
  /** `primary --force`: only for a volume that was never formatted. */
  promoteNew(volume: VolumeId): Promise<void>;
  demote(volume: VolumeId): Promise<void>;
  /** Writes an image's content to the (primary) device and verifies that all of it went. Null: zeroes need no writing. */
  writeImage(volume: VolumeId, minor: number, digest: string): Promise<void>;
  /** DRBD's view of all resources, kept current by its event stream. */
  resources(): ReadonlyMap<VolumeId, ObservedResource>;
  /** Whether the event stream has told everything once. */
  isCurrent(): boolean;
  /** Called with the resource that changed, or null when anything may have. */
  onChange(listener: (volume: VolumeId | null) => void): void;
}

/** Domains. */
export interface DomainPort {
  list(): Promise<ReadonlyMap<InstanceId, ObservedDomain>>;
  /** Creates it paused and tags it with instance, generation and boot. */
  create(spec: DomainSpec): Promise<void>;
  unpause(instance: InstanceId): Promise<void>;
  shutdown(instance: InstanceId): Promise<void>;
  destroy(instance: InstanceId): Promise<void>;
  /** The end of what the guest printed. */
  console(instance: InstanceId, bytesMax: number): Promise<string>;
}

/** The node's own measures. */
export interface HostPort {
  inventory(): Promise<NodeCapacity>;
  sample(): Promise<{ readonly freeMemoryMiB: number; readonly freeDiskBytes: number; readonly load: number }>;
}

/** The power of other nodes, through their BMCs. */
export interface PowerPort {
  off(node: NodeId): Promise<{ readonly wasOff: boolean }>;
  on(node: NodeId): Promise<void>;
  status(node: NodeId): Promise<'on' | 'off' | 'unknown'>;
}

/** This node's own lease, as its keeper holds it. */
export interface LeasePort {
  /** How long the lease is still valid, ms; 0 or less: not. */
  remainingMs(): number;
  /** Whether its watchdog is certain to stay armed: a keeper that may disarm it does not guard what is started now. */
  isBinding(): boolean;
  onChange(listener: () => void): void;
}

/** The highest generation that this node ever acted under, for each target; durable. */
export interface GenerationPort {
  seen(target: string): number;
  raise(target: string, generation: number): Promise<void>;
}
