/**
 * What may somebody who sees everything know of a cell beside its ledgers and its room? What its processes do at the edge.
 *
 * Called as it happens, in virtual time, before it takes effect. An audit changes nothing.
 */
import type { MemberId, NodeId } from '../../shared/ids.ts';

export interface CellAudit {
  /** An agent runs a program. */
  readonly onProgram: (node: NodeId, bootId: string, argv: readonly string[], stdin: string) => void;
  /** An agent's socket sends a datagram, or is handed one, without its seal: leases of a leader, heartbeats. */
  readonly onAgentSent: (node: NodeId, bytes: Uint8Array) => void;
  readonly onAgentHeard: (node: NodeId, bytes: Uint8Array) => void;
  /** A keeper pets its node's watchdog, or arms it. */
  readonly onPet: (node: NodeId, bootId: string) => void;
  /** A keeper sends a renewal, or is handed what a leader answered: the datagram without its seal. */
  readonly onLeaseSent: (node: NodeId, bootId: string, bytes: Uint8Array) => void;
  readonly onLeaseHeard: (node: NodeId, bootId: string, bytes: Uint8Array) => void;
  /** A ledger found its own invariant broken. Its process would end. */
  readonly onFatal: (member: MemberId, error: unknown) => void;
}
