/**
 * What does the ledger know of an instance? What its owner wants, who holds it, and how far it is.
 *
 *     starting --reportStarted--> running --setDesired stopped/terminated--> stopping --reportStopped--> stopped | terminated
 *     running, starting, stopping --holder fenced--> takeover --takeOver--> starting
 *     running, starting --domain gone--> stopped, crashBackoff (desired running) --place--> starting
 *     takeover --no replica in sync alive--> unavailableData;  --no memory--> unavailableCapacity;  both --takeOver--> starting
 *     stopped --setDesired running, place--> starting;   stopped (desired running) --no room--> unavailableCapacity
 *     stopped, takeover, unavailable*, crashBackoff --setDesired stopped/terminated--> stopped | terminated   (nothing runs)
 */
import type { BootId, ImageId, InstanceId, NodeId, ReservationId, VolumeId } from '../ids.ts';
import type { FenceProof } from './node.ts';

export type DesiredState = 'running' | 'stopped' | 'terminated';

export type InstancePhase =
  | 'starting' | 'running' | 'stopping' | 'stopped' | 'takeover'
  | 'unavailableData' | 'unavailableCapacity' | 'crashBackoff' | 'terminated';

/** One change of holder, with why it was safe. */
export interface Move {
  readonly generation: number;
  readonly from: NodeId | null;
  readonly to: NodeId;
  readonly reason: 'created' | 'started' | 'restarted' | 'takenOver';
  /** The proof that the former holder is dead; null where it reported a clean stop (or there was none). */
  readonly proof: FenceProof | null;
  /** Ledger index of the entry. */
  readonly index: number;
  readonly at: string;
  /** Ledger index and time of the start report of this generation; null until it started. */
  readonly startedIndex: number | null;
  readonly startedAt: string | null;
  /** Why the other nodes were not chosen: node and reason, from placement. */
  readonly refused: readonly PlacementRefusal[];
}

/** Why placement did not choose a node. `reason` is a stable word, `detail` for people. */
export interface PlacementRefusal {
  readonly node: NodeId;
  readonly reason: string;
  readonly detail: string;
}

/** An instance. */
export interface InstanceRecord {
  readonly id: InstanceId;
  readonly environment: string;
  readonly reservation: ReservationId;
  readonly launchIndex: number;
  /** Wall-clock time of the request, for people. */
  readonly launchedAt: string;
  readonly image: ImageId;
  readonly type: string;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly keyName: string | null;
  /** Base64 as it came. */
  readonly userData: string | null;
  readonly clientToken: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly privateAddress: string;
  readonly macAddress: string;
  readonly volumes: readonly VolumeId[];
  readonly desired: DesiredState;
  readonly phase: InstancePhase;
  /** Fencing token: grows with each change of holder. 0: never placed. */
  readonly generation: number;
  /** The only node allowed to run it. Kept while stopped, as the preferred node: a right only together with `holderBootId`. */
  readonly holder: NodeId | null;
  /**
   * The boot that the right to run it was given to; null when that right was given back by a confirmed stop (or never
   * given). Not null in `takeover` and after it: that boot is fenced, and only `takeOver` may follow.
   */
  readonly holderBootId: BootId | null;
  /** Why it is certain that the boot above is dead, while the instance waits for its next holder; else null. */
  readonly fence: FenceProof | null;
  /** The node that has memory reserved for it. */
  readonly standby: NodeId | null;
  /** A reboot was asked for: the holder restarts the domain and reports the start again (or reports the stop, and it is placed again). */
  readonly restarting: boolean;
  /** A stop was asked for by force: the holder destroys the domain without asking the guest. */
  readonly stopForced: boolean;
  /** Failed starts and lost domains since it last ran well for long (`clearFailures`) or its owner asked for a start. */
  readonly failures: number;
  /** Why it is as it is, EC2's StateReason: code and message; null while nothing is to say. */
  readonly reason: { readonly code: string; readonly message: string } | null;
  /** Ledger index and time of the last change of phase. */
  readonly phaseIndex: number;
  readonly phaseAt: string;
  /** Newest last; at most MOVES_KEPT. */
  readonly moves: readonly Move[];
  /** EC2's stop protection and the like. */
  readonly terminationProtected: boolean;
  readonly shutdownBehavior: 'stop' | 'terminate';
}

/** How many changes of holder an instance remembers. */
export const MOVES_KEPT = 10;
/** How many of these keep their evidence: observations and refused nodes. The others keep the proof's head only. */
export const MOVES_WITH_EVIDENCE = 3;

/** Whether something of it may run, or be about to: it occupies memory on its holder. */
export function isPlaced(instance: Pick<InstanceRecord, 'phase'>): boolean {
  return instance.phase === 'starting' || instance.phase === 'running' || instance.phase === 'stopping';
}

/** Whether it waits for a holder after its last one was fenced, or for a place. */
export function isWaiting(instance: Pick<InstanceRecord, 'phase' | 'desired'>): boolean {
  return instance.desired === 'running' && !isPlaced(instance) && instance.phase !== 'terminated';
}

/** EC2's instance state, as clients see it. Codes: EC2 API reference, InstanceState. */
export function ec2State(instance: Pick<InstanceRecord, 'desired' | 'phase' | 'restarting' | 'moves'>): { readonly code: number; readonly name: string } {
  if (instance.phase === 'terminated') return { code: 48, name: 'terminated' };
  if (instance.desired === 'terminated') return { code: 32, name: 'shutting-down' };
  if (instance.desired === 'stopped') return instance.phase === 'stopped' ? { code: 80, name: 'stopped' } : { code: 64, name: 'stopping' };
  if (instance.phase === 'running' || instance.restarting) return { code: 16, name: 'running' };
  return { code: 0, name: 'pending' };
}
