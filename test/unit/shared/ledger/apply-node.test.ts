import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemberId } from '../../../../shared/ids.ts';
import { isFenced, mayAct } from '../../../../shared/model/node.ts';
import { actorOf, admission, bootIdOf, bootOf, creation, nodeIdOf, placementOn, readyCell, runningCell, storeUuidOf, TestCell, volumeIdOf } from './test-cell.ts';

const nodes = suite('a node in the ledger');

nodes('is admitted, boots, and is ready', () => {
  const cell = new TestCell();
  cell.admit(1);
  assert.is(cell.node(1).phase, 'admitted');
  cell.boot(1);
  assert.is(cell.node(1).phase, 'joining');
  assert.is(cell.node(1).incarnation, 1);
  cell.run({ kind: 'readyNode', actor: actorOf(1) });
  assert.is(cell.node(1).phase, 'active');
  assert.equal(cell.told(), ['nodeAdmitted', 'nodeBooted', 'nodeReady']);
});

nodes('that is admitted again changes its addresses only', () => {
  const cell = readyCell(1);
  cell.admit(1, { meshAddress: '/ip4/10.9.9.9/tcp/1' });
  assert.is(cell.node(1).meshAddress, '/ip4/10.9.9.9/tcp/1');
  assert.is(cell.node(1).phase, 'active');
  assert.equal(cell.told(), []);
});

nodes('is not admitted with the peer id or the name of another member', () => {
  const cell = readyCell(1);
  cell.refuse('duplicateId', admission(2, { peerId: 'peer-1' }));
  cell.run({ kind: 'admitCoordinator', coordinator: { id: 'coordinator-1' as MemberId, peerId: 'c', meshAddress: 'm', storeUuid: null } });
  cell.refuse('duplicateId', admission(2, { id: 'coordinator-1' as never }));
  cell.refuse('duplicateId', { kind: 'admitCoordinator', coordinator: { id: 'node-1', peerId: 'x', meshAddress: 'm', storeUuid: null } });
});

nodes('that is unknown cannot boot, be ready, be cordoned, fenced or removed', () => {
  const cell = new TestCell();
  cell.refuse('unknownNode', bootOf(1));
  cell.refuse('unknownNode', { kind: 'readyNode', actor: actorOf(1) });
  cell.refuse('unknownNode', { kind: 'cordonNode', node: 'node-1', cordoned: true });
  cell.refuse('unknownNode', { kind: 'removeNode', node: 'node-1' });
  cell.refuse('unknownNode', { kind: 'intendFence', node: 'node-1', bootId: bootIdOf(1), byPower: false, atMs: 0, reason: '' });
});

nodes('may announce the same boot twice', () => {
  const cell = readyCell(1);
  cell.boot(1);
  assert.is(cell.node(1).phase, 'active');
  assert.is(cell.node(1).incarnation, 1);
});

nodes('that boots anew proves its earlier boot dead, and its instances wait for a holder', () => {
  const cell = runningCell();
  cell.boot(1, 2);
  const node = cell.node(1);
  assert.is(node.phase, 'joining');
  assert.is(node.fence?.kind, 'nodeRebooted');
  assert.is(node.fence?.bootId, bootIdOf(1, 1));
  assert.is(node.fence?.index, cell.index);
  assert.ok(isFenced(node, bootIdOf(1, 1)));
  assert.not.ok(isFenced(node, bootIdOf(1, 2)));
  assert.is(cell.instance().phase, 'takeover');
  assert.is(cell.instance().fence?.kind, 'nodeRebooted');
  assert.is(cell.instance().holderBootId, bootIdOf(1, 1));
  assert.equal(cell.told(), ['nodeBooted', 'nodeFenced', 'instanceLostHolder']);
});

nodes('keeps the older proof when it boots after it was fenced', () => {
  const cell = runningCell();
  cell.fence(1);
  const proof = cell.node(1).fence;
  cell.boot(1, 2);
  assert.equal(cell.node(1).fence, proof);
  assert.ok(mayAct(cell.node(1), bootIdOf(1, 2)));
});

nodes('cannot come back with a boot that is fenced, nor with an earlier one', () => {
  const cell = readyCell(2);
  cell.fence(1);
  cell.refuse('fenced', bootOf(1, 1));
  cell.refuse('fenced', { kind: 'readyNode', actor: actorOf(1) });
  cell.boot(1, 2);
  // A late announcement of boot 1 must not prove boot 2 dead: it runs.
  cell.refuse('staleBoot', bootOf(1, 1));
  assert.is(cell.node(1).bootId, bootIdOf(1, 2));
  cell.refuse('staleBoot', { kind: 'readyNode', actor: actorOf(1, 1) });
});

nodes('cannot come back with a boot that is about to be fenced', () => {
  const cell = readyCell(2);
  cell.run({ kind: 'intendFence', node: nodeIdOf(1), bootId: bootIdOf(1), byPower: false, atMs: 0, reason: 'gone' });
  cell.refuse('fenced', bootOf(1, 1));
});

nodes('that restarted makes an expansion that was seen before too late', () => {
  const cell = runningCell();
  cell.run({ kind: 'shrink', actor: actorOf(1), volume: volumeIdOf(1), generation: 1, reason: 'link down' });
  const { version } = cell.volume();
  cell.boot(2, 2);
  cell.refuse('staleVersion', { kind: 'expand', actor: actorOf(1), volume: volumeIdOf(1), generation: 1, expectVersion: version, replica: nodeIdOf(2) });
});

