/**
 * Does the cell come back when the weather is calm? L1 to L10 of SAFETY.md 6.1, each with its bound.
 *
 * A core (a majority of the voters, and a replica in sync of each volume) is healed first, and the rest stays broken: only what the core
 * can do by itself is demanded. Then everything is healed, and nothing may be left over.
 */
import { loadMetadata } from '../../../agent/room/model/drbd/metadata.ts';
import { voterCount } from '../../../agent/machines/voters.ts';
import { memberOfVoter, voterIdOf } from '../../../shared/ids.ts';
import type { NodeId, VoterId } from '../../../shared/ids.ts';
import type { TimingProfile } from '../../../shared/model/timing.ts';
import { MINUTE_MS } from '../../../shared/units.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import type { VolumeRecord } from '../../../shared/model/volume.ts';
import { unrest } from '../../support/cell-witness.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';

/**
 * How long the whole cell may take when all is healed, ms. L7: no phase that is not at rest lasts longer. A guest that crashed often is started
 * again only after five minutes (agent/machines/plan-starts.ts).
 */
export const CALM_LIMIT_MS = 10 * MINUTE_MS;
/** Beside the fence wait: L2 grants 6 s, L6 60 s, L5 30 s after the time for rebuilding (SAFETY.md 6.1). */
const START_MS = 6_000;
const COLD_START_MS = 60_000;
const REBUILD_MS = 30_000;
/** L2: what each further instance that moves may take, ms (four a second). */
const START_EACH_MS = 250;
/** L3 and L4. */
const RESUME_MS = 4_000;
const EXPAND_MS = 5_000;
/** From power to an agent that runs, ms: what a node needs before anything can be asked of it (agent/room/model/config.ts). */
const BOOT_MS = 3_500;

/** L2: from the death of a node until all that ran there runs elsewhere, ms. A new leader waits a whole fence time after it was elected. */
export function moveLimitMs(profile: TimingProfile, instances: number, wasLeader: boolean): number {
  return profile.fenceWaitMs + START_MS + START_EACH_MS * instances + (wasLeader ? electionLimitMs(profile) : 0);
}

/** L6: from the beginning of calm until the core runs all that it can, ms. */
export function coreLimitMs(profile: TimingProfile, instances: number): number {
  return BOOT_MS + electionLimitMs(profile) + profile.fenceWaitMs + COLD_START_MS + START_EACH_MS * instances;
}

/** L5: from the death of a node until its replicas are being made elsewhere, ms. */
export function rebuildLimitMs(profile: TimingProfile, rebuildAfterMs: number): number {
  return profile.fenceWaitMs + rebuildAfterMs + REBUILD_MS + electionLimitMs(profile);
}

/** L1: three election timeouts, and what one needs to be told. */
function electionLimitMs(profile: TimingProfile): number {
  return 3 * profile.electionMaxMs + profile.electionMinMs;
}

/** What must hold at each moment of a calm. Call `look` often. */
export class CalmWatch {
  readonly #cell: VirtualCell;
  readonly #profile: TimingProfile;
  readonly #violate: (what: string) => void;
  #core: readonly NodeId[] | null = null;
  #leaderlessSinceMs = 0;
  /** Since when something that must not last lasts, by what it is: L3 and L4. */
  readonly #frozen = new Map<string, number>();
  readonly #late = new Map<string, number>();

  constructor(cell: VirtualCell, profile: TimingProfile, violate: (what: string) => void) {
    this.#cell = cell;
    this.#profile = profile;
    this.#violate = violate;
  }

  /** From now on nothing breaks among these nodes; null: the weather is what it is. */
  begin(core: readonly NodeId[] | null): void {
    this.#core = core;
    this.#leaderlessSinceMs = this.#cell.world.clock.nowMs() + BOOT_MS;
    this.#frozen.clear();
    this.#late.clear();
  }

