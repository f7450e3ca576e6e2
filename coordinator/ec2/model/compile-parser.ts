/**
 * How do flat parameters (`Filter.1.Value.2=x`) become a typed request? Each input shape is compiled, once at start, into a tree that
 * every parameter is dropped through.
 *
 * Indexes may start at 0 or 1 and come in any order, an empty parameter counts as absent, booleans come in any case (EC2.md). A
 * parameter that the action does not have is an error: silently ignoring what somebody asked for helps nobody.
 */
import { Ec2Error, invalidValue, missingParameter, shortened } from '../errors.ts';
import { resolveShape } from './service-slice.ts';
import type { Reference, ServiceSlice, Shape } from './service-slice.ts';

type Node =
  | { readonly kind: 'scalar'; readonly convert: (name: string, text: string) => unknown; readonly keepsEmpty: boolean }
  | { readonly kind: 'list'; readonly element: Node }
  | { readonly kind: 'structure'; readonly byWireName: ReadonlyMap<string, { readonly member: string; readonly node: Node }>; readonly required: readonly { readonly member: string; readonly wireName: string }[] };
type StructureNode = Extract<Node, { kind: 'structure' }>;
type Container = Record<string, unknown> | Map<number, unknown>;

/** Turns the parameters of one request into its input. Throws Ec2Error. */
export type Parse = (parameters: readonly (readonly [name: string, value: string])[]) => object;

/** Members whose empty value means something: the value of a tag, a filter for an empty value. */
const KEEPS_EMPTY = new Set(['Value', 'Values']);

/** Compiles the parser of an input structure. */
export function compileParser(slice: ServiceSlice, input: Reference): Parse {
  const root = compileStructure(slice, resolveShape(slice, input));
  return (parameters) => {
    const request = new Request(root);
    for (const [name, value] of parameters) request.put(name, value);
    return request.finish();
  };
}

function compile(slice: ServiceSlice, reference: Reference, keepsEmpty: boolean): Node {
  const shape = resolveShape(slice, reference);
  if (shape.type === 'list') return { kind: 'list', element: compile(slice, shape.member ?? {}, keepsEmpty) };
  if (shape.members !== undefined) return compileStructure(slice, shape);
  return { kind: 'scalar', convert: CONVERTERS[shape.type ?? 'string'] ?? asText, keepsEmpty };
}

/** The protocol's rule for names: queryName as it is, else locationName with a capital, else the member's own name. */
function compileStructure(slice: ServiceSlice, shape: Shape): StructureNode {
  const byWireName = new Map<string, { member: string; node: Node }>();
  const required: { member: string; wireName: string }[] = [];
  for (const [member, reference] of Object.entries(shape.members ?? {})) {
    const name = reference.locationName ?? member;
    const wireName = reference.queryName ?? name.charAt(0).toUpperCase() + name.slice(1);
    byWireName.set(wireName, { member, node: compile(slice, reference, KEEPS_EMPTY.has(member)) });
    if (shape.required?.includes(member) === true) required.push({ member, wireName });
  }
  return { kind: 'structure', byWireName, required };
}

/** One request while it is put together. */
class Request {
  readonly #root: StructureNode;
  readonly #input: Record<string, unknown> = {};
  readonly #structures: { readonly node: StructureNode; readonly value: Record<string, unknown>; readonly path: string }[];
  readonly #lists: { readonly owner: Record<string, unknown>; readonly member: string; readonly elements: Map<number, unknown> }[] = [];

  constructor(root: StructureNode) {
    this.#root = root;
    this.#structures = [{ node: root, value: this.#input, path: '' }];
  }

