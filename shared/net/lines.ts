/**
 * How do processes of one node speak to each other? A JSON value per line over a unix socket, both ways.
 *
 *     connecting --connected--> open --closed, stalled, or nonsense arrived--> closed (told once)
 *
 * No library beside Node.js: the keeper is a tiny process and imports this.
 */
import { lstat, unlink } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { ClusterError } from '../errors.ts';
import type { Timer, Timers } from '../world.ts';

/** Largest line, bytes, unless told otherwise. */
export const LINE_BYTES_MAX = 1024 * 1024;
/** Bytes that may wait for a slow reader; after that, sending is refused. */
const LINES_BACKLOG_BYTES_MAX = 4 * 1024 * 1024;
/** A reader that takes nothing for so long is cut off. */
const STALL_MS = 10_000;
/** Connections that a server holds. */
const CONNECTIONS_MAX = 256;
/** Linux: sun_path has 108 bytes with the final zero. */
const PATH_BYTES_MAX = 107;

/** One connection. */
export interface LineConnection {
  /** Sends a JSON value; false when the connection is closed, too much waits, or the line would be too long. */
  send(value: unknown): boolean;
  /** Only one handler, set in the same turn the connection is handed over. */
  onMessage(handler: (value: unknown) => void): void;
  /** Told once, also after `close`. */
  onClose(handler: (reason: string) => void): void;
  close(): void;
}

/** A listening socket. */
export interface LineServer {
  readonly path: string;
  /** Closes it and all its connections, and removes the file. */
  close(): Promise<void>;
}

/** Reads lines; returns a function for each piece that says what is wrong, or null. */
function createLineReader(lineBytesMax: number, onLine: (value: unknown) => void): (piece: Buffer) => string | null {
  let pieces: Buffer[] = [];
  let held = 0;
  return (piece) => {
    let rest = piece;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      if (held + end > lineBytesMax) return `a line is longer than ${lineBytesMax} bytes`;
      const line = Buffer.concat([...pieces, rest.subarray(0, end)]).toString('utf8');
      pieces = [];
      held = 0;
      rest = rest.subarray(end + 1);
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        return 'a line is no JSON';
      }
      onLine(value);
    }
    held += rest.length;
    if (held > lineBytesMax) return `a line is longer than ${lineBytesMax} bytes`;
    if (rest.length > 0) pieces.push(rest);
    return null;
  };
}

function overSocket(socket: Socket, timers: Timers, lineBytesMax = LINE_BYTES_MAX): LineConnection {
  let reason = 'the other side closed it';
  let isClosed = false;
  let onMessage: (value: unknown) => void = () => undefined;
  let onClose: (reason: string) => void = () => undefined;
  let stall: Timer | null = null;

  function end(why: string): void {
    if (isClosed) return;
    reason = why;
    socket.destroy();
  }
  const read = createLineReader(lineBytesMax, (value) => {
    if (!isClosed && !socket.destroyed) onMessage(value);
  });
  socket.on('data', (piece: Buffer) => {
    if (socket.destroyed) return;
    const wrong = read(piece);
    if (wrong !== null) end(wrong);
  });
  socket.on('drain', () => {
    stall?.cancel();
    stall = null;
  });
  socket.on('error', (error) => {
    reason = error.message;
  });
  socket.on('close', () => {
    isClosed = true;
    stall?.cancel();
    onClose(reason);
  });
  return {
    send(value) {
      const line = JSON.stringify(value) as string | undefined;
      if (line === undefined || isClosed || socket.destroyed || socket.writableLength > LINES_BACKLOG_BYTES_MAX) return false;
      if (Buffer.byteLength(line) > LINE_BYTES_MAX) return false;
      const hasRoom = socket.write(`${line}\n`);
      if (!hasRoom) stall ??= timers.after(STALL_MS, () => end(`it took nothing for ${STALL_MS} ms`));
      return true;
    },
    onMessage(handler) {
      onMessage = handler;
    },
    onClose(handler) {
      onClose = handler;
    },
    close: () => end('closed here'),
  };
}

async function isAlive(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function checkPath(path: string): void {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new ClusterError('SocketPathTooLong', `the socket path ${path} has more than ${PATH_BYTES_MAX} bytes: choose a shorter directory`, { retryable: false });
  }
}

/** Removes a socket file that nobody listens at any more. Throws ClusterError `SocketInUse` for one that lives. */
async function clearStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found === null) return;
  if (!found.isSocket()) throw new ClusterError('SocketInUse', `${path} is there and no socket: move it away`, { retryable: false });
  if (await isAlive(path)) throw new ClusterError('SocketInUse', `another process serves ${path}: stop that one first`, { retryable: false });
  await unlink(path);
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new ClusterError('SocketNotOpened', `could not listen at ${path}: is its directory there and writable?`, { retryable: false, cause })));
    // The file is made within this call: nobody but its owner may ever connect (mode 0600).
    const mask = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(mask);
    }
  });
}

/**
 * Serves a unix socket, mode 0600. Throws ClusterError `SocketInUse` when another process serves it,
 * `SocketPathTooLong`, or `SocketNotOpened`.
 */
export async function serveLines(path: string, onConnection: (connection: LineConnection) => void, options: { readonly timers: Timers }): Promise<LineServer> {
  checkPath(path);
  await clearStale(path);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onConnection(overSocket(socket, options.timers));
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, path);
  return {
    path,
    close: async () =>
      await new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Connects to a unix socket; `lineBytesMax` bounds what is heard from there. Throws ClusterError `SocketUnreachable` (retryable) when nobody answers within `timeoutMs`. */
export async function connectLines(path: string, options: { readonly timers: Timers; readonly timeoutMs: number; readonly lineBytesMax?: number }): Promise<LineConnection> {
  checkPath(path);
  return await new Promise((resolve, reject) => {
    const socket = connect(path);
    const fail = (cause: unknown): void => {
      socket.destroy();
      timer.cancel();
      reject(new ClusterError('SocketUnreachable', `nobody answers at ${path}`, { retryable: true, cause }));
    };
    const timer = options.timers.after(options.timeoutMs, () => fail(new Error(`not within ${options.timeoutMs} ms`)));
    socket.once('error', fail);
    socket.once('connect', () => {
      timer.cancel();
      socket.off('error', fail);
      resolve(overSocket(socket, options.timers, options.lineBytesMax));
    });
  });
}
