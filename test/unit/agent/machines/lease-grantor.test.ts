/** Are leases granted by the leader alone, and only after a round that began when the renewal was there? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grantorWakesAtMs, startGrantor, stepGrantor } from '../../../../agent/machines/lease-grantor.ts';
import type { GrantorEffect, GrantorEvent, GrantorState, GrantRules } from '../../../../agent/machines/lease-grantor.ts';
import { parseBootId, parseCellId, parseNodeId } from '../../../../shared/ids.ts';
import type { BootId } from '../../../../shared/ids.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../../shared/model/cell.ts';
import type { NodeRecord } from '../../../../shared/model/node.ts';
import { TIMING_PROFILES } from '../../../../shared/model/timing.ts';
import { constantsHash, nonceOf } from '../../../../shared/wire/lease.ts';
import type { Renewal } from '../../../../shared/wire/lease.ts';

const { standard, soft, fast } = TIMING_PROFILES;
const CLUSTER = '11111111-2222-4333-8444-555555555555';
const self = parseNodeId('node-9');
const node = parseNodeId('node-1');
const bootOf = (digit: string): BootId => parseBootId(`${digit.repeat(8)}-2222-4333-8444-555555555555`);
const boot = bootOf('a');

const record: NodeRecord = {
  id: node, peerId: 'p', meshAddress: '', leaseAddress: '', leaseKey: '', storageAddress: '', failureDomain: '', power: { kind: 'none', address: '' },
  phase: 'active', bootId: boot, storeUuid: null, incarnation: 1, pastBoots: [bootOf('b')], fenceWaitMs: standard.fenceWaitMs,
  capacity: { memoryMiB: 0, vcpus: 0, diskBytes: 0, domainKinds: [] }, cordoned: false, fence: null, fenceIntentIndex: null,
};

function rulesFor(change: Partial<NodeRecord> = {}, halted: readonly BootId[] = []): GrantRules {
  const empty = emptyCell(parseCellId('default'), CLUSTER, DEFAULT_PARAMETERS);
  return { cell: { ...empty, nodes: empty.nodes.set(node, { ...record, ...change }) }, halted: new Set(halted), roundSpacingMs: 250, gatherMs: 0, petWindowMs: standard.petWindowMs };
}

const renewal = (atMs: number, change: Partial<Renewal> = {}): Renewal => ({
  kind: 'renewal', cell: parseCellId('default'), clusterUuid: CLUSTER, node, bootId: boot, nonce: nonceOf(Math.floor(atMs * 1000), 1), constants: constantsHash(standard), ...change,
});

/** A grantor in a test. */
class Granting {
  state: GrantorState = startGrantor();
  rules = rulesFor();

  feed(event: GrantorEvent): readonly GrantorEffect[] {
    const { state, effects } = stepGrantor(this.state, event, this.rules);
    this.state = state;
    return effects;
  }

  lead(atMs: number, term: number | null = 5): readonly GrantorEffect[] {
    return this.feed({ kind: 'leads', term, atMs });
  }

  arrive(atMs: number, change: Partial<Renewal> = {}): readonly GrantorEffect[] {
    return this.feed({ kind: 'arrived', renewal: renewal(atMs, change), address: 'here:1', atMs });
  }

  end(atMs: number, round: number, confirmed = true): readonly GrantorEffect[] {
    return this.feed({ kind: 'roundEnded', round, confirmed, atMs });
  }
}

const answers = (effects: readonly GrantorEffect[]): readonly (readonly [string, string])[] =>
  effects.flatMap((effect) => (effect.kind === 'answer' ? [[effect.grant.status, effect.grant.nonce] as const] : []));
const rounds = (effects: readonly GrantorEffect[]): readonly number[] => effects.flatMap((effect) => (effect.kind === 'beginRound' ? [effect.round] : []));

const grantor = suite('the grantor of leases');

