import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { plan } from '../../../../agent/machines/plan.ts';
import { PLAN_COMMANDS_MAX } from '../../../../agent/machines/plan-draft.ts';
import { NO_MEMORY, remember } from '../../../../agent/machines/plan-memory.ts';
import type { PlanMemory } from '../../../../agent/machines/plan-memory.ts';
import { backoffMs, STARTING_PER_NODE_MAX } from '../../../../agent/machines/plan-starts.ts';
import type { Command } from '../../../../shared/ledger/commands.ts';
import type { NodeId } from '../../../../shared/ids.ts';
import { MINUTE_MS, SECOND_MS } from '../../../../shared/units.ts';
import { actorOf, creation, instanceIdOf, nodeIdOf, placementOn, readyCell, runningCell, volumeIdOf } from '../../shared/ledger/test-cell.ts';
import type { TestCell } from '../../shared/ledger/test-cell.ts';

const planning = suite('the leader\'s planner');

/** A leader that looks at a cell as its clock goes on, and can carry out what it plans. */
class Leader {
  readonly cell: TestCell;
  nowMs = 1_000_000;
  memory: PlanMemory = NO_MEMORY;
  suspects = new Set<NodeId>();

  constructor(cell: TestCell) {
    this.cell = cell;
    this.look();
  }

  look(): void {
    this.memory = remember(this.memory, this.cell.state, this.nowMs);
  }

  plan(): readonly Command[] {
    this.look();
    return plan(this.cell.state, { suspects: this.suspects, health: new Map(), memory: this.memory }, this.nowMs);
  }

  kinds(): readonly string[] {
    return this.plan().map((command) => command.kind);
  }

  wait(ms: number): this {
    this.look();
    this.nowMs += ms;
    return this;
  }

  /** Proposes what it plans, as often as there is something. */
  settle(): this {
    for (let round = 0; round < 50; round += 1) {
      const commands = this.plan();
      if (commands.length === 0) return this;
      this.cell.run(...commands);
    }
    return assert.unreachable('the planner never rests') as never;
  }
}

const target = (command: Command | undefined): unknown => (command !== undefined && 'placement' in command ? command.placement.node : undefined);

planning('has nothing to do in a cell that is well', () => {
  assert.equal(new Leader(runningCell()).plan(), []);
});

planning('lets the standby take over as soon as the holder is fenced', () => {
  const leader = new Leader(runningCell());
  leader.cell.fence(1);
  const [command] = leader.plan();
  assert.is(command?.kind, 'takeOver');
  assert.is(target(command), nodeIdOf(2));
  leader.settle();
  assert.is(leader.cell.instance().phase, 'starting');
  assert.is(leader.cell.instance().holder, nodeIdOf(2));
});

planning('plans the same twice, and the second proposal is harmless', () => {
  const leader = new Leader(runningCell());
  leader.cell.fence(1);
  const first = leader.plan();
  assert.equal(leader.plan(), first);
  leader.cell.run(...first);
  for (const command of first) leader.cell.apply(command);
  assert.is(leader.cell.instance().generation, 2);
});

planning('lets the standby take over when the holder alone rebooted', () => {
  const leader = new Leader(runningCell());
  leader.wait(10 * MINUTE_MS);
  leader.cell.boot(1, 2);
  assert.is(target(leader.plan()[0]), nodeIdOf(2));
});

planning('lets the standby take over when a new leader knows nothing of earlier', () => {
  const cell = runningCell();
  cell.boot(1, 2);
  assert.is(target(new Leader(cell).plan()[0]), nodeIdOf(2));
});

/** Every node lost its power; node 2 is up again first, node 1 has only just announced its boot. */
function coldStart(): Leader {
  const cell = runningCell();
  const leader = new Leader(cell);
  leader.wait(SECOND_MS);
  cell.boot(2, 2);
  cell.boot(1, 2);
  leader.wait(SECOND_MS);
  cell.run({ kind: 'readyNode', actor: actorOf(2, 2) });
  return leader;
}

planning('waits in a cold start for the old holder, and takes it when it is ready', () => {
  const leader = coldStart();
  assert.equal(leader.kinds(), []);
  leader.wait(5 * SECOND_MS);
  leader.cell.run({ kind: 'readyNode', actor: actorOf(1, 2) });
  assert.is(target(leader.plan()[0]), nodeIdOf(1));
});

planning('does not wait for the old holder for longer than 15 s', () => {
  const leader = coldStart();
  leader.wait(15 * SECOND_MS);
  assert.is(target(leader.plan()[0]), nodeIdOf(2));
});

