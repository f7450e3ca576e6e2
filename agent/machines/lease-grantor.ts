/**
 * Whose lease may be renewed? What a voter does with the renewals that reach it.
 *
 *     renewal arrives --> remembered (a hint on every voter)
 *         on the leader: judged --refuse--> answered at once
 *                               --grant--> waiting --gathered, round begins--> in flight --round confirmed, judged again--> granted
 *
 * What must hold (SAFETY.md 4.2): a renewal is granted only after a quorum round of the leader's own term that *began
 * after the renewal arrived* was answered. So nobody else led when it arrived, and a leader that was replaced without
 * knowing it grants nothing. One round is in flight at a time; what arrives meanwhile waits for the next one. But a round may be lost,
 * and the next heartbeat is far: a renewal that arrives when a round is older than the spacing begins another one beside it, for itself
 * and for all that wait. The overdue one still grants what it was begun for, should it be answered after all.
 *
 * A round costs a message to every voter and back, so none begins before those renewals are there that come together with
 * the first (lease-holder.ts): waiting before the round is always safe, since the round still begins after each arrived.
 */
import type { BootId, NodeId } from '../../shared/ids.ts';
import type { Step } from '../../shared/machine.ts';
import { fenceWaitOf } from '../../shared/model/cell.ts';
import type { CellState } from '../../shared/model/cell.ts';
import { isFenced } from '../../shared/model/node.ts';
import { TIMING_PROFILES } from '../../shared/model/timing.ts';
import { Table } from '../../shared/table.ts';
import { unreachable } from '../../shared/errors.ts';
import { constantsHash } from '../../shared/wire/lease.ts';
import type { Grant, LeaseRefusal, Renewal } from '../../shared/wire/lease.ts';
import { hearRenewal } from './lease-heard.ts';
import type { HeardNode } from './lease-heard.ts';

/** What a renewal is judged by: the applied state, and what the leader decided but has not yet seen applied. */
export interface GrantRules {
  readonly cell: CellState;
  /** Boots that get no grant, because their end was proposed: see fence.ts. */
  readonly halted: ReadonlySet<BootId>;
  /** Least time between the beginnings of two rounds, ms: a round costs a message to every voter. */
  readonly roundSpacingMs: number;
  /** How long the first renewal that waits lets others come, before its round begins, ms. */
  readonly gatherMs: number;
  /** A renewal that waits longer than this is worth nothing to its sender (P). */
  readonly petWindowMs: number;
}

/** `halted`: no answer at all; the boot's fate is being decided. */
export type Verdict = { readonly kind: 'grant' } | { readonly kind: 'refuse'; readonly reason: LeaseRefusal } | { readonly kind: 'halted' };

export interface Waiting {
  readonly renewal: Renewal;
  /** Where the answer goes. */
  readonly address: string;
  readonly arrivedAtMs: number;
}

/** A round: its number, and the renewals that arrived before it began. */
interface Round {
  readonly number: number;
  readonly renewals: readonly Waiting[];
}

/** How many overdue rounds are remembered: what fits into P, at the spacing of `standard`. */
const OVERDUE_MAX = 12;

export interface GrantorState {
  /** The term that this member leads in, null when it does not lead. */
  readonly term: number | null;
  readonly heard: Table<NodeId, HeardNode>;
  readonly waiting: Table<NodeId, Waiting>;
  /** When the first of those that wait arrived; without meaning while none does. */
  readonly waitingSinceMs: number;
  /** The latest round, while it is under way. */
  readonly round: Round | null;
  /** Earlier ones that are overdue, oldest first; at most {@link OVERDUE_MAX}. */
  readonly overdue: readonly Round[];
  readonly rounds: number;
  readonly roundBeganAtMs: number;
}

export type GrantorEvent = { readonly atMs: number } & (
  /** Authenticated: `renewal.node` is who sealed it. */
  | { readonly kind: 'arrived'; readonly renewal: Renewal; readonly address: string }
  /** The answer to `beginRound`. True only as LeaderLog.confirmLeadership defines it, in the state's own term. */
  | { readonly kind: 'roundEnded'; readonly round: number; readonly confirmed: boolean }
  | { readonly kind: 'leads'; readonly term: number | null }
  | { readonly kind: 'timer' }
);

export type GrantorEffect =
  | { readonly kind: 'beginRound'; readonly round: number }
  | { readonly kind: 'answer'; readonly to: NodeId; readonly address: string; readonly grant: Grant }
  /** A fresh renewal of the node's current boot came in. `counted`: it may be granted, so the node may live on from here. */
  | { readonly kind: 'renewalHeard'; readonly node: NodeId; readonly bootId: BootId; readonly counted: boolean }
  | { readonly kind: 'reportDrift'; readonly node: NodeId; readonly rate: number }
  /** Two boots renew in one node's name, in turn: a cloned identity (SAFETY.md 5.5). Both are refused. */
  | { readonly kind: 'reportTwoBoots'; readonly node: NodeId; readonly bootIds: readonly BootId[] };

