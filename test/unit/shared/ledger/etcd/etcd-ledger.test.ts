import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EtcdLedger } from '../../../../../shared/ledger/etcd/etcd-ledger.ts';
import { memberOfVoter } from '../../../../../shared/ids.ts';
import { EtcdCell, member, PROFILE } from './cell.ts';

const test = suite('a ledger in etcd');

const rebuild = (ledger: EtcdLedger): number => ledger.state().parameters.rebuildAfterMs;

test('has one leader soon after it was founded, and everybody knows it', async () => {
  const cell = await EtcdCell.found(1, 3, { observers: 1 });
  const leader = await cell.elect(2_000);
  await cell.world.advance(200);
  const { member: self, term } = leader.status();
  assert.equal(cell.ledgers().map((ledger) => [ledger.status().leader, ledger.status().term]), cell.members.map(() => [self, term]));
  assert.is(cell.ledger(member(4)).status().role, 'subscriber');
  assert.is(cell.ledgers().filter((ledger) => ledger.isLeading()).length, 1);
});

test('carries commands of any member to all', async () => {
  const cell = await EtcdCell.found(2, 3, { observers: 1 });
  await cell.elect();
  for (const [at, each] of cell.members.slice(0, 3).entries()) {
    await cell.world.advance(50);
    if (cell.ledger(each).isLeading()) await cell.set(cell.ledger(each), 60_000 + at);
  }
  await cell.world.advance(50);
  assert.ok(cell.isConverged());
  assert.ok(rebuild(cell.ledger(member(4))) >= 60_000);
});

test('refuses what its proposer has no right to propose', async () => {
  const cell = await EtcdCell.found(3, 3, { observers: 1 });
  await cell.elect();
  await cell.world.advance(100);
  try {
    await cell.set(cell.ledger(member(4)), 61_000, 2_000);
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /not a member of the cell/);
  }
});

test('reads fresh through any member, also when its watch is dead', async () => {
  const cell = await EtcdCell.found(4, 3, { observers: 1 });
  const leader = await cell.elect();
  await cell.world.advance(100);
  cell.etcd.weather = { ...cell.etcd.weather, watchStallShare: 1 };
  await cell.set(leader, 62_000);
  for (const ledger of cell.ledgers()) {
    const state = await cell.finish(ledger.readFresh({ timeoutMs: 2_000 }));
    assert.is(state.parameters.rebuildAfterMs, 62_000);
  }
});

test('has another leader within an election timeout of the first one\'s death', async () => {
  const cell = await EtcdCell.found(5, 3);
  const first = await cell.elect();
  await cell.set(first, 63_000);
  await cell.world.advance(100);
  const { member: self, term } = first.status();
  cell.kill(self);
  const tookMs = await cell.world.until('another leader', () => cell.leader() !== null, 5_000);
  assert.ok(tookMs <= PROFILE.electionMaxMs + 50, `took ${tookMs} ms`);
  const next = cell.leader();
  assert.is.not(next?.status().member, self);
  assert.is(next?.status().term, term + 1);
  assert.is(next === null ? 0 : rebuild(next), 63_000);
});

test('is not led again by a process that was started anew, until it has won another term', async () => {
  const cell = await EtcdCell.found(6, 1);
  const first = await cell.elect();
  const { term, member: self } = first.status();
  cell.kill(self);
  const again = cell.start(self);
  await cell.world.until('it knows the head', () => again.status().term === term, 500);
  assert.not(again.isLeading());
  assert.is(again.status().leader, null);
  await cell.elect();
  assert.is(again.status().term, term + 1);
});

test('confirms leadership to who leads, and to nobody else', async () => {
  const cell = await EtcdCell.found(7, 3);
  const leader = await cell.elect();
  assert.is(await cell.finish(leader.confirmLeadership()), true);
  for (const ledger of cell.ledgers()) if (ledger !== leader) assert.is(await cell.finish(ledger.confirmLeadership()), false);
});

