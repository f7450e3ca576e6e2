import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Command } from '../../../../shared/ledger/commands.ts';
import { GIB } from '../../../../shared/units.ts';
import { actorOf, bootIdOf, creation, instanceIdOf, nodeIdOf, placementOn, readyCell, runningCell, volumeIdOf } from './test-cell.ts';

const volumes = suite('a volume in the ledger');

const VOLUME = volumeIdOf(1);
const shrink = (node: number, generation = 1, boot = 1): Command => ({ kind: 'shrink', actor: actorOf(node, boot), volume: VOLUME, generation, reason: 'link down' });
const expand = (node: number, replica: number, expectVersion: number, generation = 1): Command => ({ kind: 'expand', actor: actorOf(node), volume: VOLUME, generation, expectVersion, replica: nodeIdOf(replica) });
const replace = (node: number, replaces: number | null, expectEpoch = 1): Command => ({ kind: 'replaceReplica', volume: VOLUME, expectEpoch, node: nodeIdOf(node), replaces: replaces === null ? null : nodeIdOf(replaces) });
const taint = (node: number, boot = 1): Command => ({ kind: 'replicaTainted', actor: actorOf(node, boot), volume: VOLUME });
const wiped = (node: number, boot = 1): Command => ({ kind: 'replicaWiped', actor: actorOf(node, boot), volume: VOLUME });

volumes('is shrunk by its holder in its boot and generation only', () => {
  const cell = runningCell();
  cell.refuse('notHolder', shrink(2));
  cell.refuse('notHolder', shrink(1, 1, 2));
  cell.refuse('staleGeneration', shrink(1, 2));
  cell.refuse('unknownVolume', { ...shrink(1), volume: volumeIdOf(5) });
  const { version } = cell.volume();
  assert.equal(cell.run(shrink(1)), { version: version + 1, peersFenced: false });
  assert.equal(cell.volume().inSync, [nodeIdOf(1)]);
  assert.is(cell.volume().degradedSinceIndex, cell.index);
  assert.equal(cell.told(), ['volumeShrunk']);
});

volumes('moves its version on with every shrink, also when nobody leaves', () => {
  const cell = runningCell();
  cell.run(shrink(1));
  const { version, degradedSinceIndex } = cell.volume();
  cell.told();
  cell.run(shrink(1));
  assert.is(cell.volume().version, version + 1);
  assert.is(cell.volume().degradedSinceIndex, degradedSinceIndex);
  assert.equal(cell.told(), []);
});

volumes('tells its holder whether the peer is fenced', () => {
  const cell = runningCell();
  cell.fence(2);
  assert.is((cell.run(shrink(1)) as { peersFenced: boolean }).peersFenced, true);
});

volumes('is not shrunk by a fenced holder, nor by one that is about to be', () => {
  const cell = runningCell();
  cell.run({ kind: 'intendFence', node: nodeIdOf(1), bootId: bootIdOf(1), byPower: false, atMs: 0, reason: 'gone' });
  cell.refuse('fenced', shrink(1));
  cell.fence(1);
  cell.refuse('fenced', shrink(1));
});

volumes('is not shrunk to a replica whose disk failed', () => {
  const cell = runningCell();
  cell.run(taint(1));
  assert.equal(cell.volume().inSync, [nodeIdOf(2)]);
  cell.refuse('notInSync', shrink(1));
});

volumes('expands when the version is still the one that was seen', () => {
  const cell = runningCell();
  cell.run(shrink(1));
  const { version } = cell.volume();
  cell.refuse('staleVersion', expand(1, 2, version - 1));
  cell.refuse('staleVersion', expand(1, 2, version + 1));
  cell.run(shrink(1));
  cell.refuse('staleVersion', expand(1, 2, version));
  cell.run(expand(1, 2, version + 1));
  assert.equal(cell.volume().inSync, [nodeIdOf(1), nodeIdOf(2)]);
  assert.is(cell.volume().version, version + 2);
  assert.is(cell.volume().degradedSinceIndex, null);
  cell.run(expand(1, 2, version + 2));
  assert.is(cell.volume().version, version + 2);
});

