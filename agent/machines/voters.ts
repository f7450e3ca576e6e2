/**
 * Who should vote in the cell's ledger, and what is the next step towards that? One change at a time, never a step down.
 *
 *     1 node: itself;  2 nodes: both and the coordinator as witness;  3 or 4: three of them;  5 and more: five of them
 *     a new voter:  (outside) --addLearner--> learner --caught up, promote--> voter;   only then is the old one removed
 *
 * Sitting voters are kept as long as they are of use; places go to nodes of failure domains that have none yet. A
 * voter that is gone for long is replaced only while the others are a live majority and somebody can take its place
 * (SAFETY.md 3.3).
 *
 * A member with a new store is a new voter: its old voter id is *vacant*, a seat that nobody will ever vote from again. It is taken out
 * before its heir votes, never after. No step down, for it stood on nothing: a majority of the rest is never larger than the majority was (two of
 * two, where it was two of three), and whoever is left is the same. With the heir first there are four voters for a while, and three are needed, of
 * which the heir is one: should its node die again just then, both others together could decide nothing until it is back.
 *
 * At most one seat changes hands in half a minute. Within that change the pause guards against doubt, whether the old voter comes
 * back; about a vacant one there is none. So its heir follows at once: the number of those that should be is odd, and one vote short of
 * it a further one makes no majority larger.
 *
 * A node that an operator wants to remove for good (*leaving*) hands its seat over before: its heir votes first, as ever, and of the old one
 * there is no doubt either. See {@link heirOf}.
 */
import { memberOfVoter, voterIdOf } from '../../shared/ids.ts';
import type { MemberId, VoterId } from '../../shared/ids.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { NodePhase } from '../../shared/model/node.ts';
import { SECOND_MS } from '../../shared/units.ts';

/** The ledger's configuration, as its leader sees it. */
export interface VoterConf {
  readonly voters: readonly VoterId[];
  readonly learners: readonly VoterId[];
  /** Members that never lead, each also a voter or learner. */
  readonly witnesses: readonly VoterId[];
  /** Last index that each member has stored. */
  readonly match: Readonly<Record<string, number>>;
  /** Last index of the leader's own log. */
  readonly lastIndex: number;
}

/** What the leader knows of its members. */
export interface VoterHints {
  /** This leader's own voter id: it is never removed by itself. */
  readonly leader: VoterId;
  /** How long each member has not answered, ms; absent or 0: it answers. */
  readonly goneMs: ReadonlyMap<MemberId, number>;
  /** How long each learner has been within {@link CAUGHT_UP_LAG_ENTRIES} of the log's end, ms; absent: it is not. */
  readonly caughtUpMs: ReadonlyMap<VoterId, number>;
  /** When the last change was committed, on the clock of `nowMs`; null: not since this leader was elected. */
  readonly lastChangeAtMs: number | null;
  /** Nodes that an operator wants to remove, and that are here until their votes are somebody else's. Absent: none. */
  readonly leaving?: ReadonlySet<MemberId>;
}

/** A step for `changeVoters`. */
export interface VoterChange {
  readonly kind: 'addLearner' | 'promote' | 'remove';
  readonly voter: VoterId;
  readonly witness: boolean;
}

/** The next step, or why there is none. `detail` is for people. */
export type VoterPlan =
  | { readonly kind: 'change'; readonly change: VoterChange; readonly detail: string }
  | { readonly kind: 'none'; readonly reason: 'asWanted' | 'tooSoon' | 'noMajority' | 'catchingUp' | 'noCandidate'; readonly detail: string };

/** A voter that did not answer for this long is gone (SAFETY.md 3.3). */
export const VOTER_GONE_MS = 60 * SECOND_MS;
/** The least time between two changes. */
export const VOTER_CHANGE_INTERVAL_MS = 30 * SECOND_MS;
/** A learner this close to the leader's log has caught up. */
export const CAUGHT_UP_LAG_ENTRIES = 100;
/** A learner that was so for this long may take a seat (SAFETY.md 3.3). */
export const CAUGHT_UP_MS = 10 * SECOND_MS;

/** Phases of a node that may begin to vote. */
const READY_PHASES: readonly NodePhase[] = ['active', 'draining', 'maintenance'];

