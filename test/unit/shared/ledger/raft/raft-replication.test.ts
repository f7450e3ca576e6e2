import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Raft } from '../../../../../shared/ledger/raft/raft.ts';
import type { RaftOptions } from '../../../../../shared/ledger/raft/options.ts';
import { RAFT_VERSION } from '../../../../../shared/ledger/raft/types.ts';
import type { Message } from '../../../../../shared/ledger/raft/types.ts';
import { ELECTION_TICKS, Lab, trio } from './lab.ts';

const replication = suite('raft replication');

replication('brings a command to all members in the order it was proposed', () => {
  const lab = trio();
  for (const command of ['x', { y: 1 }, [2]]) lab.raft('a').propose(command);
  lab.settle();
  for (const id of ['a', 'b', 'c']) assert.equal(lab.commands(id), ['x', { y: 1 }, [2]]);
});

replication('sends many proposals of one turn in one append', () => {
  const lab = trio();
  const before = lab.sent.length;
  for (let index = 0; index < 100; index += 1) lab.raft('a').propose(index);
  lab.work('a');
  assert.is(lab.inAir('append').length, 2);
  assert.is(lab.inAir('append', 'b')[0]?.entries.length, 100);
  lab.settle();
  const sentKinds = lab.sent.slice(before).map((message) => message.kind);
  assert.is(sentKinds.length, 8, 'entries, their answers, the commit, its answers: to each of two');
});

replication('does not count the leader itself before its own disk has the entry', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c'] } });
  lab.elect('a');
  lab.raft('a').propose('x');
  const ready = lab.raft('a').ready();
  const append = ready.messages.find((message) => message.to === 'b');
  lab.raft('b').step(append);
  lab.work('b');
  lab.raft('a').step(lab.inAir('appendResponse')[0]);
  assert.is(lab.raft('a').status().commit, 1);
  // Gathers what is due so far, so that only the commit itself is left to tell.
  assert.ok(lab.raft('a').hasReady());
  lab.raft('a').advance(ready);
  assert.is(lab.raft('a').status().commit, 2);
  const told = lab.raft('a').ready().messages.map((message) => message.kind === 'append' && message.commit);
  assert.equal(told, [2, 2], 'the others learn of it at once');
});

replication('commits no further than the leader is known to agree', () => {
  const lab = trio();
  const news = { version: RAFT_VERSION, kind: 'append', from: 'c', to: 'b', term: 2, prevTerm: 1, entries: [] };
  for (const command of ['x', 'y']) lab.raft('a').propose(command);
  lab.work('a');
  for (const message of lab.inAir('append', 'b')) lab.raft('b').step(message);
  lab.raft('b').step({ ...news, prevIndex: 1, commit: 3 });
  assert.is(lab.raft('b').status().lastIndex, 3);
  assert.is(lab.raft('b').status().commit, 1, 'what lies behind entry 1 may differ');
});

replication('acknowledges an old append with what is committed, even if the log begins later', () => {
  const lab = trio(NO_MARGIN);
  for (let index = 0; index < 3; index += 1) lab.raft('a').propose(index);
  lab.settle();
  compact(lab, 'b');
  const old = lab.sent.find((message) => message.kind === 'append' && message.to === 'b');
  lab.raft('b').step(old);
  lab.work('b');
  assert.equal(
    lab.inAir('appendResponse').map(({ index }) => index),
    [4],
  );
});

replication('saves an entry in the same turn as its acknowledgement', () => {
  const lab = trio();
  lab.raft('a').propose('x');
  lab.work('a');
  lab.raft('b').step(lab.inAir('append', 'b')[0]);
  const ready = lab.raft('b').ready();
  assert.equal(
    ready.entries.map((entry) => entry.data),
    ['x'],
  );
  assert.ok(ready.mustSync);
  assert.equal(
    ready.messages.map((message) => message.kind),
    ['appendResponse'],
  );
});

replication('asks for no synced write when only the commit index moved', () => {
  const lab = trio();
  lab.raft('a').propose('x');
  lab.settle();
  const last = lab.at('b').readies.at(-1);
  assert.equal(last?.hardState?.commit, 2);
  assert.is(last?.mustSync, false);
});

replication('keeps the window of unanswered appends', () => {
  const lab = trio({ options: { limits: { inflightMessagesMax: 3, appendBytesMax: 1 } } });
  for (let index = 0; index < 10; index += 1) lab.raft('a').propose(index);
  lab.work('a');
  assert.is(lab.inAir('append', 'b').length, 3);
  lab.settle();
  assert.is(lab.commands('b').length, 10);
});

replication('keeps the window of unanswered bytes', () => {
  const lab = trio({ options: { limits: { inflightBytesMax: 250, appendBytesMax: 1 }, sizeOf: () => 100 } });
  for (let index = 0; index < 10; index += 1) lab.raft('a').propose(index);
  lab.work('a');
  assert.is(lab.inAir('append', 'b').length, 3);
});

