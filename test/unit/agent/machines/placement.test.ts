import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseReplacementReplica, chooseStandby, placeExisting, placeNew, placeTakeOver } from '../../../../agent/machines/placement.ts';
import type { NewRequest, PlacementHints } from '../../../../agent/machines/placement.ts';
import type { NodeId } from '../../../../shared/ids.ts';
import type { NodeRecord } from '../../../../shared/model/node.ts';
import { GIB } from '../../../../shared/units.ts';
import type { HealthGossip } from '../../../../shared/wire/intent.ts';
import { actorOf, admission, bootIdOf, bootOf, creation, IMAGE, IMAGE_RECORD, nodeIdOf, placementOn, readyCell, runningCell, TestCell, volumeIdOf } from '../../shared/ledger/test-cell.ts';

const placement = suite('placement');

const NO_HINTS: PlacementHints = { suspects: new Set(), health: new Map() };
const suspect = (...nodes: number[]): PlacementHints => ({ ...NO_HINTS, suspects: new Set(nodes.map(nodeIdOf)) });
const request = (fields: Partial<NewRequest> = {}): NewRequest => ({ image: IMAGE, vcpus: 1, memoryMiB: 128, diskBytes: GIB, count: 1, ...fields });
const reasons = (refused: readonly { readonly node: NodeId; readonly reason: string }[]): Record<string, string> => Object.fromEntries(refused.map((each) => [each.node, each.reason]));

function slow(node: number, boot = 1): HealthGossip {
  return {
    node: `node-${node}`, bootId: bootIdOf(node, boot), sequence: 1, freeMemoryMiB: 1, freeDiskBytes: 1, load: 1, loopDelayMsMax: 2001, unreachable: [], running: [], volumes: [],
  };
}

/** A cell of nodes in these failure domains. */
function cellIn(domains: readonly string[], fields: (node: number) => Partial<NodeRecord> = () => ({})): TestCell {
  const cell = new TestCell();
  cell.run({ kind: 'registerImage', image: IMAGE_RECORD });
  for (const [at, failureDomain] of domains.entries()) {
    cell.run(admission(at + 1, { failureDomain, ...fields(at + 1) }));
    cell.start(at + 1);
  }
  return cell;
}

placement('spreads new instances over the nodes, each with a standby elsewhere', () => {
  const { placements } = placeNew(readyCell(4).state, NO_HINTS, request({ count: 8 }));
  assert.is(placements.length, 8);
  const on = (node: number): number => placements.filter((each) => each.node === nodeIdOf(node)).length;
  assert.equal([on(1), on(2), on(3), on(4)], [2, 2, 2, 2]);
  assert.ok(placements.every((each) => each.standby !== null && each.standby !== each.node));
});

placement('fills the fullest node first when asked to pack', () => {
  const { placements } = placeNew(readyCell(4).state, NO_HINTS, request({ count: 4, strategy: 'pack' }));
  assert.equal(new Set(placements.map((each) => each.node)).size, 1);
});

placement('proposes nothing that the ledger would refuse', () => {
  const cell = readyCell(3);
  let made = 0;
  for (;;) {
    const { placements } = placeNew(cell.state, NO_HINTS, request({ count: 3 }));
    for (const [at, each] of placements.entries()) cell.run(creation(made + at + 1, each));
    made += placements.length;
    if (placements.length < 3) break;
  }
  // 3 nodes of 8 instances each; room for the death of any one of them leaves less than 24.
  assert.ok(made >= 12 && made < 24, `${made}`);
});