  look(): void {
    const core = this.#core;
    if (core === null) return;
    const nowMs = this.#cell.world.clock.nowMs();
    // Nodes that lost their lease before the calm began reset themselves in it.
    if (this.#cell.leads() !== null || !isMajorityUp(this.#cell, core)) this.#leaderlessSinceMs = nowMs;
    const electionMs = electionLimitMs(this.#profile);
    if (nowMs - this.#leaderlessSinceMs > electionMs) this.#violate(`L1 there is no leader for ${electionMs} ms, and ${core.join(', ')} are well`);
    const { volumes, nodes } = this.#cell.state();
    const facts = (this.#cell.drbd.room?.facts() ?? []).filter(({ node }) => core.includes(node as NodeId));
    // A freeze ends with the shrink, or, of a primary that was replaced, with its node's reset.
    const resumeMs = RESUME_MS + electionMs + this.#profile.fenceWaitMs;
    this.#follow(this.#frozen, facts.filter(({ isFrozen }) => isFrozen).map(({ resource, node }) => `L3 ${resource} is frozen on ${node}`), resumeMs, nowMs);
    const late: string[] = [];
    for (const volume of volumes.values()) {
      const whole = facts.filter(({ resource, connection, disk, peerDisk }) => resource === volume.id && connection === 'Connected' && disk === 'UpToDate' && peerDisk === 'UpToDate');
      const isWatched = whole.every(({ node }) => nodes.get(node as NodeId)?.phase === 'active' && this.#cell.processes(node as NodeId).agent);
      if (volume.formatted && !volume.deleting && volume.replicas.length === 2 && whole.length === 2 && isWatched && volume.inSync.length < 2) late.push(`L4 ${volume.id} is in sync on both ends, and not in the ledger`);
    }
    this.#follow(this.#late, late, EXPAND_MS + electionMs, nowMs);
  }

  #follow(since: Map<string, number>, found: readonly string[], limitMs: number, nowMs: number): void {
    for (const known of since.keys()) if (!found.includes(known)) since.delete(known);
    for (const what of found) {
      const sinceMs = since.get(what) ?? nowMs;
      since.set(what, sinceMs);
      if (nowMs - sinceMs > limitMs) this.#violate(`${what} for ${limitMs} ms`);
    }
  }
}

/**
 * What still keeps the core from having done all that it can, as sentences. Empty: it has. Those of L7 may take long: users' requests, and guests that crashed
 * often and are started ever more slowly.
 */
export function coreUnrest(cell: VirtualCell, core: readonly NodeId[]): readonly string[] {
  const found: string[] = [];
  const state = cell.state();
  if (cell.leads() === null) found.push('L1: there is no leader');
  for (const id of core) {
    const node = state.nodes.get(id);
    if (node?.phase === 'removed') continue;
    if (node?.phase !== 'active' || node.bootId !== cell.room.nodeReport(id).bootId) found.push(`L9: ${id} is ${node?.phase ?? 'unknown'}, and well`);
  }
  for (const instance of state.instances.values()) {
    const running = cell.room.observer.running(instance.id);
    if (instance.desired === 'running' && isRunnable(state.volumes.get(instance.volumes[0] ?? ('' as never)), core)) {
      if (instance.phase !== 'running' || running.length !== 1) found.push(`${instance.failures >= 2 ? 'L7' : 'L6'}: ${instance.id} is ${instance.phase}${why(instance)}, and a replica in sync is on ${core.join(', ')}`);
    }
    if (instance.desired !== 'running' && instance.phase !== instance.desired && isHere(instance, core)) found.push(`L7: ${instance.id} is ${instance.phase}${why(instance)}, and shall be ${instance.desired}`);
  }
  for (const fact of cell.drbd.room?.facts() ?? []) {
    if (fact.isFrozen && core.includes(fact.node as NodeId)) found.push(`L3: ${fact.resource} is frozen on ${fact.node}`);
  }
  return found;
}

function why({ reason }: InstanceRecord): string {
  return reason === null ? '' : ` (${reason.message})`;
}

/** Whether the core alone can run what has this volume. Before it was formatted it may be waiting for a node that is gone. */
function isRunnable(volume: VolumeRecord | undefined, core: readonly NodeId[]): boolean {
  return volume !== undefined && volume.formatted && volume.inSync.some((node) => core.includes(node) && !volume.tainted.includes(node));
}

/** Whether nothing of it waits for a node outside of the core. */
function isHere(instance: InstanceRecord, core: readonly NodeId[]): boolean {
  return instance.holder === null || core.includes(instance.holder);
}

/** Whether the agents of more than half of the voters run. */
export function isMajorityUp(cell: VirtualCell, core: readonly NodeId[]): boolean {
  return areMajority(cell, core.filter((node) => cell.processes(node).agent));
}

/**
 * Whether these nodes, and a witness, can decide. A voter whose store was lost is none any more, though its node lives; a node that was
 * removed, and whose vote was not yet taken over, is gone for good, whether its operator has heard of it or not.
 */
function areMajority(cell: VirtualCell, nodes: readonly NodeId[]): boolean {
  const { coordinators, nodes: known } = cell.newestState();
  const isThere = (voter: string): boolean => coordinators.has(memberOfVoter(voter as VoterId))
    || nodes.some((node) => voterIdOf(node, cell.store(node).storeUuid) === voter && known.get(node)?.phase !== 'removed');
  return voterSets(cell).every((voters) => 2 * voters.filter(isThere).length > voters.length);
}

/**
 * The nodes that are healed first: as few of the voters as still are a majority, and enough for a replica in sync of each volume.
 * `how` in [0, 1) chooses among them; all nodes when nobody can be spared.
 */
export function chooseCore(cell: VirtualCell, how: number): readonly NodeId[] {
  const state = cell.newestState();
  let core: readonly NodeId[] = cell.nodeIds;
  const isEnough = (nodes: readonly NodeId[]): boolean => areMajority(cell, nodes)
    && [...state.volumes.values()].every((volume) => !volume.formatted || usable(cell, volume).some((node) => nodes.includes(node)));
  const wanted = Math.floor(how * 3);
  const start = Math.floor(how * 977) % cell.nodeIds.length;
  for (let at = 0; at < cell.nodeIds.length && cell.nodeIds.length - core.length < wanted; at += 1) {
    const spared = cell.nodeIds[(start + at) % cell.nodeIds.length];
    const rest = core.filter((node) => node !== spared);
    if (isEnough(rest)) core = rest;
  }
  return core;
}

/**
 * The replicas in sync that can be promoted now. A primary that is back from its death is copied to the other replica by its activity log, while both
 * count as in sync, rightly: the copy holds whatever was acknowledged. But until that ends DRBD calls the copy Outdated or Inconsistent, and nobody may
 * force it (SAFETY.md 2.3, P6). So of such two only the source can be asked for. Where DRBD refuses all of them, each is asked for, and found missing.
 */
function usable(cell: VirtualCell, { id, inSync, tainted }: VolumeRecord): readonly NodeId[] {
  const whole = inSync.filter((node) => !tainted.includes(node));
  const promotable = whole.filter((node) => {
    const disk = cell.room.disk(node, id);
    // What cannot be read now is read again when the core is mended.
    const flags = disk === null || disk.failed ? undefined : loadMetadata(disk.metadata())?.flags;
    return flags === undefined || (flags.consistent && flags.wasUpToDate);
  });
  return promotable.length > 0 ? promotable : whole;
}

/** Who may have to agree: the voters that somebody was told of, and those of the newest log, which may be more recent. Whoever is up may not have heard. */
function voterSets(cell: VirtualCell): readonly (readonly string[])[] {
  const stores = cell.nodeIds.map((node) => cell.store(node)).toSorted((one, other) => other.end().term - one.end().term || other.end().index - one.end().index);
  return [cell.voters(), ...(stores[0]?.configurations() ?? []).map(({ voters }) => voters)];
}

/** What the core has not begun to rebuild (L5): volumes that still count on a node that is gone, where another could take its place. */
export function unrebuilt(cell: VirtualCell, core: readonly NodeId[]): readonly string[] {
  const { volumes, nodes } = cell.state();
  const able = core.filter((id) => nodes.get(id)?.phase === 'active');
  return [...volumes.values()]
    .filter((volume) => volume.formatted && !volume.deleting && able.length >= 2 && volume.inSync.some((node) => able.includes(node)) && !volume.replicas.every((node) => able.includes(node)))
    .map((volume) => `L5 ${volume.id} has replicas on ${volume.replicas.join(' and ')}, and only ${able.join(', ')} are well`);
}

/** What is left when all is healed: nothing may be, every vote is somebody's, and as many vote as there should be. */
export function wholeUnrest(cell: VirtualCell): readonly string[] {
  return [...unrest(cell), ...vacantVotes(cell), ...emptySeats(cell)];
}

/** Two votes of a cell of three are a majority only while both are there: it could not bear the death of either. */
function emptySeats(cell: VirtualCell): readonly string[] {
  const { nodes } = cell.state();
  const members = [...nodes.values()].filter(({ phase }) => phase !== 'removed');
  const wanted = voterCount(members.length);
  const voting = cell.voters().filter((voter) => nodes.has(memberOfVoter(voter as VoterId) as NodeId)).length;
  return voting < wanted ? [`only ${voting} of ${wanted} seats of voters are taken`] : [];
}

/** Voters that are waited for in vain: their store was lost, or their node was removed. */
function vacantVotes(cell: VirtualCell): readonly string[] {
  const { nodes } = cell.state();
  return cell.voters().filter((voter) => {
    const node = memberOfVoter(voter as VoterId) as NodeId;
    return nodes.has(node) && (nodes.get(node)?.phase === 'removed' || voterIdOf(node, cell.store(node).storeUuid) !== voter);
  }).map((voter) => `${voter} is nobody any more, and still votes`);
}
