import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RAFT_VERSION } from '../../../../../shared/ledger/raft/types.ts';
import type { Message } from '../../../../../shared/ledger/raft/types.ts';
import { ELECTION_TICKS, Lab, trio } from './lab.ts';

const election = suite('a raft election');

election('makes a single voter leader without asking anybody', () => {
  const lab = new Lab({ conf: { voters: ['a'] } });
  lab.tick(['a'], ELECTION_TICKS);
  lab.raft('a').propose('alone');
  lab.settle();
  assert.is(lab.raft('a').status().role, 'leader');
  assert.equal(lab.commands('a'), ['alone']);
  assert.equal(lab.sent, []);
});

election('is won by the first to time out, and the others follow', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c'] } });
  lab.tick(['b'], ELECTION_TICKS - 1);
  assert.is(lab.raft('b').status().role, 'follower');
  lab.tick(['b'], 1);
  assert.is(lab.raft('b').status().role, 'leader');
  for (const id of ['a', 'c']) assert.is(lab.raft(id).status().leader, 'b');
  assert.ok(lab.raft('b').status().isTermCommitted);
});

election('waits between one and two election timeouts, as the draw says', () => {
  for (const [draw, ticks] of [
    [0, 10],
    [0.55, 15],
    [0.999, 19],
  ] as const) {
    const lab = new Lab({ conf: { voters: ['a', 'b'] }, options: { random: () => draw } });
    lab.tick(['a'], ticks - 1);
    assert.is(lab.raft('a').status().role, 'follower');
    lab.raft('a').tick();
    assert.is(lab.raft('a').status().role, 'preCandidate');
  }
});

election('never raises the term of a member that is cut off, so its return disturbs nobody', () => {
  const lab = trio();
  const without = (message: Message): boolean => message.from !== 'c' && message.to !== 'c';
  lab.tick(['a', 'b', 'c'], 5 * ELECTION_TICKS, without);
  assert.is(lab.raft('c').status().role, 'preCandidate');
  lab.tick(['a', 'b', 'c'], 3);
  assert.is(lab.raft('a').status().role, 'leader');
  assert.is(lab.raft('c').status().leader, 'a');
  assert.is(lab.raft('c').status().term, 1);
});

const ask = (over: object): unknown => ({
  version: RAFT_VERSION,
  kind: 'vote',
  from: 'c',
  to: 'b',
  term: 2,
  lastIndex: 9,
  lastTerm: 1,
  isTransfer: false,
  ...over,
});

election('is ignored by a voter that hears its leader, unless the leader ordered it', () => {
  for (const request of [ask({}), ask({ kind: 'preVote' })]) {
    const lab = trio();
    lab.tick(['b'], ELECTION_TICKS - 1);
    lab.raft('b').step(request);
    lab.work('b');
    assert.equal(lab.flying, []);
    assert.is(lab.raft('b').status().term, 1);
  }
  const lab = trio();
  lab.raft('b').step(ask({ isTransfer: true }));
  lab.work('b');
  assert.is(lab.inAir('voteResponse')[0]?.isGranted, true);
});

election('gets the vote of a voter whose leader has been silent for the shortest timeout', () => {
  const lab = trio({ options: { random: () => 0.9 } });
  for (let tick = 0; tick < ELECTION_TICKS; tick += 1) lab.raft('b').tick();
  lab.raft('b').step(ask({ kind: 'preVote' }));
  lab.raft('b').step(ask({}));
  lab.work('b');
  assert.equal(
    lab.flying.map((message) => [message.kind, 'isGranted' in message && message.isGranted, message.term]),
    [
      ['preVoteResponse', true, 2],
      ['voteResponse', true, 2],
    ],
  );
});