  put(name: string, text: string): void {
    const segments = name.split('.');
    let node: Node = this.#root;
    let container: Container = this.#input;
    for (const [at, segment] of segments.entries()) {
      const step = nextStep(node, segment);
      if (step === undefined) throw new Ec2Error('UnknownParameter', `The parameter ${shortened(name)} is not recognized`);
      const isLast = at === segments.length - 1;
      if (isLast !== (step.node.kind === 'scalar')) throw new Ec2Error('UnknownParameter', `The parameter ${shortened(name)} is not recognized`);
      if (step.node.kind === 'scalar') {
        if (text === '' && !step.node.keepsEmpty) return;
        if (get(container, step.key) !== undefined) throw new Ec2Error('InvalidParameterCombination', `The parameter ${shortened(name)} is given more than once`);
        set(container, step.key, step.node.convert(name, text));
        return;
      }
      container = this.#open(container, step, segments.slice(0, at + 1).join('.'));
      node = step.node;
    }
  }

  #open(container: Container, step: { readonly key: string | number; readonly node: Node }, path: string): Container {
    const existing = get(container, step.key);
    if (existing !== undefined) return existing as Container;
    const opened: Container = step.node.kind === 'list' ? new Map<number, unknown>() : {};
    set(container, step.key, opened);
    if (opened instanceof Map) {
      if (container instanceof Map) throw new Error('the service model has a list of lists');
      this.#lists.push({ owner: container, member: String(step.key), elements: opened });
    } else if (step.node.kind === 'structure') {
      this.#structures.push({ node: step.node, value: opened, path: `${path}.` });
    }
    return opened;
  }

  /** Puts the lists in order, and demands what is required. */
  finish(): object {
    for (const { owner, member, elements } of this.#lists) {
      owner[member] = [...elements.entries()].toSorted(([a], [b]) => a - b).map(([, element]) => element);
      if (elements.size === 0) delete owner[member];
    }
    for (const { node, value, path } of this.#structures) {
      for (const { member, wireName } of node.required) if (value[member] === undefined) throw missingParameter(path + wireName);
    }
    return this.#input;
  }
}

function nextStep(node: Node, segment: string): { readonly key: string | number; readonly node: Node } | undefined {
  switch (node.kind) {
    case 'structure': {
      const found = node.byWireName.get(segment);
      return found === undefined ? undefined : { key: found.member, node: found.node };
    }
    case 'list':
      return /^\d{1,6}$/.test(segment) ? { key: Number(segment), node: node.element } : undefined;
    default:
      return undefined;
  }
}

function get(container: Container, key: string | number): unknown {
  return container instanceof Map ? container.get(Number(key)) : container[String(key)];
}

function set(container: Container, key: string | number, value: unknown): void {
  if (container instanceof Map) container.set(Number(key), value);
  else container[String(key)] = value;
}

function asText(_name: string, text: string): string {
  return text;
}

function asBoolean(name: string, text: string): boolean {
  const lower = text.toLowerCase();
  if (lower !== 'true' && lower !== 'false') throw invalidValue(name, text, 'It must be true or false.');
  return lower === 'true';
}

function asInteger(name: string, text: string): number {
  const number = Number(text);
  if (!/^[+-]?\d{1,10}$/.test(text) || Math.abs(number) > 2_147_483_647) throw invalidValue(name, text, 'It must be an integer.');
  return number;
}

function asLong(name: string, text: string): number {
  const number = Number(text);
  if (!/^[+-]?\d{1,16}$/.test(text) || !Number.isSafeInteger(number)) throw invalidValue(name, text, 'It must be an integer.');
  return number;
}

function asDecimal(name: string, text: string): number {
  if (!/^[+-]?\d{1,15}(\.\d{1,15})?$/.test(text)) throw invalidValue(name, text, 'It must be a number.');
  return Number(text);
}

function asTime(name: string, text: string): string {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?Z$/.test(text) || Number.isNaN(Date.parse(text))) throw invalidValue(name, text, 'It must be a time such as 2026-01-31T12:00:00Z.');
  return text;
}

const CONVERTERS: Readonly<Record<string, (name: string, text: string) => unknown>> = {
  string: asText, blob: asText, integer: asInteger, long: asLong, double: asDecimal, float: asDecimal, boolean: asBoolean, timestamp: asTime,
};
