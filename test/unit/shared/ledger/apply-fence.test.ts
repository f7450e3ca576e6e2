import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fenceWaitOf } from '../../../../shared/model/cell.ts';
import { isFenced, mayAct } from '../../../../shared/model/node.ts';
import { MINUTE_MS } from '../../../../shared/units.ts';
import type { Command } from '../../../../shared/ledger/commands.ts';
import { actorOf, bootIdOf, creation, leaseProof, LEADER, nodeIdOf, placementOn, readyCell, runningCell } from './test-cell.ts';

const fencing = suite('fencing in the ledger');

const observation = (what: 'powerStatusOff' | 'powerFailed') => ({ what, afterMs: 2500, by: LEADER, at: '', detail: '' });

function intent(node: number, fields: Partial<Extract<Command, { kind: 'intendFence' }>> = {}): Extract<Command, { kind: 'intendFence' }> {
  return { kind: 'intendFence', node: nodeIdOf(node), bootId: bootIdOf(node), byPower: false, atMs: 0, reason: 'no renewal', ...fields };
}

fencing('by lease needs the whole fence wait of the profile', () => {
  const cell = readyCell();
  cell.refuse('notFenced', { ...leaseProof(1), fenceWaitMs: 8999 });
  cell.run(leaseProof(1));
  assert.is(cell.node(1).phase, 'fenced');
  assert.ok(isFenced(cell.node(1), bootIdOf(1)));
  assert.is(cell.node(1).fence?.index, cell.index);
  assert.equal(cell.told(), ['nodeFenced']);
});

fencing('by lease counts only in the term that it was made in', () => {
  const cell = readyCell();
  cell.refuse('notFenced', { ...leaseProof(1), term: 2 });
  cell.refuse('notFenced', { ...leaseProof(1), term: 0 });
  assert.is(cell.node(1).phase, 'active');
});

fencing('by lease still needs the longer wait of a profile that running boots began with', () => {
  const cell = readyCell(2, { profile: 'soft' });
  cell.run({ kind: 'setParameters', change: { profile: 'fast' } });
  assert.is(fenceWaitOf(cell.state, nodeIdOf(1)), 19_000);
  cell.refuse('notFenced', { ...leaseProof(1), fenceWaitMs: 5000 });
  cell.start(1, 2);
  cell.run({ ...leaseProof(1, 2), fenceWaitMs: 5000 });
});

fencing('needs the longer wait at once when the profile becomes slower', () => {
  const cell = readyCell(2, { profile: 'fast' });
  cell.run({ kind: 'setParameters', change: { profile: 'soft' } });
  cell.refuse('notFenced', { ...leaseProof(1), fenceWaitMs: 18_999 });
  cell.run({ kind: 'setParameters', change: { profile: 'fast' } });
  cell.refuse('notFenced', { ...leaseProof(1), fenceWaitMs: 5000 });
});

fencing('concerns the current boot only', () => {
  const cell = readyCell();
  cell.start(1, 2);
  cell.refuse('staleBoot', leaseProof(1, 1));
  cell.refuse('staleBoot', intent(1));
});

fencing('twice with the same proof is harmless', () => {
  const cell = readyCell();
  cell.fence(1);
  const before = cell.node(1);
  cell.fence(1);
  assert.equal(cell.node(1), before);
});

fencing('by power needs a committed intent and a power status that says off', () => {
  const cell = readyCell();
  const proof = { ...leaseProof(1), proof: 'powerOffConfirmed', fenceWaitMs: 0, observations: [observation('powerStatusOff')] } as const;
  cell.refuse('notFenced', proof);
  cell.run(intent(1, { byPower: true }));
  assert.is(cell.node(1).phase, 'fencing');
  assert.not.ok(mayAct(cell.node(1), bootIdOf(1)));
  cell.refuse('notFenced', { ...proof, observations: [observation('powerFailed')] });
  cell.run(proof);
  assert.is(cell.node(1).phase, 'fenced');
});

fencing('by power is allowed for one node in ten minutes in a small cell', () => {
  const cell = readyCell();
  cell.run(intent(1, { byPower: true, atMs: 1000 }));
  cell.run(intent(1, { byPower: true, atMs: 2000 }));
  cell.refuse('rateLimited', intent(2, { byPower: true, atMs: 1000 + 10 * MINUTE_MS }));
  cell.run(intent(2, { byPower: true, atMs: 1001 + 10 * MINUTE_MS }));
});

fencing('by power is allowed for a share of the nodes in a large cell', () => {
  const cell = readyCell(11);
  cell.run(intent(1, { byPower: true }), intent(2, { byPower: true }));
  cell.refuse('rateLimited', intent(3, { byPower: true }));
  cell.run(intent(3));
});

fencing('by power needs power that something reaches, and to be switched on', () => {
  const cell = readyCell(1);
  cell.admit(1, { power: { kind: 'none', address: '' } });
  cell.refuse('invalidParameter', intent(1, { byPower: true }));
  cell.run({ kind: 'setParameters', change: { powerFencing: false } });
  cell.refuse('wrongState', intent(1, { byPower: true }));
});

fencing('intended forbids the boot every right, and a new boot lifts it', () => {
  const cell = runningCell();
  cell.run(intent(1));
  cell.run(intent(1));
  cell.refuse('fenced', { kind: 'shrink', actor: actorOf(1), volume: cell.volume().id, generation: 1, reason: '' });
  cell.refuse('fenced', { kind: 'expand', actor: actorOf(1), volume: cell.volume().id, generation: 1, expectVersion: cell.volume().version, replica: 'node-2' });
  cell.refuse('fenced', creation(2, placementOn(1, 3)));
  assert.is(cell.instance().phase, 'running');
  cell.boot(1, 2);
  assert.is(cell.node(1).fenceIntentIndex, null);
});

fencing('of a node that is fenced already is refused as an intent', () => {
  const cell = readyCell();
  cell.fence(1);
  cell.refuse('fenced', intent(1));
});

fencing('by a clean stop needs the node to be empty', () => {
  const cell = runningCell();
  const proof = { ...leaseProof(1), proof: 'cleanStop', fenceWaitMs: 0 } as const;
  cell.refuse('wrongState', proof);
  cell.want('stopped');
  cell.stopped();
  cell.run(proof);
  assert.is(cell.node(1).fence?.kind, 'cleanStop');
});

fencing('by reboot is not for anybody to claim', () => {
  const cell = readyCell();
  cell.refuse('invalidParameter', { ...leaseProof(1), proof: 'nodeRebooted' });
});

fencing('moves running instances to takeover and confirms stops that were asked for', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2), { count: 4 }));
  cell.run(creation(5, placementOn(2, 1)));
  cell.started(1);
  cell.want('stopped', 2);
  cell.want('terminated', 3);
  cell.fence(1);
  assert.is(cell.instance(1).phase, 'takeover');
  assert.is(cell.instance(1).holderBootId, bootIdOf(1));
  assert.is(cell.instance(2).phase, 'stopped');
  assert.is(cell.instance(2).holderBootId, null);
  assert.is(cell.volume(2).holder, null);
  assert.is(cell.instance(3).phase, 'terminated');
  assert.ok(cell.volume(3).deleting);
  assert.is(cell.instance(4).phase, 'takeover');
  assert.is(cell.instance(5).phase, 'starting');
});

fencing.run();
