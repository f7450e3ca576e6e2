/**
 * What happens to a message between two kernels? One TCP connection: in order, late, held while the link is cut, and
 * nobody is told when the other end's node dies, until a ping stays unanswered.
 */
import type { Timer } from '../../../../shared/world.ts';
import type { Range } from './ranges.ts';
import type { PeerFacts, Resource } from './resource.ts';
import type { Change } from './state-rules.ts';
import type { State } from './states.ts';

/** What one kernel sends to the other. */
export type Message =
  | { readonly kind: 'uuids'; readonly facts: PeerFacts; readonly blockCount: number }
  | { readonly kind: 'state'; readonly state: State }
  | { readonly kind: 'ask'; readonly id: number; readonly change: Change; readonly isConnection: boolean }
  | { readonly kind: 'answer'; readonly id: number; readonly isAgreed: boolean }
  | { readonly kind: 'bitmap'; readonly ranges: readonly Range[] }
  | { readonly kind: 'syncUuid'; readonly uuid: bigint }
  | { readonly kind: 'write'; readonly id: number; readonly block: number | null; readonly content: string | null }
  | { readonly kind: 'writeAck'; readonly id: number; readonly isOk: boolean; readonly inSync: boolean }
  | { readonly kind: 'read'; readonly id: number; readonly block: number | null }
  | { readonly kind: 'readReply'; readonly id: number; readonly isOk: boolean; readonly content: string | null }
  | { readonly kind: 'resync'; readonly ranges: readonly Range[]; readonly image: string | null; readonly blocks: readonly (readonly [number, string | null])[] }
  | { readonly kind: 'resyncAck'; readonly ranges: readonly Range[]; readonly isOk: boolean }
  | { readonly kind: 'verify'; readonly image: string | null; readonly blocks: readonly (readonly [number, string | null])[] }
  | { readonly kind: 'verified'; readonly outOfSync: readonly Range[] }
  | { readonly kind: 'closed' };

interface End {
  readonly resource: Resource;
  isOpen: boolean;
  /** Messages to this end that wait for the link. */
  readonly held: Message[];
  deathTimer: Timer | null;
}

/** The connection of two resources that found each other. */
export class Wire {
  readonly #ends: readonly [End, End];
  readonly #deliver: (to: Resource, message: Message, wire: Wire) => void;
  readonly #onDead: (end: Resource, wire: Wire) => void;
  #isUp = true;

  constructor(a: Resource, b: Resource, deliver: (to: Resource, message: Message, wire: Wire) => void, onDead: (end: Resource, wire: Wire) => void) {
    const end = (resource: Resource): End => ({ resource, isOpen: true, held: [], deathTimer: null });
    this.#ends = [end(a), end(b)];
    this.#deliver = deliver;
    this.#onDead = onDead;
  }

  peerOf(resource: Resource): Resource {
    return this.#other(resource).resource;
  }

  /** DRBD's arbitrary tie-breaker: true at one end only. */
  resolvesConflicts(resource: Resource): boolean {
    return this.#ends[0].resource === resource;
  }

  send(from: Resource, message: Message): void {
    if (!this.#own(from).isOpen) return;
    const to = this.#other(from);
    const context = to.resource.context;
    context.timers.after(context.timings.messageMs, () => {
      this.#arrive(to, message);
    });
  }

  /** One end closes its socket: the other hears of it, in order, if the link is up. */
  close(from: Resource): void {
    const own = this.#own(from);
    if (!own.isOpen) return;
    if (from.isAlive) this.send(from, { kind: 'closed' });
    own.isOpen = false;
    own.deathTimer?.cancel();
    own.deathTimer = null;
  }

  /** The link between the nodes was cut or came back. */
  linkChanged(isUp: boolean): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    for (const end of this.#ends) {
      if (!isUp) this.#expectDeath(end);
      else if (this.#other(end.resource).resource.isAlive) {
        end.deathTimer?.cancel();
        end.deathTimer = null;
        this.#flush(end);
      }
    }
  }

  /** The node of one end is gone without a word. */
  endDied(resource: Resource): void {
    this.#own(resource).isOpen = false;
    this.#other(resource).held.length = 0;
    this.#expectDeath(this.#other(resource));
  }

  /** A ping right now (before a promotion): a dead link is found out after one ping timeout. */
  ping(from: Resource): void {
    const own = this.#own(from);
    if (own.deathTimer === null) return;
    own.deathTimer.cancel();
    own.deathTimer = this.#deathAfter(own, pingTimeoutMs(from));
  }

  #arrive(to: End, message: Message): void {
    if (!to.isOpen || !to.resource.isAlive) return;
    // What was in flight when the link was cut is retransmitted by TCP, in order, when it comes back.
    if (!this.#isUp || to.held.length > 0) to.held.push(message);
    else this.#deliver(to.resource, message, this);
  }

  #flush(to: End): void {
    if (to.held.length === 0) return;
    to.resource.after(to.resource.context.timings.messageMs, () => {
      if (!this.#isUp) return;
      for (const message of to.held.splice(0)) if (to.isOpen) this.#deliver(to.resource, message, this);
    });
  }

  #expectDeath(end: End): void {
    if (!end.isOpen || !end.resource.isAlive || end.deathTimer !== null) return;
    const pingIntervalMs = Number(end.resource.netOption('ping-int', '10')) * 1000;
    const untilPingMs = pingIntervalMs * (0.5 + 0.5 * end.resource.context.chance.next());
    end.deathTimer = this.#deathAfter(end, untilPingMs + pingTimeoutMs(end.resource));
  }

  #deathAfter(end: End, delayMs: number): Timer {
    return end.resource.after(delayMs, () => {
      end.deathTimer = null;
      if (end.isOpen) this.#onDead(end.resource, this);
    });
  }

  #own(resource: Resource): End {
    return this.#ends[0].resource === resource ? this.#ends[0] : this.#ends[1];
  }

  #other(resource: Resource): End {
    return this.#ends[0].resource === resource ? this.#ends[1] : this.#ends[0];
  }
}

function pingTimeoutMs(resource: Resource): number {
  return Number(resource.netOption('ping-timeout', '5')) * 100;
}
