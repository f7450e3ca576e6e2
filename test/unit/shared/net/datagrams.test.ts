import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterError } from '../../../../shared/errors.ts';
import { DATAGRAM_BYTES_MAX, openDatagrams, parseAddress } from '../../../../shared/net/datagrams.ts';
import { eventually } from '../../../support/real-world.ts';

const datagrams = suite('datagrams');

datagrams('arrive with the sender’s address, and too large ones do not leave', async () => {
  const one = await openDatagrams({ host: '127.0.0.1', port: 0 });
  const other = await openDatagrams({ host: '127.0.0.1', port: 0 });
  try {
    const heard: string[] = [];
    other.onReceive((bytes, from) => heard.push(`${from} ${bytes.byteLength}`));
    one.send(other.address, new Uint8Array(DATAGRAM_BYTES_MAX + 1));
    one.send('nonsense', new Uint8Array(1));
    one.send('127.0.0.1:1', new Uint8Array(1)); // Nobody is there: silence.
    one.send(other.address, new Uint8Array(DATAGRAM_BYTES_MAX));
    await eventually('one arrives', () => heard.length > 0);
    assert.equal(heard, [`${one.address} ${DATAGRAM_BYTES_MAX}`]);
    const taken = await openDatagrams({ host: '127.0.0.1', port: parseAddress(one.address)?.port ?? 0 }).catch((error: unknown) => error as ClusterError);
    assert.ok('code' in taken && taken.code === 'DatagramsNotOpened');
  } finally {
    one.close();
    other.close();
    one.close();
    one.send(other.address, new Uint8Array(1));
  }
});

datagrams('understand literal addresses only', () => {
  assert.equal(parseAddress('10.0.0.1:7000'), { host: '10.0.0.1', port: 7000 });
  assert.equal(parseAddress('[fe80::1]:7000'), { host: 'fe80::1', port: 7000 });
  for (const wrong of ['', 'host:1', '10.0.0.1', '10.0.0.1:0', '10.0.0.1:65536', '10.0.0.1:7000x']) assert.is(parseAddress(wrong), null, wrong);
});

datagrams.run();
