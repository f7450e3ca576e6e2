/**
 * Which actions are served, and how is one run? The table, compiled once at start.
 */
import { Ec2Error, shortened, unsupported, dryRunOperation } from './errors.ts';
import { getCallerIdentity } from './actions/caller-identity.ts';
import { rebootInstances, startInstances, stopInstances, terminateInstances } from './actions/change-instances.ts';
import { getConsoleOutput } from './actions/console-output.ts';
import { describeImages } from './actions/describe-images.ts';
import { describeInstanceStatus } from './actions/describe-instance-status.ts';
import { describeInstanceTypes } from './actions/describe-instance-types.ts';
import { describeInstances } from './actions/describe-instances.ts';
import { describeInstanceAttribute, modifyInstanceAttribute } from './actions/instance-attributes.ts';
import { runInstances } from './actions/run-instances.ts';
import { createTags, deleteTags, describeTags } from './actions/tags.ts';
import { describeAvailabilityZones, describeRegions } from './actions/zones.ts';
import type { Action, RequestContext } from './action.ts';
import { compileParser } from './model/compile-parser.ts';
import { compileWriter } from './model/compile-writer.ts';
import { readSlices } from './model/service-slice.ts';
import type { ServiceSlice } from './model/service-slice.ts';
import type { Parameter } from './read-request.ts';

const EC2_ACTIONS: readonly Action[] = [
  runInstances, describeInstances, describeInstanceStatus, startInstances, stopInstances, rebootInstances, terminateInstances, getConsoleOutput,
  describeInstanceAttribute, modifyInstanceAttribute, describeImages, describeInstanceTypes, describeRegions, describeAvailabilityZones,
  createTags, deleteTags, describeTags,
];
const STS_ACTIONS: readonly Action[] = [getCallerIdentity];

/** An action, ready to run: parameters in, XML out. Throws Ec2Error. */
export type RunAction = (parameters: readonly Parameter[], context: RequestContext, requestId: string) => Promise<string>;

/** One service of the endpoint. */
export interface Service {
  readonly name: 'ec2' | 'sts';
  /** Finds the action. Throws `InvalidAction` for a word that EC2 does not know, `UnsupportedOperation` for one that we do not serve. */
  find(action: string): RunAction;
}

/** The services by the value of the parameter Version. */
export function compileServices(): ReadonlyMap<string, Service> {
  const { ec2, sts } = readSlices();
  return new Map<string, Service>([
    [ec2.version, compileService('ec2', ec2, EC2_ACTIONS, wrapEc2)],
    [sts.version, compileService('sts', sts, STS_ACTIONS, wrapSts)],
  ]);
}

/** Puts the answer of an action into the envelope of its service. */
type Wrap = (action: Action, namespace: string, requestId: string, content: string) => string;

function compileService(name: Service['name'], slice: ServiceSlice, actions: readonly Action[], wrap: Wrap): Service {
  const table = new Map(actions.map((action) => [action.name as string, compileAction(slice, action, wrap)]));
  const unserved = new Set(slice.unserved);
  const find = (action: string): RunAction => {
    const run = table.get(action);
    if (run !== undefined) return run;
    if (unserved.has(action)) throw unsupported(`The action ${action} is not supported by this endpoint`);
    throw new Ec2Error('InvalidAction', `The action ${shortened(action)} is not valid for this web service.`);
  };
  return { name, find };
}

function compileAction(slice: ServiceSlice, action: Action, wrap: Wrap): RunAction {
  const shapes = slice.actions[action.name];
  if (shapes === undefined) throw new Error(`the slice of the service model lacks ${action.name}`);
  const parse = compileParser(slice, shapes.input);
  const write = compileWriter(slice, shapes.output, { sparse: action.traits.sparse === true });
  return async (parameters, context, requestId) => {
    const input = parse(parameters);
    const output = await action.handle(input, context);
    // A reading action has done nothing by now, so the dry run can be told apart here for all of them.
    if (action.traits.effect === 'reads' && 'DryRun' in input && input.DryRun === true) throw dryRunOperation();
    return wrap(action, slice.namespace, requestId, write(output));
  };
}

function wrapEc2(action: Action, namespace: string, requestId: string, content: string): string {
  // libcloud reads <return> of every changing action, though the model has it for none.
  const done = action.traits.effect === 'changes' ? '<return>true</return>' : '';
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${action.name}Response xmlns="${namespace}/"><requestId>${requestId}</requestId>${content}${done}</${action.name}Response>`;
}

function wrapSts(action: Action, namespace: string, requestId: string, content: string): string {
  const name = action.name;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name}Response xmlns="${namespace}"><${name}Result>${content}</${name}Result><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${name}Response>`;
}
