// deadline: 240 s
/** Do whole cells heal as well with their ledger in an etcd? Real agents, keepers and leases in virtual time, over an etcd in memory. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { InstanceId, NodeId } from '../../../shared/ids.ts';
import { etcdFor, keepLedgerInEtcd } from '../../support/etcd-as-ledger-node.ts';
import type { FakeEtcd } from '../../support/fake-etcd.ts';
import type { VirtualCell as Cell } from '../../support/virtual-cell.ts';

keepLedgerInEtcd();
const { VirtualCell } = await import('../../support/virtual-cell.ts');

/** Runs a body, and tells what the cell logged last when it fails. */
async function inCell(nodes: number, seed: number, body: (cell: Cell, etcd: FakeEtcd) => Promise<void>): Promise<void> {
  const cell = new VirtualCell({ nodes, seed });
  const etcd = etcdFor(cell.world);
  try {
    await body(cell, etcd);
    assert.equal(cell.room.report().violations, []);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${cell.tail(60)}`, { cause: error });
  }
}

async function running(cell: Cell): Promise<InstanceId> {
  await cell.ready();
  const [id] = await cell.run();
  if (id === undefined) throw new Error('no instance');
  await cell.untilPhase(id, 'running', 15_000);
  await cell.world.until('its replicas are in sync', () => [...cell.state().volumes.values()].every((volume) => volume.inSync.length === 2), 30_000);
  return id;
}

function holderOf(cell: Cell, id: InstanceId): NodeId {
  const { holder } = cell.instance(id);
  if (holder === null) throw new Error(`${id} has no holder`);
  return holder;
}

const leaderOf = (cell: Cell): NodeId => {
  const leader = cell.leader();
  if (leader === null) throw new Error('nobody leads');
  return leader as NodeId;
};

/** How often a node lost its lease and was reset, or was fenced. */
const losses = (cell: Cell): number => cell.events.filter(({ kind }) => kind === 'died').length;

const overEtcd = suite('a cell with its ledger in etcd');

overEtcd('heals after a node lost its power, within the time of L2', async () => {
  await inCell(3, 1, async (cell) => {
    const id = await running(cell);
    const before = cell.instance(id);
    cell.room.powerOff(holderOf(cell, id));
    const tookMs = await cell.world.until('it runs elsewhere', () => cell.instance(id).generation > before.generation && cell.instance(id).phase === 'running', 30_000);
    assert.ok(tookMs <= 15_000, `took ${tookMs} ms`);
  });
});

overEtcd('costs nobody a lease when the leader dies', async () => {
  for (const seed of [2, 3, 4]) {
    await inCell(5, seed, async (cell) => {
      await running(cell);
      cell.room.powerOff(leaderOf(cell));
      await cell.world.advance(30_000);
      assert.is(losses(cell), 1, `seed ${seed}: only the node whose plug was pulled`);
    });
  }
});

overEtcd('costs nobody a lease when a member of etcd dies or hangs, or etcd has no leader for 1.2 s', async () => {
  for (const seed of [5, 6]) {
    await inCell(3, seed, async (cell, etcd) => {
      await running(cell);
      for (const at of [0, 1, 2]) {
        for (const state of ['gone', 'stuck'] as const) {
          etcd.setState(at, state);
          await cell.world.advance(5_000);
          etcd.setState(at, 'up');
          await cell.world.advance(2_000);
        }
      }
      for (let times = 0; times < 5; times += 1) {
        etcd.hasLeader = false;
        await cell.world.advance(1_200);
        etcd.hasLeader = true;
        await cell.world.advance(3_000 + 137 * times);
      }
      assert.is(losses(cell), 0, `seed ${seed}`);
    });
  }
});

overEtcd('has another leader when etcd alone hears the first one, before nodes lose their leases', async () => {
  for (const [nodes, seed] of [[3, 8], [5, 9], [3, 10], [5, 11]] as const) {
    await inCell(nodes, seed, async (cell) => {
      await running(cell);
      await cell.world.advance(5_000);
      const deaf = leaderOf(cell);
      cell.room.setCables(deaf, { mesh: false });
      await cell.world.advance(30_000);
      assert.is.not(cell.leader(), deaf);
      const lost = cell.events.flatMap((event) => (event.kind === 'died' ? [event.node] : []));
      assert.equal([...new Set(lost)], [deaf], `seed ${seed}: only the node that was cut off`);
    });
  }
});

overEtcd('is led by the last node that is left', async () => {
  await inCell(3, 12, async (cell) => {
    const id = await running(cell);
    const leader = leaderOf(cell);
    for (const node of cell.nodeIds) if (node !== leader) cell.room.powerOff(node);
    await cell.world.until('both are fenced', () => [...cell.state().nodes.values()].filter((node) => node.phase === 'fenced').length === 2, 60_000);
    assert.is(cell.leader(), leader);
    const isWhole = [...cell.state().volumes.values()].every((volume) => volume.inSync.includes(leader));
    if (isWhole) await cell.world.until('its instance runs here', () => cell.instance(id).phase === 'running' && cell.instance(id).holder === leader, 30_000);
  });
});

overEtcd('comes back when etcd was away for so long that every node lost its lease', async () => {
  await inCell(3, 7, async (cell, etcd) => {
    const id = await running(cell);
    etcd.hasLeader = false;
    await cell.world.advance(20_000);
    assert.ok(losses(cell) > 0, 'no lease is confirmed without etcd');
    etcd.hasLeader = true;
    await cell.world.until('it runs again', () => cell.instance(id).phase === 'running', 120_000);
    await cell.world.advance(30_000);
    assert.is(cell.instance(id).phase, 'running');
  });
});

overEtcd.run();
