/** Do the audits see what they are there for, and nothing else? Tables of orders, pets and proofs over a cell that is only told of. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseBootId, parseCellId, parseInstanceId, parseMemberId, parseNodeId, parseVolumeId } from '../../../../shared/ids.ts';
import type { AppliedEntry } from '../../../../shared/ledger/commands.ts';
import type { CellState } from '../../../../shared/model/cell.ts';
import { CLOCK_RATE_ERROR, nodeFenceMs, TIMING_PROFILES } from '../../../../shared/model/timing.ts';
import { constantsHash, encodeGrant, encodeRenewal, nonceOf } from '../../../../shared/wire/lease.ts';
import type { VirtualCell } from '../../../support/virtual-cell.ts';
import { aCell, anInstance, aNode, aVolume } from '../../../support/records.ts';
import type { Scene } from '../../../sim/checkers/checker.ts';
import { watchRounds } from '../../../sim/checkers/rounds.ts';
import { watchFences } from '../../../sim/checkers/fences.ts';
import { watchDestruction, watchForce } from '../../../sim/checkers/orders.ts';

const A = parseNodeId('node-1');
const B = parseNodeId('node-2');
const boot = parseBootId('aaaaaaaa-0000-4000-8000-000000000001');
const vol = parseVolumeId('vol-00000000000000001');
const id = parseInstanceId('i-00000000000000001');
const PROFILE = TIMING_PROFILES.standard;

const state: CellState = aCell({
  nodes: [aNode({ id: A, bootId: boot }), aNode({ id: B })],
  instances: [anInstance({ id, volumes: [vol], holder: A, holderBootId: boot, phase: 'running', desired: 'running' })],
  volumes: [aVolume({ id: vol, instance: id, holder: A, holderBootId: boot, replicas: [A, B], inSync: [A, B], formatted: true })],
});

/** A cell of which checkers see a clock, and one domain that runs on node-1. */
function scene(newest = state): Scene & { readonly seen: string[]; nowMs: number } {
  const seen: string[] = [];
  const told = {
    seen, nowMs: 0, newest: () => newest, violate: (what: string) => void seen.push(what),
    cell: {
      world: { clock: { nowMs: () => told.nowMs } }, nodeIds: [A, B],
      room: { bootIdOf: () => boot, nodeReport: () => ({ bootId: boot, domains: [{ name: id, domid: 1, state: 'running' }] }), bootOf: () => boot },
    } as unknown as VirtualCell,
  };
  return told;
}

const orders = suite('the audit of orders');

for (const [line, isAllowed] of [
  ['drbdadm primary', true], ['drbdadm primary --force', false], ['drbdadm disconnect --force', true], ['drbdadm disconnect', false], ['drbdadm resume-io', false],
  ['drbdadm detach', false], ['drbdadm invalidate', false], ['drbdadm down', false], ['drbdadm secondary', true], ['drbdsetup new-current-uuid', false],
] as const) {
  orders(`${isAllowed ? 'allows' : 'notices'} ${line}`, () => {
    const told = scene();
    watchForce(told).ran?.(A, boot, [...line.split(' '), vol], '');
    assert.is(told.seen.length, isAllowed ? 0 : 1, told.seen.join());
    if (!isAllowed) assert.match(told.seen[0] ?? '', /^S17 node-1 runs /);
  });
}

orders('allows a forced promotion before the first content, and letting go of what counts no more', () => {
  const fresh = scene(aCell({ volumes: [aVolume({ id: vol, replicas: [A, B], inSync: [A], formatted: false })] }));
  watchForce(fresh).ran?.(A, boot, ['drbdadm', 'primary', '--force', vol], '');
  const stale = scene(aCell({ volumes: [aVolume({ id: vol, replicas: [A, B], inSync: [A], formatted: true })] }));
  for (const order of ['invalidate', 'down']) watchForce(stale).ran?.(B, boot, ['drbdadm', order, vol], '');
  assert.equal([...fresh.seen, ...stale.seen], []);
});

orders('notices what is destroyed where the ledger wants it, and whether a restart did it', () => {
  const told = scene();
  const checker = watchDestruction(told);
  told.nowMs = 60_000;
  checker.ran?.(A, boot, ['xl', 'destroy', id], '');
  assert.match(told.seen[0] ?? '', /^S14 node-1 destroys .* where the ledger wants it$/);
  checker.started?.(parseMemberId('node-1'), null as never);
  checker.ran?.(A, boot, ['xl', 'destroy', id], '');
  assert.match(told.seen[1] ?? '', /^S18 /);
  checker.ran?.(A, boot, ['lvremove', '-y', `vg0/${vol}`], '');
  assert.match(told.seen[2] ?? '', /^S14 node-1 removes its replica/);
  const stopping = scene(aCell({ instances: [anInstance({ id, holder: A, holderBootId: boot, phase: 'stopping', desired: 'stopped' })] }));
  watchDestruction(stopping).ran?.(A, boot, ['xl', 'destroy', id], '');
  assert.equal(stopping.seen, []);
});

orders.run();

const leases = suite('the audit of leases');

function granted(told: ReturnType<typeof scene>, checker: ReturnType<typeof watchFences>, sentAtMs: number, heardAtMs: number): void {
  const nonce = nonceOf(sentAtMs * 1000 + 1, 7);
  told.nowMs = sentAtMs;
  checker.sent(A, boot, encodeRenewal({ kind: 'renewal', cell: parseCellId('default'), clusterUuid: '11111111-2222-4333-8444-555555555555', node: A, bootId: boot, nonce, constants: constantsHash(PROFILE) }));
  told.nowMs = heardAtMs;
  checker.heard(A, boot, encodeGrant({ kind: 'grant', nonce, status: 'granted', constants: constantsHash(PROFILE) }));
}

