/**
 * What is behind the coordinator in these tests? A cell in memory: the real `apply`, a leader that places on the first node with room,
 * and nodes that do what a test says.
 */
import { ClusterError } from '../../../shared/errors.ts';
import { parseBootId, parseCellId, parseImageId, parseMemberId, parseNodeId } from '../../../shared/ids.ts';
import type { BootId, InstanceId, NodeId } from '../../../shared/ids.ts';
import { apply } from '../../../shared/ledger/apply.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import type { Proposed } from '../../../shared/ledger/replicated-log.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../shared/model/cell.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import { GIB } from '../../../shared/units.ts';
import type { ConsoleAnswer, IntentAnswer, RunInstancesIntent } from '../../../shared/wire/intent.ts';
import { parseIntent } from '../../../shared/ledger/command-schema.ts';
import type { CellPort } from '../../../coordinator/ports.ts';
import type { Clock } from '../../../shared/world.ts';

/** The image that every fake cell has: PV, 1 GiB. */
export const IMAGE = parseImageId('ami-0123456789abcdef0');
const CLUSTER = '6b3f1c52-9a70-4d1e-8f2b-0c1d2e3f4a5b';
const MEMORY_MIB = 64 * 1024;

/** How a fake cell differs from the usual one. */
export interface FakeCellOptions {
  readonly nodes?: number;
  readonly memoryMiB?: number;
}

export class FakeCell implements CellPort {
  readonly cell = parseCellId('default');
  readonly #clock: Clock;
  #state: CellState;
  #index = 0;
  /** Boots of the nodes, for reports. */
  readonly #boots = new Map<NodeId, BootId>();
  /** When set, every promise of the port rejects with it. */
  failure: ClusterError | null = null;
  /** Whether it is known to be led. */
  isLed = true;
  /** What a guest printed, by instance. */
  readonly consoles = new Map<InstanceId, string>();
  /** Every command that came through the port. */
  readonly proposed: Command[] = [];

  constructor(clock: Clock, options: FakeCellOptions = {}) {
    this.#clock = clock;
    this.#state = emptyCell(this.cell, CLUSTER, DEFAULT_PARAMETERS);
    for (let number = 1; number <= (options.nodes ?? 3); number += 1) this.#join(number, options.memoryMiB ?? MEMORY_MIB);
    this.commit({
      kind: 'registerImage',
      image: { id: IMAGE, name: 'debian-12', description: 'Debian 12 & <tools>', digest: 'ab'.repeat(32), sizeBytes: GIB, architecture: 'x86_64', domainKind: 'pv', createdAt: '2026-01-01T00:00:00.000Z' },
    });
  }

  state(): CellState {
    return this.#state;
  }

  isStale(): boolean {
    return !this.isLed;
  }

