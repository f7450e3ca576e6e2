import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Command } from '../../../../shared/ledger/commands.ts';
import { actorOf, bootIdOf, creation, instanceIdOf, nodeIdOf, placementOn, readyCell, runningCell, volumeIdOf } from './test-cell.ts';
import type { TestCell } from './test-cell.ts';

const instances = suite('an instance in the ledger');

const desired = (want: 'running' | 'stopped' | 'terminated', ids = [1], force = false): Command => ({ kind: 'setDesired', instances: ids.map(instanceIdOf), desired: want, force });
const restart = (...ids: number[]): Command => ({ kind: 'restartInstances', instances: ids.map(instanceIdOf) });
const started = (node: number, generation: number, boot = 1): Command => ({ kind: 'reportStarted', actor: actorOf(node, boot), instance: instanceIdOf(1), generation });
const stopped = (node: number, generation: number, boot = 1): Command => ({ kind: 'reportStopped', actor: actorOf(node, boot), instance: instanceIdOf(1), generation, cause: 'asked', detail: '' });
const place = (node: number, expectGeneration: number, standby: number | null = null): Command => ({ kind: 'placeInstance', instance: instanceIdOf(1), expectGeneration, placement: placementOn(node, standby) });

/** Instance 1 in each phase a client can meet. */
const PHASES: Readonly<Record<string, () => TestCell>> = {
  starting: () => {
    const cell = readyCell();
    cell.run(creation(1, placementOn(1, 2)));
    return cell;
  },
  running: () => runningCell(),
  stopping: () => after(runningCell(), (cell) => cell.want('stopped')),
  stopped: () => after(PHASES['stopping']?.(), (cell) => cell.stopped()),
  takeover: () => after(runningCell(), (cell) => cell.fence(1)),
  crashBackoff: () => after(runningCell(), (cell) => {
    cell.stopped(1, 'domainLost');
    cell.run(place(1, 1, 2));
    cell.stopped(1, 'startFailed');
  }),
  'shutting-down': () => after(runningCell(), (cell) => cell.want('terminated')),
  terminated: () => after(PHASES['shutting-down']?.(), (cell) => cell.stopped()),
};

function after(cell: TestCell | undefined, act: (cell: TestCell) => void): TestCell {
  if (cell === undefined) return assert.unreachable('no cell') as never;
  act(cell);
  return cell;
}

const OUTCOMES: readonly (readonly [string, 'running' | 'stopped' | 'terminated' | 'reboot', string])[] = [
  ['starting', 'running', 'starting'], ['running', 'running', 'running'], ['stopping', 'running', 'wrongState'], ['stopped', 'running', 'stopped'],
  ['takeover', 'running', 'takeover'], ['crashBackoff', 'running', 'crashBackoff'], ['shutting-down', 'running', 'wrongState'], ['terminated', 'running', 'wrongState'],
  ['starting', 'stopped', 'stopping'], ['running', 'stopped', 'stopping'], ['stopping', 'stopped', 'stopping'], ['stopped', 'stopped', 'stopped'],
  ['takeover', 'stopped', 'stopped'], ['crashBackoff', 'stopped', 'stopped'], ['shutting-down', 'stopped', 'wrongState'], ['terminated', 'stopped', 'wrongState'],
  ['starting', 'terminated', 'stopping'], ['running', 'terminated', 'stopping'], ['stopping', 'terminated', 'stopping'], ['stopped', 'terminated', 'terminated'],
  ['takeover', 'terminated', 'terminated'], ['crashBackoff', 'terminated', 'terminated'], ['shutting-down', 'terminated', 'stopping'], ['terminated', 'terminated', 'terminated'],
  ['starting', 'reboot', 'wrongState'], ['running', 'reboot', 'running'], ['stopping', 'reboot', 'wrongState'], ['stopped', 'reboot', 'wrongState'],
  ['takeover', 'reboot', 'wrongState'], ['shutting-down', 'reboot', 'wrongState'], ['terminated', 'reboot', 'wrongState'],
];

for (const [phase, asked, outcome] of OUTCOMES) {
  instances(`that is ${phase} and shall be ${asked}: ${outcome}`, () => {
    const cell = PHASES[phase]?.();
    if (cell === undefined) return assert.unreachable(phase);
    const command = asked === 'reboot' ? restart(1) : desired(asked);
    if (outcome === 'wrongState') cell.refuse('wrongState', command);
    else {
      cell.run(command);
      assert.is(cell.instance().phase, outcome);
      if (asked !== 'reboot') assert.is(cell.instance().desired, asked);
    }
  });
}

