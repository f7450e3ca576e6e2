import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CONNECT_WAIT_MS, DISK_WAIT_MS, FORGOTTEN_WAIT_MS, nextVolumeStep, UNASKED_WAIT_MS } from '../../../../agent/machines/volume-steps.ts';
import type { VolumeStep } from '../../../../agent/machines/volume-steps.ts';
import type { Observed, ObservedResource } from '../../../../agent/machines/observed.ts';
import type { ObservedDomain } from '../../../../shared/model/domain.ts';
import { parseBootId, parseInstanceId, parseNodeId, parseVolumeId } from '../../../../shared/ids.ts';
import { aNode, aCell, anInstance, aVolume } from '../../../support/records.ts';
import type { InstanceRecord } from '../../../../shared/model/instance.ts';
import type { NodeRecord } from '../../../../shared/model/node.ts';
import type { VolumeRecord } from '../../../../shared/model/volume.ts';

const A = parseNodeId('node-1');
const B = parseNodeId('node-2');
const bootA = parseBootId('aaaaaaaa-0000-4000-8000-000000000001');
const bootB = parseBootId('bbbbbbbb-0000-4000-8000-000000000001');
const vol = parseVolumeId('vol-00000000000000001');
const inst = parseInstanceId('i-00000000000000001');

interface Case {
  readonly volume?: Partial<VolumeRecord>;
  readonly instance?: Partial<InstanceRecord>;
  readonly peer?: Partial<NodeRecord>;
  readonly resource?: Partial<ObservedResource> | null;
  readonly isFormed?: boolean;
  readonly config?: string;
  readonly domain?: Partial<ObservedDomain>;
  readonly waitedMs?: number;
  readonly forgottenForMs?: number;
  readonly withoutDiskForMs?: number;
  readonly unaskedForMs?: number;
  readonly isPeerDown?: boolean;
  readonly isGivenBack?: boolean;
}

function step(given: Case): VolumeStep {
  const volume = aVolume({ id: vol, instance: inst, holder: A, holderBootId: bootA, generation: 3, replicas: [A, B], inSync: [A, B], formatted: true, ...given.volume });
  const instance = anInstance({ id: inst, volumes: [vol], holder: A, holderBootId: bootA, generation: 3, phase: 'starting', desired: 'running', ...given.instance });
  const state = aCell({
    nodes: [aNode({ id: A, bootId: bootA, phase: 'active' }), aNode({ id: B, bootId: bootB, phase: 'active', ...given.peer })],
    volumes: [volume], instances: [instance],
  });
  const resource: ObservedResource | null = given.resource === null ? null : {
    volume: vol, role: 'Secondary', suspended: [], disk: 'UpToDate', peerDisk: 'UpToDate', peerRole: 'Secondary', connection: 'Connected',
    replication: 'Established', outOfSyncBytes: 0, syncPercent: null, ...given.resource,
  };
  const observed: Observed = {
    replicas: new Map([[vol, { volume: vol, sizeBytes: 1, formed: given.isFormed ?? true }]]),
    resources: new Map(resource === null ? [] : [[vol, resource]]),
    domains: new Map(given.domain === undefined ? [] : [[inst, { instance: inst, domainId: 1, state: 'running', generation: 3, bootId: bootA, ...given.domain }]]),
    configs: new Map([[vol, given.config ?? 'wanted']]),
  };
  return nextVolumeStep({ state, volume, self: { node: A, bootId: bootA }, observed, wantedConfig: 'wanted', promotionWaitedMs: given.waitedMs ?? 0, forgottenForMs: given.forgottenForMs ?? null, withoutDiskForMs: given.withoutDiskForMs ?? null, unaskedForMs: given.unaskedForMs ?? null, isPeerDown: given.isPeerDown ?? false, isGivenBack: given.isGivenBack ?? false });
}

