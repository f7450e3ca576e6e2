import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LedgerNode } from '../../../../../shared/ledger/node/ledger-node.ts';
import type { Proposed } from '../../../../../shared/ledger/replicated-log.ts';
import { Cell, COORDINATOR, member } from './ledger-cell.ts';

const ledger = suite('ledger member');

ledger('commits alone in a cell of one', async () => {
  const cell = new Cell(1, 1, 0);
  const leader = await cell.elect();
  const { result } = await cell.finish(leader.propose({ kind: 'setParameters', change: { rebuildAfterMs: 61_000 } }, { timeoutMs: 5_000 }));
  assert.is(result.kind, 'applied');
  assert.is(leader.state().parameters.rebuildAfterMs, 61_000);
});

ledger('carries a leader\'s command to voters and to subscribers', async () => {
  const cell = new Cell(2, 3, 2);
  const leader = await cell.elect();
  await cell.world.until('feeds open', () => cell.node(member(5)).status().leader !== null, 10_000);
  await cell.finish(leader.propose({ kind: 'setParameters', change: { rebuildAfterMs: 62_000 } }, { timeoutMs: 5_000 }));
  await cell.world.until('all members know', () => cell.converged(), 2_000);
  assert.is(cell.node(member(5)).state().parameters.rebuildAfterMs, 62_000);
  assert.is(cell.node(member(5)).status().role, 'subscriber');
});

ledger('refuses what its proposer has no right to propose', async () => {
  const cell = new Cell(3, 3, 1);
  await cell.elect();
  await cell.world.until('feed opens', () => cell.node(member(4)).status().leader !== null, 10_000);
  try {
    await cell.finish(cell.node(member(4)).propose({ kind: 'setParameters', change: { rebuildAfterMs: 63_000 } }, { timeoutMs: 3_000 }));
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /not a member of the cell/);
  }
});

ledger('reads fresh through any member', async () => {
  const cell = new Cell(4, 3, 1);
  const leader = await cell.elect();
  await cell.world.until('feed opens', () => cell.node(member(4)).status().leader !== null, 10_000);
  await cell.finish(leader.propose({ kind: 'setParameters', change: { rebuildAfterMs: 64_000 } }, { timeoutMs: 5_000 }));
  for (const at of [1, 2, 3, 4]) {
    const state = await cell.finish(cell.node(member(at)).readFresh({ timeoutMs: 5_000 }));
    assert.is(state.parameters.rebuildAfterMs, 64_000);
  }
});

ledger('that only follows knows no leader once the voters have lost their majority, and hears of the next one', async () => {
  const cell = new Cell(11, 3, 1);
  const leader = (await cell.elect()).status().member;
  const follower = cell.node(member(4));
  await cell.world.until('feed opens', () => follower.status().leader === leader, 10_000);
  const stopped = cell.members.slice(0, 3).filter((other) => other !== leader);
  for (const other of stopped) cell.stop(other);
  await cell.world.until('it notices', () => follower.status().leader === null, 20_000);
  assert.is(follower.status().voters.length, 3);
  for (const other of stopped) cell.start(other);
  await cell.world.until('it hears again', () => follower.status().leader !== null, 20_000);
});

ledger('goes on after its leader stopped, and takes the leader back', async () => {
  const cell = new Cell(5, 3, 0);
  const old = await cell.elect();
  const oldMember = old.status().member;
  await cell.finish(old.propose({ kind: 'setParameters', change: { rebuildAfterMs: 65_000 } }, { timeoutMs: 5_000 }));
  cell.stop(oldMember);
  const next = await cell.elect();
  assert.is.not(next.status().member, oldMember);
  await cell.finish(next.propose({ kind: 'setParameters', change: { rebuildAfterMs: 66_000 } }, { timeoutMs: 5_000 }));
  cell.start(oldMember);
  await cell.world.until('the old leader has caught up', () => cell.node(oldMember).state().parameters.rebuildAfterMs === 66_000, 5_000);
});

ledger('confirms leadership only while a majority answers', async () => {
  const cell = new Cell(6, 3, 0);
  const leader = await cell.elect();
  assert.is(await cell.finish(leader.confirmLeadership()), true);
  cell.network.cut(leader.status().member);
  const confirmed = leader.confirmLeadership();
  assert.is(await cell.finish(confirmed), false);
});

