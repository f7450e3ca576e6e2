/** Who is let in, and how does REST refuse? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRoutes, REST_BODY_BYTES_MAX } from '../../../coordinator/rest/rest-app.ts';
import { ClusterError } from '../../../shared/errors.ts';
import { errorAnswer, statusAnswer } from '../../../shared/wire/rest.ts';
import { noLeader } from '../support/fake-cell.ts';
import { assertForm, call, OPERATOR, request, restBench, USER } from './support.ts';

const access = suite('access');

const pathOf = (path: string): string => path.replace('{node}', 'node-1').replace('{instance}', 'i-00000000000000001');

access('is refused without a signature, on every route that needs one', async () => {
  const on = restBench();
  for (const route of createRoutes().filter((each) => each.access !== 'anyone')) {
    const { status, body } = await call(on, route.method, pathOf(route.path), { as: null });
    assert.is(status, 401, `${route.method} ${route.path}`);
    assert.is(body.error.code, 'MissingAuthenticationToken');
  }
});

access('is refused to users wherever the fleet is operated', async () => {
  const on = restBench();
  for (const route of createRoutes().filter((each) => each.access === 'operator')) {
    const { status, body } = await call(on, route.method, pathOf(route.path), { as: USER, ...(route.body === null ? {} : { body: {} }) });
    assert.is(status, 403, `${route.method} ${route.path}`);
    assert.is(body.error.code, 'NotAuthorised');
  }
  assert.equal(on.cell.proposed, []);
});

access('is refused for a wrong secret, an unknown key, a changed path and a clock that is off', async () => {
  const on = restBench();
  const wrong = await call(on, 'GET', '/nodes', { as: { ...OPERATOR, secretAccessKey: 'wrong' } as never });
  assert.is(wrong.status, 403);
  assert.is(wrong.body.error.code, 'SignatureDoesNotMatch');
  const unknown = await call(on, 'GET', '/nodes', { as: { ...OPERATOR, accessKeyId: 'AKIANOBODYNOBODY' } as never });
  assert.is(unknown.status, 401);
  const stolen = await request(on, 'GET', '/nodes');
  assert.is(stolen.status, 200);
  const early = restBench();
  on.clock.wallMs += 6 * 60_000;
  assert.is((await call({ ...on, clock: early.clock }, 'GET', '/nodes')).body.error.code, 'RequestExpired');
  assert.is((await call({ ...early, clock: on.clock }, 'GET', '/nodes')).body.error.code, 'RequestExpired');
});

access('needs no key for signs of life, which tell little', async () => {
  const on = restBench();
  const { status, body } = await call(on, 'GET', '/status', { as: null });
  assert.is(status, 200);
  assertForm(statusAnswer, body);
  assert.equal(body, { status: 'ok', member: 'coordinator-1', cell: 'default' });
  on.fleet.leader = null;
  const health = await on.site(new Request('http://ves.test/healthz'));
  assert.equal(await health.json(), { status: 'noLeader', member: 'coordinator-1', cell: 'default' });
});

access('to EC2 is beside it', async () => {
  const response = await restBench().site(new Request('http://ves.test/', { method: 'POST', body: 'Action=DescribeInstances&Version=2016-11-15' }));
  assert.match(await response.text(), /<Code>MissingAuthenticationToken/);
});

const refusals = suite('a refusal');

refusals('is an error in our form for paths that there are not', async () => {
  const on = restBench();
  for (const [method, path] of [['GET', '/nothing'], ['POST', '/nodes/node-1/nothing'], ['GET', '/']] as const) {
    const { status, body } = await call(on, method, path);
    assert.is(status, 404, `${method} ${path}`);
    assertForm(errorAnswer, body);
  }
});

refusals('names the methods that a path does take', async () => {
  const on = restBench();
  for (const [method, path, allow] of [
    ['PATCH', '/nodes', 'GET, HEAD, POST'], ['DELETE', '/events', 'GET, HEAD'], ['POST', '/parameters', 'GET, HEAD, PUT'], ['PUT', '/nodes/node-1', 'GET, HEAD, DELETE'],
    ['GET', '/nodes/node-1/cordon', 'POST'], ['OPTIONS', '/instances', 'GET, HEAD'],
  ] as const) {
    const response = await request(on, method, path);
    assert.is(response.status, 405, `${method} ${path}`);
    assert.is(response.headers.get('allow'), allow, `${method} ${path}`);
    assertForm(errorAnswer, await response.json());
  }
  const root = await on.site(new Request('http://ves.test/', { method: 'DELETE' }));
  assert.is(root.status, 405);
  assert.is(root.headers.get('allow'), 'GET, HEAD, POST');
});

refusals('says that it may be tried again while there is no leader', async () => {
  const on = restBench();
  on.cell.failure = noLeader();
  const response = await request(on, 'PUT', '/parameters', { body: { rebuildAfterMs: 60_000 } });
  assert.is(response.status, 503);
  assert.is(response.headers.get('retry-after'), '1');
  const body = await response.json() as { error: { code: string; retryable: boolean } };
  assert.is(body.error.code, 'NoLeader');
  assert.is(body.error.retryable, true);
});

refusals('tells nothing of our insides when something broke, but logs it', async () => {
  const on = restBench();
  on.cell.failure = new ClusterError('Odd', 'secret inside', { retryable: false });
  const { status, body } = await call(on, 'GET', '/instances');
  assert.is(status, 500);
  assert.not.match(JSON.stringify(body), /secret/);
  assert.match(JSON.stringify(on.facts), /secret inside/);
});

refusals('comes for a body that is too large, no JSON, or no UTF-8', async () => {
  const on = restBench();
  assert.is((await call(on, 'PUT', '/parameters', { rawBody: JSON.stringify({ x: 'y'.repeat(REST_BODY_BYTES_MAX) }) })).status, 413);
  assert.is((await call(on, 'PUT', '/parameters', { rawBody: '{' })).status, 400);
  assert.is((await call(on, 'PUT', '/parameters', { rawBody: '' })).status, 400);
});

refusals('names what is wrong with a parameter', async () => {
  const on = restBench();
  for (const [body, pattern] of [
    [{}, /no parameter/], [{ profile: 'turbo' }, /profile/], [{ rebuildAfterMs: -1 }, /rebuildAfterMs/], [{ rebuildAfterMs: '9' }, /rebuildAfterMs/], [{ colour: 'red' }, /colour/], [[], /no parameter/], ['text', /the request/],
  ] as const) {
    const answer = await call(on, 'PUT', '/parameters', { body });
    assert.is(answer.status, 400, JSON.stringify(body));
    assert.match(answer.body.error.message, pattern);
  }
  assert.equal(on.cell.proposed, []);
});

refusals('by the ledger keeps its reason', async () => {
  const { status, body } = await call(restBench(), 'PUT', '/parameters', { body: { rebuildAfterMs: 1 } });
  assert.is(status, 400);
  assert.is(body.error.code, 'invalidParameter');
});

const parameters = suite('parameters');

parameters('are read, and changed one by one', async () => {
  const on = restBench();
  assert.is((await call(on, 'GET', '/parameters')).body.parameters.profile, 'standard');
  assert.is((await call(on, 'PUT', '/parameters', { body: { profile: 'fast', powerFencing: false } })).status, 200);
  const { body } = await call(on, 'GET', '/parameters');
  assert.is(body.parameters.profile, 'fast');
  assert.is(body.parameters.powerFencing, false);
  assert.is(body.parameters.reserveStandby, true);
});

access.run();
refusals.run();
parameters.run();
