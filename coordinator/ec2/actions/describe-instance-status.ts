/**
 * How well are the instances? DescribeInstanceStatus: the healer's view in EC2's words.
 *
 * An instance is `impaired` from the moment its node is being fenced until it runs again elsewhere. EC2 shows only running instances
 * unless asked for all; an instance that is being healed is shown too, since it is the one that people look for. While nobody
 * leads, nobody knows who lives: `insufficient-data`.
 */
import { ec2State } from '../../../shared/model/instance.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import { defineAction } from '../action.ts';
import { invalidCombination } from '../errors.ts';
import { compileFilters } from '../filters.ts';
import type { FilterFields } from '../filters.ts';
import type { InstanceStatus } from '../model/shapes.ts';
import { findInstances, launchKey, ownInstances } from '../own-instances.ts';
import { cutPage } from '../pages.ts';
import { zoneOf } from '../region.ts';
import { viewState } from '../views/instance-view.ts';

/** Bounds of MaxResults: EC2 API reference, DescribeInstanceStatus. */
const RULES = { list: 'instance-status', resultsMin: 5, resultsMax: 1000 };

type Health = 'ok' | 'initializing' | 'impaired' | 'insufficient-data' | 'not-applicable';

interface Checkup {
  readonly instance: InstanceRecord;
  /** What is under the guest: its node and its disk. */
  readonly system: Health;
  /** The guest itself. */
  readonly guest: Health;
  readonly isHealing: boolean;
}

export const describeInstanceStatus = defineAction('DescribeInstanceStatus', { effect: 'reads' }, async (input, { ports, account }) => {
  if (input.InstanceIds !== undefined && input.MaxResults !== undefined) throw invalidCombination('The parameter instancesSet cannot be used with the parameter maxResults');
  const state = await ports.cell.fresh();
  const isWanted = compileFilters(input.Filters, statusFilters(state));
  const named = input.InstanceIds === undefined ? ownInstances(state, account.environment).instances : findInstances(state, account.environment, input.InstanceIds);
  const showsAll = input.IncludeAllInstances === true;
  const shown = named.map((instance) => examine(state, instance)).map((checkup) => (ports.cell.isStale() ? asFarAsKnown(checkup) : checkup)).filter((checkup) => (showsAll || checkup.isHealing || ec2State(checkup.instance).name === 'running') && isWanted(checkup));
  const page = cutPage(shown, (checkup) => launchKey(checkup.instance), input, RULES);
  return { InstanceStatuses: page.records.map((checkup) => viewStatus(state, checkup)), NextToken: page.nextToken };
});

/** What the ledger says of an instance's health. */
function examine(state: CellState, instance: InstanceRecord): Checkup {
  if (instance.desired !== 'running') return { instance, system: 'not-applicable', guest: 'not-applicable', isHealing: false };
  switch (instance.phase) {
    case 'takeover':
    case 'unavailableData':
    case 'unavailableCapacity':
      return { instance, system: 'impaired', guest: 'impaired', isHealing: true };
    case 'crashBackoff':
      return { instance, system: 'ok', guest: 'impaired', isHealing: true };
    case 'starting': {
      const isRecovery = instance.moves.at(-1)?.reason === 'takenOver';
      return { instance, system: isRecovery ? 'impaired' : 'initializing', guest: isRecovery ? 'impaired' : 'initializing', isHealing: isRecovery };
    }
    case 'running': {
      const isLost = isBeingFenced(state, instance);
      return { instance, system: isLost ? 'impaired' : 'ok', guest: isLost ? 'impaired' : 'ok', isHealing: isLost };
    }
    default:
      // stopping, stopped, terminated while it shall run: between two lives
      return { instance, system: 'initializing', guest: 'initializing', isHealing: false };
  }
}

/** What was healthy when a leader was last heard may be so no more. */
function asFarAsKnown(checkup: Checkup): Checkup {
  const known = (health: Health): Health => (health === 'ok' || health === 'initializing' ? 'insufficient-data' : health);
  return { ...checkup, system: known(checkup.system), guest: known(checkup.guest) };
}

function isBeingFenced(state: CellState, instance: InstanceRecord): boolean {
  const node = instance.holder === null ? undefined : state.nodes.get(instance.holder);
  return node !== undefined && (node.bootId !== instance.holderBootId || node.phase === 'fencing' || node.phase === 'fenced' || node.fenceIntentIndex !== null);
}

function statusFilters(state: CellState): FilterFields<Checkup> {
  return {
    'availability-zone': () => zoneOf(state.cell),
    'instance-state-name': ({ instance }) => ec2State(instance).name,
    'instance-state-code': ({ instance }) => String(ec2State(instance).code),
    'instance-status.status': ({ guest }) => guest,
    'instance-status.reachability': ({ guest }) => reachability(guest),
    'system-status.status': ({ system }) => system,
    'system-status.reachability': ({ system }) => reachability(system),
    'event.code': () => undefined, 'event.description': () => undefined, 'event.instance-event-id': () => undefined,
    'event.not-after': () => undefined, 'event.not-before': () => undefined, 'event.not-before-deadline': () => undefined,
  };
}

function reachability(health: Health): string | undefined {
  return { 'ok': 'passed', 'initializing': 'initializing', 'impaired': 'failed', 'insufficient-data': 'insufficient-data', 'not-applicable': undefined }[health];
}

function viewStatus(state: CellState, checkup: Checkup): InstanceStatus {
  const { instance, system, guest } = checkup;
  const summary = (health: Health): InstanceStatus['SystemStatus'] => {
    const status = reachability(health);
    const ImpairedSince = health === 'impaired' ? instance.phaseAt : undefined;
    return { Status: health, Details: status === undefined ? [] : [{ Name: 'reachability', Status: status, ImpairedSince }] };
  };
  return { InstanceId: instance.id, AvailabilityZone: zoneOf(state.cell), InstanceState: viewState(instance), SystemStatus: summary(system), InstanceStatus: summary(guest), Events: [] };
}
