/**
 * How do small messages travel without a connection? The `Datagrams` port over UDP. Failures are silence.
 *
 * No library beside Node.js: the keeper is a tiny process and imports this.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { ClusterError } from '../errors.ts';
import type { Datagrams } from '../world.ts';

/** Largest datagram: fits every Ethernet and tunnel in one piece. Larger ones are neither sent nor delivered. */
export const DATAGRAM_BYTES_MAX = 1200;

/**
 * What the kernel may keep for us, bytes; it takes half of it at most as granted (net.core.rmem_max). All nodes of a cell renew their leases in
 * one moment, and a leader may be busy just then: a datagram of a hundred bytes occupies about 800 there.
 */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/** Addresses that are remembered: two for each node of a large cell. */
const KNOWN_MAX = 1_024;

/** Addresses are literal, so there is nothing to look up, nor to wait a turn of the event loop for. */
function asItIs(address: string, family: unknown, callback: (error: null, address: string, family: number) => void): void {
  callback(null, address, family === 6 ? 6 : 4);
}

/** Splits `host:port` or `[host]:port` (literal addresses, no names); null when it is neither. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(address);
  if (match === null) return null;
  const port = Number(match[3]);
  return port > 0 && port < 65_536 ? { host: match[1] ?? match[2] ?? '', port } : null;
}

function formatAddress(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Opens a socket at a literal address; port 0 takes any free one. `announceHost` is the address that others reach it
 * by, when it listens at all of them. Throws ClusterError `DatagramsNotOpened`.
 */
export async function openDatagrams(options: { readonly host: string; readonly port: number; readonly announceHost?: string }): Promise<Datagrams> {
  const socket = createSocket({ type: isIPv6(options.host) ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES, lookup: asItIs });
  const handlers: ((bytes: Uint8Array, from: string) => void)[] = [];
  /** Addresses as they were understood: most are sent to again and again. */
  const known = new Map<string, ReturnType<typeof parseAddress>>();
  const parsed = (address: string): ReturnType<typeof parseAddress> => {
    const before = known.get(address);
    if (before !== undefined) return before;
    if (known.size >= KNOWN_MAX) known.clear();
    const to = parseAddress(address);
    known.set(address, to);
    return to;
  };
  let isClosed = false;
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (cause) => {
      socket.close();
      reject(new ClusterError('DatagramsNotOpened', `could not open UDP ${formatAddress(options.host, options.port)}: is the port taken, or the address not of this machine?`, { retryable: false, cause }));
    });
    socket.bind(options.port, options.host, resolve);
  });
  socket.removeAllListeners('error');
  // What the network says about earlier datagrams (port unreachable ...): a datagram may get lost.
  socket.on('error', () => undefined);
  socket.on('message', (bytes, from) => {
    if (bytes.byteLength > DATAGRAM_BYTES_MAX) return;
    for (const handler of handlers) handler(bytes, from.family === 'IPv6' ? `[${from.address}]:${from.port}` : `${from.address}:${from.port}`);
  });
  return {
    address: formatAddress(options.announceHost ?? options.host, socket.address().port),
    send(address, bytes) {
      const to = parsed(address);
      if (to === null || isClosed || bytes.byteLength > DATAGRAM_BYTES_MAX) return;
      // Without a callback, which would cost a turn of its own: failures are silence.
      socket.send(bytes, to.port, to.host);
    },
    onReceive(handler) {
      handlers.push(handler);
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      socket.close();
    },
  };
}
