/**
 * How does a plan's event become a broken cell, and how is it mended? Strikes by kind, and the list of what is to be undone.
 *
 * When the storm ends, a core of the cell is mended first and the others stay as broken as they are; then everything.
 */
import type { MemberId, NodeId } from '../../../shared/ids.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import { FINE } from '../../support/virtual-mesh.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import type { Moment } from '../../support/moments.ts';
import type { Phase } from '../coverage.ts';
import { isWork } from '../kinds.ts';
import type { EventKind } from '../kinds.ts';
import type { Round, SimEvent } from '../plan.ts';
import { clockRate, wallStep } from './clocks.ts';
import { diskFail, diskSlow, slowStore, storeDamaged, storeFull, storeLost } from './disks.ts';
import { frozenHolder, lateExpansion, orderCut, staleAnswer } from './meetings.ts';
import { cordon, nodeAdd, nodeMove, nodeRemove, uncordon } from './members.ts';
import { clog, gossipHole, laggard, linkFlap, meshCut, networkStorm, oneWay, pairCut, ring, split, storageCut, storagePairCut, stray } from './network.ts';
import { bmcLies, bmcReboots, bmcUnreachable, bootStorm, flapping, powerCycle, rackOutage, reset, siteOutage, watchdogDead, watchdogEarly } from './power.ts';
import { agentKill, agentLoop, agentPause, coordinatorKill, domainWedge, keeperKill, keeperPause, leaderCrash, programCrash, slowLoops } from './processes.ts';
import { helperKill, programFail, programFailAfter, programHang, programLie } from './programs.ts';
import { pickFrom, startProcesses } from './site.ts';
import type { StormSite, Strike } from './site.ts';
import { heardByOne, heldMessage, heldRequest, lateHelper, lateProgram, saveCrash, saveCut, saveStall } from './traps.ts';
import { guestEnd, userReboot, userRun, userStart, userStop, userTerminate } from './users.ts';

const STRIKES: Readonly<Record<EventKind, Strike>> = {
  powerCycle, reset, rackOutage, siteOutage, bootStorm, flapping, watchdogDead, watchdogEarly, bmcUnreachable, bmcLies, bmcReboots,
  domainWedge, agentKill, agentPause, agentLoop, slowLoops, keeperKill, keeperPause, leaderCrash, programCrash, coordinatorKill,
  pairCut, oneWay, split, ring, networkStorm, clog, meshCut, storageCut, storagePairCut, linkFlap, gossipHole, stray,
  clockRate, wallStep, diskFail, diskSlow, slowStore, storeFull, storeDamaged, storeLost, nodeAdd, nodeRemove, cordon,
  programHang, programFail, programFailAfter, programLie, helperKill,
  frozenHolder, nodeMove, orderCut, lateExpansion, staleAnswer,
  heldRequest, heldMessage, laggard, heardByOne, saveCrash, saveCut, saveStall, lateProgram, lateHelper,
  userRun, userStop, userStart, userReboot, userTerminate, guestEnd,
};
/** What takes no part in keeping data: a disk may fail beside it, and the loss of nothing else falls into that window (SAFETY.md 2.5). */
const HARMLESS: readonly EventKind[] = ['clockRate', 'gossipHole', 'coordinatorKill', 'bmcUnreachable', 'bmcReboots', 'cordon', 'stray'];
/** How soon a supervisor starts an agent that ended by itself, ms. */
const RESTART_MS = 1_000;
/** How often what an operator wants is compared with what is, ms. */
const TEND_EVERY_MS = 2_000;

interface Broken {
  readonly kind: EventKind;
  readonly nodes: readonly NodeId[];
  readonly undo: () => void;
}

/** What the storm tells: each event that did something, and what the cell was busy with before. */
export interface StormListener {
  phases(): readonly Phase[];
  onStrike(event: SimEvent, node: NodeId, before: readonly Phase[]): void;
  /** Something happened that must not. */
  complain(what: string): void;
  mayTerminate(instance: InstanceRecord): boolean;
}

/** The storms of one seed's cell. */
export class Storm {
  readonly #cell: VirtualCell;
  readonly #listener: StormListener;
  readonly #broken = new Set<Broken>();
  #round: Round | null = null;
  /** While the core is being watched, what is broken elsewhere stays so. */
  #isHeld = false;
  #quietUntilMs = 0;
  #tendedAtMs = 0;
  #wasOperated = false;
  #lastsUntilMs = 0;
  #trap: ((leader: NodeId) => void) | null = null;
  readonly #cordoned = new Set<NodeId>();
  readonly #leftOn = new Set<NodeId>();

  constructor(cell: VirtualCell, listener: StormListener) {
    this.#cell = cell;
    this.#listener = listener;
  }

  /** Whether an operator said something in this storm that is to be taken back: perhaps it is still under way. */
  get wasOperated(): boolean {
    return this.#wasOperated;
  }