/** A member that could vote. */
interface Candidate {
  readonly voter: VoterId;
  readonly member: MemberId;
  readonly domain: string;
  readonly isWitness: boolean;
  readonly goneMs: number;
  /** Whether it may begin to vote: it is up and works. One that votes already is judged by its answers only. */
  readonly isReady: boolean;
  readonly isCordoned: boolean;
}

/** How many nodes vote in a cell of `nodes` nodes; at two the coordinator votes as well. */
export function voterCount(nodes: number): number {
  if (nodes >= 5) return 5;
  return Math.min(nodes, 3);
}

/** The next change of the voter set, by the leader. */
export function planVoters(conf: VoterConf, state: CellState, hints: VoterHints, nowMs: number): VoterPlan {
  const candidates = candidatesOf(conf, state, hints);
  // Its own seat is the one that it could not take away, so whatever it did would leave too few: the next leader sees to it all.
  if (!candidates.some(({ voter }) => voter === hints.leader)) return { kind: 'none', reason: 'noCandidate', detail: 'this leader is no member of the cell any more' };
  const wanted = wantedVoters(conf, candidates, hints);
  const step = nextStep(conf, hints, candidates, wanted);
  if (step.kind === 'none') return step;
  // Fewer than there should be: whoever comes makes it safer, and what is left is no smaller for it.
  const isGrowth = step.change.kind !== 'remove' && conf.voters.length < wanted.size;
  if (isGrowth) return step;
  const { kind, voter } = step.change;
  const steadyMs = hints.caughtUpMs.get(voter) ?? 0;
  if (kind === 'promote' && steadyMs < CAUGHT_UP_MS) return { kind: 'none', reason: 'catchingUp', detail: `${memberOfVoter(voter)} has kept up for ${Math.round(steadyMs)} ms` };
  const waitMs = hints.lastChangeAtMs === null ? 0 : hints.lastChangeAtMs + VOTER_CHANGE_INTERVAL_MS - nowMs;
  // A vacant seat beside enough others only makes the majority larger.
  const isExcess = kind === 'remove' && conf.voters.length > wanted.size && vacantSeat(conf, candidates, hints) === voter;
  // Whoever leaves does not come back, so nothing is waited for once the heir has learnt; one seat follows another as slowly as ever.
  const isHandedOver = isLeaving(hints) && (kind === 'promote' || (kind === 'remove' && hints.leaving?.has(memberOfVoter(voter)) === true));
  if (waitMs <= 0 || isExcess || isHandedOver) return step;
  return { kind: 'none', reason: 'tooSoon', detail: `the last change was ${Math.round(VOTER_CHANGE_INTERVAL_MS - waitMs)} ms ago` };
}

const isLeaving = ({ leaving }: VoterHints): boolean => leaving !== undefined && leaving.size > 0;

/** Who would vote in place of a node that leaves, and can begin to; null: nobody, or somebody does already. */
export function heirOf(conf: VoterConf, state: CellState, hints: VoterHints): MemberId | null {
  const candidates = candidatesOf(conf, state, hints);
  const wanted = wantedVoters(conf, candidates, hints);
  return candidates.find((candidate) => wanted.has(candidate.voter) && !conf.voters.includes(candidate.voter) && mayBegin(candidate, hints))?.member ?? null;
}

const mayBegin = ({ isReady, goneMs, member }: Candidate, { leaving }: VoterHints): boolean => isReady && goneMs === 0 && leaving?.has(member) !== true;

/**
 * What becomes of a cell when a node that votes is removed now, so that nobody hears it any more? `decides`: the others are a majority beside its silent
 * seat. `decidesWithoutSeat`: only once the seat was taken away, as of the last two. `stops`: too few others answer in any case.
 */
export function withoutNode(conf: VoterConf, state: CellState, hints: VoterHints, node: MemberId): Fate {
  return fateWithout(conf, hints, candidatesOf(conf, state, hints), node);
}

type Fate = 'decides' | 'decidesWithoutSeat' | 'stops';

function fateWithout(conf: VoterConf, { leader }: VoterHints, candidates: readonly Candidate[], node: MemberId): Fate {
  const answers = (voter: VoterId): boolean => voter === leader || candidates.some((candidate) => candidate.voter === voter && candidate.goneMs === 0);
  const others = conf.voters.filter((voter) => memberOfVoter(voter) !== node && answers(voter)).length;
  if (others >= majorityOf(conf.voters.length)) return 'decides';
  return others >= majorityOf(conf.voters.length - 1) ? 'decidesWithoutSeat' : 'stops';
}

