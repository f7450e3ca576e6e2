import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { verifySignature } from '../../../../coordinator/auth/verify-signature.ts';
import { signedHeaders } from '../../../../provisioning/playground/signed-fetch.ts';

const signing = suite('a request of the playground');

const access = { endpoint: 'http://127.0.0.1:8080', accessKeyId: 'AKIA0123456789ABCDEF', secretAccessKey: 'abcdefghijklmnopqrstuvwxyz0123456789+/AB' };
const now = new Date('2026-11-22T10:00:00.000Z');

async function verdict(method: string, path: string, signedBody: string, sentBody = signedBody, secretKey = access.secretAccessKey): Promise<string> {
  const url = new URL(path, access.endpoint);
  const headers = { host: url.host, ...signedHeaders(access, method, url, signedBody, now) };
  const request = { method, path: url.pathname, query: [...url.searchParams], headers: new Headers(headers), body: new TextEncoder().encode(sentBody) };
  const accounts = { find: () => Promise.resolve({ secretKey, environment: 'playground', accountId: '123456789012', name: 'x' }) };
  const result = await verifySignature(request, { services: ['ec2'], nowMs: now.getTime(), accounts });
  return result.kind;
}

signing('is accepted by the coordinator’s verifier, with and without a body or a query', async () => {
  assert.is(await verdict('GET', '/v1/nodes', ''), 'verified');
  assert.is(await verdict('POST', '/v1/nodes', '{"id":"node-4"}'), 'verified');
  assert.is(await verdict('GET', '/v1/events?limit=5&after=1.0&subject=i-1', ''), 'verified');
});

signing('is refused when its body or key is another', async () => {
  assert.is.not(await verdict('POST', '/v1/nodes', '{"id":"node-4"}', '{"id":"node-5"}'), 'verified');
  assert.is.not(await verdict('GET', '/v1/nodes', '', '', 'another secret of the same length 0000000'), 'verified');
});

signing.run();
