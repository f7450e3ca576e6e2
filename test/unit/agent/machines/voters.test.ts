import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CAUGHT_UP_LAG_ENTRIES, CAUGHT_UP_MS, heirOf, planVoters, VOTER_CHANGE_INTERVAL_MS, VOTER_GONE_MS, voterCount } from '../../../../agent/machines/voters.ts';
import type { VoterChange, VoterConf, VoterHints, VoterPlan } from '../../../../agent/machines/voters.ts';
import { memberOfVoter, voterIdOf } from '../../../../shared/ids.ts';
import type { MemberId, NodeId, VoterId } from '../../../../shared/ids.ts';
import { changeConf } from '../../../../shared/ledger/raft/conf-change.ts';
import { majorityOf } from '../../../../shared/ledger/raft/quorum.ts';
import { seededChance } from '../../../../shared/random.ts';
import { admission, nodeIdOf, readyCell, storeUuidOf } from '../../shared/ledger/test-cell.ts';
import type { TestCell } from '../../shared/ledger/test-cell.ts';

const voters = suite('the voter set');

const COORDINATOR = 'coordinator-1' as MemberId;
const COORDINATOR_STORE = '00000000-0000-4000-a000-000000000001';
const voter = (node: number, store = 1): VoterId => voterIdOf(nodeIdOf(node), `${store.toString(16).padStart(8, '0')}${storeUuidOf(node).slice(8)}`);
const witness = voterIdOf(COORDINATOR, COORDINATOR_STORE);

/** A cell whose nodes' stores give every node another voter id; with a coordinator that has a store. */
function cellOf(nodes: number): TestCell {
  const cell = readyCell(0);
  for (let node = 1; node <= nodes; node += 1) join(cell, node);
  cell.run({ kind: 'admitCoordinator', coordinator: { id: COORDINATOR, peerId: 'c', meshAddress: 'm', storeUuid: COORDINATOR_STORE } });
  return cell;
}

function join(cell: TestCell, node: number, domain = `rack-${node}`, boot = 1, store = 1): void {
  cell.run(admission(node, { failureDomain: domain }));
  cell.boot(node, boot, { storeUuid: `${store.toString(16).padStart(8, '0')}${storeUuidOf(node).slice(8)}` });
  cell.run({ kind: 'readyNode', actor: { node: nodeIdOf(node), bootId: cell.node(node).bootId as never } });
}

/** A ledger that carries out every change at once. */
class Ledger {
  conf: VoterConf;
  readonly cell: TestCell;
  readonly changes: VoterChange[] = [];
  gone = new Map<MemberId, number>();
  leaving = new Set<MemberId>();
  /** Since when each learner has kept up: the moment that it was added, unless a test says otherwise. */
  readonly caughtUpAtMs = new Map<VoterId, number>();
  nowMs = 1_000_000;
  lastChangeAtMs: number | null = null;
  leader: VoterId;

  constructor(cell: TestCell, leader: VoterId, sitting: readonly VoterId[] = [leader]) {
    this.cell = cell;
    this.leader = leader;
    this.conf = { voters: sitting, learners: [], witnesses: sitting.filter((each) => each === witness), match: {}, lastIndex: 1000 };
  }

  plan(): VoterPlan {
    return planVoters(this.conf, this.cell.state, this.hints(), this.nowMs);
  }

  hints(): VoterHints {
    const caughtUpMs = new Map(this.conf.learners.map((learner) => [learner, this.nowMs - (this.caughtUpAtMs.get(learner) ?? this.nowMs)]));
    return { leader: this.leader, goneMs: this.gone, caughtUpMs, lastChangeAtMs: this.lastChangeAtMs, leaving: this.leaving };
  }

