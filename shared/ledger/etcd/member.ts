/**
 * What does one member write to the head, and when? The machine that leads, or waits to lead, a ledger in etcd.
 *
 *     follower --head did not move for an election timeout, and a fresh read says so--> campaigning --happened--> in office
 *         ^                                                     |  refused, unknown: read                        |
 *         +-----------------------------------------------------+<--another's campaign seen, or no word of etcd--+
 *
 * What must hold:
 * - Every write compares the head's revision and replaces the head, so writes form one chain. One write of this member is under way at a
 *   time. A write that was refused, or got no answer, is followed by a read; what it carried is written again only from a head
 *   up to which everything was applied here without it being there. So a proposal is in the log once at most: two writes that
 *   carry it began from the same head, of which one at most happens, or the first can happen no more.
 * - A term is led by one process, for one stretch: `campaign` names both, and who gave a term up never leads it again. What was promised in it
 *   (no grant for a boot whose end was proposed) is in that process's memory only.
 * - In office means: the head named this campaign, and this member has applied the entry that opens its term.
 */
import { unreachable } from '../../errors.ts';
import type { MemberId } from '../../ids.ts';
import type { Step } from '../../machine.ts';
import type { EntryData } from '../commands.ts';
import type { Base, Head, StoredEntry } from './records.ts';

/** How long is what, ms: the beats and elections of the cell's profile. */
export interface MemberTimes {
  readonly beatMs: number;
  readonly electionMinMs: number;
  readonly electionMaxMs: number;
}

/** Whether this member campaigns: at once, only when nobody else did for long, or never (a coordinator). */
export type Willingness = 'gladly' | 'reluctantly' | 'never';

/** What a leader was asked to append. `bytes`: about how long it is in etcd. */
export interface Proposal {
  readonly id: string;
  readonly data: EntryData;
  readonly bytes: number;
}

/** The head as etcd had it, with the revision of the write that made it. */
export interface SeenHead {
  readonly value: Head;
  readonly revision: number;
}

interface Commit {
  readonly number: number;
  readonly kind: 'append' | 'campaign' | 'resign';
  readonly sentAtMs: number;
  /** The head that it began from, and the one that it makes. */
  readonly fromRevision: number;
  readonly head: Head;
  readonly proposals: readonly Proposal[];
  /** Those that were not applied here yet: an earlier write that carried one may happen while this one is under way. */
  readonly open: readonly Proposal[];
}

export interface MemberState {
  readonly self: MemberId;
  /** Of this process: no other one, before or after, has the same. */
  readonly session: string;
  readonly times: MemberTimes;
  readonly willingness: Willingness;
  /** The last entry that was applied here. */
  readonly applied: number;
  readonly head: SeenHead | null;
  /** When the head was last seen to move. */
  readonly movedAtMs: number;
  /** Whether it has not moved for so long that its leader may be dead. */
  readonly isSilent: boolean;
  /** When to look whether it moved after all, and else to campaign. */
  readonly lookAtMs: number;
  /** Since when a read is under way that this machine asked for; null: none is. */
  readonly readingSinceMs: number | null;
  readonly commit: Commit | null;
  readonly commits: number;
  /** Whether a write was refused or got no answer since the last read that settled that. */
  readonly isUncertain: boolean;
  /** What such a write carried, as far as it was not applied here, and the revision that it began from. */
  readonly unsettled: readonly Proposal[];
  readonly unsettledRevision: number;
  readonly queue: readonly Proposal[];
  readonly queueBytes: number;
  /** `index`: of the entry that opens the term. `confirmedAtMs`: when the last request began whose answer showed that the term goes on. */
  readonly office: { readonly term: number; readonly campaign: string; readonly index: number; readonly confirmedAtMs: number } | null;
  /** No term up to this one is led by this process (again). */
  readonly resignedTerm: number;
  /** A snapshot that is complete in etcd, for the next write to name. */
  readonly newBase: Base | null;
  /** Asked to let somebody else lead: the next write says so, and others go first. */
  readonly isResigning: boolean;
}

