/**
 * How does an answer become XML quickly? Each output shape becomes, once at start, a closure that appends strings.
 *
 * Walking the service model per request was four times slower (EC2.md). Lists that are absent are written as empty
 * elements, because clients such as ansible crash without them; other absent members are left out.
 */
import { escapeXml } from '../xml.ts';
import { resolveShape } from './service-slice.ts';
import type { Reference, ServiceSlice } from './service-slice.ts';

interface MemberWriter {
  readonly key: string;
  readonly open: string;
  readonly close: string;
  /** What stands there when the member is absent, and when it has no content. */
  readonly absent: string;
  readonly empty: string;
  readonly write: (value: unknown) => string;
}

/** How the absent lists of the outermost structure are written: `sparse` leaves them out (an answer with one of many attributes). */
export interface WriterOptions {
  readonly sparse: boolean;
}

/** Compiles the writer of an output structure. Values have the types of shapes.ts; times are ISO strings and written as they are. */
export function compileWriter(slice: ServiceSlice, output: Reference, options: WriterOptions): (value: object) => string {
  const known = new Map<string, (value: unknown) => string>();
  return structureWriter(slice, output, known, options.sparse);
}

function writerOf(slice: ServiceSlice, reference: Reference, known: Map<string, (value: unknown) => string>): (value: unknown) => string {
  const name = reference.shape;
  const made = name === undefined ? undefined : known.get(name);
  if (made !== undefined) return made;
  const shape = resolveShape(slice, reference);
  const write = shape.type === 'list' ? listWriter(slice, shape.member ?? {}, known) : shape.members === undefined ? writeScalar : structureWriter(slice, reference, known, false);
  if (name !== undefined) known.set(name, write);
  return write;
}

function structureWriter(slice: ServiceSlice, reference: Reference, known: Map<string, (value: unknown) => string>, isSparse: boolean): (value: unknown) => string {
  const shape = resolveShape(slice, reference);
  const members: MemberWriter[] = Object.entries(shape.members ?? {}).map(([key, member]) => {
    const tag = member.locationName ?? key;
    const isList = resolveShape(slice, member).type === 'list';
    return { key, open: `<${tag}>`, close: `</${tag}>`, absent: isList && !isSparse ? `<${tag}/>` : '', empty: `<${tag}/>`, write: writerOf(slice, member, known) };
  });
  return (value) => {
    let xml = '';
    for (const member of members) {
      const inner = (value as Record<string, unknown>)[member.key];
      if (inner === undefined) {
        xml += member.absent;
        continue;
      }
      const content = member.write(inner);
      xml += content === '' ? member.empty : member.open + content + member.close;
    }
    return xml;
  };
}

function listWriter(slice: ServiceSlice, member: Reference, known: Map<string, (value: unknown) => string>): (value: unknown) => string {
  const tag = member.locationName ?? 'item';
  const open = `<${tag}>`;
  const close = `</${tag}>`;
  const write = writerOf(slice, member, known);
  return (value) => {
    let xml = '';
    for (const element of value as readonly unknown[]) xml += open + write(element) + close;
    return xml;
  };
}

function writeScalar(value: unknown): string {
  return typeof value === 'string' ? escapeXml(value) : String(value);
}
