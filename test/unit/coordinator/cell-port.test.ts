/** Is a request of a user made exactly once, whatever becomes of the leader? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCellPort, IN_FLIGHT_MAX, WAITING_MAX } from '../../../coordinator/cell-port.ts';
import type { CellPortOptions } from '../../../coordinator/cell-port.ts';
import { ClusterError } from '../../../shared/errors.ts';
import { parseMemberId, parseReservationId } from '../../../shared/ids.ts';
import type { MemberId } from '../../../shared/ids.ts';
import type { LedgerStatus } from '../../../shared/ledger/replicated-log.ts';
import type { IntentAnswer, RunInstancesIntent } from '../../../shared/wire/intent.ts';
import { VirtualNetwork } from '../../support/virtual-mesh.ts';
import type { VirtualMesh } from '../../support/virtual-mesh.ts';
import { VirtualWorld } from '../../support/virtual-world.ts';
import { creation, IMAGE, instanceIdOf, placementOn, runningCell, volumeIdOf } from '../shared/ledger/test-cell.ts';
import type { TestCell } from '../shared/ledger/test-cell.ts';

const SELF = parseMemberId('coordinator-1');
const LEADER = parseMemberId('node-1');
const OTHER = parseMemberId('node-2');

/** Instance number 9. */
const INTENT: RunInstancesIntent = {
  kind: 'runInstances', reservation: parseReservationId(`r-${'9'.padStart(17, '0')}`), environment: 'default', clientToken: null, requestHash: 'hash', image: IMAGE, type: 't1.micro',
  vcpus: 1, memoryMiB: 128, diskBytes: 1024 ** 3, keyName: null, userData: null, tags: {}, terminationProtected: false, shutdownBehavior: 'stop', minCount: 1,
  ids: [{ instance: instanceIdOf(9), volume: volumeIdOf(9) }], dryRun: false,
};
const CREATED: IntentAnswer = { kind: 'created', index: 7, instances: [instanceIdOf(9)] };

class Bench {
  readonly world = new VirtualWorld(1);
  readonly network = new VirtualNetwork(this.world);
  readonly mesh: VirtualMesh = this.network.join(SELF);
  readonly cell: TestCell = runningCell(3);
  leader: MemberId | null = LEADER;
  readonly waited: number[] = [];
  readonly asked: MemberId[] = [];
  readonly port;

  constructor() {
    const status = (): LedgerStatus => ({ member: SELF, role: 'subscriber', term: 1, leader: this.leader, appliedIndex: 1, commitIndex: 1, voters: [], learners: [] });
    const log: CellPortOptions['log'] = {
      status, state: () => this.cell.state, subscribe: () => () => undefined, onStatus: () => () => undefined,
      readFresh: () => Promise.resolve(this.cell.state),
      propose: (command) => Promise.resolve({ index: 11, result: this.cell.apply(command) }),
      waitApplied: (index) => {
        this.waited.push(index);
        return Promise.resolve();
      },
    };
    this.port = createCellPort({ world: this.world, mesh: this.mesh, log, projection: { state: () => this.cell.state, isStale: () => this.leader === null } });
  }

  /** A member that answers intents as told. */
  answering(member: MemberId, answer: () => Promise<IntentAnswer>): void {
    this.network.join(member).serve('intent', async () => {
      this.asked.push(member);
      return await answer();
    });
  }

  async finish<Value>(promise: Promise<Value>): Promise<Value> {
    let isDone = false;
    const watched = promise.finally(() => {
      isDone = true;
    });
    watched.catch(() => undefined);
    await this.world.until('the promise settles', () => isDone, 30_000);
    return await watched;
  }
}

const failed = (code: string): Promise<IntentAnswer> => Promise.reject(new ClusterError(code, code, { retryable: true }));

const port = suite('cell port');

