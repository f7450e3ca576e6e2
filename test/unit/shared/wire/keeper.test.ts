/** Are the messages between agent and keeper read strictly? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAgentMessage, parseKeeperMessage } from '../../../../shared/wire/keeper.ts';

const cell = {
  kind: 'cell', cell: 'default', clusterUuid: '11111111-2222-4333-8444-555555555555', profile: 'standard',
  voters: [{ id: 'node-1', leaseAddress: '127.0.0.1:7000', sendKey: '0a'.repeat(32), receiveKey: 'b1'.repeat(32) }],
};
const lease = { kind: 'lease', bootId: cell.clusterUuid, armed: true, validUntilMs: 12.5, leader: 'node-1', refusal: null, profile: 'fast' };

const messages = suite('messages between agent and keeper');

messages('come back as they were', () => {
  assert.equal(parseAgentMessage(cell), cell);
  assert.equal(parseAgentMessage({ kind: 'disarm', allowed: false }), { kind: 'disarm', allowed: false });
  assert.equal(parseKeeperMessage(lease), lease);
  assert.equal(parseKeeperMessage({ ...lease, validUntilMs: null, leader: null, refusal: 'fenced' }), { ...lease, validUntilMs: null, leader: null, refusal: 'fenced' });
});

messages('with a field that is missing, of another type, or no valid name are null', () => {
  for (const name of Object.keys(cell)) assert.is(parseAgentMessage({ ...cell, [name]: undefined }), null, name);
  for (const name of Object.keys(lease)) assert.is(parseKeeperMessage({ ...lease, [name]: undefined }), null, name);
  const bad: unknown[] = [
    null, 'x', [], 7, {}, { ...cell, profile: 'toString' }, { ...cell, cell: 'A b' }, { ...cell, clusterUuid: 'x' },
    { ...cell, voters: [null] }, { ...cell, voters: [{ ...cell.voters[0], leaseAddress: 'nowhere' }] }, { ...cell, voters: Array.from({ length: 10 }, () => cell.voters[0]) },
    { ...cell, voters: [{ ...cell.voters[0], leaseAddress: '127.0.0.1 :1' }] }, { ...cell, voters: [{ ...cell.voters[0], leaseAddress: '\u00fc:1' }] },
    { ...cell, voters: [{ ...cell.voters[0], sendKey: '0A'.repeat(32) }] }, { ...cell, voters: [{ ...cell.voters[0], receiveKey: 'b1'.repeat(33) }] },
    { kind: 'disarm', allowed: 'yes' },
  ];
  for (const value of bad) assert.is(parseAgentMessage(value), null, JSON.stringify(value));
  for (const value of [null, { ...lease, refusal: 'no' }, { ...lease, armed: 1 }, { ...lease, validUntilMs: '9' }]) assert.is(parseKeeperMessage(value), null, JSON.stringify(value));
});

messages.run();