  apply(change: VoterChange): void {
    const raft = change.kind === 'addLearner' ? { kind: change.kind, id: change.voter, isWitness: change.witness } : { kind: change.kind, id: change.voter };
    const outcome = changeConf(this.conf, raft, 20);
    if (outcome.kind === 'refused') assert.unreachable(`${change.kind} ${change.voter}: ${outcome.reason}`);
    else this.conf = { ...this.conf, ...(outcome.conf as Pick<VoterConf, 'voters' | 'learners' | 'witnesses'>), match: { ...this.conf.match, [change.voter]: 1000 } };
    if (change.kind === 'addLearner') this.caughtUpAtMs.set(change.voter, this.nowMs);
    this.changes.push(change);
    this.lastChangeAtMs = this.nowMs;
  }

  /** Carries out changes, with the pauses they ask for, until there is none. */
  settle(): string {
    for (let round = 0; round < 40; round += 1) {
      const planned = this.plan();
      if (planned.kind === 'change') this.apply(planned.change);
      else if (planned.reason === 'tooSoon') this.nowMs += VOTER_CHANGE_INTERVAL_MS;
      else if (planned.reason === 'catchingUp') this.nowMs += CAUGHT_UP_MS;
      else return planned.reason;
    }
    return assert.unreachable('it never rests') as never;
  }

  sitting(): readonly string[] {
    return this.conf.voters.map(memberOfVoter).toSorted();
  }
}

const names = (...nodes: number[]): readonly string[] => nodes.map((node) => nodeIdOf(node));

for (const [nodes, expected] of [[1, names(1)], [2, ['coordinator-1', ...names(1, 2)]], [3, names(1, 2, 3)], [4, names(1, 2, 3)], [5, names(1, 2, 3, 4, 5)], [8, names(1, 2, 3, 4, 5)]] as const) {
  voters(`of ${nodes} ${nodes === 1 ? 'node' : 'nodes'} is ${expected.join(', ')}`, () => {
    const ledger = new Ledger(cellOf(nodes), voter(1));
    assert.is(ledger.settle(), 'asWanted');
    assert.equal(ledger.sitting(), expected);
    assert.equal(ledger.conf.learners, []);
    assert.equal(ledger.conf.witnesses, nodes === 2 ? [witness] : []);
    assert.is(voterCount(nodes), nodes === 2 ? 2 : expected.length);
  });
}

voters('takes nobody in who has not learned first and caught up', () => {
  const ledger = new Ledger(cellOf(3), voter(1));
  const first = ledger.plan();
  assert.equal(first.kind === 'change' && first.change, { kind: 'addLearner', voter: voter(2), witness: false });
  if (first.kind === 'change') ledger.apply(first.change);
  ledger.conf = { ...ledger.conf, match: { [voter(2)]: 1000 - CAUGHT_UP_LAG_ENTRIES - 1 } };
  assert.equal(ledger.plan().kind === 'none' && ledger.plan(), { kind: 'none', reason: 'catchingUp', detail: 'node-2 is 101 entries behind' });
  ledger.conf = { ...ledger.conf, match: { [voter(2)]: 1000 - CAUGHT_UP_LAG_ENTRIES } };
  const second = ledger.plan();
  assert.equal(second.kind === 'change' && second.change, { kind: 'promote', voter: voter(2), witness: false });
});

voters('grows with the cell and lets the witness go only when the third node votes', () => {
  const ledger = new Ledger(cellOf(2), voter(1));
  ledger.settle();
  join(ledger.cell, 3);
  ledger.changes.length = 0;
  ledger.settle();
  assert.equal(ledger.changes.map((change) => [change.kind, change.voter]), [['addLearner', voter(3)], ['promote', voter(3)], ['remove', witness]]);
  assert.equal(ledger.sitting(), names(1, 2, 3));
});

voters('replaces one that is gone for a minute, the new one first', () => {
  const ledger = new Ledger(cellOf(4), voter(1));
  ledger.settle();
  ledger.gone.set(nodeIdOf(2), VOTER_GONE_MS - 1);
  assert.is(ledger.plan().kind, 'none');
  ledger.gone.set(nodeIdOf(2), VOTER_GONE_MS);
  ledger.changes.length = 0;
  assert.is(ledger.settle(), 'asWanted');
  assert.equal(ledger.changes.map((change) => [change.kind, change.voter]), [['addLearner', voter(4)], ['promote', voter(4)], ['remove', voter(2)]]);
});