grantor('grants after a confirmed round, and names the nonce and the figures', () => {
  const it = new Granting();
  it.lead(0);
  assert.equal(rounds(it.arrive(1_000)), [1]);
  const [effect] = it.end(1_020, 1);
  assert.equal(effect, { kind: 'answer', to: node, address: 'here:1', grant: { kind: 'grant', nonce: renewal(1_000).nonce, status: 'granted', constants: constantsHash(standard) } });
});

grantor('lets a renewal that arrives during a round wait for the next one', () => {
  const it = new Granting();
  it.lead(0);
  it.arrive(1_000);
  assert.equal(rounds(it.arrive(1_200)), [], 'one round at a time');
  const effects = it.end(1_300, 1);
  assert.equal(answers(effects), [['granted', renewal(1_000).nonce]]);
  assert.equal(rounds(effects), [2]);
  assert.equal(answers(it.end(1_400, 2)), [['granted', renewal(1_200).nonce]]);
});

grantor('begins another round when one is overdue, for all that wait', () => {
  const it = new Granting();
  const other = parseNodeId('node-2');
  it.rules = { ...it.rules, cell: { ...it.rules.cell, nodes: it.rules.cell.nodes.set(other, { ...record, id: other }) } };
  it.lead(0);
  assert.equal(rounds(it.arrive(1_000)), [1]);
  assert.equal(rounds(it.arrive(1_250, { node: other })), [2], 'the messages of the first one were lost');
  const granted = answers(it.end(1_260, 2));
  assert.is(granted.length, 2);
  // In which order is nobody's matter.
  for (const sentAtMs of [1_000, 1_250]) assert.ok(granted.some(([status, nonce]) => status === 'granted' && nonce === renewal(sentAtMs).nonce), `${sentAtMs}`);
  assert.is(grantorWakesAtMs(it.state, it.rules), null, 'nobody waits any more');
});

grantor('takes a late answer to an overdue round for what it was begun for, and for nothing that came later', () => {
  const it = new Granting();
  it.lead(0);
  it.arrive(1_000);
  assert.equal(rounds(it.arrive(1_250)), [2]);
  assert.equal(rounds(it.arrive(1_500)), [3], 'a slow network: no answer within the spacing of rounds, ever');
  assert.equal(answers(it.end(1_510, 1)), [['granted', renewal(1_000).nonce]]);
  assert.equal(answers(it.end(1_760, 2)), [['granted', renewal(1_250).nonce]]);
  assert.equal(answers(it.end(1_770, 1)), [], 'once');
});

grantor('grants nothing by a round that failed, was another, or of another term', () => {
  const it = new Granting();
  it.lead(0);
  it.arrive(1_000);
  assert.equal(answers(it.end(1_010, 9)), []);
  assert.equal(answers(it.end(1_020, 1, false)), []);
  it.arrive(2_000);
  it.lead(2_010, null);
  it.lead(2_020, 7);
  assert.equal(answers(it.end(2_030, 2)), [], 'begun in the term before');
});

grantor('answers nothing on a follower, but remembers, and asks at once when it comes to lead', () => {
  const it = new Granting();
  assert.equal(it.arrive(1_000), []);
  assert.is(it.state.heard.get(node)?.last.arrivedAtMs, 1_000);
  const effects = it.lead(1_200);
  assert.equal(effects[0], { kind: 'renewalHeard', node, bootId: boot, counted: true });
  assert.equal(answers(it.end(1_210, rounds(effects)[0] ?? 0)), [['granted', renewal(1_000).nonce]]);
  const old = new Granting();
  old.arrive(1_000);
  assert.equal(old.lead(1_000 + standard.petWindowMs), [], 'what is older than P is worth nothing');
});

grantor('spaces its rounds', () => {
  const it = new Granting();
  it.lead(0);
  it.arrive(1_000);
  it.end(1_001, 1);
  assert.equal(rounds(it.arrive(1_100)), []);
  assert.equal(rounds(it.feed({ kind: 'timer', atMs: 1_249 })), []);
  assert.equal(rounds(it.feed({ kind: 'timer', atMs: 1_250 })), [2]);
});

