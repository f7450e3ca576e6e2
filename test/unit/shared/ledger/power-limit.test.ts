import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Command } from '../../../../shared/ledger/commands.ts';
import { refusePowerFence } from '../../../../shared/ledger/power-limit.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../../shared/ledger/snapshot.ts';
import { POWER_FENCE_WINDOW_MS, POWER_FENCES_PER_NODE_MAX } from '../../../../shared/model/limits.ts';
import { SECOND_MS } from '../../../../shared/units.ts';
import type { TestCell } from './test-cell.ts';
import { actorOf, bootIdOf, LEADER, leaseProof, nodeIdOf, placementOn, readyCell, runningCell } from './test-cell.ts';

const limit = suite('the limit of power fencing');

function intent(node: number, boot: number, atMs: number): Command {
  return { kind: 'intendFence', node: nodeIdOf(node), bootId: bootIdOf(node, boot), byPower: true, atMs, reason: 'silent' };
}

/** Found off, or switched off, and proven so. */
function switchOff(cell: TestCell, node: number, boot: number, atMs: number, found: 'foundOff' | 'powerOffOrdered' = 'foundOff'): void {
  const observations = ([found, 'powerStatusOff'] as const).map((what) => ({ what, afterMs: 2500, by: LEADER, at: '', detail: '' }));
  cell.run(intent(node, boot, atMs), { ...leaseProof(node, boot), proof: 'powerOffConfirmed', fenceWaitMs: 0, observations });
}

limit('is one node at a time in a small cell, until it came back well', () => {
  const cell = readyCell();
  switchOff(cell, 1, 1, 0);
  cell.refuse('rateLimited', intent(2, 1, 1000));
  cell.boot(1, 2);
  cell.refuse('rateLimited', intent(2, 1, 2000));
  cell.start(1, 2);
  cell.run(intent(2, 1, 3000));
});

limit('counts a node until it is in sync again in each of its volumes', () => {
  const cell = runningCell();
  switchOff(cell, 2, 1, 0);
  cell.run({ kind: 'shrink', actor: actorOf(1), volume: cell.volume().id, generation: 1, reason: 'peer lost' });
  cell.start(2, 2);
  cell.refuse('rateLimited', intent(3, 1, 1000));
  assert.match(refusePowerFence(cell.state, nodeIdOf(1), 1000) ?? '', 'node-2 did not come back well');
  cell.expand(2);
  cell.run(intent(3, 1, 2000));
});

limit('counts a node that the cell switched off for ten minutes, however well it came back: the cell switches it on itself', () => {
  const cell = readyCell();
  switchOff(cell, 1, 1, 0, 'powerOffOrdered');
  cell.start(1, 2);
  cell.refuse('rateLimited', intent(2, 1, POWER_FENCE_WINDOW_MS));
  cell.run(intent(1, 2, 3000));
});

limit('counts a node until its death was proven by who found it off', () => {
  const cell = readyCell();
  cell.run(intent(1, 1, 0));
  cell.start(1, 2);
  cell.refuse('rateLimited', intent(2, 1, 1000));
});

limit('counts a node that is dead again, whoever killed it', () => {
  const cell = readyCell();
  switchOff(cell, 1, 1, 0);
  cell.start(1, 2);
  cell.fence(1, 2);
  cell.refuse('rateLimited', intent(2, 1, 1000));
});

limit('does not spare a node that did not come back: fencing it again waits, too', () => {
  const cell = readyCell();
  switchOff(cell, 1, 1, 0);
  cell.boot(1, 2);
  cell.refuse('rateLimited', intent(1, 2, 1000));
});

limit('does not hold against a node that its replicas went out of sync when it fell silent again', () => {
  const cell = runningCell();
  switchOff(cell, 2, 1, 0);
  cell.start(2, 2);
  cell.run({ kind: 'shrink', actor: actorOf(1), volume: cell.volume().id, generation: 1, reason: 'peer lost' });
  cell.run(intent(2, 2, 1000));
});

limit('forgets after ten minutes whoever never came back', () => {
  const cell = readyCell();
  switchOff(cell, 1, 1, 0);
  cell.refuse('rateLimited', intent(2, 1, POWER_FENCE_WINDOW_MS));
  cell.run(intent(2, 1, POWER_FENCE_WINDOW_MS + 1));
});

limit('grows with the nodes that booted, and a share above 1 is 1', () => {
  const cell = readyCell(11);
  cell.run(intent(1, 1, 0), intent(2, 1, 0));
  cell.refuse('rateLimited', intent(3, 1, 0));
  const older = readyCell(2, { powerFenceShare: 100 });
  older.run(intent(1, 1, 0), intent(2, 1, 0));
  older.start(1, 2);
  switchOff(older, 1, 2, 1000);
  older.boot(1, 3);
  older.refuse('rateLimited', intent(1, 3, 2000));
  assert.is(decodeSnapshot(JSON.parse(JSON.stringify(encodeSnapshot(older.state)))).parameters.powerFenceShare, 100, 'such a cell can be read');
});

limit('lets an owner pull twenty plugs in a row, each where the instance runs', () => {
  const cell = runningCell();
  const boots = [1, 1];
  for (let round = 0; round < 20; round += 1) {
    const [holder, other] = round % 2 === 0 ? [1, 2] : [2, 1];
    const from = actorOf(holder, boots[holder - 1] ?? 0);
    const to = actorOf(other, boots[other - 1] ?? 0);
    const { id, generation } = cell.instance();
    switchOff(cell, holder, boots[holder - 1] ?? 0, round * 15 * SECOND_MS);
    cell.run({ kind: 'takeOver', instance: id, expectGeneration: generation, from, placement: placementOn(other, null, boots[other - 1]) });
    cell.run({ kind: 'shrink', actor: to, volume: cell.volume().id, generation: cell.volume().generation, reason: 'peer lost' });
    cell.started();
    boots[holder - 1] = (boots[holder - 1] ?? 0) + 1;
    cell.start(holder, boots[holder - 1]);
    cell.expand(holder);
  }
  assert.is(cell.state.powerFences.length, 20, 'ten for each, none forgotten');
});

limit('ends for a node that comes back well and is silent again, again and again', () => {
  const cell = readyCell();
  for (let boot = 1; boot <= POWER_FENCES_PER_NODE_MAX; boot += 1) {
    switchOff(cell, 1, boot, boot * SECOND_MS);
    cell.start(1, boot + 1);
  }
  const next = POWER_FENCES_PER_NODE_MAX + 1;
  cell.refuse('rateLimited', intent(1, next, 60 * SECOND_MS));
  cell.run(intent(2, 1, 60 * SECOND_MS));
  cell.run(leaseProof(1, next));
});

limit('does not count the same boot twice', () => {
  const cell = readyCell();
  cell.run(intent(1, 1, 0), intent(1, 1, 1000));
  assert.is(cell.state.powerFences.length, 1);
});

limit.run();
