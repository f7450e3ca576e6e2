/**
 * What does the slice of AWS's service model look like, and where is it? The words of slice.json.
 */
import { readFileSync } from 'node:fs';

/** A shape, or a place where one is used. Without a type it is a string, as in the original. */
export interface Shape {
  readonly type?: 'structure' | 'list' | 'string' | 'integer' | 'long' | 'double' | 'float' | 'boolean' | 'timestamp' | 'blob';
  readonly members?: Readonly<Record<string, Reference>>;
  readonly member?: Reference;
  readonly required?: readonly string[];
}

/** A member: its shape, inline or by name, and what it is called on the wire. */
export interface Reference extends Shape {
  readonly shape?: string;
  readonly locationName?: string;
  readonly queryName?: string;
}

/** The served part of one service. */
export interface ServiceSlice {
  /** Value of the parameter `Version`, e.g. `2016-11-15`. */
  readonly version: string;
  readonly namespace: string;
  readonly actions: Readonly<Record<string, { readonly input: Reference; readonly output: Reference }>>;
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Names of the service's other actions: known words, not served. */
  readonly unserved: readonly string[];
}

/** Reads the checked-in slice. It is part of the program, so it is trusted as its source is. */
export function readSlices(): { readonly ec2: ServiceSlice; readonly sts: ServiceSlice } {
  return JSON.parse(readFileSync(new URL('slice.json', import.meta.url), 'utf8')) as { ec2: ServiceSlice; sts: ServiceSlice };
}

/** The shape itself, wherever it is written. */
export function resolveShape(slice: ServiceSlice, reference: Reference): Shape {
  if (reference.shape === undefined) return reference;
  const shape = slice.shapes[reference.shape];
  if (shape === undefined) throw new Error(`the service model has no shape ${reference.shape}`);
  return shape;
}