voters('waits half a minute between the steps of a replacement', () => {
  const ledger = new Ledger(cellOf(4), voter(1));
  ledger.settle();
  ledger.gone.set(nodeIdOf(2), VOTER_GONE_MS);
  ledger.lastChangeAtMs = ledger.nowMs - VOTER_CHANGE_INTERVAL_MS + 1;
  assert.equal(ledger.plan().kind === 'none' && (ledger.plan() as { reason: string }).reason, 'tooSoon');
  ledger.nowMs += 1;
  const first = ledger.plan();
  assert.is(first.kind === 'change' && first.change.kind, 'addLearner');
  if (first.kind === 'change') ledger.apply(first.change);
  ledger.nowMs += VOTER_CHANGE_INTERVAL_MS - 1;
  assert.equal(ledger.plan().kind === 'none' && (ledger.plan() as { reason: string }).reason, 'tooSoon', 'the old one may come back');
});

voters('keeps a dead one when nobody could take its place', () => {
  const ledger = new Ledger(cellOf(3), voter(1));
  ledger.settle();
  ledger.gone.set(nodeIdOf(2), 10 * VOTER_GONE_MS);
  assert.is(ledger.settle(), 'asWanted');
  assert.equal(ledger.sitting(), names(1, 2, 3));
  const larger = new Ledger(cellOf(4), voter(1));
  larger.settle();
  larger.gone.set(nodeIdOf(2), 10 * VOTER_GONE_MS);
  larger.gone.set(nodeIdOf(4), 1);
  assert.is(larger.settle(), 'asWanted');
  assert.equal(larger.sitting(), names(1, 2, 3));
});

voters('changes nothing without a living majority', () => {
  const ledger = new Ledger(cellOf(5), voter(1), [voter(1), voter(2), voter(3)]);
  ledger.gone = new Map([[nodeIdOf(2), VOTER_GONE_MS], [nodeIdOf(3), VOTER_GONE_MS]]);
  assert.is(ledger.settle(), 'noMajority');
  assert.equal(ledger.changes, []);
});

voters('keeps the witness of two nodes while the coordinator is away', () => {
  const ledger = new Ledger(cellOf(2), voter(1));
  ledger.settle();
  ledger.gone.set(COORDINATOR, 10 * VOTER_GONE_MS);
  assert.is(ledger.settle(), 'asWanted');
  assert.is(ledger.conf.voters.length, 3);
});

voters('counts a member with a new store as a new voter', () => {
  const ledger = new Ledger(cellOf(3), voter(1));
  ledger.settle();
  join(ledger.cell, 2, 'rack-2', 2, 7);
  ledger.changes.length = 0;
  assert.is(ledger.settle(), 'asWanted');
  assert.equal(ledger.changes.map((change) => [change.kind, change.voter]), [['remove', voter(2)], ['addLearner', voter(2, 7)], ['promote', voter(2, 7)]]);
});

voters('replaces one whose store is lost without waiting for it: its seat goes first, and its heir votes as soon as it has caught up', () => {
  const ledger = new Ledger(cellOf(3), voter(1));
  ledger.settle();
  ledger.nowMs += VOTER_CHANGE_INTERVAL_MS;
  join(ledger.cell, 2, 'rack-2', 2, 7);
  const beganAtMs = ledger.nowMs;
  for (const expected of [{ kind: 'remove', voter: voter(2) }, { kind: 'addLearner', voter: voter(2, 7) }, { kind: 'promote', voter: voter(2, 7) }]) {
    const next = ledger.plan();
    assert.equal(next.kind === 'change' && next.change, { ...expected, witness: false });
    if (next.kind === 'change') ledger.apply(next.change);
  }
  assert.is(ledger.nowMs, beganAtMs);
  assert.equal(ledger.sitting(), names(1, 2, 3));
});

