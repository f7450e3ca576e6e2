import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Command, Placement } from '../../../../shared/ledger/commands.ts';
import { MOVES_KEPT, MOVES_WITH_EVIDENCE } from '../../../../shared/model/instance.ts';
import { actorOf, bootIdOf, creation, instanceIdOf, nodeIdOf, placementOn, readyCell, runningCell, volumeIdOf } from './test-cell.ts';

const placing = suite('placing an instance');

const start = (placement: Placement, expectGeneration = 1): Command => ({ kind: 'placeInstance', instance: instanceIdOf(1), expectGeneration, placement });
const takeOver = (placement: Placement, expectGeneration = 1, from = actorOf(1)): Command => ({ kind: 'takeOver', instance: instanceIdOf(1), expectGeneration, from, placement });
const standby = (node: number | null, expectGeneration = 1): Command => ({ kind: 'setStandby', instance: instanceIdOf(1), expectGeneration, standby: node === null ? null : nodeIdOf(node) });

function stoppedCell() {
  const cell = runningCell();
  cell.want('stopped');
  cell.stopped();
  cell.told();
  return cell;
}

function waitingCell() {
  const cell = runningCell();
  cell.fence(1);
  cell.told();
  return cell;
}

placing('that is stopped starts it with the next generation', () => {
  const cell = stoppedCell();
  cell.refuse('wrongState', start(placementOn(1, 2)));
  cell.want('running');
  assert.equal(cell.run(start(placementOn(2, 1))), { generation: 2 });
  assert.is(cell.instance().phase, 'starting');
  assert.is(cell.instance().holder, nodeIdOf(2));
  assert.is(cell.volume().holder, nodeIdOf(2));
  assert.is(cell.volume().holderBootId, bootIdOf(2));
  assert.is(cell.volume().generation, 2);
  assert.is(cell.instance().moves.at(-1)?.reason, 'started');
  assert.equal(cell.told(), ['instanceStartAsked', 'instancePlaced']);
});

placing('needs the right generation, and an instance', () => {
  const cell = stoppedCell();
  cell.want('running');
  cell.refuse('staleGeneration', start(placementOn(1, 2), 2));
  cell.refuse('unknownInstance', { ...start(placementOn(1, 2)), instance: instanceIdOf(9) });
});

placing('is refused where the replica lacks writes, has failed, or is missing', () => {
  const cell = stoppedCell();
  cell.want('running');
  cell.refuse('notInSync', start(placementOn(3, null)));
  cell.run({ kind: 'replicaTainted', actor: actorOf(2), volume: volumeIdOf(1) });
  cell.refuse('notInSync', start(placementOn(2, null)));
  cell.run(start(placementOn(1, null)));
});

placing('is refused on a node that is not ready or full', () => {
  const cell = stoppedCell();
  cell.run(creation(11, placementOn(1, 3), { count: 8 }));
  cell.want('running');
  cell.refuse('noCapacity', start(placementOn(1, 2)));
  cell.fence(2);
  cell.refuse('fenced', start(placementOn(2, 1)));
  cell.boot(2, 2);
  cell.refuse('nodeNotActive', start(placementOn(2, 1, 2)));
});

placing('does not replace a takeover: the last holder never reported its stop', () => {
  const cell = waitingCell();
  cell.refuse('notFenced', start(placementOn(2, null)));
});

placing('of a running instance is refused', () => {
  const cell = runningCell();
  cell.refuse('wrongState', start(placementOn(2, 1)));
  cell.refuse('notFenced', takeOver(placementOn(2, null)));
});

placing('after a fence is a takeover with the next generation, and says why it was safe', () => {
  const cell = waitingCell();
  cell.run(takeOver(placementOn(2, null)));
  const move = cell.instance().moves.at(-1);
  assert.is(cell.instance().generation, 2);
  assert.is(move?.reason, 'takenOver');
  assert.is(move?.proof?.kind, 'leaseExpired');
  assert.ok((move?.proof?.index ?? Infinity) < (move?.index ?? 0));
  assert.is(cell.instance().fence, null);
  assert.equal(cell.volume().inSync, [nodeIdOf(1), nodeIdOf(2)], 'the new holder shrinks it itself');
  cell.refuse('staleGeneration', takeOver(placementOn(2, null)));
  assert.equal(cell.told(), ['instanceTakenOver']);
});

placing('after a fence names the boot that was fenced', () => {
  const cell = waitingCell();
  cell.refuse('notHolder', takeOver(placementOn(2, null), 1, actorOf(1, 2)));
  cell.refuse('notHolder', takeOver(placementOn(2, null), 1, actorOf(3)));
});

placing('keeps the proof of the boot that held it, also when that node has rebooted twice since', () => {
  const cell = waitingCell();
  cell.start(1, 2);
  cell.start(1, 3);
  cell.run(takeOver(placementOn(1, 2, 3)));
  assert.is(cell.instance().moves.at(-1)?.proof?.bootId, bootIdOf(1, 1));
  assert.is(cell.instance().moves.at(-1)?.proof?.kind, 'leaseExpired');
});

placing('after a fence needs a replica in sync', () => {
  const cell = runningCell();
  cell.run({ kind: 'shrink', actor: actorOf(1), volume: volumeIdOf(1), generation: 1, reason: 'link' });
  cell.fence(1);
  cell.refuse('notInSync', takeOver(placementOn(2, null)));
  cell.start(1, 2);
  cell.run(takeOver(placementOn(1, 2, 2)));
});