const majorityOf = (voters: number): number => Math.floor(voters / 2) + 1;

/** A voter whose store is no more, or whose node was removed. */
function vacantSeat(conf: VoterConf, candidates: readonly Candidate[], { leader }: VoterHints): VoterId | undefined {
  return conf.voters.find((sitting) => sitting !== leader && !candidates.some((candidate) => candidate.voter === sitting));
}

/**
 * Nodes that booted and are members for good, and coordinators with a store. A fenced node stays one: it may be back soon.
 * So does a founding voter that has not attested its first boot yet: the cell was founded for its vote.
 */
function candidatesOf(conf: VoterConf, state: CellState, hints: VoterHints): readonly Candidate[] {
  const candidates: Candidate[] = [];
  for (const node of state.nodes.values()) {
    const voter = node.storeUuid === null ? conf.voters.find((sitting) => memberOfVoter(sitting) === node.id) : voterIdOf(node.id, node.storeUuid);
    if (voter === undefined || node.phase === 'removed') continue;
    candidates.push({
      voter, member: node.id, domain: node.failureDomain, isWitness: false, goneMs: hints.goneMs.get(node.id) ?? 0,
      isReady: READY_PHASES.includes(node.phase), isCordoned: node.cordoned,
    });
  }
  for (const coordinator of state.coordinators.values()) {
    if (coordinator.storeUuid === null) continue;
    candidates.push({
      voter: voterIdOf(coordinator.id, coordinator.storeUuid), member: coordinator.id, domain: '', isWitness: true, goneMs: hints.goneMs.get(coordinator.id) ?? 0, isReady: true, isCordoned: false,
    });
  }
  return candidates.toSorted((left, right) => (left.member < right.member ? -1 : 1));
}

/** The voters that there should be. Who leaves is none of them where the others alone are as many: never is a seat lost to it that it still holds. */
function wantedVoters(conf: VoterConf, candidates: readonly Candidate[], { leader, leaving }: VoterHints): ReadonlySet<VoterId> {
  const all = bestVoters(conf, candidates, leader);
  const others = bestVoters(conf, candidates.filter(({ member }) => leaving?.has(member) !== true), leader);
  return others.size < all.size ? all : others;
}

/** Sitting ones first, then the best of the others. */
function bestVoters(conf: VoterConf, candidates: readonly Candidate[], leader: VoterId): ReadonlySet<VoterId> {
  const nodes = candidates.filter((candidate) => !candidate.isWitness);
  const size = voterCount(nodes.length);
  const wanted = new Map<VoterId, Candidate>();
  const domains = new Map<string, number>();
  while (wanted.size < size) {
    const [next] = nodes
      .filter((candidate) => !wanted.has(candidate.voter))
      .toSorted((left, right) => rank(conf, domains, leader, left) - rank(conf, domains, leader, right));
    if (next === undefined) break;
    wanted.set(next.voter, next);
    domains.set(next.domain, (domains.get(next.domain) ?? 0) + 1);
  }
  const voters = new Set(wanted.keys());
  if (nodes.length === 2) {
    const witnesses = candidates.filter((candidate) => candidate.isWitness);
    const witness = witnesses.find((candidate) => conf.voters.includes(candidate.voter) && candidate.goneMs < VOTER_GONE_MS)
      ?? witnesses.find((candidate) => candidate.goneMs < VOTER_GONE_MS) ?? witnesses.find((candidate) => conf.voters.includes(candidate.voter));
    if (witness !== undefined) voters.add(witness.voter);
  }
  return voters;
}

/** Least is best: alive, then alone in its failure domain, then sitting, then not cordoned, then learning already. The leader stays in any case. */
function rank(conf: VoterConf, domains: ReadonlyMap<string, number>, leader: VoterId, candidate: Candidate): number {
  if (candidate.voter === leader) return -1;
  const isSitting = conf.voters.includes(candidate.voter);
  const isOfUse = isSitting ? candidate.goneMs < VOTER_GONE_MS : candidate.isReady && candidate.goneMs === 0;
  const neighbours = Math.min(9, domains.get(candidate.domain) ?? 0);
  return (isOfUse ? 0 : 10_000) + 100 * neighbours + (isSitting ? 0 : candidate.isCordoned ? 15 : 10) + (conf.learners.includes(candidate.voter) ? 0 : 1);
}