ledger('knows as a new leader until when the former one may have been confirmed', async () => {
  const cell = new Cell(15, 3, 1);
  const old = await cell.elect();
  await cell.world.advance(7_300);
  const confirmedAtMs = cell.world.clock.nowMs();
  assert.is(await cell.finish(old.confirmLeadership()), true);
  cell.stop(old.status().member);
  const next = await cell.elect();
  const electedAtMs = cell.world.clock.nowMs();
  const contactAtMs = next.formerContactAtMs();
  assert.ok(contactAtMs !== null && contactAtMs >= confirmedAtMs, `${contactAtMs} < ${confirmedAtMs}`);
  assert.ok(contactAtMs <= confirmedAtMs + 200 && electedAtMs - contactAtMs >= 1_000, `${electedAtMs - contactAtMs} ms before the election`);
  await cell.world.advance(5_000);
  assert.is(next.formerContactAtMs(), contactAtMs, 'while it leads');
  for (const other of cell.nodes.values()) if (other !== next) assert.is(other.formerContactAtMs(), null);
});

ledger('counts the time of a leader that was replaced while it lived as contact', async () => {
  const cell = new Cell(16, 3, 0);
  const old = await cell.elect();
  const [heir] = [...cell.nodes.values()].filter((node) => node !== old);
  assert.ok(heir);
  await cell.world.advance(3_000);
  assert.ok(old.transferLeadership(heir.voterId));
  await cell.world.until('the heir leads', () => heir.isLeading(), 5_000);
  const contactAtMs = heir.formerContactAtMs();
  assert.ok(contactAtMs !== null && cell.world.clock.nowMs() - contactAtMs < 300, `${contactAtMs}`);
});

ledger('waits from its election after everybody was started anew', async () => {
  const cell = new Cell(17, 3, 0);
  const old = await cell.elect();
  await cell.world.advance(2_000);
  for (const each of cell.members) cell.stop(each);
  await cell.world.advance(30_000);
  for (const each of cell.members) cell.start(each);
  const startedAtMs = cell.world.clock.nowMs();
  const next = await cell.elect();
  const contactAtMs = next.formerContactAtMs();
  assert.ok(contactAtMs !== null && contactAtMs > startedAtMs + 1_000, `${contactAtMs} after ${startedAtMs}; ${old.voterId}`);
});

ledger('keeps the deadline of a read while its leader\'s disk stalls', async () => {
  const cell = new Cell(12, 1, 0);
  const leader = await cell.elect();
  cell.store(member(1)).writeMs = 20_000;
  const proposed = leader.propose({ kind: 'setParameters', change: { rebuildAfterMs: 67_000 } }, { timeoutMs: 25_000 });
  const startedAtMs = cell.world.clock.nowMs();
  const read = await cell.finish(leader.readFresh({ timeoutMs: 1_000 }).then(() => null, (thrown: { code?: string }) => thrown));
  assert.is(read?.code, 'LedgerTimeout');
  assert.ok(cell.world.clock.nowMs() - startedAtMs <= 1_100);
  assert.is((await cell.finish(proposed)).result.kind, 'applied');
});

ledger('brings a member that fell behind a snapshot up to date, voter or subscriber', async () => {
  const cell = new Cell(7, 3, 1);
  const leader = await cell.elect();
  const lagging = cell.members.slice(0, 3).find((other) => other !== leader.status().member) ?? member(1);
  await cell.world.until('feed opens', () => cell.node(member(4)).status().leader !== null, 10_000);
  cell.stop(lagging);
  cell.stop(member(4));
  for (let round = 0; round < 1_300; round += 1) await cell.setRebuild(leader.status().member, 70_000 + round);
  cell.start(lagging);
  cell.start(member(4));
  await cell.world.until('both have the state', () => cell.converged(), 20_000);
  assert.is(cell.node(member(4)).state().parameters.rebuildAfterMs, 71_299);
});

