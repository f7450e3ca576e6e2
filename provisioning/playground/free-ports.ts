/**
 * Which ports of 127.0.0.1 are free? Chosen once, kept in cell.json: a member's address is in the ledger.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ClusterError } from '../../shared/errors.ts';

/** Below the ports that Linux gives to outgoing connections (32768 and up), so that none of these takes ours while we are down. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
const TRIES_MAX = 500;
/** How long processes of a killed playground may still hold their ports. */
const BUSY_PATIENCE_MS = 3_000;

export type PortKind = 'tcp' | 'udp';

/** `count` ports that are free now, for TCP and UDP both. Throws ClusterError `NoFreePort`. */
export async function chooseFreePorts(count: number, taken: readonly number[] = []): Promise<number[]> {
  const chosen: number[] = [];
  for (let tries = 0; tries < TRIES_MAX && chosen.length < count; tries += 1) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (taken.includes(port) || chosen.includes(port)) continue;
    if ((await isFree('tcp', port)) && (await isFree('udp', port))) chosen.push(port);
  }
  if (chosen.length < count) throw new ClusterError('NoFreePort', `there are not ${count} free ports between ${PORT_MIN} and ${PORT_MAX} on 127.0.0.1`, { retryable: true });
  return chosen;
}

/** Waits a little until the port is free; throws ClusterError `PortBusy` with `advice` if it stays taken. */
export async function ensureFree(kind: PortKind, port: number, what: string, advice: string): Promise<void> {
  const untilMs = performance.now() + BUSY_PATIENCE_MS;
  while (!(await isFree(kind, port))) {
    if (performance.now() > untilMs) throw new ClusterError('PortBusy', `port ${port} of 127.0.0.1 (${what}) is taken by another program: ${advice}`, { retryable: false });
    await delay(100);
  }
}

/** Whether a socket can be opened there. Throws what is not about the port being taken. */
export async function isFree(kind: PortKind, port: number): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(new ClusterError('PortUnusable', `port ${port} of 127.0.0.1 cannot be listened at`, { retryable: false, cause: error }));
    };
    if (kind === 'tcp') {
      const server = createServer();
      server.once('error', failed);
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    } else {
      const socket = createSocket('udp4');
      socket.once('error', failed);
      socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
    }
  });
}
