/**
 * Which node shall run it, and which stands by? Filters first, then scores, with a reason for each node that was refused.
 *
 * Pure: ledger state and hints in, a choice out. Hints (suspicion, gossiped health) can only make it pickier; whether
 * a choice is allowed is checked again by `apply`.
 */
import type { BootId, ImageId, NodeId } from '../../shared/ids.ts';
import { missingBytes, missingMiB, reservedMiB, usageWithNew } from '../../shared/ledger/capacity.ts';
import type { Demand } from '../../shared/ledger/capacity.ts';
import type { Placement } from '../../shared/ledger/commands.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { InstanceRecord, PlacementRefusal } from '../../shared/model/instance.ts';
import { REFUSALS_MAX } from '../../shared/model/limits.ts';
import type { NodeRecord } from '../../shared/model/node.ts';
import { NO_USAGE } from '../../shared/model/usage.ts';
import type { VolumeRecord } from '../../shared/model/volume.ts';
import { GIB } from '../../shared/units.ts';
import type { HealthGossip } from '../../shared/wire/intent.ts';

/** What the leader believes beside the ledger. */
export interface PlacementHints {
  /** Nodes whose lease is overdue. */
  readonly suspects: ReadonlySet<NodeId>;
  /** Newest gossip of each node. One of an earlier boot is ignored. */
  readonly health: ReadonlyMap<NodeId, HealthGossip>;
}

/** Why a node was refused. The words are stable: the API and people read them. */
export type RefusalReason =
  | 'notActive' | 'fencing' | 'suspect' | 'cordoned' | 'unwell' | 'domainKind' | 'noDisk' | 'noMemory'
  | 'noReplica' | 'notInSync' | 'diskFailed' | 'noStandby' | 'busy' | 'lessFit';

/** A choice, or why there is none. */
export type PlacementOutcome =
  | { readonly kind: 'placed'; readonly placement: Placement }
  | { readonly kind: 'refused'; readonly refused: readonly PlacementRefusal[] };

/** What new instances need. */
export interface NewRequest {
  readonly image: ImageId;
  readonly vcpus: number;
  readonly memoryMiB: number;
  readonly diskBytes: number;
  readonly count: number;
  /** `spread` (default) fills the emptiest node first, `pack` the fullest. */
  readonly strategy?: 'spread' | 'pack';
}

/** An agent whose event loop stood still this long is not given more to do. */
const LOOP_DELAY_MS_MAX = 2_000;

/** Places up to `count` new instances, each with the earlier ones in mind. `refused`: why there are not more. */
export function placeNew(state: CellState, hints: PlacementHints, request: NewRequest): { readonly placements: readonly Placement[]; readonly refused: readonly PlacementRefusal[] } {
  const placements: Placement[] = [];
  let ahead = state;
  while (placements.length < request.count) {
    const last = placements.at(-1);
    if (last !== undefined) ahead = { ...ahead, usage: usageWithNew(ahead.usage, last.node, last.standby, request) };
    const outcome = placeOne(ahead, hints, request);
    if (outcome.kind === 'refused') return { placements, refused: outcome.refused };
    placements.push(outcome.placement);
  }
  return { placements, refused: [] };
}

function placeOne(state: CellState, hints: PlacementHints, request: NewRequest): PlacementOutcome {
  const refused: PlacementRefusal[] = [];
  const fit: NodeRecord[] = [];
  for (const node of members(state)) {
    const why = refuseNew(state, hints, node, request, { placedMiB: request.memoryMiB });
    if (why === null) fit.push(node);
    else refused.push(why);
  }
  const sign = packing(request.strategy);
  for (const node of best(fit, (each) => sign * placedShare(state, each), (each) => sign * memoryShare(state, each), (each) => replicaCount(state, each))) {
    const standby = standbyForNew(state, hints, node, request);
    if (standby.kind === 'none') {
      refused.push(refusal(node.id, 'noStandby', standby.why));
      continue;
    }
    for (const other of fit) if (other.id !== node.id && !refused.some((each) => each.node === other.id)) refused.push(lessFit(other.id, node.id));
    return { kind: 'placed', placement: { node: node.id, bootId: bootOf(node), standby: standby.node, refused: refused.slice(0, REFUSALS_MAX) } };
  }
  return { kind: 'refused', refused: refused.slice(0, REFUSALS_MAX) };
}

