/**
 * Which promises of Raft can an observer who sees every member check? All of them hold across crashes:
 * election safety, one vote per member and term, log matching, leader completeness, state machine safety, and reads
 * that are never older than what was acknowledged before they began.
 */
import { majorityOf } from '../../../../../shared/ledger/raft/quorum.ts';
import type { ConfState, Entry, Message, ReadState } from '../../../../../shared/ledger/raft/types.ts';

/** A promise was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** One promise that is not watched: who voted for whom, or whether new leaders hold what is committed. */
export type Blindness = 'votes' | 'completeness';

type Committed = { readonly term: number; readonly text: string; readonly knownInTerm: number };

export class Checks {
  /** Ids whose store was lost: nobody answers for their promises any more. */
  readonly #lost = new Set<string>();
  #lastConf: ConfState | null = null;
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, string>();
  readonly #entries = new Map<string, string>();
  readonly #committed: Committed[] = [];
  readonly #hashes = new Map<number, number>();
  readonly #blindTo: Blindness | null;
  readsConfirmed = 0;
  elections = 0;

  constructor(blindTo: Blindness | null = null) {
    this.#blindTo = blindTo;
  }

  /** The highest index that any member has applied: everything up to it may have been acknowledged to a user. */
  get acknowledged(): number {
    return this.#committed.length;
  }

  leads(id: string, term: number, termAt: (index: number) => number | undefined, firstIndex: number): void {
    const known = this.#leaders.get(term);
    if (known === id) return;
    if (known !== undefined) throw new Violation(`${known} and ${id} both lead term ${term}`);
    this.#leaders.set(term, id);
    this.elections += 1;
    if (this.#blindTo === 'completeness') return;
    for (const [at, committed] of this.#committed.entries()) {
      const index = at + 1;
      if (index < firstIndex || committed.knownInTerm >= term) continue;
      if (termAt(index) !== committed.term) {
        throw new Violation(`leader ${id} of term ${term} lacks committed entry ${index} of term ${committed.term}`);
      }
    }
  }

  /** The store of this id is lost: it must never be heard again. */
  loses(id: string): void {
    this.#lost.add(id);
  }

  sends(message: Message): void {
    if (this.#lost.has(message.from)) throw new Violation(`${message.from} speaks though its store was lost`);
    if (message.kind === 'vote') this.#votes_(message.from, message.term, message.from);
    if (message.kind === 'voteResponse' && message.isGranted) this.#votes_(message.from, message.term, message.to);
  }

  saves(entry: Entry, prevTerm: number | undefined): void {
    const key = `${entry.index}/${entry.term}`;
    const text = `${prevTerm ?? '?'} ${JSON.stringify([entry.kind, entry.data])}`;
    const known = this.#entries.get(key);
    if (known !== undefined && known !== text) throw new Violation(`two entries ${key}: ${known} and ${text}`);
    this.#entries.set(key, text);
  }

  applies(id: string, entry: Entry, hash: number, memberTerm: number): void {
    const text = JSON.stringify([entry.kind, entry.data]);
    const known = this.#committed[entry.index - 1];
    if (known === undefined) {
      if (entry.index !== this.#committed.length + 1) throw new Violation(`${id} applies ${entry.index} out of order`);
      this.#committed.push({ term: entry.term, text, knownInTerm: memberTerm });
      if (entry.kind === 'confChange') this.#changes(entry.data.conf);
    } else if (known.term !== entry.term || known.text !== text) {
      throw new Violation(`${id} applies ${text} as entry ${entry.index}, others applied ${known.text}`);
    }
    this.reaches(id, entry.index, hash);
  }

  reaches(id: string, index: number, hash: number): void {
    const known = this.#hashes.get(index);
    if (known !== undefined && known !== hash) throw new Violation(`${id} has another state at ${index}`);
    this.#hashes.set(index, hash);
  }

  confirmsRead(id: string, read: ReadState): void {
    this.readsConfirmed += 1;
    const acknowledgedBefore = read.context as number;
    if (read.index >= acknowledgedBefore) return;
    throw new Violation(`${id} serves a read at ${read.index}, ${acknowledgedBefore} was acknowledged before it began`);
  }

  /** S12: two voter sets that follow each other share a member in every pair of their majorities. */
  #changes(conf: ConfState): void {
    const before = this.#lastConf?.voters ?? conf.voters;
    const all = new Set([...before, ...conf.voters]).size;
    if (majorityOf(before.length) + majorityOf(conf.voters.length) <= all) {
      throw new Violation(`majorities of ${before.join()} and ${conf.voters.join()} need not meet`);
    }
    this.#lastConf = conf;
  }

  #votes_(id: string, term: number, candidate: string): void {
    const key = `${id}/${term}`;
    const known = this.#votes.get(key);
    if (known !== undefined && known !== candidate && this.#blindTo !== 'votes') {
      throw new Violation(`${id} voted for ${known} and for ${candidate} in term ${term}`);
    }
    this.#votes.set(key, candidate);
  }
}
