import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packHeartbeat, unpackHeartbeat } from '../../../../../shared/ledger/node/pack-heartbeat.ts';
import { parseMessage } from '../../../../../shared/ledger/raft/parse-message.ts';
import { RAFT_VERSION } from '../../../../../shared/ledger/raft/types.ts';
import type { Message } from '../../../../../shared/ledger/raft/types.ts';

const packing = suite('a packed heartbeat');

const base = { version: RAFT_VERSION, from: 'node-1.00000001', to: 'node-2.00000002', term: 7 } as const;
const travelled = (message: Message): unknown => unpackHeartbeat(JSON.parse(JSON.stringify(packHeartbeat(message))));

packing('is the same message on the other side, as is every other message', () => {
  const messages: readonly Message[] = [
    { ...base, kind: 'heartbeat', commit: 12, round: 345 },
    { ...base, kind: 'heartbeatResponse', round: 345 },
    { ...base, kind: 'appendResponse', index: 3 },
    { ...base, kind: 'append', prevIndex: 1, prevTerm: 1, commit: 1, entries: [] },
    { ...base, kind: 'timeoutNow' },
  ];
  for (const message of messages) {
    assert.equal(travelled(message), message);
    assert.equal(parseMessage(travelled(message)), { kind: 'parsed', message });
  }
});

packing('is less than half as long', () => {
  const heartbeat: Message = { ...base, kind: 'heartbeat', commit: 1_000_000, round: 1_000_000 };
  assert.ok(JSON.stringify(packHeartbeat(heartbeat)).length < 66);
  assert.ok(JSON.stringify(heartbeat).length > 120);
});

packing('is refused like any other message when its fields make no sense', () => {
  const { version, from, to } = base;
  const frames: readonly unknown[] = [
    [], [version], ['h'], [version, 'h', from, to, 7, 1], [version, 'h', from, to, 7, 1, 2, 3], [version, 'r', from, to, 7], [version, 'x', from, to, 7, 1],
    [version, 'h', from, to, 7, -1, 2], [version, 'h', from, to, '7', 1, 2], [version, 'h', 5, to, 7, 1, 2], [version, 'r', from, null, 7, 1], [version + 1, 'r', from, to, 7, 1],
  ];
  for (const frame of frames) assert.is(parseMessage(unpackHeartbeat(frame)).kind, 'refused', JSON.stringify(frame));
});

packing.run();
