import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Permit } from '../../../../agent/runtime/gate.ts';
import { isGranted } from '../../../../agent/runtime/permits.ts';
import { parseBootId, parseNodeId, parseVolumeId } from '../../../../shared/ids.ts';
import type { NodeRecord } from '../../../../shared/model/node.ts';
import type { VolumeRecord } from '../../../../shared/model/volume.ts';
import { aCell, aNode, aVolume } from '../../../support/records.ts';

const A = parseNodeId('node-1');
const B = parseNodeId('node-2');
const boot = parseBootId('aaaaaaaa-0000-4000-8000-000000000001');
const vol = parseVolumeId('vol-00000000000000001');

function granted(right: Permit['right'], generation: number, volume: Partial<VolumeRecord> = {}, node: Partial<NodeRecord> = {}): boolean {
  const state = aCell({
    nodes: [aNode({ id: A, bootId: boot, phase: 'active', ...node })],
    volumes: [aVolume({ id: vol, holder: A, holderBootId: boot, generation: 5, epoch: 2, replicas: [A, B], inSync: [A, B], ...volume })],
  });
  return isGranted(state, { right, target: vol, generation, node: A, bootId: boot, clusterUuid: 'c', epoch: 1, index: 1 });
}

const permits = suite('a permit');

permits('to hold is the holder\'s, in its boot and generation', () => {
  assert.ok(granted('hold', 5));
  assert.not.ok(granted('hold', 4));
  assert.not.ok(granted('hold', 5, { holder: B }));
  assert.not.ok(granted('hold', 5, { holderBootId: null }));
});
permits('to keep a replica is of those that the ledger names, in this epoch', () => {
  assert.ok(granted('keep', 2, { holder: B }));
  assert.not.ok(granted('keep', 1));
  assert.not.ok(granted('keep', 2, { replicas: [B] }));
  assert.not.ok(granted('keep', 2, { deleting: true }));
});
permits('to wipe is of a retired replica, or of a volume that is deleted', () => {
  assert.not.ok(granted('wipe', 2));
  assert.ok(granted('wipe', 2, { replicas: [B], retired: [A] }));
  assert.ok(granted('wipe', 2, { deleting: true }));
  assert.not.ok(granted('wipe', 1, { deleting: true }));
});
permits('is nobody\'s whose boot is fenced, about to be, or over', () => {
  for (const node of [{ phase: 'fenced' }, { fenceIntentIndex: 7 }, { phase: 'removed' }, { bootId: parseBootId('bbbbbbbb-0000-4000-8000-000000000001') }] as const) {
    for (const right of ['hold', 'keep'] as const) assert.not.ok(granted(right, right === 'hold' ? 5 : 2, {}, node));
    assert.not.ok(granted('wipe', 2, { deleting: true }, node));
  }
});

permits.run();