const alone = { connection: 'Connecting', replication: null, peerDisk: 'DUnknown', peerRole: 'Unknown' } as const;
const fencedPeer = { phase: 'fenced', fence: { kind: 'leaseExpired', node: B, bootId: bootB, index: 5, term: 1, leader: A, fenceWaitMs: 9000, observations: [], at: '' } } as const;
const running = { instance: { phase: 'running' }, domain: {} } as const;

const setup = suite('a replica on its node');
setup('is created when there is none', () => assert.is(step({ isFormed: false }).kind, 'createReplica'));
setup('gets its configuration before it comes up', () => assert.equal(step({ config: 'old', resource: null }), { kind: 'configure', adjust: false }));
setup('comes up once it is configured', () => assert.is(step({ resource: null }).kind, 'up'));
setup('stays down while it counts as in sync and another live node holds the volume', () => {
  const held = { holder: B, holderBootId: bootB } as const;
  assert.is(step({ volume: held, resource: null }).kind, 'wait');
  assert.is(step({ volume: { ...held, inSync: [B] }, resource: null }).kind, 'up', 'the holder has said that it missed writes');
  assert.is(step({ volume: held, peer: fencedPeer, resource: null }).kind, 'up', 'the holder is dead');
  assert.is(step({ volume: { ...held, inSync: [A], tainted: [B] }, resource: null }).kind, 'up', 'the holder has no disk to write alone on');
  assert.is(step({ volume: { ...held, tainted: [B] }, resource: null }).kind, 'wait', 'the holder is not counted out');
  assert.is(step({ volume: { holder: null, holderBootId: null }, resource: null }).kind, 'up', 'nobody holds it');
  assert.is(step({ volume: { ...held, formatted: false }, resource: null }).kind, 'up', 'there is nothing to miss');
});
setup('is not adjusted while another replica in sync is connected to it', () => assert.is(step({ config: 'old', ...running, resource: { role: 'Primary' } }).kind, 'wait'));
setup('tells the ledger that its peer loses writes, whatever its configuration waits for', () => assert.is(step({ config: 'old', ...running, resource: { role: 'Primary', peerDisk: 'Diskless' } }).kind, 'shrink'));
setup('leaves its connection by force before its configuration changes, when it has no peer or is to be primary', () => {
  const other = { holder: B, holderBootId: bootB };
  assert.is(step({ config: 'old', peer: fencedPeer, resource: alone }).kind, 'disconnectForce');
  assert.is(step({ config: 'old' }).kind, 'disconnectForce', 'to be primary, connected to a secondary');
  assert.is(step({ config: 'old', volume: other, instance: other, resource: alone }).kind, 'disconnectForce');
  assert.is(step({ config: 'old', volume: other, instance: other, resource: { peerRole: 'Primary' } }).kind, 'wait');
  for (const connection of [null, 'StandAlone'] as const) assert.equal(step({ config: 'old', resource: { ...alone, connection } }), { kind: 'configure', adjust: true });
  assert.is(step({ config: 'old', ...running, resource: { ...alone, role: 'Primary', connection: 'StandAlone' } }).kind, 'connect', 'a primary is asked about first');
});
setup('is adjusted once it is alone in sync', () => assert.equal(step({ config: 'old', ...running, volume: { inSync: [A] }, resource: { role: 'Primary' } }), { kind: 'configure', adjust: true }));
setup('is left alone when its disk failed', () => assert.is(step({ volume: { tainted: [A] } }).kind, 'alarm'));
setup('is wiped when it is retired, and only then reported', () => {
  assert.is(step({ volume: { replicas: [B], retired: [A], holder: B }, resource: {} }).kind, 'wipe');
  const state = step({ volume: { deleting: true, holder: null }, instance: { holderBootId: null, phase: 'terminated' }, resource: { role: 'Primary' } });
  assert.is(state.kind, 'demote');
});
setup('is not wiped under a domain', () => assert.is(step({ volume: { deleting: true }, domain: {} }).kind, 'wait'));
setup.run();

