/**
 * What does the leader do for its cell? It looks at the ledger, plans, and proposes.
 *
 * Only the leader acts, and only once its own term is committed: then its state holds every earlier entry. A plan that
 * was overtaken is rejected by the guards of `apply`, so planning twice, or on two leaders, is harmless.
 */
import { describeError } from '../../shared/errors.ts';
import type { NodeId } from '../../shared/ids.ts';
import type { Command, Rejection } from '../../shared/ledger/commands.ts';
import type { LedgerMember } from '../../shared/ledger/replicated-log.ts';
import type { HealthGossip } from '../../shared/wire/intent.ts';
import type { Mesh } from '../../shared/wire/mesh.ts';
import type { Timer, World } from '../../shared/world.ts';
import type { PlacementHints } from '../machines/placement.ts';
import { NO_MEMORY, remember } from '../machines/plan-memory.ts';
import type { PlanMemory } from '../machines/plan-memory.ts';
import { plan } from '../machines/plan.ts';
import type { Fencer } from './fencer-ports.ts';
import { VoterUpkeep } from './voter-upkeep.ts';

const PROPOSE_TIMEOUT_MS = 4_000;
/** Entries that come in a burst are answered by one plan. Short: it is part of every recovery. */
const GATHER_MS = 5;
/** Least time between two plans: a busy cell's entries must not make its leader do nothing but plan. */
const PLAN_SPACING_MS = 50;
/** How often the leader looks when nothing changes: for what only time decides (rebuilds, back-off, voters). */
const LOOK_EVERY_MS = 1_000;

/** What the healer needs. */
export interface HealerOptions {
  readonly world: World;
  readonly log: LedgerMember;
  readonly fencer: Fencer;
  readonly mesh: Mesh;
  readonly health: () => ReadonlyMap<NodeId, HealthGossip>;
}

/** The leader's loop; idle on every other member. */
export class Healer {
  readonly #options: HealerOptions;
  #memory: PlanMemory = NO_MEMORY;
  #ledTerm: number | null = null;
  #timer: Timer | null = null;
  #dueAtMs = 0;
  #plannedAtMs = -Infinity;
  #isPlanning = false;
  #isAgain = false;
  /** Null where the log is not held by members of the cell. */
  readonly #voters: VoterUpkeep | null;
  #isStopped = false;

  constructor(options: HealerOptions) {
    this.#options = options;
    const { world, log, mesh } = options;
    this.#voters = log.voterSet === null ? null : new VoterUpkeep({ world, log, voterSet: log.voterSet, mesh });
  }

  start(): void {
    const { log } = this.#options;
    log.subscribe(() => this.#kick(GATHER_MS));
    log.onStatus(() => this.#kick(GATHER_MS));
    this.#kick(LOOK_EVERY_MS);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** What placement takes into account beside the ledger. */
  placementHints(): PlacementHints {
    return { suspects: new Set(this.#options.fencer.suspects().keys()), health: this.#options.health() };
  }

  /** Why this leader does not even propose what a user asks for; null: it does. */
  refuseUser(command: Command): Rejection | null {
    return command.kind === 'removeNode' ? (this.#voters?.refuseRemoval(command.node) ?? null) : null;
  }

  /** For people: what this leader sees that the ledger does not say. */
  view(): unknown {
    const { fencer, log, world } = this.#options;
    const nowMs = world.clock.nowMs();
    return {
      isLeader: this.#isLeading(),
      suspects: [...fencer.suspects()].map(([node, suspect]) => ({
        node, phase: suspect.phase, silentForMs: Math.round(nowMs - suspect.silentSinceMs), provenInMs: Math.max(0, Math.round(suspect.deadlineAtMs - nowMs)),
      })),
      heard: log.state().nodes.values().map((node) => ({ node: node.id, renewalAgeMs: fencer.heard(node.id)?.ageMs ?? null, flaps: fencer.flaps(node.id) })),
    };
  }

  #isLeading(): boolean {
    return this.#options.log.isLeading();
  }

  #kick(delayMs: number): void {
    if (this.#isStopped) return;
    if (this.#isPlanning) {
      this.#isAgain = true;
      return;
    }
    const { clock, timers } = this.#options.world;
    const nowMs = clock.nowMs();
    const dueAtMs = Math.max(nowMs + delayMs, this.#plannedAtMs + PLAN_SPACING_MS);
    // A look that is due sooner stays: a stream of entries must not put it off for ever.
    if (this.#timer !== null && this.#dueAtMs <= dueAtMs) return;
    this.#timer?.cancel();
    this.#dueAtMs = dueAtMs;
    this.#timer = timers.after(dueAtMs - nowMs, () => {
      this.#timer = null;
      // Failures are logged inside; the next look decides anew.
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    const { log, world } = this.#options;
    if (!this.#isLeading()) {
      this.#ledTerm = null;
      this.#memory = NO_MEMORY;
      this.#voters?.leaveOffice();
      return;
    }
    const { term } = log.status();
    if (this.#ledTerm !== term) {
      this.#ledTerm = term;
      this.#memory = NO_MEMORY;
      this.#voters?.takeOffice();
    }
    this.#isPlanning = true;
    this.#isAgain = false;
    try {
      await this.#planOnce();
      this.#voters?.look();
    } catch (error) {
      world.log.write({ event: 'planFailed', error: describeError(error) });
    } finally {
      this.#isPlanning = false;
      this.#plannedAtMs = world.clock.nowMs();
    }
    this.#kick(this.#isAgain ? GATHER_MS : LOOK_EVERY_MS);
  }

  async #planOnce(): Promise<void> {
    const { log, world } = this.#options;
    const nowMs = world.clock.nowMs();
    const state = log.state();
    this.#memory = remember(this.#memory, state, nowMs);
    const commands = plan(state, { ...this.placementHints(), memory: this.#memory }, nowMs);
    await Promise.all(commands.map(async (command) => await this.#propose(command)));
  }

  async #propose(command: Command): Promise<void> {
    const { log, world } = this.#options;
    try {
      const { result } = await log.propose(command, { timeoutMs: PROPOSE_TIMEOUT_MS });
      if (result.kind === 'rejected') world.log.write({ event: 'planOvertaken', command: command.kind, reason: result.reason, message: result.message });
    } catch (error) {
      world.log.write({ event: 'planNotCommitted', command: command.kind, error: describeError(error) });
    }
  }
}
