// deadline: 60 s
/** What happens to a node whose keeper is told to end, as an orderly shutdown does? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NodeId } from '../../../shared/ids.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';

async function withCell(body: (cell: VirtualCell) => Promise<void>): Promise<void> {
  const cell = new VirtualCell({ nodes: 3 });
  try {
    await cell.ready();
    await body(cell);
    assert.equal(cell.room.report().violations, []);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${cell.tail(60)}`, { cause: error });
  }
}

const bootOf = (cell: VirtualCell, node: NodeId): string | null => cell.room.nodeReport(node).bootId;

/** An armed watchdog that nobody pets has fired by then; the lease of a node without a keeper is proven over a moment later. */
const WATCHDOG_MS = 8_000;

/** Ends the keeper, and tells whether the node is up in the same boot when the watchdog would have fired. */
async function outlivesItsKeeper(cell: VirtualCell, node: NodeId): Promise<boolean> {
  const boot = bootOf(cell, node);
  await cell.stopKeeper(node);
  await cell.world.advance(WATCHDOG_MS);
  return bootOf(cell, node) === boot;
}

async function maintained(cell: VirtualCell, node: NodeId, limitMs: number): Promise<void> {
  await cell.propose({ kind: 'cordonNode', node, cordoned: true });
  await cell.world.until('it may be maintained', () => cell.state().nodes.get(node)?.phase === 'maintenance', limitMs);
  await cell.world.advance(6_000);
}

const stop = suite('a planned stop');

stop('does not reset a node in maintenance', async () => {
  await withCell(async (cell) => {
    await maintained(cell, 'node-3' as NodeId, 5_000);
    assert.ok(await outlivesItsKeeper(cell, 'node-3' as NodeId));
  });
});

stop('resets a node that could be given work, though it has none', async () => {
  await withCell(async (cell) => {
    await cell.world.advance(10_000);
    assert.not.ok(await outlivesItsKeeper(cell, 'node-3' as NodeId));
  });
});

stop('resets a node whose agent is gone: nobody speaks for it any more', async () => {
  await withCell(async (cell) => {
    await maintained(cell, 'node-3' as NodeId, 5_000);
    cell.killAgent('node-3' as NodeId);
    await cell.world.advance(100);
    assert.not.ok(await outlivesItsKeeper(cell, 'node-3' as NodeId));
  });
});

stop('resets a node again once its cordon is lifted, and its instances run on', async () => {
  await withCell(async (cell) => {
    const node = 'node-3' as NodeId;
    await maintained(cell, node, 5_000);
    await cell.propose({ kind: 'cordonNode', node, cordoned: false });
    await cell.world.advance(5_000);
    const [id] = await cell.run();
    if (id === undefined) throw new Error('no instance was made');
    await cell.untilPhase(id, 'running', 20_000);
    assert.not.ok(await outlivesItsKeeper(cell, node));
    await cell.world.until(`${id} runs`, () => cell.instance(id).phase === 'running' && cell.room.report().instances[id]?.running.length === 1, 60_000);
  });
});

stop('starts nothing while the keeper that ended may have disarmed, and everything with the next one', async () => {
  await withCell(async (cell) => {
    const node = 'node-1' as NodeId;
    await maintained(cell, node, 5_000);
    for (const other of ['node-2', 'node-3'] as NodeId[]) await cell.propose({ kind: 'cordonNode', node: other, cordoned: true });
    const boot = bootOf(cell, node);
    await cell.stopKeeper(node);
    await cell.propose({ kind: 'cordonNode', node, cordoned: false });
    const answer = cell.askToRun(1);
    await cell.world.advance(2_000);
    assert.is(cell.room.nodeReport(node).bootId, boot);
    assert.equal(Object.values(cell.room.report().instances).flatMap((instance) => instance.running), [], 'no watchdog guards it, so nothing runs');
    cell.startKeeper(node);
    const made = await cell.finish(answer);
    assert.is(made.kind, 'created');
    if (made.kind !== 'created' || made.instances[0] === undefined) throw new Error('no instance was made');
    await cell.untilPhase(made.instances[0], 'running', 60_000);
  });
});

stop.run();