ledger('loses nothing when every member restarts at once', async () => {
  const cell = new Cell(8, 3, 0);
  const leader = await cell.elect();
  for (let round = 0; round < 120; round += 1) await cell.setRebuild(leader.status().member, 80_000 + round);
  for (const each of cell.members) cell.stop(each);
  for (const each of cell.members) cell.start(each);
  const next = await cell.elect();
  const state = await cell.finish(next.readFresh({ timeoutMs: 5_000 }));
  assert.is(state.parameters.rebuildAfterMs, 80_119);
});

ledger('commits proposals that arrive together in few writes', async () => {
  const cell = new Cell(9, 3, 0);
  const leader = await cell.elect();
  const store = cell.store(leader.status().member);
  const before = store.saves;
  const many = Array.from({ length: 100 }, async (_, at) => await leader.propose({ kind: 'setParameters', change: { rebuildAfterMs: 90_000 + at } }, { timeoutMs: 5_000 }));
  await cell.finish(Promise.all(many));
  assert.ok(store.saves - before < 20, `${store.saves - before} writes for 100 proposals`);
});

ledger('adds a voter through the log, and takes one away', async () => {
  const cell = new Cell(10, 3, 1);
  const leader = await cell.elect();
  const joining = cell.node(member(4)).voterId;
  assert.is(await cell.finish(leader.changeVoters({ kind: 'addLearner', voter: joining, witness: false }, { timeoutMs: 5_000 })), true);
  await cell.world.until('the learner takes part', () => cell.node(member(4)).status().role === 'learner', 5_000);
  await cell.world.until('the learner has caught up', () => (leader.leaderStatus().matchIndex[joining] ?? 0) >= leader.status().appliedIndex, 5_000);
  assert.is(await cell.finish(leader.changeVoters({ kind: 'promote', voter: joining, witness: false }, { timeoutMs: 5_000 })), true);
  assert.is(leader.status().voters.length, 4);
  const leaving = [...cell.nodes.values()].find((node) => node !== leader && node.voterId !== joining);
  assert.ok(leaving);
  assert.is(await cell.finish(leader.changeVoters({ kind: 'remove', voter: leaving.voterId, witness: false }, { timeoutMs: 5_000 })), true);
  await cell.world.until('the removed one subscribes', () => leaving.status().role === 'subscriber', 30_000);
  await cell.setRebuild(leader.status().member, 99_000);
  await cell.world.until('the removed one still hears', () => leaving.state().parameters.rebuildAfterMs === 99_000, 5_000);
});

/** What a coordinator sends to whom it holds for the leader; the same each time. */
const REQUEST = { command: { kind: 'setParameters', change: { rebuildAfterMs: 77_000 } }, at: '2026-11-22T00:00:01.000Z', by: COORDINATOR, since: 1 };

ledger('commits a proposal once that is sent twice to its leader', async () => {
  const cell = new Cell(15, 3, 0);
  const leader = (await cell.elect()).status().member;
  const mesh = cell.network.join(COORDINATOR);
  const ask = (): Promise<Proposed> => mesh.request(leader, 'propose', REQUEST, { timeoutMs: 5_000 }) as Promise<Proposed>;
  // Together, so that the second finds the first on its way; and later, when it was applied.
  const together = await cell.finish(Promise.all([ask(), ask()]));
  await cell.setRebuild(leader, 78_000);
  const again = await cell.finish(ask());
  assert.equal([together[1], again], [together[0], together[0]]);
  assert.is(cell.node(leader).state().parameters.rebuildAfterMs, 78_000, 'what came after it stands');
  const other = await cell.finish(mesh.request(leader, 'propose', { ...REQUEST, at: '2026-11-22T00:00:02.000Z' }, { timeoutMs: 5_000 }) as Promise<Proposed>);
  assert.ok(other.index > again.index, 'another one is another one');
});

ledger('commits a proposal once whose first leader died before it answered', async () => {
  const cell = new Cell(16, 3, 0);
  const leader = (await cell.elect()).status().member;
  const mesh = cell.network.join(COORDINATOR);
  const first = (await cell.finish(mesh.request(leader, 'propose', REQUEST, { timeoutMs: 5_000 }))) as Proposed;
  cell.stop(leader);
  const next = (await cell.elect()).status().member;
  await cell.setRebuild(next, 78_000);
  const again = await cell.finish(mesh.request(next, 'propose', { ...REQUEST, isRepeat: true }, { timeoutMs: 5_000 }));
  assert.equal(again, first);
  assert.is(cell.node(next).state().parameters.rebuildAfterMs, 78_000);
});

