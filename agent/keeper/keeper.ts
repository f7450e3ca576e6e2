/**
 * What does the keeper do? It runs lease-holder.ts between a socket, the watchdog and the agent's line. Nothing else lives here.
 *
 * It needs nobody to go on: the agent only brings news of voters and profile, which are kept in a file for the next start.
 */
import { describeError, unreachable } from '../../shared/errors.ts';
import type { BootId, MemberId, NodeId } from '../../shared/ids.ts';
import { TIMING_PROFILES } from '../../shared/model/timing.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';
import type { Datagrams, Machine, Timer, Watchdog, World } from '../../shared/world.ts';
import { parseAgentMessage } from '../../shared/wire/keeper.ts';
import type { KeeperCell, KeeperToAgent, LeaseVoter } from '../../shared/wire/keeper.ts';
import { constantsHash, decodeLease, encodeRenewal } from '../../shared/wire/lease.ts';
import type { Sealer } from '../../shared/wire/lease.ts';
import { holderWakesAtMs, leaseOf, startHolder, stepHolder } from '../machines/lease-holder.ts';
import type { HolderEffect, HolderEvent, HolderState } from '../machines/lease-holder.ts';

/** What a keeper is made of. */
export interface KeeperPorts {
  readonly world: World;
  /** Wall clock in ms, for the moments at which renewals are sent only (lease-holder.ts). */
  readonly wallMs: () => number;
  readonly node: NodeId;
  readonly bootId: BootId;
  readonly machine: Pick<Machine, 'resetNow'>;
  readonly watchdog: Watchdog;
  readonly datagrams: Datagrams;
  /** The ledger that this node belongs to: an agent that speaks of another one is not believed. */
  readonly clusterUuid: string;
  /** Seals for these voters and for nobody else, with the keys that the agent named. */
  readonly sealerFor: (voters: readonly LeaseVoter[]) => Sealer;
  /** Tells every agent that is connected. */
  readonly tellAgents: (message: KeeperToAgent) => void;
  /** Remembers the cell for the next start; failures are its own to report, and harmless. */
  readonly saveCell: (cell: KeeperCell) => void;
}

/** One event without its time. */
type Unstamped<Event> = Event extends unknown ? Omit<Event, 'atMs'> : never;

/** The keeper of one boot. Every event is handled to its end before the next one. */
export class Keeper {
  readonly #ports: KeeperPorts;
  #state: HolderState;
  #cell: KeeperCell | null;
  #sealer: Sealer;
  #timer: Timer | null = null;
  /** When it fires; without meaning while there is none. */
  #timerAtMs = 0;
  #mayDisarm = false;
  #isEnding = false;

