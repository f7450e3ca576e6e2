/** Is what is gossiped and what the leader says shown as it is, and only that? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createFleetPort } from '../../../../coordinator/rest/fleet-port.ts';
import { parseMemberId, parseNodeId } from '../../../../shared/ids.ts';
import type { MemberId } from '../../../../shared/ids.ts';
import { VirtualNetwork } from '../../../support/virtual-mesh.ts';
import { VirtualWorld } from '../../../support/virtual-world.ts';

const SELF = parseMemberId('coordinator-1');
const NODE = parseNodeId('node-1');
const OTHER = parseNodeId('node-2');

function fleetBench() {
  const world = new VirtualWorld(1);
  const network = new VirtualNetwork(world);
  const mesh = network.join(SELF);
  const node = network.join(NODE);
  const shown = { leader: NODE as MemberId | null };
  const fleet = createFleetPort({
    clock: world.clock, mesh, projection: { index: () => 5, isStale: () => shown.leader === null },
    status: () => ({ member: SELF, role: 'subscriber', term: 2, leader: shown.leader, appliedIndex: 5, commitIndex: 5, voters: [], learners: [] }),
  });
  return { world, node, fleet, shown };
}

const health = (fields: object = {}) => ({
  node: NODE, bootId: 'boot', sequence: 2, freeMemoryMiB: 10, freeDiskBytes: 20, load: 0.5, loopDelayMsMax: 1, unreachable: [], running: [{ instance: 'i-1', generation: 1 }], volumes: [], ...fields,
});

const fleet = suite('fleet port');

fleet('keeps the newest gossip of each node, and forgets it in time', async () => {
  const { world, node, fleet: port } = fleetBench();
  await node.publish('health', health());
  await world.advance(1_000);
  assert.is(port.health().get(NODE)?.gossip.load, 0.5);
  assert.ok(Math.abs((port.health().get(NODE)?.ageMs ?? 0) - 1_000) < 10);
  await node.publish('health', health({ sequence: 1, load: 0.9 }));
  await world.advance(10);
  assert.is(port.health().get(NODE)?.gossip.load, 0.5);
  await node.publish('health', health({ bootId: 'next', sequence: 1, load: 0.1 }));
  await world.advance(10);
  assert.is(port.health().get(NODE)?.gossip.load, 0.1);
  await world.advance(61_000);
  assert.is(port.health().size, 0);
});

fleet('believes nobody who speaks for another node, or nonsense', async () => {
  const { world, node, fleet: port } = fleetBench();
  for (const message of [health({ node: OTHER }), health({ load: 'high' }), health({ running: 'all' }), null, 'x', []]) await node.publish('health', message);
  await world.advance(10);
  assert.is(port.health().size, 0);
});

/** Settles a promise in virtual time. */
async function within<Value>(world: VirtualWorld, promise: Promise<Value>): Promise<{ readonly value: Value; readonly tookMs: number }> {
  let settled: { readonly value: Value } | null = null;
  void promise.then((value) => {
    settled = { value };
  });
  const tookMs = await world.until('it settles', () => settled !== null, 5_000);
  return { value: (settled as unknown as { readonly value: Value }).value, tookMs };
}

fleet('tells what the leader suspects', async () => {
  const { world, node, fleet: port } = fleetBench();
  node.serve('healerView', () => Promise.resolve({
    isLeader: true, suspects: [{ node: OTHER, phase: 'suspect', silentForMs: 3_000, provenInMs: 6_000 }], heard: [{ node: NODE, renewalAgeMs: 100.4, flaps: 0 }, { node: OTHER, renewalAgeMs: null, flaps: 1 }],
  }));
  const { value } = await within(world, port.leaderSight());
  assert.equal(value?.get(NODE), { suspect: null, renewalAgeMs: 100 });
  assert.equal(value?.get(OTHER), { suspect: { phase: 'suspect', silentForMs: 3_000, provenInMs: 6_000 }, renewalAgeMs: null });
});

fleet('goes without the leader when it is silent, unknown, or talks nonsense, within a second', async () => {
  const silent = fleetBench();
  silent.node.serve('healerView', () => new Promise(() => undefined));
  const { value, tookMs } = await within(silent.world, silent.fleet.leaderSight());
  assert.is(value, null);
  assert.ok(tookMs >= 900 && tookMs <= 1_100, `${tookMs} ms`);
  silent.shown.leader = null;
  assert.is((await within(silent.world, silent.fleet.leaderSight())).value, null);
  const odd = fleetBench();
  odd.node.serve('healerView', () => Promise.resolve({ suspects: 'none' }));
  odd.node.serve('agentStatus', () => Promise.resolve({ ledger: { term: 'x' } }));
  assert.is((await within(odd.world, odd.fleet.leaderSight())).value, null);
  assert.is((await within(odd.world, odd.fleet.leaderStatus())).value, null);
});

fleet('tells the leader\'s own status', async () => {
  const { world, node, fleet: port } = fleetBench();
  const ledger = {
    member: NODE, role: 'leader', term: 2, leader: NODE, appliedIndex: 9, commitIndex: 9, voters: ['node-1.11111111', 'node-2.22222222'], learners: [], matchIndex: { 'node-2.22222222': 8 },
  };
  node.serve('agentStatus', () => Promise.resolve({ ledger }));
  assert.equal((await within(world, port.leaderStatus())).value, ledger);
});

fleet.run();
