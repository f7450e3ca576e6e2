/**
 * How do members of a test speak to each other? A mesh in memory, in virtual time, whose links can be cut, slow and lossy.
 *
 * As on the real mesh, messages of one pair arrive in order or not at all, requests overtake each other, and a member
 * whose process is dead neither sends nor hears, whatever it had under way.
 */
import { ClusterError } from '../../shared/errors.ts';
import type { MemberId } from '../../shared/ids.ts';
import type { Channel, Member, Mesh, Topic } from '../../shared/wire/mesh.ts';
import type { Chance, World } from '../../shared/world.ts';
import { EventLoops } from './event-loops.ts';
import { LinkFaults } from './link-faults.ts';
import type { WorkKind } from './event-loops.ts';
import { Moments } from './moments.ts';
import { wireCopy } from './wire-copy.ts';

/** How long a message takes in fine weather. */
const DELAY_MS = 1;

/** How the network behaves. Shares are probabilities from 0 to 1, for each message. */
export interface NetworkWeather {
  readonly lossShare: number;
  readonly duplicateShare: number;
  /** A message takes up to this much longer than the shortest time, ms. */
  readonly jitterMs: number;
}

export const FINE: NetworkWeather = { lossShare: 0, duplicateShare: 0, jitterMs: 0 };

/** What is carried from one member to another. `name`: of its method, channel or topic. */
interface Parcel {
  readonly kind: Exclude<WorkKind, 'datagram' | 'timer'>;
  readonly name: string;
  readonly value: unknown;
  /** What an answer answers. */
  readonly asked?: unknown;
  readonly isOrdered?: boolean;
}

/** All members of one test. */
export class VirtualNetwork {
  /** May be changed at any time; holds for messages that are sent from then on. */
  weather: NetworkWeather = FINE;
  /** What else is wrong with single links. */
  readonly faults = new LinkFaults();
  /** Told each request, answer and message of a channel that is sent. */
  readonly #moments: Moments;
  readonly #world: World;
  readonly #loops: EventLoops;
  readonly #meshes = new Map<MemberId, VirtualMesh>();
  readonly #down = new Set<MemberId>();
  readonly #cutPairs = new Set<string>();
  /** When the last message of a pair arrives: later ones do not overtake it. */
  readonly #lastArrivalMs = new Map<string, number>();

  /** `loops`: where members work; without it, each reacts at once. */
  constructor(world: World, loops = new EventLoops(world), moments = new Moments()) {
    this.#world = world;
    this.#loops = loops;
    this.#moments = moments;
  }

