import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { apply } from '../../../../shared/ledger/apply.ts';
import { EVENT_KINDS } from '../../../../shared/model/event-kinds.ts';
import { IMAGE_RECORD, creation, instanceIdOf, placementOn, readyCell, runningCell, TestCell } from './test-cell.ts';

const fleet = suite('the cell as a whole');

fleet('takes parameters within their bounds, all of a change or none', () => {
  const cell = new TestCell();
  cell.run({ kind: 'setParameters', change: { rebuildAfterMs: 60_000, powerFenceShare: 0.5 } });
  assert.is(cell.state.parameters.rebuildAfterMs, 60_000);
  assert.equal(cell.told(), ['parametersChanged']);
  cell.refuse('invalidParameter', { kind: 'setParameters', change: { rebuildAfterMs: 999, powerFencing: false } });
  cell.refuse('invalidParameter', { kind: 'setParameters', change: { forgetTerminatedAfterMs: 1 } });
  cell.refuse('invalidParameter', { kind: 'setParameters', change: { powerFenceShare: 1.01 } });
  cell.refuse('invalidParameter', { kind: 'setParameters', change: { profile: 'turbo' } });
  cell.refuse('invalidParameter', { kind: 'setParameters', change: { speed: 1 } });
  assert.ok(cell.state.parameters.powerFencing);
  cell.run({ kind: 'setParameters', change: { rebuildAfterMs: 60_000 } });
  assert.equal(cell.told(), []);
});

fleet('knows each image by its content', () => {
  const cell = new TestCell();
  cell.run({ kind: 'registerImage', image: IMAGE_RECORD }, { kind: 'registerImage', image: IMAGE_RECORD });
  assert.equal(cell.told(), ['imageRegistered']);
  cell.refuse('duplicateId', { kind: 'registerImage', image: { ...IMAGE_RECORD, digest: 'cd'.repeat(32) } });
});

fleet('refuses whatever is no command, and says where it is wrong', () => {
  const cell = runningCell();
  const valid = creation(2, placementOn(1, 2));
  for (const wrong of [
    null, undefined, 7, 'x', [], {}, { kind: 'explode' }, { kind: 'constructor' }, { kind: 'readyNode' }, { kind: 'readyNode', actor: { node: 'Node 1', bootId: 'x' } },
    { ...valid, extra: 1 }, { ...valid, memoryMiB: '128' }, { ...valid, memoryMiB: NaN }, { ...valid, memoryMiB: 1.5 }, { ...valid, vcpus: -1 }, { ...valid, instances: [] },
    { ...valid, tags: { a: 1 } }, { ...valid, tags: [] }, { ...valid, tags: JSON.parse('{"__proto__":"x"}') }, { ...valid, userData: 'x'.repeat(30_000) },
    { kind: 'setDesired', instances: [instanceIdOf(1)], desired: 'paused', force: false }, { kind: 'setDesired', instances: [], desired: 'running', force: false },
    { kind: 'forgetInstances', instances: Array.from({ length: 1001 }, (_, at) => instanceIdOf(at)) },
  ]) cell.refuse('invalidParameter', wrong);
  const result = cell.apply({ ...valid, placement: 1, instances: [{ id: 'i-1' }] });
  assert.match(result.kind === 'rejected' ? result.message : '', /instances\.0\.id|placement/);
});

fleet('refuses entries that are no entries', () => {
  const { state } = readyCell();
  for (const data of [null, {}, { command: { kind: 'readyNode' }, at: 1, by: 'node-1' }, { command: {}, at: '', by: 'NOBODY' }]) {
    const applied = apply(state, { index: 1, term: 1, data: data as never });
    assert.is(applied.result.kind, 'rejected');
    assert.is(applied.state, state);
  }
});

fleet('numbers the events of an entry, with its time', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2), { count: 2 }));
  assert.equal(cell.events.map((event) => [event.index, event.ordinal, event.at]), [[cell.index, 0, `at ${cell.index}`], [cell.index, 1, `at ${cell.index}`]]);
  assert.ok(cell.events.every((event) => event.message.endsWith('.')));
});

fleet('has each kind of event once', () => {
  assert.is(new Set(EVENT_KINDS).size, EVENT_KINDS.length);
});

fleet.run();
