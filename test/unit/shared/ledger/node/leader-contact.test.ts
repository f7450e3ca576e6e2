/**
 * Is what votes tell of former leaders never earlier than the truth?
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMemberId, voterIdOf } from '../../../../../shared/ids.ts';
import type { VoterId } from '../../../../../shared/ids.ts';
import { LeaderContact, noteContact, withContact } from '../../../../../shared/ledger/node/leader-contact.ts';
import { RAFT_VERSION } from '../../../../../shared/ledger/raft/types.ts';
import type { Message } from '../../../../../shared/ledger/raft/types.ts';

const voter = (at: number): VoterId => voterIdOf(parseMemberId(`node-${at}`), '11111111-2222-4333-8444-555555555555');
const envelope = (term: number) => ({ version: RAFT_VERSION, from: voter(2), to: voter(1), term });

/** One member's contact, and its clock. */
class Member {
  nowMs = 1_000;
  readonly contact = new LeaderContact({ nowMs: () => this.nowMs, wallTime: () => '' });

  at(nowMs: number): this {
    this.nowMs = nowMs;
    return this;
  }

  leave(message: Message): Message {
    this.contact.beforeSending();
    return withContact(this.contact, message);
  }

  /** The age that it tells with a vote. */
  vote(): number | undefined {
    const message = this.leave({ ...envelope(7), kind: 'voteResponse', isGranted: true });
    return message.kind === 'voteResponse' ? message.contactAgeMs : undefined;
  }

  answer(): this {
    this.leave({ ...envelope(6), kind: 'heartbeatResponse', round: 1 });
    return this;
  }

  come(message: unknown): this {
    noteContact(this.contact, message, voter(1));
    return this;
  }
}

const told = (term: number, contactAgeMs?: number): Message => ({ ...envelope(term), kind: 'voteResponse', isGranted: true, ...(contactAgeMs === undefined ? {} : { contactAgeMs }) });

const contact = suite('the contact with leaders');

contact('is just now for a process that does not know', () => {
  assert.is(new Member().at(90_000).vote(), 0);
});

contact('is every answer to a leader, and nothing else', () => {
  const answers: Message[] = [
    { ...envelope(6), kind: 'heartbeatResponse', round: 1 },
    { ...envelope(6), kind: 'appendResponse', index: 3 },
    { ...envelope(6), kind: 'appendRejected', index: 3, hintIndex: 2, hintTerm: 1 },
  ];
  for (const message of answers) {
    const member = new Member().answer().at(5_000);
    assert.is(member.leave(message), message);
    assert.is(member.at(6_000).vote(), 1_000, message.kind);
  }
  const others: Message[] = [
    { ...envelope(6), kind: 'vote', lastIndex: 1, lastTerm: 1, isTransfer: false },
    { ...envelope(6), kind: 'preVoteResponse', isGranted: true },
    { ...envelope(6), kind: 'staleTerm' },
  ];
  for (const message of others) {
    const member = new Member().answer().at(5_000);
    assert.is(member.leave(message), message);
    assert.is(member.at(6_000).vote(), 5_000, message.kind);
  }
});

contact('is told with a vote that is given only, in whole milliseconds that are not too many', () => {
  const member = new Member().answer().at(2_500.9);
  assert.is(member.vote(), 1_500);
  const refused: Message = { ...envelope(7), kind: 'voteResponse', isGranted: false };
  assert.is(member.leave(refused), refused);
});

contact('lasts as long as a member leads, and until the vote that ends it', () => {
  const member = new Member().answer();
  member.come(told(7, 0)).contact.afterSending(true, 7);
  assert.is(member.at(50_000).vote(), 0, 'which leaves in the turn in which it learns of the other');
  member.contact.afterSending(false, 8);
  assert.is(member.at(52_000).vote(), 2_000);
});

contact('of a new leader is the latest of those who voted, itself included', () => {
  const elected = (ownAtMs: number, agesMs: readonly number[]): number => {
    const member = new Member().at(ownAtMs).answer().at(10_000);
    for (const ageMs of agesMs) member.come(told(7, ageMs));
    return member.contact.formerAtMs(7);
  };
  assert.is(elected(8_000, [3_000, 4_000]), 8_000);
  assert.is(elected(8_000, [3_000, 500]), 9_500);
  assert.is(elected(8_000, [500, 3_000]), 9_500);
  assert.is(elected(2_000, [3_000]), 7_000);
});

contact('counts from when a vote is handled, so that delay makes it later', () => {
  const member = new Member().answer().at(10_000).come(told(7, 3_000)).at(14_000).come(told(7, 3_000));
  assert.is(member.contact.formerAtMs(7), 11_000);
});

contact('is just now where a vote tells nothing', () => {
  assert.is(new Member().answer().at(10_000).come(told(7)).contact.formerAtMs(7), 10_000);
  // Nobody voted, as far as is known here.
  assert.is(new Member().answer().at(10_000).contact.formerAtMs(7), 10_000);
});

contact('does not believe votes of another term, for others, refused or malformed', () => {
  const elected = (message: unknown): number => new Member().at(9_000).answer().at(10_000).come(message).contact.formerAtMs(7);
  for (const message of [told(6, 2_000), told(8, 2_000), { ...told(7, 2_000), to: voter(3) }, { ...told(7, 2_000), isGranted: false }, { ...told(7), contactAgeMs: Infinity }, { ...told(7), contactAgeMs: '9' }, 'vote', null]) {
    assert.is(elected(message), 10_000, JSON.stringify(message));
  }
  assert.is(elected(told(7, 2_000)), 9_000);
});

contact('of a new leader stays what it was when it was elected', () => {
  const member = new Member().answer().at(10_000).come(told(7, 2_000));
  member.contact.afterSending(true, 7);
  member.at(20_000).contact.beforeSending();
  assert.is(member.come(told(7, 0)).contact.formerAtMs(7), 8_000);
});

contact('of who leads again is not older than its own former term', () => {
  const member = new Member().answer().at(10_000).come(told(7, 2_000));
  member.contact.afterSending(true, 7);
  // It was replaced and elected again before any message left.
  assert.is(member.at(20_000).come(told(9, 5_000)).contact.formerAtMs(9), 20_000);
  member.contact.beforeSending();
  member.contact.afterSending(false, 9);
  assert.is(member.at(22_000).come(told(11, 5_000)).contact.formerAtMs(11), 20_000);
});

contact.run();
