import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RAFT_VERSION } from '../../../../../shared/ledger/raft/types.ts';
import type { Entry } from '../../../../../shared/ledger/raft/types.ts';
import { EMPTY_STORE } from '../../../../../shared/ledger/raft/options.ts';
import { Raft } from '../../../../../shared/ledger/raft/raft.ts';
import { Lab, trio } from './lab.ts';

const input = suite('raft input');
const envelope = { version: RAFT_VERSION, from: 'a', to: 'b', term: 1 };
const entry = { version: RAFT_VERSION, index: 2, term: 1, kind: 'command', data: 'x' };
const append = { ...envelope, kind: 'append', prevIndex: 1, prevTerm: 1, commit: 1, entries: [entry] };

const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ['nothing', undefined, 'malformed'],
  ['null', null, 'malformed'],
  ['a text', 'append', 'malformed'],
  ['a list', [append], 'malformed'],
  ['an empty object', {}, 'unknownVersion'],
  ['a later version', { ...append, version: 2 }, 'unknownVersion'],
  ['a later version of an entry', { ...append, entries: [{ ...entry, version: 2 }] }, 'unknownVersion'],
  ['an unknown kind', { ...envelope, kind: 'appoint' }, 'malformed'],
  ['an inherited name as kind', { ...envelope, kind: 'toString' }, 'malformed'],
  ['no sender', { ...append, from: '' }, 'malformed'],
  ['an endless sender', { ...append, from: 'x'.repeat(129) }, 'malformed'],
  ['a negative term', { ...append, term: -1 }, 'malformed'],
  ['a fractional term', { ...append, term: 1.5 }, 'malformed'],
  ['a term beyond counting', { ...append, term: 2 ** 53 }, 'malformed'],
  ['a term that is text', { ...append, term: '1' }, 'malformed'],
  ['entries that are no list', { ...append, entries: { 0: entry } }, 'malformed'],
  ['a null entry', { ...append, entries: [null] }, 'malformed'],
  ['a gap in the entries', { ...append, entries: [{ ...entry, index: 3 }] }, 'malformed'],
  ['an entry of a later term than its message', { ...append, entries: [{ ...entry, term: 2 }] }, 'malformed'],
  ['terms that fall', { ...append, prevTerm: 1, entries: [{ ...entry, term: 0 }] }, 'malformed'],
  ['a previous term of the future', { ...append, prevTerm: 5, entries: [] }, 'malformed'],
  ['a command without data', { ...append, entries: [{ ...entry, data: undefined, kind: 'noop' }] }, 'malformed'],
  ['an unknown kind of entry', { ...append, entries: [{ ...entry, kind: 'wish' }] }, 'malformed'],
  [
    'a change without configuration',
    { ...append, entries: [{ ...entry, kind: 'confChange', data: { change: {} } }] },
    'malformed',
  ],
  ['a vote without its log', { ...envelope, kind: 'vote', isTransfer: false, lastIndex: 1 }, 'malformed'],
  ['a vote that tells no age', { ...envelope, kind: 'voteResponse', isGranted: true, contactAgeMs: -1 }, 'malformed'],
  ['an answer without verdict', { ...envelope, kind: 'voteResponse' }, 'malformed'],
  ['a heartbeat without round', { ...envelope, kind: 'heartbeat', commit: 1 }, 'malformed'],
  ['no snapshot', { ...envelope, kind: 'snapshot', snapshot: null }, 'malformed'],
  [
    'a snapshot whose configuration has a member twice',
    {
      ...envelope,
      kind: 'snapshot',
      snapshot: { index: 9, term: 1, data: null, conf: { voters: ['a'], learners: ['a'], witnesses: [] } },
    },
    'malformed',
  ],
  ['somebody else’s message', { ...append, to: 'c' }, 'misaddressed'],
  ['its own message', { ...append, from: 'b' }, 'misaddressed'],
];

for (const [name, message, reason] of REFUSED) {
  input(`refuses ${name} and changes nothing`, () => {
    const lab = trio();
    const before = lab.raft('b').status();
    const result = lab.raft('b').step(message);
    assert.is(result.kind, 'rejected');
    assert.is('reason' in result && result.reason, reason);
    assert.equal(lab.raft('b').status(), before);
    assert.not(lab.raft('b').hasReady());
  });
}

input('accepts the message that those are made from', () => {
  const lab = trio();
  assert.equal(lab.raft('b').step(append), { kind: 'accepted' });
  assert.is(lab.raft('b').status().lastIndex, 2);
});

input('refuses answers to what was never sent', () => {
  const lab = trio();
  const back = { ...envelope, from: 'b', to: 'a' };
  for (const answer of [
    { ...back, kind: 'appendResponse', index: 99 },
    { ...back, kind: 'appendRejected', index: 99, hintIndex: 0, hintTerm: 0 },
    { ...back, kind: 'heartbeatResponse', round: 99 },
  ]) {
    assert.is(lab.raft('a').step(answer).kind, 'rejected');
  }
  assert.is(lab.raft('a').status().commit, 1);
});

