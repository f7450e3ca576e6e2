/** Is it told, with evidence, why an instance could safely be started elsewhere? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { instanceAnswer, instancesAnswer, volumesAnswer, whyAnswer } from '../../../shared/wire/rest.ts';
import type { MoveView } from '../../../shared/wire/rest.ts';
import { actorOf, fence, launch, LEASE_STORY, run, takeOver } from './stories.ts';
import { assertForm, call, NODE_1, NODE_2, NODE_3, restBench, USER } from './support.ts';

const why = suite('why');

why('tells of an instance that never moved', async () => {
  const on = restBench();
  const id = launch(on.cell, 1, 'alice', [{ node: NODE_3, reason: 'memory', detail: 'only 64 MiB are left' }]);
  const { status, body } = await call(on, 'GET', `/instances/${id}/why`);
  assert.is(status, 200);
  assertForm(whyAnswer, body);
  assert.match(body.sentence, /runs on node-1 since .*node-2 stands by/);
  assert.is(body.moves.length, 1);
  assert.is(body.moves[0].whySafe, 'It had never run before.');
  assert.equal(body.moves[0].refused, [{ node: 'node-3', reason: 'memory', detail: 'only 64 MiB are left' }]);
  assert.is(body.moves[0].downtimeMsMax, null);
  assert.is(body.waiting, null);
});

why('tells of a takeover: every observation in order, the proof, the start and how long it was down', async () => {
  const on = restBench();
  const id = launch(on.cell, 1);
  fence(on.cell);
  takeOver(on.cell, id, [{ node: NODE_3, reason: 'notInSync', detail: 'it has no replica' }]);
  const { body } = await call(on, 'GET', `/instances/${id}/why`);
  assertForm(whyAnswer, body);
  const move = body.moves.at(-1) as MoveView;
  assert.equal(move.timeline.map((entry) => entry.what), ['lastRenewal', 'suspected', 'probeFailed', 'deadline', 'proofCommitted', 'takenOver', 'startReported']);
  assert.equal(move.timeline.slice(0, 4).map((entry) => entry.afterMs), [0, 2_000, 2_510, 9_000]);
  assert.is(move.timeline.at(-1)?.afterMs, 9_000);
  assert.is(move.downtimeMsMax, 9_000);
  assert.match(move.sentence, /node-2 took it over from node-1; it was down for at most 9\.0 s/);
  assert.match(move.whySafe, /silent for 9\.0 s.*watchdog.*in-sync set/);
  assert.is(move.proof?.kind, 'leaseExpired');
  assert.equal(move.refused.map((one) => one.node), ['node-3']);
});

why('claims no downtime that no leader measured', async () => {
  const on = restBench();
  const id = launch(on.cell, 1);
  fence(on.cell, LEASE_STORY.map((seen) => (seen.what === 'lastRenewal' ? { ...seen, detail: 'none since this leader took office' } : seen)));
  takeOver(on.cell, id);
  const { body } = await call(on, 'GET', `/instances/${id}/why`);
  const move = body.moves.at(-1) as MoveView;
  assert.is(move.downtimeMsMax, null);
  assert.match(move.sentence, /9\.0 s passed from when node-2 began to lead to the start/);
  assert.match(move.timeline[0]?.sentence ?? '', /without having heard node-1/);
});

why('tells what is known while an instance waits for its next holder', async () => {
  const on = restBench();
  const id = launch(on.cell, 1);
  fence(on.cell);
  const { body } = await call(on, 'GET', `/instances/${id}/why`);
  assert.is(body.instance.phase, 'takeover');
  assert.match(body.waiting.sentence, /node-1 is dead: .*watchdog/);
  assert.is(body.waiting.timeline.at(-1).what, 'proofCommitted');
});

why('says what a start waits for, here and in the list', async () => {
  const on = restBench();
  const id = launch(on.cell, 1);
  fence(on.cell);
  run(
    on.cell,
    { kind: 'takeOver', instance: id, expectGeneration: 1, from: actorOf(NODE_1), placement: { ...actorOf(NODE_2), standby: null, refused: [] } },
    { kind: 'reportDelayed', actor: actorOf(NODE_2), instance: id, generation: 2, message: 'its disk cannot be attached' },
  );
  const { body } = await call(on, 'GET', `/instances/${id}/why`);
  assert.match(body.sentence, /is being started on node-2 since .*Its disk cannot be attached\./);
  assert.equal((await call(on, 'GET', `/instances/${id}`)).body.instance.reason, { code: 'pending', message: 'its disk cannot be attached' });
});

why('is not told to those whose instance it is not', async () => {
  const on = restBench();
  const id = launch(on.cell, 1, 'alice');
  const own = launch(on.cell, 2, 'bob');
  assert.is((await call(on, 'GET', `/instances/${id}/why`, { as: USER })).status, 404);
  assert.is((await call(on, 'GET', `/instances/${id}`, { as: USER })).status, 404);
  assert.is((await call(on, 'GET', `/instances/${own}/why`, { as: USER })).status, 200);
});

why('is not found for instances that there are not', async () => {
  for (const id of ['i-00000000000000077', 'i-no', '..%2f..']) {
    const { status, body } = await call(restBench(), 'GET', `/instances/${id}/why`);
    assert.is(status, 404, id);
    assert.is(body.error.code, 'NotFound');
  }
});

const instances = suite('instances');

instances('are listed in the order they were launched, with the words of EC2 and ours', async () => {
  const on = restBench();
  const first = launch(on.cell, 7);
  const second = launch(on.cell, 3, 'bob');
  const { body } = await call(on, 'GET', '/instances');
  assertForm(instancesAnswer, body);
  assert.equal(body.instances.map((one: { id: string }) => one.id), [first, second]);
  assert.is(body.instances[0].state, 'running');
  assert.equal(body.instances[0].tags, { Name: 'web-7' });
  const one = await call(on, 'GET', `/instances/${first}`);
  assertForm(instanceAnswer, one.body);
  assert.is(one.body.instance.holder, 'node-1');
});

instances('of others do not exist for a user', async () => {
  const on = restBench();
  launch(on.cell, 1, 'alice');
  const own = launch(on.cell, 2, 'bob');
  assert.equal((await call(on, 'GET', '/instances', { as: USER })).body.instances.map((one: { id: string }) => one.id), [own]);
  assert.equal((await call(on, 'GET', '/volumes', { as: USER })).body.volumes.map((one: { instance: string }) => one.instance), [own]);
});

instances('have volumes with replicas, and lose redundancy with a node', async () => {
  const on = restBench();
  launch(on.cell, 1);
  const { body } = await call(on, 'GET', '/volumes');
  assertForm(volumesAnswer, body);
  assert.equal(body.volumes[0].inSync, ['node-1', 'node-2']);
  assert.is(body.volumes[0].isDegraded, false);
});

why.run();
instances.run();