/** A standby on another failure domain where there is one; none at all only where no other node could ever be one now. */
function standbyForNew(state: CellState, hints: PlacementHints, holder: NodeRecord, request: NewRequest): { readonly kind: 'chosen'; readonly node: NodeId | null } | { readonly kind: 'none'; readonly why: string } {
  const fit: NodeRecord[] = [];
  const full: NodeId[] = [];
  for (const node of members(state)) {
    if (node.id === holder.id) continue;
    const why = refuseNew(state, hints, node, request, { reserve: { holder: holder.id, memoryMiB: request.memoryMiB } });
    if (why === null) fit.push(node);
    else if (why.reason === 'noMemory' || why.reason === 'noDisk') full.push(node.id);
  }
  const [chosen] = best(apart(fit, holder), (node) => packing(request.strategy) * memoryShare(state, node), (node) => replicaCount(state, node));
  if (chosen !== undefined) return { kind: 'chosen', node: chosen.id };
  if (full.length === 0) return { kind: 'chosen', node: null };
  return { kind: 'none', why: `its standby would need room on ${full.slice(0, 4).join(', ')}` };
}

function refuseNew(state: CellState, hints: PlacementHints, node: NodeRecord, request: NewRequest, demand: Demand): PlacementRefusal | null {
  const domainKind = state.images.get(request.image)?.domainKind;
  return refuseNode(node, hints)
    ?? refuseUnwell(node, hints)
    ?? (node.cordoned ? refusal(node.id, 'cordoned', `${node.id} is cordoned`) : null)
    ?? (domainKind === undefined || node.capacity.domainKinds.includes(domainKind) ? null : refusal(node.id, 'domainKind', `${node.id} cannot run ${domainKind} domains`))
    ?? refuseMemory(state, node.id, demand)
    ?? refuseDisk(state, node.id, request.diskBytes);
}

/** How an instance that exists may be placed. */
export interface ExistingOptions {
  /** A takeover: reservations may be used up, and the standby is the first choice. */
  readonly isTakeOver: boolean;
  /** Whether the node that held it last is the first choice; `avoid`: the last one. */
  readonly holder: 'prefer' | 'ignore' | 'avoid';
  /** Nodes that take no further start now (boot storm). */
  readonly busy?: ReadonlySet<NodeId>;
}

/** Places an instance that has volumes: only where the replicas of all of them are in sync. */
export function placeExisting(state: CellState, hints: PlacementHints, instance: InstanceRecord, options: ExistingOptions): PlacementOutcome {
  const volumes = volumesOf(state, instance);
  const refused: PlacementRefusal[] = [];
  const fit: NodeRecord[] = [];
  const keepers = new Set(volumes.flatMap((volume) => volume.replicas));
  for (const id of keepers) {
    const node = state.nodes.get(id);
    if (node === undefined || node.phase === 'removed') continue;
    const why = refuseReplicas(volumes, id)
      ?? refuseNode(node, hints)
      ?? refuseMemory(state, id, { placedMiB: instance.memoryMiB, usesReservations: options.isTakeOver })
      ?? (options.busy?.has(id) === true ? refusal(id, 'busy', `${id} starts as many instances as it may at once`) : null);
    if (why === null) fit.push(node);
    else refused.push(why);
  }
  const [chosen] = best(
    fit,
    (node) => (node.id === instance.holder ? HOLDER_RANK[options.holder] : 0),
    (node) => (options.isTakeOver && node.id !== instance.standby ? 1 : 0),
    (node) => (node.cordoned || refuseUnwell(node, hints) !== null ? 1 : 0),
    (node) => placedShare(state, node),
  );
  if (chosen === undefined) return { kind: 'refused', refused: withStrangers(state, keepers, refused) };
  for (const node of fit) if (node.id !== chosen.id) refused.push(lessFit(node.id, chosen.id));
  const standby = chooseStandby(state, hints, { ...instance, holder: chosen.id });
  return { kind: 'placed', placement: { node: chosen.id, bootId: bootOf(chosen), standby, refused: withStrangers(state, keepers, refused) } };
}

const HOLDER_RANK = { prefer: -1, ignore: 0, avoid: 1 };

/** Places an instance whose holder is fenced. */
export function placeTakeOver(state: CellState, hints: PlacementHints, instance: InstanceRecord, options: Omit<ExistingOptions, 'isTakeOver'>): PlacementOutcome {
  return placeExisting(state, hints, instance, { ...options, isTakeOver: true });
}

