/** Do heartbeats survive the datagram, and is everything else nothing? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMemberId } from '../../../../shared/ids.ts';
import { parseMessage } from '../../../../shared/ledger/raft/parse-message.ts';
import { RAFT_VERSION } from '../../../../shared/ledger/raft/types.ts';
import { seededChance } from '../../../../shared/random.ts';
import { decodeHeartbeat, encodeHeartbeat } from '../../../../shared/wire/heartbeat.ts';
import type { Heartbeat } from '../../../../shared/wire/heartbeat.ts';

const heartbeat = suite('a heartbeat as a datagram');

const [one, two] = [parseMemberId('node-1'), parseMemberId('node-2')];
const common = { from: 'node-1.00000001', to: 'node-2.fedcba98', term: 2 ** 40 + 7, round: 2 ** 33 + 1 };
const messages: readonly Heartbeat[] = [
  { kind: 'heartbeat', ...common, commit: 2 ** 47 + 3 }, { kind: 'heartbeatResponse', ...common },
  { kind: 'heartbeat', ...common, term: 1, round: 0, commit: 0 }, { kind: 'heartbeatResponse', ...common, term: 2 ** 48 - 1, round: 2 ** 48 - 1 },
];

heartbeat('is the same message on the other side, and one that Raft takes', () => {
  for (const message of messages) {
    const arrived = decodeHeartbeat(encodeHeartbeat(message), one, two);
    assert.equal(arrived, message);
    assert.is(parseMessage({ version: RAFT_VERSION, ...arrived }).kind, 'parsed');
  }
});

heartbeat('names who sealed it and who opened it, whatever its writer claims', () => {
  const arrived = decodeHeartbeat(encodeHeartbeat({ kind: 'heartbeatResponse', ...common }), two, one);
  assert.is(arrived?.from, 'node-2.00000001');
  assert.is(arrived?.to, 'node-1.fedcba98');
});

heartbeat('is small', () => {
  for (const message of messages) assert.ok(encodeHeartbeat(message).length <= 10 + 3 * 7);
  assert.is(encodeHeartbeat({ kind: 'heartbeat', from: 'node-1.00000001', to: 'node-2.fedcba98', term: 3, round: 2 * 86_400, commit: 1_000 }).length, 16);
});

heartbeat('that is cut, longer, of another version or kind is null', () => {
  for (const message of messages) {
    const bytes = encodeHeartbeat(message);
    for (let length = 0; length < bytes.length; length += 1) assert.is(decodeHeartbeat(bytes.subarray(0, length), one, two), null, `${length} bytes`);
    assert.is(decodeHeartbeat(Uint8Array.from([...bytes, 0]), one, two), null);
    for (const [at, value] of [[0, 0x4c], [1, 0x11], [1, 0x23], [1, 0x20], [1, 0x01]] as const) {
      const changed = Uint8Array.from(bytes);
      changed[at] = value;
      assert.is(decodeHeartbeat(changed, one, two), null, `byte ${at}`);
    }
  }
});

heartbeat('made of noise never throws, and never is one that Raft would choke on', () => {
  const chance = seededChance(1);
  let taken = 0;
  for (let round = 0; round < 2_000; round += 1) {
    const bytes = chance.bytes(Math.floor(chance.next() * 35));
    bytes.set([0x48, 0x21 + Math.floor(chance.next() * 2)].slice(0, bytes.length));
    const arrived = decodeHeartbeat(bytes, one, two);
    if (arrived === null) continue;
    taken += 1;
    assert.is(parseMessage({ version: RAFT_VERSION, ...arrived }).kind, 'parsed');
    assert.equal([...encodeHeartbeat(arrived)], [...bytes], 'there is one way to write each');
  }
  assert.ok(taken > 20, `${taken} were taken`);
});

heartbeat.run();