const promotion = suite('promotion');
promotion('is plain while both replicas are connected and in sync', () => assert.is(step({}).kind, 'promote'));
promotion('works while the other replica is still being synchronised from here, once that one does not count as in sync', () => {
  // The kernel would neither freeze nor ask when such a peer is lost, and the ledger would go on counting it.
  assert.is(step({ resource: { replication: 'SyncSource', peerDisk: 'Inconsistent' } }).kind, 'shrink');
  assert.is(step({ volume: { inSync: [A] }, resource: { replication: 'SyncSource', peerDisk: 'Inconsistent' } }).kind, 'promote');
});
promotion('never happens on the target of a synchronisation', () =>
  assert.is(step({ resource: { replication: 'SyncTarget', disk: 'Inconsistent' } }).kind, 'wait'));
promotion('waits while the other is primary and alive', () => assert.is(step({ resource: { peerRole: 'Primary' } }).kind, 'wait'));
promotion('cuts a dead node\'s kernel off first', () => assert.is(step({ peer: fencedPeer, resource: { peerRole: 'Primary' } }).kind, 'disconnectForce'));
promotion('waits for a live peer to connect, but not for ever', () => {
  assert.is(step({ resource: alone, waitedMs: CONNECT_WAIT_MS - 1 }).kind, 'wait');
  assert.is(step({ resource: { ...alone, connection: null }, waitedMs: 10 }).kind, 'connect');
  assert.is(step({ resource: alone, waitedMs: CONNECT_WAIT_MS }).kind, 'disconnectForce');
  assert.is(step({ resource: { ...alone, connection: null }, waitedMs: CONNECT_WAIT_MS }).kind, 'shrink');
});
promotion('does not wait for a peer whose kernel does not have the volume, and shrinks before it goes alone as ever', () => {
  assert.is(step({ resource: alone, waitedMs: 0, isPeerDown: true }).kind, 'disconnectForce');
  assert.is(step({ resource: { ...alone, connection: null }, waitedMs: 0, isPeerDown: true }).kind, 'shrink');
  assert.is(step({ resource: { ...alone, connection: null }, volume: { inSync: [A] }, isPeerDown: true }).kind, 'promote');
  assert.is(step({ isPeerDown: true }).kind, 'promote', 'it came up meanwhile');
  assert.is(step({ resource: { peerRole: 'Primary' }, isPeerDown: true }).kind, 'wait', 'it is primary');
});
promotion('does not wait for a fenced peer', () => {
  assert.is(step({ peer: fencedPeer, resource: alone }).kind, 'disconnectForce');
  assert.is(step({ peer: fencedPeer, resource: { ...alone, connection: null } }).kind, 'shrink');
});
for (const disk of ['UpToDate', 'Consistent'] as const) {
  promotion(`of a lone ${disk} replica comes after the shrink`, () => {
    assert.is(step({ peer: fencedPeer, resource: { ...alone, disk, connection: null }, volume: { inSync: [A, B] } }).kind, 'shrink');
    assert.is(step({ peer: fencedPeer, resource: { ...alone, disk, connection: null }, volume: { inSync: [A] } }).kind, 'promote');
  });
}
for (const disk of ['Outdated', 'Inconsistent', 'Failed', 'DUnknown'] as const) {
  promotion(`of a lone ${disk} replica is an alarm, never forced`, () =>
    assert.is(step({ peer: fencedPeer, resource: { ...alone, disk, connection: null }, volume: { inSync: [A] } }).kind, 'alarm'));
}
promotion('needs the ledger\'s in-sync set, whatever DRBD believes', () => assert.is(step({ volume: { inSync: [B] } }).kind, 'alarm'));
promotion('needs to be the holder in this boot', () => {
  assert.is.not(step({ volume: { holder: B } }).kind, 'promote');
  assert.is.not(step({ volume: { holderBootId: bootB } }).kind, 'promote');
  assert.is.not(step({ volume: { generation: 2 } }).kind, 'promote');
});
promotion('is forced only for a volume that never had content', () => {
  assert.is(step({ volume: { formatted: false, inSync: [A] }, resource: { disk: 'Inconsistent', peerDisk: 'Inconsistent' } }).kind, 'promoteNew');
  assert.is.not(step({ volume: { formatted: true, inSync: [A] }, resource: { disk: 'Inconsistent', peerDisk: 'Inconsistent' } }).kind, 'promoteNew');
});
promotion('of a replica without its disk attaches it first, and promotes nothing', () => {
  assert.is(step({ volume: { inSync: [A] }, resource: { ...alone, disk: 'Diskless' } }).kind, 'attach');
  assert.is(step({ resource: { disk: 'Diskless' } }).kind, 'attach');
});
promotion('is undone when the instance is not to run here', () => {
  assert.is(step({ instance: { phase: 'stopped', desired: 'stopped' }, resource: { role: 'Primary' } }).kind, 'demote');
  assert.is(step({ instance: { phase: 'running' }, resource: { role: 'Primary' } }).kind, 'demote', 'the domain is gone');
  assert.is(step({ isGivenBack: true, resource: { role: 'Primary' } }).kind, 'demote', 'the start was given back');
  assert.is(step({ isGivenBack: true }).kind, 'settled', 'nor is it promoted again');
  assert.is(step({ ...running, resource: { role: 'Primary' } }).kind, 'settled');
});
promotion.run();

