// deadline: 240 s
/** What random weather once found in whole cells, each as a story of its own. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClusterError } from '../../../shared/errors.ts';
import type { NodeId } from '../../../shared/ids.ts';
import { electionBudgetMs, TIMING_PROFILES } from '../../../shared/model/timing.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';
import { ackedRecord, calm, withInstance } from '../../support/virtual-instance.ts';

const recoveries = suite('a cell');

recoveries('lets a guest write on when its agent was away while the node of the other replica died', async () => {
  await withInstance({ nodes: 5 }, async ({ cell, id, volume, holder, other }) => {
    cell.killAgent(holder);
    cell.room.powerOff(other);
    await cell.world.advance(8_000);
    const frozenAt = ackedRecord(cell, id);
    cell.startAgent(holder);
    await cell.world.until('the in-sync set shrank', () => cell.state().volumes.get(volume)?.inSync.join() === holder, 10_000);
    await cell.world.until('the guest writes on', () => ackedRecord(cell, id) > frozenAt + 2, 10_000);
    assert.is(cell.instance(id).generation, 1);
  });
});

recoveries('trusts a replica that was made anew on a node where an earlier one had failed', async () => {
  await withInstance({ nodes: 2, parameters: { rebuildAfterMs: 10_000 } }, async ({ cell, volume, other }) => {
    cell.room.failDisk(other, null, 'error');
    await cell.world.until('the replica is known to have failed', () => cell.state().volumes.get(volume)?.tainted.includes(other) === true, 30_000);
    cell.room.repairDisk(other, null);
    await calm(cell, 90_000);
    cell.room.reset(other);
    await cell.world.advance(10_000);
    assert.equal(cell.state().volumes.get(volume)?.tainted, []);
    await calm(cell, 60_000);
  });
});

recoveries('does not start again what it has given back, though the ledger hears of it late', async () => {
  let isHeldUp = false;
  let holdUp: NodeId | null = null;
  const cell: VirtualCell = new VirtualCell({
    nodes: 3,
    onLedger: (member, ledger) => {
      const propose = ledger.propose.bind(ledger);
      // One report is on its way for longer than its agent waits for an answer; everything else arrives, leases above all.
      ledger.propose = async (command, options) => {
        if (member !== holdUp || isHeldUp || command.kind !== 'reportStopped') return await propose(command, options);
        isHeldUp = true;
        cell.world.timers.after(7_000, () => void propose(command, options).catch(() => undefined));
        return await new Promise((_resolve, reject) => {
          cell.world.timers.after(options.timeoutMs, () => reject(new ClusterError('LedgerTimeout', 'no answer', { retryable: true })));
        });
      };
    },
  });
  await cell.ready();
  const [id] = await cell.run();
  if (id === undefined) throw new Error('no instance was made');
  const { holder } = cell.instance(id);
  if (holder === null) throw new Error('nobody holds it');
  holdUp = holder;
  cell.faults(holder).programFault = (argv) => (argv[0] === 'xl' && argv[1] === 'create' && !isHeldUp ? 'fail' : null);
  let ranAtReport: string | null = null;
  await cell.world.until('the report is on its way', () => isHeldUp, 30_000);
  await cell.world.until('the start is over, one way or the other', () => {
    if (cell.instance(id).generation === 1) ranAtReport = cell.room.nodeReport(holder).domains.find(({ name }) => name === id)?.state ?? null;
    return cell.instance(id).generation > 1;
  }, 30_000);
  assert.is(ranAtReport, null);
  await cell.untilPhase(id, 'running', 60_000);
  assert.equal(cell.room.report().violations, []);
});

recoveries('forgets the first attempt when a node dies after it made a new volume primary', async () => {
  const cell = new VirtualCell({ nodes: 3 });
  await cell.ready();
  const [id] = await cell.run();
  if (id === undefined) throw new Error('no instance was made');
  await cell.world.until('the image is being written', () => cell.world.facts.some((fact) => fact['step'] === 'writeImage'), 20_000);
  const { holder } = cell.instance(id);
  if (holder === null) throw new Error('nobody holds it');
  cell.room.powerOff(holder);
  await cell.world.until('it runs elsewhere', () => cell.instance(id).phase === 'running' && cell.instance(id).holder !== holder, 30_000);
  assert.is([...cell.state().volumes.values()][0]?.replicas.includes(holder), false);
  cell.room.powerOn(holder);
  await calm(cell, 90_000);
  assert.is(cell.drbd.room?.splitBrains, 0);
  assert.equal(cell.room.report().violations, []);
});

recoveries('does not offer a replica whose disk failed and works again, though its primary died before it could say so', async () => {
  await withInstance({ nodes: 3 }, async ({ cell, id, volume, holder, other }) => {
    cell.room.failDisk(other, null, 'error');
    await cell.world.advance(1_200);
    cell.room.powerOff(holder);
    cell.room.repairDisk(other, null);
    await cell.world.advance(30_000);
    assert.is(cell.instance(id).phase === 'running', false, 'its only whole replica is on a node without power');
    cell.room.powerOn(holder);
    await cell.world.until('it runs where its data is', () => cell.instance(id).phase === 'running' && cell.instance(id).holder === holder, 60_000);
    assert.is(cell.state().volumes.get(volume)?.inSync.includes(other), false);
  });
});

recoveries('counts a replica out whose failed disk nobody on its own node could tell of', async () => {
  await withInstance({ nodes: 5 }, async ({ cell, id, volume, holder, other }) => {
    cell.killAgent(other);
    cell.room.failDisk(other, null, 'error');
    await cell.world.until('the in-sync set shrank', () => cell.state().volumes.get(volume)?.inSync.join() === holder, 6_000);
    cell.room.powerOff(other);
    cell.room.powerOff(holder);
    cell.room.repairDisk(other, null);
    cell.room.powerOn(other);
    await cell.world.advance(30_000);
    assert.is(cell.instance(id).phase === 'running', false, 'its only whole replica is on a node without power');
    cell.room.powerOn(holder);
    await calm(cell, 90_000);
  });
});

recoveries('has a new leader before any node loses its lease, whenever the old one dies', async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const cell = new VirtualCell({ nodes: seed % 2 === 0 ? 5 : 3, seed });
    await cell.ready();
    await cell.world.advance(seed * 37);
    const old = cell.leader();
    const diedAtMs = cell.world.clock.nowMs();
    cell.room.powerOff(old as NodeId);
    await cell.world.until('another one leads', () => cell.leader() !== null && cell.leader() !== old, 10_000);
    const tookMs = cell.world.clock.nowMs() - diedAtMs;
    assert.ok(tookMs <= electionBudgetMs(TIMING_PROFILES.standard), `seed ${seed}: ${tookMs} ms`);
    await cell.world.advance(5_000);
    for (const node of cell.nodeIds) assert.is(cell.processes(node).keeper, node !== old, `seed ${seed}: ${node}`);
  }
});

recoveries('takes a dead leader for dead as soon after its last word as any other node', async () => {
  const { fenceWaitMs, heartbeatMs } = TIMING_PROFILES.standard;
  for (let seed = 1; seed <= 8; seed += 1) {
    const cell = new VirtualCell({ nodes: seed % 2 === 0 ? 5 : 3, seed });
    await cell.ready();
    await cell.world.advance(1_000 + seed * 137);
    const old = cell.leader() as NodeId;
    const diedAtMs = cell.world.clock.nowMs();
    cell.room.powerOff(old);
    await cell.world.until('it is fenced', () => cell.state().nodes.get(old)?.phase === 'fenced', 30_000);
    const tookMs = cell.world.clock.nowMs() - diedAtMs;
    assert.ok(tookMs >= fenceWaitMs - heartbeatMs - 50 && tookMs <= fenceWaitMs + 300, `seed ${seed}: ${tookMs} ms`);
  }
});

recoveries.run();
