/** What is one attribute of an instance, and which may be changed? DescribeInstanceAttribute and ModifyInstanceAttribute. */
import type { CellState } from '../../../shared/model/cell.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import { defineAction, stopIfDryRun } from '../action.ts';
import { invalidCombination, invalidValue, missingParameter, rejectionError, unsupported } from '../errors.ts';
import type { DescribeInstanceAttributeOutput, ModifyInstanceAttributeInput } from '../model/shapes.ts';
import { findInstance } from '../own-instances.ts';
import { blockDevices, ROOT_DEVICE } from '../views/instance-view.ts';

type View = (instance: InstanceRecord, state: CellState) => DescribeInstanceAttributeOutput;

/** By the attribute's name in the API. An attribute without a value here is an empty one, as in EC2. */
const VIEWS: Readonly<Record<string, View>> = {
  instanceType: (instance) => ({ InstanceType: { Value: instance.type } }),
  userData: (instance) => ({ UserData: instance.userData === null ? {} : { Value: instance.userData } }),
  disableApiTermination: (instance) => ({ DisableApiTermination: { Value: instance.terminationProtected } }),
  disableApiStop: () => ({ DisableApiStop: { Value: false } }),
  instanceInitiatedShutdownBehavior: (instance) => ({ InstanceInitiatedShutdownBehavior: { Value: instance.shutdownBehavior } }),
  rootDeviceName: () => ({ RootDeviceName: { Value: ROOT_DEVICE } }),
  blockDeviceMapping: (instance, state) => ({ BlockDeviceMappings: blockDevices(state, instance) }),
  groupSet: () => ({ Groups: [] }),
  productCodes: () => ({ ProductCodes: [] }),
  sourceDestCheck: () => ({ SourceDestCheck: { Value: true } }),
  ebsOptimized: () => ({ EbsOptimized: { Value: false } }),
  enaSupport: () => ({ EnaSupport: { Value: false } }),
  enclaveOptions: () => ({ EnclaveOptions: { Enabled: false } }),
  kernel: () => ({ KernelId: {} }),
  ramdisk: () => ({ RamdiskId: {} }),
  sriovNetSupport: () => ({ SriovNetSupport: {} }),
};

export const describeInstanceAttribute = defineAction('DescribeInstanceAttribute', { effect: 'reads', sparse: true }, async (input, { ports, account }) => {
  const view = Object.hasOwn(VIEWS, input.Attribute) ? VIEWS[input.Attribute] : undefined;
  if (view === undefined) throw invalidValue('Attribute', input.Attribute, 'There is no such instance attribute.');
  const state = await ports.cell.fresh();
  const instance = findInstance(state, account.environment, input.InstanceId);
  return { InstanceId: instance.id, ...view(instance, state) };
});

export const modifyInstanceAttribute = defineAction('ModifyInstanceAttribute', { effect: 'changes' }, async (input, { ports, account }) => {
  const change = changeOf(input);
  const instance = findInstance(await ports.cell.fresh(), account.environment, input.InstanceId);
  stopIfDryRun(input);
  const { result } = await ports.cell.propose({ kind: 'setAttributes', instance: instance.id, ...change });
  if (result.kind === 'rejected') throw rejectionError(result);
  return {};
});

interface Change {
  readonly terminationProtected?: boolean;
  readonly shutdownBehavior?: 'stop' | 'terminate';
}

/** Parameters that are no attributes. */
const OTHERS = new Set(['InstanceId', 'DryRun', 'Attribute', 'Value']);

/** Both forms of the request, `DisableApiTermination.Value=true` and `Attribute=disableApiTermination&Value=true`; one attribute at a time, as in EC2. */
function changeOf(input: ModifyInstanceAttributeInput): Change {
  const given = Object.keys(input).filter((member) => !OTHERS.has(member)).map((member) => member.charAt(0).toLowerCase() + member.slice(1));
  const attributes = input.Attribute === undefined ? given : [...given, input.Attribute];
  const [attribute] = attributes;
  if (attribute === undefined) throw missingParameter('Attribute');
  if (attributes.length > 1) throw invalidCombination(`Only one attribute can be changed at a time, not ${attributes.slice(0, 5).join(', ')}`);
  switch (attribute) {
    case 'disableApiTermination': {
      const value = input.DisableApiTermination?.Value ?? asBoolean(input.Value);
      return { terminationProtected: value };
    }
    case 'instanceInitiatedShutdownBehavior': {
      const value = input.InstanceInitiatedShutdownBehavior?.Value ?? input.Value;
      if (value !== 'stop' && value !== 'terminate') throw invalidValue('instanceInitiatedShutdownBehavior', value ?? '', 'It must be stop or terminate.');
      return { shutdownBehavior: value };
    }
    default:
      if (Object.hasOwn(VIEWS, attribute)) throw unsupported(`The attribute ${attribute} cannot be changed`);
      throw invalidValue('Attribute', attribute, 'There is no such instance attribute.');
  }
}

function asBoolean(text: string | undefined): boolean {
  const lower = text?.toLowerCase();
  if (lower !== 'true' && lower !== 'false') throw invalidValue('Value', text ?? '', 'It must be true or false.');
  return lower === 'true';
}
