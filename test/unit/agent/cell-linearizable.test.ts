// deadline: 180 s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMemberId } from '../../../shared/ids.ts';
import type { NodeId } from '../../../shared/ids.ts';
import { Replica } from '../../../shared/ledger/node/replica.ts';
import { Raft } from '../../../shared/ledger/raft/raft.ts';
import { seededChance } from '../../../shared/random.ts';
import { Table } from '../../../shared/table.ts';
import type { Chance } from '../../../shared/world.ts';
import { PortClients } from '../../sim/checkers/port-clients.ts';
import { FINE } from '../../support/virtual-mesh.ts';
import { VirtualCell } from '../../support/virtual-cell.ts';

const NODES = 4;
const COORDINATOR = parseMemberId('coordinator-1');
/** What a write costs otherwise (test/support/memory-store.ts). */
const WRITE_MS = 2;
const SEEDS = 4;
/** The first seeds find two of the bugs, the fifth the third. */
const SEEDS_PER_BUG = 20;
/** How long clients ask, virtual ms. */
const STORM_MS = 60_000;

/** Whatever makes a leader lose its place without knowing it, or its answers get lost. Each comes to an end by itself. */
const TROUBLES: readonly ((cell: VirtualCell, node: NodeId, forMs: number, chance: Chance) => void)[] = [
  // Cut off from the other nodes, but not from the coordinator, which may go on asking it.
  (cell, node, forMs) => {
    const others = cell.nodeIds.filter((other) => other !== node);
    for (const other of others) cell.network.cutPair(node, other);
    cell.world.timers.after(forMs, () => others.forEach((other) => cell.network.healPair(node, other)));
  },
  // Stopped by a signal: it goes on as if no time had passed.
  (cell, node, forMs) => cell.loops.hold(node, Math.min(forMs, 4_000)),
  (cell, node, forMs) => {
    cell.killAgent(node);
    cell.world.timers.after(forMs, () => {
      if (!cell.processes(node).agent && cell.processes(node).keeper) cell.startAgent(node);
    });
  },
  // The coordinator loses it from sight, whatever it was asked.
  (cell, node, forMs) => {
    cell.network.cutPair(node, COORDINATOR);
    cell.world.timers.after(forMs, () => cell.network.healPair(node, COORDINATOR));
  },
  (cell, node, forMs) => {
    cell.setWriteMs(node, 300);
    cell.world.timers.after(forMs, () => cell.setWriteMs(node, WRITE_MS));
  },
  (cell, node, forMs) => {
    cell.room.powerOff(node);
    cell.world.timers.after(forMs, () => cell.room.powerOn(node));
  },
  (cell, _node, forMs, chance) => {
    cell.network.weather = { lossShare: chance.next() * 0.2, duplicateShare: 0.1, jitterMs: chance.next() * 100 };
    cell.world.timers.after(forMs, () => {
      cell.network.weather = FINE;
    });
  },
];

/** Clients of one cell through a storm; what they were told that cannot be. */
async function askThroughStorm(seed: number): Promise<{ readonly violations: readonly string[]; readonly clients: PortClients }> {
  const clients = new PortClients(seed);
  const cell = new VirtualCell({ nodes: NODES, seed, onLedger: clients.onLedger });
  const chance = seededChance(seed);
  await cell.ready();
  const [instance] = await cell.run(1);
  assert.ok(instance);
  clients.begin(cell, instance);
  const untilMs = cell.world.clock.nowMs() + STORM_MS;
  while (cell.world.clock.nowMs() < untilMs) {
    const leader = cell.nodeIds.find((node) => node === cell.leader());
    const node = chance.next() < 0.7 && leader !== undefined ? leader : cell.nodeIds[Math.floor(chance.next() * NODES)];
    const trouble = TROUBLES[Math.floor(chance.next() * TROUBLES.length)];
    if (node !== undefined) trouble?.(cell, node, 1_000 + chance.next() * 5_000, chance);
    await cell.world.advance(500 + chance.next() * 6_000);
  }
  clients.end();
  await cell.world.advance(20_000);
  return { violations: clients.violations(), clients };
}

const order = suite('the clients of a cell in a storm');

order('are told nothing that one cell could not have told them', async () => {
  const seen = { calls: 0, unheard: 0 };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { violations, clients } = await askThroughStorm(seed);
    assert.equal(violations, [], `seed ${seed}`);
    seen.calls += clients.history.length;
    seen.unheard += clients.history.filter(({ output }) => output === null).length;
  }
  assert.ok(seen.calls > SEEDS * 200 && seen.unheard > SEEDS, JSON.stringify(seen));
});

/** Runs `body` with a method of a class broken, as everybody in this process has it. */
async function withBroken<Target extends object>(target: Target, name: string, broken: (this: Target, ...rest: never[]) => unknown, body: () => Promise<void>): Promise<void> {
  const whole = Object.getOwnPropertyDescriptor(target, name);
  assert.ok(whole, `there is no ${name}`);
  Object.defineProperty(target, name, { ...whole, value: broken });
  try {
    await body();
  } finally {
    Object.defineProperty(target, name, whole);
  }
}

/** The first seed whose clients are told what cannot be. */
async function foundBy(seeds: number): Promise<string | null> {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { violations } = await askThroughStorm(seed);
    if (violations[0] !== undefined) return violations[0];
  }
  return null;
}

order('find a stale read that is served as fresh', async () => {
  await withBroken(Raft.prototype, 'confirmedRound', () => Number.MAX_SAFE_INTEGER, async () => {
    assert.match(await foundBy(SEEDS_PER_BUG) ?? 'nothing', /^S13 what clients were told of fresh/u);
  });
});

order('find a client token that has its effect twice', async () => {
  const whole = Table.prototype.get as (this: Table<string, unknown>, key: string) => unknown;
  await withBroken(Table.prototype, 'get', function get(this: Table<string, unknown>, key: string) {
    return key.startsWith('default:token') ? undefined : whole.call(this, key);
  }, async () => {
    assert.match(await foundBy(SEEDS_PER_BUG) ?? 'nothing', /^S13 what clients were told of token/u);
  });
});

order('find a write that was sent twice and had its effect twice', async () => {
  await withBroken(Replica.prototype, 'outcomeOf', () => null, async () => {
    await withBroken(Raft.prototype, 'unapplied', () => [], async () => {
      assert.match(await foundBy(SEEDS_PER_BUG) ?? 'nothing', /^S13 what clients were told of (tag|fresh)/u);
    });
  });
});

order.run();