port('hands a request to the leader', async () => {
  const bench = new Bench();
  bench.answering(LEADER, () => Promise.resolve(CREATED));
  assert.equal(await bench.finish(bench.port.runInstances(INTENT)), CREATED);
  assert.equal(bench.asked, [LEADER]);
});

port('waits for a leader, and follows a change of leader', async () => {
  const bench = new Bench();
  bench.leader = null;
  bench.answering(LEADER, () => failed('NotLeader'));
  bench.answering(OTHER, () => Promise.resolve(CREATED));
  bench.world.timers.after(1_000, () => {
    bench.leader = LEADER;
  });
  bench.world.timers.after(2_000, () => {
    bench.leader = OTHER;
  });
  assert.equal(await bench.finish(bench.port.runInstances(INTENT)), CREATED);
  assert.ok(bench.asked.includes(LEADER));
  assert.is(bench.asked.at(-1), OTHER);
});

port('tells what an attempt without an answer created, instead of a refusal by its traces', async () => {
  const bench = new Bench();
  let attempt = 0;
  bench.answering(LEADER, async () => {
    attempt += 1;
    if (attempt === 1) {
      bench.cell.run(creation(9, placementOn(1, 2)));
      return await failed('LedgerTimeout');
    }
    const { kind: _kind, minCount: _min, ids: _ids, dryRun: _dry, ...launch } = INTENT;
    const result = bench.cell.apply({ kind: 'createInstances', ...launch, instances: [{ id: instanceIdOf(9), volume: volumeIdOf(9), placement: placementOn(1, 2) }] });
    return result.kind === 'rejected' ? { kind: 'rejected', result } : CREATED;
  });
  const answer = await bench.finish(bench.port.runInstances(INTENT));
  assert.is(attempt, 2);
  assert.equal(answer, { kind: 'created', index: bench.cell.instance(9).launchIndex, instances: [instanceIdOf(9)] });
});

port('tells of no capacity when nothing came of the attempt without an answer', async () => {
  const bench = new Bench();
  let attempt = 0;
  bench.answering(LEADER, () => {
    attempt += 1;
    return attempt === 1 ? failed('PeerTimeout') : Promise.resolve({ kind: 'noCapacity', refused: [] });
  });
  assert.equal(await bench.finish(bench.port.runInstances(INTENT)), { kind: 'noCapacity', refused: [] });
});

port('gives up at its deadline, and says whether it may have happened', async () => {
  for (const [code, expected] of [['NotLeader', 'NoLeader'], ['LedgerTimeout', 'LedgerTimeout']] as const) {
    const bench = new Bench();
    bench.answering(LEADER, () => failed(code));
    const startedAtMs = bench.world.clock.nowMs();
    try {
      await bench.finish(bench.port.runInstances(INTENT));
      assert.unreachable();
    } catch (error) {
      assert.instance(error, ClusterError);
      assert.is((error as ClusterError).code, expected);
      assert.is((error as ClusterError).retryable, true);
    }
    const tookMs = bench.world.clock.nowMs() - startedAtMs;
    assert.ok(tookMs >= 10_000 && tookMs < 11_000, `${tookMs} ms`);
  }
});

port('does not ask again after a refusal for good', async () => {
  const bench = new Bench();
  bench.answering(LEADER, () => Promise.reject(new ClusterError('NotAuthorised', 'no coordinator', { retryable: false })));
  try {
    await bench.finish(bench.port.runInstances(INTENT));
    assert.unreachable();
  } catch (error) {
    assert.is((error as ClusterError).code, 'NotAuthorised');
  }
  assert.is(bench.asked.length, 1);
});

port('reads what it wrote: fresh waits for the newest own entry, or a newer one that is asked for', async () => {
  const bench = new Bench();
  await bench.port.fresh();
  assert.equal(bench.waited, []);
  bench.answering(LEADER, () => Promise.resolve(CREATED));
  await bench.finish(bench.port.runInstances(INTENT));
  await bench.port.fresh();
  await bench.port.fresh(9);
  await bench.port.fresh(3);
  await bench.port.propose({ kind: 'cordonNode', node: 'node-3' as never, cordoned: true });
  await bench.port.fresh();
  assert.equal(bench.waited, [7, 9, 7, 11]);
});

