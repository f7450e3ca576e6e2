/** Do traps spring when what they wait for happens, and then only, and do they break what they say? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EntryData } from '../../../shared/ledger/commands.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';
import type { Phase } from '../../sim/coverage.ts';
import { FAULTS, TRAP_KINDS, TRAPS } from '../../sim/kinds.ts';
import { planSeed } from '../../sim/plan.ts';
import type { SimEvent } from '../../sim/plan.ts';
import { Storm } from '../../sim/storm/storm.ts';
import { FINE } from '../../support/virtual-mesh.ts';

const traps = suite('traps');

interface Stage {
  readonly cell: VirtualCell;
  readonly struck: SimEvent[];
  /** Begins a storm of these events. */
  storm(events: readonly Partial<SimEvent>[]): void;
  tend(): void;
}

/** A cell that is ready, and whose storms note what struck. */
async function stage(nodes = 3): Promise<Stage> {
  const struck: SimEvent[] = [];
  const cell: VirtualCell = new VirtualCell({ nodes, seed: 3, onAgentExit: (node) => storm.agentExited(node) });
  const storm = new Storm(cell, { phases: (): readonly Phase[] => [], onStrike: (event) => void struck.push(event), complain: (what) => assert.unreachable(what), mayTerminate: () => true });
  await cell.ready();
  return {
    cell, struck, tend: () => storm.tend(),
    storm: (events) => storm.begin({
      network: FINE, stormMs: 60_000, core: 0, quietMs: 0,
      events: events.map((event) => ({ atMs: 1, kind: 'heldRequest', pick: 0, how: 0.01, forMs: 30_000, ...event })),
    }),
  };
}

traps('hold up the request that they wait for, and nothing else', async () => {
  const { cell, storm, struck } = await stage();
  storm([{ what: 'setDesired' }]);
  await cell.world.advance(10);
  const [instance] = await cell.run(1);
  if (instance === undefined) throw new Error('no instance was made');
  await cell.untilPhase(instance, 'running', 20_000);
  assert.equal(struck, [], 'other commands pass');
  const beganAtMs = cell.world.clock.nowMs();
  await cell.propose({ kind: 'setDesired', instances: [instance], desired: 'stopped', force: true });
  const tookMs = cell.world.clock.nowMs() - beganAtMs;
  assert.ok(tookMs >= 500 && struck.length === 1, `it took ${tookMs} ms, and ${struck.length} sprang`);
});

traps('kill a member in the midst of a save', async () => {
  const { cell, storm, struck } = await stage();
  const leader = cell.leads();
  if (leader === null) throw new Error('nobody leads');
  storm([{ kind: 'saveCrash', what: 'createInstances' }]);
  await cell.world.advance(10);
  assert.equal(struck, []);
  let savedAtMs: number | null = null;
  cell.moments.watch((moment) => {
    if (moment.kind === 'save' && moment.batch.entries?.some((entry) => entry.kind === 'command' && (entry.data as EntryData).command.kind === 'createInstances') === true) savedAtMs ??= cell.world.clock.nowMs();
    return 0;
  });
  cell.askToRun(1).catch(() => undefined); // its leader dies
  await cell.world.until('somebody dies', () => cell.nodeIds.some((node) => !cell.processes(node).agent), 1_000);
  assert.is(struck.length, 1);
  assert.ok(savedAtMs !== null && cell.world.clock.nowMs() - savedAtMs <= 10, 'within the save, or right after it');
  await cell.world.advance(25_000);
  assert.ok(cell.nodeIds.every((node) => cell.processes(node).agent), 'and it comes back');
});

traps('let the answer of a leader that was cut off come from another one', async () => {
  const { cell, storm } = await stage();
  const leader = cell.leads();
  storm([{ kind: 'saveCut', what: 'createInstances' }]);
  await cell.world.advance(10);
  cell.askToRun(1).catch(() => undefined); // whoever it asked is not heard
  await cell.world.until('another leads', () => cell.leader() !== null && cell.leader() !== leader, 20_000);
});