/** A standby for an instance held by `instance.holder`: another node with its replicas and memory to reserve. Null: none now. */
export function chooseStandby(state: CellState, hints: PlacementHints, instance: InstanceRecord): NodeId | null {
  const holder = instance.holder === null ? undefined : state.nodes.get(instance.holder);
  if (holder === undefined) return null;
  const volumes = volumesOf(state, instance);
  const fit: NodeRecord[] = [];
  for (const id of new Set(volumes.flatMap((volume) => volume.replicas))) {
    const node = state.nodes.get(id);
    if (node === undefined || id === holder.id || node.cordoned || refuseNode(node, hints) !== null) continue;
    if (!volumes.every((volume) => volume.replicas.includes(id) && !volume.tainted.includes(id))) continue;
    if (missingMiB(state, id, { reserve: { holder: holder.id, memoryMiB: instance.memoryMiB } }) <= 0) fit.push(node);
  }
  return best(apart(fit, holder), (node) => memoryShare(state, node))[0]?.id ?? null;
}

/** A node for one more replica of a volume, best where its instance could be reserved for too. `busy` nodes synchronise enough already. */
export function chooseReplacementReplica(state: CellState, hints: PlacementHints, volume: VolumeRecord, replaces: NodeId | null, busy: ReadonlySet<NodeId>): NodeId | null {
  const [keptId] = volume.replicas.filter((id) => id !== replaces);
  const kept = keptId === undefined ? undefined : state.nodes.get(keptId);
  if (kept === undefined) return null;
  const instance = volume.instance === null ? undefined : state.instances.get(volume.instance);
  const domainKind = volume.image === null ? undefined : state.images.get(volume.image)?.domainKind;
  const fit = members(state).filter((node) =>
    !volume.replicas.includes(node.id) && !volume.retired.includes(node.id) && !busy.has(node.id) && !node.cordoned
    && refuseNode(node, hints) === null && refuseDisk(state, node.id, volume.sizeBytes) === null
    && (domainKind === undefined || node.capacity.domainKinds.includes(domainKind)));
  const lacksMemory = (node: NodeRecord): number =>
    instance !== undefined && missingMiB(state, node.id, { reserve: { holder: kept.id, memoryMiB: instance.memoryMiB } }) > 0 ? 1 : 0;
  return best(apart(fit, kept), lacksMemory, (node) => diskShare(state, node), (node) => replicaCount(state, node))[0]?.id ?? null;
}

/** Nodes that count: removed ones are no news to anybody. */
function members(state: CellState): readonly NodeRecord[] {
  return state.nodes.values().filter((node) => node.phase !== 'removed');
}

/** Whether the node takes starts at all. */
function refuseNode(node: NodeRecord, hints: PlacementHints): PlacementRefusal | null {
  if (node.fenceIntentIndex !== null && node.phase !== 'fenced') return refusal(node.id, 'fencing', `${node.id} is being fenced`);
  if (node.bootId === null || (node.phase !== 'active' && node.phase !== 'draining')) return refusal(node.id, 'notActive', `${node.id} is ${node.phase}`);
  return hints.suspects.has(node.id) ? refusal(node.id, 'suspect', `${node.id} does not renew its lease`) : null;
}

/** Whether the node says of itself that it is slow: it gets nothing new, and takes over only what nobody else can. */
function refuseUnwell(node: NodeRecord, hints: PlacementHints): PlacementRefusal | null {
  const health = hints.health.get(node.id);
  if (health !== undefined && health.bootId === node.bootId && health.loopDelayMsMax > LOOP_DELAY_MS_MAX) {
    return refusal(node.id, 'unwell', `the agent of ${node.id} stood still for more than ${LOOP_DELAY_MS_MAX} ms`);
  }
  return null;
}

function refuseReplicas(volumes: readonly VolumeRecord[], node: NodeId): PlacementRefusal | null {
  for (const volume of volumes) {
    if (!volume.replicas.includes(node)) return refusal(node, 'noReplica', `${node} has no replica of ${volume.id}`);
    if (volume.tainted.includes(node)) return refusal(node, 'diskFailed', `the disk of ${volume.id} on ${node} failed`);
    if (volume.formatted && !volume.inSync.includes(node)) return refusal(node, 'notInSync', `the replica of ${volume.id} on ${node} lacks the newest writes`);
  }
  return null;
}