/** `draw`: from 0 (inclusive) to 1. */
export type MemberEvent = { readonly atMs: number; readonly draw: number } & (
  /**
   * A linearizable read that began at `beganAtMs` showed this; what it showed of entries was applied before. Null: nothing was founded.
   * `wantedSinceMs`: since when none had succeeded that was asked for.
   */
  | { readonly kind: 'headRead'; readonly head: SeenHead | null; readonly beganAtMs: number; readonly wantedSinceMs: number }
  /** A watch told this: possibly old. */
  | { readonly kind: 'headHeard'; readonly head: SeenHead }
  /** Entries up to `index` were applied; `ids`: the proposals among them, null when a snapshot does not tell. */
  | { readonly kind: 'applied'; readonly index: number; readonly ids: ReadonlySet<string> | null }
  /** `unknown`: it may have happened, and may still happen. `revision`: of what was written. */
  | { readonly kind: 'writeEnded'; readonly number: number; readonly outcome: 'happened' | 'refused' | 'unknown'; readonly revision: number }
  | { readonly kind: 'proposed'; readonly proposal: Proposal }
  | { readonly kind: 'willing'; readonly willingness: Willingness }
  | { readonly kind: 'baseMade'; readonly base: Base }
  /** This leader is of no use to the cell (it is deaf, or ends): somebody else shall lead. */
  | { readonly kind: 'resign' }
  | { readonly kind: 'timer' }
);

export type MemberEffect =
  /** Answered by `headRead`, however long that takes; one at a time. */
  | { readonly kind: 'read'; readonly because: 'silence' | 'uncertainty' }
  /** Answered by `writeEnded`. `base`: the head names it for the first time; what it replaces may go. */
  | { readonly kind: 'write'; readonly number: number; readonly fromRevision: number; readonly head: Head; readonly entries: readonly StoredEntry[]; readonly base: Base | null }
  /** This member's own write happened: apply them if they are next. */
  | { readonly kind: 'committed'; readonly entries: readonly StoredEntry[] }
  /** These proposals are not in the log and never will be. */
  | { readonly kind: 'dropped'; readonly ids: readonly string[] };

type MemberStep = Step<MemberState, MemberEffect>;

/** Entries of one write: etcd takes 128 operations (--max-txn-ops), and the head is one. */
const ENTRIES_MAX = 64;
/** What one write carries, bytes, though always one entry: etcd takes 1.5 MiB (--max-request-bytes). */
const WRITE_BYTES_MAX = 512 * 1024;
/** A leader that heard nothing of etcd for so many election timeouts gives up: leases have run out long before. */
const PATIENCE = 2;
/** Who leads only reluctantly waits so many election timeouts. */
const RELUCTANCE = 4;

/** A process that has just started and knows nothing. Its first event is a read. */
export function startMember(about: Pick<MemberState, 'self' | 'session' | 'times' | 'willingness'>, atMs: number): MemberState {
  return {
    ...about, applied: 0, head: null, movedAtMs: atMs, isSilent: true, lookAtMs: atMs, readingSinceMs: null, commit: null, commits: 0,
    isUncertain: false, unsettled: [], unsettledRevision: 0, queue: [], queueBytes: 0, office: null, resignedTerm: 0, newBase: null,
    isResigning: false,
  };
}

/** Whether it leads and has applied everything that was committed before its term. */
export function isLeading({ office, applied }: MemberState): boolean {
  return office !== null && applied >= office.index;
}

/** When the next `timer` event is due. */
export function memberWakesAtMs(state: MemberState): number {
  const { office, times } = state;
  if (office === null) return state.readingSinceMs !== null || state.commit !== null ? Infinity : state.lookAtMs;
  const beatAtMs = canWrite(state) ? state.movedAtMs + times.beatMs : Infinity;
  return Math.min(beatAtMs, givesUpAtMs(office, times));
}

/** Asked for by whoever sets the timer and by whoever it wakes: both must come to the same sum. */
function givesUpAtMs({ confirmedAtMs }: { readonly confirmedAtMs: number }, times: MemberTimes): number {
  return confirmedAtMs + PATIENCE * times.electionMaxMs;
}

/** What was proposed here and is not applied yet: it waits, is under way, or nobody knows. */
export function openProposals({ commit, queue, unsettled }: MemberState): readonly Proposal[] {
  return [...unsettled, ...(commit?.open ?? []), ...queue];
}

/** One step. */
export function stepMember(before: MemberState, event: MemberEvent): MemberStep {
  const { state, effects } = stepOwn(before, event);
  return proceed(before, state, effects, event.atMs);
}

