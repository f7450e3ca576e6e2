import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Gate } from '../../../../agent/runtime/gate.ts';
import type { Permit } from '../../../../agent/runtime/gate.ts';
import { ClusterError } from '../../../../shared/errors.ts';
import { parseBootId, parseNodeId } from '../../../../shared/ids.ts';

const node = parseNodeId('node-1');
const bootId = parseBootId('aaaaaaaa-0000-4000-8000-000000000001');
const permit: Permit = { right: 'hold', target: 'i-00000000000000001', generation: 3, node, bootId, clusterUuid: 'c', epoch: 1, index: 10 };

function aGate(given: { readonly remainingMs?: number; readonly isBinding?: boolean; readonly seen?: Record<string, number>; readonly isGranted?: () => boolean; readonly onRaise?: () => void }) {
  const seen = new Map(Object.entries(given.seen ?? {}));
  const raised: string[] = [];
  const gate = new Gate({
    node, bootId, clusterUuid: 'c', marginMs: () => 2_000,
    lease: { remainingMs: () => given.remainingMs ?? 2_500, isBinding: () => given.isBinding ?? true, onChange: () => {} },
    generations: {
      seen: (target) => seen.get(target) ?? 0,
      raise: async (target, generation) => {
        await Promise.resolve();
        raised.push(`${target}=${generation}`);
        seen.set(target, Math.max(seen.get(target) ?? 0, generation));
        given.onRaise?.();
      },
    },
    isGranted: given.isGranted ?? (() => true),
  });
  return { gate, raised };
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, ClusterError);
    assert.is((error as ClusterError).code, 'PermitRefused');
    return (error as ClusterError).message;
  }
  throw new Error('the gate let it pass');
}

const ran: string[] = [];
const command = async (): Promise<string> => {
  await Promise.resolve();
  ran.push('ran');
  return 'done';
};

const gateSuite = suite('the gate');
gateSuite.before.each(() => {
  ran.length = 0;
});

gateSuite('lets a granted command pass, its generation durable before it runs', async () => {
  const { gate, raised } = aGate({ onRaise: () => assert.equal(ran, []) });
  assert.is(await gate.pass('start', permit, command), 'done');
  assert.equal(raised, ['epoch=1', 'i-00000000000000001=3']);
});

const refusals: readonly (readonly [string, Parameters<typeof aGate>[0], Partial<Permit>, RegExp])[] = [
  ['of another ledger', {}, { clusterUuid: 'other' }, /another ledger/],
  ['of an older epoch', { seen: { epoch: 2 } }, {}, /older epoch/],
  ['for another node', {}, { node: parseNodeId('node-2') }, /for node-2/],
  ['for another boot', {}, { bootId: parseBootId('bbbbbbbb-0000-4000-8000-000000000001') }, /another boot/],
  ['of an older generation than one seen before', { seen: { 'i-00000000000000001': 4 } }, {}, /older than one seen/],
  ['while the lease is about to end', { remainingMs: 1_999 }, {}, /lease/],
  ['to hold something while the keeper may disarm the watchdog', { isBinding: false }, {}, /disarm/],
  ['that the ledger took back', { isGranted: () => false }, {}, /does not grant/],
];
for (const [what, given, change, message] of refusals) {
  gateSuite(`refuses a permit ${what}`, async () => {
    assert.match(await refusal(aGate(given).gate.pass('start', { ...permit, ...change }, command)), message);
    assert.equal(ran, []);
  });
}

gateSuite('counts the epochs of a volume\'s replicas apart from its generations', async () => {
  const { gate, raised } = aGate({ seen: { 'vol-00000000000000001': 9 } });
  await gate.pass('wipe', { ...permit, right: 'wipe', target: 'vol-00000000000000001', generation: 2 }, command);
  assert.equal(raised, ['epoch=1', 'vol-00000000000000001 replicas=2']);
  const older = aGate({ seen: { 'vol-00000000000000001 replicas': 3 } });
  assert.match(await refusal(older.gate.pass('wipe', { ...permit, right: 'wipe', target: 'vol-00000000000000001', generation: 2 }, command)), /older than one seen/);
});

gateSuite('looks again after the generation was made durable', async () => {
  let isGranted = true;
  const { gate } = aGate({
    isGranted: () => isGranted,
    onRaise: () => {
      isGranted = false;
    },
  });
  assert.match(await refusal(gate.pass('start', permit, command)), /does not grant/);
  assert.equal(ran, []);
});

gateSuite('lets a replica be worked on though the keeper may disarm the watchdog: nothing runs by it', async () => {
  const { gate } = aGate({ isBinding: false });
  assert.is(await gate.pass('bring up', { ...permit, right: 'wipe', target: 'vol-00000000000000001' }, command), 'done');
});

gateSuite.run();