leases('lets a watchdog be petted for P from the sending of the newest granted renewal, and not longer', () => {
  const told = scene();
  const checker = watchFences(told);
  checker.petted(A, boot);
  assert.match(told.seen[0] ?? '', /^S9 node-1 petted its watchdog without a lease$/);
  granted(told, checker, 1_000, 2_500);
  told.nowMs = 1_000 + PROFILE.petWindowMs;
  checker.petted(A, boot);
  assert.is(told.seen.length, 1);
  told.nowMs = 1_000 + PROFILE.petWindowMs / (1 - CLOCK_RATE_ERROR) + 2;
  checker.petted(A, boot);
  assert.match(told.seen[1] ?? '', /^S9 node-1 petted its watchdog 306\d ms after/);
});

leases('takes a proof only when the last moment that the lease allowed is over, also when its grant comes later', () => {
  const proof = (atMs: number, lateGrant: boolean): readonly string[] => {
    const told = scene();
    const checker = watchFences(told);
    granted(told, checker, 1_000, 1_100);
    told.nowMs = atMs;
    checker.applied?.({
      index: 5, term: 2, events: [], result: { kind: 'applied' },
      data: { at: '', by: B, command: { kind: 'proveFenced', node: A, bootId: boot, proof: 'leaseExpired', fenceWaitMs: 9_000, term: 2, leader: B, observations: [] } },
    } satisfies AppliedEntry, state, state);
    if (lateGrant) granted(told, checker, 4_000, atMs + 100);
    return told.seen;
  };
  const overMs = 1_000 + nodeFenceMs(PROFILE) / (1 + CLOCK_RATE_ERROR);
  assert.equal(proof(overMs + 5, false), []);
  assert.match(proof(overMs - 500, false)[0] ?? '', /^S9 boot .* was proven dead by its lease 500 ms before/);
  // The renewal was sent before the proof, and granted: whoever proved the boot dead did not know of it.
  assert.match(proof(overMs + 5, true)[0] ?? '', /^S9 boot .* before its watchdog must have fired$/);
});

leases('wants no grant for what was sent after the ledger gave the boot up', () => {
  const told = scene();
  const checker = watchFences(told);
  told.nowMs = 1_000;
  checker.applied?.({
    index: 5, term: 2, events: [], result: { kind: 'applied' }, data: { at: '', by: B, command: { kind: 'intendFence', node: A, bootId: boot, byPower: true, atMs: 0, reason: '' } },
  } satisfies AppliedEntry, state, state);
  granted(told, checker, 900, 1_050);
  assert.equal(told.seen, []);
  granted(told, checker, 1_200, 1_250);
  assert.match(told.seen[0] ?? '', /^S10 a renewal of boot .* was granted that was sent 200 ms after/);
});

leases('never forgets a boot that lives, however many restart beside it', () => {
  const told = scene();
  const checker = watchFences(told);
  granted(told, checker, 1_000, 1_050);
  for (let at = 0; at < 500; at += 1) checker.heard(B, `boot ${at}`, encodeGrant({ kind: 'grant', nonce: nonceOf(1, 7), status: 'granted', constants: constantsHash(PROFILE) }));
  checker.petted(A, boot);
  assert.equal(told.seen, []);
});

leases.run();

const rounds = suite('the audit of rounds');

/** A leader that confirms rounds, and hears renewals. */
function leader(): { readonly told: ReturnType<typeof scene>; readonly checker: ReturnType<typeof watchRounds>; readonly confirm: () => Promise<boolean>; readonly hear: (nonce: number) => void; readonly grant: (nonce: number) => void } {
  const told = scene();
  const checker = watchRounds(told);
  const ledger = { confirmLeadership: () => Promise.resolve(true) };
  checker.started?.(parseMemberId(A), ledger as never);
  const hear = (nonce: number): void => checker.heard(A, encodeRenewal({ kind: 'renewal', cell: parseCellId('default'), clusterUuid: '11111111-2222-4333-8444-555555555555', node: B, bootId: boot, nonce: nonceOf(nonce, 7), constants: constantsHash(PROFILE) }));
  const grant = (nonce: number): void => checker.sent(A, encodeGrant({ kind: 'grant', nonce: nonceOf(nonce, 7), status: 'granted', constants: constantsHash(PROFILE) }));
  return { told, checker, confirm: async () => await ledger.confirmLeadership(), hear, grant };
}

rounds('wants one that began after the renewal came', async () => {
  const { told, confirm, grant, hear } = leader();
  told.nowMs = 100;
  hear(1);
  await confirm();
  grant(1);
  assert.equal(told.seen, []);
  told.nowMs = 200;
  hear(2);
  grant(2);
  assert.match(told.seen[0] ?? '', /^S9 node-1 grants a renewal that no quorum confirmed/);
});

rounds('wants that also where a leader that stood still is given thousands at once', async () => {
  const { told, confirm, grant, hear } = leader();
  told.nowMs = 60_000;
  for (let nonce = 1; nonce <= 3_000; nonce += 1) hear(nonce);
  await confirm();
  for (let nonce = 1; nonce <= 3_000; nonce += 1) grant(nonce);
  assert.equal(told.seen, []);
  const { told: without, grant: give, hear: come, confirm: early } = leader();
  without.nowMs = 59_000;
  await early();
  without.nowMs = 60_000;
  for (let nonce = 1; nonce <= 3_000; nonce += 1) come(nonce);
  give(1);
  give(3_000);
  assert.match(without.seen[0] ?? '', /^S9 /);
  assert.is(without.seen.length, 2);
});

rounds.run();