placement('says for every node why it was refused', () => {
  const cell = readyCell(8);
  cell.fence(1);
  cell.run({ kind: 'intendFence', node: nodeIdOf(2), bootId: bootIdOf(2), byPower: false, atMs: 0, reason: '' });
  cell.run({ kind: 'cordonNode', node: nodeIdOf(3), cordoned: true });
  cell.boot(5, 2, { capacity: { memoryMiB: 1024, vcpus: 1, diskBytes: 100 * GIB, domainKinds: ['pvh'] } });
  cell.run({ kind: 'readyNode', actor: actorOf(5, 2) });
  cell.boot(6, 2, { capacity: { memoryMiB: 100, vcpus: 1, diskBytes: 100 * GIB, domainKinds: ['pv'] } });
  cell.run({ kind: 'readyNode', actor: actorOf(6, 2) });
  cell.boot(7, 2, { capacity: { memoryMiB: 1024, vcpus: 1, diskBytes: GIB, domainKinds: ['pv'] } });
  cell.run({ kind: 'readyNode', actor: actorOf(7, 2) });
  const hints: PlacementHints = { suspects: new Set([nodeIdOf(4)]), health: new Map([[nodeIdOf(8), slow(8)]]) };
  const { placements, refused } = placeNew(cell.state, hints, request());
  assert.is(placements.length, 0);
  assert.equal(reasons(refused), {
    'node-1': 'notActive', 'node-2': 'fencing', 'node-3': 'notActive', 'node-4': 'suspect', 'node-5': 'domainKind', 'node-6': 'noMemory', 'node-7': 'noDisk', 'node-8': 'unwell',
  });
  assert.ok(refused.every((each) => each.detail.includes(each.node)));
});

placement('ignores gossip of an earlier boot', () => {
  const cell = readyCell(1);
  cell.start(1, 2);
  const { placements } = placeNew(cell.state, { ...NO_HINTS, health: new Map([[nodeIdOf(1), slow(1)]]) }, request());
  assert.is(placements.length, 1);
});

placement('uses a lone node without a standby, but keeps the promise of one where it could', () => {
  const lone = placeNew(readyCell(1).state, NO_HINTS, request());
  assert.is(lone.placements[0]?.standby, null);
  const cell = readyCell(2);
  assert.is(placeNew(cell.state, NO_HINTS, request()).placements[0]?.standby, nodeIdOf(2));
  cell.run(creation(1, placementOn(2, null), { count: 8 }));
  const full = placeNew(cell.state, NO_HINTS, request());
  assert.is(full.placements.length, 0);
  assert.equal(reasons(full.refused), { 'node-1': 'noStandby', 'node-2': 'noMemory' });
  cell.run({ kind: 'setParameters', change: { reserveStandby: false } });
  assert.is(placeNew(cell.state, NO_HINTS, request()).placements[0]?.standby, nodeIdOf(2), 'a second replica, without memory');
  cell.run({ kind: 'setParameters', change: { reserveStandby: true } });
  cell.fence(2);
  assert.is(placeNew(cell.state, NO_HINTS, request()).placements[0]?.standby, null);
});

placement('puts the standby into another failure domain where there is one', () => {
  const cell = cellIn(['a', 'a', 'a', 'b']);
  const { placements } = placeNew(cell.state, NO_HINTS, request({ count: 3 }));
  const domainOf = (node: NodeId | null): string => (node === null ? '' : (cell.state.nodes.get(node)?.failureDomain ?? ''));
  for (const each of placements) assert.is.not(domainOf(each.node), domainOf(each.standby));
  assert.is.not(placeNew(cellIn(['a', 'a']).state, NO_HINTS, request()).placements[0]?.standby, null);
});

placement('of an instance that exists goes where its replicas are in sync, first to the node it was on', () => {
  const cell = runningCell(3);
  cell.want('stopped');
  cell.stopped();
  cell.want('running');
  const again = placeExisting(cell.state, NO_HINTS, cell.instance(), { isTakeOver: false, holder: 'prefer' });
  assert.equal(again.kind === 'placed' && [again.placement.node, again.placement.standby], [nodeIdOf(1), nodeIdOf(2)]);
  assert.equal(again.kind === 'placed' && reasons(again.placement.refused), { 'node-2': 'lessFit', 'node-3': 'noReplica' });
  const other = placeExisting(cell.state, NO_HINTS, cell.instance(), { isTakeOver: false, holder: 'avoid' });
  assert.is(other.kind === 'placed' && other.placement.node, nodeIdOf(2));
  const lone = placeExisting(cell.state, suspect(2), cell.instance(), { isTakeOver: false, holder: 'avoid' });
  assert.is(lone.kind === 'placed' && lone.placement.node, nodeIdOf(1));
});

