/**
 * What does a leader do about each node that it ought to hear? One suspicion and one fence per booted node, for one term.
 *
 * This file only carries: events to suspicion.ts and fence.ts, their effects to the probes, the power switch and the
 * log, and the answers back. An answer counts only while the same watch of the same boot is there.
 */
import { ClusterError, describeError, unreachable } from '../../shared/errors.ts';
import type { BootId, MemberId, NodeId } from '../../shared/ids.ts';
import type { Command } from '../../shared/ledger/commands.ts';
import type { NodePhase, NodeRecord } from '../../shared/model/node.ts';
import { fenceWaitOf } from '../../shared/model/cell.ts';
import { nodeFenceMs, TIMING_PROFILES } from '../../shared/model/timing.ts';
import type { TimingProfile } from '../../shared/model/timing.ts';
import { SECOND_MS } from '../../shared/units.ts';
import { fenceWakesAtMs, isHalted, startFence, stepFence } from '../machines/fence.ts';
import type { FenceEffect, FenceEvent, FenceState, FenceWaits } from '../machines/fence.ts';
import { healthMultiplier, stepHealth, WELL } from '../machines/local-health.ts';
import type { HealthEvent } from '../machines/local-health.ts';
import { HELPERS, voteOf } from '../machines/probe.ts';
import { isFenceStorm, startSuspicion, stepSuspicion, suspicionWakesAtMs } from '../machines/suspicion.ts';
import type { SuspicionEffect, SuspicionEvent, SuspicionState } from '../machines/suspicion.ts';
import type { FencerPorts, SuspectView } from './fencer-ports.ts';
import { WakeUp } from './fencer-wake.ts';
import { POWER_TIMEOUT_MS, withinPowerTimeout } from './power-timeout.ts';
import { askHelper } from './probes.ts';

/** Phases in which a boot of the node may run domains, so that its death must be proven. */
const WATCHED: readonly NodePhase[] = ['joining', 'active', 'draining', 'maintenance', 'fencing'];
const PROFILES = Object.values(TIMING_PROFILES);
const PROPOSE_TIMEOUT_MS = 3 * SECOND_MS;

interface Watch {
  readonly node: NodeId;
  readonly bootId: BootId;
  suspicion: SuspicionState;
  fence: FenceState;
}

/** An event without its time: the loop stamps it. */
type Unstamped<Event> = Event extends unknown ? Omit<Event, 'atMs' | 'at'> : never;

export class Watches {
  readonly #ports: FencerPorts;
  readonly #term: number;
  readonly #lastHeardAtMs: (node: NodeId) => number | null;
  readonly #watches = new Map<NodeId, Watch>();
  readonly #halted = new Set<BootId>();
  readonly #wakeUp: WakeUp;
  readonly #pulse: WakeUp;
  #health = WELL;
  #isTakingOffice = true;
  #isStopped = false;

  /** `lastHeardAtMs` says when this member last received a renewal of a node, as a follower too: a hint for suspicion only. */
  constructor(ports: FencerPorts, term: number, lastHeardAtMs: (node: NodeId) => number | null) {
    this.#ports = ports;
    this.#term = term;
    this.#lastHeardAtMs = lastHeardAtMs;
    this.#wakeUp = new WakeUp(ports.world, (latenessMs) => this.#onWake(latenessMs));
    this.#pulse = new WakeUp(ports.world, (latenessMs) => this.#onPulse(latenessMs));
    this.#pulse.at(ports.world.clock.nowMs() + this.#profile().renewIntervalMs);
  }

  /** Boots that get no grant: their end was proposed. */
  halted(): ReadonlySet<BootId> {
    return this.#halted;
  }

  stop(): void {
    this.#isStopped = true;
    this.#wakeUp.cancel();
    this.#pulse.cancel();
  }

