/**
 * How does an instance become what the ledger says? It is looked at, the next safe step is decided (machines/instance-steps.ts), and taken.
 *
 * A start passes the gate; stopping passes none. Whoever waits for a start is told what it waits for.
 */
import { ClusterError, describeError, unreachable } from '../../shared/errors.ts';
import type { InstanceId, VolumeId } from '../../shared/ids.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { DomainSpec } from '../../shared/model/domain.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import { DELAY_LENGTH_MAX } from '../../shared/model/limits.ts';
import type { Machine } from '../../shared/world.ts';
import { isDelayTold, nextInstanceStep } from '../machines/instance-steps.ts';
import type { InstanceStep } from '../machines/instance-steps.ts';
import type { DomainPort } from './ports.ts';
import type { Verdict } from './tasks.ts';
import { ageOf, isGivenBack, noteGivenBack, noteStep, permitFrom, READ_TIMEOUT_MS, report, WAIT_MS } from './work.ts';
import type { WorkPorts } from './work.ts';

/** What work on instances is made from. */
export interface InstanceWorkPorts extends WorkPorts {
  readonly machine: Machine;
  readonly domains: DomainPort;
  /** What the last look at a volume waited for, or failed with. */
  readonly heldUp: () => ReadonlyMap<VolumeId, string>;
  /** Volumes for which `primary` runs now. */
  readonly promoting: ReadonlySet<VolumeId>;
}

/** Works on the instances of one node. */
export class InstanceWork {
  readonly #ports: InstanceWorkPorts;
  readonly #startingSince = new Map<InstanceId, { readonly generation: number; readonly atMs: number }>();
  readonly #delayTold = new Map<InstanceId, { readonly generation: number; readonly atMs: number }>();
  /** Why the last start here was given back; the generation itself is durable elsewhere. */
  readonly #whyGivenBack = new Map<InstanceId, string>();
  readonly #stoppingSince = new Map<InstanceId, number>();
  /** Of the domain with that number: another one of the same instance begins anew. */
  readonly #destroyingSince = new Map<InstanceId, { readonly domainId: number; readonly atMs: number }>();

  constructor(ports: InstanceWorkPorts) {
    this.#ports = ports;
  }

  /** One look at an instance, and the step that it asks for. */
  async work(id: InstanceId): Promise<Verdict> {
    const { heldUp, log, promoting, replicas, self, sight, world } = this.#ports;
    const state = log.state();
    const instance = state.instances.get(id);
    if (instance === undefined) return 'later';
    const startingForMs = this.#startingForMs(instance);
    const givenBack = isGivenBack(this.#ports, instance) ? (this.#whyGivenBack.get(id) ?? 'its start was given back') : null;
    const step = nextInstanceStep({
      state, instance, self, observed: sight.observed(), heldUp: heldUp(), promoting, givenBack, startingForMs, isDrbdCurrent: replicas.isCurrent(),
      stoppingForMs: ageOf(this.#stoppingSince.get(id), world.clock.nowMs()),
      destroyingForMs: this.#destroyingForMs(id),
      endedAs: sight.endedAs.get(id) ?? null,
    });
    if (step.kind === 'wait') this.#tellDelay(instance, step.reason, startingForMs);
    try {
      return await this.#take(instance, step);
    } catch (error) {
      this.#tellDelay(instance, describeError(error), startingForMs);
      throw error;
    }
  }

  /** Why a start takes its time belongs to whoever waits for it. The start does not wait for the report; a lost one is made again by a later look. */
  #tellDelay(instance: InstanceRecord, why: string, startingForMs: number | null): void {
    const { log, self, world } = this.#ports;
    const { id, generation } = instance;
    const nowMs = world.clock.nowMs();
    const told = this.#delayTold.get(id);
    const message = why.replaceAll(/\s+/g, ' ').trim().slice(0, DELAY_LENGTH_MAX);
    if (startingForMs === null || instance.holder !== self.node || message === '' || !isDelayTold(instance, message, startingForMs, told?.generation === generation ? nowMs - told.atMs : null)) return;
    this.#delayTold.set(id, { generation, atMs: nowMs });
    report(log, { kind: 'reportDelayed', actor: self, instance: id, generation, message }).catch((error: unknown) => {
      world.log.write({ event: 'delayNotTold', instance: id, error: describeError(error) });
    });
  }

  #destroyingForMs(id: InstanceId): number | null {
    const since = this.#destroyingSince.get(id);
    if (since === undefined) return null;
    if (since.domainId === this.#ports.sight.domains().get(id)?.domainId) return this.#ports.world.clock.nowMs() - since.atMs;
    this.#destroyingSince.delete(id);
    return null;
  }

  #noteDestroying(id: InstanceId): void {
    const domainId = this.#ports.sight.domains().get(id)?.domainId;
    if (domainId !== undefined && this.#destroyingForMs(id) === null) this.#destroyingSince.set(id, { domainId, atMs: this.#ports.world.clock.nowMs() });
  }

  #startingForMs({ id, generation, phase }: InstanceRecord): number | null {
    const nowMs = this.#ports.world.clock.nowMs();
    if (phase !== 'starting') {
      this.#whyGivenBack.delete(id);
      this.#startingSince.delete(id);
      this.#delayTold.delete(id);
      return null;
    }
    const known = this.#startingSince.get(id);
    if (known?.generation === generation) return nowMs - known.atMs;
    this.#startingSince.set(id, { generation, atMs: nowMs });
    return 0;
  }

