/**
 * What does the ledger know of a node? Its identity, its current boot, what it can carry, and whether it is fenced.
 *
 *     admitted --boot--> joining --ready--> active <--uncordon/cordon--> draining --empty--> maintenance
 *     joining, active, draining, maintenance --intendFence--> fencing --proveFenced--> fenced
 *     joining, active, draining, maintenance --proveFenced (lease)--> fenced
 *     any but removed --boot with a new boot id--> joining      (the old boot is proven dead by it)
 *     joining --ready, cordoned--> draining;   draining, maintenance --uncordon--> active
 *     fenced, maintenance, admitted --remove--> removed
 *
 * Suspicion is not here: it is the leader's memory, and authorises nothing (SAFETY.md 5.1).
 */
import type { BootId, MemberId, NodeId } from '../ids.ts';

export type NodePhase = 'admitted' | 'joining' | 'active' | 'draining' | 'maintenance' | 'fencing' | 'fenced' | 'removed';

/** What a node can carry, attested by itself at boot. */
export interface NodeCapacity {
  /** Memory for domains, the control domain's own share taken off. */
  readonly memoryMiB: number;
  readonly vcpus: number;
  /** Size of the volume group for replicas. */
  readonly diskBytes: number;
  /** Kinds of domain that the hypervisor offers here. */
  readonly domainKinds: readonly ('pv' | 'pvh' | 'hvm')[];
}

/** How the node's power is switched from outside. Secrets are not in the ledger. */
export interface PowerAccess {
  /** `none`: nothing reaches its power; then only the lease proves it dead. */
  readonly kind: 'none' | 'ipmi';
  /** Address of the BMC, empty for `none`. */
  readonly address: string;
}

/** Why it is certain that nothing of a boot runs any more (SAFETY.md P3). */
export type FenceProofKind = 'leaseExpired' | 'powerOffConfirmed' | 'cleanStop' | 'nodeRebooted';

/** One observation that led to a proof: what was seen, and how long after the last renewal. For people and audits. */
export interface FenceObservation {
  readonly what: 'lastRenewal' | 'suspected' | 'probeAnswered' | 'probeFailed' | 'intentCommitted' | 'powerOffOrdered' | 'foundOff' | 'powerStatusOff' | 'powerFailed' | 'deadline' | 'bootSeen' | 'stopped';
  /** Milliseconds since the leader received the node's last renewal. */
  readonly afterMs: number;
  readonly by: MemberId;
  /** Wall-clock time, for people. */
  readonly at: string;
  readonly detail: string;
}

/** The evidence that a node's boot is dead. Kept, and shown with every takeover that it allowed. */
export interface FenceProof {
  readonly kind: FenceProofKind;
  readonly node: NodeId;
  readonly bootId: BootId;
  /** Ledger index of the entry that recorded it. */
  readonly index: number;
  readonly term: number;
  readonly leader: MemberId;
  /** The fence wait that held, in milliseconds; 0 where no waiting was needed. */
  readonly fenceWaitMs: number;
  readonly observations: readonly FenceObservation[];
  readonly at: string;
}

/** A node, as every replica of the ledger knows it. */
export interface NodeRecord {
  readonly id: NodeId;
  /** libp2p identity; replaceable, unlike the id. */
  readonly peerId: string;
  /** Multiaddr of its agent. */
  readonly meshAddress: string;
  /** `host:port` that its agent takes lease datagrams at (used while it is a voter). */
  readonly leaseAddress: string;
  /** X25519 public key (base64) that its lease datagrams are authenticated with. */
  readonly leaseKey: string;
  /** `host` of its storage network interface: DRBD connects to it. */
  readonly storageAddress: string;
  /** Nodes that may die together (rack, power feed): voters and replicas are spread over these. */
  readonly failureDomain: string;
  readonly power: PowerAccess;
  readonly phase: NodePhase;
  /** Null until it booted for the first time. */
  readonly bootId: BootId | null;
  /** The store that its ledger replica lives in; a new one is a new voter. */
  readonly storeUuid: string | null;
  /** Count of its boots. */
  readonly incarnation: number;
  /** Its earlier boots, newest last, at most PAST_BOOTS_KEPT: a late announcement of one of them is not a new boot. */
  readonly pastBoots: readonly BootId[];
  /**
   * The shortest wait after which the current boot may be proven dead by its lease, ms: the longest fence wait of all
   * profiles that were in force during this boot, because its keeper may still follow any of them. 0: never booted.
   */
  readonly fenceWaitMs: number;
  /** All zero until it booted for the first time. */
  readonly capacity: NodeCapacity;
  /** True: takes no new placements. */
  readonly cordoned: boolean;
  /** Proof of the death of its last boot that was fenced. */
  readonly fence: FenceProof | null;
  /** Ledger index of the intent that forbids the current boot any renewal, else null. */
  readonly fenceIntentIndex: number | null;
}

/** How many earlier boots of a node are remembered. */
export const PAST_BOOTS_KEPT = 16;

/** A member of the mesh that is no node. */
export interface CoordinatorRecord {
  readonly id: MemberId;
  readonly peerId: string;
  readonly meshAddress: string;
  /** Takes lease datagrams while it is a voter, though it never answers one: see the witness rule in shared/DESIGN.md. */
  readonly storeUuid: string | null;
}

/**
 * Whether it is proven that nothing of this boot of the node runs any more. A newer boot id is itself such a proof:
 * the commit of `bootNode` records it as `nodeRebooted`.
 */
export function isFenced(node: NodeRecord | undefined, bootId: BootId): boolean {
  if (node === undefined) return false;
  return node.bootId !== bootId || node.fence?.bootId === bootId;
}

/** Whether this boot of the node runs as far as the ledger knows, and nobody decided to fence it. Says nothing of new work. */
export function isLive(node: NodeRecord | undefined, bootId: BootId): boolean {
  return node !== undefined && node.bootId === bootId && node.fenceIntentIndex === null && node.phase !== 'fenced' && node.phase !== 'removed';
}

/** Whether the node may be given work and rights now: booted, ready, and nobody decided to fence it. */
export function mayAct(node: NodeRecord | undefined, bootId: BootId): boolean {
  return node !== undefined && node.bootId === bootId && node.fenceIntentIndex === null
    && (node.phase === 'active' || node.phase === 'draining' || node.phase === 'joining');
}
