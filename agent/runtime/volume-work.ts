/**
 * How does a replica become what the ledger says? It is looked at, the next safe step is decided (machines/volume-steps.ts), and taken.
 *
 * What concerns the disk passes the gate, under a permit that is read freshly and for a step that the fresh state asks for too.
 */
import { describeError, unreachable } from '../../shared/errors.ts';
import type { NodeId, VolumeId } from '../../shared/ids.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { VolumeRecord } from '../../shared/model/volume.ts';
import { Turns } from '../../shared/turns.ts';
import { isForgotten, isFrozen, nextVolumeStep } from '../machines/volume-steps.ts';
import type { VolumeStep } from '../machines/volume-steps.ts';
import { ALARM_REPEAT_MS } from './alarms.ts';
import { Builds } from './builds.ts';
import type { Verdict } from './tasks.ts';
import { ageOf, isGivenBack, noteStep, permitFrom, READ_TIMEOUT_MS, report, WAIT_MS } from './work.ts';
import type { WorkPorts } from './work.ts';

/** Replicas created at once. LVM locks its volume group for each command, so more would only queue there, and take the processor from requests. */
const CREATIONS_MAX = 4;

/** What work on volumes is made from. */
export interface VolumeWorkPorts extends WorkPorts {
  /** The configuration text that the record asks for on this node. Pure. */
  readonly configText: (volume: VolumeRecord, state: CellState) => string;
  /** Asks the other end of a volume how it sees the connection; false when it disagrees or does not answer. */
  readonly peerAgrees: (peer: NodeId, volume: VolumeId) => Promise<boolean>;
  /** Asks the other end whether it counts blocks as out of sync on a connection that copies nothing; false when it does not answer. */
  readonly peerMisses: (peer: NodeId, volume: VolumeId) => Promise<boolean>;
  /** Asks the other end whether its kernel has the volume at all; false when it has, or does not answer. */
  readonly peerIsDown: (peer: NodeId, volume: VolumeId) => Promise<boolean>;
  /** Whether a call of the fence-peer helper for a volume is under way here. */
  readonly isAsked: (volume: VolumeId) => boolean;
  /** Asks for a look at a volume. */
  readonly touch: (volume: VolumeId) => void;
}

/** Memory of one thing under way: when it began, ms. */
type Since = Map<VolumeId, number>;

/** Works on the volumes of one node. */
export class VolumeWork {
  readonly #ports: VolumeWorkPorts;
  /** A task works on one volume at a time, so no more wait than there are volumes here. */
  readonly #creating = new Turns(CREATIONS_MAX);
  readonly #builds: Builds;
  readonly #promotingSince: Since = new Map();
  /** What the other end of a volume that is to be promoted here said; null while it is asked. As many as there are in {@link #promotingSince}. */
  readonly #peerDown = new Map<VolumeId, boolean | null>();
  readonly #forgottenSince: Since = new Map();
  readonly #withoutDiskSince: Since = new Map();
  readonly #unaskedSince: Since = new Map();
  readonly #heldUp = new Map<VolumeId, string>();
  /** Volumes for which `primary` runs now: the fence-peer helper answers these from the permit that was made before. */
  readonly promoting = new Set<VolumeId>();

  constructor(ports: VolumeWorkPorts) {
    this.#ports = ports;
    this.#builds = new Builds(ports.world.clock, ports.touch);
  }

  /** What the last look at a volume waited for, or failed with: told to whoever waits for its instance. */
  heldUp(): ReadonlyMap<VolumeId, string> {
    return this.#heldUp;
  }