  /** `isAlive` is false once the member's process is dead. */
  join(self: MemberId, isAlive: () => boolean = () => true): VirtualMesh {
    const mesh = new VirtualMesh(self, this, this.#world, isAlive);
    this.#meshes.set(self, mesh);
    this.#down.delete(self);
    for (const other of this.#meshes.keys()) if (other !== self && this.connected(self, other)) this.tell(self, other, true);
    return mesh;
  }

  /** Cuts a member off, or a stopped one out. */
  cut(member: MemberId): void {
    this.#down.add(member);
    for (const other of this.#meshes.keys()) if (other !== member) this.tell(member, other, false);
  }

  heal(member: MemberId): void {
    this.#down.delete(member);
    for (const other of this.#meshes.keys()) if (other !== member && this.connected(member, other)) this.tell(member, other, true);
  }

  /** Cuts two members off from each other only. */
  cutPair(a: MemberId, b: MemberId): void {
    this.#cutPairs.add(pairOf(a, b));
    this.tell(a, b, false);
  }

  healPair(a: MemberId, b: MemberId): void {
    if (this.#cutPairs.delete(pairOf(a, b)) && this.connected(a, b)) this.tell(a, b, true);
  }

  isPairCut(a: MemberId, b: MemberId): boolean {
    return this.#cutPairs.size > 0 && this.#cutPairs.has(pairOf(a, b));
  }

  connected(a: MemberId, b: MemberId): boolean {
    const [one, other] = [this.#meshes.get(a), this.#meshes.get(b)];
    if (one === undefined || other === undefined || this.#down.has(a) || this.#down.has(b) || this.isPairCut(a, b)) return false;
    return one.admits(b) && other.admits(a);
  }

  /** Whoever is connected to the member by the change, or not any more, is told. */
  whileChanging(member: MemberId, change: () => void): void {
    const others = this.others(member);
    const before = others.map((other) => this.connected(member, other));
    change();
    for (const [at, other] of others.entries()) {
      const isConnected = this.connected(member, other);
      if (isConnected !== before[at]) this.tell(member, other, isConnected);
    }
  }

  /** Delivers a copy, as a wire would, unless the link is cut meanwhile. `isOrdered`: on the pair's one stream. */
  carry(from: VirtualMesh, to: MemberId, { kind, name, value, asked, isOrdered = false }: Parcel, deliver: (mesh: VirtualMesh, copy: unknown) => void): void {
    if (!from.isAlive() || this.#meshes.get(from.self) !== from) return;
    const copy = wireCopy(value);
    const target = this.#meshes.get(to);
    const heldMs = this.#moments.areWatched ? this.#moments.tell({ kind, from: from.self, to, name, body: asked ?? copy }) : 0;
    for (const shortestMs of this.delays(from.self, to)) {
      const delayMs = shortestMs + heldMs;
      this.#world.timers.after(isOrdered ? this.#inOrder(from.self, to, delayMs) : delayMs, () => {
        const isThere = (): boolean => target !== undefined && this.#meshes.get(to) === target && target.isAlive();
        if (target === undefined || !isThere() || !this.connected(from.self, to)) return;
        this.#loops.take(to, kind, () => {
          if (isThere()) deliver(target, copy);
        });
      });
    }
  }

  /** After how long each copy of what is sent now arrives, ms. */
  delays(from: MemberId, to: MemberId): readonly number[] {
    return this.faults.applied(from, to, delaysOf(this.weather, this.#world.chance), this.#world.clock.nowMs());
  }

  others(self: MemberId): readonly MemberId[] {
    return [...this.#meshes.keys()].filter((member) => member !== self);
  }

  #inOrder(from: MemberId, to: MemberId, delayMs: number): number {
    const key = `${from} ${to}`;
    const nowMs = this.#world.clock.nowMs();
    const arrivesAtMs = Math.max(nowMs + delayMs, this.#lastArrivalMs.get(key) ?? 0);
    this.#lastArrivalMs.set(key, arrivesAtMs);
    return arrivesAtMs - nowMs;
  }

  private tell(a: MemberId, b: MemberId, connected: boolean): void {
    this.#meshes.get(a)?.connectionChanged(b, connected);
    this.#meshes.get(b)?.connectionChanged(a, connected);
  }
}

/** After how long each copy of a message arrives, ms: none when it is lost, two when it is doubled. */
export function delaysOf(weather: NetworkWeather, chance: Chance): readonly number[] {
  if (weather === FINE) return [DELAY_MS];
  const delay = (): number => DELAY_MS + weather.jitterMs * chance.next() ** 3;
  if (chance.next() < weather.lossShare) return [];
  return chance.next() < weather.duplicateShare ? [delay(), delay()] : [delay()];
}

function pairOf(a: MemberId, b: MemberId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

/** One member's mesh. */
export class VirtualMesh implements Mesh {
  readonly self: MemberId;
  readonly isAlive: () => boolean;
  readonly #network: VirtualNetwork;
  readonly #world: World;
  readonly #channels = new Map<Channel, (from: MemberId, message: unknown) => void>();
  readonly #methods = new Map<string, (from: MemberId, body: unknown) => Promise<unknown>>();
  readonly #topics = new Map<Topic, (from: MemberId, message: unknown) => void>();
  readonly #connectionListeners: ((member: MemberId, connected: boolean) => void)[] = [];
  #members: ReadonlySet<MemberId> | null = null;

  constructor(self: MemberId, network: VirtualNetwork, world: World, isAlive: () => boolean) {
    this.self = self;
    this.isAlive = isAlive;
    this.#network = network;
    this.#world = world;
  }

  /** As on the real mesh, a connection needs both ends to know the other as a member. Nobody named: everybody who joined the network. */
  setMembers(members: readonly Member[]): void {
    this.#network.whileChanging(this.self, () => {
      this.#members = members.length === 0 ? null : new Set(members.map(({ id }) => id));
    });
  }

  admits(member: MemberId): boolean {
    return this.#members === null || this.#members.has(member);
  }

  send(to: MemberId, channel: Channel, message: unknown): boolean {
    if (!this.#network.connected(this.self, to)) return false;
    this.#network.carry(this, to, { kind: 'message', name: channel, value: message, isOrdered: true }, (mesh, copy) => mesh.#channels.get(channel)?.(this.self, copy));
    return true;
  }

  onMessage(channel: Channel, handler: (from: MemberId, message: unknown) => void): void {
    this.#channels.set(channel, handler);
  }

  request(to: MemberId, method: string, body: unknown, options: { readonly timeoutMs: number }): Promise<unknown> {
    if (!this.#network.connected(this.self, to)) return Promise.reject(new ClusterError('PeerUnreachable', `${to} is not connected`, { retryable: true }));
    return new Promise((resolve, reject) => {
      const timer = this.#world.timers.after(options.timeoutMs, () => {
        if (this.isAlive()) reject(new ClusterError('PeerTimeout', `${to} did not answer ${method}`, { retryable: true }));
      });
      const settle = (isOk: boolean, value: unknown): void => {
        timer.cancel();
        if (isOk) resolve(value);
        else reject(value instanceof Error ? value : new Error(String(value)));
      };
      this.#network.carry(this, to, { kind: 'request', name: method, value: body }, (mesh, copy) => {
        const handler = mesh.#methods.get(method);
        const answer = handler === undefined ? Promise.reject(new ClusterError('UnknownMethod', method, { retryable: false })) : handler(this.self, copy);
        answer.then(
          (value) => this.#network.carry(mesh, this.self, { kind: 'answer', name: method, value: value ?? null, asked: body }, (back, result) => {
            if (back === this) settle(true, result);
          }),
          (error: unknown) => this.#network.carry(mesh, this.self, { kind: 'answer', name: method, value: null, asked: body }, (back) => {
            if (back === this) settle(false, error);
          }),
        );
      });
    });
  }

