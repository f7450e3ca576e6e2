/**
 * Is this value a message that the machine may act on? Checked in full before anything changes, so that a faulty or
 * newer peer costs a refusal and never an exception or half a step.
 */
import { isJsonObject } from '../../json.ts';
import type { JsonObject } from '../../json.ts';
import { isConfState, isVoterId } from './conf-change.ts';
import { RAFT_VERSION } from './types.ts';
import type { Entry, Message, Snapshot } from './types.ts';

export type ParsedMessage =
  | { readonly kind: 'parsed'; readonly message: Message }
  | { readonly kind: 'refused'; readonly reason: 'malformed' | 'unknownVersion'; readonly detail: string };

/** Checks `value` (decoded JSON) field by field. Size limits are the transport's: it sees bytes before this sees values. */
export function parseMessage(value: unknown): ParsedMessage {
  if (!isJsonObject(value)) return malformed('not an object');
  if (value.version !== RAFT_VERSION) {
    return { kind: 'refused', reason: 'unknownVersion', detail: `message version ${printable(value.version)}` };
  }
  if (!isVoterId(value.from) || !isVoterId(value.to)) return malformed('bad from or to');
  if (!isCount(value.term)) return malformed('bad term');
  const fault = faultOf(value, value.term);
  if (fault === null) return { kind: 'parsed', message: value as unknown as Message };
  return fault === UNKNOWN_ENTRY_VERSION
    ? { kind: 'refused', reason: 'unknownVersion', detail: fault }
    : malformed(fault);
}

const UNKNOWN_ENTRY_VERSION = 'entry version';

/** What is wrong with the fields of this kind of message; null if nothing is. */
function faultOf(message: JsonObject, term: number): string | null {
  switch (message.kind) {
    case 'preVote':
      return isCount(message.lastIndex) && isCount(message.lastTerm) ? null : 'bad last entry';
    case 'vote':
      if (typeof message.isTransfer !== 'boolean') return 'bad isTransfer';
      return isCount(message.lastIndex) && isCount(message.lastTerm) ? null : 'bad last entry';
    case 'preVoteResponse':
      return typeof message.isGranted === 'boolean' ? null : 'bad isGranted';
    case 'voteResponse':
      if (message.contactAgeMs !== undefined && !isCount(message.contactAgeMs)) return 'bad contactAgeMs';
      return typeof message.isGranted === 'boolean' ? null : 'bad isGranted';
    case 'append':
      if (!isCount(message.prevIndex) || !isCount(message.prevTerm) || !isCount(message.commit)) return 'bad position';
      return faultOfEntries(message.entries, message.prevIndex, message.prevTerm, term);
    case 'appendResponse':
      return isCount(message.index) ? null : 'bad index';
    case 'appendRejected':
      return isCount(message.index) && isCount(message.hintIndex) && isCount(message.hintTerm) ? null : 'bad hint';
    case 'heartbeat':
      return isCount(message.commit) && isCount(message.round) ? null : 'bad heartbeat';
    case 'heartbeatResponse':
      return isCount(message.round) ? null : 'bad round';
    case 'snapshot':
      return isSnapshot(message.snapshot) && message.snapshot.term <= term ? null : 'bad snapshot';
    case 'timeoutNow':
    case 'staleTerm':
      return null;
    default:
      return `unknown kind ${printable(message.kind)}`;
  }
}

/** Entries must follow each other without a gap, with terms that never fall and never pass the message's own. */
export function faultOfEntries(value: unknown, prevIndex: number, prevTerm: number, termMax: number): string | null {
  if (!Array.isArray(value)) return 'entries are no list';
  let index = prevIndex;
  let term = prevTerm;
  for (const entry of value as unknown[]) {
    if (!isJsonObject(entry)) return 'entry is no object';
    if (entry.version !== RAFT_VERSION) return UNKNOWN_ENTRY_VERSION;
    if (entry.index !== index + 1) return `entry ${printable(entry.index)} does not follow ${index}`;
    if (!isCount(entry.term) || entry.term < term || entry.term > termMax) return `bad term of entry ${index + 1}`;
    if (!isEntryBody(entry)) return `bad body of entry ${index + 1}`;
    index += 1;
    term = entry.term;
  }
  return term > termMax ? 'previous term beyond the message' : null;
}

export function isSnapshot(value: unknown): value is Snapshot {
  return (
    isJsonObject(value) && isCount(value.index) && isCount(value.term) && isConfState(value.conf) && 'data' in value
  );
}

function isEntryBody(entry: JsonObject): entry is Entry & JsonObject {
  switch (entry.kind) {
    case 'command':
      return 'data' in entry;
    case 'noop':
      return entry.data === null;
    case 'confChange':
      return isJsonObject(entry.data) && isJsonObject(entry.data.change) && isConfState(entry.data.conf);
    default:
      return false;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function printable(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, 40) : typeof value;
}

function malformed(detail: string): ParsedMessage {
  return { kind: 'refused', reason: 'malformed', detail };
}