placing('before the first content may use any replica', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2)));
  cell.fence(1);
  cell.refuse('notInSync', takeOver(placementOn(3, null)));
  cell.run(takeOver(placementOn(2, null)));
  assert.equal(cell.volume().inSync, [nodeIdOf(2)]);
});

placing('after a fence may use memory that was kept for others, but no more than there is', () => {
  const cell = runningCell();
  // Node 2 keeps 7 x 128 for node 1 and for node 3: all of its memory is spoken for with one instance of its own.
  cell.run(creation(11, placementOn(1, 2), { count: 6 }), creation(21, placementOn(3, 2), { count: 7 }), creation(31, placementOn(2, 3)));
  cell.fence(1);
  cell.run(takeOver(placementOn(2, null)));
  for (let each = 11; each <= 16; each += 1) cell.run({ ...takeOver(placementOn(2, null)), instance: instanceIdOf(each) } as Command);
  assert.is(cell.state.usage.get(nodeIdOf(2))?.memoryMiB, 1024);
  cell.fence(3);
  cell.refuse('noCapacity', { ...takeOver(placementOn(2, null), 1, actorOf(3)), instance: instanceIdOf(21) });
});

placing('chooses a standby among the replicas, with memory', () => {
  const cell = waitingCell();
  cell.refuse('nodeNotActive', takeOver(placementOn(2, 1)));
  cell.refuse('notInSync', takeOver(placementOn(2, 3)));
  cell.refuse('invalidParameter', takeOver(placementOn(2, 2)));
  cell.refuse('unknownNode', takeOver(placementOn(2, 9)));
  cell.start(1, 2);
  cell.run(creation(11, placementOn(1, 3, 2), { count: 8 }));
  cell.refuse('noCapacity', takeOver(placementOn(2, 1)));
  cell.run(takeOver(placementOn(2, null)));
});

placing('onto a draining node is allowed where the data is, not for new instances', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2)), creation(2, placementOn(2, 1)));
  cell.started();
  cell.format();
  cell.expand(2);
  cell.run({ kind: 'cordonNode', node: nodeIdOf(2), cordoned: true });
  assert.is(cell.node(2).phase, 'draining');
  cell.fence(1);
  cell.run(takeOver(placementOn(2, null)));
});

placing('remembers the last moves, and the evidence of the newest', () => {
  const cell = runningCell();
  for (let round = 1; round <= 12; round += 1) {
    const generation = cell.instance().generation;
    cell.fence(1, round);
    cell.start(1, round + 1);
    const placement = { ...placementOn(1, 2, round + 1), refused: [{ node: nodeIdOf(3), reason: 'noReplica', detail: 'x' }] };
    cell.run(takeOver(placement, generation, actorOf(1, round)));
  }
  const { moves } = cell.instance();
  assert.is(moves.length, MOVES_KEPT);
  assert.is(moves.at(-1)?.generation, 13);
  assert.is(moves.filter((move) => move.refused.length > 0).length, MOVES_WITH_EVIDENCE);
  assert.ok(moves.every((move) => move.proof !== null));
});

placing('a standby changes only what is reserved', () => {
  const cell = runningCell();
  cell.run(standby(null));
  assert.is(cell.state.usage.get(nodeIdOf(2))?.reservedMiB.size, 0);
  cell.refuse('notInSync', standby(3));
  cell.refuse('staleGeneration', standby(2, 5));
  cell.refuse('invalidParameter', standby(1));
  cell.run(standby(2));
  assert.is(cell.state.usage.get(nodeIdOf(2))?.reservedMiB.get(nodeIdOf(1)), 128);
  cell.told();
  cell.run(standby(2));
  assert.equal(cell.told(), []);
  cell.run(standby(null), creation(11, placementOn(2, 3), { count: 8 }));
  cell.refuse('noCapacity', standby(2));
});

placing('that fails is explained once', () => {
  const cell = waitingCell();
  const unavailable = (message: string, phase = 'unavailableData', expectGeneration = 1): Command => ({ kind: 'setUnavailable', instance: instanceIdOf(1), expectGeneration, phase, message }) as Command;
  cell.refuse('staleGeneration', unavailable('x', 'unavailableData', 2));
  cell.run(unavailable('node-2 (suspect)'));
  assert.is(cell.instance().phase, 'unavailableData');
  const { phaseIndex } = cell.instance();
  cell.run(unavailable('node-2 (suspect)'));
  assert.is(cell.instance().phaseIndex, phaseIndex);
  assert.equal(cell.told(), ['instanceUnavailable']);
  cell.run(unavailable('no room', 'unavailableCapacity'));
  assert.is(cell.instance().reason?.code, 'Server.InsufficientInstanceCapacity');
  cell.run(takeOver(placementOn(2, null)));
  assert.is(cell.instance().reason, null);
  cell.refuse('wrongState', unavailable('x', 'unavailableData', 2));
});

placing('that waits can be stopped and terminated: nothing of it runs', () => {
  const cell = waitingCell();
  cell.want('stopped');
  assert.is(cell.instance().phase, 'stopped');
  assert.is(cell.instance().holderBootId, null);
  cell.want('running');
  cell.run(start(placementOn(2, null)));
  assert.is(cell.instance().generation, 2);
});

placing.run();
