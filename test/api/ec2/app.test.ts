/** Is the app put together so that both interfaces are found? */
import { Hono } from 'hono';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../../coordinator/app.ts';
import { bench, read, signed } from '../support/client.ts';

const apps = suite('the app');

apps('serves what is mounted at /v1 with its whole path, beside the EC2 endpoint', async () => {
  const on = bench();
  const rest = new Hono<{ Variables: { account: string } }>();
  rest.get('/nodes/:node', (c) => c.json({ path: new URL(c.req.raw.url).pathname, node: c.req.param('node') }));
  const app = createApp(on.ports, { rest });
  const answer = await app.request('/v1/nodes/node-1');
  assert.equal(await answer.json(), { path: '/v1/nodes/node-1', node: 'node-1' });
  assert.is((await app.request('/v1/elsewhere')).status, 404);
  const ec2 = await read(await app.request(await signed(on, new URLSearchParams({ Action: 'DescribeRegions', Version: '2016-11-15' }), {})));
  assert.is(ec2.body.regionInfo.item[0].regionName, 'ves-1');
});

apps('logs every request once, without its secrets', async () => {
  const on = bench();
  const form = new URLSearchParams({ Action: 'RunInstances', Version: '2016-11-15', ImageId: 'ami-0123456789abcdef0', InstanceType: 't1.micro', MinCount: '1', MaxCount: '1', UserData: 'c2VjcmV0' });
  const answer = await read(await on.app.request(await signed(on, form, {})));
  assert.is(on.facts.length, 1);
  const [fact] = on.facts;
  assert.equal({ ...fact, requestId: '' }, { event: 'ec2Request', requestId: '', environment: 'alice', action: 'RunInstances', status: 200, durationMs: 0 });
  assert.is(fact?.['requestId'], answer.body.requestId);
});

apps.run();
