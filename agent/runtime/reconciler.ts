/**
 * How does a node become what the ledger says? It looks at one object, decides the next safe step, takes it, and looks again.
 *
 * The decisions are in machines/volume-steps.ts and machines/instance-steps.ts; this file only observes, runs steps
 * through the gate, and reports. Nothing is ever started from memory: every look reads the ledger and the programs anew.
 */
import { ClusterError, describeError, unreachable } from '../../shared/errors.ts';
import { isInstanceId } from '../../shared/ids.ts';
import type { InstanceId, NodeId, VolumeId } from '../../shared/ids.ts';
import type { Command } from '../../shared/ledger/commands.ts';
import type { Proposed, ReplicatedLog } from '../../shared/ledger/replicated-log.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import { DELAY_LENGTH_MAX } from '../../shared/model/limits.ts';
import { isLive } from '../../shared/model/node.ts';
import type { VolumeRecord } from '../../shared/model/volume.ts';
import type { Machine, Timer, World } from '../../shared/world.ts';
import { isDelayTold, nextInstanceStep } from '../machines/instance-steps.ts';
import type { InstanceStep } from '../machines/instance-steps.ts';
import type { DomainSpec, ObservedDomain } from '../../shared/model/domain.ts';
import type { Observed, ObservedReplica, Self } from '../machines/observed.ts';
import { isForgotten, nextVolumeStep } from '../machines/volume-steps.ts';
import type { VolumeStep } from '../machines/volume-steps.ts';
import type { Gate, Permit } from './gate.ts';
import type { DomainPort, ReplicaPort } from './ports.ts';
import { Tasks } from './tasks.ts';
import type { Verdict } from './tasks.ts';
import { Turns } from '../../shared/turns.ts';

const PROPOSE_TIMEOUT_MS = 4_000;
const READ_TIMEOUT_MS = 3_000;
/** How often domains are listed while any is here or owed: `xl` has no cheap stream of changes. */
const DOMAIN_POLL_MS = 1_500;
/** How often everything is looked at although nothing was heard: what an event did not name is found by this. */
const LOOK_ALL_MS = 5_000;
/** How long to wait before a step that waits for something without a change event of its own is looked at again. */
const WAIT_MS = 500;
/** Replicas created at once. LVM locks its volume group for each command, so more would only queue there, and take the processor from requests. */
const CREATIONS_MAX = 4;
const ALARM_REPEAT_MS = 30_000;

/** What the reconciler is made from. */
export interface ReconcilerOptions {
  readonly self: Self;
  readonly world: World;
  readonly machine: Machine;
  readonly log: ReplicatedLog;
  readonly gate: Gate;
  readonly replicas: ReplicaPort;
  readonly domains: DomainPort;
  /** The configuration text that the record asks for on this node. Pure. */
  readonly configText: (volume: VolumeRecord, state: CellState) => string;
  /** Asks the other end of a volume how it sees the connection; false when it disagrees or does not answer. */
  readonly peerAgrees: (peer: NodeId, volume: VolumeId) => Promise<boolean>;
  /** Asks the other end whether it counts blocks as out of sync on a connection that copies nothing; false when it does not answer. */
  readonly peerMisses: (peer: NodeId, volume: VolumeId) => Promise<boolean>;
}

/** Memory of one stop or promotion under way: when it began, ms. */
type Since<Key> = Map<Key, number>;

