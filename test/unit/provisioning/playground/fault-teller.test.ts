/** Is the user told of what fails for good, once, and not of what ended by chance? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FaultTeller } from '../../../../provisioning/playground/fault-teller.ts';

const telling = suite('a fault of a process');
const fault = (name: string) => ({ name, how: 'exit code 1', words: 'the key is damaged' });

telling('is told when it comes back, slow as the machine may be, and then not for a while', () => {
  const teller = new FaultTeller('/logs');
  const told = [0, 7_000, 14_000, 21_000, 28_000, 60_000, 67_000, 75_000].map((atMs) => teller.tell(fault('node-1.agent'), atMs));
  assert.equal(told.map((sentence) => sentence !== null), [false, false, true, false, false, false, false, true]);
  assert.is(told[2], 'node-1.agent ends again and again (exit code 1: the key is damaged); see /logs/node-1.agent.jsonl');
});

telling('is not told when it is rare, or when it is another process each time', () => {
  const teller = new FaultTeller('/logs');
  for (const atMs of [0, 30_000, 60_000, 90_000]) assert.is(teller.tell(fault('room'), atMs), null);
  for (const name of ['node-1.agent', 'node-2.agent', 'node-3.agent']) assert.is(teller.tell(fault(name), 100_000), null);
});

telling.run();
