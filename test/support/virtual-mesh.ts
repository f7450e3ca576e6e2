/**
 * How do members of a test speak to each other? A mesh in memory, in virtual time, whose links can be cut.
 */
import { ClusterError } from '../../shared/errors.ts';
import type { MemberId } from '../../shared/ids.ts';
import type { Channel, Member, Mesh, Topic } from '../../shared/wire/mesh.ts';
import type { World } from '../../shared/world.ts';

/** How long a message takes. */
const DELAY_MS = 1;

/** All members of one test. */
export class VirtualNetwork {
  readonly #world: World;
  readonly #meshes = new Map<MemberId, VirtualMesh>();
  readonly #down = new Set<MemberId>();

  constructor(world: World) {
    this.#world = world;
  }

  join(self: MemberId): VirtualMesh {
    const mesh = new VirtualMesh(self, this, this.#world);
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

  connected(a: MemberId, b: MemberId): boolean {
    return this.#meshes.has(a) && this.#meshes.has(b) && !this.#down.has(a) && !this.#down.has(b);
  }

  /** Delivers a copy, as a wire would, unless the link is cut meanwhile. */
  carry(from: MemberId, to: MemberId, value: unknown, deliver: (mesh: VirtualMesh, copy: unknown) => void): void {
    const copy: unknown = value === undefined ? undefined : JSON.parse(JSON.stringify(value));
    const target = this.#meshes.get(to);
    this.#world.timers.after(DELAY_MS, () => {
      if (target !== undefined && this.#meshes.get(to) === target && this.connected(from, to)) deliver(target, copy);
    });
  }

  others(self: MemberId): readonly MemberId[] {
    return [...this.#meshes.keys()].filter((member) => member !== self);
  }

  private tell(a: MemberId, b: MemberId, connected: boolean): void {
    this.#meshes.get(a)?.connectionChanged(b, connected);
    this.#meshes.get(b)?.connectionChanged(a, connected);
  }
}

/** One member's mesh. */
export class VirtualMesh implements Mesh {
  readonly self: MemberId;
  readonly #network: VirtualNetwork;
  readonly #world: World;
  readonly #channels = new Map<Channel, (from: MemberId, message: unknown) => void>();
  readonly #methods = new Map<string, (from: MemberId, body: unknown) => Promise<unknown>>();
  readonly #topics = new Map<Topic, (from: MemberId, message: unknown) => void>();
  readonly #connectionListeners: ((member: MemberId, connected: boolean) => void)[] = [];

  constructor(self: MemberId, network: VirtualNetwork, world: World) {
    this.self = self;
    this.#network = network;
    this.#world = world;
  }

  setMembers(_members: readonly Member[]): void {
    // Everybody who joined the test's network is a member.
  }

  send(to: MemberId, channel: Channel, message: unknown): boolean {
    if (!this.#network.connected(this.self, to)) return false;
    this.#network.carry(this.self, to, message, (mesh, copy) => mesh.#channels.get(channel)?.(this.self, copy));
    return true;
  }

  onMessage(channel: Channel, handler: (from: MemberId, message: unknown) => void): void {
    this.#channels.set(channel, handler);
  }

  request(to: MemberId, method: string, body: unknown, options: { readonly timeoutMs: number }): Promise<unknown> {
    if (!this.#network.connected(this.self, to)) return Promise.reject(new ClusterError('PeerUnreachable', `${to} is not connected`, { retryable: true }));
    return new Promise((resolve, reject) => {
      const timer = this.#world.timers.after(options.timeoutMs, () => reject(new ClusterError('PeerTimeout', `${to} did not answer ${method}`, { retryable: true })));
      const settle = (isOk: boolean, value: unknown): void => {
        timer.cancel();
        if (isOk) resolve(value);
        else reject(value instanceof Error ? value : new Error(String(value)));
      };
      this.#network.carry(this.self, to, body, (mesh, copy) => {
        const handler = mesh.#methods.get(method);
        const answer = handler === undefined ? Promise.reject(new ClusterError('UnknownMethod', method, { retryable: false })) : handler(this.self, copy);
        answer.then(
          (value) => this.#network.carry(to, this.self, value ?? null, (_mesh, back) => settle(true, back)),
          (error: unknown) => this.#network.carry(to, this.self, null, () => settle(false, error)),
        );
      });
    });
  }

  serve(method: string, handler: (from: MemberId, body: unknown) => Promise<unknown>): void {
    this.#methods.set(method, handler);
  }

  publish(topic: Topic, message: unknown): Promise<boolean> {
    for (const other of this.#network.others(this.self)) {
      this.#network.carry(this.self, other, message, (mesh, copy) => mesh.#topics.get(topic)?.(this.self, copy));
    }
    return Promise.resolve(this.#network.others(this.self).length > 0);
  }

  onGossip(topic: Topic, handler: (from: MemberId, message: unknown) => void): void {
    this.#topics.set(topic, handler);
  }

  isConnected(member: MemberId): boolean {
    return this.#network.connected(this.self, member);
  }

  onConnection(handler: (member: MemberId, connected: boolean) => void): void {
    this.#connectionListeners.push(handler);
  }

  connectionChanged(member: MemberId, connected: boolean): void {
    for (const listener of this.#connectionListeners) listener(member, connected);
  }

  stop(): Promise<void> {
    this.#network.cut(this.self);
    return Promise.resolve();
  }
}