  async #take(instance: InstanceRecord, step: InstanceStep): Promise<Verdict> {
    const { domains, log, machine, self, sight, world } = this.#ports;
    const { id, generation } = instance;
    noteStep(world, id, step);
    switch (step.kind) {
      case 'createDomain':
        sight.endedAs.delete(id);
        await this.#start(instance, 'creation', async (state) => await domains.create(domainSpec(state, instance)));
        return 'again';
      case 'unpauseDomain':
        await this.#start(instance, 'unpausing', async () => await domains.unpause(id));
        return 'again';
      case 'reportStarted':
        await report(log, { kind: 'reportStarted', actor: self, instance: id, generation });
        return 'later';
      case 'shutdownDomain':
        this.#stoppingSince.set(id, world.clock.nowMs());
        await domains.shutdown(id);
        return await this.#lookAtDomainsIn(WAIT_MS);
      case 'destroyDomain':
        this.#noteDestroying(id);
        await domains.destroy(id);
        await sight.lookAtDomains();
        return 'again';
      case 'reportStopped':
        this.#stoppingSince.delete(id);
        sight.endedAs.delete(id);
        if (step.cause === 'startFailed') await this.#giveBack(instance, step.detail);
        await report(log, { kind: 'reportStopped', actor: self, instance: id, generation, cause: step.cause, detail: step.detail });
        return 'later';
      case 'awaitEnd':
        this.#noteDestroying(id);
        return await this.#lookAtDomainsIn(WAIT_MS);
      case 'resetNode':
        world.log.write({ event: 'selfFenced', instance: id, reason: step.reason });
        machine.resetNow(step.reason);
        return 'later';
      case 'wait':
        return sight.domains().has(id) && (instance.phase === 'stopping' || instance.restarting || this.#destroyingSince.has(id)) ? await this.#lookAtDomainsIn(WAIT_MS) : WAIT_MS;
      case 'settled':
        if (!sight.domains().has(id)) this.#stoppingSince.delete(id);
        return 'later';
      default:
        return unreachable(step);
    }
  }

  /** One world-changing step of a start, under a permit read freshly. A failure that is not a refusal is reported, so that another node may try. */
  async #start(instance: InstanceRecord, action: string, command: (state: CellState) => Promise<void>): Promise<void> {
    const { gate, log, sight } = this.#ports;
    const state = await log.readFresh({ timeoutMs: READ_TIMEOUT_MS });
    try {
      await gate.pass(`${action} of the domain`, permitFrom(this.#ports, state, 'hold', instance.id, instance.generation), async () => await command(state));
    } catch (error) {
      if (error instanceof ClusterError && error.code !== 'PermitRefused') await this.#reportFailedStart(instance, error);
      throw error;
    } finally {
      await sight.lookAtDomains();
    }
  }

  /** From here on nothing of this generation starts on this node, whenever the ledger hears of it. */
  async #giveBack(instance: InstanceRecord, why: string): Promise<void> {
    this.#whyGivenBack.set(instance.id, why);
    await noteGivenBack(this.#ports, instance);
  }

  async #reportFailedStart(instance: InstanceRecord, error: ClusterError): Promise<void> {
    const { domains, log, promoting, replicas, self, sight, world } = this.#ports;
    world.log.write({ event: 'startFailed', instance: instance.id, generation: instance.generation, error: describeError(error) });
    await domains.destroy(instance.id);
    await sight.lookAtDomains();
    if (sight.domains().has(instance.id)) throw error;
    const detail = `${error.code}: ${error.message}`.slice(0, 400);
    await this.#giveBack(instance, detail);
    for (const volume of instance.volumes) if (replicas.resources().get(volume)?.role === 'Primary') await replicas.demote(volume);
    // A promotion that is under way ends after this: the next look reports, once it is undone.
    if (instance.volumes.some((volume) => promoting.has(volume))) throw error;
    await report(log, { kind: 'reportStopped', actor: self, instance: instance.id, generation: instance.generation, cause: 'startFailed', detail });
  }

  async #lookAtDomainsIn(delayMs: number): Promise<Verdict> {
    const { sight, world } = this.#ports;
    await new Promise<void>((resolve) => {
      world.timers.after(delayMs, () => resolve());
    });
    await sight.lookAtDomains();
    return 'again';
  }
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
