/** Does the CLI sign as the coordinator verifies, whatever is in path, query and body? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { signedHeaders } from '../../../../coordinator/cli/sign.ts';
import { verifySignature } from '../../../../coordinator/auth/verify-signature.ts';

const sign = suite('a signature of the CLI');
const CREDENTIALS = { accessKeyId: 'AKIAVESEXAMPLE00001', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', region: 'ves-1' };
const ACCOUNT = { secretKey: CREDENTIALS.secretAccessKey, environment: 'alice', accountId: '111111111111', name: 'alice' };
const AT = new Date('2026-11-22T12:00:00.000Z');

async function verdict(method: string, url: URL, body: string, tamper: { readonly url?: URL; readonly body?: string } = {}) {
  const headers = signedHeaders({ method, url, body }, CREDENTIALS, AT);
  const sent = tamper.url ?? url;
  return await verifySignature(
    { method, path: sent.pathname, query: [...sent.searchParams], headers: new Headers(headers), body: new TextEncoder().encode(tamper.body ?? body) },
    { accounts: { find: () => Promise.resolve(ACCOUNT) }, nowMs: AT.getTime(), services: ['ves'] },
  );
}

sign('is verified for all that it asks', async () => {
  for (const [method, path, body] of [
    ['GET', '/v1/nodes', ''], ['GET', '/v1/events?limit=10&after=0.1&subject=node-1', ''], ['POST', '/v1/room/nodes/node-1/cut', '{"network":"all"}'],
    ['GET', '/v1/events?subject=a%20b%2Bc%2F%C3%A4!%27()*', ''], ['GET', '/v1/instances/i-1%20(x)/why', ''], ['PUT', '/v1/x', '{"ä":"ö"}'], ['GET', '/v1/a?b=', ''],
  ] as const) {
    const { kind, ...rest } = await verdict(method, new URL(path, 'http://127.0.0.1:8080'), body);
    assert.is(kind, 'verified', `${method} ${path}: ${JSON.stringify(rest)}`);
  }
});

sign('does not cover another path, query or body', async () => {
  const url = new URL('http://127.0.0.1:8080/v1/nodes?limit=1');
  assert.is((await verdict('PUT', url, '{}', { url: new URL('http://127.0.0.1:8080/v1/other?limit=1') })).kind, 'refused');
  assert.is((await verdict('PUT', url, '{}', { url: new URL('http://127.0.0.1:8080/v1/nodes?limit=2') })).kind, 'refused');
  assert.is((await verdict('PUT', url, '{}', { body: '{ }' })).kind, 'refused');
});

sign.run();
