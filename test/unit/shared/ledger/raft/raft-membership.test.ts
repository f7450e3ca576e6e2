import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Raft } from '../../../../../shared/ledger/raft/raft.ts';
import type { RaftOptions } from '../../../../../shared/ledger/raft/options.ts';
import { RAFT_VERSION } from '../../../../../shared/ledger/raft/types.ts';
import type { ConfChange, Message } from '../../../../../shared/ledger/raft/types.ts';
import { ELECTION_TICKS, Lab, trio } from './lab.ts';

const membership = suite('raft membership');
const learn = (id: string): ConfChange => ({ kind: 'addLearner', id, isWitness: false });
const promote = (id: string): ConfChange => ({ kind: 'promote', id });
const remove = (id: string): ConfChange => ({ kind: 'remove', id });
const reasonOf = (result: object): unknown => ('reason' in result ? result.reason : null);

membership('grows from one to three, each new member first a learner', () => {
  let draw = 0;
  const random = (): number => (draw += 0.37) % 1;
  const lab = new Lab({ conf: { voters: ['a'] }, strangers: ['b', 'c'], options: { random } });
  lab.elect('a');
  lab.raft('a').propose('early');
  for (const change of [learn('b'), promote('b'), learn('c'), promote('c')]) {
    lab.settle();
    assert.is(lab.raft('a').proposeConfChange(change).kind, 'proposed', JSON.stringify(change));
  }
  lab.settle();
  for (const id of ['a', 'b', 'c']) {
    assert.equal(lab.raft(id).status().conf, { voters: ['a', 'b', 'c'], learners: [], witnesses: [] });
    assert.equal(lab.commands(id), ['early']);
  }
  lab.tick(['b', 'c'], 3 * ELECTION_TICKS, (message) => message.from !== 'a' && message.to !== 'a');
  assert.ok(['b', 'c'].some((id) => lab.raft(id).status().role === 'leader'));
});

membership('reaches a stranger by snapshot as well', () => {
  const lab = new Lab({ conf: { voters: ['a'] }, strangers: ['b'], options: { limits: { compactMargin: 0 } } });
  lab.elect('a');
  lab.raft('a').propose('early');
  lab.settle();
  const snapshot = lab.raft('a').makeSnapshot(2, ['early']);
  assert.ok(snapshot);
  lab.raft('a').compact(snapshot);
  lab.raft('a').proposeConfChange(learn('b'));
  lab.settle();
  assert.ok(lab.sent.some((message) => message.kind === 'snapshot' && message.to === 'b'));
  assert.equal(lab.raft('b').status().conf, { voters: ['a'], learners: ['b'], witnesses: [] });
  assert.is(lab.raft('b').status().applied, 3);
});

membership('takes no second change while one is uncommitted', () => {
  const lab = trio();
  assert.is(lab.raft('a').proposeConfChange(learn('d')).kind, 'proposed');
  assert.is(reasonOf(lab.raft('a').proposeConfChange(learn('e'))), 'confChangePending');
  lab.settle();
  assert.is(lab.raft('a').proposeConfChange(learn('e')).kind, 'proposed');
});

membership('takes no change before the no-op of the term is committed', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c'] } });
  lab.raft('a').campaign();
  lab.settle((message) => message.kind !== 'append');
  assert.is(lab.raft('a').status().role, 'leader');
  assert.is(reasonOf(lab.raft('a').proposeConfChange(learn('d'))), 'termNotCommitted');
});

membership('promotes a learner only when it has caught up and answers', () => {
  const lab = new Lab({ conf: { voters: ['a'], learners: ['l'] }, options: { limits: { promoteLagMax: 3 } } });
  const cut = (): boolean => false;
  lab.raft('a').campaign();
  lab.settle(cut);
  for (let index = 0; index < 5; index += 1) lab.raft('a').propose(index);
  lab.settle(cut);
  assert.is(reasonOf(lab.raft('a').proposeConfChange(promote('l'))), 'notCaughtUp');
  lab.tick(['a'], 3);
  assert.is(lab.raft('a').peers()[0]?.lag, 0);
  lab.tick(['a'], ELECTION_TICKS, cut);
  assert.is(reasonOf(lab.raft('a').proposeConfChange(promote('l'))), 'notCaughtUp');
  lab.tick(['a'], 1);
  assert.is(lab.raft('a').proposeConfChange(promote('l')).kind, 'proposed');
});

membership('promotes no learner that never answered, however short the log is', () => {
  const lab = new Lab({ conf: { voters: ['a'] }, strangers: ['l'] });
  lab.elect('a');
  lab.raft('a').proposeConfChange(learn('l'));
  lab.settle(() => false);
  assert.is(reasonOf(lab.raft('a').proposeConfChange(promote('l'))), 'notCaughtUp');
  lab.tick(['a'], 1);
  assert.is(lab.raft('a').proposeConfChange(promote('l')).kind, 'proposed');
});

membership('refuses what no configuration allows', () => {
  const lab = new Lab({
    conf: { voters: ['a', 'b'], learners: ['l'] },
    options: { limits: { membersMax: 3 } },
  });
  lab.elect('a');
  const reason = (change: ConfChange): unknown => reasonOf(lab.raft('a').proposeConfChange(change));
  assert.is(reason(learn('b')), 'alreadyMember');
  assert.is(reason(learn('x')), 'tooManyMembers');
  assert.is(reason(learn('')), 'malformedId');
  assert.is(reason(promote('b')), 'notLearner');
  assert.is(reason(promote('x')), 'notMember');
  assert.is(reason({ kind: 'demote', id: 'l' }), 'notVoter');
  assert.is(reason(remove('x')), 'notMember');
  assert.is(reasonOf(lab.raft('b').proposeConfChange(learn('x'))), 'notLeader');
  const alone = new Lab({ conf: { voters: ['a'] } });
  alone.elect('a');
  assert.is(reasonOf(alone.raft('a').proposeConfChange(remove('a'))), 'lastVoter');
});

