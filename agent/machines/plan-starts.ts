/**
 * Which instance that shall run and does not is started where? Takeovers and starts, the longest down first.
 */
import type { NodeId } from '../../shared/ids.ts';
import { isWaiting } from '../../shared/model/instance.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import { MINUTE_MS, SECOND_MS } from '../../shared/units.ts';
import type { PlacementRefusal } from '../../shared/model/instance.ts';
import { placeExisting, placeTakeOver } from './placement.ts';
import type { Draft } from './plan-draft.ts';
import { OLD_HOLDER_WAIT_MS } from './plan-draft.ts';
import { ageMs } from './plan-memory.ts';

/** Starts under way on one node: more would make all of them slow (boot storm). */
export const STARTING_PER_NODE_MAX = 4;
/** Failed starts on one node before another one is tried. */
const FAILURES_PER_NODE = 3;
/** The wait before the second restart; it doubles with every failure after that, up to the ceiling. */
const BACKOFF_MS_MIN = 5 * SECOND_MS;
const BACKOFF_MS_MAX = 5 * MINUTE_MS;
/** A node whose start is younger than this may be one of many that start after a power failure (SAFETY.md 5.5, T_cold). */
const COLD_START_MS = 60 * SECOND_MS;
/** Nobody is told that data is out of reach before it was so for this long: most nodes are back to themselves sooner. */
const UNREACHABLE_GRACE_MS = 5 * SECOND_MS;

export function planStarts(draft: Draft): void {
  const waiting = draft.state.instances.values().filter(isWaiting).toSorted(longestDownFirst);
  for (const instance of waiting) {
    if (draft.isFull) return;
    if (instance.holderBootId === null) planStart(draft, instance);
    else planTakeOver(draft, instance);
  }
}

function longestDownFirst(left: InstanceRecord, right: InstanceRecord): number {
  return left.phaseIndex - right.phaseIndex || (left.id < right.id ? -1 : 1);
}

function planTakeOver(draft: Draft, instance: InstanceRecord): void {
  const { id, generation, holder, holderBootId } = instance;
  if (holder === null || holderBootId === null) return;
  const isCold = isColdStart(draft, instance, holder);
  const outcome = placeTakeOver(draft.state, draft.hints, instance, { holder: isCold ? 'prefer' : 'ignore', busy: busyNodes(draft) });
  if (outcome.kind === 'refused') {
    explain(draft, instance, outcome.refused);
    return;
  }
  if (isCold && outcome.placement.node !== holder && isReturning(draft, instance, holder)) return;
  draft.propose({ kind: 'takeOver', instance: id, expectGeneration: generation, from: { node: holder, bootId: holderBootId }, placement: outcome.placement });
}

/**
 * After a power failure all nodes start again within a minute or so. Then the old holder is the better choice: it was
 * chosen for that instance once, and the node that happens to be first must not get everything. Where one node alone
 * failed, its standby has been active for long, and takes over at once.
 */
function isColdStart(draft: Draft, instance: InstanceRecord, holder: NodeId): boolean {
  if (instance.fence?.kind !== 'nodeRebooted') return false;
  const replicas = instance.volumes.flatMap((volume) => draft.state.volumes.get(volume)?.replicas ?? []);
  return replicas.every((node) => {
    if (node === holder || draft.state.nodes.get(node)?.phase !== 'active') return true;
    const seen = draft.hints.memory.nodes.get(node);
    return seen !== undefined && seen.isWitnessed && ageMs(seen, draft.nowMs) < COLD_START_MS;
  });
}

/** Whether the old holder is starting, holds everything, and has had less time than a cold start allows it. */
function isReturning(draft: Draft, instance: InstanceRecord, holder: NodeId): boolean {
  if (draft.state.nodes.get(holder)?.phase !== 'joining') return false;
  const isInSync = instance.volumes.every((volume) => draft.state.volumes.get(volume)?.inSync.includes(holder) === true);
  const waitedMs = ageMs(draft.hints.memory.instances.get(instance.id), draft.nowMs);
  return isInSync && waitedMs < (draft.hints.oldHolderWaitMs ?? OLD_HOLDER_WAIT_MS);
}

function planStart(draft: Draft, instance: InstanceRecord): void {
  if (ageMs(draft.hints.memory.instances.get(instance.id), draft.nowMs) < backoffMs(instance.failures)) return;
  const isTurnOfAnother = instance.failures > 0 && instance.failures % FAILURES_PER_NODE === 0;
  const outcome = placeExisting(draft.state, draft.hints, instance, { isTakeOver: false, holder: isTurnOfAnother ? 'avoid' : 'prefer', busy: busyNodes(draft) });
  if (outcome.kind === 'refused') explain(draft, instance, outcome.refused);
  else draft.propose({ kind: 'placeInstance', instance: instance.id, expectGeneration: instance.generation, placement: outcome.placement });
}

/** How long a failed instance stays down: not at all the first time, then 5 s, doubled up to 5 min. */
export function backoffMs(failures: number): number {
  return failures < 2 ? 0 : Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failures - 2, 16));
}

function busyNodes(draft: Draft): ReadonlySet<NodeId> {
  const busy = new Set<NodeId>();
  for (const [node, usage] of draft.state.usage.entries()) if (usage.starting >= STARTING_PER_NODE_MAX) busy.add(node);
  return busy;
}

/**
 * Says why it cannot run: no memory where its data is, or its data out of reach. Nodes that are only busy need no word.
 * The message has no numbers that change by themselves, so that it is said once.
 */
function explain(draft: Draft, instance: InstanceRecord, refused: readonly PlacementRefusal[]): void {
  const concerned = refused.filter((each) => each.reason !== 'noReplica');
  if (concerned.some((each) => each.reason === 'busy')) return;
  const lacksMemory = concerned.some((each) => each.reason === 'noMemory');
  const waitedMs = ageMs(draft.hints.memory.instances.get(instance.id), draft.nowMs);
  const isKnown = instance.phase === 'unavailableData' || instance.phase === 'unavailableCapacity';
  if (!lacksMemory && !isKnown && waitedMs < UNREACHABLE_GRACE_MS) return;
  const where = concerned.map((each) => `${each.node} (${WORDS[each.reason] ?? each.reason})`).toSorted().join(', ');
  const message = lacksMemory ? `no node with its data has memory for it: ${where}` : `no node with all its data can be used: ${where === '' ? 'none is left' : where}`;
  draft.propose({
    kind: 'setUnavailable', instance: instance.id, expectGeneration: instance.generation, phase: lacksMemory ? 'unavailableCapacity' : 'unavailableData', message: message.slice(0, 500),
  });
}

const WORDS: Readonly<Record<string, string>> = {
  notActive: 'not active', fencing: 'being fenced', suspect: 'suspect', noMemory: 'no memory', notInSync: 'not in sync', diskFailed: 'failed disk',
};
