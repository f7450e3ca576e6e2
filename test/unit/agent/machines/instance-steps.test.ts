import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DELAY_TOLD_AFTER_MS, DESTROY_WAIT_MS, isDelayTold, nextInstanceStep, SHUTDOWN_WAIT_MS, START_WAIT_MS } from '../../../../agent/machines/instance-steps.ts';
import type { InstanceStep } from '../../../../agent/machines/instance-steps.ts';
import type { ObservedResource } from '../../../../agent/machines/observed.ts';
import type { ObservedDomain } from '../../../../shared/model/domain.ts';
import { parseBootId, parseInstanceId, parseNodeId, parseVolumeId } from '../../../../shared/ids.ts';
import type { InstanceRecord } from '../../../../shared/model/instance.ts';
import type { VolumeRecord } from '../../../../shared/model/volume.ts';
import { aCell, anInstance, aNode, aVolume } from '../../../support/records.ts';

const A = parseNodeId('node-1');
const B = parseNodeId('node-2');
const boot = parseBootId('aaaaaaaa-0000-4000-8000-000000000001');
const otherBoot = parseBootId('bbbbbbbb-0000-4000-8000-000000000001');
const vol = parseVolumeId('vol-00000000000000001');
const id = parseInstanceId('i-00000000000000001');

interface Case {
  readonly instance?: Partial<InstanceRecord>;
  readonly volume?: Partial<VolumeRecord>;
  readonly resource?: Partial<ObservedResource>;
  readonly domain?: Partial<ObservedDomain>;
  readonly startingForMs?: number;
  readonly heldUp?: string;
  readonly isDrbdCurrent?: boolean;
  readonly stoppingForMs?: number;
  readonly destroyingForMs?: number;
  readonly endedAs?: 'shutdown' | 'crashed';
  readonly isPromoting?: boolean;
  readonly givenBack?: string;
}

function step(given: Case): InstanceStep {
  const instance = anInstance({ id, volumes: [vol], holder: A, holderBootId: boot, generation: 3, phase: 'starting', desired: 'running', ...given.instance });
  const state = aCell({
    nodes: [aNode({ id: A, bootId: boot })], instances: [instance],
    volumes: [aVolume({ id: vol, instance: id, holder: A, holderBootId: boot, generation: 3, replicas: [A, B], inSync: [A], ...given.volume })],
  });
  const resource: ObservedResource = {
    volume: vol, role: 'Primary', suspended: [], disk: 'UpToDate', peerDisk: 'UpToDate', peerRole: 'Secondary', connection: 'Connected',
    replication: 'Established', outOfSyncBytes: 0, syncPercent: null, ...given.resource,
  };
  return nextInstanceStep({
    state, instance, self: { node: A, bootId: boot },
    observed: {
      replicas: new Map(), configs: new Map(), resources: new Map([[vol, resource]]),
      domains: new Map(given.domain === undefined ? [] : [[id, { instance: id, domainId: 7, state: 'running', generation: 3, bootId: boot, ...given.domain }]]),
    },
    promoting: new Set(given.isPromoting === true ? [vol] : []), givenBack: given.givenBack ?? null, isDrbdCurrent: given.isDrbdCurrent ?? true, heldUp: new Map(given.heldUp === undefined ? [] : [[vol, given.heldUp]]), startingForMs: given.startingForMs ?? null, stoppingForMs: given.stoppingForMs ?? null, destroyingForMs: given.destroyingForMs ?? null, endedAs: given.endedAs ?? null,
  });
}

