/**
 * How do tests speak to the state machine? A cell of three ready nodes, and short words for common commands.
 */
import * as assert from 'uvu/assert';
import type { BootId, ImageId, InstanceId, MemberId, NodeId, ReservationId, VolumeId, CellId } from '../../../../shared/ids.ts';
import { apply } from '../../../../shared/ledger/apply.ts';
import type { Actor, ApplyResult, Command, Placement, RejectReason } from '../../../../shared/ledger/commands.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../../shared/model/cell.ts';
import type { CellParameters, CellState } from '../../../../shared/model/cell.ts';
import type { CellEvent } from '../../../../shared/model/event.ts';
import type { InstanceRecord } from '../../../../shared/model/instance.ts';
import type { NodeRecord } from '../../../../shared/model/node.ts';
import type { VolumeRecord } from '../../../../shared/model/volume.ts';
import { GIB, MIB } from '../../../../shared/units.ts';

export const IMAGE = 'ami-00000001' as ImageId;
export const CLUSTER = '00000000-0000-4000-8000-0000000000cc';
export const LEADER = 'node-9' as MemberId;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

export const nodeIdOf = (node: number): NodeId => `node-${node}` as NodeId;
/** Boot `boot` of a node, from 1. */
export const bootIdOf = (node: number, boot = 1): BootId => `00000000-0000-4000-8000-${hex(node, 6)}${hex(boot, 6)}` as BootId;
export const actorOf = (node: number, boot = 1): Actor => ({ node: nodeIdOf(node), bootId: bootIdOf(node, boot) });
export const instanceIdOf = (instance: number): InstanceId => `i-${hex(instance, 17)}` as InstanceId;
export const volumeIdOf = (instance: number): VolumeId => `vol-${hex(instance, 17)}` as VolumeId;
export const storeUuidOf = (node: number, store = 1): string => `00000000-0000-4000-9000-${hex(node, 6)}${hex(store, 6)}`;

export function placementOn(node: number, standby: number | null, boot = 1): Placement {
  return { ...actorOf(node, boot), standby: standby === null ? null : nodeIdOf(standby), refused: [] };
}

export const IMAGE_RECORD = {
  id: IMAGE, name: 'tiny', description: '', digest: 'ab'.repeat(32), sizeBytes: 64 * MIB, architecture: 'x86_64', domainKind: 'pv', createdAt: '',
} as const;

export function admission(node: number, fields: Partial<NodeRecord> = {}): Command {
  return {
    kind: 'admitNode',
    node: {
      id: nodeIdOf(node), peerId: `peer-${node}`, meshAddress: `/ip4/10.0.0.${node}/tcp/1`, leaseAddress: `10.0.0.${node}:2`, leaseKey: 'key',
      storageAddress: `10.0.1.${node}`, failureDomain: `rack-${node}`, power: { kind: 'ipmi', address: `10.0.2.${node}` }, ...fields,
    },
  };
}

export interface CreateOptions {
  readonly count?: number;
  readonly token?: string | null;
  readonly hash?: string;
  readonly fields?: Partial<Extract<Command, { kind: 'createInstances' }>>;
}

/** Instance number `first` and following, all on one node. */
export function creation(first: number, placement: Placement, options: CreateOptions = {}): Command {
  const count = options.count ?? 1;
  return {
    kind: 'createInstances', reservation: `r-${hex(first, 17)}` as ReservationId, environment: 'default', clientToken: options.token ?? null, requestHash: options.hash ?? 'hash',
    image: IMAGE, type: 't1.micro', vcpus: 1, memoryMiB: 128, diskBytes: GIB, keyName: null, userData: null, tags: {}, terminationProtected: false, shutdownBehavior: 'stop',
    instances: Array.from({ length: count }, (_, at) => ({ id: instanceIdOf(first + at), volume: volumeIdOf(first + at), placement })),
    ...options.fields,
  };
}

/** A cell under test. `state` is replaced by every command. */
export class TestCell {
  state: CellState;
  index = 0;
  events: CellEvent[] = [];

  constructor(parameters: Partial<CellParameters> = {}) {
    this.state = emptyCell('default' as CellId, CLUSTER, { ...DEFAULT_PARAMETERS, ...parameters });
  }

  /** Applies whatever is given, also what no type would allow. */
  apply(command: unknown): ApplyResult {
    this.index += 1;
    const applied = apply(this.state, { index: this.index, term: 1, data: { command: command as Command, at: `at ${this.index}`, by: LEADER } });
    if (applied.result.kind === 'rejected') {
      assert.is(applied.state, this.state, 'a rejection leaves the state alone');
      assert.is(applied.events.length, 0);
    }
    this.state = applied.state;
    this.events.push(...applied.events);
    return applied.result;
  }