/** Works on the volumes and instances of one node. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #volumeTasks: Tasks<VolumeId>;
  readonly #creating = new Turns(CREATIONS_MAX);
  readonly #instanceTasks: Tasks<InstanceId>;
  #replicas: ReadonlyMap<VolumeId, ObservedReplica> = new Map();
  #domains: ReadonlyMap<InstanceId, ObservedDomain> = new Map();
  readonly #configs = new Map<VolumeId, string>();
  readonly #promotingSince: Since<VolumeId> = new Map();
  readonly #forgottenSince: Since<VolumeId> = new Map();
  readonly #withoutDiskSince: Since<VolumeId> = new Map();
  readonly #startingSince = new Map<InstanceId, { readonly generation: number; readonly atMs: number }>();
  /** What the last look at a volume waited for, or failed with: told to whoever waits for its instance. */
  readonly #heldUp = new Map<VolumeId, string>();
  readonly #delayTold = new Map<InstanceId, { readonly generation: number; readonly atMs: number }>();
  readonly #stoppingSince: Since<InstanceId> = new Map();
  /** Of the domain with that number: another one of the same instance begins anew. */
  readonly #destroyingSince = new Map<InstanceId, { readonly domainId: number; readonly atMs: number }>();
  readonly #endedAs = new Map<InstanceId, 'shutdown' | 'crashed'>();
  /** Volumes for which `primary` runs now: the fence-peer helper answers these from the permit that was made before. */
  readonly promoting = new Set<VolumeId>();
  readonly #alarmedAtMs = new Map<string, number>();
  #pollTimer: Timer | null = null;
  #lookAllTimer: Timer | null = null;
  /** As of the last look at everything that they called for. */
  #knownNodes: CellState['nodes'] | null = null;
  #isReady = false;
  #isStopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#volumeTasks = new Tasks(options.world, 'volume', (volume) => this.#workOnVolume(volume));
    this.#instanceTasks = new Tasks(options.world, 'instance', (instance) => this.#workOnInstance(instance));
  }

  /** Observes everything once, adopts what runs, then works on every object of this node. */
  async start(): Promise<void> {
    await this.#observeAll();
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
      if (instance.holder === self.node || this.#domains.has(instance.id)) this.#instanceTasks.touch(instance.id);
    }
  }

  /** What this node sees of itself, for gossip and for people. */
  observed(): Observed {
    return { replicas: this.#replicas, resources: this.#options.replicas.resources(), domains: this.#domains, configs: this.#configs };
  }

  // ---------------------------------------------------------------- looking

  #touchSubject(subject: string): void {
    const state = this.#options.log.state();
    if (isInstanceId(subject)) {
      const instance = state.instances.get(subject);
      const isOurs = instance?.holder === this.#options.self.node || this.#domains.has(subject);
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

  async #observeAll(): Promise<void> {
    this.#replicas = await this.#options.replicas.listReplicas();
    for (const volume of this.#replicas.keys()) {
      const text = await this.#options.replicas.readConfig(volume);
      if (text !== null) this.#configs.set(volume, text);
    }
    await this.#observeDomains();
  }

  async #observeDomains(): Promise<void> {
    const before = this.#domains;
    this.#domains = await this.#options.domains.list();
    for (const domain of this.#domains.values()) {
      if (domain.state === 'shutdown' || domain.state === 'crashed') this.#endedAs.set(domain.instance, domain.state);
      if (domain.state === 'running') this.#endedAs.delete(domain.instance);
      if (before.get(domain.instance)?.state !== domain.state) this.#domainChanged(domain.instance);
    }
    for (const instance of before.keys()) if (!this.#domains.has(instance)) this.#domainChanged(instance);
  }

  #domainChanged(instance: InstanceId): void {
    const record = this.#options.log.state().instances.get(instance);
    if (record === undefined) {
      // Absent from the ledger is no order to destroy (S14): a person decides.
      if (this.#domains.has(instance)) this.#alarm(instance, 'a domain runs here that the ledger does not know');
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
    const isNeeded = this.#domains.size > 0 || [...log.state().instances.values()].some((instance) => instance.holder === self.node && instance.phase === 'running');
    if (!isNeeded) return;
    try {
      await this.#observeDomains();
    } catch (error) {
      world.log.write({ event: 'domainsNotListed', error: describeError(error) });
    }
  }

  #alarm(subject: string, reason: string): void {
    const { clock, log } = this.#options.world;
    const key = `${subject} ${reason}`;
    if (clock.nowMs() - (this.#alarmedAtMs.get(key) ?? -Infinity) < ALARM_REPEAT_MS) return;
    this.#alarmedAtMs.set(key, clock.nowMs());
    if (this.#alarmedAtMs.size > 1_000) this.#alarmedAtMs.clear();
    log.write({ event: 'alarm', subject, reason });
  }

  // ---------------------------------------------------------------- volumes

  async #workOnVolume(id: VolumeId): Promise<Verdict> {
    if (!this.#isReady || !this.#options.replicas.isCurrent()) return WAIT_MS;
    const state = this.#options.log.state();
    const volume = state.volumes.get(id);
    if (volume === undefined) {
      this.#heldUp.delete(id);
      return 'later';
    }
    const { self, world } = this.#options;
    const isPromotionDue = volume.holder === self.node && this.#isStartingHere(state, volume) && this.observed().resources.get(id)?.role !== 'Primary';
    if (!isPromotionDue) this.#promotingSince.delete(id);
    else if (!this.#promotingSince.has(id)) this.#promotingSince.set(id, world.clock.nowMs());
    const resource = this.observed().resources.get(id);
    if (resource === undefined || !isForgotten(volume, self, resource)) this.#forgottenSince.delete(id);
    else if (!this.#forgottenSince.has(id)) this.#forgottenSince.set(id, world.clock.nowMs());
    if (resource?.disk === 'Diskless') this.#lacksDisk(id);
    else if (resource !== undefined) this.#withoutDiskSince.delete(id);
    const step = this.#stepFor(state, volume);
    try {
      const verdict = await this.#takeVolumeStep(volume, step, this.#wantedConfig(state, volume));
      if (step.kind === 'wait' || step.kind === 'alarm') this.#heldUp.set(id, step.reason);
      else if (step.kind === 'settled') this.#heldUp.delete(id);
      return verdict;
    } catch (error) {
      this.#heldUp.set(id, describeError(error));
      throw error;
    }
  }

  #stepFor(state: CellState, volume: VolumeRecord): VolumeStep {
    const { self, world } = this.#options;
    return nextVolumeStep({
      state, volume, self, observed: this.observed(), wantedConfig: this.#wantedConfig(state, volume),
      promotionWaitedMs: ageOf(this.#promotingSince.get(volume.id), world.clock.nowMs()),
      forgottenForMs: ageOf(this.#forgottenSince.get(volume.id), world.clock.nowMs()),
      withoutDiskForMs: ageOf(this.#withoutDiskSince.get(volume.id), world.clock.nowMs()),
    });
  }

  #lacksDisk(id: VolumeId): void {
    if (!this.#withoutDiskSince.has(id)) this.#withoutDiskSince.set(id, this.#options.world.clock.nowMs());
  }

  #wantedConfig(state: CellState, volume: VolumeRecord): string {
    return volume.replicas.includes(this.#options.self.node) ? this.#options.configText(volume, state) : '';
  }

  #isStartingHere(state: CellState, volume: VolumeRecord): boolean {
    const instance = volume.instance === null ? undefined : state.instances.get(volume.instance);
    return instance?.phase === 'starting' && instance.desired === 'running';
  }

  async #takeVolumeStep(volume: VolumeRecord, step: VolumeStep, wantedConfig: string): Promise<Verdict> {
    const { replicas } = this.#options;
    const { id } = volume;
    this.#note(id, step);
    switch (step.kind) {
      case 'createReplica':
        await this.#creating.take(async () => await this.#asReplica(volume, step, 'keep', async () => await this.#createReplica(volume)));
        return 'again';
      case 'configure':
        await this.#asReplica(volume, step, 'keep', async () => {
          await replicas.writeConfig(id, wantedConfig);
          this.#configs.set(id, wantedConfig);
          if (step.adjust) await replicas.adjust(id);
        });
        return 'again';
      case 'up':
        await this.#asReplica(volume, step, 'keep', async () => await replicas.up(id));
        return WAIT_MS;
      case 'connect':
        await this.#asReplica(volume, step, 'keep', async () => await replicas.connect(id));
        return WAIT_MS;
      case 'attach':
        try {
          await this.#asReplica(volume, step, 'keep', async () => await replicas.adjust(id));
        } catch (error) {
          this.#alarm(id, 'the disk of this replica cannot be attached');
          throw error;
        }
        return WAIT_MS;
      case 'disconnectForce':
        await replicas.disconnectForce(id);
        return 'again';
      case 'resync':
        if (await this.#options.peerMisses(step.source, id)) await this.#asReplica(volume, step, 'keep', async () => await replicas.invalidate(id));
        // Otherwise it misses nothing, or does not answer: asked again in a while.
        this.#forgottenSince.delete(id);
        return WAIT_MS;
      case 'promote':
        return await this.#promote(volume, false);
      case 'promoteNew':
        return await this.#promote(volume, true);
      case 'writeImage':
        return await this.#writeImage(volume);
      case 'shrink':
        await this.#report({ kind: 'shrink', actor: this.#options.self, volume: id, generation: volume.generation, reason: step.reason });
        return 'again';
      case 'expand':
        return await this.#expand(volume, step.replica, step.version);
      case 'demote':
        await replicas.demote(id);
        return 'again';
      case 'reportFailedDisk':
        this.#alarm(id, `the disk of this replica failed: ${step.reason}`);
        await this.#report({ kind: 'replicaTainted', actor: this.#options.self, volume: id });
        return 'again';
      case 'wipe':
        await this.#asReplica(volume, step, 'wipe', async () => {
          await replicas.wipeReplica(id);
          this.#configs.delete(id);
          this.#withoutDiskSince.delete(id);
          this.#replicas = await replicas.listReplicas();
        });
        return 'again';
      case 'reportWiped':
        await this.#report({ kind: 'replicaWiped', actor: this.#options.self, volume: id });
        return 'later';
      case 'wait':
        return WAIT_MS;
      case 'alarm':
        this.#alarm(id, step.reason);
        return ALARM_REPEAT_MS / 10;
      case 'settled':
        return 'later';
      default:
        return unreachable(step);
    }
  }

  async #createReplica(volume: VolumeRecord): Promise<void> {
    const { replicas } = this.#options;
    try {
      await replicas.createReplica(volume.id, volume.sizeBytes);
    } catch (error) {
      this.#lacksDisk(volume.id);
      throw error;
    }
    this.#withoutDiskSince.delete(volume.id);
    this.#replicas = await replicas.listReplicas();
  }

  /** One step on this node's replica, under its permit, if the ledger as it is now asks for the same step. */
  async #asReplica(volume: VolumeRecord, step: VolumeStep, right: 'keep' | 'wipe', act: () => Promise<void>): Promise<void> {
    const { gate, log } = this.#options;
    const state = await log.readFresh({ timeoutMs: READ_TIMEOUT_MS });
    const fresh = state.volumes.get(volume.id);
    if (fresh === undefined || fresh.epoch !== volume.epoch || this.#stepFor(state, fresh).kind !== step.kind) return;
    await gate.pass(step.kind, this.#permit(state, right, volume.id, fresh.epoch), act);
  }

  async #promote(volume: VolumeRecord, isNew: boolean): Promise<Verdict> {
    const { gate, log, replicas } = this.#options;
    const state = await log.readFresh({ timeoutMs: READ_TIMEOUT_MS });
    const fresh = state.volumes.get(volume.id);
    // P1 to P4 hold in the fresh state, and P6 holds now: not only when this was decided.
    if (fresh === undefined || this.#stepFor(state, fresh).kind !== (isNew ? 'promoteNew' : 'promote')) return WAIT_MS;
    this.promoting.add(volume.id);
    try {
      await gate.pass(isNew ? 'first promotion' : 'promotion', this.#permit(state, 'hold', volume.id, volume.generation), async () => {
        await (isNew ? replicas.promoteNew(volume.id) : replicas.promote(volume.id));
      });
    } finally {
      this.promoting.delete(volume.id);
    }
    return 'again';
  }

  async #writeImage(volume: VolumeRecord): Promise<Verdict> {
    const state = this.#options.log.state();
    const image = volume.image === null ? undefined : state.images.get(volume.image);
    await this.#options.gate.pass('writing the image', this.#permit(state, 'hold', volume.id, volume.generation), async () => {
      if (image !== undefined) await this.#options.replicas.writeImage(volume.id, volume.minor, image.digest);
    });
    await this.#report({ kind: 'volumeFormatted', actor: this.#options.self, volume: volume.id, generation: volume.generation });
    return 'again';
  }

  async #expand(volume: VolumeRecord, replica: NodeId, version: number): Promise<Verdict> {
    if (!(await this.#options.peerAgrees(replica, volume.id))) return WAIT_MS;
    await this.#report({ kind: 'expand', actor: this.#options.self, volume: volume.id, generation: volume.generation, expectVersion: version, replica });
    return 'again';
  }

  // ---------------------------------------------------------------- instances

  async #workOnInstance(id: InstanceId): Promise<Verdict> {
    if (!this.#isReady) return WAIT_MS;
    const { log, replicas, self, world } = this.#options;
    const state = log.state();
    const instance = state.instances.get(id);
    if (instance === undefined) return 'later';
    const startingForMs = this.#startingForMs(instance);
    const step = nextInstanceStep({
      state, instance, self, observed: this.observed(), heldUp: this.#heldUp, startingForMs, isDrbdCurrent: replicas.isCurrent(),
      stoppingForMs: ageOf(this.#stoppingSince.get(id), world.clock.nowMs()),
      destroyingForMs: this.#destroyingForMs(id),
      endedAs: this.#endedAs.get(id) ?? null,
    });
    if (step.kind === 'wait') this.#tellDelay(instance, step.reason, startingForMs);
    try {
      return await this.#takeInstanceStep(instance, step);
    } catch (error) {
      this.#tellDelay(instance, describeError(error), startingForMs);
      throw error;
    }
  }

  /** Why a start takes its time belongs to whoever waits for it. The start does not wait for the report; a lost one is made again by a later look. */
  #tellDelay(instance: InstanceRecord, why: string, startingForMs: number | null): void {
    const { self, world } = this.#options;
    const { id, generation } = instance;
    const nowMs = world.clock.nowMs();
    const told = this.#delayTold.get(id);
    const message = why.replaceAll(/\s+/g, ' ').trim().slice(0, DELAY_LENGTH_MAX);
    if (startingForMs === null || instance.holder !== self.node || message === '' || !isDelayTold(instance, message, startingForMs, told?.generation === generation ? nowMs - told.atMs : null)) return;
    this.#delayTold.set(id, { generation, atMs: nowMs });
    this.#report({ kind: 'reportDelayed', actor: self, instance: id, generation, message }).catch((error: unknown) => {
      world.log.write({ event: 'delayNotTold', instance: id, error: describeError(error) });
    });
  }

  #destroyingForMs(id: InstanceId): number | null {
    const since = this.#destroyingSince.get(id);
    if (since === undefined) return null;
    if (since.domainId === this.#domains.get(id)?.domainId) return this.#options.world.clock.nowMs() - since.atMs;
    this.#destroyingSince.delete(id);
    return null;
  }

  #noteDestroying(id: InstanceId): void {
    const domainId = this.#domains.get(id)?.domainId;
    if (domainId !== undefined && this.#destroyingForMs(id) === null) this.#destroyingSince.set(id, { domainId, atMs: this.#options.world.clock.nowMs() });
  }

  #startingForMs({ id, generation, phase }: InstanceRecord): number | null {
    const nowMs = this.#options.world.clock.nowMs();
    if (phase !== 'starting') {
      this.#startingSince.delete(id);
      this.#delayTold.delete(id);
      return null;
    }
    const known = this.#startingSince.get(id);
    if (known?.generation === generation) return nowMs - known.atMs;
    this.#startingSince.set(id, { generation, atMs: nowMs });
    return 0;
  }

  async #takeInstanceStep(instance: InstanceRecord, step: InstanceStep): Promise<Verdict> {
    const { domains, self, world, machine } = this.#options;
    const { id, generation } = instance;
    this.#note(id, step);
    switch (step.kind) {
      case 'createDomain':
        this.#endedAs.delete(id);
        await this.#start(instance, 'creation', async (state) => await domains.create(domainSpec(state, instance)));
        return 'again';
      case 'unpauseDomain':
        await this.#start(instance, 'unpausing', async () => await domains.unpause(id));
        return 'again';
      case 'reportStarted':
        await this.#report({ kind: 'reportStarted', actor: self, instance: id, generation });
        return 'later';
      case 'shutdownDomain':
        this.#stoppingSince.set(id, world.clock.nowMs());
        await domains.shutdown(id);
        return await this.#lookAtDomainsIn(WAIT_MS);
      case 'destroyDomain':
        this.#noteDestroying(id);
        await domains.destroy(id);
        await this.#observeDomains();
        return 'again';
      case 'reportStopped':
        this.#stoppingSince.delete(id);
        this.#endedAs.delete(id);
        await this.#report({ kind: 'reportStopped', actor: self, instance: id, generation, cause: step.cause, detail: step.detail });
        return 'later';
      case 'awaitEnd':
        this.#noteDestroying(id);
        return await this.#lookAtDomainsIn(WAIT_MS);
      case 'resetNode':
        world.log.write({ event: 'selfFenced', instance: id, reason: step.reason });
        machine.resetNow(step.reason);
        return 'later';
      case 'wait':
        return this.#domains.has(id) && (instance.phase === 'stopping' || instance.restarting || this.#destroyingSince.has(id)) ? await this.#lookAtDomainsIn(WAIT_MS) : WAIT_MS;
      case 'settled':
        if (!this.#domains.has(id)) this.#stoppingSince.delete(id);
        return 'later';
      default:
        return unreachable(step);
    }
  }

  /** One world-changing step of a start, under a permit read freshly. A failure that is not a refusal is reported, so that another node may try. */
  async #start(instance: InstanceRecord, action: string, command: (state: CellState) => Promise<void>): Promise<void> {
    const state = await this.#options.log.readFresh({ timeoutMs: READ_TIMEOUT_MS });
    try {
      await this.#options.gate.pass(`${action} of the domain`, this.#permit(state, 'hold', instance.id, instance.generation), async () => await command(state));
    } catch (error) {
      if (error instanceof ClusterError && error.code !== 'PermitRefused') await this.#reportFailedStart(instance, error);
      throw error;
    } finally {
      await this.#observeDomains();
    }
  }

  async #reportFailedStart(instance: InstanceRecord, error: ClusterError): Promise<void> {
    const { domains, replicas, self, world } = this.#options;
    world.log.write({ event: 'startFailed', instance: instance.id, generation: instance.generation, error: describeError(error) });
    await domains.destroy(instance.id);
    await this.#observeDomains();
    if (this.#domains.has(instance.id)) throw error;
    for (const volume of instance.volumes) if (replicas.resources().get(volume)?.role === 'Primary') await replicas.demote(volume);
    await this.#report({ kind: 'reportStopped', actor: self, instance: instance.id, generation: instance.generation, cause: 'startFailed', detail: `${error.code}: ${error.message}`.slice(0, 400) });
  }

  async #lookAtDomainsIn(delayMs: number): Promise<Verdict> {
    await new Promise<void>((resolve) => {
      this.#options.world.timers.after(delayMs, () => resolve());
    });
    await this.#observeDomains();
    return 'again';
  }

  // ---------------------------------------------------------------- ledger

  /** A report is an order to the ledger that may be stale: then the next look decides anew. */
  async #report(command: Command): Promise<Proposed> {
    const proposed = await this.#options.log.propose(command, { timeoutMs: PROPOSE_TIMEOUT_MS, appliedHere: true });
    if (proposed.result.kind === 'rejected') {
      throw new ClusterError('ReportRejected', `${command.kind} was rejected (${proposed.result.reason}): ${proposed.result.message}`, { retryable: true });
    }
    return proposed;
  }

  #permit(state: CellState, right: Permit['right'], target: string, generation: number): Permit {
    const { self, log } = this.#options;
    return { right, target, generation, node: self.node, bootId: self.bootId, clusterUuid: state.clusterUuid, epoch: state.epoch, index: log.status().appliedIndex };
  }

  #note(subject: string, step: VolumeStep | InstanceStep): void {
    if (step.kind === 'settled' || step.kind === 'wait' || step.kind === 'awaitEnd') return;
    this.#options.world.log.write({ event: 'step', subject, step: step.kind, ...('reason' in step ? { reason: step.reason } : {}) });
  }
}