for (const [nodes, others] of [[2, [witness]], [3, [voter(3)]], [4, [voter(3)]], [5, [voter(3), voter(4)]]] as const) {
  voters(`of ${nodes} nodes needs the heir of a lost store at no moment: it may die again, and the others decide`, () => {
    const ledger = new Ledger(cellOf(nodes), voter(1));
    ledger.settle();
    join(ledger.cell, 2, 'rack-2', 2, 7);
    for (;;) {
      const living = ledger.conf.voters.filter((each) => each === voter(1) || (others as readonly VoterId[]).includes(each)).length;
      assert.ok(living >= majorityOf(ledger.conf.voters.length), `${living} of ${ledger.conf.voters.join(', ')}`);
      const next = ledger.plan();
      if (next.kind === 'change') ledger.apply(next.change);
      else if (next.reason === 'tooSoon') ledger.nowMs += VOTER_CHANGE_INTERVAL_MS;
      else if (next.reason === 'catchingUp') ledger.nowMs += CAUGHT_UP_MS;
      else break;
    }
    assert.is(ledger.conf.voters.length, voterCount(nodes) + (nodes === 2 ? 1 : 0));
    assert.not.ok(ledger.conf.voters.includes(voter(2)));
  });
}

voters('lets a store that is lost again and again cost one change of seats in half a minute', () => {
  const ledger = new Ledger(cellOf(3), voter(1));
  ledger.settle();
  let wholeAtMs = ledger.nowMs;
  for (let store = 7; store < 10; store += 1) {
    join(ledger.cell, 2, 'rack-2', store, store);
    assert.equal(ledger.plan().kind === 'none' && (ledger.plan() as { reason: string }).reason, 'tooSoon');
    ledger.settle();
    assert.ok(ledger.nowMs - wholeAtMs >= VOTER_CHANGE_INTERVAL_MS);
    wholeAtMs = ledger.nowMs;
  }
});

voters('gives up a vacant seat before its heir is ready, but not the vote of one who may come back, nor without a majority', () => {
  const ledger = new Ledger(cellOf(3), voter(1));
  ledger.settle();
  ledger.nowMs += VOTER_CHANGE_INTERVAL_MS;
  ledger.cell.boot(2, 2, { storeUuid: `00000007${storeUuidOf(2).slice(8)}` });
  ledger.gone.set(nodeIdOf(3), VOTER_GONE_MS);
  assert.equal(ledger.plan().kind === 'none' && (ledger.plan() as { reason: string }).reason, 'noMajority');
  ledger.gone.set(nodeIdOf(3), VOTER_GONE_MS - 1);
  const next = ledger.plan();
  assert.equal(next.kind === 'change' && next.change, { kind: 'remove', voter: voter(2), witness: false });
  if (next.kind === 'change') ledger.apply(next.change);
  assert.is(ledger.settle(), 'noCandidate', 'the heir is not ready yet');
  assert.equal(ledger.sitting(), names(1, 3));
  ledger.gone.set(nodeIdOf(3), 10 * VOTER_GONE_MS);
  assert.is(ledger.settle(), 'noMajority');
  assert.equal(ledger.sitting(), names(1, 3), 'two never become one');
});

voters('waits for nobody whose node was removed for good', () => {
  const ledger = new Ledger(cellOf(4), voter(1));
  ledger.settle();
  ledger.nowMs += VOTER_CHANGE_INTERVAL_MS;
  ledger.cell.fence(2);
  ledger.cell.run({ kind: 'removeNode', node: nodeIdOf(2) });
  ledger.changes.length = 0;
  const beganAtMs = ledger.nowMs;
  assert.is(ledger.settle(), 'asWanted');
  assert.equal(ledger.changes.map((change) => [change.kind, change.voter]), [['remove', voter(2)], ['addLearner', voter(4)], ['promote', voter(4)]]);
  assert.is(ledger.nowMs, beganAtMs);
});

