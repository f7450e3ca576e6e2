/**
 * How does the supervisor watch the machine room, and switch its power? The control side of the room's socket
 * (agent/room/protocol.ts): lines of JSON, numbered requests, events.
 */
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { ClusterError } from '../../shared/errors.ts';

/** How long the room may take to answer. */
const REQUEST_TIMEOUT_MS = 5_000;
/** Longest line, in characters: as the room's own limit. */
const LINE_CHARS_MAX = 4 * 1024 * 1024;

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
  request(op: string, fields?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** How the nodes stand now; each later event goes to the listener. */
  events(listener: (event: RoomEvent) => void): Promise<readonly RoomNode[]>;
  onClosed(listener: () => void): void;
  close(): void;
}

type Fields = Readonly<Record<string, unknown>>;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Connects as the operator's hand. Rejects with ClusterError `RoomGone` (retryable: it may be starting). */
export async function connectRoomControl(path: string): Promise<RoomControl> {
  const socket = createConnection(path);
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let onEvent: (event: RoomEvent) => void = () => undefined;
  let onWelcome: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined); // 'close' follows
  readLines(socket, (message) => {
    const { id, event } = message;
    if (message['welcome'] === true) onWelcome();
    else if (isFields(event)) onEvent(event as unknown as RoomEvent);
    else if (typeof id === 'number') settle(pending.get(id), message);
  });
  // A closed connection answers nothing any more.
  void closed.then(() => {
    for (const each of pending.values()) each.reject(gone(path));
  });
  await new Promise<void>((resolve, reject) => {
    onWelcome = resolve;
    void closed.then(() => reject(gone(path)));
    socket.write('{"hello":{"role":"control"}}\n');
  });

  const request = async (op: string, fields: Fields = {}): Promise<unknown> => {
    const id = (lastId += 1);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        if (socket.destroyed) throw gone(path);
        timer = setTimeout(() => reject(new ClusterError('RoomTimeout', `the machine room did not answer ${op}`, { retryable: true })), REQUEST_TIMEOUT_MS);
        pending.set(id, { resolve, reject });
        socket.write(`${JSON.stringify({ id, op, ...fields })}\n`);
      });
    } finally {
      clearTimeout(timer);
      pending.delete(id);
    }
  };
  return {
    request,
    events: async (listener) => {
      onEvent = listener;
      return (await request('events')) as readonly RoomNode[];
    },
    onClosed: (listener) => void closed.then(listener),
    close: () => socket.destroy(),
  };
}

function settle(waiting: Pending | undefined, message: Fields): void {
  const { error } = message;
  if (!isFields(error)) waiting?.resolve(message['value']);
  else waiting?.reject(new ClusterError(String(error['code']), String(error['message']), { retryable: error['retryable'] === true }));
}

/** Whatever is no line of JSON closes the connection: the other side is no room. */
function readLines(socket: Socket, onMessage: (message: Fields) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_CHARS_MAX) socket.destroy();
    for (const line of lines) {
      const message = parseFields(line);
      if (message === null) socket.destroy();
      else onMessage(message);
    }
  });
}

function parseFields(line: string): Fields | null {
  try {
    const value: unknown = JSON.parse(line);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function gone(path: string): ClusterError {
  return new ClusterError('RoomGone', `the machine room at ${path} does not answer`, { retryable: true });
}
