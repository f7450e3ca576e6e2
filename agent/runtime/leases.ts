/**
 * How long does this node's own lease last? The agent's end of the line to its keeper.
 *
 * The keeper holds the lease, not the agent: this link only tells it who votes, and repeats to the gate what it says.
 * While the line is down the agent believes the last word until it lapses by itself: the lease is a date, not a state.
 */
import type { BootId, MemberId, NodeId } from '../../shared/ids.ts';
import { memberOfVoter } from '../../shared/ids.ts';
import type { ReplicatedLog } from '../../shared/ledger/replicated-log.ts';
import { TIMING_PROFILES } from '../../shared/model/timing.ts';
import type { Timer, World } from '../../shared/world.ts';
import { parseKeeperMessage } from '../../shared/wire/keeper.ts';
import type { AgentToKeeper, KeeperCell, KeeperToAgent, LeaseVoter } from '../../shared/wire/keeper.ts';
import { SECOND_MS } from '../../shared/units.ts';

/** A JSON value at a time, each way (shared/net/lines.ts has one). */
export interface LineConnection {
  send(value: unknown): boolean;
  onMessage(handler: (value: unknown) => void): void;
  /** Called once, also after `close`. */
  onClose(handler: (reason: string) => void): void;
  close(): void;
}

export interface KeeperLinkPorts {
  readonly world: World;
  readonly log: ReplicatedLog;
  /** The boot that this agent runs in: a keeper of another one is not ours. */
  readonly bootId: BootId;
  /** Connects to the keeper's socket; rejects when nobody listens. */
  readonly connect: () => Promise<LineConnection>;
  /** What this node seals with for that voter; null when it has no usable key. */
  readonly leaseKeysWith: LeaseKeysWith;
}

/** The keys of this node and another one, each way (shared/net/lease-seal.ts). */
export type LeaseKeysWith = (voter: MemberId) => Pick<LeaseVoter, 'sendKey' | 'receiveKey'> | null;

/** Longest pause between two attempts to reach the keeper. It is on the same machine. */
const RECONNECT_MS = SECOND_MS / 2;
/** See {@link KeeperLink}. */
const RENEWALS_TO_BIND = 3;

/**
 * The agent's view of its keeper. Bind it once per agent process.
 *
 * The keeper has no word for "I will not disarm any more", so that is concluded from its renewals. One that is told to end sends none after
 * that, and whoever sends a second one has read its line once since the first (each turn of its loop reads every line that
 * has something). So two confirmed renewals that were sent after the order mean: the order was read before any end. A third one is asked
 * for, because a turn may be cut short by a signal.
 */
export class KeeperLink {
  readonly #ports: KeeperLinkPorts;
  readonly #listeners = new Set<() => void>();
  readonly #unsubscribers: (() => void)[];
  #connection: LineConnection | null = null;
  #retry: Timer | null = null;
  #lease: KeeperToAgent | null = null;
  #renewalsInRow = 0;
  #told = '';
  #mayDisarm = false;
  /** When the keeper was forbidden to disarm, and which confirmed renewals were sent since: how many, and when the last. */
  #forbiddenAtMs = Infinity;
  #sentSince = 0;
  #lastSentAtMs = -Infinity;
  #isStopped = false;

  constructor(ports: KeeperLinkPorts) {
    this.#ports = ports;
    this.#unsubscribers = [ports.log.onStatus(() => this.#tellCell()), ports.log.subscribe(() => this.#tellCell())];
    this.#connect();
  }