planning('waits for the old holder where nobody else has the data, and says so after a while', () => {
  const leader = new Leader(runningCell());
  leader.cell.run({ kind: 'shrink', actor: actorOf(1), volume: volumeIdOf(1), generation: 1, reason: 'link' });
  leader.cell.fence(1);
  assert.equal(leader.kinds(), []);
  leader.wait(5 * SECOND_MS);
  leader.settle();
  assert.is(leader.cell.instance().phase, 'unavailableData');
  assert.is(leader.cell.instance().reason?.message, 'no node with all its data can be used: node-1 (not active), node-2 (not in sync)');
  leader.cell.start(1, 2);
  assert.is(target(leader.plan()[0]), nodeIdOf(1));
});

planning('says that memory is missing, and starts when it is there', () => {
  const leader = new Leader(runningCell());
  leader.cell.run({ kind: 'setStandby', instance: instanceIdOf(1), expectGeneration: 1, standby: null });
  leader.cell.run(creation(11, placementOn(2, null), { count: 7 }));
  leader.cell.run(creation(21, placementOn(2, null)));
  leader.cell.fence(1);
  leader.settle();
  assert.is(leader.cell.instance().phase, 'unavailableCapacity');
  leader.cell.want('terminated', 21);
  leader.cell.stopped(21);
  for (let each = 11; each <= 17; each += 1) leader.cell.started(each);
  assert.is(target(leader.plan()[0]), nodeIdOf(2));
});

planning('starts no more than four at once on a node, the longest down first', () => {
  const cell = readyCell(3);
  cell.run(creation(1, placementOn(1, 2), { count: 7 }));
  for (let each = 1; each <= 7; each += 1) {
    cell.started(each);
    cell.format(each);
    cell.expand(2, each);
  }
  cell.fence(1);
  const leader = new Leader(cell);
  const first = leader.plan().filter((command) => command.kind === 'takeOver');
  assert.equal(first.map((command) => command.kind === 'takeOver' && command.instance), [1, 2, 3, 4].map(instanceIdOf));
  assert.is(first.length, STARTING_PER_NODE_MAX);
  leader.settle();
  assert.is(cell.instance(5).phase, 'takeover', 'waiting for its turn is not unavailable');
  cell.started(1);
  assert.equal(leader.plan().map((command) => 'instance' in command && command.instance), [instanceIdOf(5)]);
});

planning('starts what its owner asked for, on the node it was on', () => {
  const leader = new Leader(runningCell());
  leader.cell.want('stopped');
  leader.cell.stopped();
  assert.equal(leader.plan(), []);
  leader.cell.want('running');
  const [command] = leader.plan();
  assert.is(command?.kind, 'placeInstance');
  assert.is(target(command), nodeIdOf(1));
});

planning('restarts a lost domain at once, then ever later, and on another node after three failures', () => {
  const leader = new Leader(runningCell());
  const fail = (): void => {
    leader.look();
    leader.cell.stopped(1, 'domainLost');
  };
  fail();
  assert.is(target(leader.plan()[0]), nodeIdOf(1));
  leader.settle();
  fail();
  assert.equal(leader.plan(), []);
  assert.equal(leader.wait(4999).plan(), []);
  assert.is(target(leader.wait(1).plan()[0]), nodeIdOf(1));
  leader.settle();
  fail();
  assert.equal(leader.wait(9999).plan(), []);
  assert.is(target(leader.wait(1).plan()[0]), nodeIdOf(2), 'the third failure');
  leader.settle();
  leader.cell.started();
  assert.is(leader.cell.instance().failures, 3);
  assert.equal(leader.wait(10 * MINUTE_MS - 1).plan(), []);
  assert.equal(leader.wait(1).kinds(), ['clearFailures']);
});

planning('doubles the wait after each failure, up to five minutes', () => {
  assert.equal([0, 1, 2, 3, 4, 7, 8, 50].map(backoffMs), [0, 0, 5000, 10_000, 20_000, 160_000, 300_000, 300_000]);
});

planning('takes nothing over onto a suspect node', () => {
  const leader = new Leader(runningCell());
  leader.suspects.add(nodeIdOf(2));
  leader.cell.fence(1);
  assert.equal(leader.plan(), []);
});

planning('makes a new replica when a node is gone for long, and a standby of it', () => {
  const leader = new Leader(runningCell());
  leader.cell.fence(2);
  assert.equal(leader.plan(), []);
  assert.equal(leader.wait(15 * MINUTE_MS - 1).plan(), []);
  const [command] = leader.wait(1).plan();
  assert.equal(command, { kind: 'replaceReplica', volume: volumeIdOf(1), expectEpoch: 1, node: nodeIdOf(3), replaces: nodeIdOf(2) });
  leader.settle();
  assert.is(leader.cell.instance().standby, nodeIdOf(3));
});

planning('does not begin to count anew when the state changes elsewhere', () => {
  const leader = new Leader(runningCell());
  leader.cell.fence(2);
  leader.wait(10 * MINUTE_MS);
  leader.cell.run(creation(5, placementOn(3, 1)));
  leader.wait(5 * MINUTE_MS);
  assert.ok(leader.kinds().includes('replaceReplica'));
});