  /** One look at a volume, and the step that it asks for. */
  async work(id: VolumeId): Promise<Verdict> {
    if (!this.#ports.replicas.isCurrent()) return WAIT_MS;
    const state = this.#ports.log.state();
    const volume = state.volumes.get(id);
    if (volume === undefined) {
      this.#heldUp.delete(id);
      this.#builds.finish(id);
      return 'later';
    }
    if (!this.#mayGoOn(state, volume)) {
      this.#heldUp.set(id, 'other new volumes are made on this node first');
      return 'later';
    }
    const { self } = this.#ports;
    const isPromotionDue = volume.holder === self.node && this.#isStartingHere(state, volume) && this.#ports.sight.observed().resources.get(id)?.role !== 'Primary';
    this.#note(this.#promotingSince, id, isPromotionDue);
    if (!isPromotionDue) this.#peerDown.delete(id);
    else if (volume.formatted && volume.inSync.length > 1) this.#askPeer(volume);
    const resource = this.#ports.sight.observed().resources.get(id);
    this.#note(this.#forgottenSince, id, resource !== undefined && isForgotten(volume, self, resource));
    this.#note(this.#unaskedSince, id, resource !== undefined && isFrozen(resource) && !this.#ports.isAsked(id));
    if (resource !== undefined) this.#note(this.#withoutDiskSince, id, resource.disk === 'Diskless');
    const step = this.#stepFor(state, volume);
    try {
      const verdict = await this.#take(volume, step, this.#wantedConfig(state, volume));
      if (step.kind === 'wait' || step.kind === 'alarm') this.#heldUp.set(id, step.reason);
      else if (step.kind === 'settled') this.#heldUp.delete(id);
      return verdict;
    } catch (error) {
      this.#heldUp.set(id, describeError(error));
      throw error;
    }
  }

  /** Whether it is not this volume that has to wait until others are built. */
  #mayGoOn(state: CellState, volume: VolumeRecord): boolean {
    const { id } = volume;
    const { node } = this.#ports.self;
    const { replicas, resources } = this.#ports.sight.observed();
    const isWanted = volume.replicas.includes(node) && !volume.deleting && !volume.tainted.includes(node);
    const isFilled = volume.formatted || volume.holder !== node || !this.#isStartingHere(state, volume);
    if (!isWanted || (resources.has(id) && isFilled)) {
      this.#builds.finish(id);
      return true;
    }
    // One whose disk failed builds nothing: that is found out, and told, for all of them at once.
    return replicas.get(id)?.formed === true || this.#withoutDiskSince.has(id) || this.#builds.mayBuild(id);
  }