placement('of a takeover goes to the standby, though its memory was kept for others', () => {
  const cell = runningCell(3);
  cell.run(creation(11, placementOn(3, 2), { count: 7 }), creation(21, placementOn(2, null)));
  cell.fence(1);
  const outcome = placeTakeOver(cell.state, NO_HINTS, cell.instance(), { holder: 'ignore' });
  assert.is(outcome.kind === 'placed' && outcome.placement.node, nodeIdOf(2));
});

placement('of a takeover says why no replica can be used', () => {
  const cell = runningCell(3);
  cell.run({ kind: 'shrink', actor: actorOf(1), volume: volumeIdOf(1), generation: 1, reason: 'link' });
  cell.fence(1);
  const outcome = placeTakeOver(cell.state, NO_HINTS, cell.instance(), { holder: 'ignore' });
  assert.equal(outcome.kind === 'refused' && reasons(outcome.refused), { 'node-1': 'notActive', 'node-2': 'notInSync', 'node-3': 'noReplica' });
  cell.boot(2, 2, { tainted: [volumeIdOf(1)] });
  cell.run({ kind: 'readyNode', actor: actorOf(2, 2) });
  const failed = placeTakeOver(cell.state, NO_HINTS, cell.instance(), { holder: 'ignore' });
  assert.is(failed.kind === 'refused' && reasons(failed.refused)['node-2'], 'diskFailed');
});

placement('takes a draining or slow node over none', () => {
  const cell = runningCell(3);
  cell.run(creation(2, placementOn(2, 3)));
  cell.run({ kind: 'cordonNode', node: nodeIdOf(2), cordoned: true });
  cell.fence(1);
  const outcome = placeTakeOver(cell.state, { ...NO_HINTS, health: new Map([[nodeIdOf(2), slow(2)]]) }, cell.instance(), { holder: 'ignore' });
  assert.is(outcome.kind === 'placed' && outcome.placement.node, nodeIdOf(2));
  const busy = placeTakeOver(cell.state, NO_HINTS, cell.instance(), { holder: 'ignore', busy: new Set([nodeIdOf(2)]) });
  assert.is(busy.kind === 'refused' && reasons(busy.refused)['node-2'], 'busy');
});

placement('of a standby needs a replica, memory, and a node that is well', () => {
  const cell = runningCell(3);
  cell.run({ kind: 'setStandby', instance: cell.instance().id, expectGeneration: 1, standby: null });
  assert.is(chooseStandby(cell.state, NO_HINTS, cell.instance()), nodeIdOf(2));
  assert.is(chooseStandby(cell.state, suspect(2), cell.instance()), null);
  cell.run(creation(11, placementOn(2, null), { count: 8 }));
  assert.is(chooseStandby(cell.state, NO_HINTS, cell.instance()), null);
});

placement('of a new replica prefers another failure domain, then room for the instance, then an empty disk', () => {
  const cell = cellIn(['a', 'b', 'a', 'c', 'd']);
  cell.run(creation(1, placementOn(1, 2)));
  cell.format();
  cell.started();
  cell.expand(2);
  cell.fence(2);
  const choose = (busy: readonly number[] = []): NodeId | null => chooseReplacementReplica(cell.state, NO_HINTS, cell.volume(), nodeIdOf(2), new Set(busy.map(nodeIdOf)));
  assert.is(choose(), nodeIdOf(4));
  assert.is(choose([4]), nodeIdOf(5));
  assert.is(choose([4, 5]), nodeIdOf(3));
  assert.is(choose([3, 4, 5]), null);
  cell.run(creation(11, placementOn(4, null), { count: 8 }));
  assert.is(choose(), nodeIdOf(5));
  cell.run(bootOf(5, 2, { capacity: { memoryMiB: 1024, vcpus: 1, diskBytes: GIB, domainKinds: ['pv'] } }), { kind: 'readyNode', actor: actorOf(5, 2) });
  assert.is(choose(), nodeIdOf(4));
});

placement.run();
