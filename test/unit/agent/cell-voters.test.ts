// deadline: 120 s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NodeId } from '../../../shared/ids.ts';
import { SECOND_MS } from '../../../shared/units.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';

/** A lost store is noticed, the new voter learns and keeps up for ten seconds, votes, and the old one goes. */
const REPLACED_WITHIN_MS = 15 * SECOND_MS;

/** A cell that came to rest; tells what was logged last when the body fails. */
async function withCell(nodes: number, body: (cell: VirtualCell) => Promise<void>): Promise<void> {
  const cell = new VirtualCell({ nodes });
  try {
    await cell.ready();
    await cell.world.advance(40_000);
    await body(cell);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${cell.tail(80)}`, { cause: error });
  }
}

const votersOf = (cell: VirtualCell, node: NodeId): readonly string[] => cell.voters().filter((voter) => voter.startsWith(`${node}.`));

function followersOf(cell: VirtualCell): readonly NodeId[] {
  return cell.nodeIds.filter((node) => node !== cell.leader() && votersOf(cell, node).length > 0);
}

/** The node's agent starts again on an empty store, under the same boot. Returns the voter id that nobody answers for any more. */
function loseStore(cell: VirtualCell, node: NodeId): string {
  const [old] = votersOf(cell, node);
  if (old === undefined) throw new Error(`${node} does not vote`);
  cell.loseStore(node);
  cell.startAgent(node);
  return old;
}

async function untilReplaced(cell: VirtualCell, node: NodeId, old: string, limitMs: number): Promise<void> {
  await cell.world.until(`${node} votes under a new name, and ${old} is gone`, () => votersOf(cell, node).length === 1 && !cell.voters().includes(old), limitMs);
}

/** Whether the ledger still decides: it takes an entry that nobody asked for before. */
async function untilItDecides(cell: VirtualCell, rebuildAfterMs: number, limitMs: number): Promise<void> {
  cell.post({ kind: 'setParameters', change: { rebuildAfterMs } });
  await cell.world.until('the ledger decides', () => cell.state().parameters.rebuildAfterMs === rebuildAfterMs, limitMs);
}

const seats = suite('a cell that lost the store of a voter');

seats('replaces it in seconds, one voter at a time, and never has more than it should', async () => {
  await withCell(3, async (cell) => {
    const [node] = followersOf(cell);
    if (node === undefined) throw new Error('nobody follows');
    const seen: (readonly string[])[] = [cell.voters()];
    const watch = (): void => {
      if (cell.voters().join() !== seen.at(-1)?.join()) seen.push(cell.voters());
      cell.world.timers.after(5, watch);
    };
    watch();
    await untilReplaced(cell, node, loseStore(cell, node), REPLACED_WITHIN_MS);
    assert.equal(seen.map((voters) => voters.length), [3, 2, 3]);
  });
});

seats('survives the loss of another node right after that', async () => {
  await withCell(3, async (cell) => {
    const [node, other] = followersOf(cell);
    if (node === undefined || other === undefined) throw new Error('not two follow');
    loseStore(cell, node);
    await cell.world.advance(REPLACED_WITHIN_MS);
    cell.room.powerOff(other);
    await untilItDecides(cell, 123_000, 20_000);
  });
});

seats('survives the loss of another store a minute after that, the leader\'s own', async () => {
  await withCell(3, async (cell) => {
    const [node] = followersOf(cell);
    const leader = cell.nodeIds.find((each) => each === cell.leader());
    if (node === undefined || leader === undefined) throw new Error('nobody follows, or leads');
    await untilReplaced(cell, node, loseStore(cell, node), REPLACED_WITHIN_MS);
    await cell.world.advance(60_000 - REPLACED_WITHIN_MS);
    const old = loseStore(cell, leader);
    await untilItDecides(cell, 123_000, 20_000);
    await untilReplaced(cell, leader, old, REPLACED_WITHIN_MS + 10_000);
  });
});

seats('heals two lost stores of five, one after the other', async () => {
  await withCell(5, async (cell) => {
    const [first, second] = followersOf(cell);
    if (first === undefined || second === undefined) throw new Error('not two follow');
    const old = [loseStore(cell, first), loseStore(cell, second)] as const;
    await untilReplaced(cell, first, old[0], 70_000);
    await untilReplaced(cell, second, old[1], 70_000);
    assert.is(cell.voters().length, 5);
  });
});

seats.run();

const heirs = suite('a cell whose voter was replaced while it was away');

heirs('takes it back when another seat falls vacant', async () => {
  await withCell(4, async (cell) => {
    const [away, other] = followersOf(cell);
    if (away === undefined || other === undefined) throw new Error('not two follow');
    cell.room.powerOff(away);
    await cell.world.until('its seat is taken', () => cell.voters().length === 3 && votersOf(cell, away).length === 0, 150_000);
    cell.room.powerOn(away);
    await cell.world.advance(40_000);
    cell.room.powerOff(other);
    await cell.world.until('it votes again', () => cell.voters().length === 3 && votersOf(cell, away).length === 1, 180_000);
  });
});

heirs.run();

const removed = suite('a node that was removed from its cell');

/** As an operator removes a node, who asks again every few seconds. Resolves with what was answered meanwhile. */
async function removeSoon(cell: VirtualCell, node: NodeId, withinMs = 60 * SECOND_MS): Promise<readonly string[]> {
  const { world } = cell;
  const answers: string[] = [];
  const untilMs = world.clock.nowMs() + withinMs;
  while (cell.state().nodes.get(node)?.phase !== 'removed') {
    assert.ok(world.clock.nowMs() < untilMs, `${node} is not removed: ${answers.join()}`);
    void cell.ask({ kind: 'removeNode', node }).then(({ result }) => answers.push(result.kind === 'applied' ? 'applied' : result.reason), () => answers.push('no answer'));
    await world.advance(4 * SECOND_MS);
  }
  return answers;
}

async function putAway(cell: VirtualCell, node: NodeId): Promise<void> {
  cell.room.powerOff(node);
  await cell.world.until(`${node} is fenced`, () => cell.state().nodes.get(node)?.phase === 'fenced', 30 * SECOND_MS);
}

removed('hands its vote over first, dead as it is, and the cell has three votes all the while', async () => {
  await withCell(4, async (cell) => {
    const [node] = followersOf(cell);
    if (node === undefined) throw new Error('nobody follows');
    await putAway(cell, node);
    const seen: number[] = [];
    cell.world.onFact(({ event }) => {
      if (event === 'votersChanged') seen.push(cell.voters().length);
    });
    const answers = await removeSoon(cell, node);
    assert.is(answers[0], 'stillVotes');
    assert.is(answers.at(-1), 'applied');
    assert.ok(seen.every((count) => count >= 3), seen.join());
    assert.equal(votersOf(cell, node), []);
  });
});

removed('may be one of two: nobody can take its place, so it goes at once', async () => {
  await withCell(2, async (cell) => {
    const [node] = followersOf(cell);
    if (node === undefined) throw new Error('nobody follows');
    await putAway(cell, node);
    assert.equal(await removeSoon(cell, node), ['applied']);
    await cell.world.until('the other one votes alone', () => cell.voters().length === 1 && votersOf(cell, node).length === 0, 90 * SECOND_MS);
    await untilItDecides(cell, 123_000, 20_000);
  });
});

removed('may be any but the last: the seat of one of the last two goes before it, or the other could never decide again', async () => {
  await withCell(3, async (cell) => {
    const [first, second] = followersOf(cell);
    const last = cell.nodeIds.find((each) => each === cell.leader());
    if (first === undefined || second === undefined || last === undefined) throw new Error('not three vote');
    for (const node of [first, second, last]) cell.post({ kind: 'cordonNode', node, cordoned: true });
    await cell.world.until('all are empty', () => [first, second, last].every((node) => cell.state().nodes.get(node)?.phase === 'maintenance'), 30 * SECOND_MS);
    // Both at once: neither may count on the other one's vote.
    const answers: string[] = [];
    for (const node of [first, second]) void cell.ask({ kind: 'removeNode', node }).then(({ result }) => answers.push(result.kind === 'applied' ? 'applied' : result.reason));
    await cell.world.advance(SECOND_MS);
    assert.equal(answers.toSorted(), ['applied', 'stillVotes']);
    const left = cell.state().nodes.get(first)?.phase === 'removed' ? second : first;
    assert.is((await removeSoon(cell, left)).at(-1), 'applied');
    await untilItDecides(cell, 123_000, 20_000);
    assert.equal(cell.voters().length, 1);
    void cell.ask({ kind: 'removeNode', node: last }).then(({ result }) => answers.push(result.kind === 'applied' ? 'applied' : result.reason));
    await cell.world.advance(SECOND_MS);
    assert.is(answers.at(-1), 'stillVotes');
    await untilItDecides(cell, 124_000, 20_000);
  });
});

removed('may lead: another one leads first, then its vote is handed over', async () => {
  await withCell(4, async (cell) => {
    const node = cell.nodeIds.find((each) => each === cell.leader());
    if (node === undefined) throw new Error('nobody leads');
    cell.post({ kind: 'cordonNode', node, cordoned: true });
    await cell.world.until('it is empty', () => cell.state().nodes.get(node)?.phase === 'maintenance', 30 * SECOND_MS);
    const answers = await removeSoon(cell, node);
    assert.is(answers[0], 'stillVotes');
    assert.is(answers.at(-1), 'applied');
    assert.is(cell.voters().length, 3);
    assert.equal(votersOf(cell, node), []);
    assert.is.not(cell.leader(), node);
    await untilItDecides(cell, 123_000, 20_000);
  });
});

removed('is nobody there any more when it is switched on again, and nobody listens to it', async () => {
  await withCell(4, async (cell) => {
    const { world, room } = cell;
    const [node] = followersOf(cell);
    if (node === undefined) throw new Error('nobody follows');
    room.powerOff(node);
    await world.until(`${node} is fenced`, () => cell.state().nodes.get(node)?.phase === 'fenced', 20 * SECOND_MS);
    await removeSoon(cell, node);
    assert.equal(votersOf(cell, node), [], 'another one votes in its place');
    room.powerOn(node);
    await world.advance(5 * SECOND_MS);
    const fromMs = world.clock.nowMs();
    let asked = 0;
    world.onFact((fact) => {
      if (fact['who'] === node && fact.event === 'bootStepFailed') asked += 1;
    });
    await world.advance(60 * SECOND_MS);
    assert.ok(asked > 0 && asked <= 15, `it asked ${asked} times in ${world.clock.nowMs() - fromMs} ms`);
    assert.is(cell.state().nodes.get(node)?.phase, 'removed');
    assert.is(cell.network.connected(node, cell.leader() as NodeId), false);
  });
});

removed.run();