const serving = suite('a primary');
serving('writes the first content before anything else', () => assert.is(step({ volume: { formatted: false }, resource: { role: 'Primary' } }).kind, 'writeImage'));
for (const peerDisk of ['Failed', 'Diskless', 'Inconsistent', 'Outdated'] as const) {
  serving(`takes a connected peer that is ${peerDisk} out of the in-sync set at once`, () =>
    assert.is(step({ ...running, resource: { role: 'Primary', peerDisk } }).kind, 'shrink'));
}
for (const peerDisk of ['Inconsistent', 'Outdated'] as const) {
  serving(`takes a peer that was ${peerDisk} when its connection went out of the in-sync set: the kernel goes on without it`, () =>
    assert.is(step({ ...running, resource: { ...alone, role: 'Primary', peerDisk } }).kind, 'shrink'));
}
serving('leaves a peer that was whole when its connection went to the kernel, which is frozen and asks', () =>
  assert.is.not(step({ ...running, resource: { ...alone, role: 'Primary' } }).kind, 'shrink'));
serving('takes a peer that silently misses writes out of the in-sync set', () =>
  assert.is(step({ ...running, resource: { role: 'Primary', outOfSyncBytes: 4096 } }).kind, 'shrink'));
serving('does not mistake a verification for lost writes', () =>
  assert.is(step({ ...running, resource: { role: 'Primary', replication: 'VerifyS', outOfSyncBytes: 4096 } }).kind, 'settled'));
serving('offers a replica that is complete again, with the version it saw', () => {
  assert.equal(step({ ...running, volume: { inSync: [A], version: 9 }, resource: { role: 'Primary' } }), { kind: 'expand', replica: B, version: 9 });
  assert.is(step({ ...running, volume: { inSync: [A] }, resource: { role: 'Primary', replication: 'SyncSource', peerDisk: 'Inconsistent' } }).kind, 'settled');
});
serving('connects again after it was left alone, once the peer lives', () => {
  assert.is(step({ ...running, volume: { inSync: [A] }, resource: { ...alone, role: 'Primary', connection: 'StandAlone' } }).kind, 'connect');
  assert.is(step({ ...running, volume: { inSync: [A] }, peer: fencedPeer, resource: { ...alone, role: 'Primary', connection: 'StandAlone' } }).kind, 'settled');
});
serving('is spoken for by whoever is in sync while nobody holds the volume', () =>
  assert.equal(step({ instance: { phase: 'stopped', desired: 'stopped', holderBootId: null }, volume: { holder: null, holderBootId: null, inSync: [A], version: 4 } }), { kind: 'expand', replica: B, version: 4 }));