function stepOwn(before: MemberState, event: MemberEvent): MemberStep {
  switch (event.kind) {
    case 'headRead':
      return onHeadRead(before, event.head, event, event);
    case 'headHeard':
      return noteHead(before, event.head, event);
    case 'applied':
      return { state: onApplied(before, event.index, event.ids), effects: [] };
    case 'writeEnded':
      return onWriteEnded(before, event);
    case 'proposed':
      if (!isLeading(before)) return { state: before, effects: [{ kind: 'dropped', ids: [event.proposal.id] }] };
      return { state: { ...before, queue: [...before.queue, event.proposal], queueBytes: before.queueBytes + event.proposal.bytes }, effects: [] };
    case 'willing':
      return { state: { ...before, willingness: event.willingness }, effects: [] };
    case 'baseMade':
      return { state: before.office === null ? before : { ...before, newBase: event.base }, effects: [] };
    case 'resign':
      return { state: before.office === null ? before : { ...before, isResigning: true }, effects: [] };
    case 'timer':
      return onTimer(before, event);
    default:
      return unreachable(event);
  }
}

interface Now {
  readonly atMs: number;
  readonly draw: number;
}

/** Takes in a head if it is news. One of another campaign ends this member's office. */
function noteHead(before: MemberState, head: SeenHead, now: Now): MemberStep {
  if (head.revision <= (before.head?.revision ?? 0)) return { state: before, effects: [] };
  const state: MemberState = { ...before, head, movedAtMs: now.atMs, isSilent: false, lookAtMs: now.atMs + patienceMs(before.times, head.value, now.draw) };
  return before.office === null || head.value.campaign === before.office.campaign ? { state, effects: [] } : leaveOffice(state, now.atMs);
}

/** How long a head may stand still. Nobody has to be waited for where nobody leads. */
function patienceMs({ beatMs, electionMinMs, electionMaxMs }: MemberTimes, head: Head | null, draw: number): number {
  return head?.leader === null ? draw * beatMs : electionMinMs + draw * (electionMaxMs - electionMinMs);
}

function onHeadRead(before: MemberState, head: SeenHead | null, { beganAtMs, wantedSinceMs }: { readonly beganAtMs: number; readonly wantedSinceMs: number }, now: Now): MemberStep {
  const read: MemberState = { ...before, readingSinceMs: null };
  if (head === null) return { state: { ...read, lookAtMs: now.atMs + read.times.electionMaxMs }, effects: [] };
  const noted = noteHead(read, head, now);
  const inOffice = takeOffice(confirm(noted.state, head, beganAtMs), beganAtMs);
  const settled = settle(inOffice.state);
  const { state } = settled;
  const effects = [...noted.effects, ...inOffice.effects, ...settled.effects];
  const isMoved = head.revision > (before.head?.revision ?? 0);
  if (state.office !== null || isMoved || beganAtMs < state.lookAtMs) return { state, effects };
  return { state: considerCampaign(state, Math.min(wantedSinceMs, before.readingSinceMs ?? beganAtMs), now), effects };
}

function confirm(state: MemberState, head: SeenHead, beganAtMs: number): MemberState {
  const { office } = state;
  if (office === null || head.value.campaign !== office.campaign || beganAtMs <= office.confirmedAtMs) return state;
  return { ...state, office: { ...office, confirmedAtMs: beganAtMs } };
}

/**
 * The head names a campaign of this process: it leads, from the entry on that opened the term. What it could not settle in an earlier term
 * began from a head before that, which was applied here before the campaign: it is not in the log and cannot come any more.
 */
function takeOffice(before: MemberState, confirmedAtMs: number): MemberStep {
  const head = before.head?.value;
  if (head === undefined || before.office !== null || head.term <= before.resignedTerm || head.campaign !== campaignOf(before, head.term)) return { state: before, effects: [] };
  const office = { term: head.term, campaign: head.campaign, index: head.index, confirmedAtMs };
  const state: MemberState = { ...before, office, isSilent: false, isResigning: false, unsettled: [] };
  return { state, effects: dropped(before.unsettled) };
}

const dropped = (proposals: readonly Proposal[]): readonly MemberEffect[] => (proposals.length === 0 ? [] : [{ kind: 'dropped', ids: proposals.map(({ id }) => id) }]);

