/**
 * How does the coordinator ask the simulated machine room? One connection per question, over its unix socket.
 *
 * Protocol: agent/room/protocol.ts. Lines of JSON; the first says who speaks, then a numbered request and its answer.
 */
import { ClusterError } from '../../shared/errors.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { JsonObject } from '../../shared/json.ts';
import { connectLines } from '../../shared/net/lines.ts';
import type { LineConnection } from '../../shared/net/lines.ts';
import { timers } from '../../shared/process/process-world.ts';
import type { RoomPort } from './ports.ts';

/** How long a connection, and then an answer, may take. */
const TIMEOUT_MS = 10_000;
/** Longest line that is taken from it: the report of a large room fits. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
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

async function askOnce(socketPath: string, request: JsonObject): Promise<unknown> {
  const unreachable = (cause: unknown): ClusterError => new ClusterError('RoomUnreachable', `the machine room does not answer at ${socketPath}`, { retryable: true, cause });
  const line = await connectLines(socketPath, { timers, timeoutMs: TIMEOUT_MS, lineBytesMax: LINE_BYTES_MAX }).catch((cause: unknown) => {
    throw unreachable(cause);
  });
  const timer = timers.after(TIMEOUT_MS, () => line.close());
  try {
    return await answerOf(line, request, unreachable);
  } finally {
    timer.cancel();
    line.close();
  }
}

function answerOf(line: LineConnection, request: JsonObject, unreachable: (cause: unknown) => ClusterError): Promise<unknown> {
  return new Promise((resolve, reject) => {
    line.onClose((reason) => reject(unreachable(new Error(reason))));
    line.onMessage((message) => {
      if (!isJsonObject(message)) return;
      const failure = message['error'] ?? message['refused'];
      if (isJsonObject(failure)) {
        reject(new ClusterError(String(failure['code'] ?? 'RoomFault'), String(failure['message'] ?? 'the machine room refused'), { retryable: failure['retryable'] === true }));
      } else if (message['id'] === request['id']) {
        resolve(message['value'] ?? null); // Any other line is the welcome.
      }
    });
    line.send({ hello: { role: 'control' } });
    line.send(request);
  });
}
