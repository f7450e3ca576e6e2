import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClusterError } from '../../../../shared/errors.ts';
import type { CellState } from '../../../../shared/model/cell.ts';
import { SCHEMAS_MATCH_COMMANDS } from '../../../../shared/ledger/command-schema.ts';
import { SCHEMAS_MATCH_RECORDS } from '../../../../shared/ledger/record-schema.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../../shared/ledger/snapshot.ts';
import { hashState } from '../../../../shared/ledger/state-hash.ts';
import { NO_USAGE } from '../../../../shared/model/usage.ts';
import type { ImageId } from '../../../../shared/ids.ts';
import { actorOf, creation, IMAGE_RECORD, instanceIdOf, nodeIdOf, placementOn, readyCell, runningCell, volumeIdOf } from './test-cell.ts';

const snapshots = suite('a snapshot');

const throughJson = (state: CellState): unknown => JSON.parse(JSON.stringify(encodeSnapshot(state)));

function richState(): CellState {
  const cell = runningCell();
  cell.run(creation(2, placementOn(2, 1), { count: 3, token: 'abc', fields: { tags: { constructor: 'x', 2: 'two', 1: 'one' } } }));
  cell.run({ kind: 'intendFence', node: nodeIdOf(3), bootId: actorOf(3).bootId, byPower: true, atMs: -5.5, reason: 'x' });
  cell.fence(1);
  return cell.state;
}

snapshots('gives back the state that it was made from', () => {
  const state = richState();
  const again = decodeSnapshot(throughJson(state));
  assert.equal(encodeSnapshot(again), encodeSnapshot(state));
  assert.is(hashState(again), hashState(state));
  assert.equal(new Map(again.usage.entries()), new Map(state.usage.entries()));
});

snapshots('keeps the order in which tables are walked', () => {
  const cell = readyCell(12);
  // So many that every shard of a table has several: the order within a shard is what a history leaves behind.
  for (let image = 900; image > 1; image -= 1) cell.run({ kind: 'registerImage', image: { ...IMAGE_RECORD, id: `ami-${image.toString(16).padStart(8, '0')}` as ImageId } });
  for (let at = 0; at < 40; at += 1) cell.run(creation(1 + at, placementOn(1 + (at % 12), 1 + ((at + 1) % 12)), { token: `token-${at}`, fields: { tags: { at: `${at}` } } }));
  let { instances, volumes, tokens, nodes } = cell.state;
  for (let at = 0; at < 1500; at += 1) {
    const id = instanceIdOf(1000 + ((at * 7919) % 997));
    const volume = volumeIdOf(1000 + ((at * 7919) % 997));
    instances = at % 3 === 0 ? instances.delete(id) : instances.set(id, { ...cell.instance(1), id, volumes: [] });
    volumes = at % 3 === 0 ? volumes.delete(volume) : volumes.set(volume, { ...cell.volume(1), id: volume, instance: null });
    tokens = tokens.set(`default:${(at * 7919) % 997}`, { requestHash: 'h', instances: [], index: at });
    nodes = nodes.set(nodeIdOf(1000 - (at % 900)), { ...cell.node(1), id: nodeIdOf(1000 - (at % 900)) });
  }
  const state = { ...cell.state, instances, volumes, tokens, nodes };
  const again = decodeSnapshot(throughJson(state));
  for (const name of ['nodes', 'instances', 'volumes', 'tokens', 'images'] as const) assert.equal([...again[name].keys()], [...state[name].keys()], name);
});

snapshots('that is damaged is refused', () => {
  const good = throughJson(richState()) as Record<string, unknown> & { nodes: [string, Record<string, unknown>][]; instances: unknown[] };
  const wrongs: readonly unknown[] = [
    null, {}, [], 'x', { ...good, version: 2 }, { ...good, surprise: 1 }, { ...good, clusterUuid: 'x' }, { ...good, nodes: {} },
    { ...good, nodes: [...good.nodes, good.nodes[0]] }, { ...good, nodes: [['node-7', good.nodes[0]?.[1]]] },
    { ...good, nodes: [['node-1', { ...good.nodes[0]?.[1], phase: 'asleep' }]] }, { ...good, instances: [['i-1', {}]] }, { ...good, nextMinor: -1 },
  ];
  for (const wrong of wrongs) {
    try {
      decodeSnapshot(wrong);
      assert.unreachable(`accepted: ${JSON.stringify(wrong)?.slice(0, 80)}`);
    } catch (thrown) {
      assert.instance(thrown, ClusterError);
      assert.is((thrown as ClusterError).code, 'SnapshotInvalid');
    }
  }
});

snapshots('has a fingerprint that any change changes', () => {
  const state = richState();
  const instance = state.instances.get(instanceIdOf(2));
  if (instance === undefined) return assert.unreachable('no instance');
  const others: readonly CellState[] = [
    { ...state, nextMinor: state.nextMinor + 1 }, { ...state, epoch: 2 }, { ...state, powerFences: [] },
    { ...state, instances: state.instances.set(instance.id, { ...instance, failures: 1 }) },
    { ...state, instances: state.instances.set(instance.id, { ...instance, tags: {} }) },
    { ...state, instances: state.instances.delete(instance.id) },
    { ...state, usage: state.usage.set(nodeIdOf(3), { ...NO_USAGE, starting: 1 }) },
  ];
  assert.is(new Set([state, ...others].map(hashState)).size, others.length + 1);
  assert.match(hashState(state), /^[0-9a-f]{16}$/);
});

snapshots('has a fingerprint that tells apart what differs in place only', () => {
  const state = richState();
  const instance = state.instances.get(instanceIdOf(2));
  if (instance === undefined) return assert.unreachable('no instance');
  const tagged: Record<string, string>[] = [];
  for (const keys of ['ab', 'ba', 'abc', 'cab']) for (const values of ['12', '21', '122', '212', '221', '111']) tagged.push(Object.fromEntries(keys.split('').map((key, at) => [key, values[at] ?? ''])));
  tagged.push({ ab: '' }, { a: 'b' }, { '': 'ab' }, { a: '1b2' }, { a1: 'b2' }, { a: '12', b: '' }, { a: '', b: '12' });
  const distinct = new Set(tagged.map((tags) => Object.keys(tags).toSorted().map((key) => JSON.stringify([key, tags[key]])).join()));
  const hashes = new Set(tagged.map((tags) => hashState({ ...state, instances: state.instances.set(instance.id, { ...instance, tags }) })));
  assert.is(hashes.size, distinct.size);
});

snapshots('has a fingerprint that does not depend on the order of an object\'s keys', () => {
  const state = richState();
  const reversed = Object.fromEntries(Object.entries(state.parameters).toReversed()) as unknown as CellState['parameters'];
  assert.is(hashState({ ...state, parameters: reversed }), hashState(state));
});

snapshots('and commands have schemas for all fields: the compiler says so', () => {
  assert.ok([...SCHEMAS_MATCH_COMMANDS, ...SCHEMAS_MATCH_RECORDS].every((matches) => matches));
});

snapshots.run();
