/**
 * Which words do facts about Raft use for messages and places in a log? Pure: text to messages and back.
 */
import { RAFT_VERSION } from '../../../../../shared/ledger/raft/types.ts';
import type { Entry, Message } from '../../../../../shared/ledger/raft/types.ts';

/** A fact does not hold, or cannot be read. */
export class FactError extends Error {
  override readonly name = 'FactError';
}

export const words = (line: string): string[] => line.split(/\s+/u).filter((word) => word !== '');

export function pairs(fields: readonly string[]): Record<string, string> {
  return Object.fromEntries(fields.map((field) => {
    const at = field.indexOf('=');
    if (at < 0) throw new FactError(`${field} says no value`);
    return [field.slice(0, at), field.slice(at + 1)];
  }));
}

export function count(text = ''): number {
  if (!/^\d+$/u.test(text)) throw new FactError(`${text} is no number`);
  return Number(text);
}

export function position(text: string): { readonly index: number; readonly term: number } {
  const [index = '', term = ''] = text.split('/');
  return { index: count(index), term: count(term) };
}

/** Entries after `base` of these terms. Entries of the same place and term are the same, wherever they are. */
export function entriesOf(terms: string, base: number): Entry[] {
  const list = terms === '' ? [] : terms.split(',');
  return list.map((text, at) => ({ version: RAFT_VERSION, index: base + at + 1, term: count(text), kind: 'command', data: `${base + at + 1}/${text}` }));
}

export function isOnPath({ from, to }: Message, path = '>'): boolean {
  const [sender = '', receiver = ''] = path.split('>');
  return (sender === '' || sender === from) && (receiver === '' || receiver === to);
}

/** The fields of a message in the words of facts. */
export function describe(message: Message): Record<string, string> {
  const described: Record<string, string> = { term: String(message.term) };
  for (const [key, value] of Object.entries(message)) {
    if (typeof value === 'number' && !['version', 'term'].includes(key)) described[key] = String(value);
  }
  if ('isGranted' in message) described.granted = message.isGranted ? 'yes' : 'no';
  if (message.kind === 'vote' || message.kind === 'preVote') described.last = `${message.lastIndex}/${message.lastTerm}`;
  if (message.kind === 'appendRejected') described.hint = `${message.hintIndex}/${message.hintTerm}`;
  if (message.kind === 'append') {
    described.prev = `${message.prevIndex}/${message.prevTerm}`;
    described.entries = message.entries.map(({ term }) => term).join(',');
  }
  if (message.kind === 'snapshot') described.index = String(message.snapshot.index);
  return described;
}

/** A message that nobody of the story sent. */
export function compose(kind: string, to: string, { from = '', term = '', ...fields }: Record<string, string>): unknown {
  const base = { version: RAFT_VERSION, kind, from, to, term: count(term) };
  const prev = position(fields.prev ?? '0/0');
  const last = position(fields.last ?? '0/0');
  const at = position(fields.index?.includes('/') === true ? fields.index : `${fields.index ?? '0'}/0`);
  const list = (text?: string): readonly string[] => (text === undefined || text === '' ? [] : text.split(','));
  switch (kind) {
    case 'vote':
    case 'preVote':
      return { ...base, lastIndex: last.index, lastTerm: last.term, ...(kind === 'vote' ? { isTransfer: fields.transfer === 'yes' } : {}) };
    case 'voteResponse':
    case 'preVoteResponse':
      return { ...base, isGranted: fields.granted === 'yes' };
    case 'append':
      return { ...base, prevIndex: prev.index, prevTerm: prev.term, commit: count(fields.commit ?? '0'), entries: entriesOf(fields.entries ?? '', prev.index) };
    case 'appendResponse':
      return { ...base, index: at.index };
    case 'appendRejected':
      return { ...base, index: at.index, hintIndex: position(fields.hint ?? '').index, hintTerm: position(fields.hint ?? '').term };
    case 'heartbeat':
      return { ...base, commit: count(fields.commit ?? '0'), round: count(fields.round ?? '1') };
    case 'heartbeatResponse':
      return { ...base, round: count(fields.round ?? '1') };
    case 'snapshot':
      return { ...base, snapshot: { ...at, conf: { voters: list(fields.voters), learners: list(fields.learners), witnesses: [] }, data: 'state' } };
    case 'timeoutNow':
      return base;
    default:
      throw new FactError(`nobody sends ${kind}`);
  }
}