voters('hand over the seat of a node that leaves: its heir votes first, and nothing is waited for but its learning', () => {
  for (const isGone of [false, true]) {
    const ledger = new Ledger(cellOf(4), voter(1));
    ledger.settle();
    ledger.nowMs += VOTER_CHANGE_INTERVAL_MS;
    ledger.leaving.add(nodeIdOf(2));
    if (isGone) ledger.gone.set(nodeIdOf(2), 1);
    ledger.changes.length = 0;
    const beganAtMs = ledger.nowMs;
    assert.is(heirOf(ledger.conf, ledger.cell.state, ledger.hints()), nodeIdOf(4));
    assert.is(ledger.settle(), 'asWanted');
    assert.equal(ledger.changes.map((change) => [change.kind, change.voter]), [['addLearner', voter(4)], ['promote', voter(4)], ['remove', voter(2)]]);
    assert.is(ledger.nowMs - beganAtMs, CAUGHT_UP_MS);
    assert.is(heirOf(ledger.conf, ledger.cell.state, ledger.hints()), null);
  }
});

voters('hand over the third seat of three to the coordinator', () => {
  const ledger = new Ledger(cellOf(3), voter(1));
  ledger.settle();
  ledger.nowMs += VOTER_CHANGE_INTERVAL_MS;
  ledger.leaving.add(nodeIdOf(3));
  assert.is(heirOf(ledger.conf, ledger.cell.state, ledger.hints()), COORDINATOR);
  ledger.settle();
  assert.equal(ledger.sitting(), [COORDINATOR, ...names(1, 2)]);
  const alone = new Ledger(cellOf(3), voter(1));
  alone.settle();
  alone.gone.set(COORDINATOR, VOTER_GONE_MS);
  alone.leaving.add(nodeIdOf(3));
  assert.is(heirOf(alone.conf, alone.cell.state, alone.hints()), null);
  alone.settle();
  assert.equal(alone.sitting(), names(1, 2, 3), 'nobody is there to take it');
});

voters('give up no seat of a node that leaves where fewer would be left', () => {
  for (const [nodes, sitting] of [[2, [...names(1, 2), COORDINATOR]], [5, names(1, 2, 3, 4, 5)]] as const) {
    const ledger = new Ledger(cellOf(nodes), voter(1));
    ledger.settle();
    ledger.nowMs += VOTER_CHANGE_INTERVAL_MS;
    ledger.leaving.add(nodeIdOf(2));
    ledger.changes.length = 0;
    assert.is(heirOf(ledger.conf, ledger.cell.state, ledger.hints()), null);
    ledger.settle();
    assert.equal(ledger.changes, []);
    assert.equal(new Set(ledger.sitting()), new Set(sitting));
  }
});

voters('seat a node that is not cordoned rather than one that is', () => {
  const ledger = new Ledger(cellOf(7), voter(1));
  ledger.settle();
  ledger.leaving.add(nodeIdOf(2));
  assert.is(heirOf(ledger.conf, ledger.cell.state, ledger.hints()), nodeIdOf(6));
  ledger.cell.run({ kind: 'cordonNode', node: nodeIdOf(6), cordoned: true });
  assert.is(heirOf(ledger.conf, ledger.cell.state, ledger.hints()), nodeIdOf(7));
});

voters('keep a leader that leaves in its seat, and let its heir vote beside it', () => {
  const ledger = new Ledger(cellOf(4), voter(1));
  ledger.settle();
  ledger.nowMs += VOTER_CHANGE_INTERVAL_MS;
  ledger.leaving.add(nodeIdOf(1));
  ledger.settle();
  assert.equal(ledger.sitting(), names(1, 2, 3, 4));
  assert.is(heirOf(ledger.conf, ledger.cell.state, ledger.hints()), null);
});