function campaignOf(state: Pick<MemberState, 'session'>, term: number): string {
  return `${state.session}.${term}`;
}

/** Nobody wrote for an election timeout. A read that took long says that etcd could not be written to: the leader gets time to notice that it can again. */
function considerCampaign(state: MemberState, wantedSinceMs: number, { atMs, draw }: Now): MemberState {
  const { head, times } = state;
  const isReady = head !== null && state.applied >= head.value.index && state.commit === null && !state.isUncertain;
  const isInTurn = state.willingness === 'gladly' || (state.willingness === 'reluctantly' && atMs - state.movedAtMs >= RELUCTANCE * times.electionMaxMs);
  const isPrompt = atMs - wantedSinceMs <= times.beatMs / 2;
  if (!isReady || !isInTurn || !isPrompt) {
    return { ...state, lookAtMs: atMs + (isPrompt ? 1 : 2) * times.beatMs + draw * (times.electionMaxMs - times.electionMinMs) };
  }
  const term = Math.max(head.value.term, state.resignedTerm) + 1;
  const next: Head = { ...head.value, index: head.value.index + 1, term, leader: state.self, campaign: campaignOf(state, term), beat: 0 };
  return withCommit(state, { kind: 'campaign', head: next, proposals: [] }, atMs);
}

function withCommit(state: MemberState, write: Pick<Commit, 'kind' | 'head' | 'proposals'>, atMs: number): MemberState {
  const number = state.commits + 1;
  return { ...state, commits: number, commit: { ...write, number, sentAtMs: atMs, fromRevision: state.head?.revision ?? 0, open: write.proposals } };
}

function onApplied(before: MemberState, index: number, ids: ReadonlySet<string> | null): MemberState {
  const state: MemberState = { ...before, applied: Math.max(before.applied, index) };
  // Nobody can tell any more whether what was sent is in it: it must be neither sent again nor called dropped.
  if (ids === null) return { ...state, unsettled: [], commit: state.commit === null ? null : { ...state.commit, open: [] } };
  if (ids.size === 0) return state;
  const isOpen = (proposal: Proposal): boolean => !ids.has(proposal.id);
  const commit = state.commit === null ? null : { ...state.commit, open: state.commit.open.filter(isOpen) };
  return withQueue({ ...state, commit, unsettled: state.unsettled.filter(isOpen) }, state.queue.filter(isOpen));
}

function withQueue(state: MemberState, queue: readonly Proposal[]): MemberState {
  return { ...state, queue, queueBytes: queue.reduce((sum, proposal) => sum + proposal.bytes, 0) };
}

type WriteEnded = Extract<MemberEvent, { kind: 'writeEnded' }>;

function onWriteEnded(before: MemberState, event: WriteEnded): MemberStep {
  const { commit } = before;
  if (commit === null || commit.number !== event.number) return { state: before, effects: [] };
  const ended: MemberState = { ...before, commit: null };
  if (event.outcome !== 'happened') {
    return { state: { ...ended, isUncertain: true, unsettled: [...ended.unsettled, ...commit.open], unsettledRevision: commit.fromRevision }, effects: [] };
  }
  const head: SeenHead = { value: commit.head, revision: event.revision };
  const noted = noteHead(ended, head, event);
  const settled = noted.state.newBase !== null && commit.head.base.name === noted.state.newBase.name ? { ...noted.state, newBase: null } : noted.state;
  const inOffice = takeOffice(confirm(settled, head, commit.sentAtMs), commit.sentAtMs);
  return { state: inOffice.state, effects: [{ kind: 'committed', entries: entriesOf(commit) }, ...noted.effects, ...inOffice.effects] };
}

function entriesOf({ kind, head, proposals }: Pick<Commit, 'kind' | 'head' | 'proposals'>): readonly StoredEntry[] {
  if (kind === 'campaign') return [{ index: head.index, term: head.term, id: null, data: null }];
  const first = head.index - proposals.length + 1;
  return proposals.map(({ id, data }, at) => ({ index: first + at, term: head.term, id, data }));
}

