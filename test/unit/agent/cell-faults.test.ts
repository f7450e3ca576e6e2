// deadline: 240 s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { InstanceId, NodeId } from '../../../shared/ids.ts';
import { ec2State } from '../../../shared/model/instance.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';
import type { VirtualCellOptions } from '../../support/virtual-cell.ts';

/** A cell with one running, fully mirrored instance; tells what was logged last when the body fails. */
async function withInstance(options: VirtualCellOptions, body: (cell: VirtualCell, id: InstanceId, holder: NodeId) => Promise<void>): Promise<void> {
  const cell = new VirtualCell(options);
  try {
    await cell.ready();
    const [id] = await cell.run();
    if (id === undefined) throw new Error('no instance was made');
    await cell.untilPhase(id, 'running', 20_000);
    if (options.nodes > 1) await mirrored(cell);
    await cell.world.advance(3_000);
    await body(cell, id, holderOf(cell, id));
    assert.equal(cell.room.report().violations, []);
    assert.is(cell.drbd.room?.splitBrains, 0);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${cell.tail(80)}`, { cause: error });
  }
}

function holderOf(cell: VirtualCell, id: InstanceId): NodeId {
  const { holder } = cell.instance(id);
  if (holder === null) throw new Error(`${id} has no holder`);
  return holder;
}

async function mirrored(cell: VirtualCell): Promise<void> {
  await cell.world.until('all volumes have two replicas in sync', () => [...cell.state().volumes.values()].every((volume) => volume.inSync.length === 2), 90_000);
}

async function elsewhere(cell: VirtualCell, id: InstanceId, than: NodeId, limitMs: number): Promise<number> {
  return await cell.world.until(`${id} runs elsewhere than on ${than}`, () => cell.instance(id).phase === 'running' && cell.instance(id).holder !== than, limitMs);
}

const faults = suite('a cell');

faults('heals while its users never stop asking', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    let isOver = false;
    const ask = (): void => {
      if (isOver) return;
      cell.post({ kind: 'setTags', instances: [id], set: { asked: 'again' }, remove: [] });
      cell.world.timers.after(3, ask);
    };
    ask();
    cell.room.powerOff(holder);
    const tookMs = await elsewhere(cell, id, holder, 20_000);
    isOver = true;
    assert.ok(tookMs < 15_000, `took ${tookMs} ms`);
  });
});

faults('keeps an instance running when its agent dies, and the new agent adopts it', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    const before = cell.instance(id);
    cell.killAgent(holder);
    await cell.world.advance(20_000);
    cell.startAgent(holder);
    await cell.world.advance(20_000);
    const after = cell.instance(id);
    assert.is(after.generation, before.generation);
    assert.is(after.phase, 'running');
    assert.not.ok(cell.events.some((event) => event.kind === 'domainEnded'), 'no domain ended');
  });
});

faults('keeps everything when a keeper dies and comes back before the watchdog bites', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    cell.killKeeper(holder);
    await cell.world.advance(1_000);
    cell.startKeeper(holder);
    await cell.world.advance(20_000);
    assert.is(cell.instance(id).generation, 1);
    assert.not.ok(cell.events.some((event) => event.kind === 'died'));
  });
});

faults('resets a node whose keeper stays away, and runs its instance again', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    cell.killKeeper(holder);
    await cell.world.until('it runs again', () => cell.instance(id).generation > 1 && cell.instance(id).phase === 'running', 20_000);
    assert.ok(cell.events.some((event) => event.kind === 'died' && event.node === holder && event.reason === 'watchdog'));
  });
});

faults('resets a node that is cut from the mesh but not from storage, and never runs an instance twice', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    cell.room.setCables(holder, { mesh: false });
    await elsewhere(cell, id, holder, 20_000);
    assert.ok(cell.events.some((event) => event.kind === 'died' && event.node === holder));
    cell.room.setCables(holder, { mesh: true });
    await cell.ready();
    await mirrored(cell);
  });
});

faults('goes on within seconds when the node of the other replica dies', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    const other = [...cell.state().volumes.values()][0]?.replicas.find((node) => node !== holder);
    if (other === undefined) throw new Error('no second replica');
    cell.room.powerOff(other);
    const [volume] = [...cell.state().volumes.values()];
    if (volume === undefined) throw new Error('no volume');
    const tookMs = await cell.world.until('the in-sync set shrank', () => cell.state().volumes.get(volume.id)?.inSync.length === 1, 10_000);
    assert.ok(tookMs <= 4_500, `I/O stood still for ${tookMs} ms`);
    assert.is(cell.instance(id).generation, 1);
    cell.room.powerOn(other);
    await mirrored(cell);
  });
});

faults('goes on without a fence when only the storage link is cut', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    const other = [...cell.state().volumes.values()][0]?.replicas.find((node) => node !== holder);
    if (other === undefined) throw new Error('no second replica');
    cell.room.setCables(other, { storage: false });
    await cell.world.advance(20_000);
    assert.is(cell.instance(id).phase, 'running');
    assert.not.ok(cell.events.some((event) => event.kind === 'died'));
    cell.room.setCables(other, { storage: true });
    await mirrored(cell);
  });
});

faults('comes back whole after the whole room lost power', async () => {
  await withInstance({ nodes: 3 }, async (cell, id) => {
    for (const node of cell.nodeIds) cell.room.powerOff(node);
    await cell.world.advance(5_000);
    for (const node of cell.nodeIds) cell.room.powerOn(node);
    await cell.world.until('it runs again', () => cell.instance(id).phase === 'running' && cell.instance(id).generation > 1, 90_000);
    await cell.ready();
    await mirrored(cell);
  });
});

faults('rebuilds a lost replica on a third node', async () => {
  await withInstance({ nodes: 3, parameters: { rebuildAfterMs: 20_000 } }, async (cell, id, holder) => {
    cell.room.powerOff(holder);
    await elsewhere(cell, id, holder, 20_000);
    await mirrored(cell);
    const [volume] = [...cell.state().volumes.values()];
    assert.not.ok(volume?.replicas.includes(holder));
    cell.room.powerOn(holder);
    await cell.world.until('the old replica was wiped', () => [...cell.state().volumes.values()][0]?.retired.length === 0, 60_000);
  });
});

faults('stops, starts, restarts and terminates an instance', async () => {
  await withInstance({ nodes: 3 }, async (cell, id) => {
    await cell.propose({ kind: 'setDesired', instances: [id], desired: 'stopped', force: false });
    await cell.untilPhase(id, 'stopped', 20_000);
    assert.is(ec2State(cell.instance(id)).name, 'stopped');
    await cell.propose({ kind: 'setDesired', instances: [id], desired: 'running', force: false });
    await cell.untilPhase(id, 'running', 20_000);
    const { generation } = cell.instance(id);
    await cell.propose({ kind: 'restartInstances', instances: [id] });
    assert.is(ec2State(cell.instance(id)).name, 'running');
    await cell.world.until('it was restarted', () => cell.instance(id).generation > generation && cell.instance(id).phase === 'running', 30_000);
    assert.is(cell.instance(id).restarting, false);
    await cell.propose({ kind: 'setDesired', instances: [id], desired: 'terminated', force: false });
    await cell.untilPhase(id, 'terminated', 20_000);
    await cell.world.until('its volume is gone', () => cell.state().volumes.size === 0, 20_000);
    for (const node of cell.nodeIds) assert.is(cell.room.nodeReport(node).volumes, 0);
  });
});

faults('starts an instance again whose guest crashed, and leaves one stopped that shut itself down', async () => {
  await withInstance({ nodes: 3 }, async (cell, id) => {
    cell.room.endGuest(id, 'crash');
    await cell.world.until('it was started again', () => cell.instance(id).generation > 1 && cell.instance(id).phase === 'running', 30_000);
    cell.room.endGuest(id, 'poweroff');
    await cell.untilPhase(id, 'stopped', 30_000);
    assert.is(cell.instance(id).desired, 'stopped');
  });
});

for (const nodes of [1, 2, 5]) {
  faults(`works with ${nodes} node${nodes === 1 ? '' : 's'}`, async () => {
    await withInstance({ nodes }, async (cell, id, holder) => {
      cell.room.powerOff(holder);
      if (nodes === 1) {
        await cell.world.advance(3_000);
        cell.room.powerOn(holder);
        await cell.world.until('it runs again', () => cell.instance(id).generation > 1 && cell.instance(id).phase === 'running', 60_000);
      } else {
        await elsewhere(cell, id, holder, 20_000);
        cell.room.powerOn(holder);
        await mirrored(cell);
      }
    });
  });
}

faults('survives a failed disk under a primary, and never offers that replica again', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    cell.room.failDisk(holder, null, 'error');
    await elsewhere(cell, id, holder, 30_000);
    const [volume] = [...cell.state().volumes.values()];
    await cell.world.until('the replica is tainted', () => volume !== undefined && (cell.state().volumes.get(volume.id)?.inSync ?? []).every((node) => node !== holder), 30_000);
  });
});

faults('takes a secondary with a failed disk out of the in-sync set', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    const [volume] = [...cell.state().volumes.values()];
    const other = volume?.replicas.find((node) => node !== holder);
    if (volume === undefined || other === undefined) throw new Error('no second replica');
    cell.room.failDisk(other, null, 'error');
    await cell.world.until('the in-sync set shrank', () => cell.state().volumes.get(volume.id)?.inSync.join() === holder, 10_000);
    assert.is(cell.instance(id).generation, 1);
  });
});

faults('stops a domain although its agent hears nothing of DRBD, and reports that only when it does', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    cell.killAgent(holder);
    cell.setStreams(holder, false);
    cell.startAgent(holder);
    await cell.propose({ kind: 'setDesired', instances: [id], desired: 'stopped', force: true });
    await cell.world.until('the domain ended', () => cell.events.some((event) => event.kind === 'domainEnded'), 10_000);
    await cell.world.advance(10_000);
    assert.is(cell.instance(id).phase, 'stopping');
    cell.setStreams(holder, true);
    await cell.untilPhase(id, 'stopped', 10_000);
  });
});

faults('resets a node on which a former agent left a domain whose I/O never ends', async () => {
  await withInstance({ nodes: 3 }, async (cell, id, holder) => {
    const [volume] = [...cell.state().volumes.keys()];
    const { bootId } = cell.room.nodeReport(holder);
    const run = async (...argv: readonly string[]): Promise<unknown> => await cell.room.run(holder, bootId ?? '', argv, '');
    cell.killAgent(holder);
    await cell.finish(run('drbdadm', '-c', `/node/drbd/${volume}.res`, 'suspend-io', volume ?? ''));
    await cell.world.advance(1_000);
    void run('xl', 'destroy', id);
    await cell.world.advance(15_000);
    cell.startAgent(holder);
    const tookMs = await cell.world.until('the node was reset', () => cell.events.some((event) => event.kind === 'died' && event.node === holder), 60_000);
    assert.ok(tookMs > 15_000 && tookMs < 30_000, `after ${tookMs} ms`);
    await cell.world.until('it runs again', () => cell.instance(id).generation > 1 && cell.instance(id).phase === 'running', 60_000);
  });
});

faults('gives the seat of a voter that is gone for good to another node', async () => {
  await withInstance({ nodes: 4 }, async (cell) => {
    assert.is(cell.voters().length, 3);
    const leaving = cell.nodeIds.find((node) => cell.voters().some((voter) => voter.startsWith(`${node}.`)) && node !== cell.leader());
    if (leaving === undefined) throw new Error('every voter leads');
    cell.room.powerOff(leaving);
    await cell.world.until('three others vote', () => cell.voters().length === 3 && !cell.voters().some((voter) => voter.startsWith(`${leaving}.`)), 180_000);
  });
});

faults('lets a member whose store was lost vote again only as a new voter', async () => {
  await withInstance({ nodes: 3 }, async (cell) => {
    const node = cell.nodeIds.find((each) => each !== cell.leader());
    if (node === undefined) throw new Error('every node leads');
    const old = cell.voters().find((voter) => voter.startsWith(`${node}.`));
    cell.loseStore(node);
    cell.startAgent(node);
    await cell.world.until('it votes under a new name', () => cell.voters().some((voter) => voter.startsWith(`${node}.`) && voter !== old), 180_000);
    await cell.world.until('the old voter is gone', () => cell.voters().length === 3 && !cell.voters().some((voter) => voter === old), 180_000);
  });
});

faults.run();
