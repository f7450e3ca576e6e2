/**
 * Which part of AWS's service model do we serve? Cuts it out, once, into slice.json and the types in shapes.ts.
 *
 *     node coordinator/ec2/model/make-slice.ts EC2_MODEL_JSON STS_MODEL_JSON
 *
 * The inputs are `apis/ec2-2016-11-15.min.json` and `apis/sts-2011-06-15.min.json` of the npm package `aws-sdk` 2.1693.0
 * (see ORIGIN.md). Run it again when an action is added to SERVED; never edit its outputs by hand.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Reference, ServiceSlice, Shape } from './service-slice.ts';

const SERVED = [
  'RunInstances', 'DescribeInstances', 'DescribeInstanceStatus', 'StartInstances', 'StopInstances', 'RebootInstances', 'TerminateInstances',
  'GetConsoleOutput', 'DescribeInstanceAttribute', 'ModifyInstanceAttribute', 'DescribeImages', 'DescribeInstanceTypes', 'DescribeRegions',
  'DescribeAvailabilityZones', 'CreateTags', 'DeleteTags', 'DescribeTags',
];
const SERVED_STS = ['GetCallerIdentity'];

/** Better names for structures whose member's name says little. */
const NAMES: Readonly<Record<string, string>> = {
  StartingInstance: 'InstanceStateChange',
  State: 'InstanceState',
  Licens: 'License',
};

interface Model {
  readonly metadata: { readonly apiVersion: string; readonly xmlNamespace: string };
  readonly operations: Readonly<Record<string, { readonly input?: Reference; readonly output?: Reference }>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

/** Only what parsing and writing need; documentation and hints for SDKs stay behind. */
function lean(shape: Reference): Reference {
  const members = shape.members === undefined ? undefined : Object.fromEntries(Object.entries(shape.members).map(([name, member]) => [name, lean(member)]));
  return {
    ...(shape.shape === undefined ? {} : { shape: shape.shape }),
    ...(shape.type === undefined ? {} : { type: shape.type }),
    ...(shape.locationName === undefined ? {} : { locationName: shape.locationName }),
    ...(shape.queryName === undefined ? {} : { queryName: shape.queryName }),
    ...(shape.required === undefined ? {} : { required: shape.required }),
    ...(shape.member === undefined ? {} : { member: lean(shape.member) }),
    ...(members === undefined ? {} : { members }),
  };
}

function keepShapes(model: Model, reference: Reference, kept: Record<string, Shape>): void {
  if (reference.shape !== undefined && kept[reference.shape] === undefined) {
    const shape = model.shapes[reference.shape];
    if (shape === undefined) throw new Error(`the model has no shape ${reference.shape}`);
    kept[reference.shape] = lean(shape);
    keepShapes(model, shape, kept);
  }
  if (reference.member !== undefined) keepShapes(model, reference.member, kept);
  for (const member of Object.values(reference.members ?? {})) keepShapes(model, member, kept);
}

function cut(model: Model, served: readonly string[]): ServiceSlice {
  const shapes: Record<string, Shape> = {};
  const actions: Record<string, { input: Reference; output: Reference }> = {};
  for (const name of served) {
    const operation = model.operations[name];
    if (operation === undefined) throw new Error(`the model has no action ${name}`);
    const nothing: Shape = { type: 'structure', members: {} };
    actions[name] = { input: lean(operation.input ?? nothing), output: lean(operation.output ?? nothing) };
    keepShapes(model, actions[name].input, shapes);
    keepShapes(model, actions[name].output, shapes);
  }
  return {
    version: model.metadata.apiVersion,
    namespace: model.metadata.xmlNamespace,
    actions,
    shapes,
    unserved: Object.keys(model.operations).filter((name) => !served.includes(name)),
  };
}

/** JSON with one action or shape to a line: a change of the model shows as a change of lines. */
function layOut(slice: ServiceSlice): string {
  const lines = (record: object): string => Object.entries(record).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',\n');
  return `{"version":${JSON.stringify(slice.version)},"namespace":${JSON.stringify(slice.namespace)},\n"actions":{\n${lines(slice.actions)}},\n"shapes":{\n${lines(slice.shapes)}},\n"unserved":${JSON.stringify(slice.unserved)}}`;
}

