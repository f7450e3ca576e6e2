import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { IMAGE_RECORD, actorOf, bootIdOf, creation, instanceIdOf, nodeIdOf, placementOn, readyCell, runningCell, TestCell, volumeIdOf } from './test-cell.ts';
import { recomputeUsage } from '../../../../shared/ledger/capacity.ts';
import { MINOR_MAX } from '../../../../shared/model/limits.ts';
import { Table } from '../../../../shared/table.ts';
import { GIB } from '../../../../shared/units.ts';

const creating = suite('creating instances');

creating('gives each its volume, its address and the right to start', () => {
  const cell = readyCell();
  const value = cell.run(creation(1, placementOn(1, 2), { count: 2 }));
  assert.equal(value, { instances: [instanceIdOf(1), instanceIdOf(2)] });
  const instance = cell.instance();
  assert.is(instance.phase, 'starting');
  assert.is(instance.desired, 'running');
  assert.is(instance.generation, 1);
  assert.is(instance.holder, nodeIdOf(1));
  assert.is(instance.holderBootId, bootIdOf(1));
  assert.is(instance.standby, nodeIdOf(2));
  assert.is(instance.privateAddress, '10.77.0.10');
  assert.is(instance.macAddress, '00:16:3e:4d:00:0a');
  assert.is(cell.instance(2).privateAddress, '10.77.0.11');
  assert.is(instance.moves[0]?.reason, 'created');
  const volume = cell.volume();
  assert.equal(volume.replicas, [nodeIdOf(1), nodeIdOf(2)]);
  assert.equal(volume.inSync, [nodeIdOf(1)]);
  assert.not.ok(volume.formatted);
  assert.is(volume.minor, 1);
  assert.is(volume.port, 7001);
  assert.is(cell.volume(2).minor, 2);
  assert.is(volume.degradedSinceIndex, cell.index);
  assert.equal(cell.told(), ['instanceCreated', 'instanceCreated']);
});

creating('twice with one token has one effect, and the first answer', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2), { token: 'abc' }));
  assert.equal(cell.run(creation(5, placementOn(1, 2), { token: 'abc' })), { instances: [instanceIdOf(1)] });
  assert.is(cell.state.instances.size, 1);
  cell.refuse('tokenMismatch', creation(5, placementOn(1, 2), { token: 'abc', hash: 'other' }));
  cell.run(creation(5, placementOn(1, 2), { token: 'abc', hash: 'other', fields: { environment: 'test' } }));
});

creating('makes all of them or none', () => {
  const cell = readyCell();
  cell.refuse('noCapacity', creation(1, placementOn(1, 2), { count: 9 }));
  assert.is(cell.state.instances.size, 0);
  assert.is(cell.state.volumes.size, 0);
  assert.is(cell.state.nextMinor, 1);
  assert.equal([...cell.state.usage.entries()], []);
  cell.run(creation(1, placementOn(1, 2), { count: 8 }));
});

creating('keeps memory for the death of any one holder', () => {
  const cell = readyCell();
  // 4 on node 1 and 4 on node 3 with standby 2: it needs room for one of the two groups, 512 MiB of its 1024.
  cell.run(creation(1, placementOn(1, 2), { count: 4 }), creation(11, placementOn(3, 2), { count: 4 }));
  cell.run(creation(21, placementOn(2, 1), { count: 4 }));
  cell.refuse('noCapacity', creation(31, placementOn(2, 3)));
  cell.refuse('noCapacity', creation(31, placementOn(1, 2)));
  cell.run({ kind: 'setParameters', change: { reserveStandby: false } });
  cell.run(creation(31, placementOn(2, 3)));
});

creating('refuses disks that do not fit, on the standby too', () => {
  const cell = readyCell();
  cell.refuse('noCapacity', creation(1, placementOn(1, null), { fields: { diskBytes: 100 * GIB } }));
  cell.run(creation(1, placementOn(2, null), { fields: { diskBytes: 60 * GIB } }));
  cell.refuse('noCapacity', creation(2, placementOn(1, 2), { fields: { diskBytes: 60 * GIB } }));
});