const starting = suite('a starting instance');
starting('is created once all its volumes are primary', () => assert.is(step({}).kind, 'createDomain'));
starting('is not tried again once it was given back: the report may be committed at any time', () => {
  const givenBack = 'XenNoMemory: no memory';
  assert.is(step({ givenBack }).kind, 'wait', 'a volume is primary still');
  assert.equal(step({ givenBack, resource: { role: 'Secondary' } }), { kind: 'reportStopped', cause: 'startFailed', detail: givenBack });
  for (const state of ['running', 'paused', 'crashed'] as const) assert.is(step({ givenBack, domain: { state } }).kind, 'destroyDomain');
  assert.is(step({ givenBack, domain: { state: 'gone' } }).kind, 'wait');
});
starting('waits for its volumes', () => {
  assert.is(step({ resource: { role: 'Secondary' } }).kind, 'wait');
  assert.is(step({ resource: { suspended: ['fencing'] } }).kind, 'wait');
  assert.is(step({ volume: { formatted: false } }).kind, 'wait');
  assert.is(step({ volume: { generation: 2 } }).kind, 'wait');
});
starting('is unpaused after it was created, and reported after that', () => {
  assert.is(step({ domain: { state: 'paused' } }).kind, 'unpauseDomain');
  assert.is(step({ domain: { state: 'running' } }).kind, 'reportStarted');
});
starting('is not touched while Xen builds it', () => assert.is(step({ domain: { state: 'building' } }).kind, 'wait'));
starting('is stopped instead when its owner changed his mind', () => assert.is(step({ instance: { desired: 'stopped' }, domain: {} }).kind, 'shutdownDomain'));
starting('is given back when its volumes cannot be used in time, and never while one is primary here', () => {
  const given = { resource: { role: 'Secondary', disk: 'Outdated' } } as const;
  assert.is(step({ ...given, startingForMs: START_WAIT_MS - 1 }).kind, 'wait');
  const back = step({ ...given, startingForMs: START_WAIT_MS });
  assert.is(back.kind === 'reportStopped' ? back.cause : back.kind, 'startFailed');
  assert.is(step({ resource: { suspended: ['fencing'] }, startingForMs: START_WAIT_MS }).kind, 'wait');
});
starting('says what it waits for, and what it waited for when it is given back', () => {
  const reasonOf = (given: Case): string => {
    const found = step(given);
    return found.kind === 'wait' ? found.reason : found.kind === 'reportStopped' ? found.detail : found.kind;
  };
  assert.match(reasonOf({ resource: { role: 'Secondary' }, heldUp: 'the other replica is still primary' }), 'vol-00000000000000001 on node-1: the other replica is still primary');
  assert.match(reasonOf({ resource: { suspended: ['fencing'] } }), 'suspended on node-1 (fencing)');
  assert.match(reasonOf({ volume: { formatted: false } }), 'first content');
  assert.match(reasonOf({ resource: { role: 'Secondary' }, heldUp: 'no disk', startingForMs: START_WAIT_MS }), 'could not be used in time: vol-00000000000000001 on node-1: no disk');
  assert.ok(reasonOf({ resource: { role: 'Secondary' }, heldUp: 'x'.repeat(1_000), startingForMs: START_WAIT_MS }).length <= 300);
});
starting('tells its owner of a delay after a while, each reason once, and not one right after the other', () => {
  const instance = anInstance({ id, holder: A, holderBootId: boot, phase: 'starting', desired: 'running' });
  const told = { ...instance, reason: { code: 'pending', message: 'no disk' } };
  assert.is(isDelayTold(instance, 'no disk', DELAY_TOLD_AFTER_MS - 1, null), false);
  assert.is(isDelayTold(instance, 'no disk', DELAY_TOLD_AFTER_MS, null), true);
  assert.is(isDelayTold(told, 'no disk', 1e6, null), false);
  assert.is(isDelayTold(told, 'no peer', 1e6, DELAY_TOLD_AFTER_MS - 1), false);
  assert.is(isDelayTold(told, 'no peer', 1e6, DELAY_TOLD_AFTER_MS), true);
  assert.is(isDelayTold({ ...instance, phase: 'running' }, 'no disk', 1e6, null), false);
  assert.is(isDelayTold({ ...instance, desired: 'stopped' }, 'no disk', 1e6, null), false);
});
starting('is given back at once when a disk under it failed, but not before that volume is released', () => {
  const tainted = { tainted: [A], inSync: [B] };
  assert.is(step({ volume: tainted }).kind, 'wait', 'it is primary still');
  const back = step({ volume: tainted, resource: { role: 'Secondary' } });
  assert.is(back.kind === 'reportStopped' ? back.cause : back.kind, 'startFailed');
});
starting.run();

const running = suite('a running instance');
const run = { instance: { phase: 'running' } } as const;
running('is adopted as it is', () => assert.is(step({ ...run, domain: {} }).kind, 'settled'));
running('is reported lost only after its volumes were demoted', () => {
  assert.is(step({ ...run }).kind, 'wait');
  assert.equal(step({ ...run, resource: { role: 'Secondary' } }), { kind: 'reportStopped', cause: 'domainLost', detail: 'the domain is gone' });
});
running('tells a guest that shut itself down from one that crashed', () => {
  const secondary = { role: 'Secondary' } as const;
  assert.is((step({ ...run, resource: secondary, endedAs: 'shutdown' }) as { cause: string }).cause, 'guestStopped');
  assert.is((step({ ...run, resource: secondary, endedAs: 'crashed' }) as { cause: string }).cause, 'domainLost');
});
running('has its ended domain cleared away', () => {
  assert.is(step({ ...run, domain: { state: 'shutdown' } }).kind, 'destroyDomain');
  assert.is(step({ ...run, domain: { state: 'crashed' } }).kind, 'destroyDomain');
});
running('is restarted by stopping it first', () => {
  assert.is(step({ instance: { phase: 'running', restarting: true }, domain: {} }).kind, 'shutdownDomain');
  assert.is((step({ instance: { phase: 'running', restarting: true }, resource: { role: 'Secondary' } }) as { cause: string }).cause, 'asked');
});
running.run();

