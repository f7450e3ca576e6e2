// deadline: 120 s
/** Two nodes and the coordinator as witness: what SAFETY.md 3.3 and 5.5 say of each single loss, and of the double one that costs the quorum. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMemberId } from '../../../shared/ids.ts';
import type { InstanceId, NodeId } from '../../../shared/ids.ts';
import { SECOND_MS } from '../../../shared/units.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';

const COORDINATOR = parseMemberId('coordinator-1');

interface Pair {
  readonly cell: VirtualCell;
  readonly id: InstanceId;
  readonly holder: NodeId;
  readonly other: NodeId;
}

/** Two nodes, one running, mirrored instance; in the end nothing ran twice and nothing acknowledged was lost. */
async function withPair(body: (pair: Pair) => Promise<void>): Promise<void> {
  const cell = new VirtualCell({ nodes: 2 });
  try {
    await cell.ready();
    const [id] = await cell.run();
    if (id === undefined) throw new Error('no instance was made');
    await cell.untilPhase(id, 'running', 20_000);
    await mirrored(cell);
    await cell.world.advance(3_000);
    const { holder } = cell.instance(id);
    const other = cell.nodeIds.find((node) => node !== holder);
    if (holder === null || other === undefined) throw new Error('nobody holds it');
    await body({ cell, id, holder, other });
    assert.equal(cell.room.report().violations, []);
    assert.is(cell.drbd.room?.splitBrains, 0);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${cell.tail(80)}`, { cause: error });
  }
}

async function mirrored(cell: VirtualCell): Promise<void> {
  await cell.world.until('the volume has two replicas in sync', () => [...cell.state().volumes.values()].every((volume) => volume.inSync.length === 2), 90_000);
}

async function runsOn({ cell, id }: Pair, node: NodeId, limitMs: number): Promise<void> {
  await cell.world.until(`${id} runs on ${node}`, () => cell.instance(id).phase === 'running' && cell.instance(id).holder === node, limitMs);
}

const running = ({ cell, id }: Pair): readonly string[] => (cell.room.report().instances[id]?.running ?? []).map((execution) => JSON.stringify(execution));
const bootOf = ({ cell }: Pair, node: NodeId): string | null => cell.state().nodes.get(node)?.bootId ?? null;

/** The guest has written since. */
async function writesOn({ cell, id }: Pair): Promise<void> {
  const acked = (): number => cell.room.report().instances[id]?.lastAckedRecord ?? 0;
  const before = acked();
  await cell.world.until('the guest writes on', () => acked() > before + 5, 10_000);
}

const pair = suite('a pair of nodes with the coordinator as witness');

pair('moves the instance when its node dies, and back when the other one does', async () => {
  await withPair(async (it) => {
    it.cell.room.powerOff(it.holder);
    await runsOn(it, it.other, 20_000);
    it.cell.room.powerOn(it.holder);
    await it.cell.ready();
    await mirrored(it.cell);
    it.cell.room.powerOff(it.other);
    await runsOn(it, it.holder, 20_000);
  });
});

pair('keeps the instance where it is when the other node dies', async () => {
  await withPair(async (it) => {
    const { generation } = it.cell.instance(it.id);
    it.cell.room.powerOff(it.other);
    await it.cell.world.advance(20_000);
    await writesOn(it);
    assert.is(it.cell.instance(it.id).generation, generation);
    assert.is(it.cell.instance(it.id).holder, it.holder);
  });
});

pair('goes on without its witness: it decides, and nobody loses a lease', async () => {
  await withPair(async (it) => {
    const boots = [bootOf(it, it.holder), bootOf(it, it.other)];
    it.cell.network.cut(COORDINATOR);
    await it.cell.world.advance(60_000);
    await writesOn(it);
    it.cell.network.heal(COORDINATOR);
    await it.cell.propose({ kind: 'setTags', instances: [it.id], set: { back: 'yes' }, remove: [] });
    assert.equal([bootOf(it, it.holder), bootOf(it, it.other)], boots);
  });
});

for (const [lost, how] of [['holder', 'the instance stands still and starts nowhere'], ['other', 'the survivor lets go of the instance that it cannot prove to be alone']] as const) {
  pair(`loses its quorum with its witness and its ${lost === 'holder' ? "instance's node" : 'other node'}: ${how}`, async () => {
    await withPair(async (it) => {
      const survivor = lost === 'holder' ? it.other : it.holder;
      const boot = bootOf(it, survivor);
      it.cell.network.cut(COORDINATOR);
      await it.cell.world.advance(5_000);
      it.cell.room.powerOff(it[lost]);
      await it.cell.world.advance(60 * SECOND_MS);
      assert.equal(running(it), [], 'nothing runs, and nothing was started');
      // The witness comes back: with it the survivor is a majority again, and the other one is dead for certain.
      it.cell.network.heal(COORDINATOR);
      await it.cell.world.until('the survivor tells of its new boot: it lost its lease, and reset itself', () => bootOf(it, survivor) !== boot, 60_000);
      await runsOn(it, survivor, 60_000);
      assert.is(running(it).length, 1);
    });
  });
}

pair('moves the instance from a node that is cut from the others but not from storage, and never has two', async () => {
  await withPair(async (it) => {
    it.cell.room.setCables(it.holder, { mesh: false });
    await runsOn(it, it.other, 20_000);
    assert.is(running(it).length, 1);
    it.cell.room.setCables(it.holder, { mesh: true });
    await it.cell.world.until('it is back', () => it.cell.state().nodes.get(it.holder)?.phase === 'active', 60_000);
    await mirrored(it.cell);
  });
});

pair('fences nobody when only the storage link is cut: the holder goes on alone, and is mirrored again', async () => {
  await withPair(async (it) => {
    const boots = [bootOf(it, it.holder), bootOf(it, it.other)];
    it.cell.room.setCables(it.other, { storage: false });
    await it.cell.world.until('the other replica left the in-sync set', () => [...it.cell.state().volumes.values()].every((volume) => volume.inSync.join() === it.holder), 15_000);
    await writesOn(it);
    it.cell.room.setCables(it.other, { storage: true });
    await mirrored(it.cell);
    assert.equal([bootOf(it, it.holder), bootOf(it, it.other)], boots);
    assert.is(it.cell.instance(it.id).holder, it.holder);
  });
});

pair('starts cold: both nodes lose power at once, and what ran runs again', async () => {
  await withPair(async (it) => {
    it.cell.room.powerOff(it.holder);
    it.cell.room.powerOff(it.other);
    await it.cell.world.advance(30_000);
    it.cell.room.powerOn(it.other);
    it.cell.room.powerOn(it.holder);
    await it.cell.world.until(`${it.id} runs again`, () => it.cell.instance(it.id).phase === 'running' && running(it).length === 1, 120_000);
    await mirrored(it.cell);
  });
});

pair('keeps the instance through the death of an agent, and of a keeper that comes back in time', async () => {
  await withPair(async (it) => {
    const boot = bootOf(it, it.holder);
    it.cell.killAgent(it.holder);
    await it.cell.world.advance(5_000);
    await writesOn(it);
    it.cell.startAgent(it.holder);
    await it.cell.world.advance(5_000);
    it.cell.killKeeper(it.holder);
    await it.cell.world.advance(1_000);
    it.cell.startKeeper(it.holder);
    await it.cell.world.advance(10_000);
    await writesOn(it);
    assert.is(bootOf(it, it.holder), boot);
    assert.is(it.cell.instance(it.id).holder, it.holder);
  });
});

pair('moves the instance when a keeper does not come back: its node resets itself', async () => {
  await withPair(async (it) => {
    const boot = bootOf(it, it.holder);
    it.cell.killKeeper(it.holder);
    await it.cell.world.until('the node was reset', () => bootOf(it, it.holder) !== boot || it.cell.state().nodes.get(it.holder)?.phase === 'fenced', 30_000);
    await it.cell.world.until(`${it.id} runs again`, () => it.cell.instance(it.id).phase === 'running' && running(it).length === 1, 60_000);
  });
});

pair.run();
