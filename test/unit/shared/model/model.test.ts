import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ec2State } from '../../../../shared/model/instance.ts';
import { INSTANCE_TYPES } from '../../../../shared/model/image.ts';
import { isFenced, isLive, mayAct } from '../../../../shared/model/node.ts';
import type { NodePhase, NodeRecord } from '../../../../shared/model/node.ts';
import { requiredFenceWaitMs, TIMING_PROFILES } from '../../../../shared/model/timing.ts';
import { bootIdOf, readyCell } from '../ledger/test-cell.ts';

const model = suite('the records');

model('of timings keep the fence wait longer than a node can live', () => {
  for (const profile of Object.values(TIMING_PROFILES)) {
    assert.ok(profile.fenceWaitMs >= requiredFenceWaitMs(profile), `${profile.name}: ${requiredFenceWaitMs(profile)}`);
    assert.ok(profile.suspectAfterMs < profile.fenceWaitMs && profile.renewIntervalMs * 2 <= profile.suspectAfterMs);
  }
});

model('of instances look to clients as EC2 would show them', () => {
  const state = (phase: Parameters<typeof ec2State>[0]['phase'], desired: 'running' | 'stopped' | 'terminated', restarting = false): string => ec2State({ phase, desired, restarting, moves: [] }).name;
  assert.equal(
    [state('starting', 'running'), state('running', 'running'), state('takeover', 'running'), state('crashBackoff', 'running'), state('stopped', 'running', true)],
    ['pending', 'running', 'pending', 'pending', 'running'],
  );
  assert.equal([state('stopping', 'stopped'), state('stopped', 'stopped')], ['stopping', 'stopped']);
  assert.equal([state('stopping', 'terminated'), state('terminated', 'terminated')], ['shutting-down', 'terminated']);
});

const RIGHTS: readonly (readonly [NodePhase, boolean, boolean])[] = [
  ['joining', true, true], ['active', true, true], ['draining', true, true], ['maintenance', true, false], ['fencing', true, false], ['fenced', false, false], ['removed', false, false],
];

for (const [phase, live, acts] of RIGHTS) {
  model(`of nodes: one that is ${phase} ${live ? 'lives' : 'is gone'} and ${acts ? 'may act' : 'may not act'}`, () => {
    const node: NodeRecord = { ...readyCell(1).node(1), phase };
    assert.is(isLive(node, bootIdOf(1)), live);
    assert.is(mayAct(node, bootIdOf(1)), acts);
    assert.not.ok(mayAct(node, bootIdOf(1, 2)));
    assert.not.ok(mayAct({ ...node, fenceIntentIndex: 7 }, bootIdOf(1)));
    assert.not.ok(isFenced(node, bootIdOf(1)), 'no phase is a proof');
    assert.ok(isFenced(node, bootIdOf(1, 2)), 'a newer boot is one');
    assert.not.ok(isFenced(undefined, bootIdOf(1)));
  });
}

model('of instance types have names of their own', () => {
  assert.is(new Set(INSTANCE_TYPES.map((type) => type.name)).size, INSTANCE_TYPES.length);
  assert.ok(INSTANCE_TYPES.some((type) => type.name === 't1.micro'));
});

model.run();