  /** Watches exactly the boots that the applied state says may run something, and hears of intents. */
  followLedger(): void {
    const { nodes } = this.#ports.log.state();
    for (const [id, watch] of this.#watches) {
      const record = nodes.get(id);
      if (record === undefined || !isWatched(record) || record.bootId !== watch.bootId) this.#forget(watch);
    }
    for (const record of nodes.values()) {
      // A leader never proves itself dead: if its own keeper fails, its own watchdog ends the matter.
      if (!isWatched(record) || record.id === this.#ports.self) continue;
      const watch = this.#watches.get(record.id) ?? this.#begin(record.id, record.bootId);
      if (record.fenceIntentIndex !== null) {
        this.#feedFence(watch, { kind: 'intentCommitted', index: record.fenceIntentIndex, byPower: this.#mayUsePower(record) });
      }
    }
    this.#isTakingOffice = false;
  }

  renewalHeard(node: NodeId, bootId: BootId, counted: boolean): void {
    const watch = this.#watches.get(node);
    if (watch?.bootId !== bootId) return;
    this.#feedFence(watch, { kind: 'renewalHeard', counted });
    if (counted) this.#feedSuspicion(watch, { kind: 'heard' });
  }

  /** Fences the node's boot by the ledger alone: its renewals are refused from the commit on, and its lease runs out. */
  forbid(node: NodeId, reason: string): void {
    const watch = this.#watches.get(node);
    if (watch === undefined || this.#ports.log.state().nodes.get(node)?.fenceIntentIndex !== null) return;
    // Unlike a power intent this one need not halt grants before its commit: the grantor refuses disputed boots itself.
    // A proposal that fails is logged inside; the node is disputed again when it renews.
    void this.#propose(watch, { kind: 'intendFence', node, bootId: watch.bootId, byPower: false, atMs: this.#ports.wallMs(), reason });
  }

  suspects(): ReadonlyMap<NodeId, SuspectView> {
    const views = new Map<NodeId, SuspectView>();
    for (const { node, bootId, suspicion, fence } of this.#watches.values()) {
      const phase = phaseOf(suspicion, fence);
      if (phase === null) continue;
      views.set(node, { bootId, phase, silentSinceMs: suspicion.silentSinceMs, deadlineAtMs: fence.base.atMs + this.#waits(node).fenceWaitMs, flaps: suspicion.flaps });
    }
    return views;
  }

  flaps(node: NodeId): number {
    return this.#watches.get(node)?.suspicion.flaps ?? 0;
  }

  #begin(node: NodeId, bootId: BootId): Watch {
    const nowMs = this.#ports.world.clock.nowMs();
    const profile = this.#profile();
    // Those that live have turned to all voters while the old leader was silent: who did not is probed at once.
    const silentSinceMs = this.#isTakingOffice ? Math.max(this.#lastHeardAtMs(node) ?? -Infinity, nowMs - profile.suspectAfterMs / 2) : nowMs;
    const formerMs = this.#formerLeaseAgeMs(node, nowMs);
    const fence = startFence(node, bootId, this.#ports.self, formerMs, { atMs: nowMs, at: this.#ports.world.clock.wallTime() });
    const watch: Watch = { node, bootId, suspicion: startSuspicion(node, silentSinceMs, 0), fence };
    this.#watches.set(node, watch);
    this.#schedule(watch);
    return watch;
  }

  /**
   * How long ago a former leader may last have confirmed a lease of the node: nothing was confirmed since the last contact of those who voted.
   * Only when taking office, of boots that the ledger knew by then. Those that live get the time to be heard, whatever the age: they have
   * turned to all voters.
   */
  #formerLeaseAgeMs(node: NodeId, nowMs: number): number {
    const contactAtMs = this.#isTakingOffice ? this.#ports.formerContactAtMs() : null;
    if (contactAtMs === null) return 0;
    const longestMs = this.#waits(node).fenceWaitMs - this.#profile().suspectAfterMs;
    return Math.max(0, Math.min(nowMs - contactAtMs, longestMs));
  }

  #forget(watch: Watch): void {
    this.#watches.delete(watch.node);
    this.#halted.delete(watch.bootId);
  }

  // ---------------------------------------------------------------- time

  #onWake(latenessMs: number): void {
    this.#noteLateness(latenessMs);
    const nowMs = this.#ports.world.clock.nowMs();
    const profile = this.#profile();
    for (const watch of this.#watches.values()) {
      if (fenceWakesAtMs(watch.fence, this.#waits(watch.node)) <= nowMs) this.#feedFence(watch, { kind: 'timer' });
      if (this.#watches.get(watch.node) !== watch) continue;
      if (suspicionWakesAtMs(watch.suspicion, profile, healthMultiplier(this.#health)) <= nowMs) this.#feedSuspicion(watch, this.#suspicionTimer(watch.node));
      this.#schedule(watch);
    }
  }

  /** A steady beat, so that a starved leader notices that it is one before it suspects others. */
  #onPulse(latenessMs: number): void {
    this.#noteLateness(latenessMs);
    this.#pulse.at(this.#ports.world.clock.nowMs() + this.#profile().renewIntervalMs);
  }

  #noteLateness(latenessMs: number): void {
    this.#noteHealth({ kind: 'timerFired', latenessMs, toleratedMs: this.#profile().suspectAfterMs / 4 });
  }

  #noteHealth(event: HealthEvent): void {
    const before = this.#health;
    this.#health = stepHealth(before, event);
    // In better health suspicion falls due earlier than the timer knows.
    if (this.#health.score < before.score) for (const watch of this.#watches.values()) this.#schedule(watch);
  }

  #suspicionTimer(node: NodeId): Unstamped<SuspicionEvent> {
    const helpers = [...this.#watches.values()].filter((other) => other.node !== node && other.suspicion.phase !== 'suspect');
    return {
      kind: 'timer',
      multiplier: healthMultiplier(this.#health),
      helpers: helpers.map((other) => other.node),
      draws: Array.from({ length: HELPERS }, () => this.#ports.world.chance.next()),
    };
  }

  #schedule(watch: Watch): void {
    const profile = this.#profile();
    const wakesAtMs = Math.min(fenceWakesAtMs(watch.fence, this.#waits(watch.node)), suspicionWakesAtMs(watch.suspicion, profile, healthMultiplier(this.#health)));
    if (!this.#isStopped) this.#wakeUp.at(wakesAtMs);
  }

  // ---------------------------------------------------------------- suspicion

  #feedSuspicion(watch: Watch, event: Unstamped<SuspicionEvent>): void {
    const before = watch.suspicion;
    const { state, effects } = stepSuspicion(before, { ...event, atMs: this.#ports.world.clock.nowMs() }, this.#profile());
    watch.suspicion = state;
    if (state.phase !== before.phase) this.#ports.world.log.write({ event: 'suspicion', node: watch.node, bootId: watch.bootId, from: before.phase, to: state.phase, term: this.#term });
    for (const effect of effects) this.#performSuspicion(watch, effect);
    this.#schedule(watch);
  }

  #performSuspicion(watch: Watch, effect: SuspicionEffect): void {
    switch (effect.kind) {
      case 'askHelpers':
        // A helper that fails has no opinion, and that is what the machine is told.
        for (const helper of effect.helpers) void this.#probe(watch, helper);
        return;
      case 'suspected': {
        const silentMs = Math.round(this.#ports.world.clock.nowMs() - watch.suspicion.silentSinceMs);
        this.#feedFence(watch, { kind: 'observed', what: 'suspected', by: this.#ports.self, detail: `no renewal for ${silentMs} ms` });
        return;
      }
      case 'probesAgreed':
        this.#considerPower(watch);
        return;
      case 'cleared':
        return;
      default:
        unreachable(effect);
    }
  }

  /** Never rejects: askHelper does not. */
  async #probe(watch: Watch, helper: MemberId): Promise<void> {
    const answer = await askHelper(this.#ports.mesh, helper, watch.node, this.#profile().probeTimeoutMs);
    if (!this.#isCurrent(watch) || watch.suspicion.phase === 'trusted') return;
    this.#noteHealth({ kind: answer === null ? 'helperSilent' : 'helperAnswered' });
    const silentMs = this.#ports.world.clock.nowMs() - watch.suspicion.silentSinceMs;
    const detail = answer === null ? 'the helper did not answer' : `agent ${answer.agentAnswers ? 'answers' : 'does not answer'}, storage ${storageWord(answer.storageReachable)}`;
    const seesLife = answer !== null && voteOf(answer, silentMs) === 'alive';
    this.#feedFence(watch, { kind: 'observed', what: seesLife ? 'probeAnswered' : 'probeFailed', by: helper, detail });
    this.#feedSuspicion(watch, { kind: 'probed', helper, answer });
  }

  #considerPower(watch: Watch): void {
    const record = this.#ports.log.state().nodes.get(watch.node);
    if (record === undefined || !this.#mayUsePower(record)) return;
    const silent = [...this.#watches.values()].filter((other) => other.suspicion.phase !== 'trusted').length;
    const nodes = this.#watches.size + 1;
    if (isFenceStorm(silent, nodes)) {
      this.#ports.world.log.write({ event: 'fenceStorm', level: 'alarm', node: watch.node, silent, nodes, term: this.#term });
      return;
    }
    const silentMs = Math.round(this.#ports.world.clock.nowMs() - watch.suspicion.silentSinceMs);
    this.#feedFence(watch, { kind: 'powerAllowed', reason: `no renewal for ${silentMs} ms, and no helper sees it live` });
  }

  #mayUsePower(record: NodeRecord): boolean {
    return record.power.kind !== 'none' && this.#ports.log.state().parameters.powerFencing;
  }

  // ---------------------------------------------------------------- fence

  #feedFence(watch: Watch, event: Unstamped<FenceEvent>): void {
    const { clock, log } = this.#ports.world;
    const before = watch.fence;
    const { state, effects } = stepFence(before, { ...event, atMs: clock.nowMs(), at: clock.wallTime() }, this.#waits(watch.node));
    watch.fence = state;
    // Before any effect: from here on the grantor gives this boot nothing.
    if (isHalted(state)) this.#halted.add(watch.bootId);
    else this.#halted.delete(watch.bootId);
    if (state.power.phase !== before.power.phase || state.proof.phase !== before.proof.phase) {
      log.write({ event: 'fence', node: watch.node, bootId: watch.bootId, from: fencePhase(before), to: fencePhase(state), why: event.kind, term: this.#term });
    }
    for (const effect of effects) this.#performFence(watch, effect);
    this.#schedule(watch);
  }

  #performFence(watch: Watch, effect: FenceEffect): void {
    const { node, bootId } = watch;
    // Each of these handles its own failure, and reports it to the machine.
    switch (effect.kind) {
      case 'proposeIntent':
        void this.#proposeIntent(watch, effect.reason);
        return;
      case 'orderPowerOff':
        void this.#orderPowerOff(watch);
        return;
      case 'askPowerStatus':
        void this.#askPowerStatus(watch);
        return;
      case 'proposeProof':
        void this.#proposeProof(watch, effect);
        return;
      case 'alarm':
        this.#ports.world.log.write({ event: 'fenceAlarm', level: 'alarm', node, bootId, message: effect.message, term: this.#term });
        return;
      default:
        unreachable(effect);
    }
  }

  async #proposeIntent(watch: Watch, reason: string): Promise<void> {
    const { node, bootId } = watch;
    const answer = await this.#propose(watch, { kind: 'intendFence', node, bootId, byPower: true, atMs: this.#ports.wallMs(), reason });
    // When applied, followLedger has told the machine already, with the entry's index.
    if (answer.outcome !== 'applied' && this.#isCurrent(watch)) this.#feedFence(watch, { kind: 'intentAnswered', outcome: answer.outcome, detail: answer.detail });
  }

  async #proposeProof(watch: Watch, effect: Extract<FenceEffect, { kind: 'proposeProof' }>): Promise<void> {
    const { node, bootId } = watch;
    const { proof, fenceWaitMs, observations } = effect;
    const answer = await this.#propose(watch, { kind: 'proveFenced', node, bootId, proof, fenceWaitMs, term: this.#term, leader: this.#ports.self, observations });
    if (this.#isCurrent(watch)) this.#feedFence(watch, { kind: 'proofAnswered', ...answer });
  }

  async #propose(watch: Watch, command: Command): Promise<{ readonly outcome: 'applied' | 'rejected' | 'unknown'; readonly detail: string }> {
    // What was decided in this term is proposed in this term or not at all: a later leader has granted leases of its own.
    const { role, term } = this.#ports.log.status();
    if (this.#isStopped || role !== 'leader' || term !== this.#term) return { outcome: 'unknown', detail: 'leads no more' };
    try {
      const { result } = await this.#ports.log.propose(command, { timeoutMs: PROPOSE_TIMEOUT_MS, appliedHere: true });
      return result.kind === 'applied' ? { outcome: 'applied', detail: '' } : { outcome: 'rejected', detail: `${result.reason}: ${result.message}` };
    } catch (thrown) {
      this.#ports.world.log.write({ event: 'fenceProposalUnanswered', node: watch.node, command: command.kind, error: describeError(thrown), term: this.#term });
      return { outcome: 'unknown', detail: describeError(thrown) };
    }
  }

  /**
   * Asks the ledger freshly first: a leader that was just elected may not have applied yet what was committed before it, and the intent that
   * it finds may long be proven, and another boot of the node run. A power switch knows no boots.
   */
  async #orderPowerOff(watch: Watch): Promise<void> {
    try {
      await this.#ports.log.readFresh({ timeoutMs: POWER_TIMEOUT_MS });
      // What that brought has been heard (followLedger): a boot that is dead for certain is not watched any more.
      if (!this.#isCurrent(watch)) return;
      const { role, term } = this.#ports.log.status();
      if (role !== 'leader' || term !== this.#term) throw new ClusterError('NotLeader', `does not lead in term ${this.#term} any more`, { retryable: false });
      const { wasOff } = await withinPowerTimeout(this.#ports.world, this.#ports.power.off(watch.node), `switch ${watch.node} off`);
      if (this.#isCurrent(watch)) this.#feedFence(watch, { kind: 'powerOffDone', wasOff });
    } catch (thrown) {
      if (this.#isCurrent(watch)) this.#feedFence(watch, { kind: 'powerOffFailed', detail: describeError(thrown) });
    }
  }

  async #askPowerStatus(watch: Watch): Promise<void> {
    let status: 'on' | 'off' | 'unknown' = 'unknown';
    let detail = '';
    try {
      status = await withinPowerTimeout(this.#ports.world, this.#ports.power.status(watch.node), `ask whether ${watch.node} is on`);
    } catch (thrown) {
      detail = describeError(thrown);
    }
    if (this.#isCurrent(watch)) this.#feedFence(watch, { kind: 'powerStatus', status, detail });
  }

  #isCurrent(watch: Watch): boolean {
    return !this.#isStopped && this.#watches.get(watch.node) === watch;
  }

  /** A boot may still go by a profile that the cell has left: the ledger remembers the longest wait that it needs. */
  #waits(node: NodeId): FenceWaits {
    const fenceWaitMs = fenceWaitOf(this.#ports.log.state(), node);
    let longestMs = -Infinity;
    for (const profile of PROFILES) if (profile.fenceWaitMs <= fenceWaitMs) longestMs = Math.max(longestMs, nodeFenceMs(profile));
    return { fenceWaitMs, nodeFenceMs: longestMs };
  }

  #profile(): TimingProfile {
    return TIMING_PROFILES[this.#ports.log.state().parameters.profile];
  }
}

function isWatched(record: NodeRecord): record is NodeRecord & { readonly bootId: BootId } {
  return record.bootId !== null && WATCHED.includes(record.phase);
}

function fencePhase(state: FenceState): string {
  return state.proof.phase === 'none' ? `power ${state.power.phase}` : state.proof.phase;
}

function phaseOf(suspicion: SuspicionState, fence: FenceState): SuspectView['phase'] | null {
  if (fence.proof.phase === 'proven') return 'proven';
  if (fence.proof.phase === 'proposing') return 'proving';
  if (fence.power.phase === 'intending') return 'intending';
  if (fence.power.phase === 'ordering' || fence.power.phase === 'confirming') return 'switchingOff';
  return suspicion.phase === 'trusted' ? null : suspicion.phase;
}

function storageWord(storageReachable: boolean | null): string {
  if (storageReachable === null) return 'not shared';
  return storageReachable ? 'reachable' : 'unreachable';
}