instances('is changed together with the others of the request, or none is', () => {
  const cell = runningCell();
  cell.run(creation(2, placementOn(1, 2)));
  cell.refuse('unknownInstance', desired('stopped', [1, 9]));
  cell.want('terminated', 2);
  cell.refuse('wrongState', desired('stopped', [1, 2]));
  assert.is(cell.instance().desired, 'running');
  cell.run(desired('terminated', [1, 2, 1]));
});

instances('that is protected is not terminated, and can lose its protection', () => {
  const cell = runningCell();
  cell.run({ kind: 'setAttributes', instance: instanceIdOf(1), terminationProtected: true });
  cell.refuse('terminationProtected', desired('terminated'));
  cell.run({ kind: 'setAttributes', instance: instanceIdOf(1), terminationProtected: false, shutdownBehavior: 'terminate' });
  assert.is(cell.instance().shutdownBehavior, 'terminate');
  cell.run(desired('terminated'));
  cell.refuse('unknownInstance', { kind: 'setAttributes', instance: instanceIdOf(7), terminationProtected: true });
});

instances('runs when its holder says so, in this boot and generation', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2)));
  cell.refuse('notHolder', started(2, 1));
  cell.refuse('notHolder', started(1, 1, 2));
  cell.refuse('staleGeneration', started(1, 2));
  cell.refuse('unknownInstance', { ...started(1, 1), instance: instanceIdOf(5) });
  cell.run(started(1, 1));
  assert.is(cell.instance().phase, 'running');
  assert.is(cell.instance().moves[0]?.startedIndex, cell.index);
  cell.told();
  cell.run(started(1, 1));
  assert.equal(cell.told(), []);
});

instances('says why its start takes its time, on the word of its holder, once for each reason and until it runs', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2)));
  cell.told();
  const delayed = (message: string, node = 1, generation = 1): Command => ({ kind: 'reportDelayed', actor: actorOf(node), instance: instanceIdOf(1), generation, message });
  cell.refuse('notHolder', delayed('no', 2));
  cell.refuse('staleGeneration', delayed('no', 1, 2));
  cell.refuse('unknownInstance', { ...delayed('no'), instance: instanceIdOf(5) });
  cell.refuse('invalidParameter', delayed(''));
  cell.refuse('invalidParameter', delayed('x'.repeat(301)));
  cell.run(delayed('its disk is away'), delayed('its disk is away'));
  assert.equal(cell.instance().reason, { code: 'pending', message: 'its disk is away' });
  assert.equal(cell.told(), ['instanceDelayed']);
  cell.run(delayed('its disk is back'), started(1, 1));
  assert.is(cell.instance().reason, null);
  cell.refuse('wrongState', delayed('too late'));
});

instances('does not run on the word of a holder that was fenced or stopped', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2)));
  cell.want('stopped');
  cell.refuse('wrongState', started(1, 1));
  cell.stopped();
  cell.refuse('notHolder', started(1, 1));
  const other = readyCell();
  other.run(creation(1, placementOn(1, 2)));
  other.fence(1);
  other.refuse('fenced', started(1, 1));
  other.refuse('fenced', stopped(1, 1));
});

instances('gives its right back when it is stopped, and keeps its node as the preferred one', () => {
  const cell = PHASES['stopped']?.() ?? runningCell();
  assert.is(cell.instance().holder, nodeIdOf(1));
  assert.is(cell.instance().holderBootId, null);
  assert.is(cell.volume().holder, null);
  assert.is(cell.state.usage.get(nodeIdOf(1))?.memoryMiB, 0);
  assert.is(cell.state.usage.get(nodeIdOf(2))?.reservedMiB.size, 0);
  cell.refuse('notHolder', stopped(1, 1));
});

instances('may be reported stopped by a boot that is about to be fenced', () => {
  const cell = runningCell();
  cell.run({ kind: 'intendFence', node: nodeIdOf(1), bootId: bootIdOf(1), byPower: false, atMs: 0, reason: 'slow' });
  cell.run(stopped(1, 1));
  assert.is(cell.instance().phase, 'stopped');
  cell.fence(1);
  assert.is(cell.instance().phase, 'stopped');
});

instances('that the guest shut down is stopped or terminated, as its owner chose', () => {
  const cell = runningCell();
  cell.stopped(1, 'guestStopped');
  assert.is(cell.instance().desired, 'stopped');
  assert.is(cell.instance().phase, 'stopped');
  assert.is(cell.instance().reason?.code, 'Client.InstanceInitiatedShutdown');
  const other = runningCell();
  other.run({ kind: 'setAttributes', instance: instanceIdOf(1), shutdownBehavior: 'terminate' });
  other.stopped(1, 'guestStopped');
  assert.is(other.instance().phase, 'terminated');
});

