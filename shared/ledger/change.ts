/**
 * What does one entry change? Work in progress of `apply`: a state that grows record by record, and the events so far.
 *
 * It never outlives the entry: a rejected command drops it whole, which is what makes every command all or nothing.
 * All records pass through here, so that the derived usage can never be forgotten.
 */
import type { InstanceId, NodeId, VolumeId } from '../ids.ts';
import type { CellState } from '../model/cell.ts';
import type { CellEvent } from '../model/event.ts';
import type { EventKind } from '../model/event-kinds.ts';
import type { InstancePhase, InstanceRecord } from '../model/instance.ts';
import type { NodeRecord } from '../model/node.ts';
import type { VolumeRecord } from '../model/volume.ts';
import { usageAfterInstance, usageAfterVolume } from './capacity.ts';
import type { ApplyResult, Command, EntryData, RejectReason } from './commands.ts';

/** An entry of the log as it is applied. */
export interface LogEntry {
  readonly index: number;
  readonly term: number;
  readonly data: EntryData;
}

export type CommandOf<Kind extends Command['kind']> = Extract<Command, { readonly kind: Kind }>;

export const APPLIED: ApplyResult = { kind: 'applied' };

/** Applied, with something for the proposer. */
export function applied(value: unknown): ApplyResult {
  return { kind: 'applied', value };
}

/** No effect, and why: a sentence without a full stop. */
export function rejected(reason: RejectReason, message: string): ApplyResult {
  return { kind: 'rejected', reason, message };
}

/** One entry's changes. */
export class Change {
  state: CellState;
  readonly entry: LogEntry;
  readonly events: CellEvent[] = [];

  constructor(state: CellState, entry: LogEntry) {
    this.state = state;
    this.entry = entry;
  }

  set(fields: Partial<Omit<CellState, 'nodes' | 'instances' | 'volumes' | 'usage'>>): void {
    this.state = { ...this.state, ...fields };
  }

  putNode(node: NodeRecord): void {
    this.state = { ...this.state, nodes: this.state.nodes.set(node.id, node) };
  }

  putInstance(instance: InstanceRecord): void {
    const { instances, usage } = this.state;
    this.state = {
      ...this.state,
      instances: instances.set(instance.id, instance),
      usage: usageAfterInstance(usage, instances.get(instance.id) ?? null, instance),
    };
  }

  dropInstance(id: InstanceId): void {
    const { instances, usage } = this.state;
    this.state = { ...this.state, instances: instances.delete(id), usage: usageAfterInstance(usage, instances.get(id) ?? null, null) };
  }

  putVolume(volume: VolumeRecord): void {
    const { volumes, usage } = this.state;
    this.state = { ...this.state, volumes: volumes.set(volume.id, volume), usage: usageAfterVolume(usage, volumes.get(volume.id) ?? null, volume) };
  }

  dropVolume(id: VolumeId): void {
    const { volumes, usage } = this.state;
    this.state = { ...this.state, volumes: volumes.delete(id), usage: usageAfterVolume(usage, volumes.get(id) ?? null, null) };
  }

  /** The instance's volumes that there are. */
  volumesOf(instance: InstanceRecord): readonly VolumeRecord[] {
    return instance.volumes.flatMap((id) => this.state.volumes.get(id) ?? []);
  }

  /** Fields of an instance that enters `phase` with this entry; none where it is in it already. */
  entering(instance: InstanceRecord, phase: InstancePhase): Pick<InstanceRecord, 'phase' | 'phaseIndex' | 'phaseAt'> {
    if (instance.phase === phase) return { phase, phaseIndex: instance.phaseIndex, phaseAt: instance.phaseAt };
    return { phase, phaseIndex: this.entry.index, phaseAt: this.entry.data.at };
  }

  /** Tells people. `message` is a sentence; `subjects` are ids, the most specific first. */
  say(kind: EventKind, subjects: readonly (InstanceId | NodeId | VolumeId | string)[], message: string, level: CellEvent['level'] = 'info'): void {
    this.events.push({ index: this.entry.index, ordinal: this.events.length, at: this.entry.data.at, kind, subjects, message, level });
  }
}
