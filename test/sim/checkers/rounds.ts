/**
 * Does a leader grant only what a quorum confirmed since? S9, its middle: a round begins after the renewal came, and ends before the grant leaves.
 *
 * Rounds are seen where the leader asks its ledger for one, renewals and grants at its socket. All on one node, so no clock is compared with another's.
 */
import type { NodeId } from '../../../shared/ids.ts';
import { LEASE_MAGIC } from '../../../shared/wire/lease.ts';
import type { Checker, Scene } from './checker.ts';
import { decodeOnce } from './decode-once.ts';

/** Renewals remembered at each leader, for each node of the cell: more than can be under way. Of fifty nodes 200 in all would be those of two seconds. */
const KEPT_EACH = 200;

export interface RoundChecker extends Checker {
  readonly sent: (node: NodeId, bytes: Uint8Array) => void;
  readonly heard: (node: NodeId, bytes: Uint8Array) => void;
}

interface Seat {
  readonly arrived: Map<string, number>;
  /** When the newest renewal had come that is not remembered any more. */
  forgottenUpToMs: number;
  /** Beginnings of the rounds that were confirmed: the newest of them is what counts. */
  confirmedBeganAtMs: number;
}

export function watchRounds({ cell, violate }: Scene): RoundChecker {
  const seats = new Map<string, Seat>();
  const seatOf = (member: string): Seat => {
    const known = seats.get(member) ?? { arrived: new Map<string, number>(), forgottenUpToMs: -Infinity, confirmedBeganAtMs: -Infinity };
    seats.set(member, known);
    return known;
  };
  const nowMs = (): number => cell.world.clock.nowMs();
  return {
    started: (member, ledger) => {
      const seat: Seat = { arrived: new Map<string, number>(), forgottenUpToMs: -Infinity, confirmedBeganAtMs: -Infinity };
      seats.set(member, seat);
      const confirm = ledger.confirmLeadership.bind(ledger);
      ledger.confirmLeadership = async () => {
        const beganAtMs = nowMs();
        const isConfirmed = await confirm();
        if (isConfirmed) seat.confirmedBeganAtMs = Math.max(seat.confirmedBeganAtMs, beganAtMs);
        return isConfirmed;
      };
    },
    heard: (node, bytes) => {
      if (bytes[0] !== LEASE_MAGIC) return;
      const renewal = decodeOnce(bytes);
      if (renewal?.kind !== 'renewal') return;
      const seat = seatOf(node);
      const { arrived } = seat;
      if (!arrived.has(renewal.nonce)) arrived.set(renewal.nonce, nowMs());
      const oldest = arrived.entries().next();
      if (arrived.size <= KEPT_EACH * cell.nodeIds.length || oldest.done === true) return;
      seat.forgottenUpToMs = oldest.value[1];
      arrived.delete(oldest.value[0]);
    },
    sent: (node, bytes) => {
      if (bytes[0] !== LEASE_MAGIC) return;
      const grant = decodeOnce(bytes);
      if (grant?.kind !== 'grant' || grant.status !== 'granted') return;
      const seat = seatOf(node);
      // A leader that stood still for a minute is given thousands at once, and grants all that one round confirms. A forgotten one came no later than that.
      const arrivedAtMs = seat.arrived.get(grant.nonce) ?? (seat.forgottenUpToMs === -Infinity ? Infinity : seat.forgottenUpToMs);
      if (seat.confirmedBeganAtMs < arrivedAtMs) violate(`S9 ${node} grants a renewal that no quorum confirmed since it came`);
    },
  };
}
