/**
 * How does the supervisor watch the machine room, and switch its power? The control side of the room's socket
 * (agent/room/protocol.ts): lines of JSON, numbered requests, events.
 */
import { ClusterError } from '../../shared/errors.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { JsonObject } from '../../shared/json.ts';
import { connectLines } from '../../shared/net/lines.ts';
import { timers } from '../../shared/process/process-world.ts';

/** How long the room may take to answer. */
const REQUEST_TIMEOUT_MS = 5_000;
/** How long it may take to say welcome. */
const CONNECT_TIMEOUT_MS = 5_000;
/** Longest line that is taken from it: the report of a large room fits. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;

/** Where a node of the room stands, as far as its processes are concerned. */
export interface RoomNode {
  readonly node: string;
  readonly isOn: boolean;
  /** Null while it is off or starting. */
  readonly bootId: string | null;
  readonly isMeshUp: boolean;
}

/** What the supervisor acts on; the room tells more. */
export type RoomEvent =
  | { readonly kind: 'booted'; readonly node: string; readonly bootId: string }
  | { readonly kind: 'died'; readonly node: string; readonly bootId: string; readonly reason: string }
  | { readonly kind: 'meshChanged'; readonly node: string; readonly isUp: boolean }
  | { readonly kind: 'powerChanged'; readonly node: string; readonly isOn: boolean };

/** A control connection. */
export interface RoomControl {
  /** Sends one order or question, e.g. `powerOff {node}`. Rejects with the room's ClusterError, or `RoomTimeout`, `RoomGone`. */
  request(op: string, fields?: JsonObject): Promise<unknown>;
  /** How the nodes stand now; each later event goes to the listener. */
  events(listener: (event: RoomEvent) => void): Promise<readonly RoomNode[]>;
  onClosed(listener: () => void): void;
  close(): void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Connects as the operator's hand. Rejects with ClusterError `RoomGone` (retryable: it may be starting). */
export async function connectRoomControl(path: string): Promise<RoomControl> {
  const line = await connectLines(path, { timers, timeoutMs: CONNECT_TIMEOUT_MS, lineBytesMax: LINE_BYTES_MAX }).catch((cause: unknown) => {
    throw gone(path, cause);
  });
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let isClosed = false;
  let onEvent: (event: RoomEvent) => void = () => undefined;
  const welcome = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  line.onMessage((message) => {
    if (!isJsonObject(message)) return line.close(); // The other side is no room.
    const { id, event } = message;
    if (message['welcome'] === true) welcome.resolve();
    else if (isJsonObject(event)) onEvent(event as unknown as RoomEvent);
    else if (typeof id === 'number') settle(pending.get(id), message);
    return undefined;
  });
  line.onClose((reason) => {
    isClosed = true;
    welcome.reject(gone(path, new Error(reason)));
    closed.resolve();
    // A closed connection answers nothing any more.
    for (const each of pending.values()) each.reject(gone(path, new Error(reason)));
  });
  line.send({ hello: { role: 'control' } });
  const impatience = timers.after(CONNECT_TIMEOUT_MS, () => line.close());
  await welcome.promise.finally(() => impatience.cancel());

  const request = async (op: string, fields: JsonObject = {}): Promise<unknown> => {
    const id = (lastId += 1);
    const answer = Promise.withResolvers<unknown>();
    const timer = timers.after(REQUEST_TIMEOUT_MS, () => answer.reject(new ClusterError('RoomTimeout', `the machine room did not answer ${op}`, { retryable: true })));
    pending.set(id, answer);
    try {
      if (isClosed || !line.send({ id, op, ...fields })) throw gone(path);
      return await answer.promise;
    } finally {
      timer.cancel();
      pending.delete(id);
    }
  };
  return {
    request,
    events: async (listener) => {
      onEvent = listener;
      return (await request('events')) as readonly RoomNode[];
    },
    onClosed: (listener) => void closed.promise.then(listener),
    close: () => line.close(),
  };
}

function settle(waiting: Pending | undefined, message: JsonObject): void {
  const { error } = message;
  if (!isJsonObject(error)) waiting?.resolve(message['value']);
  else waiting?.reject(new ClusterError(String(error['code']), String(error['message']), { retryable: error['retryable'] === true }));
}

function gone(path: string, cause?: unknown): ClusterError {
  return new ClusterError('RoomGone', `the machine room at ${path} does not answer`, { retryable: true, cause });
}
