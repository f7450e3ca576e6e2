/**
 * What is the next safe step for one instance on this node? Desired (ledger) against the domain that Xen shows.
 *
 *     holder: volumes primary --create paused, tag, unpause--> runs --report started-->
 *     holder, to be stopped: shutdown --60 s or forced--> destroy --> volumes secondary --> report stopped
 *     anybody else who has such a domain: destroy at once
 *
 * Starting needs a lease and a permit; stopping is always allowed (SAFETY.md, "the gate").
 */
import type { VolumeId } from '../../shared/ids.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import { DELAY_LENGTH_MAX } from '../../shared/model/limits.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { ObservedDomain } from '../../shared/model/domain.ts';
import type { Observed, Self } from './observed.ts';

export type InstanceStep =
  | { readonly kind: 'createDomain' }
  | { readonly kind: 'unpauseDomain' }
  | { readonly kind: 'reportStarted' }
  | { readonly kind: 'shutdownDomain' }
  | { readonly kind: 'destroyDomain'; readonly reason: string }
  | { readonly kind: 'reportStopped'; readonly cause: 'asked' | 'guestStopped' | 'domainLost' | 'startFailed'; readonly detail: string }
  /** A domain that must not be here is gone but for its I/O: from now on it has resisted `destroy`. */
  | { readonly kind: 'awaitEnd'; readonly reason: string }
  /** A domain that must not be here and does not go away: the node resets itself. */
  | { readonly kind: 'resetNode'; readonly reason: string }
  | { readonly kind: 'wait'; readonly reason: string }
  | { readonly kind: 'settled' };

/** What a decision about one instance looks at. */
export interface InstanceView {
  readonly state: CellState;
  readonly instance: InstanceRecord;
  readonly self: Self;
  readonly observed: Observed;
  /** How long this generation has waited here to be started, ms; null or absent: it does not. */
  readonly startingForMs?: number | null;
  /** What the last look at a volume waited for or failed with, for people; without an entry: nothing. */
  readonly heldUp?: ReadonlyMap<VolumeId, string>;
  /** Why this generation was given back here, though the ledger has not said yet that it took it: nothing of it starts any more. Null or absent: it was not. */
  readonly givenBack?: string | null;
  /** Volumes for which `primary` runs now; absent: none. */
  readonly promoting?: ReadonlySet<VolumeId>;
  /** Whether `observed.resources` is what DRBD shows now; false: its event stream is away. Absent: it is. */
  readonly isDrbdCurrent?: boolean;
  /** Since when this node has tried to stop the domain, ms ago; null: not begun. */
  readonly stoppingForMs: number | null;
  /** How the last domain of this generation ended, as far as this agent saw it. */
  readonly endedAs: 'shutdown' | 'crashed' | null;
  /** Since when a domain that must not be here has resisted `destroy`, ms ago; null: not begun. */
  readonly destroyingForMs: number | null;
}

/**
 * How long a start may wait for its volumes before it is given back (SAFETY.md 5.2, TIMEOUT). While it waits, the other replica
 * may not come up (volume-steps.ts, mayComeUp), and may be what it waits for.
 */
export const START_WAIT_MS = 60_000;
/** How long a start may take before its owner is told what it waits for, and how long until another reason is told. Most take less. */
export const DELAY_TOLD_AFTER_MS = 5_000;
/** How long a guest may take to shut down by itself (SAFETY.md 5.2). */
export const SHUTDOWN_WAIT_MS = 60_000;
/**
 * How long a superseded domain may resist before the node resets itself (SAFETY.md 5.2 says 5 s after destroy failed;
 * `xl destroy` itself takes up to 12 s on a frozen disk, LAB.md).
 */
export const DESTROY_WAIT_MS = 17_000;

const settled: InstanceStep = { kind: 'settled' };
const wait = (reason: string): InstanceStep => ({ kind: 'wait', reason });

/**
 * The next step. While DRBD's event stream is away only what ends a domain is done: stopping is always allowed, and needs to
 * know no disk. A start does, and so does the report of a stop, which is another node's permission to start.
 */
export function nextInstanceStep(view: InstanceView): InstanceStep {
  const step = stepOf(view);
  if (view.isDrbdCurrent !== false) return step;
  return NEEDS_DRBD.has(step.kind) ? wait('DRBD has not told what it shows now') : step;
}

const NEEDS_DRBD: ReadonlySet<InstanceStep['kind']> = new Set(['createDomain', 'unpauseDomain', 'reportStarted', 'reportStopped'] as const);

function stepOf(view: InstanceView): InstanceStep {
  const { instance, self, observed } = view;
  const domain = observed.domains.get(instance.id);
  const isHolder = instance.holder === self.node && instance.holderBootId === self.bootId;
  if (!isHolder) return domain === undefined ? settled : evictionStep(view, domain, 'this node does not hold the instance');
  if (domain !== undefined && (domain.generation !== instance.generation || domain.bootId !== self.bootId)) {
    return evictionStep(view, domain, `the domain is of generation ${String(domain.generation)}, not ${instance.generation}`);
  }
  switch (instance.phase) {
    case 'starting':
      return startingStep(view, domain);
    case 'running':
      return runningStep(view, domain);
    case 'stopping':
      return stoppingStep(view, domain);
    case 'stopped':
    case 'terminated':
    case 'takeover':
    case 'unavailableData':
    case 'unavailableCapacity':
    case 'crashBackoff':
      return domain === undefined ? settled : evictionStep(view, domain, `the instance is ${instance.phase}`);
    default:
      return settled;
  }
}

