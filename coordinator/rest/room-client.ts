/**
 * How does the coordinator ask the simulated machine room? One connection per question, over its unix socket.
 *
 * Protocol: agent/room/protocol.ts. Lines of JSON; the first says who speaks, then a numbered request and its answer.
 */
import { connect } from 'node:net';
import { ClusterError } from '../../shared/errors.ts';
import type { RoomPort } from './ports.ts';

const TIMEOUT_MS = 10_000;
/** As the room's own limit of a line: its report may be long. */
const ANSWER_CHARS_MAX = 4 * 1024 * 1024;
/** Questions that may be open at once. */
const OPEN_MAX = 16;

/** The room behind a socket path. */
export function createRoomClient(socketPath: string): RoomPort {
  let open = 0;
  return {
    ask: async (op, fields) => {
      if (open >= OPEN_MAX) throw new ClusterError('RoomBusy', `${OPEN_MAX} questions to the machine room are open`, { retryable: true });
      open += 1;
      try {
        return await askOnce(socketPath, { ...fields, id: 1, op });
      } finally {
        open -= 1;
      }
    },
  };
}

async function askOnce(socketPath: string, request: Readonly<Record<string, unknown>>): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const fail = (cause: unknown): void => {
      socket.destroy();
      reject(cause instanceof ClusterError ? cause : new ClusterError('RoomUnreachable', `the machine room does not answer at ${socketPath}`, { retryable: true, cause }));
    };
    socket.setEncoding('utf8');
    socket.setTimeout(TIMEOUT_MS, () => fail(new Error(`not within ${TIMEOUT_MS} ms`)));
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('it closed the connection')));
    socket.once('connect', () => socket.write(`${JSON.stringify({ hello: { role: 'control' } })}\n${JSON.stringify(request)}\n`));
    let text = '';
    socket.on('data', (piece: string) => {
      text += piece;
      if (text.length > ANSWER_CHARS_MAX) return fail(new Error('its answer is too long'));
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const answer = settle(line);
        if (answer === null) continue;
        socket.destroy();
        if (answer.error === null) resolve(answer.value);
        else reject(answer.error);
        return undefined;
      }
      return undefined;
    });
  });
}

/** The answer in a line, or null for a line that is none (the welcome). */
function settle(line: string): { readonly value: unknown; readonly error: ClusterError | null } | null {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch (cause) {
    return { value: null, error: new ClusterError('RoomFault', 'the machine room answered no JSON', { retryable: false, cause }) };
  }
  if (!isRecord(message)) return null;
  const failure = message['error'] ?? message['refused'];
  if (isRecord(failure)) {
    return { value: null, error: new ClusterError(String(failure['code'] ?? 'RoomFault'), String(failure['message'] ?? 'the machine room refused'), { retryable: failure['retryable'] === true }) };
  }
  return message['id'] === 1 ? { value: message['value'] ?? null, error: null } : null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
