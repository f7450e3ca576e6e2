/**
 * Did an instance ever run twice, and was an acknowledged write ever lost? The room's omniscient observer.
 *
 * It sees every domain execute (from unpause to pause, destruction or the node's death), and every record that a
 * guest was told is on disk. What it keeps is bounded: acknowledged records by slot of the guest's ring, and the
 * newest entries of every list.
 */
import type { Clock } from '../../../shared/world.ts';

/** One uninterrupted execution of a domain. Times on the room's monotonic clock. */
export interface Execution {
  readonly node: string;
  readonly domid: number;
  readonly fromMs: number;
  /** Null while it runs. */
  toMs: number | null;
}

/** Something that must never happen. */
export interface Violation {
  readonly kind: 'ranTwice' | 'lostAckedRecord';
  readonly instance: string;
  readonly atMs: number;
  readonly at: string;
  readonly detail: string;
}

/** What the observer says of one instance. */
export interface InstanceReport {
  readonly executions: readonly Execution[];
  readonly running: readonly { readonly node: string; readonly domid: number }[];
  /** Number of the last record whose write was acknowledged, null before the first. */
  readonly lastAckedRecord: number | null;
  readonly lastAckedAtMs: number | null;
  /** Gaps between the end of one execution and the start of the next, oldest first. */
  readonly downtimes: readonly { readonly from: string; readonly to: string; readonly endedAtMs: number; readonly downtimeMs: number }[];
}

/** All that the observer saw, as a plain object. */
export interface ObserverReport {
  readonly atMs: number;
  readonly instances: Readonly<Record<string, InstanceReport>>;
  readonly violations: readonly Violation[];
}

const EXECUTIONS_KEPT = 200;
const VIOLATIONS_KEPT = 1_000;
const INSTANCES_KEPT = 5_000;

interface Watched {
  readonly executions: Execution[];
  /** Slot of the guest's ring to the newest acknowledged record in it. */
  readonly acked: Map<number, number>;
  lastAcked: number | null;
  lastAckedAtMs: number | null;
}

/** The observer. It sees every guest and every acknowledged record, and no process of VES can reach it. */
export class Observer {
  readonly #clock: Clock;
  readonly #persist: (key: string, value: string | null) => void;
  readonly #instances = new Map<string, Watched>();
  readonly #violations: Violation[] = [];
  /** Told each record as it is acknowledged, for checkers. */
  onAcknowledged: ((instance: string, record: number) => void) | null = null;

  /** `persist` keeps what must outlive the room's process: acknowledged records and violations. */
  constructor(clock: Clock, persist: (key: string, value: string | null) => void) {
    this.#clock = clock;
    this.#persist = persist;
  }

