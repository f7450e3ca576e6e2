import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FOUND_INTENT_WAIT_MS } from '../../../../agent/machines/fence.ts';
import type { FencerPorts } from '../../../../agent/runtime/fencer-ports.ts';
import { Watches } from '../../../../agent/runtime/fencer-watches.ts';
import { parseBootId, parseCellId, parseMemberId, parseNodeId } from '../../../../shared/ids.ts';
import { apply } from '../../../../shared/ledger/apply.ts';
import type { Command } from '../../../../shared/ledger/commands.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../../../shared/model/cell.ts';
import type { CellState } from '../../../../shared/model/cell.ts';
import { VirtualWorld } from '../../../support/virtual-world.ts';

const SELF = parseNodeId('node-1');
const NODE = parseNodeId('node-2');
const OLD_BOOT = parseBootId('0c356779-d5fc-4515-a670-d2a02931b102');
const NEW_BOOT = parseBootId('1c356779-d5fc-4515-a670-d2a02931b102');
const TERM = 4;
const STORE = '2c356779-d5fc-4515-a670-d2a02931b102';

/** A state in which the node's first boot is to be fenced. */
function intended(...more: readonly Command[]): CellState {
  const capacity = { memoryMiB: 1_024, vcpus: 1, diskBytes: 1, domainKinds: ['pv'] } as const;
  const commands: readonly Command[] = [
    { kind: 'admitNode', node: {
      id: NODE, peerId: 'peer', meshAddress: '/ip4/127.0.0.1/tcp/4000', leaseAddress: '127.0.0.1:5000', leaseKey: 'key', storageAddress: '10.0.0.2', failureDomain: NODE, power: { kind: 'ipmi', address: 'bmc-2' },
    } },
    { kind: 'bootNode', actor: { node: NODE, bootId: OLD_BOOT }, storeUuid: STORE, capacity, tainted: [] },
    { kind: 'intendFence', node: NODE, bootId: OLD_BOOT, byPower: true, atMs: 0, reason: 'silent' },
    ...more,
  ];
  return commands.reduce((state, command, at) => {
    const applied = apply(state, { index: at + 1, term: 1, data: { command, at: '2026-01-01T00:00:00.000Z', by: parseMemberId('coordinator-1') } });
    assert.is(applied.result.kind, 'applied', JSON.stringify(applied.result));
    return applied.state;
  }, emptyCell(parseCellId('default'), '11111111-2222-4333-8444-555555555555', DEFAULT_PARAMETERS));
}

const REBOOTED = intended({ kind: 'bootNode', actor: { node: NODE, bootId: NEW_BOOT }, storeUuid: STORE, capacity: { memoryMiB: 1_024, vcpus: 1, diskBytes: 1, domainKinds: ['pv'] }, tainted: [] });

/** A leader that has just taken office and found the intent. `fresh`: what the ledger answers when it is asked freshly. */
function takeOffice(fresh: (show: (state: CellState) => void) => Promise<CellState>) {
  const world = new VirtualWorld(1);
  let state = intended();
  const seen = { orders: 0 };
  const ports = {
    world, self: SELF, wallMs: () => 0, formerContactAtMs: () => null,
    log: {
      state: () => state,
      status: () => ({ role: 'leader', term: TERM, leader: SELF, appliedIndex: 3, commitIndex: 3, voters: [], learners: [] }),
      readFresh: async () => await fresh((next) => {
        state = next;
        watches.followLedger();
      }),
    },
    power: { off: () => Promise.resolve(void (seen.orders += 1)), status: () => Promise.resolve('unknown') },
  } as unknown as FencerPorts;
  const watches = new Watches(ports, TERM, () => null);
  watches.followLedger();
  return { world, seen };
}

const office = suite('a leader that finds an intent to fence a node');

office('switches it off when the ledger, asked freshly, says the same', async () => {
  const { world, seen } = takeOffice(() => Promise.resolve(intended()));
  await world.advance(FOUND_INTENT_WAIT_MS - 100);
  assert.is(seen.orders, 0);
  await world.advance(200);
  assert.is(seen.orders, 1);
});

office('leaves it on when that brings a newer boot', async () => {
  const { world, seen } = takeOffice((show) => {
    show(REBOOTED);
    return Promise.resolve(REBOOTED);
  });
  await world.advance(8_000);
  assert.is(seen.orders, 0);
});

office('leaves it on while the ledger does not answer', async () => {
  const { world, seen } = takeOffice(() => Promise.reject(new Error('no quorum')));
  await world.advance(8_000);
  assert.is(seen.orders, 0);
});

office.run();