function onTimer(before: MemberState, now: Now): MemberStep {
  const { office, times } = before;
  if (office === null) {
    if (now.atMs < before.lookAtMs || before.readingSinceMs !== null || before.commit !== null) return { state: before, effects: [] };
    return { state: { ...before, isSilent: true, readingSinceMs: now.atMs }, effects: [{ kind: 'read', because: 'silence' }] };
  }
  if (now.atMs < givesUpAtMs(office, times)) return { state: before, effects: [] };
  const left = leaveOffice(before, now.atMs);
  return { state: { ...left.state, isSilent: true, lookAtMs: now.atMs + patienceMs(times, null, now.draw) }, effects: left.effects };
}

/** For good: this term is not led again. What was not sent never will be; what is under way is seen when it ends. */
function leaveOffice(before: MemberState, atMs: number): MemberStep {
  if (before.office === null) return { state: before, effects: [] };
  // The others come first, within a beat. If none does, this one has to be back before leases run out, its own among them.
  const lookAtMs = before.isResigning ? atMs + before.times.electionMinMs : before.lookAtMs;
  const state: MemberState = {
    ...withQueue(before, []), office: null, resignedTerm: Math.max(before.resignedTerm, before.office.term), newBase: null, isResigning: false, lookAtMs,
  };
  return { state, effects: dropped(before.queue) };
}

/** Ends the uncertainty about earlier writes, once everything up to the head was applied: what is not there is written again, if this member still leads. */
function settle(before: MemberState): MemberStep {
  const { head, office, unsettled } = before;
  if (head === null || before.commit !== null || before.applied < head.value.index) return { state: before, effects: [] };
  const state: MemberState = { ...before, isUncertain: false };
  if (unsettled.length === 0) return { state, effects: [] };
  if (office !== null) return { state: withQueue({ ...state, unsettled: [] }, [...unsettled, ...state.queue]), effects: [] };
  // While the head stands where that write began, it may still happen.
  if (head.revision === state.unsettledRevision) return { state, effects: [] };
  return { state: { ...state, unsettled: [] }, effects: dropped(unsettled) };
}

/** What follows from any event: the next read or write, if one is due. */
function proceed(before: MemberState, after: MemberState, effects: readonly MemberEffect[], atMs: number): MemberStep {
  let state = after;
  const all = [...effects];
  const isBehind = state.office !== null && state.applied < (state.head?.value.index ?? 0);
  if ((state.isUncertain || isBehind) && state.readingSinceMs === null && state.commit === null) {
    state = { ...state, readingSinceMs: atMs };
    all.push({ kind: 'read', because: 'uncertainty' });
  }
  if (isWriteDue(state, atMs)) state = withAppend(state, atMs);
  if (state.commit !== null && state.commits !== before.commits) all.push(writeOf(state.commit, after.head?.value.base ?? null));
  return { state, effects: all };
}

function isWriteDue(state: MemberState, atMs: number): boolean {
  const { isResigning, movedAtMs, newBase, queue, times } = state;
  return canWrite(state) && (queue.length > 0 || newBase !== null || isResigning || atMs >= movedAtMs + times.beatMs);
}

function canWrite({ applied, commit, head, isUncertain, office }: MemberState): boolean {
  return office !== null && head !== null && commit === null && !isUncertain && applied >= head.value.index;
}

/** As much of the queue as one write takes; without any it is a beat. */
function withAppend(state: MemberState, atMs: number): MemberState {
  const head = state.head?.value;
  if (head === undefined) return state;
  const base = state.newBase ?? head.base;
  if (state.isResigning) return withCommit(state, { kind: 'resign', head: { ...head, leader: null, campaign: '', beat: head.beat + 1 }, proposals: [] }, atMs);
  let bytes = 0;
  const fits = state.queue.findIndex((proposal, at) => (bytes += proposal.bytes) > WRITE_BYTES_MAX ? at > 0 : at >= ENTRIES_MAX);
  const proposals = fits < 0 ? state.queue : state.queue.slice(0, fits);
  const next: Head = { ...head, index: head.index + proposals.length, beat: proposals.length === 0 ? head.beat + 1 : head.beat, base };
  return withCommit(withQueue(state, state.queue.slice(proposals.length)), { kind: 'append', head: next, proposals }, atMs);
}

function writeOf(commit: Commit, base: Base | null): MemberEffect {
  const { number, fromRevision, head } = commit;
  return { kind: 'write', number, fromRevision, head, entries: entriesOf(commit), base: base !== null && head.base.name !== base.name ? head.base : null };
}
