/**
 * How is whoever leads asked until it answers? Again and again within one deadline, more rarely while it is busy.
 */
import { ClusterError } from '../../errors.ts';
import type { MemberId } from '../../ids.ts';
import type { Mesh } from '../../wire/mesh.ts';
import type { World } from '../../world.ts';
import type { Command, EntryData } from '../commands.ts';
import type { Proposed } from '../replicated-log.ts';
import { pause } from './deadline.ts';
import { mayHaveHadEffect } from './proposals.ts';
import type { Attempts } from './proposals.ts';
import type { Replica } from './replica.ts';

const RETRY_MS = 60;
/** A leader that is behind with its work is asked again after this long, then twice as long, and so on: each refusal costs it time, too. */
const BUSY_RETRY_MS = 250;
const BUSY_RETRY_MS_MAX = 2_000;
/** Longest wait for one answer of a leader: a stopped one must not eat the caller's whole deadline. */
export const LEADER_ANSWER_MS = 4_000;

/** Who asks. */
export interface Asker {
  readonly world: World;
  /** Who leads, as far as is known here now. */
  leader(): MemberId | null;
  isStopped(): boolean;
}

/**
 * Asks until there is an answer; `attempt` answers null when that member does not lead (any more). Rejects with ClusterError
 * `LedgerTimeout` (an attempt may have had its effect), `NoLeader`, `LedgerStopped`, or whatever is not retryable.
 */
export async function askLeader<Value>(
  { world, leader, isStopped }: Asker, timeoutMs: number, what: string, attempt: (leader: MemberId, remainingMs: number) => Promise<Value | null>,
): Promise<Value> {
  const { clock, timers, chance } = world;
  const deadlineAtMs = clock.nowMs() + timeoutMs;
  let lastError: unknown = null;
  let busyRetryMs = BUSY_RETRY_MS;
  while (!isStopped()) {
    const remainingMs = deadlineAtMs - clock.nowMs();
    if (remainingMs <= 0) break;
    let retryMs = RETRY_MS;
    const leading = leader();
    if (leading !== null) {
      try {
        const value = await attempt(leading, remainingMs);
        if (value !== null) return value;
      } catch (error) {
        if (!(error instanceof ClusterError) || !error.retryable) throw error;
        lastError = error;
        if (error.code === 'LeaderBusy') {
          retryMs = busyRetryMs;
          busyRetryMs = Math.min(2 * busyRetryMs, BUSY_RETRY_MS_MAX);
        }
      }
    }
    await pause(timers, Math.min(retryMs * (0.5 + chance.next()), Math.max(1, deadlineAtMs - clock.nowMs())));
  }
  if (isStopped()) throw new ClusterError('LedgerStopped', 'this member of the ledger has stopped', { retryable: false });
  const code = lastError instanceof ClusterError && lastError.code !== 'PeerUnreachable' ? 'LedgerTimeout' : 'NoLeader';
  throw new ClusterError(code, `could not ${what} within ${Math.round(timeoutMs)} ms`, { retryable: true, cause: lastError ?? undefined });
}

/** Who proposes. */
export interface Proposer extends Asker {
  readonly mesh: Mesh;
  readonly self: MemberId;
  readonly replica: Replica;
}

/**
 * Proposes a command to whoever leads until it is committed; `here` proposes it where this member leads itself, and answers null when it does
 * not. With `appliedHere` it also waits until this member has applied it. Rejects as {@link askLeader} does.
 */
export async function proposeToLeader(
  proposer: Proposer, command: Command, { timeoutMs, appliedHere }: { readonly timeoutMs: number; readonly appliedHere?: boolean },
  here: (data: EntryData, attempts: Attempts, remainingMs: number) => Promise<Proposed> | null,
): Promise<Proposed> {
  const { mesh, replica, self, world } = proposer;
  const data: EntryData = { command, at: world.clock.wallTime(), by: self };
  const since = replica.index;
  let isRepeat = false;
  const proposed = await askLeader(proposer, timeoutMs, `propose ${command.kind}`, async (leader, remainingMs) => {
    try {
      if (leader === self) return await here(data, { since, isRepeat }, remainingMs);
      return (await mesh.request(leader, 'propose', { ...data, since, isRepeat }, { timeoutMs: Math.min(remainingMs, LEADER_ANSWER_MS) })) as Proposed;
    } catch (error) {
      isRepeat ||= mayHaveHadEffect(error);
      throw error;
    }
  });
  if (appliedHere === true) await replica.waitApplied(proposed.index, world.timers, timeoutMs);
  return proposed;
}