volumes('expands on the word of its holder, to a replica that is of use', () => {
  const cell = runningCell();
  cell.run(shrink(1));
  const { version } = cell.volume();
  cell.refuse('notHolder', expand(2, 2, version));
  cell.refuse('staleGeneration', expand(1, 2, version, 2));
  cell.refuse('notInSync', expand(1, 3, version));
  cell.refuse('unknownVolume', { ...expand(1, 2, version), volume: volumeIdOf(5) });
  cell.fence(2);
  cell.refuse('fenced', expand(1, 2, version));
  cell.boot(2, 2, { tainted: [VOLUME] });
  // The restart and the failed disk each move the version on.
  cell.refuse('staleVersion', expand(1, 2, version + 1));
  cell.refuse('notInSync', expand(1, 2, version + 2));
});

volumes('without content does not expand', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2)));
  cell.refuse('notFormatted', expand(1, 2, 1));
  cell.format();
  cell.run(expand(1, 2, 1));
});

volumes('without a holder expands on the word of a replica that is in sync', () => {
  const cell = runningCell();
  cell.run(shrink(1));
  cell.want('stopped');
  cell.stopped();
  const { version } = cell.volume();
  cell.refuse('notInSync', expand(2, 2, version));
  cell.refuse('staleGeneration', expand(1, 2, version, 2));
  cell.run(expand(1, 2, version));
  assert.equal(cell.volume().inSync, [nodeIdOf(1), nodeIdOf(2)]);
});

volumes('gets its first content once, from its holder', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2)));
  const formatted = (node: number, generation = 1): Command => ({ kind: 'volumeFormatted', actor: actorOf(node), volume: VOLUME, generation });
  cell.refuse('notHolder', formatted(2));
  cell.refuse('staleGeneration', formatted(1, 2));
  cell.refuse('unknownVolume', { ...formatted(1), volume: volumeIdOf(3) });
  cell.told();
  cell.run(formatted(1), formatted(1));
  assert.ok(cell.volume().formatted);
  assert.equal(cell.told(), ['volumeFormatted']);
});

volumes('keeps a failed replica in sync only when it has no other', () => {
  const cell = runningCell();
  cell.run(taint(2), taint(2));
  assert.equal(cell.volume().inSync, [nodeIdOf(1)]);
  assert.equal(cell.volume().tainted, [nodeIdOf(2)]);
  cell.refuse('staleBoot', taint(2, 2));
  cell.refuse('unknownVolume', { ...taint(2), volume: volumeIdOf(3) });
  assert.equal(cell.told(), ['replicaTainted', 'volumeShrunk']);
  // What a node says of the boot before is no question: writes may be missing there.
  cell.boot(1, 2, { tainted: [VOLUME] });
  assert.equal(cell.volume().inSync, [nodeIdOf(1)]);
  assert.equal(cell.volume().tainted, [nodeIdOf(2), nodeIdOf(1)]);
  assert.ok(cell.told().includes('volumeAtRisk'));
});

volumes('does not give up a replica that cannot be read while no other living node has everything', () => {
  const alone = runningCell();
  alone.run(shrink(1));
  alone.refuse('lastReplica', taint(1));
  alone.run(taint(2));
  const bereaved = runningCell();
  bereaved.fence(2);
  bereaved.refuse('lastReplica', taint(1));
  bereaved.start(2, 2);
  bereaved.run(taint(1));
  assert.equal(bereaved.volume().inSync, [nodeIdOf(2)]);
  bereaved.refuse('lastReplica', taint(2, 2));
});

volumes('without content gives up a replica that cannot be made while another one can', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2)));
  cell.run(taint(1));
  cell.refuse('lastReplica', taint(2));
});

volumes('gets a new replica in place of one on a fenced node', () => {
  const cell = runningCell();
  cell.refuse('notFenced', replace(3, 2));
  cell.fence(2);
  cell.refuse('staleEpoch', replace(3, 2, 2));
  const { version } = cell.volume();
  assert.equal(cell.run(replace(3, 2)), { epoch: 2 });
  assert.equal(cell.volume().replicas, [nodeIdOf(1), nodeIdOf(3)]);
  assert.equal(cell.volume().inSync, [nodeIdOf(1)]);
  assert.equal(cell.volume().retired, [nodeIdOf(2)]);
  assert.is(cell.volume().version, version + 1);
  assert.is(cell.instance().standby, null);
  cell.start(2, 2);
  cell.refuse('notFenced', replace(2, 3, 2));
  cell.run(wiped(2, 2));
  assert.equal(cell.volume().retired, []);
  cell.run(wiped(2, 2));
});

