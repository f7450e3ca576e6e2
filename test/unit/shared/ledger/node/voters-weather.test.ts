/**
 * Do members of the ledger find their places again, whoever was replaced meanwhile, called back, cut off, or lost its store? Seats
 * change hands in bad weather, by an operator who is in a hurry; in calm weather everybody must have the same log, and voters vote.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { memberOfVoter, voterIdOf } from '../../../../../shared/ids.ts';
import type { MemberId, VoterId } from '../../../../../shared/ids.ts';
import type { LedgerNode } from '../../../../../shared/ledger/node/ledger-node.ts';
import { seededChance } from '../../../../../shared/random.ts';
import type { Chance } from '../../../../../shared/world.ts';
import { FINE } from '../../../../support/virtual-mesh.ts';
import { Cell } from './ledger-cell.ts';

const SEEDS = 40;
const VOTERS = 3;
const STORM_MS = 90_000;
const CALM_MS = 40_000;

class Weather {
  readonly cell: Cell;
  readonly #chance: Chance;
  readonly #cut = new Set<MemberId>();
  #proposals = 0;
  stores = 0;
  changes = 0;

  constructor(seed: number) {
    this.cell = new Cell(seed, VOTERS, 3);
    this.#chance = seededChance(seed);
  }

  async run(): Promise<void> {
    const { world } = this.cell;
    while (world.clock.nowMs() < STORM_MS) {
      this.#storm();
      this.#operate();
      this.#propose();
      await world.advance(200 + this.#chance.next() * 2_500);
    }
    this.#clearUp();
    for (const untilMs = world.clock.nowMs() + CALM_MS; world.clock.nowMs() < untilMs; ) {
      this.#operate();
      await world.advance(500);
    }
    await world.until('calm', () => this.#unrest() === '', 20_000).catch((cause: unknown) => {
      throw new Error(`not calm: ${this.#unrest()}`, { cause });
    });
  }

  #storm(): void {
    const { cell } = this;
    const member = this.#pick(cell.members);
    const draw = this.#chance.next();
    if (!cell.nodes.has(member)) {
      if (draw < 0.6) this.#start(member);
      return;
    }
    if (draw < 0.12 && this.#maySpare(member)) this.#kill(member);
    else if (draw < 0.24 && this.#maySpare(member)) this.#cutOff(member);
    else if (draw < 0.4) this.#heal(member);
    else if (draw < 0.5) cell.network.cutPair(member, this.#pick(cell.members.filter((other) => other !== member)));
    else if (draw < 0.6) for (const other of cell.members) if (other !== member) cell.network.healPair(member, other);
    if (draw > 0.9) cell.network.weather = draw > 0.95 ? FINE : { lossShare: this.#chance.next() * 0.3, duplicateShare: 0.1, jitterMs: 60 };
  }

  /** A majority of the voters is left alone, or nothing would ever change. */
  #maySpare(member: MemberId): boolean {
    const voters = this.#voters();
    const well = voters.filter((voter) => voter !== member && this.#isWell(voter));
    return well.length > voters.length / 2;
  }

  #kill(member: MemberId): void {
    this.cell.stop(member);
    if (this.#chance.next() > 0.4 || !this.#mayLoseStore(member)) return;
    this.stores += 1;
    this.cell.loseStore(member);
  }

  /** Whether every configuration that is written anywhere keeps a majority of voters with their stores. */
  #mayLoseStore(lost: MemberId): boolean {
    const { nodes, stores } = this.cell;
    const written = [...stores.values()].flatMap(({ snapshot, entries }) => [snapshot?.conf, ...entries.map((entry) => (entry.kind === 'confChange' ? entry.data.conf : undefined))]);
    const inForce = [...nodes.values()].map((node) => node.raftStatus().conf);
    return [...written, ...inForce].every((conf) => {
      const voters = (conf?.voters ?? []) as readonly VoterId[];
      const kept = voters.filter((voter) => memberOfVoter(voter) !== lost && voterIdOf(memberOfVoter(voter), this.cell.store(memberOfVoter(voter)).storeUuid) === voter);
      return voters.length === 0 || kept.length > voters.length / 2;
    });
  }

  #start(member: MemberId): void {
    this.cell.start(member);
    this.#cut.delete(member);
  }

  #cutOff(member: MemberId): void {
    this.#cut.add(member);
    this.cell.network.cut(member);
  }

  #heal(member: MemberId): void {
    if (this.#cut.delete(member)) this.cell.network.heal(member);
  }

  /** One step towards three voters that are well: a newcomer learns, then votes, then whoever is gone leaves. At times for no reason. */
  #operate(): void {
    const leader = this.cell.leader();
    if (leader === null) return;
    const { voters, learners } = leader.status();
    const bad = voters.filter((voter) => !this.#isSeated(voter));
    const heir = learners.find((voter) => this.#isSeated(voter));
    const stale = learners.find((voter) => !this.#isSeated(voter));
    if (stale !== undefined) this.#change(leader, 'remove', stale);
    else if (voters.length > VOTERS) this.#change(leader, 'remove', bad[0] ?? this.#pick(voters.filter((voter) => voter !== leader.voterId)));
    else if (heir !== undefined) this.#change(leader, 'promote', heir);
    else if (bad.length > 0 || voters.length < VOTERS || this.#chance.next() < 0.1) {
      const waiting = this.cell.members.filter((member) => this.#isWell(member)).map((member) => this.cell.node(member).voterId).filter((voter) => !voters.includes(voter));
      if (waiting.length > 0) this.#change(leader, 'addLearner', this.#pick(waiting));
    }
  }

  #change(leader: LedgerNode, kind: 'addLearner' | 'promote' | 'remove', voter: VoterId): void {
    this.changes += 1;
    void leader.changeVoters({ kind, voter, witness: false }, { timeoutMs: 3_000 });
  }

  #propose(): void {
    const leader = this.cell.leader();
    if (leader === null) return;
    this.#proposals += 1;
    leader.propose({ kind: 'setParameters', change: { rebuildAfterMs: 60_000 + this.#proposals } }, { timeoutMs: 3_000 }).catch(() => undefined);
  }

  #clearUp(): void {
    const { cell } = this;
    cell.network.weather = FINE;
    for (const member of cell.members) {
      if (!cell.nodes.has(member)) this.#start(member);
      this.#heal(member);
      for (const other of cell.members) if (other !== member) cell.network.healPair(member, other);
    }
  }

  /** What is not as it should be in calm weather; empty when all is. */
  #unrest(): string {
    const leader = this.cell.leader();
    if (leader === null) return 'nobody leads';
    const { voters, appliedIndex } = leader.status();
    const wrong = [...this.cell.nodes.values()].flatMap((node) => {
      const { member, role, appliedIndex: applied } = node.status();
      const isVoter = voters.includes(node.voterId);
      const isInPlace = isVoter ? role === 'leader' || role === 'follower' : role === 'subscriber' || role === 'learner';
      return isInPlace && applied === appliedIndex ? [] : [`${member} is ${role} and at ${applied} of ${appliedIndex}${isVoter ? ', and should vote' : ''}`];
    });
    const gone = voters.filter((voter) => !this.#isSeated(voter));
    return [...wrong, ...gone.map((voter) => `${voter} votes and is not there`)].join('; ') + (this.cell.converged() ? '' : '; states differ');
  }

  /** Whether the store of this voter is still its member's, who is up and in reach. */
  #isSeated(voter: VoterId): boolean {
    const member = memberOfVoter(voter);
    return this.#isWell(member) && this.cell.node(member).voterId === voter;
  }

  #isWell(member: MemberId): boolean {
    return this.cell.nodes.has(member) && !this.#cut.has(member);
  }

  #voters(): readonly MemberId[] {
    return (this.cell.leader()?.status().voters ?? []).map((voter) => memberOfVoter(voter));
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#chance.next() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

const seats = suite('the seats of a ledger in bad weather');

seats('are all taken when it calms, and everybody has the same log', async () => {
  const seen = { stores: 0, changes: 0 };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const weather = new Weather(seed);
    await weather.run().catch((cause: unknown) => {
      throw new Error(`seed ${seed}`, { cause });
    });
    seen.stores += weather.stores;
    seen.changes += weather.changes;
  }
  assert.ok(seen.stores > SEEDS && seen.changes > SEEDS * 10, JSON.stringify(seen));
});

seats.run();