grantor('lets renewals that come together wait for each other, and for no longer', () => {
  const it = new Granting();
  const second = { ...record, id: parseNodeId('node-2'), bootId: bootOf('d') };
  it.rules = { ...it.rules, gatherMs: 20, cell: { ...it.rules.cell, nodes: it.rules.cell.nodes.set(second.id, second) } };
  it.lead(0);
  assert.equal(rounds(it.arrive(1_000)), []);
  assert.is(grantorWakesAtMs(it.state, it.rules), 1_020);
  assert.equal(rounds(it.arrive(1_015, { node: second.id, bootId: second.bootId })), []);
  assert.equal(rounds(it.feed({ kind: 'timer', atMs: 1_019 })), []);
  assert.equal(rounds(it.feed({ kind: 'timer', atMs: 1_020 })), [1]);
  assert.equal(answers(it.end(1_025, 1)).map(([status]) => status), ['granted', 'granted']);
  assert.is(grantorWakesAtMs(it.state, it.rules), null);
  it.arrive(1_500);
  assert.is(grantorWakesAtMs(it.state, it.rules), 1_520, 'and anew for the next ones');
  it.arrive(1_520, { node: second.id, bootId: second.bootId });
  assert.is(it.state.round?.number, 2);
  it.arrive(1_530);
  it.end(1_600, 2);
  assert.is(grantorWakesAtMs(it.state, it.rules), 1_770, 'spaced all the same');
});

grantor('that comes to lead gathers nothing more for those that wait already', () => {
  const it = new Granting();
  it.rules = { ...it.rules, gatherMs: 20 };
  it.arrive(1_000);
  assert.equal(rounds(it.lead(1_200)), [1]);
});

const REFUSED: readonly (readonly [string, Partial<NodeRecord>, Partial<Renewal>, string])[] = [
  ['a fenced boot', { phase: 'fenced', fence: { kind: 'leaseExpired', node, bootId: boot, index: 1, term: 1, leader: self, fenceWaitMs: 9_000, observations: [], at: '' } }, {}, 'fenced'],
  ['a boot with a committed intent', { phase: 'fencing', fenceIntentIndex: 4 }, {}, 'fenced'],
  ['an earlier boot', {}, { bootId: bootOf('b') }, 'fenced'],
  ['a boot that is not recorded yet', {}, { bootId: bootOf('c') }, 'notAdmitted'],
  ['a removed node', { phase: 'removed' }, {}, 'notAdmitted'],
  ['another ledger', {}, { clusterUuid: bootOf('c') }, 'wrongCluster'],
  ['another cell', {}, { cell: parseCellId('other') }, 'wrongCluster'],
  ['a longer profile than the fence wait covers', {}, { constants: constantsHash(soft) }, 'wrongProfile'],
  ['unknown figures', {}, { constants: 1 }, 'wrongProfile'],
];
for (const [what, change, by, reason] of REFUSED) {
  grantor(`refuses ${what} at once`, () => {
    const it = new Granting();
    it.rules = rulesFor(change);
    it.lead(0);
    const effects = it.arrive(1_000, by);
    assert.equal(answers(effects), [[reason, renewal(1_000).nonce]]);
    assert.not.ok(effects.some((effect) => effect.kind === 'renewalHeard' && effect.counted));
  });
}

grantor('says nothing to a boot whose end is proposed, and does not count what it hears', () => {
  const it = new Granting();
  it.rules = rulesFor({}, [boot]);
  it.lead(0);
  assert.equal(it.arrive(1_000), [{ kind: 'renewalHeard', node, bootId: boot, counted: false }]);
});

grantor('judges again when the round ends', () => {
  for (const [rules, expected] of [[rulesFor({}, [boot]), []], [rulesFor({ fenceIntentIndex: 3 }), [['fenced', renewal(1_000).nonce]]]] as const) {
    const it = new Granting();
    it.lead(0);
    it.arrive(1_000);
    it.rules = rules;
    assert.equal(answers(it.end(1_010, 1)), expected);
  }
});

