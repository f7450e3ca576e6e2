/**
 * Where does the node's DRBD helper program find the agent? A Unix socket: one line `{"event", "resource"}` in, one
 * line `{"exitCode"}` out, however long that takes.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { dirname } from 'node:path';
import { describeError } from '../../shared/errors.ts';
import type { HelperCall, HelperCalls, Log } from '../../shared/world.ts';

/** Helpers that may wait at once: the kernel calls several per resource (DRBD.md A4). */
const CALLS_MAX = 1_024;
const LINE_CHARS_MAX = 4_096;
const LINE_TIMEOUT_MS = 5_000;

/** Serves the socket, mode 0600, from the call of `serve` on; a socket that cannot be opened is logged as `helperSocketFailed`. */
export function createHelperCalls(socketPath: string, log: Log): HelperCalls & { close(): Promise<void> } {
  let server: Server | null = null;
  const sockets = new Set<Socket>();
  return {
    serve: (answer) => {
      server?.close();
      mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
      rmSync(socketPath, { force: true });
      server = createServer((socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
        take(socket, answer, log);
      });
      server.maxConnections = CALLS_MAX;
      server.on('error', (cause) => log.write({ event: 'helperSocketFailed', socketPath, reason: describeError(cause) }));
      server.listen(socketPath, () => chmodSync(socketPath, 0o600));
    },
    close: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      if (server === null) resolve();
      else server.close(() => resolve());
    }),
  };
}

function take(socket: Socket, answer: (call: HelperCall) => Promise<number>, log: Log): void {
  let text = '';
  let isTaken = false;
  const deadline = setTimeout(() => socket.destroy(), LINE_TIMEOUT_MS);
  socket.setEncoding('utf8');
  socket.on('error', () => undefined); // 'close' follows; the helper asks again
  socket.on('close', () => clearTimeout(deadline));
  socket.on('data', (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (isTaken || (end < 0 && text.length <= LINE_CHARS_MAX)) return;
    clearTimeout(deadline);
    const call = end < 0 ? null : parseCall(text.slice(0, end));
    if (call === null) {
      socket.destroy();
      return;
    }
    isTaken = true;
    // Without an answer the connection is dropped, and the helper asks again: never a wrong exit code by accident.
    answer(call).then((exitCode) => {
      if (!socket.destroyed) socket.end(`${JSON.stringify({ exitCode })}\n`);
    }, (thrown: unknown) => {
      log.write({ event: 'helperCallFailed', helper: call.event, resource: call.resource, reason: describeError(thrown) });
      socket.destroy();
    });
  });
}

function parseCall(line: string): HelperCall | null {
  try {
    const { event, resource } = JSON.parse(line) as { event?: unknown; resource?: unknown };
    return typeof event === 'string' && typeof resource === 'string' && /^[a-z-]{1,64}$/.test(event) && /^[A-Za-z0-9_.-]{1,128}$/.test(resource) ? { event, resource } : null;
  } catch {
    return null;
  }
}