volumes('gives no replica to a node that has one, must wipe one, is not ready, or has no room', () => {
  const cell = runningCell(4);
  cell.fence(2);
  cell.refuse('wrongState', replace(1, 2));
  cell.refuse('unknownNode', replace(8, 2));
  cell.refuse('unknownVolume', { ...replace(3, 2), volume: volumeIdOf(3) });
  cell.refuse('wrongState', replace(3, 4));
  cell.refuse('wrongState', replace(3, null));
  cell.admit(5);
  cell.boot(5);
  cell.refuse('nodeNotActive', replace(5, 2));
  cell.boot(4, 2, { capacity: { memoryMiB: 1024, vcpus: 1, diskBytes: GIB / 2, domainKinds: ['pv'] } });
  cell.run({ kind: 'readyNode', actor: actorOf(4, 2) });
  cell.refuse('noCapacity', replace(4, 2));
  cell.run(replace(3, 2));
  cell.start(2, 2);
  cell.fence(3);
  cell.refuse('wrongState', replace(2, 3, 2));
  cell.run(wiped(2, 2), replace(2, 3, 2));
});

volumes('never loses the last replica that is in sync', () => {
  const cell = runningCell();
  cell.run(shrink(1));
  cell.fence(1);
  cell.refuse('lastReplica', replace(3, 1));
  const lone = readyCell();
  lone.run(creation(1, placementOn(1, null)));
  lone.format();
  lone.fence(1);
  lone.refuse('lastReplica', replace(3, 1));
});

volumes('waits with a replacement until somebody can be copied from', () => {
  const cell = runningCell();
  cell.fence(2);
  cell.fence(1);
  cell.refuse('nodeNotActive', replace(3, 2));
  cell.start(1, 2);
  cell.run(replace(3, 2));
});

volumes('that has one replica gets a second one', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, null)));
  cell.format();
  cell.run(replace(2, null));
  assert.equal(cell.volume().replicas, [nodeIdOf(1), nodeIdOf(2)]);
  assert.equal(cell.volume().inSync, [nodeIdOf(1)]);
  assert.is(cell.volume().epoch, 2);
  cell.refuse('wrongState', replace(3, null, 2));
});

volumes('replaces a failed replica of a living node, but not under its holder', () => {
  const cell = runningCell();
  cell.run(taint(1));
  cell.refuse('wrongState', replace(3, 1));
  cell.start(1, 2);
  cell.run(replace(3, 1));
  assert.equal(cell.volume().tainted, []);
  assert.equal(cell.volume().retired, [nodeIdOf(1)]);
});

volumes('may give up a failed replica, to make it again where it was', () => {
  const cell = runningCell(2);
  cell.refuse('notFenced', replace(2, 2));
  cell.run(taint(2), replace(2, 2));
  assert.equal(cell.volume().replicas, [nodeIdOf(1)]);
  assert.equal(cell.volume().retired, [nodeIdOf(2)]);
  cell.refuse('wrongState', replace(2, null, 2));
  cell.run(wiped(2), replace(2, null, 2));
  assert.equal(cell.volume().replicas, [nodeIdOf(1), nodeIdOf(2)]);
  cell.fence(2);
  cell.refuse('wrongState', replace(2, 2, 3));
});

volumes('wipes nothing that is in use', () => {
  const cell = runningCell();
  cell.refuse('wrongState', wiped(1));
  cell.refuse('wrongState', wiped(2));
  cell.run(wiped(3));
  assert.equal(cell.volume().replicas, [nodeIdOf(1), nodeIdOf(2)]);
});

volumes('that is deleted takes no replica and no expansion', () => {
  const cell = runningCell();
  cell.run(shrink(1));
  cell.want('terminated');
  cell.stopped();
  cell.refuse('wrongState', expand(1, 2, cell.volume().version));
  cell.fence(2);
  cell.refuse('wrongState', replace(3, 2));
  cell.run({ kind: 'removeNode', node: nodeIdOf(2) }, wiped(1));
  assert.is(cell.state.volumes.size, 0);
  assert.is(cell.state.instances.get(instanceIdOf(1))?.volumes.length, 0);
});

volumes.run();
