/**
 * Does a cell keep its promises? All checkers of test/sim/checkers over one cell in virtual time, and what still keeps it from being calm.
 */
import { describeError } from '../../shared/errors.ts';
import type { MemberId, NodeId } from '../../shared/ids.ts';
import type { AppliedEntry } from '../../shared/ledger/commands.ts';
import type { LedgerNode } from '../../shared/ledger/node/ledger-node.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { Checker, Scene } from '../sim/checkers/checker.ts';
import { watchFences } from '../sim/checkers/fences.ts';
import type { LeaseChecker } from '../sim/checkers/fences.ts';
import { watchInSync } from '../sim/checkers/in-sync-truth.ts';
import { watchCapacity, watchClientTokens, watchHashes, watchLeaders } from '../sim/checkers/ledger-checkers.ts';
import { watchDestruction, watchForce, watchPower } from '../sim/checkers/orders.ts';
import { watchInnocents, watchObserver, watchPrimaries, watchRetired } from '../sim/checkers/room-checkers.ts';
import { watchRounds } from '../sim/checkers/rounds.ts';
import type { RoundChecker } from '../sim/checkers/rounds.ts';
import { watchGate, watchGrowth, watchHolders } from '../sim/checkers/tokens.ts';
import type { CellAudit } from './cell-audit.ts';
import type { VirtualCell } from './virtual-cell.ts';

/** A broken cell breaks more and more: the first violations tell how it began. */
const VIOLATIONS_MAX = 20;

/** Watches one cell. Give `onLedger` and `audit` to the cell, then call `watch`, before anything of it runs on. */
export class CellWitness {
  /** Each begins with its invariant of SAFETY.md 6.1. */
  readonly violations: string[] = [];
  #cell: VirtualCell | null = null;
  #newest: CellState | null = null;
  #lastIndex = 0;
  #checkers: readonly Checker[] = [];
  #leases: LeaseChecker | null = null;
  #rounds: RoundChecker | null = null;
  #compareHashes: ReturnType<typeof watchHashes> | null = null;
  #lookAtInnocents: (isMild: boolean) => void = () => undefined;
  /** Ledgers that started before there was a cell to watch: those of its construction. */
  readonly #early: { readonly member: MemberId; readonly ledger: LedgerNode }[] = [];

  readonly onLedger = (member: MemberId, ledger: LedgerNode): void => {
    if (this.#cell === null) this.#early.push({ member, ledger });
    for (const checker of this.#checkers) checker.started?.(member, ledger);
    ledger.subscribe((entry) => {
      if (entry !== null) this.#applied(member, ledger.state(), entry);
    });
  };

  readonly audit: CellAudit = {
    onProgram: (node, bootId, argv, stdin) => {
      for (const checker of this.#checkers) checker.ran?.(node, bootId, argv, stdin);
    },
    onAgentSent: (node, bytes) => this.#rounds?.sent(node, bytes),
    onAgentHeard: (node, bytes) => this.#rounds?.heard(node, bytes),
    onPet: (node, bootId) => this.#leases?.petted(node, bootId),
    onLeaseSent: (node, bootId, bytes) => this.#leases?.sent(node, bootId, bytes),
    onLeaseHeard: (node, bootId, bytes) => this.#leases?.heard(node, bootId, bytes),
    onFatal: (member, error) => this.#violate(`S11 the ledger of ${member} stopped: ${describeError(error)}`),
  };

  watch(cell: VirtualCell): void {
    this.#cell = cell;
    const scene: Scene = { cell, newest: () => this.#newest, violate: (what) => this.#violate(what) };
    this.#leases = watchFences(scene);
    this.#rounds = watchRounds(scene);
    this.#compareHashes = watchHashes(scene);
    this.#lookAtInnocents = watchInnocents(scene);
    this.#checkers = [
      watchObserver(scene), watchInSync(scene), watchPrimaries(scene), watchGrowth(scene), watchGate(scene), watchHolders(scene), this.#leases,
      watchLeaders(scene), watchClientTokens(scene), watchDestruction(scene), watchRetired(scene), watchCapacity(scene), watchForce(scene), watchPower(scene), this.#rounds,
    ];
    for (const { member, ledger } of this.#early) for (const checker of this.#checkers) checker.started?.(member, ledger);
  }

  /** Looks at the room. Call it often. */
  look(isMild: boolean): void {
    for (const checker of this.#checkers) checker.look?.();
    this.#lookAtInnocents(isMild);
  }

  #applied(member: MemberId, state: CellState, entry: AppliedEntry): void {
    this.#compareHashes?.(member, state, entry);
    if (entry.index <= this.#lastIndex) return;
    // Nobody knows what came between, when a member took a snapshot that no other had applied: there is none such.
    const before = this.#newest;
    this.#lastIndex = entry.index;
    this.#newest = state;
    for (const checker of this.#checkers) checker.applied?.(entry, before, state);
  }

  #violate(what: string): void {
    if (!this.violations.includes(what) && this.violations.length < VIOLATIONS_MAX) this.violations.push(what);
  }
}

/** What still keeps a cell from being calm: every node active, everything asked for there, every volume on two replicas in sync. */
export function unrest(cell: VirtualCell): readonly string[] {
  const found: string[] = [];
  const state = cell.state();
  for (const node of state.nodes.values()) {
    const now = cell.room.nodeReport(node.id);
    if (node.phase === 'removed') continue;
    if (node.phase !== 'active' || node.bootId !== now.bootId) found.push(`${node.id} is ${node.phase}${node.bootId === now.bootId ? '' : ' in another boot'}`);
    else if (!now.isWatchdogArmed) found.push(`${node.id} has no armed watchdog`);
  }
  for (const instance of state.instances.values()) {
    const running = cell.room.observer.running(instance.id);
    if (instance.phase !== instance.desired || instance.restarting) found.push(`${instance.id} is ${instance.phase}, and shall be ${instance.desired}${instance.reason === null ? '' : ` (${instance.reason.message})`}`);
    if (instance.desired === 'running' && running.map(({ node }) => node).join() !== instance.holder) found.push(`${instance.id} runs on ${running.map(({ node }) => node).join() || 'no node'}, and is held by ${instance.holder}`);
    if (instance.desired !== 'running' && running.length > 0) found.push(`${instance.id} runs, and shall be ${instance.desired}`);
  }
  for (const volume of state.volumes.values()) {
    const owner = volume.instance === null ? undefined : state.instances.get(volume.instance);
    // Stopped before its first start: there is no content yet that could be in two places.
    if (!volume.formatted && !volume.deleting && owner?.desired === 'stopped') continue;
    const isWell = !volume.deleting && volume.replicas.length === 2 && volume.inSync.length === 2 && volume.tainted.length === 0 && volume.retired.length === 0;
    if (!isWell) found.push(`${volume.id}: replicas ${volume.replicas.join()}, in sync ${volume.inSync.join()}, tainted ${volume.tainted.join()}, retired ${volume.retired.join()}${volume.deleting ? ', deleting' : ''}${volume.formatted ? '' : ', not formatted'}`);
  }
  for (const fact of cell.drbd.room?.facts() ?? []) {
    if (fact.isFrozen) found.push(`${fact.resource} is frozen on ${fact.node}`);
    if (!state.volumes.has(fact.resource as never)) found.push(`${fact.resource} is left over on ${fact.node}`);
  }
  return found;
}

/** The instances that shall run now, with the nodes that hold them. */
export function holders(cell: VirtualCell): ReadonlySet<NodeId> {
  return new Set([...cell.state().instances.values()].flatMap((instance) => (instance.phase === 'running' && instance.holder !== null ? [instance.holder] : [])));
}