function ageOf(sinceMs: number | undefined, nowMs: number): number | null {
  return sinceMs === undefined ? null : nowMs - sinceMs;
}

function domainSpec(state: CellState, instance: InstanceRecord): DomainSpec {
  const image = state.images.get(instance.image);
  const disks = instance.volumes.map((id) => {
    const volume = state.volumes.get(id);
    if (volume === undefined) throw new ClusterError('UnknownVolume', `${instance.id} needs ${id}, which the ledger does not know`, { retryable: false });
    return { device: volume.device, minor: volume.minor };
  });
  return {
    instance: instance.id, generation: instance.generation, kind: image?.domainKind ?? 'pv',
    memoryMiB: instance.memoryMiB, vcpus: instance.vcpus, macAddress: instance.macAddress, disks,
  };
}

/** Whether the ledger as known here still gives the right that a permit names. */
export function isGranted(state: CellState, permit: Permit): boolean {
  if (!isLive(state.nodes.get(permit.node), permit.bootId)) return false;
  const volume = state.volumes.get(permit.target as VolumeId);
  switch (permit.right) {
    case 'hold': {
      const target = state.instances.get(permit.target as InstanceId) ?? volume;
      return target?.holder === permit.node && target.holderBootId === permit.bootId && target.generation === permit.generation;
    }
    case 'keep':
      return volume !== undefined && volume.epoch === permit.generation && !volume.deleting && volume.replicas.includes(permit.node);
    case 'wipe':
      return volume !== undefined && volume.epoch === permit.generation && (volume.retired.includes(permit.node) || (volume.deleting && volume.replicas.includes(permit.node)));
    default:
      return unreachable(permit.right);
  }
}
