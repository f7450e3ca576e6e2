/**
 * How do the messages travel that a cell sends when nothing happens? Heartbeats and their answers as short lists.
 *
 *     [version, 'h', from, to, term, commit, round]     heartbeat
 *     [version, 'r', from, to, term, round]             heartbeatResponse
 *
 * Written out, their names are more than half of what an idle leader sends. Everything else travels as it is.
 */
import type { Message } from '../raft/types.ts';

/** What the mesh carries for this message. */
export function packHeartbeat(message: Message): unknown {
  const { version, from, to, term } = message;
  if (message.kind === 'heartbeat') return [version, 'h', from, to, term, message.commit, message.round];
  if (message.kind === 'heartbeatResponse') return [version, 'r', from, to, term, message.round];
  return message;
}

/** The message that arrived. Nothing in it was checked: the Raft machine does that (raft/parse-message.ts). */
export function unpackHeartbeat(frame: unknown): unknown {
  if (!Array.isArray(frame)) return frame;
  const [version, letter, from, to, term, ...rest] = frame as unknown[];
  if (letter === 'h' && rest.length === 2) return { version, kind: 'heartbeat', from, to, term, commit: rest[0], round: rest[1] };
  if (letter === 'r' && rest.length === 1) return { version, kind: 'heartbeatResponse', from, to, term, round: rest[0] };
  return frame;
}
