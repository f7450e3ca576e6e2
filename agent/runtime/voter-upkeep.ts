/**
 * Who votes, and is that right? The leader's care for the set of voters, where the log is held by members of the cell.
 *
 * What should be done is decided in machines/voters.ts; here is what that needs to know, and one change at a time.
 */
import { describeError } from '../../shared/errors.ts';
import { memberOfVoter } from '../../shared/ids.ts';
import type { MemberId, VoterId } from '../../shared/ids.ts';
import type { ReplicatedLog, VoterSet } from '../../shared/ledger/replicated-log.ts';
import type { Mesh } from '../../shared/wire/mesh.ts';
import type { World } from '../../shared/world.ts';
import { CAUGHT_UP_LAG_ENTRIES, planVoters } from '../machines/voters.ts';

const CHANGE_TIMEOUT_MS = 4_000;

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
  }

  /** Takes the next step towards the right set of voters, if there is one. */
  look(): void {
    const { log, voterSet, world } = this.#options;
    const nowMs = world.clock.nowMs();
    const raft = voterSet.raftStatus();
    this.#noteSilence(nowMs);
    this.#noteLearners(nowMs);
    // Whose store is whose is told by the ledger: what is not applied yet could make a living voter look vacant.
    if (this.#isChanging || log.status().appliedIndex < raft.commit) return;
    const match = Object.fromEntries(voterSet.peers().map((peer) => [peer.id, peer.match]));
    const next = planVoters(
      {
        voters: raft.conf.voters as readonly VoterId[], learners: raft.conf.learners as readonly VoterId[], witnesses: raft.conf.witnesses as readonly VoterId[],
        match: { ...match, [voterSet.voterId]: raft.lastIndex }, lastIndex: raft.lastIndex,
      },
      log.state(),
      { leader: voterSet.voterId, goneMs: agesOf(this.#goneSince, nowMs), caughtUpMs: agesOf(this.#caughtUpSince, nowMs), lastChangeAtMs: this.#lastChangeAtMs },
      nowMs,
    );
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
