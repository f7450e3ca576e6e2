/**
 * Does a ledger in etcd keep its promises in any weather? One seed: a storm of faults over a cell, with checks all the while, then calm, and progress.
 */
import type { EtcdLedger } from '../../../../../shared/ledger/etcd/etcd-ledger.ts';
import type { MemberId } from '../../../../../shared/ids.ts';
import { hashState } from '../../../../../shared/ledger/state-hash.ts';
import { seededChance } from '../../../../../shared/random.ts';
import { FINE_ETCD } from '../../../../support/fake-etcd.ts';
import { FINE } from '../../../../support/virtual-mesh.ts';
import { EtcdCell, PROFILE } from './cell.ts';

const STORM_MS = 25_000;
const STEP_MS = 100;
/** In calm a leader is there within two elections, whatever was before: one may be under way that leads nowhere. Longer than any proposal waits. */
const CALM_MS = 13_000;

/** What a seed came to. `faults`: what must never be. */
export interface Outcome {
  readonly faults: readonly string[];
  readonly committed: number;
  readonly terms: number;
  readonly confirmed: number;
  readonly snapshots: number;
}

/** Runs one seed. */
export async function runWeather(seed: number): Promise<Outcome> {
  const chance = seededChance(seed ^ 0x5eed);
  const nodes = 1 + Math.floor(chance.next() * 5);
  const cell = await EtcdCell.found(seed, nodes, { observers: 1, areCoordinators: true, snapshotEvery: 10 + Math.floor(chance.next() * 40) });
  const watcher = new Watcher(cell);
  const swarm = { etcd: chance.next() < 0.7, outage: chance.next() < 0.4, kill: chance.next() < 0.6, mesh: chance.next() < 0.4, watch: chance.next() < 0.6, compact: chance.next() < 0.4, slow: chance.next() < 0.3 };
  const some = (share: number): boolean => chance.next() < share;
  cell.etcd.weather = {
    lostShare: swarm.etcd ? chance.next() * 0.15 : 0, unansweredShare: swarm.etcd ? chance.next() * 0.2 : 0,
    lateShare: swarm.etcd ? chance.next() * 0.2 : 0, lateMs: chance.next() * 4_000,
    watchEndShare: swarm.watch ? chance.next() * 0.1 : 0, watchStallShare: swarm.watch ? chance.next() * 0.1 : 0,
    delayMsMax: swarm.slow ? 1 + chance.next() * 300 : 1 + chance.next() * 10,
  };
  if (swarm.mesh) cell.network.weather = { lossShare: 0.1, duplicateShare: 0.05, jitterMs: 20 };
  for (let atMs = 0; atMs < STORM_MS; atMs += STEP_MS) {
    if (swarm.outage && some(0.02)) cell.etcd.hasLeader = !cell.etcd.hasLeader;
    if (swarm.outage && some(0.03)) cell.etcd.setState(Math.floor(chance.next() * 3), some(0.5) ? 'stuck' : 'gone');
    if (some(0.1)) for (const at of [0, 1, 2]) cell.etcd.setState(at, 'up');
    if (swarm.kill && some(0.04)) cell.kill(pick(cell.members, chance.next()));
    for (const each of cell.members) if (!cell.running.has(each) && some(0.1)) watcher.start(each);
    if (swarm.compact && some(0.1)) cell.etcd.compact();
    if (swarm.mesh && some(0.05)) {
      const each = pick(cell.members, chance.next());
      if (some(0.5)) cell.network.cut(each);
      else if (cell.running.has(each)) cell.network.heal(each);
    }
    for (const ledger of cell.ledgers()) {
      if (some(0.3)) watcher.propose(ledger);
      if (some(0.2)) watcher.confirm(ledger);
      if (some(0.1)) watcher.readFresh(ledger);
    }
    await cell.world.advance(STEP_MS);
    watcher.compare();
  }
  await calm(cell, watcher);
  return watcher.outcome();
}

async function calm(cell: EtcdCell, watcher: Watcher): Promise<void> {
  cell.etcd.weather = FINE_ETCD;
  cell.network.weather = FINE;
  cell.etcd.hasLeader = true;
  for (const at of [0, 1, 2]) cell.etcd.setState(at, 'up');
  for (const each of cell.members) if (!cell.running.has(each)) watcher.start(each);
  for (const each of cell.members) cell.network.heal(each);
  await cell.world.advance(CALM_MS);
  const leader = cell.leader();
  if (leader === null) {
    watcher.faults.push('nobody leads in calm weather');
    return;
  }
  try {
    await cell.set(leader, watcher.nextNumber(), 2_000);
  } catch (error) {
    watcher.faults.push(`no progress in calm weather: ${String(error)}`);
  }
  await cell.world.advance(1_000);
  if (!cell.isConverged()) watcher.faults.push(`members differ in calm weather: ${cell.ledgers().map((ledger) => `${ledger.status().member} ${ledger.status().appliedIndex}`).join(', ')}`);
  if (cell.ledgers().filter((ledger) => ledger.isLeading()).length !== 1) watcher.faults.push('more than one leads in calm weather');
  for (const error of cell.fatal) watcher.faults.push(`a member ended: ${String(error)}`);
  watcher.audit();
}

