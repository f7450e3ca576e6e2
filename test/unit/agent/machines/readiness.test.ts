import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingForReady, READY_RENEWALS, REPLICAS_WAIT_MS } from '../../../../agent/machines/readiness.ts';
import type { ObservedResource } from '../../../../agent/machines/observed.ts';
import { parseBootId, parseInstanceId, parseNodeId, parseVolumeId } from '../../../../shared/ids.ts';
import type { InstanceRecord } from '../../../../shared/model/instance.ts';
import type { VolumeRecord } from '../../../../shared/model/volume.ts';
import { aCell, anInstance, aNode, aVolume } from '../../../support/records.ts';

const A = parseNodeId('node-1');
const B = parseNodeId('node-2');
const boot = parseBootId('aaaaaaaa-0000-4000-8000-000000000001');
const formerBoot = parseBootId('aaaaaaaa-0000-4000-8000-000000000000');
const vol = parseVolumeId('vol-00000000000000001');
const id = parseInstanceId('i-00000000000000001');

interface Case {
  readonly renewals?: number;
  readonly waitedMs?: number;
  readonly isDrbdCurrent?: boolean;
  readonly isUp?: boolean;
  readonly volume?: Partial<VolumeRecord>;
  readonly hasDomain?: boolean;
  readonly instance?: Partial<InstanceRecord> | null;
}

function missing(given: Case): readonly string[] {
  const resource: ObservedResource = {
    volume: vol, role: 'Secondary', suspended: [], disk: 'UpToDate', peerDisk: 'UpToDate', peerRole: 'Secondary', connection: 'Connected', replication: 'Established', outOfSyncBytes: 0, syncPercent: null,
  };
  return missingForReady({
    state: aCell({
      nodes: [aNode({ id: A, bootId: boot, phase: 'joining' })],
      volumes: [aVolume({ id: vol, instance: id, replicas: [A, B], inSync: [A, B], ...given.volume })],
      instances: given.instance === null ? [] : [anInstance({ id, volumes: [vol], holder: A, holderBootId: boot, ...given.instance })],
    }),
    self: { node: A, bootId: boot },
    observed: {
      replicas: new Map(), configs: new Map(), resources: new Map(given.isUp === false ? [] : [[vol, resource]]),
      domains: new Map(given.hasDomain === true ? [[id, { instance: id, domainId: 3, state: 'running', generation: 1, bootId: boot }]] : []),
    },
    isDrbdCurrent: given.isDrbdCurrent ?? true, renewalsInRow: given.renewals ?? READY_RENEWALS, waitedMs: given.waitedMs ?? 0,
  });
}

const readiness = suite('a node that has started');

readiness('is ready after ten renewals in a row, with its replicas up', () => assert.equal(missing({}), []));
readiness('is not ready one renewal earlier, however long it waits', () => assert.is(missing({ renewals: READY_RENEWALS - 1, waitedMs: 1e9 }).length, 1));
readiness('waits for its replicas, but not for ever', () => {
  assert.equal(missing({ isUp: false }), [`${vol} to be up`]);
  assert.is(missing({ isDrbdCurrent: false, waitedMs: REPLICAS_WAIT_MS - 1 }).length, 1, 'what DRBD showed before counts for nothing');
  assert.equal(missing({ isUp: false, waitedMs: REPLICAS_WAIT_MS }), []);
});
readiness('waits for no replica that is not to be up here', () => {
  for (const volume of [{ replicas: [B], inSync: [B] }, { deleting: true }, { tainted: [A], inSync: [B] }]) assert.equal(missing({ isUp: false, volume }), []);
});
readiness('waits for the end of every domain that another right made', () => {
  assert.equal(missing({ hasDomain: true }), []);
  for (const instance of [{ holder: B }, { holderBootId: formerBoot }, { holderBootId: null }]) assert.is(missing({ hasDomain: true, instance, waitedMs: 1e9 }).length, 1);
  assert.equal(missing({ hasDomain: true, instance: null }), [], 'the ledger does not know it: that is for people');
});

readiness.run();
