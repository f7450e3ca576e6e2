import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Command } from '../../../../shared/ledger/commands.ts';
import { powerReturn } from '../../../../shared/ledger/power-return.ts';
import { POWER_FENCES_PER_NODE_MAX, POWER_RETURN_WINDOW_MS, POWER_RETURNS_MAX } from '../../../../shared/model/limits.ts';
import { MINUTE_MS } from '../../../../shared/units.ts';
import type { TestCell } from './test-cell.ts';
import { bootIdOf, LEADER, leaseProof, nodeIdOf, readyCell } from './test-cell.ts';

const returns = suite('a node that was switched off');

function intent(node: number, boot: number, atMs: number): Command {
  return { kind: 'intendFence', node: nodeIdOf(node), bootId: bootIdOf(node, boot), byPower: true, atMs, reason: 'silent' };
}

function powerProof(node: number, boot: number, ...seen: readonly ('foundOff' | 'powerFailed')[]): Command {
  const observations = (['powerOffOrdered', ...seen, 'powerStatusOff'] as const).map((what) => ({ what, afterMs: 2500, by: LEADER, at: '', detail: '' }));
  return { ...leaseProof(node, boot), proof: 'powerOffConfirmed', fenceWaitMs: 0, observations };
}

const wanted = (cell: TestCell, node = 1) => powerReturn(cell.state, cell.node(node));

returns('is switched on once it is proven dead, and not before', () => {
  const cell = readyCell();
  assert.is(wanted(cell), 'none');
  cell.run(intent(1, 1, 0));
  assert.is(wanted(cell), 'none', 'an intent proves nothing');
  cell.run(powerProof(1, 1));
  assert.is(wanted(cell), 'due');
  cell.boot(1, 2);
  assert.is(wanted(cell), 'none', 'it has started');
});

returns('is switched on also when its lease was the quicker proof', () => {
  const cell = readyCell();
  cell.run(intent(1, 1, 0), leaseProof(1));
  assert.is(wanted(cell), 'due');
});

returns('stays off where somebody wants it off, or the cell did not do it', () => {
  const found = readyCell();
  found.run(intent(1, 1, 0), powerProof(1, 1, 'foundOff'));
  assert.is(wanted(found), 'none', 'it was off before');
  const cordoned = readyCell();
  cordoned.run({ kind: 'cordonNode', node: nodeIdOf(1), cordoned: true }, intent(1, 1, 0), powerProof(1, 1));
  assert.is(wanted(cordoned), 'none', 'cordoned');
  cordoned.run({ kind: 'cordonNode', node: nodeIdOf(1), cordoned: false });
  assert.is(wanted(cordoned), 'due');
  cordoned.run({ kind: 'removeNode', node: nodeIdOf(1) });
  assert.is(wanted(cordoned), 'none', 'removed');
  const leased = readyCell();
  leased.fence(1);
  assert.is(wanted(leased), 'none', 'nobody meant to switch it off');
  const forbidden = readyCell();
  forbidden.run(intent(1, 1, 0), powerProof(1, 1), { kind: 'setParameters', change: { powerFencing: false } });
  assert.is(wanted(forbidden), 'none', 'power is not to be used any more');
});

function fenceOften(cell: TestCell, times: number, everyMs: number): void {
  for (let boot = 1; boot <= times; boot += 1) {
    if (boot > 1) cell.start(1, boot);
    cell.run(intent(1, boot, boot * everyMs), powerProof(1, boot));
  }
}

returns('stays off when that happens again and again, and people are told once', () => {
  const cell = readyCell();
  fenceOften(cell, POWER_RETURNS_MAX, MINUTE_MS);
  assert.is(wanted(cell), 'due');
  assert.not.ok(cell.events.some(({ kind }) => kind === 'nodeStaysOff'));
  cell.start(1, POWER_RETURNS_MAX + 1);
  const last = POWER_RETURNS_MAX + 1;
  cell.run(intent(1, last, last * MINUTE_MS), powerProof(1, last), powerProof(1, last));
  assert.is(wanted(cell), 'tooOften');
  assert.equal(cell.events.filter(({ kind }) => kind === 'nodeStaysOff').map(({ message }) => message), [
    'node-1 was to be switched off more than 3 times within 60 minutes: it stays off until somebody switches it on.',
  ]);
});

returns('comes back for as long as that is rare', () => {
  const cell = readyCell();
  fenceOften(cell, 3 * POWER_RETURNS_MAX, POWER_RETURN_WINDOW_MS / POWER_RETURNS_MAX + 1);
  assert.is(wanted(cell), 'due');
});

returns('is remembered for an hour, and no more often than a bound asks for', () => {
  const cell = readyCell();
  fenceOften(cell, 3 * POWER_FENCES_PER_NODE_MAX, 2 * MINUTE_MS);
  assert.is(cell.state.powerFences.length, POWER_FENCES_PER_NODE_MAX);
  cell.run(intent(2, 1, 10 * POWER_RETURN_WINDOW_MS));
  assert.is(cell.state.powerFences.length, 1);
});

returns.run();