  /** Starts to renew, if `cell` names voters. `profile` holds until an agent, or `cell`, names another. */
  constructor(ports: KeeperPorts, profile: TimingProfile['name'], cell: KeeperCell | null) {
    this.#ports = ports;
    this.#cell = cell;
    this.#sealer = ports.sealerFor(cell?.voters ?? []);
    this.#state = startHolder(TIMING_PROFILES[cell?.profile ?? profile], votersOf(cell), ports.world.clock.nowMs());
    ports.datagrams.onReceive((bytes) => this.#received(bytes));
    this.#setTimer();
  }

  /** The keeper's word; the first that a new connection is told. */
  lease(): KeeperToAgent {
    const { armed, validUntilMs } = leaseOf(this.#state);
    const { leader, refusal, profile } = this.#state;
    return { kind: 'lease', bootId: this.#ports.bootId, armed, validUntilMs, leader, refusal, profile: profile.name };
  }

  /** Takes a message of the agent. */
  hear(value: unknown): void {
    const message = parseAgentMessage(value);
    switch (message?.kind) {
      case 'cell':
        if (message.clusterUuid !== this.#ports.clusterUuid) {
          this.#ports.world.log.write({ event: 'agentMessageRefused', level: 'alarm', why: 'another ledger', clusterUuid: message.clusterUuid });
          return;
        }
        this.#cell = message;
        this.#sealer = this.#ports.sealerFor(message.voters);
        this.#ports.saveCell(message);
        this.#feed({ kind: 'cellChanged', voters: votersOf(message), profile: TIMING_PROFILES[message.profile] });
        return;
      case 'disarm':
        this.#mayDisarm = message.allowed;
        return;
      case undefined:
        // Not what it says: a message may hold keys.
        this.#ports.world.log.write({ event: 'agentMessageRefused', level: 'alarm', why: 'not understood' });
        return;
      default:
        unreachable(message);
    }
  }

  /** An agent is gone: what it said of its domains holds no more. The next one may be there already, and says so itself. */
  agentGone(): void {
    this.#mayDisarm = false;
  }

  /** Ends in order: disarms where the agent allowed it. Otherwise the watchdog stays armed, and the node resets. */
  async stop(): Promise<void> {
    // No renewal from here on: the agent takes a renewal for the word of a keeper that goes on (agent/runtime/leases.ts).
    this.#isEnding = true;
    this.#timer?.cancel();
    const { watchdog, world } = this.#ports;
    if (this.#state.phase === 'armed' && this.#mayDisarm) {
      await watchdog.disarm();
      world.log.write({ event: 'keeperStopped', watchdog: 'disarmed' });
    } else if (this.#state.phase === 'armed' || this.#state.phase === 'arming') {
      world.log.write({ event: 'keeperStopped', level: 'alarm', watchdog: 'leftArmed', nodeResetsWithinMs: this.#state.profile.watchdogMs });
    } else {
      world.log.write({ event: 'keeperStopped', watchdog: 'notArmedByThisKeeper' });
    }
  }

  #received(bytes: Uint8Array): void {
    const opened = this.#sealer.open(bytes);
    const grant = opened === null ? null : decodeLease(opened.bytes);
    if (opened === null || grant?.kind !== 'grant') return;
    const leader = opened.from;
    const { nonce, status } = grant;
    this.#feed(status === 'granted' ? { kind: 'granted', nonce, leader } : { kind: 'refused', nonce, leader, reason: status });
  }

  #feed(event: Unstamped<HolderEvent>): void {
    const before = this.#state;
    const { state, effects } = stepHolder(before, { ...event, atMs: this.#ports.world.clock.nowMs() });
    this.#state = state;
    if (state.phase !== before.phase || state.refusal !== before.refusal) {
      this.#ports.world.log.write({ event: 'lease', from: before.phase, to: state.phase, why: event.kind, refusal: state.refusal, leader: state.leader });
    }
    for (const effect of effects) this.#perform(effect);
    this.#setTimer();
  }

  #perform(effect: HolderEffect): void {
    const { world, watchdog, machine, tellAgents } = this.#ports;
    switch (effect.kind) {
      case 'sendRenewal':
        this.#sendRenewal(effect.nonce, effect.to);
        return;
      case 'pet':
        if (world.clock.nowMs() < effect.untilMs) watchdog.pet();
        return;
      case 'arm':
        if (world.clock.nowMs() < effect.untilMs) this.#arm(effect.timeoutMs);
        return;
      case 'resetNode':
        world.log.write({ event: 'nodeReset', level: 'alarm', reason: effect.reason });
        machine.resetNow(effect.reason);
        return;
      case 'tellAgent':
        tellAgents(this.lease());
        return;
      case 'reportProfileKept':
        world.log.write({ event: 'profileKept', level: 'warning', kept: this.#state.profile.name, wanted: effect.wanted });
        return;
      default:
        unreachable(effect);
    }
  }

  #arm(timeoutMs: number): void {
    // Both ends are handled here.
    void this.#ports.watchdog.arm(timeoutMs).then(
      () => this.#feed({ kind: 'dogArmed' }),
      (thrown: unknown) => {
        this.#ports.world.log.write({ event: 'watchdogNotArmed', level: 'alarm', timeoutMs, error: describeError(thrown) });
        this.#feed({ kind: 'dogRefused' });
      },
    );
  }

  #sendRenewal(nonce: string, to: readonly MemberId[]): void {
    if (this.#cell === null) return;
    const { cell, clusterUuid, voters } = this.#cell;
    const { node, bootId, datagrams } = this.#ports;
    const bytes = encodeRenewal({ kind: 'renewal', cell, clusterUuid, node, bootId, nonce, constants: constantsHash(this.#state.profile) });
    for (const voter of voters) {
      if (!to.includes(voter.id)) continue;
      const sealed = this.#sealer.seal(voter.id, bytes);
      if (sealed !== null) datagrams.send(voter.leaseAddress, sealed);
    }
  }

  #setTimer(): void {
    const wakesAtMs = holderWakesAtMs(this.#state);
    // Most events leave it where it is.
    if (this.#timer !== null && wakesAtMs === this.#timerAtMs && !this.#isEnding) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (wakesAtMs === null || this.#isEnding) return;
    const { clock, timers, chance } = this.#ports.world;
    this.#timerAtMs = wakesAtMs;
    this.#timer = timers.after(Math.max(0, wakesAtMs - clock.nowMs()), () => {
      this.#timer = null;
      this.#feed({ kind: 'timer', draw: Math.floor(chance.next() * 0x1_0000_0000), wallOffsetMs: this.#ports.wallMs() - clock.nowMs() });
    });
  }
}

function votersOf(cell: KeeperCell | null): readonly MemberId[] {
  return cell?.voters.map((voter) => voter.id) ?? [];
}
