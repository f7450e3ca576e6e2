/**
 * What else keeps the cell in order? Standbys with room, failures forgiven, terminated instances forgotten.
 */
import { missingMiB } from '../../shared/ledger/capacity.ts';
import type { InstanceId, NodeId } from '../../shared/ids.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import { INSTANCES_PER_REQUEST_MAX } from '../../shared/model/limits.ts';
import { MINUTE_MS } from '../../shared/units.ts';
import { chooseStandby } from './placement.ts';
import type { Draft } from './plan-draft.ts';
import { ageMs } from './plan-memory.ts';

/** An instance that ran this long without a failure starts anew with none (SAFETY.md 5.2: 3 failures in 10 minutes). */
const PARDON_AFTER_MS = 10 * MINUTE_MS;

/** Gives up reservations that no longer fit, then reserves for instances that have no standby and could have one. */
export function planStandbys(draft: Draft): void {
  const tooFull = [...draft.state.usage.entries()].filter(([node]) => missingMiB(draft.state, node, {}) > 0).map(([node]) => node).toSorted();
  for (const node of tooFull) giveUpReservations(draft, node);
  for (const instance of draft.state.instances.values()) {
    if (draft.isFull) return;
    if (instance.standby !== null || !needsStandby(instance)) continue;
    const standby = chooseStandby(draft.state, draft.hints, instance);
    if (standby !== null) draft.propose({ kind: 'setStandby', instance: instance.id, expectGeneration: instance.generation, standby });
  }
}

function needsStandby(instance: InstanceRecord): boolean {
  return instance.desired === 'running' && (instance.phase === 'running' || instance.phase === 'starting');
}

/** From the largest sum that is reserved for one holder, the youngest instance first, until all of them fit. */
function giveUpReservations(draft: Draft, node: NodeId): void {
  const reserved = draft.state.instances.values()
    .filter((instance) => instance.standby === node && instance.holderBootId !== null && instance.desired === 'running')
    .toSorted((left, right) => right.launchIndex - left.launchIndex || (left.id < right.id ? 1 : -1));
  while (!draft.isFull && missingMiB(draft.state, node, {}) > 0) {
    const holder = largestHolder(draft, node);
    const at = reserved.findIndex((instance) => instance.holder === holder);
    const instance = reserved[at];
    if (instance === undefined) return;
    reserved.splice(at, 1);
    if (!draft.propose({ kind: 'setStandby', instance: instance.id, expectGeneration: instance.generation, standby: null })) return;
  }
}

function largestHolder(draft: Draft, node: NodeId): NodeId | null {
  let largest: NodeId | null = null;
  let most = 0;
  for (const [holder, sum] of draft.state.usage.get(node)?.reservedMiB ?? []) {
    if (sum > most || (sum === most && largest !== null && holder < largest)) {
      most = sum;
      largest = holder;
    }
  }
  return largest;
}

/** Earlier failures no longer count once an instance has run well for ten minutes. */
export function planPardons(draft: Draft): void {
  for (const instance of draft.state.instances.values()) {
    if (draft.isFull) return;
    if (instance.failures === 0 || instance.phase !== 'running') continue;
    if (ageMs(draft.hints.memory.instances.get(instance.id), draft.nowMs) < PARDON_AFTER_MS) continue;
    draft.propose({ kind: 'clearFailures', instance: instance.id, expectGeneration: instance.generation });
  }
}

/** Terminated instances that were visible for long enough, in one command. */
export function planForgetting(draft: Draft): void {
  const { forgetTerminatedAfterMs } = draft.state.parameters;
  const old: InstanceId[] = [];
  for (const instance of draft.state.instances.values()) {
    if (old.length >= INSTANCES_PER_REQUEST_MAX) break;
    if (instance.phase === 'terminated' && ageMs(draft.hints.memory.instances.get(instance.id), draft.nowMs) >= forgetTerminatedAfterMs) old.push(instance.id);
  }
  if (old.length > 0) draft.propose({ kind: 'forgetInstances', instances: old });
}
