/**
 * How much does the mesh send and receive? Counts the bytes of each connection, below all encryption (TCP payload).
 *
 * It stands where libp2p hands out a raw connection: in front of the pre-shared key.
 */
import type { ConnectionProtector, MultiaddrConnection } from '@libp2p/interface';
import { preSharedKey } from '@libp2p/pnet';

/** Bytes since the start. */
export interface Traffic {
  sentBytes: number;
  receivedBytes: number;
}

/** The key as pnet reads it. `key` has 32 bytes, the same on all members of the cell. */
export function presharedKeyText(key: Uint8Array): Uint8Array {
  return new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(key).toString('hex')}`);
}

/** A protector with the pre-shared key that counts into `traffic`. */
export function countingProtector(key: Uint8Array, traffic: Traffic): () => ConnectionProtector {
  const makeProtector = preSharedKey({ psk: presharedKeyText(key) });
  return () => {
    const protector = makeProtector();
    return {
      async protect(connection: MultiaddrConnection, options) {
        const send = connection.send.bind(connection);
        connection.send = (data) => {
          traffic.sentBytes += data.byteLength;
          return send(data);
        };
        const isSafe = protector.protect(connection, options);
        // After the protector has attached its own listener, which wants the first bytes.
        connection.addEventListener('message', (event) => {
          traffic.receivedBytes += event.data.byteLength;
        });
        return await isSafe;
      },
    };
  };
}