traps('are over when their time is', async () => {
  const { cell, storm, struck } = await stage();
  storm([{ what: 'any', forMs: 100 }]);
  await cell.world.advance(200);
  struck.length = 0;
  let asked = 0;
  cell.moments.watch((moment) => {
    if (moment.kind === 'request') asked += 1;
    return 0;
  });
  await cell.run(1);
  assert.ok(asked > 0);
  assert.equal(struck, []);
});

traps('are in the plans of some seeds, each about something that its kind knows', () => {
  const plans = Array.from({ length: 200 }, (_, seed) => planSeed(seed, { nodes: null, profile: null, hours: 0.2 }));
  const events = plans.flatMap(({ rounds }) => rounds.flatMap((round) => round.events)).filter((event) => event.what !== undefined);
  for (const kind of TRAP_KINDS) {
    const whats = new Set(events.filter((event) => event.kind === kind).map(({ what }) => what ?? ''));
    assert.equal([...whats].toSorted(), [...TRAPS[kind]].toSorted(), kind);
    assert.ok(FAULTS[kind].longestMs > 0, 'it is armed for a while');
  }
});

traps('leave the other faults of a seed as they are', () => {
  const plain = planSeed(7, { nodes: 3, profile: null, hours: 0.1, kinds: ['reset', 'meshCut'] });
  const trapped = planSeed(7, { nodes: 3, profile: null, hours: 0.1, kinds: ['reset', 'meshCut', 'saveCut'], traps: { saveCut: ['vote'] } });
  const timed = trapped.rounds.map(({ events }) => events.filter(({ what }) => what === undefined));
  assert.equal(timed, plain.rounds.map(({ events }) => events));
  assert.ok(trapped.rounds.some(({ events }) => events.some(({ what }) => what === 'vote')));
});

traps('let a mirror restart while nobody answers for its primary', async () => {
  const { cell, storm, struck } = await stage(5);
  const [instance] = await cell.run(1);
  if (instance === undefined) throw new Error('no instance was made');
  await cell.untilPhase(instance, 'running', 20_000);
  const [volume] = [...cell.state().volumes.values()];
  await cell.world.until('two are in sync', () => (cell.state().volumes.get(volume?.id as never)?.inSync.length ?? 0) === 2, 20_000);
  const holder = cell.instance(instance).holder as never;
  const mirror = volume?.replicas.find((node) => node !== holder) as never;
  const { bootId } = cell.room.nodeReport(mirror);
  storm([{ kind: 'frozenHolder', forMs: 5_000 }]);
  await cell.world.advance(8_000);
  assert.is(struck.length, 1);
  assert.not(cell.processes(holder).agent);
  assert.ok(cell.processes(mirror).agent && cell.room.nodeReport(mirror).bootId !== bootId, 'the mirror is back');
  assert.ok(cell.drbd.room?.facts().find((fact) => fact.node === holder)?.isFrozen === true);
  await cell.world.advance(2_000);
  assert.ok(cell.processes(holder).agent);
});

traps('leave the machine of a node on that was removed, for a while', async () => {
  const { cell, storm, tend } = await stage(4);
  await cell.run(1);
  await cell.world.advance(10_000);
  const before = [...cell.nodeIds];
  // How it is removed, and which of those that have nothing but replicas, is in these numbers.
  storm([{ kind: 'nodeRemove', how: 0.01, pick: 0.5, forMs: 25_000 }]);
  const gone = (): typeof before => before.filter((node) => cell.state().nodes.get(node)?.phase === 'removed');
  await cell.world.until('it is removed', () => gone().length === 1, 24_000);
  const [removed] = gone() as [never];
  tend();
  assert.not(cell.nodeIds.includes(removed));
  assert.is.not(cell.room.nodeReport(removed).bootId, null, 'it runs on');
  await cell.world.advance(36_000);
  tend();
  assert.is(cell.room.nodeReport(removed).bootId, null);
});

traps.run();