  /** How much longer this node may act, ms; 0 without a lease, or when the watchdog is not armed. */
  remainingMs(): number {
    if (this.#lease?.armed !== true || this.#lease.validUntilMs === null) return 0;
    return Math.max(0, this.#lease.validUntilMs - this.#ports.world.clock.nowMs());
  }

  /**
   * How many renewals were confirmed in a row, as far as this agent heard: none missed between them, the watchdog armed all the
   * while. A renewal that was sent less than two intervals after the one before it has missed none.
   */
  renewalsInRow(): number {
    return this.remainingMs() > 0 ? this.#renewalsInRow : 0;
  }

  /** Whether the keeper is certain to leave the watchdog armed, however it ends: without that nothing may be started that must not run twice. */
  isBinding(): boolean {
    return this.#sentSince >= RENEWALS_TO_BIND;
  }

  /** The keeper's last word, null before the first. */
  lease(): KeeperToAgent | null {
    return this.#lease;
  }

  /** Called after each word of the keeper. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Says whether a keeper that is told to end may disarm the watchdog: true only while no domain runs on this node and none
   * will be started. Once it is withdrawn, the lease is binding again after three more renewals: {@link isBinding}.
   */
  allowDisarm(allowed: boolean): void {
    if (allowed === this.#mayDisarm) return;
    this.#mayDisarm = allowed;
    this.#tellDisarm();
  }

  stop(): void {
    this.#isStopped = true;
    for (const unsubscribe of this.#unsubscribers) unsubscribe();
    this.#retry?.cancel();
    this.#connection?.close();
  }

  #connect(): void {
    // Both ends are handled: a keeper that is not there is tried again.
    void this.#ports.connect().then(
      (connection) => this.#connected(connection),
      () => this.#later(),
    );
  }

  #connected(connection: LineConnection): void {
    if (this.#isStopped) {
      connection.close();
      return;
    }
    this.#connection = connection;
    connection.onMessage((value) => this.#heard(value));
    connection.onClose((reason) => {
      if (this.#connection !== connection) return;
      this.#connection = null;
      this.#ports.world.log.write({ event: 'keeperLinkLost', reason });
      this.#later();
    });
    this.#told = '';
    this.#tellCell();
    // Also when it is forbidden, unless that is certain: an agent before this one may have allowed it.
    if (!this.isBinding()) this.#tellDisarm();
  }

  #tellDisarm(): void {
    this.#sentSince = 0;
    // What cannot be said now is said to the next connection.
    const isForbidden = this.#send({ kind: 'disarm', allowed: this.#mayDisarm }) && !this.#mayDisarm;
    this.#forbiddenAtMs = isForbidden ? this.#ports.world.clock.nowMs() : Infinity;
  }

  /** Concludes from a confirmed renewal, by when it was sent. */
  #followRenewal(lease: KeeperToAgent): void {
    if (!lease.armed || lease.validUntilMs === null) return;
    const sentAtMs = lease.validUntilMs - TIMING_PROFILES[lease.profile].petWindowMs;
    if (sentAtMs <= this.#forbiddenAtMs || sentAtMs <= this.#lastSentAtMs) return;
    this.#lastSentAtMs = sentAtMs;
    this.#sentSince += 1;
  }

  #later(): void {
    if (this.#isStopped) return;
    this.#retry = this.#ports.world.timers.after(RECONNECT_MS * (0.5 + this.#ports.world.chance.next() / 2), () => this.#connect());
  }

  #heard(value: unknown): void {
    const lease = parseKeeperMessage(value);
    if (lease === null || lease.bootId !== this.#ports.bootId) {
      this.#ports.world.log.write({ event: 'keeperMessageRefused', level: 'alarm', message: value });
      return;
    }
    if (lease.armed !== this.#lease?.armed || lease.refusal !== this.#lease.refusal) {
      this.#ports.world.log.write({ event: 'lease', armed: lease.armed, refusal: lease.refusal, leader: lease.leader, profile: lease.profile });
    }
    this.#renewalsInRow = renewalsAfter(this.#renewalsInRow, this.#lease, lease);
    this.#lease = lease;
    this.#followRenewal(lease);
    for (const listener of this.#listeners) listener();
  }

  /** Tells who votes and by which profile, when that is news. */
  #tellCell(): void {
    if (this.#connection === null) return;
    const cell = keeperCell(this.#ports.log, this.#ports.leaseKeysWith);
    // An agent that has not caught up knows less than the keeper's own file.
    if (cell === null) return;
    const told = JSON.stringify(cell);
    if (told === this.#told) return;
    this.#told = told;
    this.#send(cell);
  }

  #send(message: AgentToKeeper): boolean {
    return this.#connection?.send(message) ?? false;
  }
}

/** A lease ends a fixed time after its renewal was sent, so two ends are as far apart as the renewals. */
function renewalsAfter(count: number, before: KeeperToAgent | null, now: KeeperToAgent): number {
  if (!now.armed || now.validUntilMs === null) return 0;
  if (before?.armed !== true || before.validUntilMs === null || before.profile !== now.profile) return 1;
  const apartMs = now.validUntilMs - before.validUntilMs;
  if (apartMs <= 0) return count;
  return apartMs < 2 * TIMING_PROFILES[now.profile].renewIntervalMs ? count + 1 : 1;
}

/** What the keeper must know of the ledger, or null when this member knows no voter that is a node with a usable key. */
export function keeperCell(log: Pick<ReplicatedLog, 'state' | 'status'>, leaseKeysWith: LeaseKeysWith): KeeperCell | null {
  const { cell, clusterUuid, parameters, nodes } = log.state();
  const voters: LeaseVoter[] = [];
  for (const voter of log.status().voters) {
    const id: MemberId = memberOfVoter(voter);
    // A witness is no node, never leads for long, and takes no renewals.
    const node = nodes.get(id as NodeId);
    if (node === undefined || node.phase === 'removed') continue;
    const keys = leaseKeysWith(id);
    if (keys !== null) voters.push({ id, leaseAddress: node.leaseAddress, ...keys });
  }
  return voters.length === 0 ? null : { kind: 'cell', cell, clusterUuid, profile: parameters.profile, voters };
}