instances('that loses its domain is to be placed again at once, and from the second time on later', () => {
  const cell = runningCell();
  cell.stopped(1, 'domainLost');
  assert.is(cell.instance().phase, 'stopped');
  assert.is(cell.instance().desired, 'running');
  assert.is(cell.instance().failures, 1);
  cell.run(place(1, 1, 2));
  assert.is(cell.instance().moves.at(-1)?.reason, 'restarted');
  cell.started();
  cell.stopped(1, 'domainLost');
  assert.is(cell.instance().phase, 'crashBackoff');
  assert.is(cell.instance().failures, 2);
  cell.run(place(1, 2, 2));
  cell.refuse('wrongState', { kind: 'clearFailures', instance: instanceIdOf(1), expectGeneration: 3 });
  cell.started();
  cell.refuse('staleGeneration', { kind: 'clearFailures', instance: instanceIdOf(1), expectGeneration: 2 });
  cell.run({ kind: 'clearFailures', instance: instanceIdOf(1), expectGeneration: 3 });
  assert.is(cell.instance().failures, 0);
});

instances('is rebooted in place, or by a stop and a new start', () => {
  const cell = runningCell();
  cell.run(restart(1));
  assert.ok(cell.instance().restarting);
  cell.run(started(1, 1));
  assert.not.ok(cell.instance().restarting);
  assert.equal(cell.told(), ['instanceRestartAsked', 'instanceRestarted']);
  cell.run(restart(1));
  cell.stopped(1, 'asked');
  assert.ok(cell.instance().restarting);
  cell.run(place(1, 1, 2));
  assert.is(cell.instance().moves.at(-1)?.reason, 'restarted');
  cell.started();
  assert.not.ok(cell.instance().restarting);
});

instances('that must stop at once is marked for it', () => {
  const cell = runningCell();
  cell.run(desired('stopped'));
  assert.not.ok(cell.instance().stopForced);
  cell.run(desired('stopped', [1], true));
  assert.ok(cell.instance().stopForced);
  cell.stopped();
  assert.not.ok(cell.instance().stopForced);
});

instances('that is terminated is seen until it is forgotten, and its disks go replica by replica', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2), { token: 'abc', count: 2 }));
  cell.want('terminated');
  cell.stopped();
  assert.ok(cell.volume().deleting);
  cell.refuse('wrongState', { kind: 'replicaWiped', actor: actorOf(1), volume: volumeIdOf(2) });
  cell.run({ kind: 'replicaWiped', actor: actorOf(1), volume: volumeIdOf(1) });
  assert.equal(cell.volume().replicas, [nodeIdOf(2)]);
  cell.run({ kind: 'replicaWiped', actor: actorOf(1), volume: volumeIdOf(1) });
  cell.run({ kind: 'replicaWiped', actor: actorOf(2), volume: volumeIdOf(1) });
  assert.is(cell.state.volumes.get(volumeIdOf(1)), undefined);
  cell.refuse('unknownVolume', { kind: 'replicaWiped', actor: actorOf(2), volume: volumeIdOf(1) });
  cell.refuse('wrongState', { kind: 'forgetInstances', instances: [instanceIdOf(1), instanceIdOf(2)] });
  cell.run({ kind: 'forgetInstances', instances: [instanceIdOf(1)] });
  assert.is(cell.state.instances.size, 1);
  assert.is(cell.state.tokens.size, 1, 'its token answers for the other one');
  cell.want('terminated', 2);
  cell.stopped(2);
  cell.run({ kind: 'forgetInstances', instances: [instanceIdOf(1), instanceIdOf(2)] });
  assert.is(cell.state.tokens.size, 0);
});

instances('takes tags within the limits of EC2', () => {
  const cell = runningCell();
  const tag = (set: Record<string, string>, remove: { key: string; value: string | null }[] = []): Command => ({ kind: 'setTags', instances: [instanceIdOf(1)], set, remove });
  cell.run(tag({ Name: 'web', constructor: 'x' }));
  assert.equal({ ...cell.instance().tags }, { Name: 'web', constructor: 'x' });
  cell.run(tag({}, [{ key: 'Name', value: 'db' }, { key: 'constructor', value: null }]));
  assert.equal(cell.instance().tags, { Name: 'web' });
  cell.run(tag({ Name: 'db' }, [{ key: 'Name', value: 'web' }]));
  assert.equal(cell.instance().tags, { Name: 'db' });
  cell.refuse('invalidParameter', tag({ 'AWS:x': '' }));
  cell.refuse('invalidParameter', tag({ '': '' }));
  cell.refuse('invalidParameter', tag({ ['k'.repeat(129)]: '' }));
  cell.refuse('invalidParameter', tag({ k: 'v'.repeat(257) }));
  cell.refuse('tooManyTags', tag(Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`k${at}`, '']))));
  cell.run(tag({ ['k'.repeat(128)]: 'v'.repeat(256) }));
  cell.refuse('unknownInstance', { ...tag({}), instances: [instanceIdOf(9)] });
});

instances.run();
