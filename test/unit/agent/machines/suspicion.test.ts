/** Is a silent node probed early, suspected in time, and switched off only when others agree? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { healthMultiplier, stepHealth, WELL } from '../../../../agent/machines/local-health.ts';
import { parseProbeAnswer, parseProbeRequest, pickHelpers, probesAgree, voteOf } from '../../../../agent/machines/probe.ts';
import type { ProbeAnswer, Vote } from '../../../../agent/machines/probe.ts';
import { isFenceStorm, startSuspicion, stepSuspicion, suspicionWakesAtMs } from '../../../../agent/machines/suspicion.ts';
import type { SuspicionEvent, SuspicionState } from '../../../../agent/machines/suspicion.ts';
import { parseNodeId } from '../../../../shared/ids.ts';
import { TIMING_PROFILES } from '../../../../shared/model/timing.ts';

const { standard } = TIMING_PROFILES;
const HELPERS = ['node-2', 'node-3', 'node-4', 'node-5'].map(parseNodeId);
const [b, c] = HELPERS as [ReturnType<typeof parseNodeId>, ReturnType<typeof parseNodeId>];
const silent: ProbeAnswer = { agentAnswers: false, renewalAgeMs: null, storageReachable: false };
const alive: ProbeAnswer = { ...silent, agentAnswers: true };
const T0 = 1_000;

class Suspecting {
  state: SuspicionState = startSuspicion(parseNodeId('node-1'), T0, 0);

  feed(event: SuspicionEvent): readonly string[] {
    const { state, effects } = stepSuspicion(this.state, event, standard);
    this.state = state;
    return effects.map((effect) => (effect.kind === 'askHelpers' ? `ask ${effect.helpers.length}` : effect.kind));
  }

  timer(atMs: number, helpers = HELPERS, multiplier = 1): readonly string[] {
    return this.feed({ kind: 'timer', atMs, multiplier, helpers, draws: [0, 0.5, 0.99] });
  }
}

const suspicion = suite('suspicion');

suspicion('probes after half the time, so that it falls due with the answers there', () => {
  const it = new Suspecting();
  assert.is(suspicionWakesAtMs(it.state, standard, 1), T0 + 1_000);
  assert.equal(it.timer(T0 + 999), []);
  assert.equal(it.timer(T0 + 1_000), ['ask 3']);
  it.feed({ kind: 'probed', atMs: T0 + 1_400, helper: b, answer: silent });
  it.feed({ kind: 'probed', atMs: T0 + 1_401, helper: c, answer: silent });
  assert.is(suspicionWakesAtMs(it.state, standard, 1), T0 + 2_000);
  assert.equal(it.timer(T0 + 2_000), ['suspected', 'probesAgreed']);
  assert.is(suspicionWakesAtMs(it.state, standard, 1), Infinity);
});

suspicion('asks again, with the old answers forgotten, while the probes do not agree', () => {
  const it = new Suspecting();
  it.timer(T0 + 1_000);
  it.feed({ kind: 'probed', atMs: T0 + 1_100, helper: b, answer: alive });
  it.feed({ kind: 'probed', atMs: T0 + 1_400, helper: c, answer: silent });
  assert.equal(it.timer(T0 + 2_000), ['suspected']);
  assert.is(suspicionWakesAtMs(it.state, standard, 1), T0 + 2_500);
  assert.equal(it.timer(T0 + 2_500), ['ask 3']);
  assert.equal(it.feed({ kind: 'probed', atMs: T0 + 2_800, helper: b, answer: silent }), []);
  assert.equal(it.feed({ kind: 'probed', atMs: T0 + 2_900, helper: c, answer: silent }), ['probesAgreed']);
});

suspicion('of a node that is heard again is over, and a flap when it was suspect', () => {
  const it = new Suspecting();
  it.timer(T0 + 1_000);
  assert.equal(it.feed({ kind: 'heard', atMs: T0 + 1_500 }), []);
  assert.is(it.state.flaps, 0);
  it.timer(T0 + 2_500);
  it.timer(T0 + 3_500);
  assert.equal(it.feed({ kind: 'heard', atMs: T0 + 3_600 }), ['cleared']);
  assert.equal([it.state.phase, it.state.flaps], ['trusted', 1]);
  assert.equal(it.feed({ kind: 'probed', atMs: T0 + 3_700, helper: b, answer: silent }), [], 'a late answer is no suspicion');
});

suspicion('waits longer in a leader that is itself unwell', () => {
  const it = new Suspecting();
  assert.is(suspicionWakesAtMs(it.state, standard, 8), T0 + 8_000);
  assert.equal(it.timer(T0 + 2_000, HELPERS, 8), []);
});

suspicion('needs two silent helpers and no living sign, or all that there are', () => {
  const votes = (...given: Vote[]): Map<typeof b, Vote> => new Map(given.map((vote, at) => [HELPERS[at] ?? b, vote]));
  const cases: readonly (readonly [Map<typeof b, Vote>, number, boolean])[] = [
    [votes(), 0, true], [votes(), 1, false], [votes('silent'), 1, true], [votes('none'), 1, false],
    [votes('silent'), 2, false], [votes('silent', 'none'), 2, false], [votes('silent', 'silent'), 2, true],
    [votes('silent', 'silent', 'none'), 4, true], [votes('silent', 'silent', 'alive'), 4, false],
  ];
  for (const [given, available, expected] of cases) assert.is(probesAgree(given, available), expected, `${[...given.values()].join(' ')} of ${available}`);
});

suspicion('takes for life an agent that answers, or a renewal later than the leader\'s own', () => {
  assert.is(voteOf(silent, 2_000), 'silent');
  assert.is(voteOf({ ...silent, storageReachable: true }, 2_000), 'silent');
  assert.is(voteOf(alive, 2_000), 'alive');
  assert.is(voteOf({ ...silent, renewalAgeMs: 300 }, 2_000), 'alive');
  assert.is(voteOf({ ...silent, renewalAgeMs: 2_000 }, 2_000), 'silent');
});

suspicion('draws helpers without repeating one', () => {
  assert.equal(pickHelpers(HELPERS, [0, 0, 0]), HELPERS.slice(0, 3));
  assert.equal(pickHelpers(HELPERS.slice(0, 2), [0.99, 0.99, 0.99]), [c, b]);
  assert.equal(pickHelpers([], [0.5, 0.5, 0.5]), []);
});

suspicion('of many at once is a storm, of one never', () => {
  const cases: readonly (readonly [number, number, boolean])[] = [[1, 2, false], [1, 3, false], [2, 3, true], [1, 5, false], [2, 5, true], [3, 10, false], [4, 10, true]];
  for (const [suspects, nodes, expected] of cases) assert.is(isFenceStorm(suspects, nodes), expected, `${suspects} of ${nodes}`);
});

suspicion('knows the health of its own process from 1 to 8', () => {
  let health = WELL;
  assert.is(healthMultiplier(health), 1);
  health = stepHealth(health, { kind: 'timerFired', latenessMs: 1_600, toleratedMs: 500 });
  assert.is(healthMultiplier(health), 4);
  for (let at = 0; at < 20; at += 1) health = stepHealth(health, { kind: 'helperSilent' });
  assert.is(healthMultiplier(health), 8);
  for (let at = 0; at < 20; at += 1) health = stepHealth(health, { kind: 'timerFired', latenessMs: 10, toleratedMs: 500 });
  assert.is(healthMultiplier(health), 1);
});

suspicion('reads probes strictly', () => {
  assert.equal(parseProbeRequest({ kind: 'reach', node: 'node-1', timeoutMs: 300 }), { kind: 'reach', node: 'node-1', timeoutMs: 300 });
  for (const body of [null, 'ping', {}, { kind: 'reach', node: 'Node', timeoutMs: 1 }, { kind: 'reach', node: 'n', timeoutMs: 0 }, { kind: 'reach', node: 'n', timeoutMs: 1e9 }]) assert.is(parseProbeRequest(body), null);
  assert.equal(parseProbeAnswer(alive), alive);
  for (const body of [null, {}, { ...alive, agentAnswers: 1 }, { ...alive, renewalAgeMs: 'x' }, { ...alive, storageReachable: undefined }]) assert.is(parseProbeAnswer(body), null);
});

suspicion.run();
