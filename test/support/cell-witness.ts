/**
 * Does a cell keep its promises? What is watched of a whole cell in virtual time, at every moment and at the end.
 *
 * The room's own observer sees instances that run twice and records that are lost; this one adds what only somebody who
 * sees all nodes can know: two primaries, histories that parted, ledgers that differ, tokens that go back, proofs of the
 * death of what still runs, nodes that died without a cause.
 */
import type { BootId, MemberId, NodeId } from '../../shared/ids.ts';
import type { AppliedEntry } from '../../shared/ledger/commands.ts';
import type { LedgerNode } from '../../shared/ledger/node/ledger-node.ts';
import { hashState } from '../../shared/ledger/state-hash.ts';
import type { CellState } from '../../shared/model/cell.ts';
import { isFenced } from '../../shared/model/node.ts';
import type { VirtualCell } from './virtual-cell.ts';

/** Every so many entries the states of all members are compared. */
const HASH_EVERY = 8;

/** Watches one cell. Give `onLedger` to the cell, then call `watch`. */
export class CellWitness {
  readonly violations: string[] = [];
  readonly #hashes = new Map<number, { readonly member: MemberId; readonly hash: string }>();
  readonly #generations = new Map<string, number>();
  readonly #versions = new Map<string, number>();
  readonly #seenFences = new Set<string>();
  #cell: VirtualCell | null = null;
  #lastIndex = 0;

  readonly onLedger = (member: MemberId, ledger: LedgerNode): void => {
    ledger.subscribe((entry) => {
      if (entry !== null) this.#applied(member, ledger.state(), entry);
    });
  };

  watch(cell: VirtualCell): void {
    this.#cell = cell;
  }

  /** Looks at the room. Call it often. */
  look(isMild: boolean): void {
    const cell = this.#cell;
    if (cell === null) return;
    for (const violation of cell.room.report().violations) this.#violate(`${violation.kind} ${violation.instance}: ${violation.detail}`);
    const primaries = new Map<string, string[]>();
    for (const fact of cell.drbd.room?.facts() ?? []) {
      if (fact.role !== 'Primary') continue;
      primaries.set(fact.resource, [...(primaries.get(fact.resource) ?? []), fact.node]);
    }
    for (const [resource, nodes] of primaries) if (nodes.length > 1) this.#violate(`${resource} is primary on ${nodes.join(' and ')}`);
    if ((cell.drbd.room?.splitBrains ?? 0) > 0) this.#violate('DRBD reports a split brain');
    if (isMild) for (const event of cell.events) if (event.kind === 'died') this.#violate(`${event.node} died (${event.reason}) without a cause`);
  }

  #applied(member: MemberId, state: CellState, entry: AppliedEntry): void {
    if (entry.index % HASH_EVERY === 0) this.#compareHash(member, state, entry.index);
    if (entry.index <= this.#lastIndex) return;
    this.#lastIndex = entry.index;
    for (const instance of state.instances.values()) this.#grows(this.#generations, instance.id, instance.generation, 'generation');
    for (const volume of state.volumes.values()) {
      this.#grows(this.#generations, volume.id, volume.generation, 'generation');
      this.#grows(this.#versions, volume.id, volume.version, 'version');
      if (volume.formatted && !volume.deleting && volume.inSync.length === 0) this.#violate(`${volume.id} has an empty in-sync set`);
    }
    this.#checkFences(state);
  }

  #compareHash(member: MemberId, state: CellState, index: number): void {
    const hash = hashState(state);
    const known = this.#hashes.get(index);
    if (known === undefined) this.#hashes.set(index, { member, hash });
    else if (known.hash !== hash) this.#violate(`the states of ${known.member} and ${member} differ at index ${index}`);
  }

  #grows(known: Map<string, number>, id: string, value: number, what: string): void {
    if (value < (known.get(id) ?? 0)) this.#violate(`the ${what} of ${id} went back to ${value}`);
    known.set(id, value);
  }

  /** S8: when the ledger says that a boot is dead, nothing of it executes. */
  #checkFences(state: CellState): void {
    const cell = this.#cell;
    if (cell === null) return;
    for (const node of state.nodes.values()) {
      const report = cell.room.nodeReport(node.id);
      if (report.bootId === null || !wasKnown(node, report.bootId) || !isFenced(node, report.bootId as BootId)) continue;
      const running = report.domains.filter((domain) => domain.state === 'running');
      const key = `${node.id} ${report.bootId}`;
      if (running.length === 0 || this.#seenFences.has(key)) continue;
      this.#seenFences.add(key);
      this.#violate(`boot ${report.bootId} of ${node.id} is proven dead while ${running.map(({ name }) => name).join(', ')} runs there`);
    }
  }

  #violate(what: string): void {
    if (!this.violations.includes(what) && this.violations.length < 20) this.violations.push(what);
  }
}

function wasKnown(node: { readonly bootId: string | null; readonly pastBoots: readonly string[] }, bootId: string): boolean {
  return node.bootId === bootId || node.pastBoots.includes(bootId);
}

/** What still keeps a cell from being calm: every node active, everything asked for there, every volume on two replicas in sync. */
export function unrest(cell: VirtualCell): readonly string[] {
  const found: string[] = [];
  const state = cell.state();
  const { instances: seen, nodes } = cell.room.report();
  for (const node of state.nodes.values()) {
    const now = nodes.find((report) => report.node === node.id);
    if (node.phase !== 'active' || node.bootId !== now?.bootId) found.push(`${node.id} is ${node.phase}${node.bootId === now?.bootId ? '' : ' in another boot'}`);
    else if (!now.isWatchdogArmed) found.push(`${node.id} has no armed watchdog`);
  }
  for (const instance of state.instances.values()) {
    const running = seen[instance.id]?.running ?? [];
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
