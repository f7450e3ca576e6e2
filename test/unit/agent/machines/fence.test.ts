/** Does the path from silence to proof keep S8 to S10, and tell the whole story? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fenceWakesAtMs, FOUND_INTENT_WAIT_MS, isHalted, OFF_REPORTS_APART_MS, startFence, stepFence } from '../../../../agent/machines/fence.ts';
import type { FenceEffect, FenceEvent, FenceState } from '../../../../agent/machines/fence.ts';
import { parseBootId, parseNodeId } from '../../../../shared/ids.ts';
import { nodeFenceMs, requiredFenceWaitMs, TIMING_PROFILES } from '../../../../shared/model/timing.ts';

const WAITS = { nodeFenceMs: 8_000, fenceWaitMs: 9_000 };
const T0 = 50_000;

type Unstamped<Event> = Event extends unknown ? Omit<Event, 'atMs' | 'at'> : never;

/** A fence in a test, begun at T0. */
class Fencing {
  state: FenceState = startFence(parseNodeId('node-2'), parseBootId('11111111-2222-4333-8444-555555555555'), parseNodeId('node-1'), 0, { atMs: T0, at: 'T0' });

  feed(atMs: number, event: Unstamped<FenceEvent>): readonly FenceEffect[] {
    const { state, effects } = stepFence(this.state, { ...event, atMs, at: `at ${atMs}` }, WAITS);
    this.state = state;
    return effects;
  }

  kinds(atMs: number, event: Unstamped<FenceEvent>): readonly string[] {
    return this.feed(atMs, event).map((effect) => effect.kind);
  }

  /** To the question whether it is off, after a renewal at T0. */
  orderedOff(): this {
    this.feed(T0, { kind: 'renewalHeard', counted: true });
    this.feed(T0 + 2_000, { kind: 'powerAllowed', reason: 'silent' });
    this.feed(T0 + 2_020, { kind: 'intentCommitted', index: 42, byPower: true });
    this.feed(T0 + 2_500, { kind: 'powerOffDone', wasOff: false });
    return this;
  }
}

const fence = suite('the fence of a boot');

fence('waits F from the last renewal that counts, not a millisecond less', () => {
  const it = new Fencing();
  it.feed(T0 + 700, { kind: 'renewalHeard', counted: true });
  assert.is(fenceWakesAtMs(it.state, WAITS), T0 + 9_700);
  assert.equal(it.kinds(T0 + 9_699, { kind: 'timer' }), []);
  assert.not.ok(isHalted(it.state));
  const [effect] = it.feed(T0 + 9_700, { kind: 'timer' });
  assert.is(effect?.kind, 'proposeProof');
  assert.ok(isHalted(it.state), 'and from that step on nothing is granted');
  if (effect?.kind === 'proposeProof') assert.equal([effect.proof, effect.fenceWaitMs], ['leaseExpired', 9_000]);
});

fence('waits F from its beginning for a boot that was never heard', () => {
  const it = new Fencing();
  assert.is(fenceWakesAtMs(it.state, WAITS), T0 + 9_000);
  assert.equal(it.kinds(T0 + 9_000, { kind: 'timer' }), ['proposeProof']);
});

fence('waits F from when a former leader may last have confirmed a lease, and tells of it', () => {
  const it = new Fencing();
  it.state = startFence(it.state.node, it.state.bootId, it.state.by, 1_800, { atMs: T0, at: 'T0' });
  assert.equal(it.kinds(T0 + 7_199, { kind: 'timer' }), []);
  const [effect] = it.feed(T0 + 7_200, { kind: 'timer' });
  assert.ok(effect?.kind === 'proposeProof');
  assert.is(effect.fenceWaitMs, 9_000);
  assert.match(effect.observations[0]?.detail ?? '', '1800 ms before, when a former leader could last confirm a lease');
  assert.is(effect.observations.at(-1)?.afterMs, 9_000);
});

fence('counts from a renewal that comes, whatever a former leader may have confirmed', () => {
  const it = new Fencing();
  it.state = startFence(it.state.node, it.state.bootId, it.state.by, 7_000, { atMs: T0, at: 'T0' });
  it.feed(T0 + 100, { kind: 'renewalHeard', counted: true });
  assert.is(fenceWakesAtMs(it.state, WAITS), T0 + 9_100);
});

fence('takes no age that would shorten the wait by mistake', () => {
  const it = new Fencing();
  for (const formerMs of [-1, Infinity, Number.NaN]) assert.throws(() => startFence(it.state.node, it.state.bootId, it.state.by, formerMs, { atMs: T0, at: 'T0' }));
});