const SCALARS: Readonly<Record<string, string>> = {
  string: 'string', integer: 'number', long: 'number', double: 'number', float: 'number', boolean: 'boolean', timestamp: 'string', blob: 'string',
};

/** Writes one slice's structures as interfaces. */
class TypeWriter {
  readonly #slice: ServiceSlice;
  readonly #names = new Map<Shape, string>();
  readonly #taken: Set<string>;
  readonly interfaces: string[] = [];

  constructor(slice: ServiceSlice, taken: Set<string>) {
    this.#slice = slice;
    this.#taken = taken;
  }

  /** `parent` prefixes the name where it is taken. */
  typeOf(reference: Reference, hint: string, parent: string, isInput: boolean): string {
    const shape = reference.shape === undefined ? reference : this.#slice.shapes[reference.shape];
    if (shape === undefined) throw new Error(`no shape ${String(reference.shape)}`);
    if (shape.type === 'list' && shape.member !== undefined) return `readonly ${this.typeOf(shape.member, singular(hint), parent, isInput)}[]`;
    if (shape.members === undefined) return SCALARS[shape.type ?? 'string'] ?? 'never';
    const known = this.#names.get(shape);
    if (known !== undefined) return known;
    const wanted = NAMES[hint] ?? hint;
    const name = this.#taken.has(wanted) ? `${parent}${wanted}` : wanted;
    if (this.#taken.has(name)) throw new Error(`two structures are called ${name}`);
    this.#taken.add(name);
    this.#names.set(shape, name);
    const at = this.interfaces.push('') - 1;
    const fields = Object.entries(shape.members).map(([member, inner]) => {
      const type = this.typeOf(inner, member, name, isInput);
      return isInput && shape.required?.includes(member) === true ? `  readonly ${member}: ${type};` : `  readonly ${member}?: ${type} | undefined;`;
    });
    this.interfaces[at] = fields.length === 0 ? `export type ${name} = Readonly<Record<string, never>>;` : `export interface ${name} {\n${fields.join('\n')}\n}`;
    return name;
  }
}

function singular(plural: string): string {
  if (plural.endsWith('sses') || plural.endsWith('uses')) return plural.slice(0, -2);
  return plural.endsWith('s') && !plural.endsWith('ss') ? plural.slice(0, -1) : plural;
}

function types(slices: readonly ServiceSlice[]): string {
  const taken = new Set<string>(['ActionShapes']);
  const interfaces: string[] = [];
  const table: string[] = [];
  for (const slice of slices) {
    const inputs = new TypeWriter(slice, taken);
    const outputs = new TypeWriter(slice, taken);
    for (const [name, action] of Object.entries(slice.actions)) {
      const output = outputs.typeOf(action.output, `${name}Output`, name, false);
      const input = inputs.typeOf(action.input, `${name}Input`, name, true);
      table.push(`  readonly ${name}: { readonly input: ${input}; readonly output: ${output} };`);
    }
    interfaces.push(...outputs.interfaces, ...inputs.interfaces);
  }
  return `/**
 * What do the served actions take and give? Written by make-slice.ts from slice.json: do not edit.
 *
 * Times are ISO strings and blobs are base64, as they travel. Origin and licence: ORIGIN.md.
 */

/** The input and output of each served action. */
export interface ActionShapes {
${table.join('\n')}
}

${interfaces.join('\n\n')}
`;
}

function main(): void {
  const [ec2Path, stsPath] = process.argv.slice(2);
  if (ec2Path === undefined || stsPath === undefined) throw new Error('usage: make-slice.ts EC2_MODEL_JSON STS_MODEL_JSON');
  const read = (path: string): Model => JSON.parse(readFileSync(path, 'utf8')) as Model;
  const ec2 = cut(read(ec2Path), SERVED);
  const sts = cut(read(stsPath), SERVED_STS);
  writeFileSync(new URL('slice.json', import.meta.url), `{"ec2":${layOut(ec2)},\n"sts":${layOut(sts)}}\n`);
  writeFileSync(new URL('shapes.ts', import.meta.url), types([ec2, sts]));
}

if (import.meta.main) main();
