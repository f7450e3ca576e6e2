// deadline: 180 s
/** Do both engines do the same? Random lives of a cell go through our Raft, in virtual time, and through a real etcd of three members. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMemberId, voterIdOf } from '../../../../../shared/ids.ts';
import type { MemberId } from '../../../../../shared/ids.ts';
import type { Command } from '../../../../../shared/ledger/commands.ts';
import { Endpoints } from '../../../../../shared/ledger/etcd/endpoints.ts';
import { EtcdLedger } from '../../../../../shared/ledger/etcd/etcd-ledger.ts';
import { foundEtcdLedger } from '../../../../../shared/ledger/etcd/found.ts';
import { LedgerNode } from '../../../../../shared/ledger/node/ledger-node.ts';
import type { LedgerMember } from '../../../../../shared/ledger/replicated-log.ts';
import { encodeSnapshot } from '../../../../../shared/ledger/snapshot.ts';
import { hashState } from '../../../../../shared/ledger/state-hash.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../../../shared/model/cell.ts';
import type { CellState } from '../../../../../shared/model/cell.ts';
import { TIMING_PROFILES } from '../../../../../shared/model/timing.ts';
import { seededChance, uuid } from '../../../../../shared/random.ts';
import type { World } from '../../../../../shared/world.ts';
import { MemoryStore } from '../../../../support/memory-store.ts';
import { ETCD_MISSING, withRealEtcd } from '../../../../support/real-etcd.ts';
import type { RealEtcd } from '../../../../support/real-etcd.ts';
import { eventually, realWorld } from '../../../../support/real-world.ts';
import { VirtualNetwork } from '../../../../support/virtual-mesh.ts';
import { VirtualWorld } from '../../../../support/virtual-world.ts';
import { HostileCell } from '../hostile-cell.ts';
import { readyCell } from '../test-cell.ts';

const SEEDS = [1, 2, 3];
const STEPS = 700;
/** So many commands are under way at once. */
const TOGETHER_MAX = 8;
const MEMBERS = ['node-1', 'node-2', 'node-3'].map(parseMemberId);
/** The term of the first leader of either engine: a cell is founded in term 1. */
const TERM = 2;

interface Life {
  readonly founding: CellState;
  readonly batches: readonly (readonly Command[])[];
}

/** What happens to a cell: the commands of one seed, in groups that are proposed at once. */
function lifeOf(seed: number): Life {
  const cell = new HostileCell(seed);
  for (let step = 0; step < STEPS; step += 1) cell.step();
  const chance = seededChance(seed ^ 0xd1ff);
  // A proof counts in the term that it was made in.
  const commands = cell.commands.map((command): Command => (command.kind === 'proveFenced' ? { ...command, term: TERM } : command));
  const batches: (readonly Command[])[] = [];
  while (commands.length > 0) batches.push(commands.splice(0, 1 + Math.floor(chance.next() * TOGETHER_MAX)));
  return { founding: readyCell(4).state, batches };
}

/** The world as an entry of the log sees it: with a wall clock that shows how often it was looked at, which is once for each proposal. */
function dated(world: World): World {
  let looks = 0;
  return { clock: { nowMs: world.clock.nowMs, wallTime: () => `${(looks += 1)}` }, timers: world.timers, chance: world.chance, log: world.log };
}

interface Outcome {
  readonly results: readonly string[];
  readonly hashes: readonly string[];
  readonly leader: MemberId;
  readonly index: number;
  readonly term: number;
}

async function propose(leader: LedgerMember, commands: readonly Command[]): Promise<readonly string[]> {
  const proposed = await Promise.all(commands.map(async (command) => await leader.propose(command, { timeoutMs: 20_000 })));
  return proposed.map(({ index, result }) => `${index} ${JSON.stringify(result)}`);
}

const initial = (state: CellState): CellState => emptyCell(state.cell, state.clusterUuid, DEFAULT_PARAMETERS);