nodes('that restarted stays in sync: whoever wrote meanwhile says otherwise', () => {
  const cell = runningCell();
  cell.boot(2, 2);
  assert.equal(cell.volume().inSync, [nodeIdOf(1), nodeIdOf(2)]);
});

nodes('that was installed anew leaves the in-sync sets where another replica is left', () => {
  const cell = runningCell();
  const { version } = cell.volume();
  cell.boot(2, 2, { storeUuid: storeUuidOf(2, 2) });
  assert.equal(cell.volume().inSync, [nodeIdOf(1)]);
  assert.is(cell.volume().version, version + 1);
  assert.ok(cell.told().includes('nodeReinstalled'));
});

nodes('that was installed anew keeps the only replica that is in sync', () => {
  const cell = runningCell();
  cell.run({ kind: 'shrink', actor: actorOf(1), volume: volumeIdOf(1), generation: 1, reason: 'link down' });
  cell.boot(1, 2, { storeUuid: storeUuidOf(1, 2) });
  assert.equal(cell.volume().inSync, [nodeIdOf(1)]);
});

nodes('that was installed anew makes every expansion that was seen before too late', () => {
  const cell = runningCell();
  cell.run({ kind: 'shrink', actor: actorOf(1), volume: volumeIdOf(1), generation: 1, reason: 'link down' });
  const { version } = cell.volume();
  cell.boot(2, 2, { storeUuid: storeUuidOf(2, 2) });
  cell.refuse('staleVersion', { kind: 'expand', actor: actorOf(1), volume: volumeIdOf(1), generation: 1, expectVersion: version, replica: nodeIdOf(2) });
});

nodes('that lost its store within one boot keeps its replicas', () => {
  const cell = runningCell();
  cell.boot(2, 1, { storeUuid: storeUuidOf(2, 2) });
  assert.is(cell.node(2).storeUuid, storeUuidOf(2, 2));
  assert.equal(cell.volume().inSync, [nodeIdOf(1), nodeIdOf(2)]);
});

nodes('whose disk failed before it booted is taken out of the in-sync set', () => {
  const cell = runningCell();
  cell.boot(1, 2, { tainted: [volumeIdOf(1), volumeIdOf(77)] });
  assert.equal(cell.volume().inSync, [nodeIdOf(2)]);
  assert.equal(cell.volume().tainted, [nodeIdOf(1)]);
  cell.boot(1, 2, { tainted: [volumeIdOf(1)] });
  assert.equal(cell.volume().tainted, [nodeIdOf(1)]);
});

nodes('is drained when it is cordoned, and maintained when it is empty', () => {
  const cell = runningCell();
  cell.run({ kind: 'cordonNode', node: nodeIdOf(1), cordoned: true });
  assert.is(cell.node(1).phase, 'draining');
  cell.refuse('nodeNotActive', creation(2, placementOn(1, 3)));
  cell.want('stopped');
  cell.stopped();
  assert.is(cell.node(1).phase, 'maintenance');
  cell.run({ kind: 'cordonNode', node: nodeIdOf(1), cordoned: false });
  assert.is(cell.node(1).phase, 'active');
  assert.equal(cell.told().filter((kind) => kind.startsWith('node')), ['nodeCordoned', 'nodeEmptied', 'nodeUncordoned']);
});

nodes('that was cordoned while it was away takes no work when it is ready', () => {
  const cell = readyCell(2);
  cell.fence(1);
  cell.run({ kind: 'cordonNode', node: nodeIdOf(1), cordoned: true });
  cell.start(1, 2);
  assert.is(cell.node(1).phase, 'maintenance');
});

nodes('is removed only when it is fenced or empty, and never comes back', () => {
  const cell = readyCell(2);
  cell.refuse('wrongState', { kind: 'removeNode', node: 'node-1' });
  cell.fence(1);
  cell.run({ kind: 'removeNode', node: nodeIdOf(1) });
  assert.is(cell.node(1).phase, 'removed');
  cell.refuse('wrongState', bootOf(1, 2));
  cell.refuse('wrongState', admission(1));
  cell.refuse('wrongState', { kind: 'cordonNode', node: 'node-1', cordoned: false });
  cell.run({ kind: 'removeNode', node: nodeIdOf(1) });
});

nodes('is not removed with the only replica in sync of a volume', () => {
  const cell = runningCell();
  cell.run({ kind: 'shrink', actor: actorOf(1), volume: volumeIdOf(1), generation: 1, reason: 'link down' });
  cell.fence(1);
  cell.refuse('lastReplica', { kind: 'removeNode', node: 'node-1' });
});

nodes('takes its replicas and standbys with it when it is removed', () => {
  const cell = runningCell();
  cell.fence(2);
  const { epoch } = cell.volume();
  cell.run({ kind: 'removeNode', node: nodeIdOf(2) });
  assert.equal(cell.volume().replicas, [nodeIdOf(1)]);
  assert.equal(cell.volume().inSync, [nodeIdOf(1)]);
  assert.is(cell.volume().epoch, epoch + 1);
  assert.is(cell.instance().standby, null);
  assert.is(cell.state.usage.get(nodeIdOf(2)), undefined);
});

nodes('that was removed stays proven dead for what it held', () => {
  const cell = runningCell();
  cell.fence(1);
  cell.run({ kind: 'removeNode', node: nodeIdOf(1) });
  cell.run({ kind: 'takeOver', instance: cell.instance().id, expectGeneration: 1, from: actorOf(1), placement: placementOn(2, null) });
  assert.is(cell.instance().holder, nodeIdOf(2));
});

nodes.run();