  /** Applies commands that must succeed; answers the last one's value. */
  run(...commands: readonly Command[]): unknown {
    let value: unknown;
    for (const command of commands) {
      const result = this.apply(command);
      if (result.kind === 'rejected') assert.unreachable(`${command.kind}: ${result.reason}: ${result.message}`);
      else value = result.value;
    }
    return value;
  }

  /** Applies a command that must be rejected for this reason. */
  refuse(reason: RejectReason, command: unknown): void {
    const result = this.apply(command);
    assert.is(result.kind === 'rejected' ? result.reason : 'applied', reason);
  }

  node(node: number): NodeRecord {
    return found(this.state.nodes.get(nodeIdOf(node)));
  }

  instance(instance = 1): InstanceRecord {
    return found(this.state.instances.get(instanceIdOf(instance)));
  }

  volume(instance = 1): VolumeRecord {
    return found(this.state.volumes.get(volumeIdOf(instance)));
  }

  /** The kinds of the events since the last call. */
  told(): readonly string[] {
    const kinds = this.events.map((event) => event.kind);
    this.events = [];
    return kinds;
  }

  admit(node: number, fields: Partial<NodeRecord> = {}): void {
    this.run(admission(node, fields));
  }

  boot(node: number, boot = 1, fields: Partial<Extract<Command, { kind: 'bootNode' }>> = {}): void {
    this.run(bootOf(node, boot, fields));
  }

  /** Boots and is ready. */
  start(node: number, boot = 1): void {
    this.boot(node, boot);
    this.run({ kind: 'readyNode', actor: actorOf(node, boot) });
  }

  fence(node: number, boot = 1): void {
    this.run(leaseProof(node, boot));
  }

  format(instance = 1): void {
    const volume = this.volume(instance);
    this.run({ kind: 'volumeFormatted', actor: holderOf(volume), volume: volume.id, generation: volume.generation });
  }

  expand(replica: number, instance = 1): void {
    const volume = this.volume(instance);
    this.run({
      kind: 'expand', actor: holderOf(volume), volume: volume.id, generation: volume.generation, expectVersion: volume.version, replica: nodeIdOf(replica),
    });
  }

  /** The holder says that the instance runs. */
  started(instance = 1): void {
    const record = this.instance(instance);
    this.run({ kind: 'reportStarted', actor: holderOf(record), instance: record.id, generation: record.generation });
  }

  stopped(instance = 1, cause: 'asked' | 'guestStopped' | 'domainLost' | 'startFailed' = 'asked'): void {
    const record = this.instance(instance);
    this.run({ kind: 'reportStopped', actor: holderOf(record), instance: record.id, generation: record.generation, cause, detail: '' });
  }

  want(desired: 'running' | 'stopped' | 'terminated', instance = 1): void {
    this.run({ kind: 'setDesired', instances: [instanceIdOf(instance)], desired, force: false });
  }
}

export function bootOf(node: number, boot = 1, fields: Partial<Extract<Command, { kind: 'bootNode' }>> = {}): Command {
  return {
    kind: 'bootNode', actor: actorOf(node, boot), storeUuid: storeUuidOf(node),
    capacity: { memoryMiB: 1024, vcpus: 4, diskBytes: 100 * GIB, domainKinds: ['pv'] }, tainted: [], ...fields,
  };
}

export function leaseProof(node: number, boot = 1): Extract<Command, { kind: 'proveFenced' }> {
  return { kind: 'proveFenced', node: nodeIdOf(node), bootId: bootIdOf(node, boot), proof: 'leaseExpired', fenceWaitMs: 9000, term: 1, leader: LEADER, observations: [] };
}

function holderOf(record: { readonly holder: NodeId | null; readonly holderBootId: BootId | null }): Actor {
  if (record.holder === null || record.holderBootId === null) return assert.unreachable('nobody holds it') as never;
  return { node: record.holder, bootId: record.holderBootId };
}

function found<Value>(value: Value | undefined): Value {
  if (value === undefined) return assert.unreachable('no such record') as never;
  return value;
}

/** Nodes 1 to `nodes`, ready, and an image. */
export function readyCell(nodes = 3, parameters: Partial<CellParameters> = {}): TestCell {
  const cell = new TestCell(parameters);
  cell.run({ kind: 'registerImage', image: IMAGE_RECORD });
  for (let node = 1; node <= nodes; node += 1) {
    cell.admit(node);
    cell.start(node);
  }
  cell.told();
  return cell;
}

/** A cell in which instance 1 runs on node 1, in sync on its standby node 2. */
export function runningCell(nodes = 3, parameters: Partial<CellParameters> = {}): TestCell {
  const cell = readyCell(nodes, parameters);
  cell.run(creation(1, placementOn(1, 2)));
  cell.format();
  cell.started();
  cell.expand(2);
  cell.told();
  return cell;
}
