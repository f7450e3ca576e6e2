/**
 * What may be asked of the ledger? The commands, as they are written into the log.
 *
 * Every command carries what it expects (generation, version, boot id ...) and is rejected, with a reason and without
 * effect, when that is stale (SAFETY.md 3.6). Time is in them only as facts that the proposer saw.
 */
import type { BootId, ImageId, InstanceId, MemberId, NodeId, ReservationId, VolumeId } from '../ids.ts';
import type { CellParameters } from '../model/cell.ts';
import type { CellEvent } from '../model/event.ts';
import type { ImageRecord } from '../model/image.ts';
import type { DesiredState, PlacementRefusal } from '../model/instance.ts';
import type { CoordinatorRecord, FenceObservation, FenceProofKind, NodeCapacity, NodeRecord } from '../model/node.ts';

/** Who did something: a node in one of its boots. Checked against the node's record by every guard. */
export interface Actor {
  readonly node: NodeId;
  readonly bootId: BootId;
}

/** Where an instance shall run: chosen by the leader's placement, checked again (memory, in-sync sets) when applied. */
export interface Placement {
  readonly node: NodeId;
  readonly bootId: BootId;
  readonly standby: NodeId | null;
  readonly refused: readonly PlacementRefusal[];
}

/** One instance of a RunInstances request. */
export interface NewInstance {
  readonly id: InstanceId;
  readonly volume: VolumeId;
  readonly placement: Placement;
}

export type Command =
  /** Identity of a node; the same id again replaces addresses and keys only. */
  | { readonly kind: 'admitNode'; readonly node: Pick<NodeRecord, 'id' | 'peerId' | 'meshAddress' | 'leaseAddress' | 'leaseKey' | 'storageAddress' | 'failureDomain' | 'power'> }
  | { readonly kind: 'admitCoordinator'; readonly coordinator: CoordinatorRecord }
  /** A node started: any earlier boot of it is dead by that. `tainted`: volumes whose replica here failed. */
  | { readonly kind: 'bootNode'; readonly actor: Actor; readonly storeUuid: string; readonly capacity: NodeCapacity; readonly tainted: readonly VolumeId[] }
  /** The node's replicas are up as secondaries, orphan domains are gone, the watchdog is armed: it takes work. */
  | { readonly kind: 'readyNode'; readonly actor: Actor }
  | { readonly kind: 'cordonNode'; readonly node: NodeId; readonly cordoned: boolean }
  | { readonly kind: 'removeNode'; readonly node: NodeId }
  /** From its commit on, renewals of that boot are refused for good. Needed before power is switched. `atMs`: the leader's wall clock, for the rate limit only. */
  | { readonly kind: 'intendFence'; readonly node: NodeId; readonly bootId: BootId; readonly byPower: boolean; readonly atMs: number; readonly reason: string }
  | { readonly kind: 'proveFenced'; readonly node: NodeId; readonly bootId: BootId; readonly proof: FenceProofKind; readonly fenceWaitMs: number; readonly term: number; readonly leader: MemberId; readonly observations: readonly FenceObservation[] }
  | { readonly kind: 'createInstances'; readonly reservation: ReservationId; readonly environment: string; readonly clientToken: string | null; readonly requestHash: string;
      readonly image: ImageId; readonly type: string; readonly vcpus: number; readonly memoryMiB: number; readonly diskBytes: number; readonly keyName: string | null; readonly userData: string | null;
      readonly tags: Readonly<Record<string, string>>; readonly terminationProtected: boolean; readonly shutdownBehavior: 'stop' | 'terminate'; readonly instances: readonly NewInstance[] }
  /** Applied to all named instances or to none. A start is placed by `placeInstance` afterwards. */
  | { readonly kind: 'setDesired'; readonly instances: readonly InstanceId[]; readonly desired: DesiredState; readonly force: boolean }
  | { readonly kind: 'restartInstances'; readonly instances: readonly InstanceId[] }
  /** A stopped instance that shall run, onto a node whose replicas are in sync. */
  | { readonly kind: 'placeInstance'; readonly instance: InstanceId; readonly expectGeneration: number; readonly placement: Placement }
  /** The holder is fenced: another replica in sync takes the instance. `proofIndex` names the proof, 0 for a boot that is proven dead by a newer boot. */
  | { readonly kind: 'takeOver'; readonly instance: InstanceId; readonly expectGeneration: number; readonly from: Actor; readonly placement: Placement }
  /** A new standby for an instance whose old one is gone or has no room. */
  | { readonly kind: 'setStandby'; readonly instance: InstanceId; readonly expectGeneration: number; readonly standby: NodeId | null }
  /** Why an instance that shall run cannot be placed now. */
  | { readonly kind: 'setUnavailable'; readonly instance: InstanceId; readonly expectGeneration: number; readonly phase: 'unavailableData' | 'unavailableCapacity'; readonly message: string }
  /** Why a start takes its time, as its holder sees it: told once for each reason, and shown to people until it runs. */
  | { readonly kind: 'reportDelayed'; readonly actor: Actor; readonly instance: InstanceId; readonly generation: number; readonly message: string }
  | { readonly kind: 'reportStarted'; readonly actor: Actor; readonly instance: InstanceId; readonly generation: number }
  /** The domain is gone and its volumes are secondary again on this node: a cooperative stop, confirmed. */
  | { readonly kind: 'reportStopped'; readonly actor: Actor; readonly instance: InstanceId; readonly generation: number; readonly cause: 'asked' | 'guestStopped' | 'domainLost' | 'startFailed'; readonly detail: string }
  /** The first content is on the volume: never again `primary --force`. */
  | { readonly kind: 'volumeFormatted'; readonly actor: Actor; readonly volume: VolumeId; readonly generation: number }
  /** Only `actor` is in sync from now on. Always bumps `version`, also when that was so before. */
  | { readonly kind: 'shrink'; readonly actor: Actor; readonly volume: VolumeId; readonly generation: number; readonly reason: string }
  /** `replica` holds everything again: seen by both ends on one connection, while the volume's version was `expectVersion`. */
  | { readonly kind: 'expand'; readonly actor: Actor; readonly volume: VolumeId; readonly generation: number; readonly expectVersion: number; readonly replica: NodeId }
  /**
   * A replica on `node` in place of `replaces` (whose node is fenced, removed, or has a failed disk): epoch + 1.
   * `replaces` null: a second replica beside a lone one. `node` = `replaces`: a failed replica is only given up, to be
   * made again on the same node once it was wiped there.
   */
  | { readonly kind: 'replaceReplica'; readonly volume: VolumeId; readonly expectEpoch: number; readonly node: NodeId; readonly replaces: NodeId | null }
  /** The node wiped its retired (or deleted) replica: durably gone, not only planned to be. */
  | { readonly kind: 'replicaWiped'; readonly actor: Actor; readonly volume: VolumeId }
  /** This replica's disk failed: never to be offered again. Shrinks it out; refused while no other living node has everything. */
  | { readonly kind: 'replicaTainted'; readonly actor: Actor; readonly volume: VolumeId }
  | { readonly kind: 'registerImage'; readonly image: ImageRecord }
  | { readonly kind: 'setTags'; readonly instances: readonly InstanceId[]; readonly set: Readonly<Record<string, string>>; readonly remove: readonly { readonly key: string; readonly value: string | null }[] }
  | { readonly kind: 'setAttributes'; readonly instance: InstanceId; readonly terminationProtected?: boolean; readonly shutdownBehavior?: 'stop' | 'terminate' }
  | { readonly kind: 'setParameters'; readonly change: Partial<CellParameters> }
  /** It has run well for long enough: earlier failures no longer slow its next restart. */
  | { readonly kind: 'clearFailures'; readonly instance: InstanceId; readonly expectGeneration: number }
  /** A terminated instance was visible for long enough. */
  | { readonly kind: 'forgetInstances'; readonly instances: readonly InstanceId[] };

