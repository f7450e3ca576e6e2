/**
 * What does the ledger know of a volume? Who may write it, where its replicas are, and which of them hold every
 * acknowledged write (the in-sync set). The in-sync set gives permission to promote, DRBD can only veto (SAFETY.md 2.3).
 */
import type { BootId, ImageId, InstanceId, NodeId, VolumeId } from '../ids.ts';

/** A volume. One DRBD resource of one volume on two nodes (or a lone replica while a second is owed). */
export interface VolumeRecord {
  readonly id: VolumeId;
  readonly sizeBytes: number;
  /** What its first content is; null: zeroes. */
  readonly image: ImageId | null;
  readonly instance: InstanceId | null;
  /** As the guest sees it, e.g. `xvda`. */
  readonly device: string;
  /** DRBD's minor number and TCP port: unique in the cell. */
  readonly minor: number;
  readonly port: number;
  /**
   * The only node that may promote it, with the boot that the right was given to; null: nobody (its instance is stopped,
   * and then any node of the in-sync set may report an expansion). A fenced boot keeps its place here until the takeover.
   */
  readonly holder: NodeId | null;
  readonly holderBootId: BootId | null;
  /** Fencing token: grows with each change of holder. Same as the instance's while attached. */
  readonly generation: number;
  /** Nodes that keep a replica, the holder's first at creation. */
  readonly replicas: readonly NodeId[];
  /** Replicas that hold every acknowledged write. Never empty once formatted. */
  readonly inSync: readonly NodeId[];
  /** Grows with each Shrink and Expand: a late Expand is recognised by it. */
  readonly version: number;
  /** Grows when the set of replicas changes: DRBD's shared secret is derived from it. */
  readonly epoch: number;
  /**
   * False until the holder wrote the first content and reported it. Only while it is false may the holder use
   * `primary --force` (the one place where it is allowed, SAFETY.md 2.4).
   */
  readonly formatted: boolean;
  /** Replicas whose disk failed: never promoted until replaced (DRBD.md A1). */
  readonly tainted: readonly NodeId[];
  /** Replicas that were retired and must be wiped by their node when it hears of it. */
  readonly retired: readonly NodeId[];
  /** Set when the volume is to be deleted: its replicas are wiped, then the record goes. */
  readonly deleting: boolean;
  /** Ledger index at which the volume last lost its redundancy, null while it has two replicas in sync. */
  readonly degradedSinceIndex: number | null;
}