planning('makes a second replica at once where a volume has one only, a node was removed, or a disk failed', () => {
  const lone = readyCell(3);
  lone.run(creation(1, placementOn(1, null)));
  assert.equal(new Leader(lone).plan(), [], 'not before the first content');
  lone.format();
  assert.equal(new Leader(lone).plan()[0], { kind: 'replaceReplica', volume: volumeIdOf(1), expectEpoch: 1, node: nodeIdOf(2), replaces: null });
  const removed = runningCell();
  removed.fence(2);
  removed.run({ kind: 'removeNode', node: nodeIdOf(2) });
  assert.equal(new Leader(removed).kinds(), ['replaceReplica', 'setStandby']);
  const failed = runningCell();
  failed.run({ kind: 'replicaTainted', actor: actorOf(2), volume: volumeIdOf(1) });
  assert.equal(new Leader(failed).plan()[0], { kind: 'replaceReplica', volume: volumeIdOf(1), expectEpoch: 1, node: nodeIdOf(3), replaces: nodeIdOf(2) });
});

planning('makes a failed replica again on its own node when there is no other, after a while', () => {
  const leader = new Leader(runningCell(2));
  leader.cell.run({ kind: 'replicaTainted', actor: actorOf(2), volume: volumeIdOf(1) });
  assert.equal(leader.plan(), []);
  leader.wait(15 * MINUTE_MS);
  assert.equal(leader.plan()[0], { kind: 'replaceReplica', volume: volumeIdOf(1), expectEpoch: 1, node: nodeIdOf(2), replaces: nodeIdOf(2) });
  leader.settle();
  leader.cell.run({ kind: 'replicaWiped', actor: actorOf(2), volume: volumeIdOf(1) });
  leader.settle();
  assert.equal(leader.cell.volume().replicas, [nodeIdOf(1), nodeIdOf(2)]);
  assert.is(leader.cell.instance().standby, nodeIdOf(2));
});

planning('lets one node catch up with two replicas at a time', () => {
  const cell = readyCell(3);
  cell.run(creation(1, placementOn(1, 2), { count: 6 }));
  for (let each = 1; each <= 6; each += 1) {
    cell.started(each);
    cell.format(each);
    cell.expand(2, each);
  }
  const leader = new Leader(cell);
  cell.fence(2);
  leader.wait(15 * MINUTE_MS).settle();
  const moved = (): number => [1, 2, 3, 4, 5, 6].filter((each) => cell.volume(each).replicas.includes(nodeIdOf(3))).length;
  assert.is(moved(), 2);
  for (let each = 1; each <= 6; each += 1) if (cell.volume(each).replicas.includes(nodeIdOf(3))) cell.expand(3, each);
  leader.settle();
  assert.is(moved(), 4);
});

planning('gives up reservations that a takeover has used, and reserves again when there is room', () => {
  const cell = readyCell(3);
  cell.run(creation(1, placementOn(1, 2), { count: 4 }), creation(11, placementOn(3, 2), { count: 8 }));
  for (const each of [1, 2, 3, 4]) {
    cell.started(each);
    cell.format(each);
    cell.expand(2, each);
  }
  const leader = new Leader(cell);
  cell.fence(1);
  leader.settle();
  const without = (): number => [11, 12, 13, 14, 15, 16, 17, 18].filter((each) => cell.instance(each).standby === null).length;
  assert.is(without(), 4, '512 of 1024 MiB are left for them');
  cell.want('terminated', 1);
  cell.stopped(1);
  leader.settle();
  assert.is(without(), 3);
});

planning('forgets terminated instances after the time that the cell has set', () => {
  const leader = new Leader(runningCell());
  leader.cell.want('terminated');
  leader.cell.stopped();
  assert.equal(leader.wait(60 * MINUTE_MS - 1).plan(), []);
  assert.equal(leader.wait(1).plan(), [{ kind: 'forgetInstances', instances: [instanceIdOf(1)] }]);
});

planning('never plans more than its bound in one call', () => {
  const cell = readyCell(40);
  for (let node = 1; node <= 20; node += 1) {
    cell.run(creation(node * 100, placementOn(node, node + 20), { count: 8 }));
    for (let each = 0; each < 8; each += 1) {
      cell.started(node * 100 + each);
      cell.format(node * 100 + each);
      cell.expand(node + 20, node * 100 + each);
    }
  }
  for (let node = 1; node <= 20; node += 1) cell.fence(node);
  const leader = new Leader(cell);
  assert.is(leader.plan().length, PLAN_COMMANDS_MAX);
  leader.settle();
  assert.is([...cell.state.instances.values()].filter((instance) => instance.phase === 'starting').length, 20 * STARTING_PER_NODE_MAX);
});

planning.run();