  /** How long what nobody can mend goes on yet, ms. */
  lastsForMs(): number {
    return Math.max(0, this.#lastsUntilMs - this.#cell.world.clock.nowMs());
  }

  begin(round: Round): void {
    this.#round = round;
    this.#wasOperated = false;
    this.#cell.network.weather = round.network;
    for (const event of round.events) this.#cell.world.timers.after(event.atMs, () => this.#strike(round, event));
  }

  /** What operators and supervisors do all the time. Call it often. */
  tend(): void {
    this.#cell.followMembership(this.#leftOn);
    const nowMs = this.#cell.world.clock.nowMs();
    if (nowMs - this.#tendedAtMs < TEND_EVERY_MS) return;
    this.#tendedAtMs = nowMs;
    uncordon(this.#cell, this.#cordoned);
  }

  /** A member applied an entry. */
  applied(member: MemberId): void {
    const trap = this.#trap;
    if (trap === null || member !== this.#cell.leader() || !this.#cell.nodeIds.includes(member as NodeId)) return;
    this.#trap = null;
    trap(member as NodeId);
  }

  /** An agent ended because its store failed. */
  agentExited(node: NodeId): void {
    this.#cell.world.timers.after(RESTART_MS, () => startProcesses(this.#cell, node));
  }

  /** Nothing new breaks, and these nodes are mended, with all that is between them. */
  endFor(core: readonly NodeId[], hasCoordinator: boolean): void {
    this.#round = null;
    this.#trap = null;
    this.#isHeld = true;
    const mended = [...this.#broken].filter(({ nodes }) => nodes.every((node) => core.includes(node)));
    for (const broken of mended) this.#mend(broken);
    // After the mending: the end of a storm of the network brings back what the round had before it.
    this.#cell.network.weather = FINE;
    for (const node of core) this.restart(node);
    if (hasCoordinator) this.#cell.startCoordinator();
    else this.#cell.killCoordinator();
  }

  /** Everything is mended. */
  endForAll(): void {
    this.#round = null;
    this.#isHeld = false;
    const all = [...this.#broken]; // Each leaves the set.
    for (const broken of all) this.#mend(broken);
    this.#cell.network.weather = FINE;
    for (const node of this.#cell.nodeIds) this.restart(node);
    this.#cell.startCoordinator();
  }

  /** Breaks a node until everything is mended. */
  breakDown(node: NodeId, how: number): void {
    const { room } = this.#cell;
    if (how < 0.5) room.powerOff(node);
    else room.setCables(node, how < 0.75 ? { mesh: false } : { mesh: false, storage: false });
    this.#broken.add({ kind: 'powerCycle', nodes: [node], undo: () => room.setCables(node, { mesh: true, storage: true }) });
  }

  /** Whoever is off, or whose processes are gone, is started again. */
  restart(node: NodeId): void {
    this.#cell.room.powerOn(node);
    startProcesses(this.#cell, node);
  }

  #strike(round: Round, event: SimEvent): void {
    if (this.#round !== round) return;
    const nowMs = this.#cell.world.clock.nowMs();
    if (!isWork(event.kind) && nowMs < this.#quietUntilMs) return;
    const node = pickFrom(this.#cell.nodeIds, event.pick) as NodeId;
    const site: StormSite = {
      cell: this.#cell, network: round.network, cordoned: this.#cordoned, leftOn: this.#leftOn,
      later: (forMs, nodes, undo) => this.#later(event.kind, forMs, nodes, undo),
      lasts: (forMs) => {
        this.#lastsUntilMs = Math.max(this.#lastsUntilMs, nowMs + forMs);
      },
      during: (afterMs, act) => void this.#cell.world.timers.after(afterMs, () => {
        if (this.#round === round) act();
      }),
      complain: (what) => this.#listener.complain(what),
      mayTerminate: (instance) => this.#listener.mayTerminate(instance),
      setTrap: (spring) => {
        this.#trap = spring;
      },
      trap: (timesMax, spring) => this.#arm(round, event, node, timesMax, spring),
      isQuiet: () => [...this.#broken].every(({ kind }) => HARMLESS.includes(kind)),
      keepQuiet: (forMs) => {
        this.#quietUntilMs = nowMs + forMs;
      },
    };
    const before = this.#listener.phases();
    this.#wasOperated ||= event.kind === 'cordon' || event.kind === 'nodeRemove';
    if (STRIKES[event.kind](site, event, node)) this.#listener.onStrike(event, node, before);
  }

  /** A trap springs as other faults strike: in its own storm, and not in the quiet that a failed disk needs around it. */
  #arm(round: Round, event: SimEvent, node: NodeId, timesMax: number, spring: (moment: Moment) => number | null): void {
    const { clock } = this.#cell.world;
    let timesLeft = timesMax;
    const disarm = this.#cell.moments.watch((moment) => {
      if (timesLeft === 0 || this.#round !== round || clock.nowMs() < this.#quietUntilMs) return 0;
      const heldMs = spring(moment);
      if (heldMs === null) return 0;
      timesLeft -= 1;
      this.#listener.onStrike(event, node, this.#listener.phases());
      return heldMs;
    });
    this.#later(event.kind, event.forMs, [], disarm);
  }

  #later(kind: EventKind, forMs: number, nodes: readonly NodeId[], undo: () => void): void {
    const broken: Broken = { kind, nodes, undo };
    this.#broken.add(broken);
    this.#cell.world.timers.after(forMs, () => {
      if (!this.#isHeld) this.#mend(broken);
    });
  }

  #mend(broken: Broken): void {
    if (this.#broken.delete(broken)) broken.undo();
  }
}