creating('refuses what does not exist or does not belong together', () => {
  const cell = readyCell();
  const at = placementOn(1, 2);
  cell.refuse('unknownImage', creation(1, at, { fields: { image: 'ami-00000002' as never } }));
  cell.refuse('invalidParameter', creation(1, at, { fields: { type: 't9.huge' } }));
  cell.refuse('invalidParameter', creation(1, at, { fields: { memoryMiB: 64 } }));
  cell.refuse('invalidParameter', creation(1, at, { fields: { diskBytes: 1024 } }));
  cell.refuse('invalidParameter', creation(1, at, { fields: { tags: { 'aws:x': 'y' } } }));
  cell.refuse('tooManyTags', creation(1, at, { fields: { tags: Object.fromEntries(Array.from({ length: 51 }, (_, key) => [`k${key}`, ''])) } }));
  cell.refuse('invalidParameter', creation(1, placementOn(1, 1)));
  cell.refuse('invalidParameter', creation(1, at, { fields: { environment: 'No:Name' } }));
});

creating('refuses ids that are taken', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2)));
  cell.refuse('duplicateId', creation(1, placementOn(1, 2)));
  const second = creation(2, placementOn(1, 2));
  if (second.kind === 'createInstances') cell.refuse('duplicateId', { ...second, instances: second.instances.map((each) => ({ ...each, volume: volumeIdOf(1) })) });
});

creating('refuses nodes that take no work', () => {
  const cell = readyCell();
  cell.refuse('staleBoot', creation(1, placementOn(1, 2, 2)));
  cell.refuse('unknownNode', creation(1, placementOn(8, 2)));
  cell.admit(4);
  cell.boot(4);
  cell.refuse('nodeNotActive', creation(1, placementOn(4, 2)));
  cell.refuse('nodeNotActive', creation(1, placementOn(1, 4)));
  cell.fence(3);
  cell.refuse('fenced', creation(1, placementOn(3, 2)));
  cell.refuse('nodeNotActive', creation(1, placementOn(1, 3)));
});

creating('refuses a node whose hypervisor lacks the kind of domain', () => {
  const cell = readyCell();
  cell.run({ kind: 'registerImage', image: { ...IMAGE_RECORD, id: 'ami-0000000f' as never, domainKind: 'hvm' } });
  cell.refuse('noCapacity', creation(1, placementOn(1, 2), { fields: { image: 'ami-0000000f' as never } }));
});

creating('goes once around the minors before it uses a freed one again', () => {
  const cell = runningCell();
  cell.want('terminated');
  cell.stopped();
  cell.run({ kind: 'replicaWiped', actor: actorOf(1), volume: volumeIdOf(1) }, { kind: 'replicaWiped', actor: actorOf(2), volume: volumeIdOf(1) });
  cell.run(creation(2, placementOn(1, 2)));
  assert.is(cell.volume(2).minor, 2);
  cell.state = { ...cell.state, nextMinor: MINOR_MAX + 1 };
  cell.run(creation(3, placementOn(1, 2)), creation(4, placementOn(1, 2)));
  assert.is(cell.volume(3).minor, 1);
  assert.is(cell.volume(4).minor, 3, 'minor 2 is taken');
});

creating('never gives an address twice, also after the network was used up once', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2), { count: 2 }));
  cell.state = { ...cell.state, nextAddress: 0xff_ff };
  cell.run(creation(5, placementOn(1, 2)));
  assert.is(cell.instance(5).privateAddress, '10.77.0.12');
});

creating('never uses the ends of a block of 256 addresses', () => {
  const cell = new TestCell();
  cell.state = readyCell().state;
  cell.state = { ...cell.state, nextAddress: 254 };
  cell.run(creation(1, placementOn(1, 2), { count: 2 }));
  assert.is(cell.instance(1).privateAddress, '10.77.0.254');
  assert.is(cell.instance(2).privateAddress, '10.77.1.1');
});

creating('counts what is promised as a recount would', () => {
  const cell = readyCell();
  cell.run(creation(1, placementOn(1, 2), { count: 3 }), creation(11, placementOn(3, 2), { count: 2 }));
  assert.equal(new Map(cell.state.usage.entries()), new Map(recomputeUsage(cell.state, Table.empty()).entries()));
  assert.equal(cell.state.usage.get(nodeIdOf(2))?.reservedMiB, new Map([[nodeIdOf(1), 384], [nodeIdOf(3), 256]]));
});

creating.run();