test('confirms nothing to a leader that was replaced without knowing it', async () => {
  const cell = await EtcdCell.found(8, 3);
  const leader = await cell.elect();
  await cell.world.advance(100);
  // Another one's campaign, told to nobody: only a read can know of it.
  const head = [...cell.etcd.pairs.values()].find((pair) => pair.key.endsWith('log/head'));
  if (head === undefined) throw new Error('no head');
  cell.etcd.weather = { ...cell.etcd.weather, watchStallShare: 1 };
  const value = { ...(JSON.parse(head.value) as { readonly term: number }), leader: 'node-9', campaign: 'node-9.abc.99' };
  assert.ok(cell.etcd.write({ key: head.key, modRevision: head.modRevision, puts: [{ key: head.key, value: JSON.stringify({ ...value, term: value.term + 1 }) }], deletes: [] }).happened);
  assert.ok(leader.isLeading());
  assert.is(await cell.finish(leader.confirmLeadership()), false);
  assert.not(leader.isLeading());
});

test('does not confirm by a read that began before the question', async () => {
  const cell = await EtcdCell.found(9, 1);
  const leader = await cell.elect();
  cell.etcd.weather = { ...cell.etcd.weather, delayMsMax: 40 };
  const readsBefore = cell.etcd.calls.read;
  const first = leader.confirmLeadership();
  await cell.world.advance(1);
  const second = leader.confirmLeadership();
  const third = leader.confirmLeadership();
  assert.equal(await cell.finish(Promise.all([first, second, third])), [true, true, true]);
  assert.is(cell.etcd.calls.read - readsBefore, 2, 'the second and the third share one read of their own');
});

test('goes on when a member of etcd dies, and when one takes requests and answers none', async () => {
  const cell = await EtcdCell.found(10, 3, { observers: 2 });
  const leader = await cell.elect();
  const { term } = leader.status();
  for (const state of ['gone', 'stuck'] as const) {
    for (const at of [0, 1, 2]) {
      cell.etcd.setState(at, state);
      const confirmed = leader.confirmLeadership();
      await cell.set(leader, 64_000 + at, 5_000);
      assert.is(await cell.finish(confirmed), true);
      await cell.world.advance(4_000);
      assert.ok(cell.isConverged());
      cell.etcd.setState(at, 'up');
      await cell.world.advance(4_000);
    }
  }
  assert.is(leader.status().term, term, 'nobody else had to lead');
});

test('keeps its leader while etcd itself has none for a moment', async () => {
  for (const seed of [11, 12, 13, 14, 15]) {
    const cell = await EtcdCell.found(seed, 5);
    const leader = await cell.elect();
    await cell.world.advance(1_000 + 100 * seed);
    const { term } = leader.status();
    cell.etcd.hasLeader = false;
    await cell.world.advance(1_700);
    cell.etcd.hasLeader = true;
    await cell.world.advance(3_000);
    assert.ok(leader.isLeading(), `seed ${seed}: it still leads`);
    assert.is(leader.status().term, term);
  }
});

test('has a leader that gives up when etcd is silent for long, and leads another term afterwards', async () => {
  const cell = await EtcdCell.found(16, 1);
  const leader = await cell.elect();
  const { term } = leader.status();
  cell.etcd.hasLeader = false;
  await cell.world.advance(2 * PROFILE.electionMaxMs + 100);
  assert.not(leader.isLeading());
  assert.is(leader.status().leader, null);
  cell.etcd.hasLeader = true;
  await cell.world.until('it leads again', () => leader.isLeading(), 5_000);
  assert.ok(leader.status().term > term);
});

test('has each proposal once, although answers are lost and writes happen late', async () => {
  const cell = await EtcdCell.found(17, 1);
  const leader = await cell.elect();
  cell.etcd.weather = { ...cell.etcd.weather, unansweredShare: 0.3, lateShare: 0.3, lateMs: 900, lostShare: 0.1 };
  const indexes: number[] = [];
  for (let at = 0; at < 30; at += 1) indexes.push(await cell.set(leader, 70_000 + at, 60_000));
  cell.etcd.weather = { ...cell.etcd.weather, unansweredShare: 0, lateShare: 0, lostShare: 0 };
  await cell.world.advance(3_000);
  const entries = [...cell.etcd.pairs.values()].filter((pair) => pair.key.includes('/log/entry/')).map((pair) => JSON.parse(pair.value) as { readonly id: string | null });
  const ids = entries.flatMap(({ id }) => (id === null ? [] : [id]));
  assert.is(new Set(ids).size, ids.length, 'no proposal is there twice');
  assert.equal(indexes, indexes.toSorted((left, right) => left - right));
  assert.is(rebuild(leader), 70_029);
});

