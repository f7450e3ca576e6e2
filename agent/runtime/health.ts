/**
 * What does a node tell the others of itself, and what does it remember of them? Health and capacity, by gossip.
 *
 * Gossip informs placement and people; it never authorises anything (ARCHITECTURE.md, "Kinds of truth").
 */
import { describeError } from '../../shared/errors.ts';
import type { NodeId } from '../../shared/ids.ts';
import type { ReplicatedLog } from '../../shared/ledger/replicated-log.ts';
import type { HealthGossip } from '../../shared/wire/intent.ts';
import type { Mesh } from '../../shared/wire/mesh.ts';
import { GOSSIP_BYTES_MAX } from '../../shared/wire/mesh.ts';
import type { Timer, World } from '../../shared/world.ts';
import type { Observed, Self } from '../machines/observed.ts';
import type { HostPort } from './ports.ts';

/** Rarely, and at once on a real change (P2P.md: liveness must not ride on gossip). */
const GOSSIP_EVERY_MS = 10_000;
const GOSSIP_SOONEST_MS = 1_000;
const FORGET_AFTER_MS = 60_000;

/** What health needs. */
export interface HealthOptions {
  readonly self: Self;
  readonly world: World;
  readonly mesh: Mesh;
  readonly log: ReplicatedLog;
  readonly host: HostPort;
  readonly observed: () => Observed;
}

/** Gossips this node's health, and keeps the newest of every other node's. */
export class Health {
  readonly #options: HealthOptions;
  readonly #others = new Map<NodeId, { readonly gossip: HealthGossip; readonly heardAtMs: number }>();
  #sequence = 0;
  #lastSentAtMs = -Infinity;
  #timer: Timer | null = null;
  #isStopped = false;
  #expectedTickAtMs = 0;
  #loopDelayMsMax = 0;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  start(): void {
    const { mesh } = this.#options;
    mesh.onGossip('health', (from, message) => this.#hear(from as NodeId, message));
    mesh.onConnection(() => this.changed());
    this.#schedule(GOSSIP_SOONEST_MS * (1 + this.#options.world.chance.next()));
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Something that others should know changed: gossip soon. */
  changed(): void {
    if (this.#isStopped) return;
    const sinceMs = this.#options.world.clock.nowMs() - this.#lastSentAtMs;
    this.#schedule(Math.max(0, GOSSIP_SOONEST_MS - sinceMs) + this.#options.world.chance.next() * 200);
  }

  /** The newest of every node that was heard lately, this one included once it has spoken. */
  known(): ReadonlyMap<NodeId, HealthGossip> {
    const oldest = this.#options.world.clock.nowMs() - FORGET_AFTER_MS;
    for (const [node, { heardAtMs }] of this.#others) if (heardAtMs < oldest) this.#others.delete(node);
    return new Map([...this.#others].map(([node, { gossip }]) => [node, gossip]));
  }

  #schedule(delayMs: number): void {
    this.#timer?.cancel();
    this.#expectedTickAtMs = this.#options.world.clock.nowMs() + delayMs;
    this.#timer = this.#options.world.timers.after(delayMs, () => {
      this.#loopDelayMsMax = Math.max(this.#loopDelayMsMax, this.#options.world.clock.nowMs() - this.#expectedTickAtMs);
      // A failed sample is logged; the next one comes with the timer.
      void this.#publish().finally(() => {
        if (!this.#isStopped) this.#schedule(GOSSIP_EVERY_MS * (0.9 + this.#options.world.chance.next() * 0.2));
      });
    });
  }

  async #publish(): Promise<void> {
    const { host, mesh, world, self } = this.#options;
    try {
      const sample = await host.sample();
      const gossip = this.#fit(this.#describe(sample));
      this.#lastSentAtMs = world.clock.nowMs();
      this.#loopDelayMsMax = 0;
      this.#others.set(self.node, { gossip, heardAtMs: this.#lastSentAtMs });
      await mesh.publish('health', gossip);
    } catch (error) {
      world.log.write({ event: 'healthNotSampled', error: describeError(error) });
    }
  }

  #describe(sample: { readonly freeMemoryMiB: number; readonly freeDiskBytes: number; readonly load: number }): HealthGossip {
    const { self, mesh, log, observed } = this.#options;
    const { domains, resources } = observed();
    const { nodes } = log.state();
    const apart = mesh.apart().filter((member): member is NodeId => nodes.has(member as NodeId) && nodes.get(member as NodeId)?.phase !== 'removed');
    this.#sequence += 1;
    return {
      node: self.node, bootId: self.bootId, sequence: this.#sequence, ...sample, load: Math.round(sample.load * 100) / 100,
      loopDelayMsMax: Math.round(this.#loopDelayMsMax),
      unreachable: apart,
      running: [...domains.values()].filter((domain) => domain.state === 'running').map((domain) => ({ instance: domain.instance, generation: domain.generation ?? 0 })),
      volumes: [...resources.values()]
        .filter((resource) => resource.replication !== 'Established' || resource.disk !== 'UpToDate' || resource.peerDisk !== 'UpToDate' || resource.suspended.length > 0)
        .map((resource) => ({
          volume: resource.volume, role: resource.role, disk: resource.disk, peerDisk: resource.peerDisk, connection: resource.connection ?? 'StandAlone',
          syncPercent: resource.syncPercent, suspended: resource.suspended.length > 0,
        })),
    };
  }

  /** A node with very many instances tells of fewer: the ledger knows them all anyway. */
  #fit(gossip: HealthGossip): HealthGossip {
    let fitted = gossip;
    while (JSON.stringify(fitted).length > GOSSIP_BYTES_MAX - 512) {
      fitted = {
        ...fitted,
        running: fitted.running.slice(0, Math.floor(fitted.running.length / 2)),
        volumes: fitted.volumes.slice(0, Math.floor(fitted.volumes.length / 2)),
        unreachable: fitted.unreachable.slice(0, 50),
      };
      if (fitted.running.length === 0 && fitted.volumes.length === 0) break;
    }
    return fitted;
  }

  #hear(from: NodeId, message: unknown): void {
    const gossip = message as HealthGossip;
    // Each node speaks for itself; replayed and older messages are dropped.
    if (gossip.node !== from || typeof gossip.sequence !== 'number' || typeof gossip.bootId !== 'string' || !Array.isArray(gossip.running)) return;
    const known = this.#others.get(from)?.gossip;
    if (known !== undefined && known.bootId === gossip.bootId && known.sequence >= gossip.sequence) return;
    this.#others.set(from, { gossip, heardAtMs: this.#options.world.clock.nowMs() });
  }
}
