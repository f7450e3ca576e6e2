/**
 * Did each kind of fault meet the cell in each of its phases? A run in which some never met proves nothing of them.
 */
import type { NodeId } from '../../shared/ids.ts';
import type { NodeRecord } from '../../shared/model/node.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';
import type { VirtualCell } from '../support/virtual-cell.ts';
import { FAULT_KINDS, ruleOf } from './kinds.ts';
import type { EventKind, FaultKind } from './kinds.ts';

/** What a cell may be busy with. Several at once, and `calm` when it is with nothing. */
export const PHASES = ['forming', 'calm', 'electing', 'suspect', 'fencing', 'takeover', 'resync', 'creating', 'stopping', 'rebuilding', 'coldStart'] as const;
export type Phase = (typeof PHASES)[number];

/** Each kind of fault shall meet each phase this often in a run that is to prove something. */
export const COVERAGE_MARK = 10;

/** Follows what a cell is busy with. */
export class PhaseWatch {
  readonly #cell: VirtualCell;
  readonly #profile: TimingProfile;
  /** Since when a node that the ledger believes in is not heard, ms. */
  readonly #silentSinceMs = new Map<NodeId, number>();
  #isFormed = false;

  constructor(cell: VirtualCell, profile: TimingProfile) {
    this.#cell = cell;
    this.#profile = profile;
  }

  /** Looks at the nodes. Call it often. */
  look(): void {
    const nodes = [...this.#cell.state().nodes.values()];
    this.#isFormed ||= nodes.length > 0 && nodes.every(({ phase }) => phase === 'active');
    const nowMs = this.#cell.world.clock.nowMs();
    for (const node of nodes) {
      if (!this.#isSilent(node)) this.#silentSinceMs.delete(node.id);
      else if (!this.#silentSinceMs.has(node.id)) this.#silentSinceMs.set(node.id, nowMs);
    }
  }

  /** What it is busy with now. */
  now(): readonly Phase[] {
    this.look();
    const found = new Set<Phase>();
    const { nodes, instances, volumes } = this.#cell.state();
    if (!this.#isFormed) found.add('forming');
    if (this.#cell.leader() === null) found.add('electing');
    const nowMs = this.#cell.world.clock.nowMs();
    let silent = 0;
    for (const node of nodes.values()) {
      const sinceMs = this.#silentSinceMs.get(node.id);
      if (sinceMs !== undefined) silent += 1;
      if (node.phase === 'fencing') found.add('fencing');
      if (sinceMs === undefined || !isBelieved(node)) continue;
      // Until then the leader only waits; from then on it probes, switches off, and counts to the proof.
      found.add(nowMs - sinceMs < this.#profile.suspectAfterMs ? 'suspect' : 'fencing');
    }
    if (this.#isFormed && 2 * silent > nodes.size) found.add('coldStart');
    for (const instance of instances.values()) {
      if (instance.phase === 'takeover' || (instance.phase === 'starting' && instance.moves.at(-1)?.reason === 'takenOver')) found.add('takeover');
      if (instance.phase === 'starting' && instance.generation === 1) found.add('creating');
      if (instance.phase === 'stopping') found.add('stopping');
    }
    for (const volume of volumes.values()) {
      if (!volume.formatted) found.add('creating');
      else if (volume.inSync.length < volume.replicas.length) found.add(volume.epoch > 1 ? 'rebuilding' : 'resync');
    }
    return found.size === 0 ? ['calm'] : [...found];
  }

  #isSilent(node: NodeRecord): boolean {
    const { room } = this.#cell;
    const bootId = room.bootIdOf(node.id);
    return node.phase !== 'removed' && node.phase !== 'admitted' && (bootId === null || bootId !== node.bootId || !room.isMeshUp(node.id) || !this.#cell.processes(node.id).keeper);
  }
}

/** Whether the ledger thinks that its present boot lives. */
function isBelieved({ phase }: NodeRecord): boolean {
  return phase === 'active' || phase === 'draining' || phase === 'joining' || phase === 'maintenance';
}

/** How often each kind met each phase: plain data, so that runs can be added up. */
export type CoverageCounts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Counts of one run or of many. */
export class Coverage {
  readonly #counts = new Map<string, Map<string, number>>();

  met(kind: EventKind, phases: readonly Phase[]): void {
    for (const phase of phases) this.#add(kind, phase, 1);
    this.#add(kind, 'all', 1);
  }

  add(counts: CoverageCounts): void {
    for (const [kind, row] of Object.entries(counts)) for (const [phase, count] of Object.entries(row)) this.#add(kind, phase, count);
  }

  counts(): CoverageCounts {
    return Object.fromEntries([...this.#counts].map(([kind, row]) => [kind, Object.fromEntries(row)]));
  }

  of(kind: string, phase: Phase | 'all'): number {
    return this.#counts.get(kind)?.get(phase) ?? 0;
  }

  /** Faults that met a phase fewer than `mark` times, as `kind x phase (count)`. */
  below(mark: number): readonly string[] {
    return FAULT_KINDS.flatMap((kind) => PHASES.filter((phase) => mayMeet(kind, phase) && this.of(kind, phase) < mark).map((phase) => `${kind} x ${phase} (${this.of(kind, phase)})`));
  }

  #add(kind: string, phase: string, count: number): void {
    let row = this.#counts.get(kind);
    if (row === undefined) this.#counts.set(kind, (row = new Map()));
    row.set(phase, (row.get(phase) ?? 0) + count);
  }
}

/** Whether a kind of fault can meet a phase at all. */
function mayMeet(kind: FaultKind, phase: Phase): boolean {
  return phase === 'calm' || ruleOf(kind).onlyCalm !== true;
}

/** The counts as a table for people, kinds down and phases across; what is below the mark carries a `!`. */
export function coverageTable(coverage: Coverage, mark: number): string {
  const columns = ['all', ...PHASES] as const;
  const head = ['', ...columns];
  const rows = FAULT_KINDS.map((kind) => [kind, ...columns.map((phase) => `${coverage.of(kind, phase)}${phase !== 'all' && mayMeet(kind, phase) && coverage.of(kind, phase) < mark ? '!' : ''}`)]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)));
  return [head, ...rows].map((row) => row.map((cellText, column) => (column === 0 ? cellText.padEnd(widths[0] ?? 0) : cellText.padStart(widths[column] ?? 0))).join('  ').trimEnd()).join('\n');
}