function refuseMemory(state: CellState, node: NodeId, demand: Demand): PlacementRefusal | null {
  if (missingMiB(state, node, demand) <= 0) return null;
  const usage = state.usage.get(node) ?? NO_USAGE;
  const capacityMiB = state.nodes.get(node)?.capacity.memoryMiB ?? 0;
  return refusal(node, 'noMemory', `${node} has ${capacityMiB} MiB: ${usage.memoryMiB} in use, ${reservedMiB(usage)} kept for takeovers`);
}

function refuseDisk(state: CellState, node: NodeId, sizeBytes: number): PlacementRefusal | null {
  if (missingBytes(state, node, sizeBytes) <= 0) return null;
  const gib = (bytes: number): string => (bytes / GIB).toFixed(1);
  return refusal(node, 'noDisk', `${node} has ${gib(state.nodes.get(node)?.capacity.diskBytes ?? 0)} GiB of disk: ${gib(state.usage.get(node)?.diskBytes ?? 0)} in use`);
}

function refusal(node: NodeId, reason: RefusalReason, detail: string): PlacementRefusal {
  return { node, reason, detail };
}

function lessFit(node: NodeId, chosen: NodeId): PlacementRefusal {
  return refusal(node, 'lessFit', `${node} would do, ${chosen} is the better choice`);
}

/** The refusals with those of nodes that have no replica behind them, as many as are kept. */
function withStrangers(state: CellState, keepers: ReadonlySet<NodeId>, refused: readonly PlacementRefusal[]): readonly PlacementRefusal[] {
  const all = [...refused];
  for (const node of state.nodes.values()) {
    if (all.length >= REFUSALS_MAX) break;
    if (node.phase !== 'removed' && !keepers.has(node.id)) all.push(refusal(node.id, 'noReplica', `${node.id} has no replica of it`));
  }
  return all.slice(0, REFUSALS_MAX);
}

/** Nodes of another failure domain than `holder`; all of them where there is none. */
function apart(nodes: readonly NodeRecord[], holder: NodeRecord): readonly NodeRecord[] {
  const others = nodes.filter((node) => node.failureDomain !== holder.failureDomain);
  return others.length > 0 ? others : nodes;
}

/** The nodes in order of their scores (least first), the first score counting most; at last by name, so that nothing is left to chance. */
function best(nodes: readonly NodeRecord[], ...scores: readonly ((node: NodeRecord) => number)[]): readonly NodeRecord[] {
  const scored = nodes.map((node) => ({ node, marks: scores.map((score) => score(node)) }));
  return scored
    .toSorted((left, right) => {
      for (const [at, mark] of left.marks.entries()) {
        const difference = mark - (right.marks[at] ?? 0);
        if (difference !== 0) return difference;
      }
      return left.node.id < right.node.id ? -1 : 1;
    })
    .map((each) => each.node);
}

/** The share of a node's memory that instances use, 0 to 1. */
function placedShare(state: CellState, node: NodeRecord): number {
  return (state.usage.get(node.id)?.memoryMiB ?? 0) / Math.max(1, node.capacity.memoryMiB);
}

/** The share of a node's memory that is promised, what is kept for takeovers included, 0 to 1. */
function memoryShare(state: CellState, node: NodeRecord): number {
  const usage = state.usage.get(node.id) ?? NO_USAGE;
  return (usage.memoryMiB + reservedMiB(usage)) / Math.max(1, node.capacity.memoryMiB);
}

function diskShare(state: CellState, node: NodeRecord): number {
  return (state.usage.get(node.id)?.diskBytes ?? 0) / Math.max(1, node.capacity.diskBytes);
}

function replicaCount(state: CellState, node: NodeRecord): number {
  return state.usage.get(node.id)?.replicas ?? 0;
}

function packing(strategy: NewRequest['strategy']): 1 | -1 {
  return strategy === 'pack' ? -1 : 1;
}

function volumesOf(state: CellState, instance: InstanceRecord): readonly VolumeRecord[] {
  return instance.volumes.flatMap((id) => state.volumes.get(id) ?? []);
}

function bootOf(node: NodeRecord): BootId {
  // `refuseNode` refuses nodes that never booted.
  if (node.bootId === null) throw new Error(`${node.id} never booted`);
  return node.bootId;
}
