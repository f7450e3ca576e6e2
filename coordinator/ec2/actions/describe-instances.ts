/** Which instances are there? DescribeInstances. */
import { defineAction } from '../action.ts';
import { invalidCombination } from '../errors.ts';
import { compileFilters } from '../filters.ts';
import { findInstances, launchKey, ownInstances } from '../own-instances.ts';
import { cutPage } from '../pages.ts';
import { viewReservations } from '../views/instance-view.ts';
import { instanceFilters } from './instance-filters.ts';

/** Bounds of MaxResults: EC2 API reference, DescribeInstances. */
const RULES = { list: 'instances', resultsMin: 5, resultsMax: 1000 };

export const describeInstances = defineAction('DescribeInstances', { effect: 'reads' }, async (input, { ports, account }) => {
  if (input.InstanceIds !== undefined && input.MaxResults !== undefined) throw invalidCombination('The parameter instancesSet cannot be used with the parameter maxResults');
  const state = await ports.cell.fresh();
  const { instances: all, places } = ownInstances(state, account.environment);
  const isWanted = compileFilters(input.Filters, instanceFilters(state, account.accountId, places), (instance) => instance.tags);
  const named = input.InstanceIds === undefined ? all : findInstances(state, account.environment, input.InstanceIds);
  const page = cutPage(named.filter(isWanted), launchKey, input, RULES);
  return { Reservations: viewReservations(state, account.accountId, page.records, places), NextToken: page.nextToken };
});