/** What was promised to whom, and what etcd really held. */
class Watcher {
  readonly faults: string[] = [];
  readonly #cell: EtcdCell;
  #number = 100_000;
  #headTerm = 0;
  #headIndex = 1;
  #confirmed = 0;
  #snapshots = 0;
  /** Each entry that was ever written: its proposal and what that set. */
  readonly #entries = new Map<number, { readonly id: string | null; readonly term: number; readonly set: number | null }>();
  readonly #campaigns = new Map<number, string>();
  /** Acknowledged: number set, and the index that was told. */
  readonly #acknowledged = new Map<number, number>();
  readonly #hashes = new Map<number, string>();

  constructor(cell: EtcdCell) {
    this.#cell = cell;
    cell.etcd.onWrite = (pairs) => {
      for (const { key, value } of pairs) {
        const parsed = JSON.parse(value) as never;
        if (key.includes('/log/entry/')) this.#entryWritten(parsed);
        if (key.endsWith('/log/head')) this.#headWritten(parsed);
      }
    };
    cell.world.onFact((fact) => {
      if (fact.event === 'ledgerOffice' && typeof fact['campaign'] === 'string') this.#office(fact['campaign']);
    });
  }

  nextNumber(): number {
    this.#number += 1;
    return this.#number;
  }

  start(self: MemberId): void {
    this.readFresh(this.#cell.start(self));
  }

  propose(ledger: EtcdLedger): void {
    const number = this.nextNumber();
    const { chance } = this.#cell.world;
    // A promise of a process that dies meanwhile never settles.
    void ledger.propose({ kind: 'setParameters', change: { rebuildAfterMs: number } }, { timeoutMs: 1_000 + chance.next() * 11_000 }).then(
      ({ index }) => {
        this.#acknowledged.set(number, index);
        const entry = this.#entries.get(index);
        if (entry?.set !== number) this.faults.push(`${number} was acknowledged at ${index}, where ${entry?.set} is`);
      },
      () => undefined,
    );
  }

  /** SAFETY.md 4.2: no grant by a round that began when another led already. */
  confirm(ledger: EtcdLedger): void {
    const { term } = ledger.status();
    const trueTerm = this.#headTerm;
    void ledger.confirmLeadership().then((isConfirmed) => {
      if (!isConfirmed) return;
      this.#confirmed += 1;
      if (trueTerm > term) this.faults.push(`term ${term} was confirmed by a round that began in term ${trueTerm}`);
    }, () => undefined);
  }

  readFresh(ledger: EtcdLedger): void {
    const trueIndex = this.#headIndex;
    void ledger.readFresh({ timeoutMs: 2_000 }).then(() => {
      const { appliedIndex } = ledger.status();
      if (appliedIndex < trueIndex) this.faults.push(`a fresh read showed ${appliedIndex}, and ${trueIndex} was committed before`);
    }, () => undefined);
  }

  /** States are the same at the same index (S21). */
  compare(): void {
    for (const ledger of this.#cell.ledgers()) {
      const { appliedIndex } = ledger.status();
      if (appliedIndex === 0) continue;
      const hash = hashState(ledger.state());
      const known = this.#hashes.get(appliedIndex);
      if (known !== undefined && known !== hash) this.faults.push(`states differ at ${appliedIndex}`);
      this.#hashes.set(appliedIndex, hash);
    }
  }

  audit(): void {
    const ids = [...this.#entries.values()].flatMap(({ id }) => (id === null ? [] : [id]));
    if (new Set(ids).size !== ids.length) this.faults.push('a proposal is in the log twice');
    const numbers = [...this.#entries.values()].map(({ set }) => set);
    const told = numbers.filter((number) => number !== null);
    if (new Set(told).size !== told.length) this.faults.push('a command had its effect twice');
    for (const number of this.#acknowledged.keys()) if (!numbers.includes(number)) this.faults.push(`${number} was acknowledged and is not in the log`);
  }

  outcome(): Outcome {
    return { faults: [...new Set(this.faults)], committed: this.#entries.size, terms: this.#campaigns.size, confirmed: this.#confirmed, snapshots: this.#snapshots };
  }

  #entryWritten(entry: { readonly index: number; readonly term: number; readonly id: string | null; readonly data: { readonly command: { readonly change?: { readonly rebuildAfterMs?: number } } } | null }): void {
    if (this.#entries.has(entry.index)) this.faults.push(`entry ${entry.index} was written twice`);
    if (entry.index !== this.#entries.size + 2) this.faults.push(`entry ${entry.index} follows ${this.#entries.size + 1}`);
    this.#entries.set(entry.index, { id: entry.id, term: entry.term, set: entry.data?.command.change?.rebuildAfterMs ?? null });
  }

  #headWritten(head: { readonly index: number; readonly term: number; readonly campaign: string; readonly base: { readonly index: number } }): void {
    if (head.term < this.#headTerm) this.faults.push(`term ${head.term} follows ${this.#headTerm}`);
    if (head.index < this.#headIndex) this.faults.push(`index ${head.index} follows ${this.#headIndex}`);
    this.#headTerm = head.term;
    this.#headIndex = head.index;
    this.#snapshots = Math.max(this.#snapshots, head.base.index);
  }

  /** One process leads a term, once (S11). */
  #office(campaign: string): void {
    const term = Number(campaign.slice(campaign.lastIndexOf('.') + 1));
    if (this.#campaigns.has(term)) this.faults.push(`term ${term} was begun by ${this.#campaigns.get(term)} and by ${campaign}`);
    this.#campaigns.set(term, campaign);
  }
}

function pick<Item>(items: readonly Item[], draw: number): Item {
  const item = items[Math.floor(draw * items.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}

/** The election profile that a seed's calm is measured by. */
export const ELECTION_MS = PROFILE.electionMaxMs;