  /** A domain begins to execute. */
  started(instance: string, node: string, domid: number): Execution {
    const watched = this.#watch(instance);
    for (const other of watched.executions) {
      if (other.toMs === null) this.#violate('ranTwice', instance, `domain ${domid} of ${node} began while domain ${other.domid} of ${other.node} runs`);
    }
    const execution: Execution = { node, domid, fromMs: this.#clock.nowMs(), toMs: null };
    watched.executions.push(execution);
    if (watched.executions.length > EXECUTIONS_KEPT) watched.executions.shift();
    return execution;
  }

  /** It does not execute any more. */
  ended(execution: Execution): void {
    execution.toMs ??= this.#clock.nowMs();
  }

  /** The guest was told that record `record`, in slot `slot` of its ring, is on disk. */
  acknowledged(instance: string, slot: number, record: number): void {
    const watched = this.#watch(instance);
    watched.acked.set(slot, record);
    watched.lastAcked = record;
    watched.lastAckedAtMs = this.#clock.nowMs();
    this.#persist(`ack/${instance}/${slot}`, String(record));
    this.onAcknowledged?.(instance, record);
  }

  /** A guest started and found these records on its disk, by slot. Each acknowledged one must be there, or a newer one in its slot. */
  verify(instance: string, node: string, found: ReadonlyMap<number, number>): readonly number[] {
    const lost: number[] = [];
    const watched = this.#watch(instance);
    for (const [slot, record] of watched.acked) {
      if ((found.get(slot) ?? -1) >= record) continue;
      lost.push(record);
      // Told once: from here on the disk is what it is.
      watched.acked.delete(slot);
      this.#persist(`ack/${instance}/${slot}`, null);
    }
    if (lost.length > 0) {
      this.#violate('lostAckedRecord', instance, `on ${node}: ${lost.length} acknowledged records are missing, the first is ${Math.min(...lost)}, the last ${Math.max(...lost)}`);
    }
    return lost;
  }

  /** Takes back what was persisted. */
  restore(key: string, value: string | null): void {
    const [kind, instance, slot] = key.split('/');
    if (value === null) {
      if (kind === 'ack') this.#instances.get(instance ?? '')?.acked.delete(Number(slot));
      return;
    }
    if (kind === 'violation') {
      this.#violations.push(JSON.parse(value) as Violation);
      return;
    }
    const watched = this.#watch(instance ?? '');
    const acked = kind === 'acks' ? (JSON.parse(value) as readonly (readonly [number, number])[]) : [[Number(slot), Number(value)] as const];
    for (const [at, record] of acked) {
      watched.acked.set(at, record);
      watched.lastAcked = Math.max(watched.lastAcked ?? 0, record);
    }
  }

  /** Everything that `persist` was told and that still holds. */
  *entries(): Iterable<readonly [string, string]> {
    for (const [instance, watched] of this.#instances) {
      if (watched.acked.size > 0) yield [`acks/${instance}`, JSON.stringify([...watched.acked])];
    }
    for (const [at, violation] of this.#violations.entries()) yield [`violation/${at}`, JSON.stringify(violation)];
  }

  /** The newest acknowledged record of each slot of an instance's ring, for checkers. */
  ackedSlots(instance: string): ReadonlyMap<number, number> {
    return this.#instances.get(instance)?.acked ?? new Map<number, number>();
  }

  /** The newest acknowledged record, null before the first. */
  lastAcked(instance: string): number | null {
    return this.#instances.get(instance)?.lastAcked ?? null;
  }

  /** Everything that must never happen, and did. Asked for often by checkers, as the next one. */
  violations(): readonly Violation[] {
    return this.#violations;
  }

  /** Where an instance runs now. */
  running(instance: string): InstanceReport['running'] {
    const watched = this.#instances.get(instance);
    return watched === undefined ? [] : runningOf(watched);
  }

  report(): ObserverReport {
    const instances: Record<string, InstanceReport> = {};
    for (const [name, watched] of this.#instances) instances[name] = reportOf(watched);
    return { atMs: this.#clock.nowMs(), instances, violations: [...this.#violations] };
  }

  #watch(instance: string): Watched {
    const known = this.#instances.get(instance);
    if (known !== undefined) return known;
    if (this.#instances.size >= INSTANCES_KEPT) this.#forgetOne();
    const watched: Watched = { executions: [], acked: new Map(), lastAcked: null, lastAckedAtMs: null };
    this.#instances.set(instance, watched);
    return watched;
  }

  /** Drops the oldest instance that does not run. */
  #forgetOne(): void {
    for (const [name, watched] of this.#instances) {
      if (watched.executions.some((execution) => execution.toMs === null)) continue;
      for (const slot of watched.acked.keys()) this.#persist(`ack/${name}/${slot}`, null);
      this.#instances.delete(name);
      return;
    }
  }

  #violate(kind: Violation['kind'], instance: string, detail: string): void {
    if (this.#violations.length >= VIOLATIONS_KEPT) return;
    const violation = { kind, instance, atMs: this.#clock.nowMs(), at: this.#clock.wallTime(), detail };
    this.#violations.push(violation);
    this.#persist(`violation/${this.#violations.length - 1}`, JSON.stringify(violation));
  }
}

function reportOf(watched: Watched): InstanceReport {
  const { executions } = watched;
  const downtimes = executions.slice(1).flatMap((next, at) => {
    const before = executions[at];
    if (before === undefined || before.toMs === null) return [];
    return [{ from: before.node, to: next.node, endedAtMs: before.toMs, downtimeMs: next.fromMs - before.toMs }];
  });
  return {
    executions: executions.map((execution) => ({ ...execution })),
    running: runningOf(watched),
    lastAckedRecord: watched.lastAcked, lastAckedAtMs: watched.lastAckedAtMs, downtimes,
  };
}

function runningOf({ executions }: Watched): InstanceReport['running'] {
  return executions.filter(({ toMs }) => toMs === null).map(({ node, domid }) => ({ node, domid }));
}