function startingStep(view: InstanceView, domain: ObservedDomain | undefined): InstanceStep {
  const { instance, givenBack = null } = view;
  if (instance.desired !== 'running') return stoppingStep(view, domain);
  if (givenBack !== null && domain?.state !== 'gone') return domain === undefined ? afterDomain(view, 'startFailed', givenBack) : { kind: 'destroyDomain', reason: 'its start was given back' };
  const failed = instance.volumes.find((id) => view.state.volumes.get(id)?.tainted.includes(view.self.node) === true);
  if (domain === undefined && failed !== undefined) return afterDomain(view, 'startFailed', `the disk of ${failed} on ${view.self.node} failed`);
  if (domain === undefined && areVolumesReady(view)) return { kind: 'createDomain' };
  if (domain === undefined) {
    const why = whyNotReady(view);
    return (view.startingForMs ?? 0) < START_WAIT_MS ? wait(why) : afterDomain(view, 'startFailed', `its volumes could not be used in time: ${why}`.slice(0, DELAY_LENGTH_MAX));
  }
  switch (domain.state) {
    case 'running':
      return { kind: 'reportStarted' };
    case 'paused':
      return { kind: 'unpauseDomain' };
    case 'building':
      return wait('the domain is being built');
    case 'shutdown':
    case 'crashed':
      return { kind: 'destroyDomain', reason: `the guest ended before its start was reported (${domain.state})` };
    case 'gone':
      return wait('a former domain waits for its I/O');
    default:
      return wait('unknown state of the domain');
  }
}

function runningStep(view: InstanceView, domain: ObservedDomain | undefined): InstanceStep {
  if (domain === undefined) {
    if (view.instance.restarting) return afterDomain(view, 'asked', 'stopped to be started again');
    if (view.endedAs === 'shutdown') return afterDomain(view, 'guestStopped', 'the guest shut itself down');
    return afterDomain(view, 'domainLost', view.endedAs === 'crashed' ? 'the guest crashed' : 'the domain is gone');
  }
  if (domain.state === 'gone') return wait('the domain waits for its I/O');
  if (domain.state === 'crashed' || domain.state === 'shutdown') return { kind: 'destroyDomain', reason: `the guest ended (${domain.state})` };
  if (view.instance.restarting) return stoppingStep(view, domain);
  if (domain.state === 'paused') return { kind: 'unpauseDomain' };
  return settled;
}

function stoppingStep(view: InstanceView, domain: ObservedDomain | undefined): InstanceStep {
  if (domain === undefined) return afterDomain(view, 'asked', 'stopped as asked');
  if (domain.state === 'gone') return wait('the domain waits for its I/O');
  if (domain.state === 'crashed' || domain.state === 'shutdown') return { kind: 'destroyDomain', reason: 'the guest has shut down' };
  const isForced = view.instance.stopForced;
  if (isForced || domain.state !== 'running') return { kind: 'destroyDomain', reason: isForced ? 'a forced stop was asked for' : `the domain is ${domain.state}` };
  if (view.stoppingForMs === null) return { kind: 'shutdownDomain' };
  return view.stoppingForMs < SHUTDOWN_WAIT_MS ? wait('the guest is shutting down') : { kind: 'destroyDomain', reason: 'the guest did not shut down in time' };
}

/** The stop is only reported once no volume of it is primary here, or becomes so: the report is another node's permission to start. */
function afterDomain(view: InstanceView, cause: 'asked' | 'guestStopped' | 'domainLost' | 'startFailed', detail: string): InstanceStep {
  const isReleased = view.instance.volumes.every((volume) => view.observed.resources.get(volume)?.role !== 'Primary' && view.promoting?.has(volume) !== true);
  return isReleased ? { kind: 'reportStopped', cause, detail } : wait('its volumes are being demoted');
}

function evictionStep(view: InstanceView, domain: ObservedDomain, reason: string): InstanceStep {
  if (view.destroyingForMs !== null && view.destroyingForMs > DESTROY_WAIT_MS) return { kind: 'resetNode', reason: `${reason}, and it cannot be destroyed` };
  return domain.state === 'gone' ? { kind: 'awaitEnd', reason: `${reason}, and it waits for its I/O` } : { kind: 'destroyDomain', reason };
}

/** For its owner: what keeps it from being started. No numbers that change by themselves, so that it is told once. */
function whyNotReady({ instance, state, observed, self, heldUp }: InstanceView): string {
  for (const id of instance.volumes) {
    const volume = state.volumes.get(id);
    const resource = observed.resources.get(id);
    if (resource?.role === 'Primary' && volume?.formatted === false) return `the first content of ${id} is being written`;
    if (resource !== undefined && resource.suspended.length > 0) return `I/O of ${id} is suspended on ${self.node} (${resource.suspended.join(', ')})`;
    const reason = heldUp?.get(id);
    if (reason !== undefined) return `${id} on ${self.node}: ${reason}`;
  }
  return 'its volumes are not ready';
}

/**
 * Whether the ledger should hear now why a start takes its time: not in the first seconds, not what it says already, and not
 * another reason right after the last one (`toldAgoMs`; null: none was told of this start).
 */
export function isDelayTold(instance: InstanceRecord, reason: string, startingForMs: number, toldAgoMs: number | null): boolean {
  return instance.phase === 'starting' && instance.desired === 'running' && startingForMs >= DELAY_TOLD_AFTER_MS
    && instance.reason?.message !== reason && (toldAgoMs === null || toldAgoMs >= DELAY_TOLD_AFTER_MS);
}

function areVolumesReady({ instance, state, observed, self }: InstanceView): boolean {
  return instance.volumes.every((id) => {
    const volume = state.volumes.get(id);
    const resource = observed.resources.get(id);
    return volume !== undefined && volume.formatted && volume.holder === self.node && volume.generation === instance.generation
      && resource?.role === 'Primary' && resource.suspended.length === 0;
  });
}
