/**
 * When does a node look at which of its volumes and instances? At each change that is heard of, and at everything every few seconds.
 *
 * A look takes the ledger's record and what the programs show, takes one safe step, and looks again (volume-work.ts,
 * instance-work.ts). Nothing is ever started from memory: every look reads the ledger and the programs anew.
 */
import { describeError } from '../../shared/errors.ts';
import { isInstanceId } from '../../shared/ids.ts';
import type { InstanceId, NodeId, VolumeId } from '../../shared/ids.ts';
import type { ReplicatedLog } from '../../shared/ledger/replicated-log.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { Machine, Timer, World } from '../../shared/world.ts';
import type { Observed, Self } from '../machines/observed.ts';
import { Alarms } from './alarms.ts';
import type { Gate } from './gate.ts';
import { InstanceWork } from './instance-work.ts';
import type { DomainPort, GenerationPort, ReplicaPort } from './ports.ts';
import { Sight } from './sight.ts';
import { Tasks } from './tasks.ts';
import { VolumeWork } from './volume-work.ts';
import type { VolumeWorkPorts } from './volume-work.ts';
import { WAIT_MS } from './work.ts';

/** How often domains are listed while any is here or owed: `xl` has no cheap stream of changes. */
const DOMAIN_POLL_MS = 1_500;
/** How often everything is looked at although nothing was heard: what an event did not name is found by this. */
const LOOK_ALL_MS = 5_000;

/** What the reconciler is made from. */
export interface ReconcilerOptions extends Pick<VolumeWorkPorts, 'configText' | 'peerAgrees' | 'peerMisses' | 'peerIsDown' | 'isAsked'> {
  readonly self: Self;
  readonly world: World;
  readonly machine: Machine;
  readonly log: ReplicatedLog;
  readonly gate: Gate;
  readonly generations: GenerationPort;
  readonly replicas: ReplicaPort;
  readonly domains: DomainPort;
}

/** Works on the volumes and instances of one node. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #sight: Sight;
  readonly #alarms: Alarms;
  readonly #volumes: VolumeWork;
  readonly #instances: InstanceWork;
  readonly #volumeTasks: Tasks<VolumeId>;
  readonly #instanceTasks: Tasks<InstanceId>;
  #pollTimer: Timer | null = null;
  #lookAllTimer: Timer | null = null;
  /** As of the last look at everything that they called for. */
  #knownNodes: CellState['nodes'] | null = null;
  #isReady = false;
  #isStopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#alarms = new Alarms(options.world);
    this.#sight = new Sight({ replicas: options.replicas, domains: options.domains, onDomainChange: (instance) => this.#domainChanged(instance) });
    const shared = { ...options, sight: this.#sight, alarms: this.#alarms };
    this.#volumes = new VolumeWork({ ...shared, touch: (volume) => this.#volumeTasks.touch(volume) });
    this.#instances = new InstanceWork({ ...shared, heldUp: () => this.#volumes.heldUp(), promoting: this.#volumes.promoting });
    this.#volumeTasks = new Tasks(options.world, 'volume', async (volume) => (this.#isReady ? await this.#volumes.work(volume) : WAIT_MS));
    this.#instanceTasks = new Tasks(options.world, 'instance', async (instance) => (this.#isReady ? await this.#instances.work(instance) : WAIT_MS));
  }

  /** Volumes for which `primary` runs now. */
  get promoting(): ReadonlySet<VolumeId> {
    return this.#volumes.promoting;
  }

  /** Observes everything once, adopts what runs, then works on every object of this node. */
  async start(): Promise<void> {
    await this.#sight.lookAtAll();
    this.#isReady = true;
    this.#options.replicas.onChange((volume) => (volume === null ? this.touchAll() : this.#touchVolume(volume)));
    this.#options.log.subscribe((entry) => {
      if (entry === null) this.touchAll();
      else for (const event of entry.events) for (const subject of event.subjects) this.#touchSubject(subject);
    });
    this.touchAll();
    this.#schedulePoll();
    this.#scheduleLookAll();
  }

  stop(): void {
    this.#isStopped = true;
    this.#pollTimer?.cancel();
    this.#lookAllTimer?.cancel();
    this.#volumeTasks.stop();
    this.#instanceTasks.stop();
  }

  /** Looks at everything that the ledger or this node knows. */
  touchAll(): void {
    const { self, log } = this.#options;
    const state = log.state();
    for (const volume of state.volumes.values()) {
      if (volume.replicas.includes(self.node) || volume.retired.includes(self.node)) this.#volumeTasks.touch(volume.id);
    }
    for (const instance of state.instances.values()) {
      if (instance.holder === self.node || this.#sight.domains().has(instance.id)) this.#instanceTasks.touch(instance.id);
    }
  }

  /** What this node sees of itself, for gossip and for people. */
  observed(): Observed {
    return this.#sight.observed();
  }

  #touchSubject(subject: string): void {
    const state = this.#options.log.state();
    if (isInstanceId(subject)) {
      const instance = state.instances.get(subject);
      const isOurs = instance?.holder === this.#options.self.node || this.#sight.domains().has(subject);
      if (isOurs) this.#instanceTasks.touch(subject);
      for (const volume of instance?.volumes ?? []) this.#touchVolume(volume);
      return;
    }
    const volume = state.volumes.get(subject as VolumeId);
    if (volume !== undefined) this.#touchVolume(volume.id);
    else if (state.nodes.has(subject as NodeId)) this.#touchNode(state);
  }

  /** A node was fenced or came back: that is a peer of some volume here. Most events that name a node (a placement) change nothing of it. */
  #touchNode(state: CellState): void {
    if (state.nodes === this.#knownNodes) return;
    this.#knownNodes = state.nodes;
    this.touchAll();
  }

  #touchVolume(id: VolumeId): void {
    const { self, log } = this.#options;
    const volume = log.state().volumes.get(id);
    if (volume === undefined) return;
    if (volume.replicas.includes(self.node) || volume.retired.includes(self.node)) this.#volumeTasks.touch(id);
    if (volume.instance !== null && volume.holder === self.node) this.#instanceTasks.touch(volume.instance);
  }

  #domainChanged(instance: InstanceId): void {
    const record = this.#options.log.state().instances.get(instance);
    if (record === undefined) {
      // Absent from the ledger is no order to destroy (S14): a person decides.
      if (this.#sight.domains().has(instance)) this.#alarms.raise(instance, 'a domain runs here that the ledger does not know');
      return;
    }
    this.#instanceTasks.touch(instance);
    for (const volume of record.volumes) this.#touchVolume(volume);
  }

  #schedulePoll(): void {
    this.#pollTimer = this.#options.world.timers.after(DOMAIN_POLL_MS, () => {
      // A failed look is logged and repeated with the next turn of the poll.
      void this.#poll().finally(() => {
        if (!this.#isStopped) this.#schedulePoll();
      });
    });
  }

  #scheduleLookAll(): void {
    this.#lookAllTimer = this.#options.world.timers.after(LOOK_ALL_MS, () => {
      if (this.#isStopped) return;
      this.touchAll();
      this.#scheduleLookAll();
    });
  }

  async #poll(): Promise<void> {
    const { self, log, world } = this.#options;
    const isNeeded = this.#sight.domains().size > 0 || log.state().instances.values().some((instance) => instance.holder === self.node && instance.phase === 'running');
    if (!isNeeded) return;
    try {
      await this.#sight.lookAtDomains();
    } catch (error) {
      world.log.write({ event: 'domainsNotListed', error: describeError(error) });
    }
  }
}