async function throughRaft(seed: number, { founding, batches }: Life): Promise<Outcome> {
  const world = new VirtualWorld(seed);
  const network = new VirtualNetwork(world);
  const own = dated(world);
  const stores = MEMBERS.map(() => new MemoryStore(world));
  const conf = { voters: MEMBERS.map((member, which) => voterIdOf(member, stores[which]?.storeUuid ?? '')), learners: [], witnesses: [] };
  const ledgers = MEMBERS.map((self, which) => {
    const store = stores[which];
    if (store === undefined) throw new Error('no store');
    Object.assign(store, { hardState: { term: 1, vote: null, commit: 1 }, snapshot: { index: 1, term: 1, conf, data: encodeSnapshot(founding) } });
    const ledger = new LedgerNode({
      self, world: own, mesh: network.join(self), store, profile: TIMING_PROFILES.standard, seeds: () => MEMBERS, snapshotEvery: 50,
      onFatal: (error) => assert.unreachable(String(error)),
    }, initial(founding));
    ledger.start();
    return ledger;
  });
  await world.until('a leader', () => ledgers.some((ledger) => ledger.isLeading()), 20_000);
  const leader = ledgers.find((ledger) => ledger.isLeading());
  if (leader === undefined) throw new Error('no leader');
  const results: string[] = [];
  for (const batch of batches) {
    let isDone = false;
    void propose(leader, batch).then((each) => {
      results.push(...each);
      isDone = true;
    });
    await world.until('the group is committed', () => isDone, 20_000);
  }
  await world.advance(2_000);
  return { results, leader: leader.status().member, hashes: ledgers.map((ledger) => hashState(ledger.state())), index: leader.status().appliedIndex, term: leader.status().term };
}

/** One member of etcd is killed on the way, and one member of the cell comes late. `self` leads: entries name who proposed them. */
async function throughEtcd(etcd: RealEtcd, seed: number, self: MemberId, { founding, batches }: Life): Promise<Outcome> {
  const world = dated(realWorld(seed));
  const network = new VirtualNetwork(world);
  const faults: unknown[] = [];
  await foundEtcdLedger(world, new Endpoints(etcd.clients, 0, world.log), founding, 'founding');
  const start = (member: MemberId, mayLead: boolean): EtcdLedger => {
    const ledger = new EtcdLedger({
      // Patient, since a machine that runs tests may be slow: another term would change what the entries say.
      self: member, world, mesh: network.join(member), endpoints: etcd.clients, profile: TIMING_PROFILES.soft, mayLead, snapshotEvery: 50, onFatal: (error) => faults.push(error),
    }, initial(founding));
    ledger.start();
    return ledger;
  };
  const [second, third] = MEMBERS.filter((member) => member !== self);
  if (second === undefined || third === undefined) throw new Error('three members');
  const ledgers = [start(self, true), start(second, false)];
  try {
    const [leader] = ledgers;
    if (leader === undefined) throw new Error('no member');
    await eventually('a leader', () => leader.isLeading());
    const results: string[] = [];
    for (const [which, batch] of batches.entries()) {
      if (which === Math.floor(batches.length / 2)) await etcd.kill(seed % 3);
      results.push(...(await propose(leader, batch)));
    }
    ledgers.push(start(third, false));
    const { appliedIndex: index, term } = leader.status();
    await eventually('everybody has everything', () => ledgers.every((ledger) => ledger.status().appliedIndex === index));
    assert.equal(faults, []);
    return { results, leader: self, hashes: ledgers.map((ledger) => hashState(ledger.state())), index, term };
  } finally {
    for (const ledger of ledgers) ledger.stop();
  }
}

const engines = suite('both engines of the ledger');
const NAME = 'answer the same, and end in the same state';

if (ETCD_MISSING !== null) engines.skip(`${NAME}, skipped ${ETCD_MISSING}`, () => undefined);
else {
  for (const seed of SEEDS) {
    engines(`${NAME} (life ${seed})`, async () => {
      // Each in a cluster of its own: the last life's ledger is none of this one's business.
      const made = lifeOf(seed);
      const life = { ...made, founding: { ...made.founding, clusterUuid: uuid(seededChance(seed)) } };
      const ours = await throughRaft(seed, life);
      const theirs = await withRealEtcd(async (etcd) => await throughEtcd(etcd, seed, ours.leader, life));
      assert.is(ours.term, TERM);
      assert.is(theirs.term, TERM, 'nobody had to lead again');
      const applied = ours.results.filter((result) => result.includes('"applied"')).length;
      assert.ok(applied > 100, `a life in which nothing succeeds proves nothing: ${applied} of ${ours.results.length} commands were applied`);
      assert.equal(theirs.results, ours.results);
      assert.is(theirs.index, ours.index);
      assert.is(new Set([...ours.hashes, ...theirs.hashes]).size, 1, `${ours.hashes.join()} and ${theirs.hashes.join()}`);
    });
  }
}

engines.run();
