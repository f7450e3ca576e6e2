import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { plan } from '../../../../agent/machines/plan.ts';
import { NO_MEMORY, remember } from '../../../../agent/machines/plan-memory.ts';
import type { PlanMemory } from '../../../../agent/machines/plan-memory.ts';
import type { Actor } from '../../../../shared/ledger/commands.ts';
import type { NodeId } from '../../../../shared/ids.ts';
import { missingMiB } from '../../../../shared/ledger/capacity.ts';
import type { CellState } from '../../../../shared/model/cell.ts';
import { MINUTE_MS } from '../../../../shared/units.ts';
import { HostileCell } from '../../shared/ledger/hostile-cell.ts';
import { bootOf } from '../../shared/ledger/test-cell.ts';
import type { BootId } from '../../../../shared/ids.ts';

const calm = suite('planner and state machine after a storm');

/** Longer than anything that the planner waits for: it forgets after an hour. A round is a minute. */
const QUIET_ROUNDS = 65;

function actorNow(state: CellState, node: NodeId): Actor | null {
  const record = state.nodes.get(node);
  return record?.bootId === null || record?.bootId === undefined || record.phase !== 'active' ? null : { node, bootId: record.bootId };
}

/** The nodes do their work: they come back, get ready, start, stop, synchronise and wipe what the ledger says. */
function work(cell: HostileCell, round: number): void {
  // A node whose disk fails under a primary resets itself (SAFETY.md 2.1, fact 10).
  const failed = new Set([...cell.state.volumes.values()].filter((volume) => volume.holder !== null && volume.tainted.includes(volume.holder)).map((volume) => volume.holderBootId));
  for (const node of cell.state.nodes.values()) {
    if (node.phase === 'fenced' || node.phase === 'fencing' || node.phase === 'admitted' || (failed.has(node.bootId) && node.phase !== 'removed' && node.phase !== 'joining')) {
      const number = Number(node.id.slice('node-'.length));
      const fresh = bootOf(number, 0x900000 + round);
      cell.do(node.storeUuid === null || fresh.kind !== 'bootNode' ? fresh : { ...fresh, storeUuid: node.storeUuid });
    } else if (node.phase === 'joining' && node.bootId !== null) cell.do({ kind: 'readyNode', actor: { node: node.id, bootId: node.bootId } });
    else if (node.cordoned && node.phase !== 'removed') cell.do({ kind: 'cordonNode', node: node.id, cordoned: false });
  }
  for (const instance of cell.state.instances.values()) {
    if (instance.holder === null || instance.holderBootId === null) continue;
    const actor = { node: instance.holder, bootId: instance.holderBootId };
    if (instance.phase === 'starting') {
      for (const volume of instance.volumes) if (cell.state.volumes.get(volume)?.formatted === false) cell.do({ kind: 'volumeFormatted', actor, volume, generation: instance.generation });
      cell.do({ kind: 'reportStarted', actor, instance: instance.id, generation: instance.generation });
    } else if (instance.phase === 'stopping') cell.do({ kind: 'reportStopped', actor, instance: instance.id, generation: instance.generation, cause: 'asked', detail: '' });
  }
  for (const volume of cell.state.volumes.values()) {
    for (const node of volume.deleting ? [...volume.replicas, ...volume.retired] : volume.retired) {
      const actor = actorNow(cell.state, node);
      if (actor !== null) cell.do({ kind: 'replicaWiped', actor, volume: volume.id });
    }
  }
}

/** Replicas that can be in sync are: the agents' part of it, without the disks' truth (the storm's own test has that). */
function synchronise(cell: HostileCell): void {
  for (const volume of cell.state.volumes.values()) {
    const speaker = volume.holder ?? volume.inSync[0];
    const actor: { node: NodeId; bootId: BootId } | null = speaker === undefined ? null : actorNow(cell.state, speaker);
    if (actor === null || volume.deleting || !volume.formatted) continue;
    for (const replica of volume.replicas) {
      if (!volume.inSync.includes(replica)) cell.do({ kind: 'expand', actor, volume: volume.id, generation: volume.generation, expectVersion: volume.version, replica });
    }
  }
}

calm('bring every instance whose data is there back, redundant, and come to rest', () => {
  let ran = 0;
  for (let seed = 201; seed <= 220; seed += 1) {
    const cell = new HostileCell(seed);
    for (let step = 0; step < 400; step += 1) cell.step();
    assert.is(cell.faults[0], undefined, `seed ${seed}`);
    let memory: PlanMemory = NO_MEMORY;
    let nowMs = 0;
    let quiet = 0;
    for (let round = 0; round < 500 && quiet < QUIET_ROUNDS; round += 1) {
      work(cell, round);
      synchronise(cell);
      nowMs += MINUTE_MS;
      memory = remember(memory, cell.state, nowMs);
      const commands = plan(cell.state, { suspects: new Set(), health: new Map(), memory }, nowMs);
      for (const command of commands) assert.ok(cell.do(command), `seed ${seed}: ${command.kind} was planned and rejected`);
      quiet = commands.length === 0 ? quiet + 1 : 0;
    }
    // The disks' truth knows nothing of what `synchronise` copied; the state's own invariants must still hold.
    assert.equal(cell.faults.filter((fault) => !fault.startsWith('S2')), [], `seed ${seed}`);
    assert.ok(quiet >= QUIET_ROUNDS, `seed ${seed}: the planner never rests`);
    ran += checkHealed(cell.state, `seed ${seed}`);
  }
  assert.ok(ran >= 20, `${ran} instances were left to look at`);
});

function checkHealed(state: CellState, seed: string): number {
  let ran = 0;
  for (const instance of state.instances.values()) {
    if (instance.desired === 'stopped') assert.is(instance.phase, 'stopped', seed);
    if (instance.desired === 'terminated') assert.unreachable(`${seed}: ${instance.id} was not forgotten`);
    if (instance.desired !== 'running') continue;
    const volumes = instance.volumes.flatMap((id) => state.volumes.get(id) ?? []);
    const isStartable = volumes.every((volume) => volume.inSync.some((node) => state.nodes.get(node)?.phase === 'active' && !volume.tainted.includes(node)));
    assert.is(instance.phase, isStartable ? 'running' : 'unavailableData', `${seed}: ${instance.id}`);
    if (!isStartable) continue;
    ran += 1;
    for (const volume of volumes) assert.is(volume.inSync.length, 2, `${seed}: ${volume.id} ${JSON.stringify(volume)}`);
    const wouldFit = volumes.flatMap((volume) => volume.replicas)
      .some((node) => node !== instance.holder && missingMiB(state, node, { reserve: { holder: instance.holder as NodeId, memoryMiB: instance.memoryMiB } }) <= 0);
    assert.ok(instance.standby !== null || !wouldFit, `${seed}: ${instance.id} has no standby`);
  }
  for (const volume of state.volumes.values()) {
    const places = [...volume.replicas, ...volume.retired].map((node) => state.nodes.get(node)?.phase);
    if (volume.deleting) assert.unreachable(`${seed}: ${volume.id} was not deleted from ${places.join()}`);
  }
  return ran;
}

calm.run();