test('is compacted by snapshots, and whoever comes late takes one', async () => {
  const cell = await EtcdCell.found(18, 3, { snapshotEvery: 20 });
  const leader = await cell.elect();
  for (let at = 0; at < 75; at += 1) await cell.set(leader, 80_000 + at);
  await cell.world.advance(500);
  const keys = [...cell.etcd.pairs.keys()];
  assert.ok(keys.filter((key) => key.includes('/log/entry/')).length <= 40, 'old entries are gone');
  assert.is(new Set(keys.filter((key) => key.includes('/snapshot/')).map((key) => key.split('/').slice(0, -1).join('/'))).size, 1, 'and old snapshots');
  cell.kill(member(3));
  await cell.world.advance(100);
  const late = cell.start(member(3));
  await cell.world.until('it has caught up', () => rebuild(late) === 80_074, 2_000);
  assert.ok(cell.isConverged());
});

test('goes on watching when etcd compacts its history', async () => {
  const cell = await EtcdCell.found(19, 3);
  const leader = await cell.elect();
  cell.etcd.compact();
  cell.etcd.weather = { ...cell.etcd.weather, watchEndShare: 0.5 };
  for (let at = 0; at < 20; at += 1) {
    await cell.set(leader, 81_000 + at);
    cell.etcd.compact();
  }
  cell.etcd.weather = { ...cell.etcd.weather, watchEndShare: 0 };
  await cell.world.advance(3_000);
  assert.ok(cell.isConverged());
  assert.is(rebuild(leader), 81_019);
});

test('notices a watch that is silent without having ended', async () => {
  const cell = await EtcdCell.found(20, 3, { observers: 1 });
  const leader = await cell.elect();
  await cell.world.advance(100);
  cell.etcd.weather = { ...cell.etcd.weather, watchStallShare: 1 };
  await cell.set(leader, 82_000);
  cell.etcd.weather = { ...cell.etcd.weather, watchStallShare: 0 };
  await cell.world.until('everybody has it', () => cell.isConverged(), 3_000);
});

test('ends a process whose etcd holds less than it did', async () => {
  const cell = await EtcdCell.found(21, 1);
  const leader = await cell.elect();
  const backup = new Map(cell.etcd.pairs);
  const { revision } = cell.etcd;
  await cell.set(leader, 83_000);
  for (const key of cell.etcd.pairs.keys()) cell.etcd.pairs.delete(key);
  for (const [key, pair] of backup) cell.etcd.pairs.set(key, pair);
  cell.etcd.revision = revision;
  await cell.world.advance(3_000);
  assert.is(cell.fatal.length, 1);
  assert.match(String(cell.fatal[0]), /restored from a backup/);
  assert.not(leader.isLeading() && (await cell.finish(leader.confirmLeadership().catch(() => false))));
});

test('ends a process that finds something else in its place', async () => {
  const cell = await EtcdCell.found(22, 1);
  await cell.elect();
  const head = [...cell.etcd.pairs.values()].find((pair) => pair.key.endsWith('log/head'));
  if (head === undefined) throw new Error('no head');
  cell.etcd.write({ key: head.key, modRevision: head.modRevision, puts: [{ key: head.key, value: '{"version":2}' }], deletes: [] });
  await cell.world.advance(1_000);
  assert.match(String(cell.fatal[0]), /cannot be read/);
});

test('names five nodes that may lead, and whoever leads', async () => {
  const cell = await EtcdCell.found(23, 7);
  await cell.elect();
  await cell.world.advance(500);
  const voters = cell.ledger(member(7)).status().voters.map((voter) => memberOfVoter(voter));
  assert.equal(voters, [1, 2, 3, 4, 5].map(member));
  // When none of them is there, another one steps in after a while.
  for (const each of voters) cell.kill(each);
  const leader = await cell.elect(4 * PROFILE.electionMaxMs + 3_000);
  await cell.world.advance(100);
  assert.equal(cell.ledger(member(6)).status().voters.map((voter) => memberOfVoter(voter)), [...voters, leader.status().member]);
});

test('refuses a proposal that is too long, and goes on', async () => {
  const cell = await EtcdCell.found(24, 1);
  const leader = await cell.elect();
  const command = { kind: 'setTags', instances: [], set: { name: 'x'.repeat(1024 * 1024) }, remove: [] } as const;
  try {
    await cell.finish(leader.propose(command, { timeoutMs: 2_000 }));
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /longer than/);
  }
  await cell.set(leader, 84_000);
});

test.run();