type Step = Extract<VoterPlan, { kind: 'change' }>;

function nextStep(conf: VoterConf, hints: VoterHints, candidates: readonly Candidate[], wanted: ReadonlySet<VoterId>): Step | Extract<VoterPlan, { kind: 'none' }> {
  const byVoter = new Map(candidates.map((candidate) => [candidate.voter, candidate]));
  const isAlive = (voter: VoterId): boolean => (byVoter.get(voter)?.goneMs ?? VOTER_GONE_MS) < VOTER_GONE_MS && byVoter.has(voter);
  const missing = [...wanted].filter((voter) => !conf.voters.includes(voter)).flatMap((voter) => byVoter.get(voter) ?? []);
  const surplus = conf.voters.filter((voter) => !wanted.has(voter) && voter !== hints.leader);
  const stale = conf.learners.find((voter) => !byVoter.has(voter));
  const idle = conf.learners.find((voter) => !wanted.has(voter) && byVoter.get(voter)?.isWitness === false);

  const alive = conf.voters.filter((voter) => voter === hints.leader || isAlive(voter)).length;
  if (alive < majorityOf(conf.voters.length)) {
    return { kind: 'none', reason: 'noMajority', detail: `only ${alive} of ${conf.voters.length} voters answer` };
  }
  if (stale !== undefined) return change('remove', stale, conf.witnesses.includes(stale), `${stale} belongs to a store that is no more`);
  const vacant = vacantSeat(conf, candidates, hints);
  if (vacant !== undefined && conf.voters.length >= wanted.size) return change('remove', vacant, conf.witnesses.includes(vacant), `${vacant} is nobody's vote any more`);
  const newcomer = missing.find((candidate) => mayBegin(candidate, hints));
  if (newcomer !== undefined) return seat(conf, newcomer);
  const givenUp = conf.voters.find((voter) => voter !== hints.leader && hints.leaving?.has(memberOfVoter(voter)) === true);
  if (givenUp !== undefined && fateWithout(conf, hints, candidates, memberOfVoter(givenUp)) === 'decidesWithoutSeat') return change('remove', givenUp, conf.witnesses.includes(givenUp), `${memberOfVoter(givenUp)} leaves, and the others could not decide beside its seat`);
  if (surplus.length > 0) return unseat(conf, surplus, isAlive, wanted);
  if (missing.length > 0) return { kind: 'none', reason: 'noCandidate', detail: `${missing.map((each) => each.member).join(', ')} should vote but does not answer` };
  if (idle !== undefined) return change('remove', idle, false, `${memberOfVoter(idle)} is not needed as a voter`);
  return { kind: 'none', reason: 'asWanted', detail: `${conf.voters.length} voters, as wanted` };
}

/** The way to a seat: learn first, vote when the log is there. */
function seat(conf: VoterConf, newcomer: Candidate): Step | Extract<VoterPlan, { kind: 'none' }> {
  const { voter, member, isWitness } = newcomer;
  if (!conf.learners.includes(voter)) return change('addLearner', voter, isWitness, `${member} shall learn the log, to become a voter`);
  const behind = conf.lastIndex - (conf.match[voter] ?? 0);
  if (behind > CAUGHT_UP_LAG_ENTRIES) return { kind: 'none', reason: 'catchingUp', detail: `${member} is ${behind} entries behind` };
  return change('promote', voter, isWitness, `${member} has caught up and becomes a voter`);
}

/** Somebody too many: the dead first. Every wanted voter sits already, so what is left is at least as many as should be. */
function unseat(conf: VoterConf, surplus: readonly VoterId[], isAlive: (voter: VoterId) => boolean, wanted: ReadonlySet<VoterId>): Step | Extract<VoterPlan, { kind: 'none' }> {
  const [voter] = surplus.toSorted((left, right) => Number(isAlive(left)) - Number(isAlive(right)) || (left < right ? -1 : 1));
  const left = conf.voters.length - 1;
  if (voter === undefined || left < wanted.size) return { kind: 'none', reason: 'noCandidate', detail: `nobody could take the place of ${voter ?? 'a voter'}` };
  return change('remove', voter, conf.witnesses.includes(voter), `${memberOfVoter(voter)} is not needed as a voter any more`);
}

function change(kind: VoterChange['kind'], voter: VoterId, witness: boolean, detail: string): Step {
  return { kind: 'change', change: { kind, voter, witness }, detail };
}
