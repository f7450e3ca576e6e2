/**
 * Who votes, and is that right? The leader's care for the set of voters, where the log is held by members of the cell.
 *
 * What should be done is decided in machines/voters.ts; here is what that needs to know, and one change at a time.
 */
import { describeError } from '../../shared/errors.ts';
import { memberOfVoter } from '../../shared/ids.ts';
import type { MemberId, NodeId, VoterId } from '../../shared/ids.ts';
import type { Rejection } from '../../shared/ledger/commands.ts';
import type { ReplicatedLog, VoterSet } from '../../shared/ledger/replicated-log.ts';
import type { Mesh } from '../../shared/wire/mesh.ts';
import type { World } from '../../shared/world.ts';
import type { NodePhase } from '../../shared/model/node.ts';
import { MINUTE_MS } from '../../shared/units.ts';
import { CAUGHT_UP_LAG_ENTRIES, heirOf, planVoters, withoutNode } from '../machines/voters.ts';
import type { VoterConf, VoterHints } from '../machines/voters.ts';

const CHANGE_TIMEOUT_MS = 4_000;
/** How long a removal waits for an heir who does not come to vote. */
const HAND_OVER_MS_MAX = 2 * MINUTE_MS;
/** How long after an operator asked last a node counts as leaving. */
const LEAVING_MS = 2 * MINUTE_MS;
/** How long a removal that was let pass may take, before it counts as failed. A leader that commits nothing for so long leads no more. */
const REMOVING_MS = 30_000;
/** Phases that a node is removed from: elsewhere the ledger refuses it (shared/ledger/apply-node.ts). */
const REMOVABLE: readonly NodePhase[] = ['fenced', 'maintenance'];

/** What the care for voters needs. */
export interface VoterUpkeepOptions {
  readonly world: World;
  readonly log: ReplicatedLog;
  readonly voterSet: VoterSet;
  readonly mesh: Mesh;
}

/** The leader's care for voters; `look` only while leading. */
export class VoterUpkeep {
  readonly #options: VoterUpkeepOptions;
  #isChanging = false;
  #lastChangeAtMs: number | null = null;
  readonly #goneSince = new Map<MemberId, number>();
  readonly #caughtUpSince = new Map<VoterId, number>();
  /** Nodes that an operator asked to remove while they voted, with the first and the last time. */
  readonly #leaving = new Map<MemberId, { readonly sinceMs: number; readonly askedAtMs: number }>();

  /** The node whose removal was let pass last, though it votes. */
  #removing: { readonly node: NodeId; readonly atMs: number } | null = null;

  constructor(options: VoterUpkeepOptions) {
    this.#options = options;
  }

  /** A new term: nothing is known of when the last change was. */
  takeOffice(): void {
    this.#lastChangeAtMs = null;
  }

  /** Nothing of one term outlives it. */
  leaveOffice(): void {
    this.#goneSince.clear();
    this.#caughtUpSince.clear();
    this.#leaving.clear();
    this.#removing = null;
  }

