import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeReadiness } from '../../../../provisioning/playground/readiness.ts';
import type { NodesAnswer } from '../../../../shared/wire/rest.ts';

const readiness = suite('a playground');

const machine = (node: string, bootId: string | null, isOn = true) => ({ node, isOn, bootId, isMeshUp: true });
const view = (id: string, bootId: string, phase = 'active'): NodesAnswer['nodes'][number] => ({
  id, phase, cordoned: false, bootId, incarnation: 1, roles: ['voter'], failureDomain: id, meshAddress: '', power: 'none',
  capacity: { memoryMiB: 1, vcpus: 1, diskBytes: 1, domainKinds: [] }, usage: { memoryMiB: 0, vcpus: 0, instances: 0, diskBytes: 0, replicas: 0 },
  health: null, suspect: null, renewalAgeMs: null, fence: null,
});
const answer = (nodes: NodesAnswer['nodes'], change: Partial<NodesAnswer['asOf']> = {}): NodesAnswer => ({ nodes, asOf: { index: 9, isStale: false, leader: 'node-1', ...change } });

readiness('is ready when every machine that is on has joined with its present boot', () => {
  assert.ok(judgeReadiness([machine('node-1', 'a'), machine('node-2', 'b')], answer([view('node-1', 'a'), view('node-2', 'b')])).isReady);
  assert.ok(judgeReadiness([machine('node-1', 'a'), machine('node-2', null, false)], answer([view('node-1', 'a'), view('node-2', 'old', 'fenced')])).isReady);
  assert.ok(judgeReadiness([machine('node-1', 'a')], answer([view('node-1', 'a', 'maintenance')])).isReady, 'a cordoned node is there, too');
});

readiness('is not ready by what was true before it was stopped', () => {
  const room = [machine('node-1', 'new')];
  const before = judgeReadiness(room, answer([view('node-1', 'old')]));
  assert.equal([before.isReady, before.hasLeader, before.words], [false, true, 'node-1 joins; node-1 leads']);
  assert.not.ok(judgeReadiness(room, answer([view('node-1', 'new')], { isStale: true })).isReady);
  assert.not.ok(judgeReadiness([machine('node-1', null)], answer([view('node-1', 'old')])).isReady, 'it boots');
});

readiness('says what it waits for', () => {
  assert.match(judgeReadiness(null, null).words, 'machine room');
  assert.match(judgeReadiness([machine('node-1', 'a')], null).words, 'coordinator');
  assert.match(judgeReadiness([machine('node-1', 'a')], { nodes: 7 }).words, 'not understood');
  const noLeader = judgeReadiness([machine('node-1', 'a'), machine('node-2', null, false), machine('node-3', null, false)], answer([], { leader: null }));
  assert.is(noLeader.words, '1 of 1 nodes have booted; the ledger has no leader yet (node-2, node-3 off: `npx ves room power-on node-2`)');
  const none = judgeReadiness([machine('node-1', null, false)], answer([view('node-1', 'a')]));
  assert.not.ok(none.isReady);
  assert.match(none.words, 'power-on');
});

readiness.run();
