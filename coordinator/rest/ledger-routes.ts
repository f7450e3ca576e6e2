/**
 * How is the ledger, and what may be tuned in it?
 */
import { memberOfVoter } from '../../shared/ids.ts';
import type { VoterId } from '../../shared/ids.ts';
import type { LeaderStatus, LedgerStatus } from '../../shared/ledger/replicated-log.ts';
import { committedAnswer, ledgerAnswer, parametersAnswer, parametersChange } from '../../shared/wire/rest.ts';
import type { LedgerAnswer } from '../../shared/wire/rest.ts';
import { invalidRequest } from './errors.ts';
import { commit } from './fleet-routes.ts';
import { defineRoute } from './route.ts';
import type { Route } from './route.ts';

export const LEDGER_ROUTES: readonly Route[] = [
  defineRoute({
    method: 'GET', path: '/ledger', operation: 'getLedger', tag: 'ledger', access: 'operator',
    summary: 'Who leads in which term, who votes, and how far each voter is.',
    answer: ledgerAnswer,
    handle: async ({ ports }): Promise<LedgerAnswer> => {
      const here = ports.fleet.status();
      const leading = await ports.fleet.leaderStatus();
      const { clusterUuid, epoch } = ports.cell.state();
      return {
        member: here.member, role: here.role, term: here.term, leader: here.leader, appliedIndex: here.appliedIndex,
        commitIndex: Math.max(here.commitIndex, leading?.commitIndex ?? 0),
        voters: [...votersOf(leading ?? here, leading?.matchIndex ?? null)], isStale: ports.fleet.asOf().isStale, clusterUuid, epoch,
      };
    },
  }),
  defineRoute({
    method: 'GET', path: '/parameters', operation: 'getParameters', tag: 'ledger', access: 'operator',
    summary: 'What may be tuned in the running cell; the same on all nodes.',
    answer: parametersAnswer,
    handle: async ({ ports }) => ({ parameters: (await ports.cell.fresh()).parameters, asOf: ports.fleet.asOf() }),
  }),
  defineRoute({
    method: 'PUT', path: '/parameters', operation: 'changeParameters', tag: 'ledger', access: 'operator',
    summary: 'Changes the named parameters and leaves the others.',
    body: parametersChange, answer: committedAnswer,
    handle: async ({ ports, body }) => {
      if (Object.keys(body).length === 0) throw invalidRequest('no parameter is named');
      return await commit(ports, { kind: 'setParameters', change: body });
    },
  }),
];

/** Voters and learners, with what they have stored where the leader itself told. */
function votersOf(status: LedgerStatus, stored: LeaderStatus['matchIndex'] | null): LedgerAnswer['voters'] {
  const row = (role: 'voter' | 'learner') => (id: VoterId): LedgerAnswer['voters'][number] => {
    const member = memberOfVoter(id);
    const isLeader = member === status.leader;
    const matchIndex = stored === null ? null : isLeader ? status.commitIndex : (stored[id] ?? null);
    return { id, member, role, isLeader, matchIndex, lag: matchIndex === null ? null : Math.max(0, status.commitIndex - matchIndex) };
  };
  return [...status.voters.map(row('voter')), ...status.learners.map(row('learner'))];
}