  /**
   * Why a node may not be removed yet: it votes, and somebody else could in its place. That begins with this question, and takes some ten
   * seconds; a cell would lose a vote otherwise, since a removed node is heard by nobody. Where nobody can take its place it may go at once, unless the
   * others could not decide any more: then its seat goes first, and where that does not help either the node stays.
   */
  refuseRemoval(node: NodeId): Rejection | null {
    const { log, voterSet, world } = this.#options;
    const record = log.state().nodes.get(node);
    const conf = this.#conf();
    if (record === undefined || !REMOVABLE.includes(record.phase) || !conf.voters.some((voter) => memberOfVoter(voter) === node)) return null;
    const nowMs = world.clock.nowMs();
    const raft = voterSet.raftStatus();
    // What a former leader left in the log may be removals, too.
    if (!raft.isTermCommitted || log.status().appliedIndex < raft.commit) return stillVotes('this leader has only just begun');
    if (this.#isRemovingAnother(node, nowMs)) return stillVotes(`${this.#removing?.node ?? 'another node'} votes, too, and is removed first`);
    const sinceMs = this.#leaving.get(node)?.sinceMs ?? nowMs;
    this.#leaving.set(node, { sinceMs, askedAtMs: nowMs });
    const successor = memberOfVoter(voterSet.voterId) === node ? this.#letAnotherLead() : null;
    if (successor !== null) return stillVotes(`${node} leads, and ${successor} takes that over first`);
    const fate = withoutNode(conf, log.state(), this.#hints(nowMs), node);
    if (fate === 'stops') return stillVotes(`${node} votes, and without it the others that answer are no majority`);
    const heir = heirOf(conf, log.state(), this.#hints(nowMs));
    const isPatient = nowMs - sinceMs <= HAND_OVER_MS_MAX;
    if (heir === null && fate === 'decidesWithoutSeat') return stillVotes(`${node} votes, and its seat is taken away first`);
    if (isPatient && (heir !== null || this.#isGivingUp(node, nowMs))) return stillVotes(`${node} votes, and ${heir ?? 'another one'} takes its place first: that takes some ten seconds`);
    if (fate === 'decidesWithoutSeat') return stillVotes(`${node} votes, and its seat is taken away first`);
    this.#removing = { node, atMs: nowMs };
    return null;
  }

  /** One after the other: what was let pass may not be applied yet. */
  #isRemovingAnother(node: NodeId, nowMs: number): boolean {
    const removing = this.#removing;
    if (removing === null || removing.node === node || nowMs - removing.atMs > REMOVING_MS) return false;
    return this.#options.log.state().nodes.get(removing.node)?.phase !== 'removed';
  }

  /** The voter that shall lead in this one's place, since nobody takes its own seat away; null: nobody can. */
  #letAnotherLead(): MemberId | null {
    const { voterSet } = this.#options;
    const able = voterSet.peers().filter(({ standing, isWitness, recentActive, lag }) => standing === 'voter' && !isWitness && recentActive && lag <= CAUGHT_UP_LAG_ENTRIES);
    const [next] = able.toSorted((left, right) => left.lag - right.lag || (left.id < right.id ? -1 : 1));
    return next !== undefined && voterSet.transferLeadership(next.id as VoterId) ? memberOfVoter(next.id as VoterId) : null;
  }

  /** Whether its seat is taken away next, since its heir votes. */
  #isGivingUp(node: NodeId, nowMs: number): boolean {
    const next = planVoters(this.#conf(), this.#options.log.state(), this.#hints(nowMs), nowMs);
    return next.kind === 'change' && next.change.kind === 'remove' && memberOfVoter(next.change.voter) === node;
  }

  /** Takes the next step towards the right set of voters, if there is one. */
  look(): void {
    const { log, voterSet, world } = this.#options;
    const nowMs = world.clock.nowMs();
    const raft = voterSet.raftStatus();
    for (const [node, { askedAtMs }] of this.#leaving) if (nowMs - askedAtMs > LEAVING_MS) this.#leaving.delete(node);
    this.#noteSilence(nowMs);
    this.#noteLearners(nowMs);
    // Whose store is whose is told by the ledger: what is not applied yet could make a living voter look vacant.
    if (this.#isChanging || log.status().appliedIndex < raft.commit) return;
    const next = planVoters(this.#conf(), log.state(), this.#hints(nowMs), nowMs);
    if (next.kind === 'none') return;
    this.#isChanging = true;
    world.log.write({ event: 'votersChanging', change: next.change.kind, voter: next.change.voter, detail: next.detail });
    // The outcome is seen in the next status; a refused or lost change is planned again.
    void voterSet.changeVoters(next.change, { timeoutMs: CHANGE_TIMEOUT_MS }).then((isDone) => {
      if (isDone) this.#lastChangeAtMs = world.clock.nowMs();
      world.log.write({ event: 'votersChanged', change: next.change.kind, voter: next.change.voter, isDone });
    }).catch((error: unknown) => {
      world.log.write({ event: 'votersNotChanged', error: describeError(error) });
    }).finally(() => {
      this.#isChanging = false;
    });
  }

  #conf(): VoterConf {
    const { voterSet } = this.#options;
    const { conf, lastIndex } = voterSet.raftStatus();
    const match = Object.fromEntries(voterSet.peers().map((peer) => [peer.id, peer.match]));
    return {
      voters: conf.voters as readonly VoterId[], learners: conf.learners as readonly VoterId[], witnesses: conf.witnesses as readonly VoterId[],
      match: { ...match, [voterSet.voterId]: lastIndex }, lastIndex,
    };
  }

  #hints(nowMs: number): VoterHints {
    const { voterId } = this.#options.voterSet;
    return {
      leader: voterId, goneMs: agesOf(this.#goneSince, nowMs), caughtUpMs: agesOf(this.#caughtUpSince, nowMs), lastChangeAtMs: this.#lastChangeAtMs, leaving: new Set(this.#leaving.keys()),
    };
  }

  /** A member that answers neither Raft nor the mesh is noted with the time when that began. */
  #noteSilence(nowMs: number): void {
    const { log, mesh, voterSet } = this.#options;
    const answering = new Set<MemberId>(voterSet.peers().filter((peer) => peer.recentActive).map((peer) => memberOfVoter(peer.id as VoterId)));
    const members: MemberId[] = [...log.state().nodes.values().map((node) => node.id), ...log.state().coordinators.values().map((coordinator) => coordinator.id)];
    const { member: self } = log.status();
    for (const member of members) {
      const isHere = member === self || answering.has(member) || mesh.isConnected(member);
      if (isHere) this.#goneSince.delete(member);
      else if (!this.#goneSince.has(member)) this.#goneSince.set(member, nowMs);
    }
  }

  /** A learner that keeps up with the log is noted with the time when that began. */
  #noteLearners(nowMs: number): void {
    const steady = new Set(this.#options.voterSet.peers().filter((peer) => peer.standing === 'learner' && peer.recentActive && peer.lag <= CAUGHT_UP_LAG_ENTRIES).map((peer) => peer.id as VoterId));
    for (const voter of this.#caughtUpSince.keys()) if (!steady.has(voter)) this.#caughtUpSince.delete(voter);
    for (const voter of steady) if (!this.#caughtUpSince.has(voter)) this.#caughtUpSince.set(voter, nowMs);
  }
}

function agesOf<Key>(since: ReadonlyMap<Key, number>, nowMs: number): ReadonlyMap<Key, number> {
  return new Map([...since].map(([key, sinceMs]) => [key, nowMs - sinceMs]));
}

const stillVotes = (why: string): Rejection => ({ kind: 'rejected', reason: 'stillVotes', message: `${why}: ask again then` });
