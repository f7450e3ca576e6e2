import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Message } from '../../../../../shared/ledger/raft/types.ts';
import { ELECTION_TICKS, Lab, trio } from './lab.ts';

const read = suite('a raft read');
const NOW = { immediate: true };
const SOON = { immediate: false };

read('is confirmed by a majority that answers a heartbeat sent after it', () => {
  const lab = trio();
  assert.equal(lab.raft('a').readIndex('r', NOW), { kind: 'pending' });
  lab.work('a');
  assert.equal(lab.at('a').reads, []);
  lab.settleAmong('a', 'b');
  assert.equal(lab.at('a').reads, [{ context: 'r', index: 1 }]);
});

read('is not confirmed by answers to a heartbeat sent before it', () => {
  const lab = trio();
  lab.raft('a').tick();
  lab.work('a');
  assert.is(lab.inAir('heartbeat').length, 2);
  lab.raft('a').readIndex('r', SOON);
  lab.settle();
  assert.equal(lab.at('a').reads, []);
  lab.tick(['a'], 1);
  assert.is(lab.at('a').reads.length, 1);
});

read('is not confirmed by answers that come twice', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c', 'd', 'e'] } });
  lab.elect('a');
  lab.raft('a').readIndex('r', NOW);
  lab.work('a');
  lab.settleAmong('a', 'b');
  const answer = lab.sent.findLast((message) => message.kind === 'heartbeatResponse');
  for (let again = 0; again < 4; again += 1) lab.raft('a').step(answer);
  lab.work('a');
  assert.equal(lab.at('a').reads, []);
});

read('shares its round with the reads that came with it', () => {
  const lab = trio();
  const before = lab.sent.length;
  for (let index = 0; index < 50; index += 1) lab.raft('a').readIndex(index, NOW);
  lab.settle();
  assert.is(lab.at('a').reads.length, 50);
  assert.is(lab.sent.slice(before).filter((message) => message.kind === 'heartbeat').length, 2);
});

read('waits for the regular heartbeat unless it is immediate', () => {
  const lab = trio();
  const before = lab.sent.length;
  lab.raft('a').readIndex('r', SOON);
  lab.settle();
  assert.is(lab.sent.length, before);
  lab.tick(['a'], 1);
  assert.is(lab.at('a').reads.length, 1);
});

read('is not confirmed before the no-op of the term is committed, and is never older than it', () => {
  const lab = trio();
  lab.raft('a').propose('old');
  const noAppends = (message: Message): boolean => message.kind !== 'append';
  lab.settle();
  lab.raft('a').transferLeadership('b');
  lab.settle(noAppends);
  assert.is(lab.raft('b').status().role, 'leader');
  lab.raft('b').readIndex('r', NOW);
  lab.settle(noAppends);
  assert.equal(lab.at('b').reads, []);
  lab.tick(['b'], 2);
  assert.equal(lab.at('b').reads, [{ context: 'r', index: 3 }]);
});

read('is given up when leadership ends', () => {
  const lab = trio();
  lab.raft('a').readIndex('r', NOW);
  lab.tick(['a'], ELECTION_TICKS, () => false);
  assert.equal(lab.at('a').aborted, ['r']);
  assert.equal(lab.at('a').reads, []);
});

read('is confirmed at once by a leader that is the only voter', () => {
  const lab = new Lab({ conf: { voters: ['a'] } });
  lab.elect('a');
  lab.raft('a').readIndex('r', SOON);
  lab.work('a');
  assert.equal(lab.at('a').reads, [{ context: 'r', index: 1 }]);
});

read('is refused by a follower, which names the leader, and by a leader with too many', () => {
  const lab = trio({ options: { limits: { pendingReadsMax: 2 } } });
  assert.equal(lab.raft('b').readIndex('r', NOW), { kind: 'rejected', reason: 'notLeader', leader: 'a' });
  lab.raft('a').readIndex(1, NOW);
  lab.raft('a').readIndex(2, NOW);
  assert.equal(lab.raft('a').readIndex(3, NOW), { kind: 'rejected', reason: 'overloaded', leader: 'a' });
});

read('does not count learners', () => {
  const lab = new Lab({ conf: { voters: ['a', 'b', 'c'], learners: ['l', 'm'] } });
  lab.elect('a');
  lab.raft('a').readIndex('r', NOW);
  lab.settleAmong('a', 'l', 'm');
  assert.equal(lab.at('a').reads, []);
});

read.run();