election('gives one vote per term, only to a log at least as new, and remembers it across a restart', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c'] } });
  lab.elect('a');
  lab.raft('a').propose(1);
  lab.settle();
  const answers: boolean[] = [];
  const vote = (over: object): void => {
    lab.restart('b');
    lab.raft('b').step(ask(over));
    lab.work('b');
    answers.push(lab.inAir('voteResponse')[0]?.isGranted === true);
    lab.flying.length = 0;
  };
  vote({ term: 5, lastIndex: 1, lastTerm: 1 }); // shorter
  vote({ term: 5, lastIndex: 9, lastTerm: 0 }); // older
  vote({ term: 5, lastIndex: 2, lastTerm: 1, from: 'a' }); // equal
  vote({ term: 5, lastIndex: 2, lastTerm: 1, from: 'a' }); // the same again
  vote({ term: 5, lastIndex: 9, lastTerm: 4, from: 'c' }); // another one
  vote({ term: 6, lastIndex: 1, lastTerm: 2, from: 'c' }); // a later term
  assert.equal(answers, [false, false, true, true, false, true]);
});

election('is not called soon after giving a vote', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c'] } });
  for (let tick = 1; tick < ELECTION_TICKS; tick += 1) lab.raft('b').tick();
  lab.raft('b').step(ask({ lastTerm: 0 }));
  lab.raft('b').tick();
  assert.is(lab.raft('b').status().role, 'follower');
});

election('gets the vote of a learner too, once its leader was silent: it may be a voter without knowing', () => {
  const lab = new Lab({ conf: { voters: ['a', 'c'], learners: ['b'] } });
  lab.elect('a');
  for (let tick = 0; tick < ELECTION_TICKS; tick += 1) lab.raft('b').tick();
  lab.raft('b').step(ask({ kind: 'preVote' }));
  lab.work('b');
  assert.is(lab.inAir('preVoteResponse')[0]?.isGranted, true);
});

election('is not called while a snapshot waits to be installed', () => {
  const lab = trio();
  const snapshot = { index: 9, term: 1, conf: { voters: ['a', 'b'], learners: [], witnesses: [] }, data: 's' };
  lab.raft('b').step({ version: RAFT_VERSION, kind: 'snapshot', from: 'a', to: 'b', term: 1, snapshot });
  lab.raft('b').campaign();
  assert.is(lab.raft('b').status().role, 'follower');
  lab.work('b');
  lab.raft('b').campaign();
  assert.is(lab.raft('b').status().role, 'preCandidate');
});

election('counts pre-votes for the next term only', () => {
  const lab = trio();
  for (let tick = 0; tick < ELECTION_TICKS; tick += 1) lab.raft('b').tick();
  const answer = { version: RAFT_VERSION, kind: 'preVoteResponse', from: 'c', to: 'b', isGranted: true };
  lab.raft('b').step({ ...answer, term: 9 });
  assert.is(lab.raft('b').status().role, 'preCandidate');
  lab.raft('b').step({ ...answer, term: 2 });
  assert.is(lab.raft('b').status().role, 'candidate');
});

election('saves the vote in the same turn as the answer', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c'] } });
  lab.raft('b').step(ask({ lastTerm: 0 }));
  const ready = lab.raft('b').ready();
  assert.equal(ready.hardState, { term: 2, vote: 'c', commit: 0 });
  assert.ok(ready.mustSync);
  assert.is(ready.messages[0]?.kind, 'voteResponse');
});

election('ends a leadership that has heard no majority for an election timeout, not sooner', () => {
  const lab = trio();
  const cut = (): boolean => false;
  lab.tick(['a'], ELECTION_TICKS - 1, cut);
  assert.is(lab.raft('a').status().role, 'leader');
  lab.tick(['a'], 1, cut);
  assert.is(lab.raft('a').status().role, 'follower');
  assert.is(lab.raft('a').status().term, 1);
});

election('keeps a leader that hears one of two others', () => {
  const lab = trio();
  lab.tick(['a', 'b'], 5 * ELECTION_TICKS, (message) => message.from !== 'c' && message.to !== 'c');
  assert.is(lab.raft('a').status().role, 'leader');
});

election('tells a leader of an older term that its time is over', () => {
  const lab = trio();
  lab.raft('c').step(ask({ from: 'b', to: 'c', term: 7, isTransfer: true, lastTerm: 0 }));
  lab.tick(['a'], 1);
  assert.is(lab.raft('a').status().term, 7);
  assert.is(lab.raft('a').status().role, 'follower');
});

