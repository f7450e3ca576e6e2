import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serveIntake } from '../../../../agent/runtime/intake.ts';
import type { IntakeOptions } from '../../../../agent/runtime/intake.ts';
import { ClusterError } from '../../../../shared/errors.ts';
import { parseMemberId } from '../../../../shared/ids.ts';
import type { MemberId } from '../../../../shared/ids.ts';
import { emptyCell } from '../../../../shared/model/cell.ts';
import { apply } from '../../../../shared/ledger/apply.ts';
import type { RunInstancesIntent } from '../../../../shared/wire/intent.ts';
import { creation, instanceIdOf, placementOn, readyCell, volumeIdOf } from '../../shared/ledger/test-cell.ts';

const COORDINATOR = parseMemberId('coordinator-1');
const intake = suite('a leader that is asked for instances');

/** A user's request, as the coordinator sends it. */
function intent(): RunInstancesIntent {
  const { kind: _kind, instances: _instances, ...launch } = creation(1, placementOn(1, 2)) as Extract<ReturnType<typeof creation>, { kind: 'createInstances' }>;
  return { ...launch, kind: 'runInstances', minCount: 1, dryRun: false, ids: [{ instance: instanceIdOf(1), volume: volumeIdOf(1) }] };
}

/** Asks a leader whose proposal ends as `proposed` says; or, in another role, a member whose store was lost. */
async function ask(proposed: () => Promise<never>, role: 'leader' | 'subscriber' = 'leader'): Promise<unknown> {
  const ready = readyCell(3);
  const admit = { kind: 'admitCoordinator', coordinator: { id: COORDINATOR, peerId: 'peer', meshAddress: '/ip4/127.0.0.1/tcp/1', storeUuid: null } } as const;
  const { state } = apply(ready.state, { index: ready.index + 1, term: 1, data: { command: admit, at: '', by: COORDINATOR } });
  const methods = new Map<string, (from: MemberId, body: unknown) => Promise<unknown>>();
  const options = {
    mesh: { serve: (method: string, handler: (from: MemberId, body: unknown) => Promise<unknown>) => void methods.set(method, handler) },
    log: { state: () => (role === 'leader' ? state : emptyCell(state.cell, state.clusterUuid, state.parameters)), status: () => ({ role, leader: role === 'leader' ? 'node-1' : null }), propose: proposed },
    hints: () => ({ suspects: new Set(), health: new Map() }), busy: { admit: () => () => undefined },
  };
  serveIntake(options as unknown as IntakeOptions);
  return await methods.get('intent')?.(COORDINATOR, intent()).catch((error: unknown) => error);
}

intake('that was replaced meanwhile has the request repeated, since nobody knows yet whether it had its effect', async () => {
  // What the new leader says to the old one, who asks it for what only a leader may propose.
  const error = await ask(async () => await Promise.reject(new ClusterError('NotAuthorised', 'node-1 may only report what concerns itself', { retryable: false })));
  assert.ok(error instanceof ClusterError && error.retryable);
  assert.is(error.code, 'LedgerTimeout');
});

intake('is looked for elsewhere when a member without a memory is taken for it: that one cannot know who may ask', async () => {
  const error = await ask(async () => await Promise.reject(new Error('not asked')), 'subscriber');
  assert.ok(error instanceof ClusterError && error.retryable);
  assert.is(error.code, 'NotLeader');
});

intake('passes on whatever else went wrong', async () => {
  const overloaded = new ClusterError('LedgerOverloaded', 'too much', { retryable: true });
  assert.is(await ask(async () => await Promise.reject(overloaded)), overloaded);
});

intake.run();