serving('connects anew for blocks that DRBD does not copy by itself, once it is alone in sync', () => {
  const given = { ...running, volume: { inSync: [A] }, resource: { role: 'Primary', outOfSyncBytes: 4096 } } as const;
  assert.is(step({ ...given, forgottenForMs: FORGOTTEN_WAIT_MS - 1 }).kind, 'wait');
  assert.is(step({ ...given, forgottenForMs: FORGOTTEN_WAIT_MS }).kind, 'disconnectForce');
  assert.is(step({ ...given, volume: { inSync: [A, B] }, forgottenForMs: FORGOTTEN_WAIT_MS }).kind, 'shrink', 'never before the peer is out of the set');
});
const frozen = { ...running, resource: { ...alone, role: 'Primary', suspended: ['fencing'] } } as const;
serving('that is frozen waits for the helper, and has the kernel ask again when nobody was asked for a while', () => {
  for (const peer of [{}, fencedPeer]) {
    assert.is(step({ ...frozen, peer }).kind, 'wait', 'a call is under way');
    assert.is(step({ ...frozen, peer, unaskedForMs: UNASKED_WAIT_MS - 1 }).kind, 'wait');
    assert.is(step({ ...frozen, peer, unaskedForMs: UNASKED_WAIT_MS }).kind, 'askAgain');
  }
});
serving('that is frozen connects before it asks again, also to a node that is dead: only a connection can be disconnected', () => {
  for (const connection of [null, 'StandAlone']) {
    assert.is(step({ ...frozen, peer: fencedPeer, resource: { ...frozen.resource, connection }, unaskedForMs: UNASKED_WAIT_MS }).kind, 'connect');
  }
});
serving('asks again in no other state', () => {
  const late = { ...frozen, unaskedForMs: UNASKED_WAIT_MS } as const;
  for (const connection of ['Connected', 'Unconnected', 'Disconnecting', 'NetworkFailure', 'BrokenPipe', 'Timeout', 'WFReportParams']) {
    assert.is.not(step({ ...late, resource: { ...frozen.resource, connection } }).kind, 'askAgain', connection);
  }
  for (const suspended of [[], ['user'], ['no-data']]) assert.is.not(step({ ...late, resource: { ...frozen.resource, suspended } }).kind, 'askAgain', suspended.join());
  assert.is.not(step({ ...late, volume: { holder: B, holderBootId: bootB } }).kind, 'askAgain', 'another node holds it');
  assert.is.not(step({ ...late, volume: { holderBootId: bootB } }).kind, 'askAgain', 'it was held in another boot');
  assert.is.not(step({ ...late, volume: { tainted: [A] } }).kind, 'askAgain', 'its disk failed');
});
serving.run();

const idle = suite('a secondary');
const outside = { instance: { phase: 'stopped', desired: 'stopped', holder: B, holderBootId: null }, volume: { holder: null, holderBootId: null, inSync: [B] } } as const;
idle('asks for everything again when the replica in sync does not count it in', () => {
  assert.is(step({ ...outside, forgottenForMs: FORGOTTEN_WAIT_MS - 1 }).kind, 'wait');
  assert.equal(step({ ...outside, forgottenForMs: FORGOTTEN_WAIT_MS }), { kind: 'resync', source: B });
});
idle('never asks for that while it is in sync, while somebody holds the volume, or while it is not connected', () => {
  assert.is(step({ ...outside, volume: { ...outside.volume, inSync: [A] }, forgottenForMs: FORGOTTEN_WAIT_MS }).kind, 'expand');
  assert.is(step({ ...outside, volume: { holder: B, holderBootId: bootB, inSync: [B] }, forgottenForMs: FORGOTTEN_WAIT_MS }).kind, 'settled');
  assert.is(step({ ...outside, resource: alone, forgottenForMs: FORGOTTEN_WAIT_MS }).kind, 'settled');
});
idle('attaches a disk that could not be read when it came up', () => {
  assert.is(step({ ...outside, resource: { disk: 'Diskless' } }).kind, 'attach');
  assert.is.not(step({ ...outside, volume: { ...outside.volume, inSync: [A, B] }, resource: { disk: 'Diskless' } }).kind, 'attach', 'not while it counts as in sync');
});
idle.run();