const stopping = suite('a stopping instance');
const stop = { phase: 'stopping', desired: 'stopped' } as const;
stopping('is asked, then waited for, then destroyed', () => {
  assert.is(step({ instance: stop, domain: {} }).kind, 'shutdownDomain');
  assert.is(step({ instance: stop, domain: {}, stoppingForMs: SHUTDOWN_WAIT_MS - 1 }).kind, 'wait');
  assert.is(step({ instance: stop, domain: {}, stoppingForMs: SHUTDOWN_WAIT_MS }).kind, 'destroyDomain');
});
stopping('is destroyed at once when forced', () => assert.is(step({ instance: { ...stop, stopForced: true }, domain: {} }).kind, 'destroyDomain'));
stopping('is reported only when no volume is primary any more', () => {
  assert.is(step({ instance: stop }).kind, 'wait');
  assert.is(step({ instance: stop, resource: { role: 'Secondary' } }).kind, 'reportStopped');
  // A promotion that was under way when the stop was asked for may end after the report, and the volume would be primary here.
  assert.is(step({ instance: stop, resource: { role: 'Secondary' }, isPromoting: true }).kind, 'wait');
});
stopping('is not reported while a zombie waits for its I/O', () => assert.is(step({ instance: stop, domain: { state: 'gone' } }).kind, 'wait'));
stopping('needs no word of DRBD, but its report does', () => {
  const isDrbdCurrent = false;
  assert.is(step({ instance: stop, domain: {}, isDrbdCurrent }).kind, 'shutdownDomain');
  assert.is(step({ instance: { ...stop, stopForced: true }, domain: {}, isDrbdCurrent }).kind, 'destroyDomain');
  assert.is(step({ instance: { holder: B, phase: 'running' }, domain: {}, isDrbdCurrent }).kind, 'destroyDomain');
  assert.is(step({ instance: { holder: B, phase: 'running' }, domain: {}, isDrbdCurrent, destroyingForMs: DESTROY_WAIT_MS + 1 }).kind, 'resetNode');
  assert.is(step({ instance: stop, resource: { role: 'Secondary' }, isDrbdCurrent }).kind, 'wait');
  for (const given of [{}, { domain: { state: 'paused' } }, { domain: {} }] as const) assert.is(step({ ...given, isDrbdCurrent }).kind, 'wait', 'nothing is started');
});
stopping.run();

const superseded = suite('a domain that must not be here');
superseded('is destroyed when another node holds the instance', () => assert.is(step({ instance: { holder: B, phase: 'running' }, domain: {} }).kind, 'destroyDomain'));
superseded('is destroyed when the right is of another boot of this node', () => assert.is(step({ instance: { holderBootId: otherBoot }, domain: {} }).kind, 'destroyDomain'));
superseded('is destroyed when it is of an older generation, of another boot, or untagged', () => {
  assert.is(step({ instance: { phase: 'running' }, domain: { generation: 2 } }).kind, 'destroyDomain');
  assert.is(step({ instance: { phase: 'running' }, domain: { bootId: otherBoot } }).kind, 'destroyDomain');
  assert.is(step({ instance: { phase: 'running' }, domain: { generation: null, bootId: null } }).kind, 'destroyDomain');
});
superseded('is destroyed when the instance is stopped', () => assert.is(step({ instance: { phase: 'stopped', desired: 'stopped' }, domain: {} }).kind, 'destroyDomain'));
superseded('makes the node reset itself when it cannot be destroyed', () => {
  const stuck = { instance: { holder: B, phase: 'running' }, domain: { state: 'gone' } } as const;
  assert.is(step(stuck).kind, 'awaitEnd', 'the clock begins when it is found');
  assert.is(step({ ...stuck, destroyingForMs: DESTROY_WAIT_MS }).kind, 'awaitEnd');
  assert.is(step({ ...stuck, destroyingForMs: DESTROY_WAIT_MS + 1 }).kind, 'resetNode');
});
superseded('is nothing to do when there is none', () => assert.is(step({ instance: { holder: B, phase: 'running' } }).kind, 'settled'));
superseded.run();