  #stepFor(state: CellState, volume: VolumeRecord): VolumeStep {
    const { self, world } = this.#ports;
    const instance = volume.instance === null ? undefined : state.instances.get(volume.instance);
    return nextVolumeStep({
      state, volume, self, isGivenBack: instance !== undefined && isGivenBack(this.#ports, instance), observed: this.#ports.sight.observed(), wantedConfig: this.#wantedConfig(state, volume),
      isPeerDown: this.#peerDown.get(volume.id) === true,
      promotionWaitedMs: ageOf(this.#promotingSince.get(volume.id), world.clock.nowMs()),
      forgottenForMs: ageOf(this.#forgottenSince.get(volume.id), world.clock.nowMs()),
      withoutDiskForMs: ageOf(this.#withoutDiskSince.get(volume.id), world.clock.nowMs()),
      unaskedForMs: ageOf(this.#unaskedSince.get(volume.id), world.clock.nowMs()),
    });
  }

  /** Without waiting: the answer, if it says that there is nobody to wait for, is a reason to look again. */
  #askPeer({ id, replicas }: VolumeRecord): void {
    const peer = replicas.find((node) => node !== this.#ports.self.node);
    if (peer === undefined || this.#peerDown.get(id) !== undefined) return;
    this.#peerDown.set(id, null);
    const noted = (isDown: boolean): void => {
      // Not, or not yet: asked again with the next look.
      if (!isDown || !this.#promotingSince.has(id)) this.#peerDown.delete(id);
      else {
        this.#peerDown.set(id, true);
        this.#ports.touch(id);
      }
    };
    // Failures are answered as well: by waiting as long as ever.
    void this.#ports.peerIsDown(peer, id).then(noted, () => noted(false));
  }

  /** Remembers since when something is so. */
  #note(since: Since, id: VolumeId, isSo: boolean): void {
    if (!isSo) since.delete(id);
    else if (!since.has(id)) since.set(id, this.#ports.world.clock.nowMs());
  }

  #wantedConfig(state: CellState, volume: VolumeRecord): string {
    return volume.replicas.includes(this.#ports.self.node) ? this.#ports.configText(volume, state) : '';
  }

  #isStartingHere(state: CellState, volume: VolumeRecord): boolean {
    const instance = volume.instance === null ? undefined : state.instances.get(volume.instance);
    return instance?.phase === 'starting' && instance.desired === 'running' && !isGivenBack(this.#ports, instance);
  }

  async #take(volume: VolumeRecord, step: VolumeStep, wantedConfig: string): Promise<Verdict> {
    const { alarms, log, replicas, self, sight, world } = this.#ports;
    const { id } = volume;
    noteStep(world, id, step);
    switch (step.kind) {
      case 'createReplica':
        await this.#creating.take(async () => await this.#asReplica(volume, step, 'keep', async () => await this.#createReplica(volume)));
        return 'again';
      case 'configure':
        await this.#asReplica(volume, step, 'keep', async () => {
          await replicas.writeConfig(id, wantedConfig);
          sight.configs.set(id, wantedConfig);
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
          alarms.raise(id, 'the disk of this replica cannot be attached');
          throw error;
        }
        return WAIT_MS;
      case 'disconnectForce':
        await replicas.disconnectForce(id);
        return 'again';
      case 'askAgain':
        await this.#asReplica(volume, step, 'keep', async () => await replicas.disconnectForce(id));
        this.#unaskedSince.delete(id);
        return WAIT_MS;
      case 'resync':
        if (await this.#ports.peerMisses(step.source, id)) await this.#asReplica(volume, step, 'keep', async () => await replicas.invalidate(id));
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
        await report(log, { kind: 'shrink', actor: self, volume: id, generation: volume.generation, reason: step.reason });
        return 'again';
      case 'expand':
        return await this.#expand(volume, step.replica, step.version);
      case 'demote':
        await replicas.demote(id);
        return 'again';
      case 'reportFailedDisk':
        alarms.raise(id, `the disk of this replica failed: ${step.reason}`);
        await report(log, { kind: 'replicaTainted', actor: self, volume: id });
        return 'again';
      case 'wipe':
        await this.#asReplica(volume, step, 'wipe', async () => {
          await replicas.wipeReplica(id);
          sight.configs.delete(id);
          this.#withoutDiskSince.delete(id);
          await sight.lookAtReplicas();
        });
        return 'again';
      case 'reportWiped':
        await report(log, { kind: 'replicaWiped', actor: self, volume: id });
        return 'later';
      case 'wait':
        return WAIT_MS;
      case 'alarm':
        alarms.raise(id, step.reason);
        return ALARM_REPEAT_MS / 10;
      case 'settled':
        return 'later';
      default:
        return unreachable(step);
    }
  }

  async #createReplica(volume: VolumeRecord): Promise<void> {
    const { replicas, sight } = this.#ports;
    try {
      await replicas.createReplica(volume.id, volume.sizeBytes);
    } catch (error) {
      this.#note(this.#withoutDiskSince, volume.id, true);
      this.#builds.finish(volume.id);
      throw error;
    }
    this.#withoutDiskSince.delete(volume.id);
    await sight.lookAtReplicas();
  }

  /** One step on this node's replica, under its permit, if the ledger as it is now asks for the same step. */
  async #asReplica(volume: VolumeRecord, step: VolumeStep, right: 'keep' | 'wipe', act: () => Promise<void>): Promise<void> {
    const { gate, log } = this.#ports;
    const state = await log.readFresh({ timeoutMs: READ_TIMEOUT_MS });
    const fresh = state.volumes.get(volume.id);
    if (fresh === undefined || fresh.epoch !== volume.epoch || this.#stepFor(state, fresh).kind !== step.kind) return;
    await gate.pass(step.kind, permitFrom(this.#ports, state, right, volume.id, fresh.epoch), act);
  }

  async #promote(volume: VolumeRecord, isNew: boolean): Promise<Verdict> {
    const { gate, log, replicas } = this.#ports;
    const state = await log.readFresh({ timeoutMs: READ_TIMEOUT_MS });
    const fresh = state.volumes.get(volume.id);
    // P1 to P4 hold in the fresh state, and P6 holds now: not only when this was decided.
    if (fresh === undefined || this.#stepFor(state, fresh).kind !== (isNew ? 'promoteNew' : 'promote')) return WAIT_MS;
    this.promoting.add(volume.id);
    try {
      await gate.pass(isNew ? 'first promotion' : 'promotion', permitFrom(this.#ports, state, 'hold', volume.id, volume.generation), async () => {
        await (isNew ? replicas.promoteNew(volume.id) : replicas.promote(volume.id));
      });
    } finally {
      this.promoting.delete(volume.id);
    }
    return 'again';
  }

  async #writeImage(volume: VolumeRecord): Promise<Verdict> {
    const state = this.#ports.log.state();
    const image = volume.image === null ? undefined : state.images.get(volume.image);
    await this.#ports.gate.pass('writing the image', permitFrom(this.#ports, state, 'hold', volume.id, volume.generation), async () => {
      if (image !== undefined) await this.#ports.replicas.writeImage(volume.id, volume.minor, image.digest);
    });
    await report(this.#ports.log, { kind: 'volumeFormatted', actor: this.#ports.self, volume: volume.id, generation: volume.generation });
    return 'again';
  }

  async #expand(volume: VolumeRecord, replica: NodeId, version: number): Promise<Verdict> {
    if (!(await this.#ports.peerAgrees(replica, volume.id))) return WAIT_MS;
    await report(this.#ports.log, { kind: 'expand', actor: this.#ports.self, volume: volume.id, generation: volume.generation, expectVersion: version, replica });
    return 'again';
  }
}