replication('notices a lost append by the next heartbeat', () => {
  const lab = trio();
  lab.raft('a').propose('x');
  lab.settle((message) => message.kind !== 'append' || message.to !== 'b');
  assert.equal(lab.commands('b'), []);
  lab.tick(['a'], 2);
  assert.equal(lab.commands('b'), ['x']);
  assert.is(lab.raft('a').peers().find((peer) => peer.id === 'b')?.state, 'replicate');
});

replication('probes a member that was reported unreachable, one message at a time', () => {
  const lab = trio();
  lab.raft('a').reportUnreachable('b');
  for (let index = 0; index < 5; index += 1) {
    lab.raft('a').propose(index);
    lab.work('a');
  }
  assert.is(lab.inAir('append', 'b').length, 1);
  assert.is(lab.inAir('append', 'c').length, 5);
  lab.settle();
  assert.is(lab.commands('b').length, 5);
});

replication('replaces what a former leader could not commit, in few steps', () => {
  const lab = trio();
  for (let index = 0; index < 200; index += 1) lab.raft('a').propose(`lost ${index}`);
  lab.settle(() => false);
  lab.force('b', ['b', 'c']);
  lab.raft('b').propose('kept');
  lab.settleAmong('b', 'c');
  const before = lab.sent.length;
  lab.tick(['b'], 2);
  assert.equal(lab.commands('a'), ['kept']);
  const refusals = lab.sent.slice(before).filter((message) => message.kind === 'appendRejected');
  assert.ok(refusals.length <= 2, `${refusals.length} refusals`);
  assert.is(lab.raft('a').status().lastIndex, lab.raft('b').status().lastIndex);
});

/** Figure 8 of the paper: an entry of an old term on a majority is replaced. True if nobody applied it. */
function figureEight(make: (options: RaftOptions) => Raft): boolean {
  const options = { limits: { appendBytesMax: 1 } };
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c', 'd', 'e'] }, make, options });
  lab.elect('a');
  lab.raft('a').propose('x');
  lab.settleAmong('a', 'b');
  lab.force('e', ['c', 'd', 'e'], (message) => message.kind !== 'append');
  lab.restart('a');
  // c takes x, but nothing after it; d takes nothing.
  const mayArrive = ({ kind, to }: Message): boolean =>
    kind !== 'append' || to === 'b' || (to === 'c' && lab.at('c').disk.stored.entries.length < 2);
  lab.force('a', ['a', 'b', 'c', 'd'], mayArrive);
  assert.equal(
    lab.at('c').disk.stored.entries.map((entry) => entry.data),
    [null, 'x'],
  );
  lab.restart('e');
  lab.force('e', ['c', 'd', 'e']);
  assert.is(lab.at('e').applied[1]?.kind, 'noop');
  return lab.at('a').applied.length < 2;
}

replication('commits entries of an older term only behind one of its own', () => {
  assert.ok(figureEight((options) => new Raft(options)));
});

replication('would lose a committed entry if it counted copies of older terms', () => {
  class Careless extends Raft {
    protected override mayCommit(): boolean {
      return true;
    }
  }
  assert.not(figureEight((options) => new Careless(options)));
});

replication('goes on after every member was restarted', () => {
  const lab = trio();
  lab.raft('a').propose('x');
  lab.settle();
  for (const id of ['a', 'b', 'c']) lab.restart(id);
  lab.tick(['c'], ELECTION_TICKS);
  lab.raft('c').propose('y');
  lab.settle();
  for (const id of ['a', 'b', 'c']) assert.equal(lab.commands(id), ['x', 'y']);
});

replication('needs a majority', () => {
  const lab = trio();
  lab.raft('a').propose('x');
  lab.settle((message) => message.to === 'a');
  assert.equal(lab.commands('a'), []);
});

replication('refuses more than it may hold uncommitted, and takes on again later', () => {
  const lab = trio({ options: { limits: { uncommittedBytesMax: 1000 }, sizeOf: () => 100 } });
  const kinds = Array.from({ length: 12 }, (_, index) => lab.raft('a').propose(index).kind);
  assert.is(kinds.filter((kind) => kind === 'proposed').length, 10);
  assert.equal(lab.raft('a').propose('more'), { kind: 'rejected', reason: 'overloaded', leader: 'a' });
  lab.settle();
  assert.is(lab.raft('a').propose('again').kind, 'proposed');
});

replication('is refused by a follower, which names its leader', () => {
  const lab = trio();
  assert.equal(lab.raft('b').propose('x'), { kind: 'rejected', reason: 'notLeader', leader: 'a' });
});