const failing = suite('a replica without its disk');
const bare = { ...outside, resource: { disk: 'Diskless' }, withoutDiskForMs: DISK_WAIT_MS } as const;
failing('is tried again for a while, and then given up', () => {
  assert.is(step({ ...bare, withoutDiskForMs: DISK_WAIT_MS - 1 }).kind, 'attach');
  assert.is(step(bare).kind, 'reportFailedDisk');
  assert.is(step({ ...bare, resource: { ...alone, disk: 'Diskless' } }).kind, 'reportFailedDisk', 'it is not in sync: nothing is lost with it');
});
failing('is given up while it counts as in sync only when the other one is seen to be whole', () => {
  const counted = { ...bare, volume: { ...bare.volume, inSync: [A, B] } } as const;
  assert.is(step(counted).kind, 'reportFailedDisk');
  for (const resource of [{ ...alone, disk: 'Diskless' }, { disk: 'Diskless', peerDisk: 'Inconsistent' }, { disk: 'Diskless', peerDisk: 'Diskless' }] as const) {
    assert.is.not(step({ ...counted, resource }).kind, 'reportFailedDisk', JSON.stringify(resource));
  }
  assert.is.not(step({ ...counted, volume: { ...counted.volume, tainted: [B] } }).kind, 'reportFailedDisk');
});
failing('is never given up while it is the only one in sync, however long it takes', () => {
  assert.is(step({ ...bare, volume: { ...bare.volume, inSync: [A] }, withoutDiskForMs: 1e9 }).kind, 'attach');
  assert.is(step({ resource: { disk: 'Diskless' }, volume: { inSync: [A] }, withoutDiskForMs: 1e9 }).kind, 'attach', 'not for a start either');
});
failing('is connected before it is attached where the other one could do instead', () => {
  assert.is(step({ resource: { ...alone, connection: null, disk: 'Diskless' } }).kind, 'connect');
  assert.is(step({ resource: { ...alone, connection: null, disk: 'Diskless' }, peer: fencedPeer }).kind, 'attach');
});
failing('is given up for a start that another node can make', () => assert.is(step({ resource: { disk: 'Diskless' }, withoutDiskForMs: DISK_WAIT_MS }).kind, 'reportFailedDisk'));
failing('is told of at once by a primary that writes over the network, and not by one that must', () => {
  for (const disk of ['Failed', 'Diskless'] as const) {
    assert.is(step({ ...running, resource: { role: 'Primary', disk } }).kind, 'reportFailedDisk');
    assert.is.not(step({ ...running, volume: { inSync: [A] }, resource: { role: 'Primary', disk } }).kind, 'reportFailedDisk');
  }
});
failing('stays primary for its domain, and is demoted once that is gone', () => {
  const given = { volume: { tainted: [A], inSync: [B] }, instance: { phase: 'running' }, resource: { role: 'Primary', disk: 'Diskless' } } as const;
  assert.is(step({ ...given, domain: {} }).kind, 'alarm');
  assert.is(step(given).kind, 'demote');
});
failing('is given up when it cannot be made', () => {
  const given = { isFormed: false, resource: null, withoutDiskForMs: DISK_WAIT_MS } as const;
  assert.is(step({ ...given, withoutDiskForMs: DISK_WAIT_MS - 1 }).kind, 'createReplica');
  assert.is(step({ ...given, volume: { inSync: [B] } }).kind, 'reportFailedDisk');
  assert.is(step({ ...given, volume: { formatted: false, inSync: [A] } }).kind, 'reportFailedDisk', 'there is nothing to lose');
  assert.is(step({ ...given, volume: { formatted: false, inSync: [A], tainted: [B] } }).kind, 'createReplica');
  assert.is(step({ ...given, volume: { formatted: false, inSync: [A] }, peer: fencedPeer }).kind, 'createReplica');
});
failing.run();