  async fresh(index?: number): Promise<CellState> {
    await this.#answer();
    if (index !== undefined && index > this.#index) throw new Error(`asked for index ${index}, only ${this.#index} are there`);
    return this.#state;
  }

  async propose(command: Command): Promise<Proposed> {
    await this.#answer();
    this.proposed.push(command);
    return this.commit(command);
  }

  async runInstances(intent: RunInstancesIntent): Promise<IntentAnswer> {
    await this.#answer();
    const parsed = parseIntent(structuredClone(intent));
    if (parsed.kind === 'invalid') throw new Error(`the coordinator made a bad intent: ${parsed.message}`);
    const placements = this.#place(intent);
    if (placements.length < intent.minCount) return { kind: 'noCapacity', refused: [{ node: parseNodeId('node-1'), reason: 'memory', detail: 'not enough memory' }] };
    if (intent.dryRun) return { kind: 'wouldSucceed' };
    const { kind: _kind, minCount: _min, ids: _ids, dryRun: _dry, ...launch } = intent;
    const { index, result } = this.commit({ kind: 'createInstances', ...launch, instances: placements });
    if (result.kind === 'rejected') return { kind: 'rejected', result };
    return { kind: 'created', index, instances: (result.value as { instances: readonly InstanceId[] }).instances };
  }

  async console(instance: InstanceId): Promise<ConsoleAnswer> {
    await this.#answer();
    return { text: this.consoles.get(instance) ?? '' };
  }

  /** Commits any command, as an agent would. */
  commit(command: Command): Proposed {
    this.#index += 1;
    const { state, result } = apply(this.#state, { index: this.#index, term: 1, data: { command, at: this.#clock.wallTime(), by: parseMemberId('node-1') } });
    this.#state = state;
    return { index: this.#index, result };
  }

  /** The instance's record. */
  instance(id: string): InstanceRecord {
    const record = this.#state.instances.get(id as InstanceId);
    if (record === undefined) throw new Error(`there is no instance ${id}`);
    return record;
  }

  /** The nodes catch up with what is desired: starting instances run, stopping ones stop, stopped ones that shall run start. */
  settle(): void {
    for (const { id } of this.#state.instances.values()) {
      const before = this.instance(id);
      if (before.phase === 'stopped' && before.desired === 'running') {
        const node = parseNodeId('node-1');
        this.#must({ kind: 'placeInstance', instance: id, expectGeneration: before.generation, placement: { node: before.holder ?? node, bootId: this.#boot(before.holder ?? node), standby: before.standby, refused: [] } });
      }
      const { phase, holder, generation, restarting } = this.instance(id);
      if (holder === null) continue;
      const actor = { node: holder, bootId: this.#boot(holder) };
      if (phase === 'starting' || restarting) {
        for (const volume of this.instance(id).volumes) this.#must({ kind: 'volumeFormatted', actor, volume, generation });
        this.#must({ kind: 'reportStarted', actor, instance: id, generation });
      }
      if (phase === 'stopping') this.#must({ kind: 'reportStopped', actor, instance: id, generation, cause: 'asked', detail: '' });
    }
  }

  /** The node dies, and that is proven: its instances wait for another one. */
  fence(node: NodeId): void {
    this.#must({ kind: 'proveFenced', node, bootId: this.#boot(node), proof: 'leaseExpired', fenceWaitMs: 9_000, term: 1, leader: parseMemberId('node-2'), observations: [] });
  }

  #must(command: Command): void {
    const { result } = this.commit(command);
    if (result.kind === 'rejected') throw new Error(`${command.kind} was rejected: ${result.reason}, ${result.message}`);
  }

  #join(number: number, memoryMiB: number): void {
    const node = parseNodeId(`node-${number}`);
    const bootId = parseBootId(`00000000-0000-4000-8000-00000000000${number}`);
    const actor = { node, bootId };
    this.#boots.set(node, bootId);
    this.#must({ kind: 'admitNode', node: { id: node, peerId: `peer-${number}`, meshAddress: 'm', leaseAddress: 'l', leaseKey: 'k', storageAddress: 's', failureDomain: 'rack', power: { kind: 'none', address: '' } } });
    this.#must({ kind: 'bootNode', actor, storeUuid: `11111111-0000-4000-8000-00000000000${number}`, capacity: { memoryMiB, vcpus: 64, diskBytes: 100_000 * GIB, domainKinds: ['pv', 'hvm'] }, tainted: [] });
    this.#must({ kind: 'readyNode', actor });
  }

  #boot(node: NodeId): BootId {
    const bootId = this.#boots.get(node);
    if (bootId === undefined) throw new Error(`there is no ${node}`);
    return bootId;
  }

  /** The stand-in for placement: as many as fit, all on node-1. */
  #place(intent: RunInstancesIntent): { id: InstanceId; volume: RunInstancesIntent['ids'][number]['volume']; placement: { node: NodeId; bootId: BootId; standby: null; refused: [] } }[] {
    const node = parseNodeId('node-1');
    const used = [...this.#state.instances.values()].filter((instance) => instance.phase !== 'terminated').reduce((sum, instance) => sum + instance.memoryMiB, 0);
    const room = Math.floor(((this.#state.nodes.get(node)?.capacity.memoryMiB ?? 0) - used) / intent.memoryMiB);
    return intent.ids.slice(0, Math.max(0, room)).map(({ instance, volume }) => ({ id: instance, volume, placement: { node, bootId: this.#boot(node), standby: null, refused: [] } }));
  }

  #answer(): Promise<void> {
    return this.failure === null ? Promise.resolve() : Promise.reject(this.failure);
  }
}

/** The error of a cell without a leader. */
export function noLeader(): ClusterError {
  return new ClusterError('NoLeader', 'no leader is known', { retryable: true });
}