voters('are left alone by a leader that was removed: its own seat is the one too many', () => {
  const ledger = new Ledger(cellOf(5), voter(2));
  ledger.settle();
  ledger.nowMs += VOTER_CHANGE_INTERVAL_MS;
  ledger.cell.fence(2);
  ledger.cell.run({ kind: 'removeNode', node: nodeIdOf(2) });
  ledger.changes.length = 0;
  assert.is(ledger.settle(), 'noCandidate');
  assert.equal(ledger.changes, []);
  ledger.leader = voter(1);
  assert.is(ledger.settle(), 'asWanted');
  assert.is(ledger.changes[0]?.voter, voter(2));
});

voters('forgets a learner whose store is no more', () => {
  const ledger = new Ledger(cellOf(3), voter(1));
  ledger.settle();
  ledger.conf = { ...ledger.conf, learners: [voter(2, 9)] };
  ledger.settle();
  assert.equal(ledger.conf.learners, []);
  assert.is(ledger.conf.voters.length, 3);
});

voters('waits for a node to be ready before it begins to vote', () => {
  const cell = cellOf(2);
  cell.run(admission(3));
  cell.boot(3, 1, { storeUuid: `00000001${storeUuidOf(3).slice(8)}` });
  const ledger = new Ledger(cell, voter(1), [voter(1), voter(2)]);
  assert.is(ledger.settle(), 'noCandidate');
  assert.not.ok(ledger.sitting().includes('node-3'));
});

voters('is spread over failure domains, also when these are joined later', () => {
  const cell = readyCell(0);
  for (let node = 1; node <= 3; node += 1) join(cell, node, 'a');
  const ledger = new Ledger(cell, voter(1));
  ledger.settle();
  assert.equal(ledger.sitting(), names(1, 2, 3));
  for (let node = 4; node <= 7; node += 1) join(cell, node, ['b', 'b', 'c', 'c'][node - 4]);
  assert.is(ledger.settle(), 'asWanted');
  const domains = ledger.conf.voters.map((each) => cell.state.nodes.get(memberOfVoter(each) as NodeId)?.failureDomain);
  assert.is(domains.length, 5);
  assert.ok(['a', 'b', 'c'].every((domain) => domains.filter((each) => each === domain).length <= 2), domains.join());
});

voters('never steps down, never moves two at once, and always comes to rest', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const chance = seededChance(seed);
    const ledger = new Ledger(cellOf(1), voter(1));
    let nodes = 1;
    for (let step = 0; step < 60; step += 1) {
      const roll = chance.next();
      if (roll < 0.15 && nodes < 8) join(ledger.cell, (nodes += 1), ['a', 'b', 'c'][nodes % 3]);
      else if (roll < 0.3) ledger.gone.set(nodeIdOf(2 + Math.floor(chance.next() * (nodes - 1))), chance.next() < 0.5 ? 0 : VOTER_GONE_MS);
      const planned = ledger.plan();
      ledger.nowMs += 5000;
      if (planned.kind === 'none') continue;
      const before = ledger.conf.voters;
      const wanted = voterCount(nodes) + (nodes === 2 ? 1 : 0);
      ledger.apply(planned.change);
      assert.ok(Math.abs(ledger.conf.voters.length - before.length) <= 1, `seed ${seed}`);
      if (planned.change.kind === 'remove' && before.includes(planned.change.voter)) {
        assert.is.not(planned.change.voter, ledger.leader);
        assert.ok(ledger.conf.voters.length >= Math.min(wanted, before.length - 1) && before.length > 1, `seed ${seed}`);
        assert.ok(ledger.conf.voters.length >= wanted, `seed ${seed}: from ${before.length} to ${ledger.conf.voters.length} of ${wanted}`);
      }
    }
    ledger.gone.clear();
    assert.is(ledger.settle(), 'asWanted', `seed ${seed}`);
    assert.is(ledger.conf.voters.length, nodes === 2 ? 3 : voterCount(nodes), `seed ${seed}`);
  }
});

voters.run();