election('is never called by a learner, nor by a stranger', () => {
  const lab = new Lab({ conf: { voters: ['a'], learners: ['l'] }, strangers: ['s'] });
  lab.tick(['l', 's'], 5 * ELECTION_TICKS);
  for (const id of ['l', 's']) assert.is(lab.raft(id).status().role, 'follower');
  assert.equal(lab.sent, []);
});

election('is won against an old id that never answers, as long as a majority does', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'lost'] } });
  lab.raft('a').campaign();
  lab.settle((message) => message.to !== 'lost');
  lab.raft('a').propose('works');
  lab.settle((message) => message.to !== 'lost');
  assert.equal(lab.commands('b'), ['works']);
});

election('is called late by a witness, which hands leadership on as soon as it can', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'w'], witnesses: ['w'] } });
  lab.tick(['w'], 4 * ELECTION_TICKS - 1);
  assert.is(lab.raft('w').status().role, 'follower');
  lab.tick(['w'], 1);
  assert.is(lab.raft('w').status().role, 'leader');
  lab.raft('w').propose('kept');
  lab.settle();
  lab.tick(['w', 'a', 'b'], ELECTION_TICKS);
  assert.is(lab.raft('w').status().role, 'follower');
  const leader = lab.raft('w').status().leader ?? 'none';
  assert.ok(['a', 'b'].includes(leader));
  assert.equal(lab.commands(leader), ['kept']);
});

election('leaves a witness leading while nobody better is there', () => {
  const lab = new Lab({ conf: { voters: ['a', 'v', 'w'], witnesses: ['v', 'w'] } });
  const without = (message: Message): boolean => message.from !== 'a' && message.to !== 'a';
  lab.tick(['w'], 4 * ELECTION_TICKS, without);
  lab.tick(['v', 'w'], 5 * ELECTION_TICKS, without);
  assert.is(lab.raft('w').status().role, 'leader');
});

election('passes leadership to the member that the leader names, once it has caught up', () => {
  const lab = trio();
  lab.raft('a').propose('before');
  assert.equal(lab.raft('a').transferLeadership('b'), { kind: 'started' });
  assert.equal(lab.raft('a').propose('during'), { kind: 'rejected', reason: 'transferInProgress', leader: 'a' });
  assert.equal(lab.inAir('timeoutNow'), []);
  lab.settle();
  assert.is(lab.raft('b').status().role, 'leader');
  assert.equal(lab.commands('b'), ['before']);
});

election('gives a transfer up after one election timeout', () => {
  const lab = trio();
  lab.raft('a').transferLeadership('b');
  const without = (message: Message): boolean => message.to !== 'b';
  lab.tick(['a', 'c'], ELECTION_TICKS - 1, without);
  assert.is(lab.raft('a').status().transferTo, 'b');
  lab.tick(['a', 'c'], 1, without);
  assert.is(lab.raft('a').status().transferTo, null);
  assert.is(lab.raft('a').propose('again').kind, 'proposed');
});

election('refuses a transfer that cannot be', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c'], learners: ['l'] } });
  lab.elect('a');
  const reason = (id: string, to: string): unknown => Object(lab.raft(id).transferLeadership(to)).reason;
  assert.is(reason('b', 'c'), 'notLeader');
  assert.is(reason('a', 'a'), 'alreadyLeader');
  assert.is(reason('a', 'l'), 'notVoter');
  assert.is(reason('a', 'x'), 'notVoter');
  lab.raft('a').transferLeadership('b');
  assert.is(reason('a', 'c'), 'transferInProgress');
});

election('stops the member that meets two leaders of one term', () => {
  const lab = trio();
  const heartbeat = { version: RAFT_VERSION, kind: 'heartbeat', to: 'b', term: 1, commit: 0, round: 1 };
  assert.throws(() => lab.raft('b').step({ ...heartbeat, from: 'c' }), /both lead term 1/);
});

election.run();
