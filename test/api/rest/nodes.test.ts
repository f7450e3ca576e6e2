/** What does REST tell of nodes, and what may an operator do to them? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { committedAnswer, nodesAnswer, nodeView } from '../../../shared/wire/rest.ts';
import { bootIdOf, fence, launch, run, actorOf } from './stories.ts';
import { assertForm, call, NODE_1, NODE_2, NODE_3, restBench } from './support.ts';

const nodes = suite('nodes');

const NEW_NODE = {
  id: 'node-9', peerId: 'peer-9', meshAddress: '/ip4/127.0.0.1/tcp/4009', leaseAddress: '127.0.0.1:5009', leaseKey: 'a2V5', storageAddress: '127.0.0.1',
  failureDomain: 'rack-9', power: { kind: 'none', address: '' },
};

nodes('are listed with their place in the ledger and what is promised on them', async () => {
  const on = restBench();
  launch(on.cell, 1);
  const { status, body } = await call(on, 'GET', '/nodes');
  assert.is(status, 200);
  assertForm(nodesAnswer, body);
  assert.equal(body.nodes.map((node: { id: string; phase: string; roles: string[] }) => [node.id, node.phase, node.roles.join()]), [
    ['node-1', 'active', 'leader,voter'], ['node-2', 'active', 'voter'], ['node-3', 'active', 'voter'],
  ]);
  assert.is(body.nodes[0].usage.instances, 1);
  assert.is(body.nodes[0].usage.memoryMiB, 128);
  assert.is(body.nodes[1].usage.replicas, 1);
  assert.is(body.asOf.isStale, false);
});

nodes('are shown with health and suspicion of their present boot only', async () => {
  const on = restBench();
  const gossip = (node: typeof NODE_1, bootId: string) => ({
    gossip: { node, bootId, sequence: 1, freeMemoryMiB: 900, freeDiskBytes: 5, load: 0.1, loopDelayMsMax: 3, unreachable: ['node-3'], running: [], volumes: [] }, ageMs: 1234.6,
  });
  on.fleet.heard.set(NODE_1, gossip(NODE_1, bootIdOf(NODE_1)));
  on.fleet.heard.set(NODE_2, gossip(NODE_2, 'ffffffff-0000-4000-8000-000000000000'));
  on.fleet.sights = new Map([[NODE_3, { suspect: { phase: 'suspect', silentForMs: 3_000, provenInMs: 6_000 }, renewalAgeMs: 3_000 }]]);
  const { body } = await call(on, 'GET', '/nodes');
  assert.is(body.nodes[0].health.freeMemoryMiB, 900);
  assert.is(body.nodes[0].health.ageMs, 1235);
  assert.is(body.nodes[1].health, null);
  assert.equal(body.nodes[2].suspect, { phase: 'suspect', silentForMs: 3_000, provenInMs: 6_000 });
  assert.is(body.nodes[0].suspect, null);
});

nodes('are listed without the leader\'s view when it does not answer', async () => {
  const on = restBench();
  on.fleet.sights = null;
  const { status, body } = await call(on, 'GET', '/nodes');
  assert.is(status, 200);
  assert.is(body.nodes[0].suspect, null);
});

nodes('show the proof of their death', async () => {
  const on = restBench();
  fence(on.cell);
  const { body } = await call(on, 'GET', '/nodes/node-1');
  assertForm(nodeView, body);
  assert.is(body.phase, 'fenced');
  assert.is(body.fence.kind, 'leaseExpired');
  assert.is(body.fence.observations.length, 4);
});

nodes('are in the order of their numbers', async () => {
  const on = restBench();
  run(on.cell, ...['node-10', 'node-4'].map((id) => ({ kind: 'admitNode', node: { ...NEW_NODE, id, peerId: id } }) as never));
  const { body } = await call(on, 'GET', '/nodes');
  assert.equal(body.nodes.map((node: { id: string }) => node.id), ['node-1', 'node-2', 'node-3', 'node-4', 'node-10']);
});

nodes('are admitted, and the same again changes only what differs', async () => {
  const on = restBench();
  const first = await call(on, 'POST', '/nodes', { body: NEW_NODE });
  assert.is(first.status, 200);
  assertForm(committedAnswer, first.body);
  assert.is((await call(on, 'POST', '/nodes', { body: { ...NEW_NODE, meshAddress: '/ip4/127.0.0.1/tcp/4010' } })).status, 200);
  const { body } = await call(on, 'GET', '/nodes/node-9');
  assert.is(body.phase, 'admitted');
  assert.is(body.meshAddress, '/ip4/127.0.0.1/tcp/4010');
});

nodes('are not admitted with an identity that another one has', async () => {
  const { status, body } = await call(restBench(), 'POST', '/nodes', { body: { ...NEW_NODE, peerId: 'peer-1' } });
  assert.is(status, 409);
  assert.is(body.error.code, 'duplicateId');
});

nodes('are not admitted from a body that says too little or too much', async () => {
  const on = restBench();
  const { peerId: _, ...less } = NEW_NODE;
  const tooLittle = await call(on, 'POST', '/nodes', { body: less });
  assert.is(tooLittle.status, 400);
  assert.match(tooLittle.body.error.message, /peerId/);
  const tooMuch = await call(on, 'POST', '/nodes', { body: { ...NEW_NODE, phase: 'active' } });
  assert.is(tooMuch.status, 400);
  assert.match(tooMuch.body.error.message, /phase/);
  assert.equal(on.cell.proposed, []);
});

nodes('are cordoned, spared, and taken into service again', async () => {
  const on = restBench();
  launch(on.cell, 1);
  assert.is((await call(on, 'POST', '/nodes/node-1/cordon')).status, 200);
  assert.is((await call(on, 'GET', '/nodes/node-1')).body.phase, 'draining');
  assert.is((await call(on, 'POST', '/nodes/node-3/cordon')).status, 200);
  assert.is((await call(on, 'GET', '/nodes/node-3')).body.phase, 'maintenance');
  assert.is((await call(on, 'POST', '/nodes/node-3/uncordon')).status, 200);
  assert.is((await call(on, 'GET', '/nodes/node-3')).body.phase, 'active');
});

nodes('are removed only when nothing depends on them, and are gone then', async () => {
  const on = restBench();
  const refused = await call(on, 'DELETE', '/nodes/node-3');
  assert.is(refused.status, 409);
  assert.is(refused.body.error.code, 'wrongState');
  assert.match(refused.body.error.message, /cordon/);
  run(on.cell, { kind: 'cordonNode', node: NODE_3, cordoned: true });
  assert.is((await call(on, 'DELETE', '/nodes/node-3')).status, 200);
  assert.is((await call(on, 'GET', '/nodes/node-3')).status, 404);
  assert.is((await call(on, 'GET', '/nodes')).body.nodes.length, 2);
});

nodes('that there are not are not found, whatever is asked of them', async () => {
  const on = restBench();
  for (const [method, path] of [['GET', '/nodes/node-77'], ['POST', '/nodes/node-77/cordon'], ['DELETE', '/nodes/node-77'], ['GET', '/nodes/No%20Node']] as const) {
    const { status, body } = await call(on, method, path);
    assert.is(status, 404, `${method} ${path}`);
    assert.type(body.error.message, 'string');
  }
});

nodes('know a boot by its report', () => {
  const on = restBench();
  assert.is(on.cell.state().nodes.get(NODE_1)?.bootId, actorOf(NODE_1).bootId);
});

nodes.run();
