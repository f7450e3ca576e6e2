/**
 * By which way does a heartbeat travel? As a datagram, and over the mesh too while no datagram of the other member comes in.
 *
 * Datagrams cost a small part of what the mesh costs, but nothing tells when they are lost for good: a firewall, a member
 * without a socket (a coordinator as witness), one that just started. So what was heard decides, on both sides alike.
 *
 * A node that was removed from the cell is heard no more, as on the mesh: a leader whose heartbeats come by datagram while its entries, which
 * take the mesh, are refused would lead for ever and decide nothing.
 *
 * Nor is a datagram heard twice, or after a later one: whoever repeats what a dead leader sent would keep a cell from electing, and whoever repeats
 * answers would keep a leader in office that nobody hears. The number of its round, which grows with each heartbeat of a term and which the answer
 * repeats, tells them apart.
 */
import type { MemberId, NodeId } from '../../ids.ts';
import type { CellState } from '../../model/cell.ts';
import { decodeHeartbeat, encodeHeartbeat, HEARTBEAT_MAGIC } from '../../wire/heartbeat.ts';
import type { Heartbeat } from '../../wire/heartbeat.ts';
import type { SealedSocket } from '../../wire/sealed-socket.ts';
import type { TimingProfile } from '../../model/timing.ts';
import type { Clock } from '../../world.ts';

/** The datagram side of heartbeats. */
export interface HeartbeatPath {
  /** Sends at most once. False when the mesh must carry the message too. */
  send(to: MemberId, message: Heartbeat): boolean;
  /** One handler, which checks the message as any other: only its sender is certain. */
  onMessage(handler: (from: MemberId, message: Heartbeat) => void): void;
}

export interface HeartbeatPathOptions {
  readonly self: MemberId;
  readonly socket: SealedSocket;
  readonly clock: Clock;
  /** Knows where the nodes' sockets are. */
  readonly state: () => CellState;
  readonly profile: TimingProfile;
}

/** For so many heartbeats after a member's last datagram its way counts as open: after one that was lost, the next takes both ways. */
const HEARTBEATS_OPEN = 1.5;

export function createHeartbeatPath(options: HeartbeatPathOptions): HeartbeatPath {
  const { self, socket, clock, state, profile } = options;
  const openForMs = HEARTBEATS_OPEN * profile.heartbeatMs;
  /** When each voter's last datagram came. Senders are members of the ledger (their key is known): never many. */
  const heardAtMs = new Map<MemberId, number>();
  /** The newest of each member and kind. A process that starts knows none, and takes each once. */
  const newest = new Map<string, { readonly term: number; readonly round: number }>();
  const isNews = (from: MemberId, { kind, term, round }: Heartbeat): boolean => {
    const known = newest.get(`${kind} ${from}`);
    if (known !== undefined && (term < known.term || (term === known.term && round <= known.round))) return false;
    newest.set(`${kind} ${from}`, { term, round });
    return true;
  };
  const isRemoved = (member: MemberId): boolean => state().nodes.get(member as NodeId)?.phase === 'removed';
  return {
    send(to, message) {
      if (isRemoved(to)) return false;
      // Whoever is no node of the ledger, or not yet known here, has no socket.
      const address = state().nodes.get(to as NodeId)?.leaseAddress;
      if (address === undefined || !socket.send(to, address, encodeHeartbeat(message))) return false;
      return clock.nowMs() - (heardAtMs.get(to) ?? -Infinity) <= openForMs;
    },
    onMessage(handler) {
      socket.onReceive(HEARTBEAT_MAGIC, (bytes, from) => {
        const message = decodeHeartbeat(bytes, from, self);
        if (message === null || isRemoved(from) || !isNews(from, message)) return;
        heardAtMs.set(from, clock.nowMs());
        handler(from, message);
      });
    },
  };
}