port('asks the holder for a console, and nobody where nobody holds it', async () => {
  const bench = new Bench();
  const holder = bench.network.join(parseMemberId('node-1'));
  holder.serve('console', async (_from, body) => await Promise.resolve({ text: `of ${(body as { instance: string }).instance}` }));
  assert.equal(await bench.finish(bench.port.console(instanceIdOf(1))), { text: `of ${instanceIdOf(1)}` });
  assert.equal(await bench.finish(bench.port.console(instanceIdOf(5))), { text: '' });
});

port('lets so many requests go to the leader at once, and the next one when one has its answer', async () => {
  const bench = new Bench();
  const answers: ((answer: IntentAnswer) => void)[] = [];
  bench.answering(LEADER, () => new Promise((resolve) => void answers.push(resolve)));
  const asked = Array.from({ length: IN_FLIGHT_MAX + 2 }, () => bench.port.runInstances(INTENT));
  await bench.world.advance(100);
  assert.is(bench.asked.length, IN_FLIGHT_MAX);
  answers[0]?.(CREATED);
  await bench.world.advance(100);
  assert.is(bench.asked.length, IN_FLIGHT_MAX + 1);
  assert.equal(await asked[0], CREATED);
  for (let turn = 0; turn < 2; turn += 1) {
    for (const answer of answers) answer(CREATED);
    await bench.world.advance(100);
  }
  assert.is((await Promise.all(asked)).length, IN_FLIGHT_MAX + 2);
});

port('says that nothing was asked when a turn does not come in time', async () => {
  const bench = new Bench();
  bench.answering(LEADER, () => new Promise(() => undefined));
  const held = Array.from({ length: IN_FLIGHT_MAX }, () => bench.port.runInstances(INTENT).catch(() => null));
  const late = bench.port.propose({ kind: 'setTags', instances: [instanceIdOf(1)], set: {}, remove: [] }).then(() => null, (error: unknown) => error);
  await bench.world.advance(30_000);
  const error = await late;
  assert.is(error instanceof ClusterError && error.code, 'LeaderBusy');
  assert.is((await Promise.all(held)).length, IN_FLIGHT_MAX);
});

port('refuses at once when too many wait already, and lets in again when they are gone', async () => {
  const bench = new Bench();
  bench.answering(LEADER, () => new Promise(() => undefined));
  const held = Array.from({ length: IN_FLIGHT_MAX + WAITING_MAX }, () => bench.port.runInstances(INTENT).catch(() => null));
  const beganMs = bench.world.clock.nowMs();
  const error: unknown = await bench.port.runInstances(INTENT).then(() => null, (thrown: unknown) => thrown);
  assert.is(error instanceof ClusterError && error.code, 'LeaderBusy');
  assert.is(bench.world.clock.nowMs(), beganMs, 'nobody had to wait for the refusal');
  await bench.world.advance(30_000);
  assert.is((await Promise.all(held)).length, IN_FLIGHT_MAX + WAITING_MAX);
  bench.answering(LEADER, () => Promise.resolve(CREATED));
  assert.equal(await bench.finish(bench.port.runInstances(INTENT)), CREATED);
});

port('asks a busy leader more and more rarely', async () => {
  const bench = new Bench();
  bench.answering(LEADER, () => failed('LeaderBusy'));
  const asked = bench.port.runInstances(INTENT).catch((error: unknown) => error);
  await bench.world.advance(12_000);
  assert.ok(bench.asked.length >= 5 && bench.asked.length <= 14, `asked ${bench.asked.length} times in ten seconds`);
  assert.is((await asked as ClusterError).code, 'NoLeader', 'nothing was created');
});

port.run();