export function startGrantor(): GrantorState {
  return { term: null, heard: Table.empty(), waiting: Table.empty(), waitingSinceMs: -Infinity, round: null, overdue: [], rounds: 0, roundBeganAtMs: -Infinity };
}

/** What the rules say of a renewal now. `isDisputed`: two boots use the node's name. */
export function judgeRenewal(renewal: Renewal, isDisputed: boolean, rules: GrantRules): Verdict {
  const { cell } = rules;
  if (renewal.clusterUuid !== cell.clusterUuid || renewal.cell !== cell.cell) return { kind: 'refuse', reason: 'wrongCluster' };
  const node = cell.nodes.get(renewal.node);
  if (node?.pastBoots.includes(renewal.bootId) === true) return { kind: 'refuse', reason: 'fenced' };
  // Any other boot than the ledger's is one that is not recorded yet: it gets nothing, but is not told to die.
  if (node === undefined || node.phase === 'removed' || node.bootId !== renewal.bootId) return { kind: 'refuse', reason: 'notAdmitted' };
  if (isFenced(node, renewal.bootId) || node.fenceIntentIndex !== null) return { kind: 'refuse', reason: 'fenced' };
  if (rules.halted.has(renewal.bootId)) return { kind: 'halted' };
  if (isDisputed) return { kind: 'refuse', reason: 'notAdmitted' };
  if (!isCovered(cell, renewal.node, renewal.constants)) return { kind: 'refuse', reason: 'wrongProfile' };
  return { kind: 'grant' };
}

/**
 * Whether a keeper of the node may pet by the profile with this hash: the fence wait kept for its boot covers it. So an armed keeper
 * goes on by its old profile after the cell took another one: the ledger never shortens the wait of a running boot.
 */
function isCovered(cell: CellState, node: NodeId, constants: number): boolean {
  const fenceWaitMs = fenceWaitOf(cell, node);
  return PROFILES.some((profile) => profile.fenceWaitMs <= fenceWaitMs && constantsHash(profile) === constants);
}

const PROFILES = Object.values(TIMING_PROFILES);

/** When the next `timer` event is due; null when none is. */
export function grantorWakesAtMs(state: GrantorState, rules: GrantRules): number | null {
  if (state.term === null || state.round !== null || state.waiting.size === 0) return null;
  return Math.max(state.roundBeganAtMs + rules.roundSpacingMs, state.waitingSinceMs + rules.gatherMs);
}

/** One step. A grant leaves only after a quorum round that began after its renewal arrived (SAFETY.md 4.2). */
export function stepGrantor(state: GrantorState, event: GrantorEvent, rules: GrantRules): Step<GrantorState, GrantorEffect> {
  switch (event.kind) {
    case 'arrived':
      return onArrived(state, event.renewal, event.address, event.atMs, rules);
    case 'roundEnded':
      return onRoundEnded(state, event.round, event.confirmed, event.atMs, rules);
    case 'leads':
      return onLeads(state, event.term, event.atMs, rules);
    case 'timer':
      return beginRound(state, event.atMs, rules);
    default:
      return unreachable(event);
  }
}

function onArrived(before: GrantorState, renewal: Renewal, address: string, atMs: number, rules: GrantRules): Step<GrantorState, GrantorEffect> {
  // Only nodes of the ledger are remembered: that bounds the table.
  if (!rules.cell.nodes.has(renewal.node)) return { state: before, effects: [] };
  const { heard, isFresh, driftRate, disputedBoots } = hearRenewal(before.heard.get(renewal.node), { renewal, address, arrivedAtMs: atMs });
  // A replayed, repeated or overtaken datagram says nothing new.
  if (!isFresh) return { state: before, effects: [] };
  const state: GrantorState = { ...before, heard: before.heard.set(renewal.node, heard) };
  const effects: GrantorEffect[] = [];
  if (driftRate !== null) effects.push({ kind: 'reportDrift', node: renewal.node, rate: driftRate });
  if (state.term === null) return { state, effects };
  if (disputedBoots !== null) effects.push({ kind: 'reportTwoBoots', node: renewal.node, bootIds: disputedBoots });
  const judged = enqueue(state, { renewal, address, arrivedAtMs: atMs }, rules);
  const begun = beginRound(besideOverdue(judged.state, atMs, rules), atMs, rules);
  return { state: begun.state, effects: [...effects, ...judged.effects, ...begun.effects] };
}

