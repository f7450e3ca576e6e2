/**
 * How does the app meet the network? One HTTP server with limits, on the one address that it was told.
 */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { ClusterError } from '../shared/errors.ts';
import { MINUTE_MS, SECOND_MS } from '../shared/units.ts';

/** Connections held at once; more are closed as they come. */
const CONNECTIONS_MAX = 1024;
/** How long open requests may go on after the server was told to stop. */
const GRACE_MS = 2 * SECOND_MS;

/** A listening server. */
export interface HttpServer {
  readonly port: number;
  /** Takes no new requests, lets open ones end for a moment, then closes what is left (event streams among it). */
  close(): Promise<void>;
}

/** Serves `fetch`. Throws ClusterError `PortBusy` or `NotListening`, with what to do. */
export async function serveHttp(fetch: (request: Request) => Response | Promise<Response>, at: { readonly host: string; readonly port: number }): Promise<HttpServer> {
  const server = createAdaptorServer({
    fetch,
    createServer,
    serverOptions: {
      headersTimeout: 10 * SECOND_MS, requestTimeout: 30 * SECOND_MS, keepAliveTimeout: 65 * SECOND_MS, connectionsCheckingInterval: 5 * SECOND_MS, maxHeaderSize: 16 * 1024,
    },
  }) as Server;
  server.maxConnections = CONNECTIONS_MAX;
  server.maxHeadersCount = 100;
  // A socket without a byte in either direction for so long is dead; streams say something every 15 s.
  server.setTimeout(2 * MINUTE_MS);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(notListening(cause, at)));
    server.listen(at.port, at.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : at.port,
    close: async () => {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

function notListening(cause: NodeJS.ErrnoException, { host, port }: { readonly host: string; readonly port: number }): ClusterError {
  if (cause.code === 'EADDRINUSE') {
    return new ClusterError('PortBusy', `port ${port} of ${host} is in use by another process: stop that one, or choose another port (http.port)`, { retryable: false, cause });
  }
  if (cause.code === 'EACCES') return new ClusterError('NotListening', `this user may not listen at port ${port}: choose one above 1023 (http.port)`, { retryable: false, cause });
  return new ClusterError('NotListening', `cannot listen at ${host} port ${port}: is it an address of this machine (http.host)?`, { retryable: false, cause });
}
