/**
 * How do processes speak to the machine room? Lines of JSON over a Unix socket, in both directions.
 *
 * The first line says who speaks: `{"hello": {"role": "agent" | "keeper", "node", "bootId"}}` or `{"hello": {"role": "control"}}`;
 * the room answers `{"welcome": true}` or `{"refused": {code, message}}` and closes. After that, each side's messages:
 *
 *     client: {"id": 7, "op": "run", ...}                 a request (its other fields: see the server)
 *     room:   {"id": 7, "value": ...}                     its answer
 *     room:   {"id": 7, "error": {code, message, retryable}}
 *     room:   {"stream": 7, "line": "..."}                a line of the stream that request 7 began
 *     room:   {"stream": 7, "end": "reason"}              its end, once
 *     room:   {"event": {...}}                            to control connections that asked for events
 *     room:   {"mesh": true}                              to node connections: whether their mesh cable is plugged in
 */
import type { Socket } from 'node:net';
import { ClusterError } from '../../shared/errors.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { JsonObject } from '../../shared/json.ts';

/** Longest line that the room takes, in characters: any program's input fits, an attack on memory does not. */
export const LINE_CHARS_MAX = 4 * 1024 * 1024;
/** Longest line that a client takes: the report of a large room fits. */
export const ANSWER_CHARS_MAX = 64 * 1024 * 1024;
/** How much may wait for a peer that does not read, before it is dropped. */
export const BACKLOG_BYTES_MAX = 64 * 1024 * 1024;
/** How long a new connection may take to say who it is. */
export const HELLO_TIMEOUT_MS = 5_000;

/** Sends one message. A peer with too much unread is cut off: it would only grow our memory. */
export function sendLine(socket: Socket, message: JsonObject): void {
  if (socket.destroyed || !socket.writable) return;
  socket.write(`${JSON.stringify(message)}\n`);
  if (socket.writableLength > BACKLOG_BYTES_MAX) socket.destroy(new Error('the peer does not read'));
}

/** Calls `onMessage` for each line that is a JSON object; whatever else comes destroys the socket with an error. */
export function readLines(socket: Socket, onMessage: (message: JsonObject) => void, lineCharsMax = LINE_CHARS_MAX): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    // A long line comes in many chunks: it is looked through once, at its end.
    const lines = chunk.includes('\n') ? (rest + chunk).split('\n') : [rest + chunk];
    rest = lines.pop() ?? '';
    if (rest.length > lineCharsMax) {
      socket.destroy(new Error('a message is too long'));
      return;
    }
    for (const line of lines) {
      if (socket.destroyed) return;
      const message = line.length > lineCharsMax ? null : parseObject(line);
      if (message === null) {
        socket.destroy(new Error('a message is no JSON object'));
        return;
      }
      onMessage(message);
    }
  });
}

function parseObject(line: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(line);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** An error as it travels. */
export function errorOf(thrown: unknown): JsonObject {
  if (thrown instanceof ClusterError) return { code: thrown.code, message: thrown.message, retryable: thrown.retryable };
  return { code: 'RoomFault', message: thrown instanceof Error ? thrown.message : String(thrown), retryable: false };
}

/** And back. */
export function errorFrom(value: unknown): ClusterError {
  const { code, message, retryable } = isJsonObject(value) ? value : {};
  return new ClusterError(typeof code === 'string' ? code : 'RoomFault', typeof message === 'string' ? message : 'the room answered nonsense', { retryable: retryable === true });
}
