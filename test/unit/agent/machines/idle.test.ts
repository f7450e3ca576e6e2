import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isIdle } from '../../../../agent/machines/idle.ts';
import type { Observed } from '../../../../agent/machines/observed.ts';
import { actorOf, creation, nodeIdOf, placementOn, readyCell, runningCell } from '../../shared/ledger/test-cell.ts';
import type { TestCell } from '../../shared/ledger/test-cell.ts';

const NOTHING: Observed = { replicas: new Map(), resources: new Map(), domains: new Map(), configs: new Map() };

function seen(fields: { readonly domains?: number; readonly role?: string }): Observed {
  const domains = new Map(Array.from({ length: fields.domains ?? 0 }, (_, at) => [`i-${at}`, {}]));
  const resources = new Map(fields.role === undefined ? [] : [['vol-1', { role: fields.role }]]);
  return { ...NOTHING, domains, resources } as unknown as Observed;
}

function cordoned(cell: TestCell, node: number): TestCell {
  cell.run({ kind: 'cordonNode', node: nodeIdOf(node), cordoned: true });
  return cell;
}

const idle = suite('a node');

idle('is idle in maintenance, with nothing on it but secondaries', () => {
  const { state } = cordoned(readyCell(), 1);
  assert.is(state.nodes.get(nodeIdOf(1))?.phase, 'maintenance');
  assert.ok(isIdle(state, actorOf(1), NOTHING));
  assert.ok(isIdle(state, actorOf(1), seen({ role: 'Secondary' })));
});

idle('is not idle when programs show a domain, or a replica that is not known to be secondary', () => {
  const { state } = cordoned(readyCell(), 1);
  for (const observed of [seen({ domains: 1 }), seen({ role: 'Primary' }), seen({ role: 'Unknown' })]) assert.not.ok(isIdle(state, actorOf(1), observed));
});

idle('is not idle while it may be given work: active, draining, joining, or in another boot', () => {
  assert.not.ok(isIdle(readyCell().state, actorOf(1), NOTHING));
  assert.not.ok(isIdle(cordoned(runningCell(), 1).state, actorOf(1), NOTHING));
  assert.not.ok(isIdle(cordoned(readyCell(), 1).state, actorOf(1, 2), NOTHING));
  const again = cordoned(readyCell(), 1);
  again.boot(1, 2);
  assert.not.ok(isIdle(again.state, actorOf(1, 2), NOTHING));
  const lifted = cordoned(readyCell(), 1);
  lifted.run({ kind: 'cordonNode', node: nodeIdOf(1), cordoned: false });
  assert.not.ok(isIdle(lifted.state, actorOf(1), NOTHING));
});

idle('is not idle while the ledger says that it holds something', () => {
  const cell = cordoned(readyCell(), 1);
  cell.run(creation(1, placementOn(2, 3)));
  const { state } = cell;
  const instance = cell.instance();
  const volume = cell.volume();
  const holder = nodeIdOf(1);
  assert.ok(isIdle(state, actorOf(1), NOTHING));
  assert.not.ok(isIdle({ ...state, instances: state.instances.set(instance.id, { ...instance, holder }) }, actorOf(1), NOTHING));
  assert.not.ok(isIdle({ ...state, volumes: state.volumes.set(volume.id, { ...volume, holder }) }, actorOf(1), NOTHING));
});

idle.run();