/** Takes a snapshot of all that a member applied, as the loop would. */
function compact(lab: Lab, id: string): void {
  const machine = lab.at(id);
  const { applied } = machine.raft.status();
  const snapshot = machine.raft.makeSnapshot(applied, lab.commands(id));
  assert.ok(snapshot);
  machine.disk.stored = { ...machine.disk.stored, snapshot, entries: [] };
  machine.raft.compact(snapshot);
}

const NO_MARGIN = { options: { limits: { compactMargin: 0 } } };

function lagging(): Lab {
  const lab = trio(NO_MARGIN);
  const isNotForC = (message: Message): boolean => message.to !== 'c';
  for (let index = 0; index < 5; index += 1) lab.raft('a').propose(index);
  lab.settle(isNotForC);
  compact(lab, 'a');
  lab.tick(['a'], ELECTION_TICKS + 1, isNotForC);
  assert.is(lab.raft('a').status().firstIndex, 7);
  return lab;
}

replication('sends a snapshot to a member whose entries are gone, then goes on with the log', () => {
  const lab = lagging();
  lab.raft('a').propose('after');
  lab.tick(['a'], 3);
  const snapshots = lab.sent.filter((message) => message.kind === 'snapshot');
  assert.is(snapshots.length, 1);
  assert.equal(snapshots[0]?.kind === 'snapshot' && snapshots[0].snapshot.data, [0, 1, 2, 3, 4]);
  assert.is(lab.raft('c').status().applied, 7);
  assert.equal(lab.commands('c'), ['after']);
  lab.restart('c');
  assert.is(lab.raft('c').status().commit, 7);
});

replication('sends no snapshot to a member that does not answer', () => {
  const lab = lagging();
  lab.raft('a').reportUnreachable('c');
  lab.raft('a').propose('x');
  lab.settle((message) => message.to !== 'c');
  assert.equal(
    lab.sent.filter((message) => message.kind === 'snapshot'),
    [],
  );
});

replication('repeats a snapshot that was reported lost, or never answered', () => {
  const isLost = (message: Message): boolean => message.kind !== 'snapshot';
  const reported = lagging();
  const count = (lab: Lab): number => lab.sent.filter((message) => message.kind === 'snapshot').length;
  reported.tick(['a', 'b'], 3, isLost);
  assert.is(count(reported), 1);
  reported.raft('a').reportSnapshot('c', false);
  reported.tick(['a'], 3);
  assert.is(count(reported), 2);
  assert.is(reported.raft('c').status().applied, 6);

  const silent = lagging();
  silent.tick(['a'], 3, isLost);
  silent.tick(['a'], 10 * ELECTION_TICKS - 5, isLost);
  assert.is(count(silent), 1);
  silent.tick(['a'], 8);
  assert.is(count(silent), 2);
});

replication('does not repeat a delivered snapshot while it is being installed', () => {
  const lab = lagging();
  lab.tick(['a', 'b'], 2, (message) => message.kind !== 'snapshot');
  lab.raft('a').reportSnapshot('c', true);
  const count = (): number => lab.sent.filter((message) => message.kind === 'snapshot').length;
  lab.tick(['a', 'b'], ELECTION_TICKS - 2, (message) => message.kind !== 'snapshot');
  assert.is(count(), 1);
  lab.raft('c').step(lab.sent.find((message) => message.kind === 'snapshot'));
  lab.settle((message) => message.kind !== 'appendResponse');
  lab.tick(['a', 'b'], 4);
  assert.is(count(), 1, 'only the answer was lost');
  assert.is(lab.raft('a').peers().find((peer) => peer.id === 'c')?.state, 'replicate');
});

replication('keeps a margin of entries, so a member slightly behind needs no snapshot', () => {
  const lab = trio({ options: { limits: { compactMargin: 3 } } });
  for (let index = 0; index < 5; index += 1) lab.raft('a').propose(index);
  lab.settle();
  compact(lab, 'a');
  assert.is(lab.raft('a').status().firstIndex, 4);
});

replication('makes no snapshot of what a newer one has replaced, and none of what is not applied', () => {
  const lab = lagging();
  lab.tick(['a'], 3);
  assert.is(lab.raft('c').makeSnapshot(1, 'old'), null);
  assert.throws(() => lab.raft('c').makeSnapshot(99, 'unborn'), /only 6 was applied/);
});

replication('takes over 2000 proposals a second among three members', () => {
  const lab = trio();
  const count = 20_000;
  const startedAt = performance.now();
  for (let index = 0; index < count; index += 1) {
    lab.raft('a').propose({ index, text: 'about as long as a small command' });
    if (index % 32 === 0) lab.settle();
  }
  lab.settle();
  const perSecond = count / ((performance.now() - startedAt) / 1000);
  assert.is(lab.commands('c').length, count);
  assert.ok(perSecond > 2000, `${Math.round(perSecond)} proposals a second`);
});

replication.run();
