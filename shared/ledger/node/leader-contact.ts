/**
 * Until when may a former leader have been confirmed? What a voter tells with its vote, and what a new leader makes of it.
 *
 * Whatever a leader confirmed (a lease, above all), a majority answered after it had been asked for. One of that majority voted for the next
 * leader, and answered no former one from its vote on. So nothing was confirmed after the latest *contact* of those who voted: when one
 * last answered a leader, or led. A new leader waits from there, not from its election, before it takes a silent node for dead
 * (SAFETY.md 4.2; test/models/lease visits every state of it). The same holds when voters were changed in between: neighbouring
 * configurations share a member in every pair of majorities, and whoever saved the change was in contact with who made it.
 *
 * A voter tells an age, by its own clock, and the candidate subtracts it from when the answer is handled: delay makes the contact later, never
 * earlier. The clock of each may gain as much as the fence wait allows its leader's to gain, so nothing is added. Everything else is
 * later than the truth, too: an answer counts from when it leaves, and who does not know says that it was just now.
 */
import type { Clock } from '../../world.ts';
import { parseMessage } from '../raft/parse-message.ts';
import type { Message, VoterId } from '../raft/types.ts';

export class LeaderContact {
  readonly #clock: Clock;
  /** When this process last answered a leader, or led; null when it never did, and former processes may have. */
  #lastAtMs: number | null = null;
  #leads = false;
  /** What the votes of the newest term told. */
  #told: { readonly term: number; latestAtMs: number } = { term: 0, latestAtMs: -Infinity };
  /** What was the latest contact when this member was elected in the term. */
  #elected: { readonly term: number; readonly latestAtMs: number } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Messages are about to leave. Who led until now is in contact until now, also when the vote that ended it leaves with them. */
  beforeSending(): void {
    if (this.#leads) this.#lastAtMs = this.#clock.nowMs();
  }

  /** An answer to a leader leaves, whatever it answers. */
  answersLeader(): void {
    this.#lastAtMs = this.#clock.nowMs();
  }

  /** The age to tell with a vote that leaves now, ms. Rounded down, so that the contact is never told to be earlier than it was. */
  ageMs(): number {
    if (this.#leads || this.#lastAtMs === null) return 0;
    return Math.max(0, Math.floor(this.#clock.nowMs() - this.#lastAtMs));
  }

  /** Messages have left. `leads`: whether this member leads now, in which term. */
  afterSending(leads: boolean, term: number): void {
    if (leads) this.formerAtMs(term);
    this.#leads = leads;
  }

  /** A vote for this member in the term came in, before it is counted. Who does not tell an age had contact just now. */
  voteTells(term: number, ageMs: number | null): void {
    if (term > this.#told.term) this.#told = { term, latestAtMs: -Infinity };
    if (term === this.#told.term) this.#told.latestAtMs = Math.max(this.#told.latestAtMs, this.#clock.nowMs() - (ageMs ?? 0));
  }

  /**
   * For the leader of the term: no former leader confirmed what it was asked after this moment, by this process's clock. Asked late for the
   * first time it is later.
   */
  formerAtMs(term: number): number {
    if (this.#elected?.term === term) return this.#elected.latestAtMs;
    const nowMs = this.#clock.nowMs();
    // Just now, when it led an older term until now, or nobody knows.
    const ownAtMs = this.#leads ? nowMs : (this.#lastAtMs ?? nowMs);
    const toldAtMs = this.#told.term === term ? this.#told.latestAtMs : nowMs;
    this.#elected = { term, latestAtMs: Math.max(ownAtMs, toldAtMs) };
    return this.#elected.latestAtMs;
  }
}

/** The message as it leaves: an answer to a leader is contact, and a vote that is given tells the last one. */
export function withContact(contact: LeaderContact, message: Message): Message {
  switch (message.kind) {
    case 'appendResponse':
    case 'appendRejected':
    case 'heartbeatResponse':
      contact.answersLeader();
      return message;
    case 'voteResponse':
      return message.isGranted ? { ...message, contactAgeMs: contact.ageMs() } : message;
    default:
      return message;
  }
}

/** Takes the age out of a message that came in, before the machine is told. `message` may be anything. */
export function noteContact(contact: LeaderContact, message: unknown, self: VoterId): void {
  // The machine parses it again: do not pay for appends twice.
  if (typeof message !== 'object' || message === null || !('kind' in message) || message.kind !== 'voteResponse') return;
  const parsed = parseMessage(message);
  if (parsed.kind === 'refused' || parsed.message.kind !== 'voteResponse') return;
  const { isGranted, to, term, contactAgeMs } = parsed.message;
  if (isGranted && to === self) contact.voteTells(term, contactAgeMs ?? null);
}
