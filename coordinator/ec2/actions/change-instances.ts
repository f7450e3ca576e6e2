/**
 * How does an owner start, stop, reboot and terminate? By a new desired state in the ledger; the nodes follow.
 */
import type { InstanceId } from '../../../shared/ids.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import { ec2State } from '../../../shared/model/instance.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import { defineAction, stopIfDryRun } from '../action.ts';
import type { RequestContext } from '../action.ts';
import { Ec2Error, rejectionError, unsupported } from '../errors.ts';
import type { InstanceStateChange } from '../model/shapes.ts';
import { findInstances } from '../own-instances.ts';
import { viewState } from '../views/instance-view.ts';

interface InstancesInput {
  readonly InstanceIds: readonly string[];
  readonly DryRun?: boolean | undefined;
}

export const startInstances = defineAction('StartInstances', { effect: 'changes' }, async (input, context) => {
  const StartingInstances = await changeInstances(input, context, refuseUnlessIn('started', ['stopped', 'pending', 'running']), (instances) => ({ kind: 'setDesired', instances, desired: 'running', force: false }));
  return { StartingInstances };
});

export const stopInstances = defineAction('StopInstances', { effect: 'changes' }, async (input, context) => {
  if (input.Hibernate === true) throw unsupported('Instances cannot be hibernated: the parameter Hibernate is not supported');
  const force = input.Force === true;
  const StoppingInstances = await changeInstances(input, context, refuseUnlessIn('stopped', ['pending', 'running', 'stopping', 'stopped']), (instances) => ({ kind: 'setDesired', instances, desired: 'stopped', force }));
  return { StoppingInstances };
});

export const terminateInstances = defineAction('TerminateInstances', { effect: 'changes' }, async (input, context) => {
  const TerminatingInstances = await changeInstances(input, context, refuseProtected, (instances) => ({ kind: 'setDesired', instances, desired: 'terminated', force: false }));
  return { TerminatingInstances };
});

export const rebootInstances = defineAction('RebootInstances', { effect: 'changes' }, async (input, context) => {
  await changeInstances(input, context, refuseUnlessIn('rebooted', ['running']), (instances) => ({ kind: 'restartInstances', instances }));
  return {};
});

/** The common way: find, check, commit, and tell each instance's state before and after. */
async function changeInstances(input: InstancesInput, context: RequestContext, check: (instance: InstanceRecord) => void, command: (ids: readonly InstanceId[]) => Command): Promise<readonly InstanceStateChange[]> {
  const { ports, account } = context;
  const before = findInstances(await ports.cell.fresh(), account.environment, input.InstanceIds);
  before.forEach(check);
  stopIfDryRun(input);
  const { index, result } = await ports.cell.propose(command(before.map((instance) => instance.id)));
  if (result.kind === 'rejected') throw rejectionError(result);
  const after = await ports.cell.fresh(index);
  return before.map((instance) => ({
    InstanceId: instance.id,
    CurrentState: viewState(after.instances.get(instance.id) ?? instance),
    PreviousState: viewState(instance),
  }));
}

/** Refused here for EC2's words; the ledger refuses the same again, should the state change on the way. */
function refuseUnlessIn(what: string, states: readonly string[]): (instance: InstanceRecord) => void {
  return (instance) => {
    const { name } = ec2State(instance);
    if (!states.includes(name)) throw new Ec2Error('IncorrectInstanceState', `The instance '${instance.id}' is not in a state from which it can be ${what} (it is ${name}).`);
  };
}

function refuseProtected(instance: InstanceRecord): void {
  if (!instance.terminationProtected || ec2State(instance).name === 'terminated') return;
  throw new Ec2Error('OperationNotPermitted', `The instance '${instance.id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`);
}
