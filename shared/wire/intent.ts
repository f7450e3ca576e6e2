/**
 * What do clients of a cell ask its leader for? Requests that need the leader's placement before they become commands.
 *
 * Mesh method `intent`, answered by whichever agent leads; others answer ClusterError `NotLeader` whose message
 * names the leader. Plain commands of users travel by method `propose` and are limited to USER_COMMANDS.
 */
import type { ImageId, InstanceId, ReservationId, VolumeId } from '../ids.ts';
import type { ApplyResult, Command } from '../ledger/commands.ts';
import type { PlacementRefusal } from '../model/instance.ts';

/** RunInstances, validated and with ids drawn by the coordinator. */
export interface RunInstancesIntent {
  readonly kind: 'runInstances';
  readonly reservation: ReservationId;
  readonly environment: string;
  readonly clientToken: string | null;
  readonly requestHash: string;
  readonly image: ImageId;
  readonly type: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly diskBytes: number;
  readonly keyName: string | null;
  readonly userData: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly terminationProtected: boolean;
  readonly shutdownBehavior: 'stop' | 'terminate';
  /** Fewer instances than this: none at all. */
  readonly minCount: number;
  /** Ids for up to MaxCount instances; as many as fit are made, in this order. */
  readonly ids: readonly { readonly instance: InstanceId; readonly volume: VolumeId }[];
  /** Only say whether it could be placed. */
  readonly dryRun: boolean;
}

export type Intent = RunInstancesIntent;

/** The leader's answer. `instances` names what was created, or what the same client token created before. */
export type IntentAnswer =
  | { readonly kind: 'created'; readonly index: number; readonly instances: readonly InstanceId[] }
  | { readonly kind: 'wouldSucceed' }
  | { readonly kind: 'noCapacity'; readonly refused: readonly PlacementRefusal[] }
  | { readonly kind: 'rejected'; readonly result: Extract<ApplyResult, { kind: 'rejected' }> };

/** Kinds of command that a coordinator may propose; everything else comes from agents alone. */
export const USER_COMMANDS: readonly Command['kind'][] = [
  'setDesired', 'restartInstances', 'setTags', 'setAttributes', 'registerImage', 'cordonNode', 'admitNode', 'removeNode', 'setParameters', 'admitCoordinator',
];

/** Mesh method `console`: asks an instance's holder for the end of its console output. */
export interface ConsoleRequest {
  readonly instance: InstanceId;
  readonly bytesMax: number;
}

/** `text` is what the guest printed last. */
export interface ConsoleAnswer {
  readonly text: string;
}

/** Gossip topic `health`: one node's own view, every 10 s and on change. */
export interface HealthGossip {
  readonly node: string;
  readonly bootId: string;
  /** Grows with each message of this boot: a repeated or older one is dropped. */
  readonly sequence: number;
  /** Memory that domains could still get, and space for replicas, as measured. */
  readonly freeMemoryMiB: number;
  readonly freeDiskBytes: number;
  /** Load of the control domain, 0 to 1 per processor. */
  readonly load: number;
  /** Worst delay of the agent's event loop since the last message, ms. */
  readonly loopDelayMsMax: number;
  /** Members this agent has no connection to. */
  readonly unreachable: readonly string[];
  /** Instances that run here now, with their generation. */
  readonly running: readonly { readonly instance: string; readonly generation: number }[];
  /** Volumes whose replica here is not well: id and what DRBD says. */
  readonly volumes: readonly { readonly volume: string; readonly role: string; readonly disk: string; readonly peerDisk: string; readonly connection: string; readonly syncPercent: number | null; readonly suspended: boolean }[];
}
