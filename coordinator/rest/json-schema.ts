/**
 * How does a valibot schema read as JSON Schema? Only for the kinds that shared/wire/rest.ts is made of; others are a fault.
 */
import type * as v from 'valibot';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What valibot's schemas carry at run time, as far as it is needed here. */
interface Described {
  readonly kind: 'schema' | 'validation' | 'transformation' | 'metadata';
  readonly type: string;
  readonly entries?: Readonly<Record<string, Described>>;
  readonly item?: Described;
  readonly items?: readonly Described[];
  readonly value?: Described;
  readonly key?: Described;
  readonly wrapped?: Described;
  readonly options?: readonly unknown[];
  readonly literal?: unknown;
  readonly requirement?: unknown;
  readonly pipe?: readonly Described[];
}

/** JSON Schema 2020-12, the dialect of OpenAPI 3.1. Throws for a kind of schema that it does not know. */
export function jsonSchemaOf(schema: v.GenericSchema): JsonSchema {
  return convert(schema);
}

function convert(schema: Described): JsonSchema {
  const base = convertBase(schema);
  const rest = (schema.pipe ?? []).slice(1);
  return rest.reduce<JsonSchema>((made, step) => ({ ...made, ...constraint(step, schema.type) }), base);
}

function convertBase(schema: Described): JsonSchema {
  switch (schema.type) {
    case 'string': return { type: 'string' };
    case 'number': return { type: 'number' };
    case 'boolean': return { type: 'boolean' };
    case 'unknown': return {};
    case 'literal': return { const: schema.literal };
    case 'picklist': return { type: 'string', enum: [...(schema.options ?? [])] };
    case 'array': return { type: 'array', items: convert(part(schema.item)) };
    case 'record': return { type: 'object', additionalProperties: convert(part(schema.value)) };
    case 'nullable': return orNull(convert(part(schema.wrapped)));
    case 'exact_optional': return convert(part(schema.wrapped));
    case 'object': return objectOf(schema, {});
    case 'strict_object': return objectOf(schema, { additionalProperties: false });
    default: throw new Error(`no JSON Schema for valibot's ${schema.type}`);
  }
}

function objectOf(schema: Described, more: JsonSchema): JsonSchema {
  const entries = Object.entries(schema.entries ?? {});
  const required = entries.filter(([, entry]) => entry.type !== 'exact_optional').map(([name]) => name);
  return {
    type: 'object', properties: Object.fromEntries(entries.map(([name, entry]) => [name, convert(entry)])),
    ...(required.length === 0 ? {} : { required }), ...more,
  };
}

function orNull(schema: JsonSchema): JsonSchema {
  return typeof schema['type'] === 'string' && schema['enum'] === undefined ? { ...schema, type: [schema['type'], 'null'] } : { anyOf: [schema, { type: 'null' }] };
}

/** A step of a pipe. */
function constraint(step: Described, of: string): JsonSchema {
  switch (step.type) {
    case 'integer': return { type: 'integer' };
    case 'min_value': return { minimum: step.requirement };
    case 'max_value': return { maximum: step.requirement };
    case 'min_length': return of === 'string' ? { minLength: step.requirement } : { minItems: step.requirement };
    case 'max_length': return of === 'string' ? { maxLength: step.requirement } : { maxItems: step.requirement };
    case 'regex': return { pattern: (step.requirement as RegExp).source };
    default: throw new Error(`no JSON Schema for valibot's ${step.type}`);
  }
}

function part(schema: Described | undefined): Described {
  if (schema === undefined) throw new Error('a schema lacks its part');
  return schema;
}
