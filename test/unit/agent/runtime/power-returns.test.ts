import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FencerPorts } from '../../../../agent/runtime/fencer-ports.ts';
import { PowerReturns } from '../../../../agent/runtime/power-returns.ts';
import { parseMemberId } from '../../../../shared/ids.ts';
import type { CellState } from '../../../../shared/model/cell.ts';
import { POWER_FENCE_WINDOW_MS } from '../../../../shared/model/limits.ts';
import { MINUTE_MS, SECOND_MS } from '../../../../shared/units.ts';
import { VirtualWorld } from '../../../support/virtual-world.ts';
import { bootIdOf, LEADER, leaseProof, nodeIdOf, readyCell } from '../../shared/ledger/test-cell.ts';
import type { TestCell } from '../../shared/ledger/test-cell.ts';

const NODE = nodeIdOf(1);
const TERM = 3;
const FENCED_AT_MS = 50 * MINUTE_MS;

/** A cell whose first node was switched off, and proven dead in that term. */
function fencedCell(term: number): TestCell {
  const fenced = readyCell();
  fenced.run(
    { kind: 'intendFence', node: NODE, bootId: bootIdOf(1), byPower: true, atMs: FENCED_AT_MS, reason: 'silent' },
    { ...leaseProof(1), term, proof: 'powerOffConfirmed', fenceWaitMs: 0, observations: [{ what: 'powerStatusOff', afterMs: 1, by: LEADER, at: '', detail: '' }] },
  );
  return fenced;
}

const cell = fencedCell(TERM - 1);
const FENCED = cell.state;
cell.boot(1, 2);
const BACK = cell.state;

/** A leader that takes office at `wallMs`. */
function lead({ wallMs = FENCED_AT_MS, fresh = FENCED, term = TERM, on = () => Promise.resolve() }: { readonly wallMs?: number; readonly fresh?: CellState; readonly term?: number; readonly on?: () => Promise<void> } = {}) {
  const world = new VirtualWorld(1);
  const seen = { state: FENCED, orders: [] as number[] };
  const show = (next: CellState): void => {
    seen.state = next;
    returns.followLedger();
  };
  const ports = {
    world, self: parseMemberId('node-2'), wallMs: () => wallMs + world.clock.nowMs(),
    log: {
      state: () => seen.state, status: () => ({ role: 'leader', term }),
      readFresh: () => {
        if (seen.state !== fresh && fresh !== FENCED) show(fresh);
        return Promise.resolve(seen.state);
      },
    },
    power: {
      on: (node: string) => {
        assert.is(node, NODE);
        seen.orders.push(world.clock.nowMs());
        return on();
      },
    },
  } as unknown as FencerPorts;
  const returns = new PowerReturns(ports, TERM);
  returns.followLedger();
  return { world, seen, show, returns };
}

const returns = suite('a leader that has a node to switch on');

returns('does it at once, and again ever more rarely until it tells of its new boot', async () => {
  const { world, seen, show } = lead();
  await world.advance(20 * SECOND_MS);
  assert.equal(seen.orders, [0, 5_000, 15_000]);
  show(BACK);
  await world.advance(5 * MINUTE_MS);
  assert.is(seen.orders.length, 3);
});

returns('gives up after some orders, whether they were answered or not', async () => {
  for (const on of [() => Promise.resolve(), () => Promise.reject(new Error('no answer')), () => new Promise<void>(() => undefined)]) {
    const { world, seen } = lead({ on });
    await world.advance(9 * MINUTE_MS);
    assert.is(seen.orders.length, 6);
  }
});

returns('orders nothing when the ledger, asked freshly, knows of a new boot', async () => {
  const { world, seen } = lead({ fresh: BACK });
  await world.advance(MINUTE_MS);
  assert.equal(seen.orders, []);
});

returns('orders nothing when it leads no more', async () => {
  const { world, seen } = lead({ term: TERM + 1 });
  await world.advance(MINUTE_MS);
  assert.equal(seen.orders, []);
  const stopped = lead();
  stopped.returns.stop();
  await stopped.world.advance(MINUTE_MS);
  assert.equal(stopped.seen.orders, []);
});

returns('leaves an old fence alone: somebody may be at the machine', async () => {
  const { world, seen } = lead({ wallMs: FENCED_AT_MS + POWER_FENCE_WINDOW_MS + 1 });
  await world.advance(MINUTE_MS);
  assert.equal(seen.orders, []);
  const late = lead({ wallMs: FENCED_AT_MS + POWER_FENCE_WINDOW_MS - 7 * SECOND_MS });
  await late.world.advance(MINUTE_MS);
  assert.equal(late.seen.orders, [0, 5_000], 'and one that grew old meanwhile');
});

returns('asks no clock how old a fence is that it proved itself', async () => {
  const { world, show, seen } = lead({ wallMs: FENCED_AT_MS - 3 * POWER_FENCE_WINDOW_MS });
  assert.equal(seen.orders, []);
  show(fencedCell(TERM).state);
  await world.advance(SECOND_MS);
  assert.is(seen.orders.length, 1);
});

returns.run();
