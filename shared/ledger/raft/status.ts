/**
 * How does a member of the log look to people and to the policies above it? A plain value, made on request.
 */
import { membersOf } from './conf-change.ts';
import type { RaftLog } from './log.ts';
import type { Progress, ProgressState } from './progress.ts';
import type { ConfState, Role, VoterId } from './types.ts';

export type PeerStatus = {
  readonly id: VoterId;
  /** `leaving`: no longer in the configuration, which is not committed yet. */
  readonly standing: 'voter' | 'learner' | 'leaving';
  readonly isWitness: boolean;
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  /** Entries that it is behind the leader's log. */
  readonly lag: number;
  /** Heard from within the election timeout. */
  readonly recentActive: boolean;
  readonly silentTicks: number;
};

export type RaftStatus = {
  readonly id: VoterId;
  readonly role: Role;
  readonly term: number;
  readonly vote: VoterId | null;
  readonly leader: VoterId | null;
  readonly commit: number;
  readonly applied: number;
  readonly stable: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly snapshotIndex: number;
  readonly conf: ConfState;
  /** Index of the entry that brought `conf`. */
  readonly confIndex: number;
  readonly isConfCommitted: boolean;
  /** True on a leader whose no-op is committed: it confirms reads and may change members. */
  readonly isTermCommitted: boolean;
  readonly transferTo: VoterId | null;
  readonly pendingReads: number;
  /** Messages dropped for want of room since the start. */
  readonly messagesDropped: number;
};

type Parts = Pick<
  RaftStatus,
  'id' | 'role' | 'term' | 'vote' | 'leader' | 'isTermCommitted' | 'transferTo' | 'pendingReads' | 'messagesDropped'
> & {
  readonly log: RaftLog;
};

/** Asked for at every message and proposal: what costs more stands in {@link describePeers}. */
export function describeStatus(parts: Parts): RaftStatus {
  const { log } = parts;
  return {
    id: parts.id,
    role: parts.role,
    term: parts.term,
    vote: parts.vote,
    leader: parts.leader,
    isTermCommitted: parts.isTermCommitted,
    transferTo: parts.transferTo,
    pendingReads: parts.pendingReads,
    messagesDropped: parts.messagesDropped,
    commit: log.committed,
    applied: log.applied,
    stable: log.stable,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    snapshotIndex: log.snapshot?.index ?? 0,
    conf: log.conf,
    confIndex: log.confIndex,
    isConfCommitted: log.confIndex <= log.committed,
  };
}

export function describePeers(progress: ReadonlyMap<VoterId, Progress>, log: RaftLog, electionTicks: number): readonly PeerStatus[] {
  return [...progress].map(([id, peer]) => describePeer(id, peer, log, electionTicks));
}

function describePeer(id: VoterId, peer: Progress, log: RaftLog, electionTicks: number): PeerStatus {
  const { conf } = log;
  const standing = conf.voters.includes(id) ? 'voter' : membersOf(conf).includes(id) ? 'learner' : 'leaving';
  return {
    id,
    standing,
    isWitness: conf.witnesses.includes(id),
    match: peer.match,
    next: peer.next,
    state: peer.state,
    lag: log.lastIndex - peer.match,
    recentActive: peer.silentTicks < electionTicks,
    silentTicks: peer.silentTicks,
  };
}