fence('has waits that cover the drift of both clocks in every profile', () => {
  for (const profile of Object.values(TIMING_PROFILES)) assert.ok(profile.fenceWaitMs >= requiredFenceWaitMs(profile) && profile.fenceWaitMs > nodeFenceMs(profile), profile.name);
});

fence('does not count a renewal that is refused', () => {
  const it = new Fencing();
  it.feed(T0 + 3_000, { kind: 'renewalHeard', counted: false });
  assert.is(fenceWakesAtMs(it.state, WAITS), T0 + 9_000);
});

fence('begins its wait anew, with an alarm, when a boot renews that its watchdog should have ended', () => {
  const it = new Fencing();
  assert.equal(it.kinds(T0 + 8_001, { kind: 'renewalHeard', counted: false }), ['alarm']);
  assert.is(fenceWakesAtMs(it.state, WAITS), T0 + 17_001);
});

fence('by power needs the intent committed first, and halts grants before it proposes it', () => {
  const it = new Fencing();
  assert.equal(it.kinds(T0 + 2_000, { kind: 'powerAllowed', reason: 'silent' }), ['proposeIntent']);
  assert.ok(isHalted(it.state));
  assert.equal(it.kinds(T0 + 2_010, { kind: 'powerOffDone', wasOff: false }), []);
  assert.equal(it.kinds(T0 + 2_020, { kind: 'intentCommitted', index: 42, byPower: true }), ['orderPowerOff']);
  assert.equal(it.kinds(T0 + 2_030, { kind: 'intentCommitted', index: 42, byPower: true }), [], 'once');
});

fence('grants again when the intent was rejected, but not when its fate is unknown', () => {
  const it = new Fencing();
  it.feed(T0 + 2_000, { kind: 'powerAllowed', reason: 'silent' });
  it.feed(T0 + 2_100, { kind: 'intentAnswered', outcome: 'unknown', detail: 'timeout' });
  assert.ok(isHalted(it.state));
  assert.equal(it.kinds(T0 + 2_350, { kind: 'timer' }), ['proposeIntent']);
  it.feed(T0 + 2_400, { kind: 'intentAnswered', outcome: 'rejected', detail: 'rateLimited' });
  assert.not.ok(isHalted(it.state));
  assert.equal(it.kinds(T0 + 2_500, { kind: 'powerAllowed', reason: 'again' }), [], 'no second try in this silence');
});

fence('proves by power after two reports of off, a second apart, with silence between', () => {
  const it = new Fencing().orderedOff();
  assert.equal(it.kinds(T0 + 2_550, { kind: 'powerStatus', status: 'off', detail: '' }), []);
  assert.is(fenceWakesAtMs(it.state, WAITS), T0 + 2_550 + OFF_REPORTS_APART_MS);
  assert.equal(it.kinds(T0 + 3_549, { kind: 'timer' }), []);
  assert.equal(it.kinds(T0 + 3_550, { kind: 'timer' }), ['askPowerStatus']);
  const [effect] = it.feed(T0 + 3_600, { kind: 'powerStatus', status: 'off', detail: '' });
  assert.is(effect?.kind, 'proposeProof');
  if (effect?.kind !== 'proposeProof') return;
  assert.is(effect.proof, 'powerOffConfirmed');
  assert.equal(effect.observations.map((one) => [one.what, one.afterMs]), [
    ['lastRenewal', 0], ['intentCommitted', 2_020], ['powerOffOrdered', 2_020], ['powerStatusOff', 2_550], ['powerStatusOff', 3_600],
  ]);
});

fence('notes that a machine was off before the first order, and of no other', () => {
  const seen = (it: Fencing): boolean => it.state.observations.some(({ what }) => what === 'foundOff');
  const intended = (): Fencing => {
    const it = new Fencing();
    it.feed(T0 + 2_000, { kind: 'powerAllowed', reason: 'silent' });
    it.feed(T0 + 2_020, { kind: 'intentCommitted', index: 42, byPower: true });
    return it;
  };
  const first = intended();
  assert.equal(first.kinds(T0 + 2_100, { kind: 'powerOffDone', wasOff: true }), ['askPowerStatus']);
  assert.ok(seen(first));
  const second = intended();
  second.feed(T0 + 2_100, { kind: 'powerOffFailed', detail: 'no answer' });
  second.feed(fenceWakesAtMs(second.state, WAITS), { kind: 'timer' });
  second.feed(T0 + 2_900, { kind: 'powerOffDone', wasOff: true });
  assert.not.ok(seen(second), 'the order without an answer may have done it');
  const found = new Fencing();
  found.feed(T0 + 2_020, { kind: 'intentCommitted', index: 42, byPower: true });
  found.feed(fenceWakesAtMs(found.state, WAITS), { kind: 'timer' });
  assert.equal(found.kinds(T0 + 4_100, { kind: 'powerOffDone', wasOff: true }), ['askPowerStatus']);
  assert.not.ok(seen(found), 'the leader before this one may have done it');
  assert.not.ok(seen(new Fencing().orderedOff()), 'it was on');
});