ledger('commits no repeated request of a user when nobody knows any more whether it was committed', async () => {
  const cell = new Cell(17, 3, 0);
  const leader = (await cell.elect()).status().member;
  const mesh = cell.network.join(COORDINATOR);
  // The log begins with a snapshot at 1: what lay before that is not kept.
  const answer = await cell.finish(mesh.request(leader, 'propose', { ...REQUEST, since: 0, isRepeat: true }, { timeoutMs: 5_000 }).then(() => null, (thrown: { code?: string }) => thrown));
  assert.is(answer?.code, 'LedgerTimeout');
  assert.is.not(cell.node(leader).state().parameters.rebuildAfterMs, 77_000);
});

/** The fourth member takes the seat of a voter that is stopped, and who hears of it when it is back. */
async function replaceWhileAway(cell: Cell, leader: LedgerNode): Promise<LedgerNode> {
  const away = [...cell.nodes.values()].slice(0, 3).find((node) => node !== leader)?.status().member ?? member(1);
  const { voterId } = cell.node(away);
  const heir = cell.node(member(4)).voterId;
  cell.stop(away);
  for (const [kind, voter] of [['addLearner', heir], ['promote', heir], ['remove', voterId]] as const) {
    await cell.world.advance(2_000);
    assert.is(await cell.finish(leader.changeVoters({ kind, voter, witness: false }, { timeoutMs: 5_000 })), true, kind);
  }
  const returned = cell.start(away);
  await cell.world.until('it is told that it was left out', () => returned.status().role === 'subscriber', 60_000);
  return returned;
}

ledger('votes again when it is called back after it was left out while it was away', async () => {
  const cell = new Cell(13, 3, 1);
  const leader = await cell.elect();
  const returned = await replaceWhileAway(cell, leader);
  const { voterId } = returned;
  await cell.setRebuild(leader.status().member, 98_000);
  assert.is(await cell.finish(leader.changeVoters({ kind: 'addLearner', voter: voterId, witness: false }, { timeoutMs: 5_000 })), true);
  await cell.world.until('it has caught up', () => (leader.leaderStatus().matchIndex[voterId] ?? 0) >= leader.status().appliedIndex, 10_000);
  assert.is(await cell.finish(leader.changeVoters({ kind: 'promote', voter: voterId, witness: false }, { timeoutMs: 5_000 })), true);
  await cell.world.until('it takes part', () => returned.status().role === 'follower', 5_000);
  // It counts: the cell decides without one of the others.
  cell.stop(member(4));
  await cell.setRebuild(leader.status().member, 99_000);
  assert.is(returned.state().parameters.rebuildAfterMs, 99_000);
});

ledger('does not fall silent at the word of a removal that nobody has committed', async () => {
  const cell = new Cell(14, 5, 0);
  const leader = await cell.elect();
  const [witness, away, ...others] = [...cell.nodes.values()].filter((node) => node !== leader);
  assert.ok(witness && away && others.length === 2);
  // It is left alone with one that follows the leader, who keeps leading but has its entries on two disks of five only.
  for (const other of cell.members) if (other !== witness.status().member && other !== away.status().member) cell.network.cutPair(away.status().member, other);
  await cell.setRebuild(leader.status().member, 97_000);
  await cell.world.until('the one that follows has heard more', () => witness.state().parameters.rebuildAfterMs === 97_000, 5_000);
  cell.holdAppends(leader.status().member, others.map((other) => other.status().member));
  void leader.changeVoters({ kind: 'remove', voter: away.voterId, witness: false }, { timeoutMs: 40_000 });
  await cell.world.until('the other one has the removal', () => !witness.status().voters.includes(away.voterId), 5_000);
  await cell.world.advance(30_000);
  assert.not(leader.raftStatus().isConfCommitted);
  assert.is.not(away.status().role, 'subscriber');
});

ledger.run();
