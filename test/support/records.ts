/**
 * How does a test get a record without spelling all of it? Whole, plausible records with the fields that matter put in.
 */
import { parseCellId, parseImageId, parseInstanceId, parseNodeId, parseReservationId, parseVolumeId } from '../../shared/ids.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../shared/model/cell.ts';
import type { CellParameters, CellState } from '../../shared/model/cell.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import type { NodeRecord } from '../../shared/model/node.ts';
import type { VolumeRecord } from '../../shared/model/volume.ts';
import { Table } from '../../shared/table.ts';
import { GIB } from '../../shared/units.ts';

const AT = '2026-01-01T00:00:00.000Z';

export function aNode(given: Partial<NodeRecord>): NodeRecord {
  return {
    id: parseNodeId('node-1'), peerId: 'peer', meshAddress: '/ip4/127.0.0.1/tcp/1', leaseAddress: '127.0.0.1:1', leaseKey: 'key', storageAddress: '10.0.0.1',
    failureDomain: 'rack-1', power: { kind: 'none', address: '' }, phase: 'active', bootId: null, storeUuid: null, incarnation: 1,
    capacity: { memoryMiB: 16_384, vcpus: 8, diskBytes: 200 * GIB, domainKinds: ['pv'] }, cordoned: false, fence: null, fenceIntentIndex: null, pastBoots: [], fenceWaitMs: 9_000,
    ...given,
  };
}

export function aVolume(given: Partial<VolumeRecord>): VolumeRecord {
  return {
    id: parseVolumeId('vol-00000000000000001'), sizeBytes: GIB, image: parseImageId('ami-0000000000000001a'), instance: null, device: 'xvda', minor: 1, port: 7001,
    holder: null, holderBootId: null, generation: 0, replicas: [], inSync: [], version: 1, epoch: 1, formatted: true, tainted: [], retired: [], deleting: false,
    degradedSinceIndex: null, ...given,
  };
}

export function anInstance(given: Partial<InstanceRecord>): InstanceRecord {
  return {
    id: parseInstanceId('i-00000000000000001'), environment: 'default', reservation: parseReservationId('r-00000000000000001'), launchIndex: 1, launchedAt: AT,
    image: parseImageId('ami-0000000000000001a'), type: 't1.micro', vcpus: 1, memoryMiB: 128, keyName: null, userData: null, clientToken: null, tags: {},
    privateAddress: '10.77.0.10', macAddress: '00:16:3e:00:00:10', volumes: [], desired: 'running', phase: 'running', generation: 1, holder: null, holderBootId: null,
    fence: null, standby: null, restarting: false, stopForced: false, failures: 0, reason: null, phaseIndex: 1, phaseAt: AT, moves: [], terminationProtected: false,
    shutdownBehavior: 'stop', ...given,
  };
}

/** A cell with just these records. */
export function aCell(given: {
  readonly nodes?: readonly NodeRecord[];
  readonly instances?: readonly InstanceRecord[];
  readonly volumes?: readonly VolumeRecord[];
  readonly parameters?: Partial<CellParameters>;
}): CellState {
  const empty = emptyCell(parseCellId('default'), '11111111-2222-4333-8444-555555555555', { ...DEFAULT_PARAMETERS, ...given.parameters });
  return {
    ...empty,
    nodes: Table.from((given.nodes ?? []).map((node) => [node.id, node] as const)),
    instances: Table.from((given.instances ?? []).map((instance) => [instance.id, instance] as const)),
    volumes: Table.from((given.volumes ?? []).map((volume) => [volume.id, volume] as const)),
  };
}