/** Does not wait for a round that is overdue. What it was begun for waits for the next one, too: that one begins even later. */
function besideOverdue(state: GrantorState, atMs: number, rules: GrantRules): GrantorState {
  const { round } = state;
  if (round === null || atMs < state.roundBeganAtMs + rules.roundSpacingMs) return state;
  let { waiting, waitingSinceMs } = state;
  for (const one of round.renewals) {
    waitingSinceMs = waiting.size === 0 ? one.arrivedAtMs : Math.min(waitingSinceMs, one.arrivedAtMs);
    if (!waiting.has(one.renewal.node)) waiting = waiting.set(one.renewal.node, one);
  }
  return { ...state, round: null, overdue: [...state.overdue, round].slice(-OVERDUE_MAX), waiting, waitingSinceMs };
}

/** Judges a renewal on the leader: it waits for a round, or is answered at once. */
function enqueue(state: GrantorState, one: Waiting, rules: GrantRules): Step<GrantorState, GrantorEffect> {
  const { renewal, address } = one;
  const verdict = judgeRenewal(renewal, isDisputed(state, renewal.node, one.arrivedAtMs), rules);
  const isCurrent = rules.cell.nodes.get(renewal.node)?.bootId === renewal.bootId;
  const effects: GrantorEffect[] = [];
  if (isCurrent) effects.push({ kind: 'renewalHeard', node: renewal.node, bootId: renewal.bootId, counted: verdict.kind === 'grant' });
  if (verdict.kind === 'refuse') effects.push(answer(renewal, address, verdict.reason, rules));
  if (verdict.kind !== 'grant') return { state, effects };
  const waitingSinceMs = state.waiting.size === 0 ? one.arrivedAtMs : Math.min(state.waitingSinceMs, one.arrivedAtMs);
  return { state: { ...state, waiting: state.waiting.set(renewal.node, one), waitingSinceMs }, effects };
}

function beginRound(state: GrantorState, atMs: number, rules: GrantRules): Step<GrantorState, GrantorEffect> {
  const dueAtMs = grantorWakesAtMs(state, rules);
  if (dueAtMs === null || atMs < dueAtMs) return { state, effects: [] };
  const number = state.rounds + 1;
  const round = { number, renewals: [...state.waiting.values()] };
  return { state: { ...state, round, rounds: number, roundBeganAtMs: atMs, waiting: Table.empty() }, effects: [{ kind: 'beginRound', round: number }] };
}

function onRoundEnded(before: GrantorState, number: number, confirmed: boolean, atMs: number, rules: GrantRules): Step<GrantorState, GrantorEffect> {
  const { term } = before;
  const round = [...before.overdue, before.round].find((each) => each?.number === number) ?? null;
  if (round === null || term === null) return { state: before, effects: [] };
  const effects: GrantorEffect[] = [];
  for (const { renewal, address, arrivedAtMs } of confirmed ? round.renewals : []) {
    // Again, because the node's fate may have been decided while the round was under way (S10).
    const verdict = judgeRenewal(renewal, isDisputed(before, renewal.node, arrivedAtMs), rules);
    if (verdict.kind === 'grant') effects.push(answer(renewal, address, 'granted', rules));
    if (verdict.kind === 'refuse') effects.push(answer(renewal, address, verdict.reason, rules));
  }
  const next = beginRound({ ...before, round: round === before.round ? null : before.round, overdue: before.overdue.filter((each) => each.number > number) }, atMs, rules);
  return { state: next.state, effects: [...effects, ...next.effects] };
}

/** A new leader asks at once for those that it heard lately: they wait for an answer since the old one fell silent. */
function onLeads(before: GrantorState, term: number | null, atMs: number, rules: GrantRules): Step<GrantorState, GrantorEffect> {
  let state: GrantorState = { ...before, term, round: null, overdue: [], waiting: Table.empty() };
  if (term === null) return { state, effects: [] };
  const effects: GrantorEffect[] = [];
  for (const { last } of before.heard.values()) {
    if (atMs - last.arrivedAtMs >= rules.petWindowMs) continue;
    const judged = enqueue(state, last, rules);
    state = judged.state;
    effects.push(...judged.effects);
  }
  const begun = beginRound(state, atMs, rules);
  return { state: begun.state, effects: [...effects, ...begun.effects] };
}

function answer(renewal: Renewal, address: string, status: Grant['status'], rules: GrantRules): GrantorEffect {
  const constants = constantsHash(TIMING_PROFILES[rules.cell.parameters.profile]);
  const grant: Grant = { kind: 'grant', nonce: renewal.nonce, status, constants };
  return { kind: 'answer', to: renewal.node, address, grant };
}

function isDisputed(state: GrantorState, node: NodeId, atMs: number): boolean {
  return atMs < (state.heard.get(node)?.disputedUntilMs ?? -Infinity);
}
