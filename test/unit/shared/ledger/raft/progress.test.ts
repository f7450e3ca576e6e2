import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Progress } from '../../../../../shared/ledger/raft/progress.ts';

const progress = suite('the progress of a member');
const make = (): Progress => new Progress(11, { messagesMax: 2, bytesMax: 100 });

progress('is probed with one message until it answers', () => {
  const made = make();
  made.sent(3, 30, 0);
  assert.ok(made.isPaused);
  assert.is(made.next, 11);
  assert.ok(made.acknowledge(13));
  made.becomeReplicate();
  assert.equal([made.match, made.next, made.isPaused], [13, 14, false]);
});

progress('is pipelined up to its window, which answers open again', () => {
  const made = make();
  made.acknowledge(10);
  made.becomeReplicate();
  made.sent(1, 10, 0);
  made.sent(2, 10, 0);
  assert.ok(made.isWindowFull);
  assert.is(made.next, 14);
  made.acknowledge(11);
  assert.not(made.isWindowFull);
  made.sent(1, 95, 0);
  assert.ok(made.isWindowFull, 'by messages and by bytes');
  made.acknowledge(14);
  assert.not(made.isWindowFull);
});

progress('does not count an empty message against the window', () => {
  const made = make();
  made.becomeReplicate();
  for (let count = 0; count < 5; count += 1) made.sent(0, 0, 7);
  assert.not(made.isWindowFull);
  assert.is(made.sentCommit, 7);
});

progress('never goes back for an old acknowledgement', () => {
  const made = make();
  made.acknowledge(10);
  assert.not(made.acknowledge(5));
  assert.is(made.match, 10);
});

progress('steps back on a refusal, but not on an old one', () => {
  const made = make();
  assert.not(made.reject(7, 3), 'the probe was at 10');
  assert.ok(made.reject(10, 4));
  assert.is(made.next, 4);
  made.acknowledge(6);
  made.becomeReplicate();
  made.sent(2, 2, 0);
  assert.not(made.reject(5, 1), '5 is known to match');
  assert.ok(made.reject(8, 7));
  assert.equal([made.state, made.next], ['probe', 7]);
});

progress('waits for a snapshot and goes on behind it, or where it was if it failed', () => {
  const made = make();
  made.becomeSnapshot(50);
  assert.ok(made.isPaused);
  made.becomeProbe();
  assert.is(made.next, 51);
  made.becomeSnapshot(50);
  made.giveUpSnapshot();
  assert.equal([made.state, made.next, made.pendingSnapshot], ['probe', 1, 0]);
});

progress.run();