grantor('lets a keeper go on by an old profile that the fence wait of its boot covers', () => {
  const it = new Granting();
  it.rules = rulesFor({ fenceWaitMs: soft.fenceWaitMs });
  it.lead(0);
  for (const [at, profile] of [soft, standard, fast].entries()) {
    it.arrive(1_000 * (at + 1), { constants: constantsHash(profile) });
    assert.equal(answers(it.end(1_000 * (at + 1) + 1, at + 1)).map(([status]) => status), ['granted'], profile.name);
  }
});

grantor('takes a replayed, repeated or overtaken renewal for nothing', () => {
  const it = new Granting();
  it.lead(0);
  it.arrive(2_000);
  it.end(2_001, 1);
  assert.equal(it.feed({ kind: 'arrived', renewal: renewal(2_000), address: 'x:1', atMs: 3_000 }), []);
  assert.equal(it.feed({ kind: 'arrived', renewal: renewal(1_500), address: 'x:1', atMs: 3_100 }), []);
  assert.is(it.state.heard.get(node)?.last.arrivedAtMs, 2_000);
});

grantor('refuses both of two boots that use one name in turn, and says so', () => {
  const it = new Granting();
  it.rules = rulesFor({ pastBoots: [] });
  it.lead(0);
  const other = { bootId: bootOf('c') };
  const told = [it.arrive(1_000), it.arrive(1_100, other), it.arrive(1_500), it.arrive(1_600, other), it.arrive(2_000)];
  assert.equal(told.map((effects) => effects.some((effect) => effect.kind === 'reportTwoBoots')), [false, false, false, true, true]);
  assert.equal(answers(told.at(-1) ?? []), [['notAdmitted', renewal(2_000).nonce]]);
  const afterwards = new Granting();
  afterwards.lead(0);
  afterwards.arrive(1_000, other);
  afterwards.arrive(9_000);
  assert.equal(answers(afterwards.end(9_001, 1)), [['granted', renewal(9_000).nonce]], 'a plain restart is none of it');
});

grantor('takes no late datagram of a boot that died for a second machine, however many come', () => {
  const it = new Granting();
  it.rules = rulesFor({ pastBoots: [] });
  it.lead(0);
  const dead = { bootId: bootOf('c') };
  it.arrive(1_000, dead);
  // It sent on for 2.5 s, unheard, and died; the machine started again.
  const effects = [...it.arrive(7_000), ...it.arrive(7_500)];
  for (const [sentAtMs, atMs] of [[1_500, 7_600], [2_000, 8_100], [2_500, 8_600], [3_500, 9_100]] as const) {
    effects.push(...it.feed({ kind: 'arrived', renewal: renewal(sentAtMs, dead), address: 'here:1', atMs }), ...it.arrive(atMs + 300));
  }
  assert.not.ok(effects.some((effect) => effect.kind === 'reportTwoBoots'));
  assert.is(it.state.heard.get(node)?.disputedUntilMs, -Infinity);
  // One that lives does send after the other was heard, and is found at once.
  it.feed({ kind: 'arrived', renewal: renewal(7_001, dead), address: 'here:1', atMs: 12_000 });
  assert.ok(it.arrive(12_100).some((effect) => effect.kind === 'reportTwoBoots'));
});

grantor('reports a clock that runs more than 1 % off', () => {
  for (const [rate, isReported] of [[1.005, false], [1.015, true], [0.985, true]] as const) {
    const it = new Granting();
    const effects: GrantorEffect[] = [];
    for (let atMs = 1_000; atMs < 70_000; atMs += 500) effects.push(...it.feed({ kind: 'arrived', renewal: renewal(atMs * rate), address: 'x:1', atMs }));
    assert.is(effects.some((effect) => effect.kind === 'reportDrift'), isReported, `rate ${rate}`);
  }
});

grantor.run();
