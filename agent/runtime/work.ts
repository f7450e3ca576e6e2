/**
 * What have work on volumes and work on instances in common? What they see, how they ask the gate, and how they report.
 */
import { ClusterError } from '../../shared/errors.ts';
import type { Command } from '../../shared/ledger/commands.ts';
import type { Proposed, ReplicatedLog } from '../../shared/ledger/replicated-log.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import type { World } from '../../shared/world.ts';
import type { InstanceStep } from '../machines/instance-steps.ts';
import type { Self } from '../machines/observed.ts';
import type { VolumeStep } from '../machines/volume-steps.ts';
import type { Alarms } from './alarms.ts';
import type { Gate, Permit } from './gate.ts';
import type { GenerationPort, ReplicaPort } from './ports.ts';
import type { Sight } from './sight.ts';

const PROPOSE_TIMEOUT_MS = 4_000;
export const READ_TIMEOUT_MS = 3_000;
/** How long to wait before a step that waits for something without a change event of its own is looked at again. */
export const WAIT_MS = 500;

/** What both are made from. */
export interface WorkPorts {
  readonly self: Self;
  readonly world: World;
  readonly log: ReplicatedLog;
  readonly gate: Gate;
  readonly generations: GenerationPort;
  readonly replicas: ReplicaPort;
  readonly sight: Sight;
  readonly alarms: Alarms;
}

/** A report is an order to the ledger that may be stale: then it throws `ReportRejected`, and the next look decides anew. */
export async function report(log: ReplicatedLog, command: Command): Promise<Proposed> {
  const proposed = await log.propose(command, { timeoutMs: PROPOSE_TIMEOUT_MS, appliedHere: true });
  if (proposed.result.kind === 'rejected') {
    throw new ClusterError('ReportRejected', `${command.kind} was rejected (${proposed.result.reason}): ${proposed.result.message}`, { retryable: true });
  }
  return proposed;
}

/**
 * Whether this node has given back the right to start that generation of an instance. Durable before the report is sent (the gate refuses the
 * generation from then on): a report without an answer may be committed much later, when nothing of it may run here any more.
 */
export function isGivenBack({ generations }: Pick<WorkPorts, 'generations'>, { id, generation }: Pick<InstanceRecord, 'id' | 'generation'>): boolean {
  return generations.seen(id) > generation;
}

/** See {@link isGivenBack}. */
export async function noteGivenBack({ generations }: Pick<WorkPorts, 'generations'>, { id, generation }: Pick<InstanceRecord, 'id' | 'generation'>): Promise<void> {
  await generations.raise(id, generation + 1);
}

/** The permit for this node, as `state` gives it. */
export function permitFrom({ self, log }: WorkPorts, state: CellState, right: Permit['right'], target: string, generation: number): Permit {
  return { right, target, generation, node: self.node, bootId: self.bootId, clusterUuid: state.clusterUuid, epoch: state.epoch, index: log.status().appliedIndex };
}

/** Logs a step that does something. */
export function noteStep({ log }: World, subject: string, step: VolumeStep | InstanceStep): void {
  if (step.kind === 'settled' || step.kind === 'wait' || step.kind === 'awaitEnd') return;
  log.write({ event: 'step', subject, step: step.kind, ...('reason' in step ? { reason: step.reason } : {}) });
}

/** How long ago that was, ms; null: never. */
export function ageOf(sinceMs: number | undefined, nowMs: number): number | null {
  return sinceMs === undefined ? null : nowMs - sinceMs;
}
