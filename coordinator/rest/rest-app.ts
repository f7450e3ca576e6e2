/**
 * What does the coordinator answer below `/v1`? Every route, behind one door: authenticated, parsed, bounded, logged.
 */
import { Hono } from 'hono';
import type { Context } from 'hono';
import * as v from 'valibot';
import { describeError } from '../../shared/errors.ts';
import { isInstanceId, isNodeId } from '../../shared/ids.ts';
import type { ArrivedRequest } from '../auth/parse-signature.ts';
import { verifySignature } from '../auth/verify-signature.ts';
import { parseForm, readBody } from '../ec2/read-request.ts';
import { asRestError, authenticationError, errorBody, invalidRequest, notFound, RestError, tooBusy } from './errors.ts';
import { eventRoutes } from './event-routes.ts';
import { FLEET_ROUTES } from './fleet-routes.ts';
import { INSTANCE_ROUTES } from './instance-routes.ts';
import { LEDGER_ROUTES } from './ledger-routes.ts';
import type { RestPorts } from './ports.ts';
import { ROOM_ROUTES } from './room-routes.ts';
import type { Caller, Route } from './route.ts';
import { serviceRoutes } from './service-routes.ts';

/** Largest body, bytes: the largest one names a node. */
export const REST_BODY_BYTES_MAX = 64 * 1024;
/** Requests answered at once, open streams not counted. */
export const REST_REQUESTS_MAX = 256;
/** Names that the signature's scope may have: the EC2 clients' own, and what generic signers say. */
const SERVICES = ['ves', 'ec2', 'execute-api'];

/** Every route there is, in the order of the OpenAPI document. */
export function createRoutes(): readonly Route[] {
  const routes: Route[] = [...FLEET_ROUTES, ...INSTANCE_ROUTES, ...LEDGER_ROUTES, ...eventRoutes(), ...ROOM_ROUTES];
  return [...routes, ...serviceRoutes(routes)];
}

/** The interface, with paths relative to `/v1`. */
export function createRest(ports: RestPorts): Hono {
  const app = new Hono();
  let answering = 0;
  const routes = createRoutes();
  for (const route of routes) {
    app.on(route.method, patternOf(route), async (c) => {
      const startedAtMs = ports.clock.nowMs();
      let failure: RestError | null = null;
      let response: Response;
      answering += 1;
      try {
        if (answering > REST_REQUESTS_MAX) throw tooBusy(`${REST_REQUESTS_MAX} requests are being answered`);
        response = await answer(c, route, ports);
      } catch (thrown) {
        failure = asRestError(thrown);
        response = json(failure.status, errorBody(failure), failure.retryable ? { 'retry-after': '1' } : {});
      } finally {
        answering -= 1;
      }
      log(ports, route, response.status, failure, ports.clock.nowMs() - startedAtMs);
      return response;
    });
  }
  // Asked only when no route above took the request: the path is right, and the method is not (RFC 9110, 15.5.6).
  for (const [pattern, methods] of methodsByPattern(routes)) {
    app.all(pattern, (c) => {
      const error = new RestError(405, 'MethodNotAllowed', `${c.req.path.slice(0, 100)} takes ${methods.join(', ')}, not ${c.req.method.slice(0, 20)}`);
      return json(error.status, errorBody(error), { allow: methods.join(', ') });
    });
  }
  app.all('*', (c) => {
    const error = notFound(`${c.req.method} ${c.req.path.slice(0, 100)} here; GET /v1/openapi.json names everything there is`);
    return json(error.status, errorBody(error), {});
  });
  return app;
}

function patternOf({ path }: Route): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

/** What each path takes. Whoever answers GET answers HEAD, without the body. */
function methodsByPattern(routes: readonly Route[]): ReadonlyMap<string, readonly string[]> {
  const methods = new Map<string, readonly string[]>();
  for (const route of routes) {
    const pattern = patternOf(route);
    methods.set(pattern, [...(methods.get(pattern) ?? []), ...(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method])]);
  }
  return methods;
}

async function answer(c: Context, route: Route, ports: RestPorts): Promise<Response> {
  const url = new URL(c.req.url);
  const body = await readBody(c.req.raw, REST_BODY_BYTES_MAX);
  const arrived: ArrivedRequest = { method: c.req.method, path: url.pathname, query: parseForm(url.search.slice(1)), headers: c.req.raw.headers, body };
  const caller = route.access === 'anyone' ? null : await authenticate(arrived, route, ports);
  const result = await route.handle({
    ports, caller,
    path: checkPath(c.req.param()),
    query: parse(route.query, Object.fromEntries(arrived.query.filter(([name]) => !name.startsWith('X-Amz-')))),
    body: route.body === null ? undefined : parse(route.body, parseJson(body)),
    headers: c.req.raw.headers,
  });
  return result instanceof Response ? result : json(200, result, {});
}

async function authenticate(arrived: ArrivedRequest, route: Route, ports: RestPorts): Promise<Caller> {
  const verdict = await verifySignature(arrived, { accounts: ports.accounts, nowMs: Date.parse(ports.clock.wallTime()), services: SERVICES });
  if (verdict.kind === 'refused') throw authenticationError(verdict.code, verdict.message);
  const caller = { account: verdict.account, isOperator: ports.accounts.isOperator(verdict.keyId) };
  if (route.access === 'operator' && !caller.isOperator) throw new RestError(403, 'NotAuthorised', `the access key of ${caller.account.name} may not operate the fleet`);
  return caller;
}

/** Ids are the only texts of a path that go on inwards. */
function checkPath(path: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { node, instance } = path;
  if (node !== undefined && !isNodeId(node)) throw notFound(`node ${node.slice(0, 60)}`);
  if (instance !== undefined && !isInstanceId(instance)) throw notFound(`instance ${instance.slice(0, 60)}`);
  return path;
}

function parse(schema: v.GenericSchema | null, value: unknown): unknown {
  if (schema === null) return undefined;
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  throw invalidRequest(result.issues.slice(0, 5).map((issue) => `${v.getDotPath(issue) ?? 'the request'}: ${issue.message}`).join('; '));
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new RestError(400, 'InvalidRequest', 'the body is no JSON', { cause });
  }
}

function json(status: number, value: unknown, headers: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers } });
}

function log(ports: RestPorts, route: Route, status: number, failure: RestError | null, durationMs: number): void {
  const reason = failure === null ? {} : { code: failure.code, ...(status >= 500 ? { reason: describeError(failure) } : {}) };
  ports.log.write({ event: 'restRequest', operation: route.operation, status, durationMs: Math.round(durationMs * 10) / 10, ...reason });
}
