/**
 * What is a route? One operation of the interface: its words for the OpenAPI document, who may call it, and what it does.
 */
import type * as v from 'valibot';
import type { Account } from '../ports.ts';
import type { RestPorts } from './ports.ts';

/** Anyone: unsigned. User: any access key, which sees its own environment. Operator: keys that may operate the fleet. */
export type Access = 'anyone' | 'user' | 'operator';

/** Who asks. */
export interface Caller {
  readonly account: Account;
  readonly isOperator: boolean;
}

/** One request, parsed. */
export interface RouteRequest<Query, Body> {
  readonly ports: RestPorts;
  /** Parameters of the path, checked against the grammar of their kind. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly headers: Headers;
  /** Who asks; for `anyone` routes nobody. */
  readonly caller: Caller | null;
}

/** One route, as tables hold it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Relative to `/v1`, parameters as `{node}`, `{instance}`. */
  readonly path: string;
  readonly operation: string;
  readonly summary: string;
  readonly tag: 'fleet' | 'instances' | 'ledger' | 'events' | 'room' | 'service';
  readonly access: Access;
  /** An object schema over the query's texts. */
  readonly query: v.GenericSchema | null;
  readonly body: v.GenericSchema | null;
  /** The JSON that is answered; null: something else, named by `media`. */
  readonly answer: v.GenericSchema | null;
  readonly media: string;
  /** Answers a JSON value, or a whole response. Throws RestError or ClusterError to refuse. */
  handle(request: RouteRequest<unknown, unknown>): Promise<unknown>;
}

interface Definition<Query, Body> {
  readonly method: Route['method'];
  readonly path: string;
  readonly operation: string;
  readonly summary: string;
  readonly tag: Route['tag'];
  readonly access: Access;
  readonly query?: v.GenericSchema<unknown, Query>;
  readonly body?: v.GenericSchema<unknown, Body>;
  readonly answer?: v.GenericSchema;
  readonly media?: string;
  handle(request: RouteRequest<Query, Body>): Promise<unknown>;
}

/** Ties a handler to the types of its schemas. */
export function defineRoute<Query = undefined, Body = undefined>(definition: Definition<Query, Body>): Route {
  const { query, body, answer, media, handle, ...words } = definition;
  return {
    ...words, query: query ?? null, body: body ?? null, answer: answer ?? null, media: media ?? 'application/json',
    // The app hands in what these very schemas have parsed.
    handle: async (request) => await handle(request as RouteRequest<Query, Body>),
  };
}