/** Why a command had no effect. Stable words; the API maps them to EC2's codes. */
export type RejectReason =
  | 'unknownNode' | 'unknownInstance' | 'unknownVolume' | 'unknownImage'
  | 'staleBoot' | 'staleGeneration' | 'staleVersion' | 'staleEpoch'
  | 'fenced' | 'notFenced' | 'notHolder' | 'notInSync' | 'noCapacity' | 'nodeNotActive' | 'wrongState' | 'notFormatted'
  | 'duplicateId' | 'tokenMismatch' | 'terminationProtected' | 'tooManyTags' | 'rateLimited' | 'invalidParameter' | 'lastReplica'
  /** Not the ledger's word but its leader's: the node's vote is handed over first. */
  | 'stillVotes';

/** What `apply` answers. `value` is what the proposer gets back. */
export type ApplyResult =
  | { readonly kind: 'applied'; readonly value?: unknown }
  | Rejection;

export interface Rejection {
  readonly kind: 'rejected';
  readonly reason: RejectReason;
  readonly message: string;
}

/** One entry of the log, as it is proposed. */
export interface EntryData {
  readonly command: Command;
  /** Wall-clock time of the proposal, for people. */
  readonly at: string;
  readonly by: MemberId;
}

/** One entry after it was applied, as listeners hear it. */
export interface AppliedEntry {
  readonly index: number;
  readonly term: number;
  readonly data: EntryData;
  readonly result: ApplyResult;
  readonly events: readonly CellEvent[];
}