membership('lets a removed leader commit its own removal, without counting itself, and hand over', () => {
  const lab = trio();
  lab.raft('a').proposeConfChange(remove('a'));
  lab.settleAmong('a', 'b');
  assert.not(lab.raft('a').status().isConfCommitted, 'b alone is no majority of b and c');
  assert.is(reasonOf(lab.raft('a').propose('x')), 'leavingConf');
  lab.tick(['a'], 2);
  assert.is(lab.raft('a').status().role, 'follower');
  const leader = ['b', 'c'].find((id) => lab.raft(id).status().role === 'leader');
  assert.ok(leader);
  assert.ok(lab.raft(leader).status().isTermCommitted);
});

membership('tells a removed member so, and is not disturbed if it did not hear', () => {
  const told = trio();
  told.raft('a').proposeConfChange(remove('c'));
  told.settle();
  assert.equal(told.raft('c').status().conf.voters, ['a', 'b']);

  const deaf = trio();
  const isNotForC = (message: Message): boolean => message.to !== 'c';
  deaf.raft('a').proposeConfChange(remove('c'));
  deaf.settle(isNotForC);
  deaf.tick(['a', 'b', 'c'], 10 * ELECTION_TICKS, isNotForC);
  assert.is(deaf.raft('a').status().role, 'leader');
  assert.is(deaf.raft('a').status().term, 1);
});

membership('takes back a change that was not committed', () => {
  const lab = trio();
  lab.raft('a').proposeConfChange(remove('c'));
  lab.settle(() => false);
  assert.equal(lab.raft('a').status().conf.voters, ['a', 'b']);
  lab.raft('b').step({ version: RAFT_VERSION, kind: 'timeoutNow', from: 'a', to: 'b', term: 1 });
  lab.settleAmong('b', 'c');
  lab.tick(['b'], 2);
  for (const id of ['a', 'b', 'c']) assert.equal(lab.raft(id).status().conf.voters, ['a', 'b', 'c']);
});

membership('survives a restart: the newest change in the stored log is in force', () => {
  const lab = trio();
  lab.raft('a').proposeConfChange(learn('d'));
  lab.work('a');
  lab.restart('a');
  assert.equal(lab.raft('a').status().conf.learners, ['d']);
  assert.not(lab.raft('a').status().isConfCommitted);
});

membership('makes a witness of a learner and forgets it when it leaves', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b'] }, strangers: ['w'] });
  lab.elect('a');
  for (const change of [{ kind: 'addLearner', id: 'w', isWitness: true }, promote('w')] as const) {
    lab.raft('a').proposeConfChange(change);
    lab.settle();
  }
  assert.equal(lab.raft('w').status().conf, { voters: ['a', 'b', 'w'], learners: [], witnesses: ['w'] });
  lab.raft('a').proposeConfChange(remove('w'));
  lab.settle();
  assert.equal(lab.raft('b').status().conf, { voters: ['a', 'b'], learners: [], witnesses: [] });
});

membership('lets a voter go back to being a learner', () => {
  const lab = trio();
  lab.raft('a').proposeConfChange({ kind: 'demote', id: 'c' });
  lab.settle();
  assert.equal(lab.raft('c').status().conf, { voters: ['a', 'b'], learners: ['c'], witnesses: [] });
  lab.raft('a').propose('x');
  lab.settleAmong('a', 'b');
  assert.equal(lab.commands('a'), ['x']);
});

/**
 * The bug of single-server changes (raft-dev, 2015): two leaders change the same configuration differently. True if
 * two members applied different entries at the same index.
 */
function changesTwice(make: (options: RaftOptions) => Raft): boolean {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c', 'd'], learners: ['e'] }, make });
  lab.elect('a');
  lab.tick(['a'], 2);
  lab.raft('a').proposeConfChange(promote('e'));
  lab.settleAmong('a', 'e');
  lab.force('b', ['b', 'c', 'd'], (message) => message.kind !== 'append');
  lab.raft('b').proposeConfChange(remove('a'));
  lab.tick(['b'], 3, (message) => ['b', 'c'].includes(message.from) && ['b', 'c'].includes(message.to));
  lab.restart('a');
  lab.force('a', ['a', 'd', 'e']);
  lab.tick(['a'], 3, (message) => ['a', 'd', 'e'].includes(message.from) && ['a', 'd', 'e'].includes(message.to));
  const kinds = ['a', 'b'].map((id) => lab.at(id).applied[1]?.kind ?? 'nothing');
  assert.is(kinds[0], 'confChange');
  return kinds[1] !== 'nothing' && kinds[1] !== kinds[0];
}

membership('is changed by one of two leaders only', () => {
  assert.not(changesTwice((options) => new Raft(options)));
});

membership('would be changed by two leaders if they did not commit a no-op first', () => {
  class Hasty extends Raft {
    protected override isTermCommitted(): boolean {
      return true;
    }
  }
  assert.ok(changesTwice((options) => new Hasty(options)));
});

membership.run();