  serve(method: string, handler: (from: MemberId, body: unknown) => Promise<unknown>): void {
    this.#methods.set(method, handler);
  }

  publish(topic: Topic, message: unknown): Promise<boolean> {
    const others = this.#network.others(this.self);
    const sent = wireCopy(message);
    for (const other of others) {
      if (this.#network.faults.swallowsGossip(this.self, other)) continue;
      this.#network.carry(this, other, { kind: 'message', name: topic, value: sent }, (mesh, copy) => mesh.#topics.get(topic)?.(this.self, copy));
    }
    return Promise.resolve(others.length > 0);
  }

  onGossip(topic: Topic, handler: (from: MemberId, message: unknown) => void): void {
    this.#topics.set(topic, handler);
  }

  isConnected(member: MemberId): boolean {
    return this.#network.connected(this.self, member);
  }

  apart(): readonly MemberId[] {
    return this.#network.others(this.self).filter((member) => !this.isConnected(member));
  }

  onConnection(handler: (member: MemberId, connected: boolean) => void): void {
    this.#connectionListeners.push(handler);
  }

  connectionChanged(member: MemberId, connected: boolean): void {
    if (!this.isAlive()) return;
    for (const listener of this.#connectionListeners) listener(member, connected);
  }

  stop(): Promise<void> {
    this.#network.cut(this.self);
    return Promise.resolve();
  }
}
