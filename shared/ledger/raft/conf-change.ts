/**
 * Who belongs to the log after a change? Pure rules on `ConfState`, one member at a time.
 *
 *     (outside) --addLearner--> learner --promote--> voter --demote--> learner
 *     learner | voter --remove--> (outside)
 *
 * At most one voter differs between two consecutive configurations, so their majorities always share a member and no
 * joint configuration is needed (thesis 4.1). Nobody becomes a voter without having been a learner, so a new voter
 * does not hold up commits while it catches up (thesis 4.2.1).
 */
import type { ConfChange, ConfState, RejectReason, VoterId } from './types.ts';
import { unreachable } from '../../errors.ts';

/** The configuration of a member that has not been told yet. */
export const EMPTY_CONF: ConfState = { voters: [], learners: [], witnesses: [] };

/** Ids are opaque, but bounded, since they travel in every message. */
const VOTER_ID_LENGTH_MAX = 128;

export type ConfOutcome =
  | { readonly kind: 'changed'; readonly conf: ConfState }
  | { readonly kind: 'refused'; readonly reason: RejectReason };

/** Applies `change` to `conf`, or says which rule it breaks. Whether a learner has caught up is the leader's to know. */
export function changeConf(conf: ConfState, change: ConfChange, membersMax: number): ConfOutcome {
  if (!isVoterId(change.id)) return { kind: 'refused', reason: 'malformedId' };
  const isVoter = conf.voters.includes(change.id);
  const isLearner = conf.learners.includes(change.id);
  switch (change.kind) {
    case 'addLearner': {
      if (isVoter || isLearner) return { kind: 'refused', reason: 'alreadyMember' };
      if (membersOf(conf).length >= membersMax) return { kind: 'refused', reason: 'tooManyMembers' };
      const witnesses = change.isWitness ? [...conf.witnesses, change.id] : conf.witnesses;
      return { kind: 'changed', conf: { ...conf, learners: [...conf.learners, change.id], witnesses } };
    }
    case 'promote':
      if (!isLearner) return { kind: 'refused', reason: 'notLearner' };
      return {
        kind: 'changed',
        conf: { ...conf, voters: [...conf.voters, change.id], learners: without(conf.learners, change.id) },
      };
    case 'demote':
      if (!isVoter) return { kind: 'refused', reason: 'notVoter' };
      if (conf.voters.length === 1) return { kind: 'refused', reason: 'lastVoter' };
      return {
        kind: 'changed',
        conf: { ...conf, voters: without(conf.voters, change.id), learners: [...conf.learners, change.id] },
      };
    case 'remove':
      if (!isVoter && !isLearner) return { kind: 'refused', reason: 'notMember' };
      if (isVoter && conf.voters.length === 1) return { kind: 'refused', reason: 'lastVoter' };
      return {
        kind: 'changed',
        conf: {
          voters: without(conf.voters, change.id),
          learners: without(conf.learners, change.id),
          witnesses: without(conf.witnesses, change.id),
        },
      };
    default:
      return unreachable(change);
  }
}

export function membersOf(conf: ConfState): readonly VoterId[] {
  return [...conf.voters, ...conf.learners];
}

export function isVoterId(value: unknown): value is VoterId {
  return typeof value === 'string' && value.length > 0 && value.length <= VOTER_ID_LENGTH_MAX;
}

/** True if the sets are disjoint where they must be and every witness is a member. */
export function isConfState(value: unknown): value is ConfState {
  if (typeof value !== 'object' || value === null) return false;
  const { voters, learners, witnesses } = value as Record<string, unknown>;
  if (!isIdList(voters) || !isIdList(learners) || !isIdList(witnesses)) return false;
  const members = new Set([...voters, ...learners]);
  return (
    members.size === voters.length + learners.length &&
    new Set(witnesses).size === witnesses.length &&
    witnesses.every((id) => members.has(id))
  );
}

function isIdList(value: unknown): value is VoterId[] {
  return Array.isArray(value) && value.every(isVoterId);
}

function without(ids: readonly VoterId[], id: VoterId): readonly VoterId[] {
  return ids.filter((each) => each !== id);
}