fence('takes no single off, none around a renewal, and no other word', () => {
  const it = new Fencing().orderedOff();
  it.feed(T0 + 2_550, { kind: 'powerStatus', status: 'off', detail: '' });
  it.feed(T0 + 3_000, { kind: 'renewalHeard', counted: false });
  it.feed(T0 + 3_550, { kind: 'timer' });
  assert.equal(it.kinds(T0 + 3_600, { kind: 'powerStatus', status: 'off', detail: '' }), [], 'the first again, because it spoke');
  for (const status of ['on', 'unknown'] as const) {
    const other = new Fencing().orderedOff();
    other.feed(T0 + 2_550, { kind: 'powerStatus', status: 'off', detail: '' });
    other.feed(T0 + 3_600, { kind: 'powerStatus', status, detail: '' });
    assert.equal(other.kinds(T0 + 4_700, { kind: 'powerStatus', status: 'off', detail: '' }), [], status);
  }
});

fence('goes on by lease when power fails, for a bounded number of attempts', () => {
  const it = new Fencing();
  it.feed(T0 + 2_000, { kind: 'powerAllowed', reason: 'silent' });
  it.feed(T0 + 2_020, { kind: 'intentCommitted', index: 42, byPower: true });
  let orders = 1;
  let atMs = T0 + 2_100;
  it.feed(atMs, { kind: 'powerOffFailed', detail: 'no answer' });
  for (;;) {
    atMs = fenceWakesAtMs(it.state, WAITS);
    const kinds = it.kinds(atMs, { kind: 'timer' });
    if (kinds.includes('proposeProof')) break;
    orders += 1;
    it.feed(atMs + 1, { kind: 'powerOffFailed', detail: 'no answer' });
  }
  assert.is(atMs, T0 + 9_000);
  assert.ok(orders > 3 && orders <= 40, `${orders} orders`);
  assert.ok(it.state.observations.length <= 30);
  assert.is(it.state.observations.at(-1)?.what, 'deadline');
});

fence('repeats a proof without an answer, and watches again after a rejected one', () => {
  const it = new Fencing();
  it.feed(T0 + 9_000, { kind: 'timer' });
  it.feed(T0 + 9_100, { kind: 'proofAnswered', outcome: 'unknown', detail: '' });
  assert.ok(isHalted(it.state));
  assert.equal(it.kinds(fenceWakesAtMs(it.state, WAITS), { kind: 'timer' }), ['proposeProof']);
  assert.equal(it.kinds(T0 + 9_500, { kind: 'proofAnswered', outcome: 'rejected', detail: 'staleBoot' }), ['alarm']);
  assert.is(fenceWakesAtMs(it.state, WAITS), T0 + 18_500);
  it.feed(T0 + 18_500, { kind: 'timer' });
  it.feed(T0 + 18_600, { kind: 'proofAnswered', outcome: 'applied', detail: '' });
  assert.is(fenceWakesAtMs(it.state, WAITS), Infinity);
  assert.ok(isHalted(it.state));
});

fence('forgets a suspicion when the node is heard again', () => {
  const it = new Fencing();
  it.feed(T0 + 2_000, { kind: 'observed', what: 'suspected', by: parseNodeId('node-1'), detail: '' });
  it.feed(T0 + 2_100, { kind: 'renewalHeard', counted: true });
  assert.equal(it.state.observations, []);
  assert.is(fenceWakesAtMs(it.state, WAITS), T0 + 11_100);
});

fence('takes over an intent of an earlier leader, and gives a new boot the time to tell of itself', () => {
  const it = new Fencing();
  assert.equal(it.kinds(T0, { kind: 'intentCommitted', index: 7, byPower: true }), []);
  assert.ok(isHalted(it.state));
  assert.is(fenceWakesAtMs(it.state, WAITS), T0 + FOUND_INTENT_WAIT_MS);
  assert.equal(it.kinds(T0 + 500, { kind: 'intentCommitted', index: 7, byPower: true }), [], 'once');
  assert.equal(it.kinds(T0 + FOUND_INTENT_WAIT_MS, { kind: 'timer' }), ['orderPowerOff']);
  const without = new Fencing();
  assert.equal(without.kinds(T0, { kind: 'intentCommitted', index: 7, byPower: false }), []);
  assert.ok(isHalted(without.state));
  assert.equal(without.kinds(T0 + 9_000, { kind: 'timer' }), ['proposeProof']);
});

fence.run();