input('is taken twice without harm', () => {
  const lab = trio();
  lab.raft('a').propose('x');
  lab.settle();
  for (const message of lab.sent) lab.raft(message.to).step(message);
  lab.settle();
  for (const id of ['a', 'b', 'c']) assert.equal(lab.commands(id), ['x']);
  assert.is(lab.raft('a').status().role, 'leader');
});

input('keeps bounded what waits for a stalled disk', () => {
  const lab = trio({ options: { limits: { messagesMax: 5 } } });
  for (let index = 0; index < 20; index += 1) lab.raft('b').step({ ...envelope, kind: 'heartbeat', commit: 1, round: 1 });
  assert.is(lab.raft('b').ready().messages.length, 5);
  assert.is(lab.raft('b').status().messagesDropped, 15);
});

input('comes one Ready at a time', () => {
  const lab = trio();
  lab.raft('a').propose('x');
  const ready = lab.raft('a').ready();
  assert.throws(() => lab.raft('a').ready(), /was not advanced/);
  lab.raft('a').advance(ready);
  assert.throws(() => lab.raft('a').advance(ready), /handed out last/);
});

input('stops the member rather than replace a committed entry or forget one', () => {
  const lab = trio();
  lab.raft('a').propose('x');
  lab.settle();
  const heartbeat = { ...envelope, kind: 'heartbeat', commit: 99, round: 1 };
  assert.throws(() => lab.raft('b').step(heartbeat), /entries were lost/);
  const overwrite = { ...append, term: 2, prevIndex: 2, prevTerm: 1, commit: 9, entries: [] };
  assert.is(lab.raft('c').step({ ...overwrite, to: 'c' }).kind, 'accepted');
  assert.is(lab.raft('c').status().commit, 2, 'a commit index beyond what matches is no news');
});

const noop = (index: number, term: number): Entry => ({ version: RAFT_VERSION, index, term, kind: 'noop', data: null });
const conf = { voters: ['a'], learners: [], witnesses: [] };
const start = (stored: object): Raft =>
  new Raft({
    id: 'a',
    random: () => 0,
    electionTicks: 10,
    heartbeatTicks: 1,
    stored: { ...EMPTY_STORE, conf, ...stored },
  });

for (const [name, stored, message] of [
  ['a gap in the log', { entries: [noop(1, 1), noop(3, 1)] }, /does not follow 1/],
  ['a log that begins late', { entries: [noop(2, 1)] }, /entries 1 to 1 are missing/],
  ['terms that fall', { entries: [noop(1, 2), noop(2, 1)] }, /bad term of entry 2/],
  ['a commit index beyond the log', { hardState: { term: 1, vote: null, commit: 3 }, entries: [noop(1, 1)] }, /log ends/],
  ['an application ahead of the log', { applied: 2, entries: [noop(1, 1)] }, /applied 2 is outside/],
  ['an application behind its snapshot', { snapshot: { index: 5, term: 1, conf, data: 0 } }, /applied 0 is outside/],
  [
    'a log that contradicts the snapshot',
    { snapshot: { index: 1, term: 2, conf, data: 0 }, applied: 1, entries: [noop(1, 1)] },
    /contradicts/,
  ],
] as const) {
  input(`does not start from ${name}`, () => {
    assert.throws(() => start(stored), message);
  });
}

input('starts from a snapshot with entries before and after it', () => {
  const snapshot = { index: 2, term: 1, conf: { ...conf, learners: ['l'] }, data: 0 };
  const raft = start({ snapshot, applied: 2, entries: [noop(1, 1), noop(2, 1), noop(3, 2)] });
  const { term, commit, firstIndex, lastIndex, conf: known } = raft.status();
  assert.equal({ term, commit, firstIndex, lastIndex }, { term: 2, commit: 2, firstIndex: 3, lastIndex: 3 });
  assert.equal(known.learners, ['l']);
});

input('has not voted in a term that only its entries know', () => {
  const raft = start({ hardState: { term: 1, vote: 'b', commit: 0 }, entries: [noop(1, 3)] });
  assert.is(raft.status().term, 3);
  assert.is(raft.status().vote, null);
});

input('shows people where everybody stands', () => {
  const lab = new Lab({ conf: { voters: ['a', 'w'], learners: ['l'], witnesses: ['w'] } });
  lab.elect('a');
  const status = lab.raft('a').status();
  assert.is(status.isTermCommitted, true);
  const peers = lab.raft('a').peers();
  for (const { state, lag, recentActive } of peers) assert.equal([state, lag, recentActive], ['replicate', 0, true]);
  assert.equal(
    peers.map(({ id, standing, isWitness, match }) => [id, standing, isWitness, match]),
    [
      ['w', 'voter', true, 1],
      ['l', 'learner', false, 1],
    ],
  );
});

input.run();
