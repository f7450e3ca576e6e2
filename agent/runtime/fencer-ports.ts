/**
 * What does the fencer need, and what does it show? The ports of fencer.ts and fencer-watches.ts.
 */
import type { BootId, MemberId, NodeId } from '../../shared/ids.ts';
import type { LeaderLog } from '../../shared/ledger/replicated-log.ts';
import type { World } from '../../shared/world.ts';
import type { SealedSocket } from '../../shared/wire/sealed-socket.ts';
import type { Mesh } from '../../shared/wire/mesh.ts';

/** Switches nodes' power from outside, through whatever their record's `power` names. May reject, and may take long. */
export interface PowerSwitch {
  /** Switches it off, and says whether it was off already. */
  off(node: NodeId): Promise<{ readonly wasOff: boolean }>;
  on(node: NodeId): Promise<void>;
  status(node: NodeId): Promise<'on' | 'off' | 'unknown'>;
}

export interface FencerPorts {
  readonly world: World;
  /** Wall clock in ms, for the ledger's rate limit of power fences only. */
  readonly wallMs: () => number;
  readonly log: LeaderLog;
  /** The socket behind this node's `leaseAddress`. */
  readonly socket: SealedSocket;
  readonly mesh: Mesh;
  readonly power: PowerSwitch;
  readonly self: MemberId;
  /**
   * On a leader: a moment after which no former leader confirmed a lease, by this process's monotonic clock; null where the engine of the ledger
   * cannot tell, and then the leader waits from its taking office.
   */
  readonly formerContactAtMs: () => number | null;
  /** Whether this node's replicas see their peers on that node; null when it shares none. For probes. */
  readonly storageReachable: (node: NodeId) => boolean | null;
}

/** What the leader thinks of a node that it does not hear. */
export interface SuspectView {
  readonly bootId: BootId;
  readonly phase: 'probing' | 'suspect' | 'intending' | 'switchingOff' | 'proving' | 'proven';
  /** Since when nothing was heard, by the monotonic clock. */
  readonly silentSinceMs: number;
  /** When the lease path proves it dead, by the monotonic clock. */
  readonly deadlineAtMs: number;
  /** How often it was suspect and came back, while this leader leads. */
  readonly flaps: number;
}

export interface Fencer {
  /** Nodes that the leader does not hear; empty on others. Hints, for the planner and for people. */
  suspects(): ReadonlyMap<NodeId, SuspectView>;
  /** The last renewal that this member received from the node, whether it leads or not. */
  heard(node: NodeId): { readonly bootId: BootId; readonly ageMs: number } | null;
  /** How often each node was suspect and came back, while this leader leads. */
  flaps(node: NodeId): number;
  stop(): void;
}
