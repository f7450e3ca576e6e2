/**
 * What does REST need from the rest of the world, beside what EC2 needs?
 */
import type { NodeId } from '../../shared/ids.ts';
import type { LeaderStatus, LedgerStatus } from '../../shared/ledger/replicated-log.ts';
import type { AsOf } from '../../shared/wire/rest.ts';
import type { HealthGossip } from '../../shared/wire/intent.ts';
import type { Timers } from '../../shared/world.ts';
import type { Accounts } from '../accounts.ts';
import type { Ports } from '../ports.ts';
import type { EventBook } from '../projection.ts';

/** What was last heard of a node, and how long ago. */
export interface HeardHealth {
  readonly gossip: HealthGossip;
  readonly ageMs: number;
}

/** What the leader's detector sees of one node. */
export interface LeaderSight {
  readonly suspect: { readonly phase: string; readonly silentForMs: number; readonly provenInMs: number } | null;
  readonly renewalAgeMs: number | null;
}

/** The cell's machinery, for people to look at. */
export interface FleetPort {
  asOf(): AsOf;
  status(): LedgerStatus;
  health(): ReadonlyMap<NodeId, HeardHealth>;
  /** What the leader's detector sees, by node; null when it did not answer within a second. Never rejects. */
  leaderSight(): Promise<ReadonlyMap<string, LeaderSight> | null>;
  /** The leader's own status; null when it did not answer within a second. Never rejects. */
  leaderStatus(): Promise<LeaderStatus | null>;
}

/** The simulated machine room's control socket. Rejects with ClusterError: the room's own codes, or `RoomUnreachable` (retryable). */
export interface RoomPort {
  ask(op: string, fields: Readonly<Record<string, unknown>>): Promise<unknown>;
}

/** Everything that REST needs. */
export interface RestPorts extends Ports {
  readonly timers: Timers;
  readonly accounts: Accounts;
  readonly fleet: FleetPort;
  readonly events: EventBook;
  /** Null: this fleet is real. */
  readonly room: RoomPort | null;
}
