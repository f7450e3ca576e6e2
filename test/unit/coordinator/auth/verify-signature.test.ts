/** Are right signatures accepted, and all others refused? With AWS's own examples and with requests of real clients, as recorded. */
import { readFileSync } from 'node:fs';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ArrivedRequest } from '../../../../coordinator/auth/parse-signature.ts';
import { Sha256 } from '../../../../coordinator/auth/sha256.ts';
import { verifySignature } from '../../../../coordinator/auth/verify-signature.ts';
import type { Verdict } from '../../../../coordinator/auth/verify-signature.ts';

const signatures = suite('a signature');

const KEY_ID = 'AKIAVESEXAMPLE00001';
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const NOW_MS = Date.parse('2026-11-22T12:00:00Z');

interface Given {
  readonly method?: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

function arrived(given: Given): ArrivedRequest {
  const url = new URL(given.url, 'http://host.test');
  return { method: given.method ?? 'GET', path: url.pathname, query: [...url.searchParams], headers: new Headers(given.headers), body: Buffer.from(given.body ?? '') };
}

function verify(given: Given, options: { readonly nowMs?: number; readonly services?: readonly string[]; readonly keyId?: string; readonly secret?: string } = {}): Promise<Verdict> {
  const keyId = options.keyId ?? KEY_ID;
  const account = { secretKey: options.secret ?? SECRET, environment: 'alice', accountId: '111111111111', name: 'alice' };
  return verifySignature(arrived(given), {
    accounts: { find: (asked) => Promise.resolve(asked === keyId ? account : null) },
    nowMs: options.nowMs ?? NOW_MS, services: options.services ?? ['ec2', 'sts'],
  });
}

function code(verdict: Verdict): string {
  return verdict.kind === 'verified' ? 'verified' : verdict.code;
}

const signer = new SignatureV4({ service: 'ec2', region: 'ves-1', sha256: Sha256, credentials: { accessKeyId: KEY_ID, secretAccessKey: SECRET } });

async function signedRequest(given: { readonly body?: string; readonly atMs?: number; readonly headers?: Readonly<Record<string, string>>; readonly path?: string } = {}): Promise<Given & { headers: Record<string, string> }> {
  const body = given.body ?? 'Action=DescribeInstances&Version=2016-11-15';
  const request = new HttpRequest({ method: 'POST', hostname: 'host.test', path: given.path ?? '/', headers: { host: 'host.test', ...given.headers }, body });
  const { headers } = await signer.sign(request, { signingDate: new Date(given.atMs ?? NOW_MS) });
  return { method: 'POST', url: given.path ?? '/', headers, body };
}

async function presigned(expiresSeconds: number, atMs = NOW_MS): Promise<Given> {
  const request = new HttpRequest({ method: 'GET', hostname: 'host.test', path: '/', headers: { host: 'host.test' }, query: { Action: 'DescribeInstances', Version: '2016-11-15', Name: 'a b+c*' } });
  const { query, headers } = await signer.presign(request, { signingDate: new Date(atMs), expiresIn: expiresSeconds });
  return { url: `/?${new URLSearchParams(query as Record<string, string>).toString()}`, headers };
}

// Examples that AWS itself published (the Signature Version 4 test suite and the IAM ListUsers example of the General Reference).
const AWS = { keyId: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', nowMs: Date.parse('2015-08-30T12:36:00Z') };
const PUBLISHED: readonly (readonly [name: string, service: string, given: Given])[] = [
  ['get-vanilla', 'service', { url: '/', headers: {
    'host': 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z',
    'authorization': 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31' } }],
  ['get-vanilla-query-order-key-case', 'service', { url: '/?Param2=value2&Param1=value1', headers: {
    'host': 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z',
    'authorization': 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500' } }],
  ['post-x-www-form-urlencoded', 'service', { method: 'POST', url: '/', body: 'Param1=value1', headers: {
    'host': 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z', 'content-type': 'application/x-www-form-urlencoded',
    'authorization': 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a' } }],
  ['the IAM ListUsers example', 'iam', { url: '/?Action=ListUsers&Version=2010-05-08', headers: {
    'host': 'iam.amazonaws.com', 'x-amz-date': '20150830T123600Z', 'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    'authorization': 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7' } }],
];

for (const [name, service, given] of PUBLISHED) {
  signatures(`of AWS's own examples is right: ${name}`, async () => {
    assert.is(code(await verify(given, { ...AWS, services: [service] })), 'verified');
  });
}

const recorded = JSON.parse(readFileSync(new URL('fixtures/recorded-requests.json', import.meta.url), 'utf8')) as readonly (Given & { readonly client: string })[];
for (const request of recorded) {
  const nowMs = Date.parse('2026-11-22T14:10:00Z');
  signatures(`of a real client is right: ${request.client}`, async () => {
    assert.is(code(await verify(request, { nowMs })), 'verified');
  });
  signatures(`of a real client is wrong after one change: ${request.client}`, async () => {
    const changed = request.url.length > 1 ? { ...request, url: request.url.replace('Version=2016', 'Version=2017') } : { ...request, body: `${request.body ?? ''}&DryRun=true` };
    assert.is(code(await verify(changed, { nowMs })), 'SignatureDoesNotMatch');
  });
}

signatures('is refused when anything that was signed has changed', async () => {
  const good = await signedRequest();
  assert.is(code(await verify(good)), 'verified');
  const authorization = good.headers['authorization'] ?? '';
  const last = authorization.at(-1) === '0' ? '1' : '0';
  const changes: readonly (readonly [string, Given])[] = [
    ['the signature', { ...good, headers: { ...good.headers, authorization: authorization.slice(0, -1) + last } }],
    ['the host', { ...good, headers: { ...good.headers, host: 'other.test' } }],
    ['the path', { ...good, url: '/v1' }],
    ['the query', { ...good, url: '/?DryRun=true' }],
    ['the query, by what looks like a part of a signature', { ...good, url: '/?X-Amz-Date=20261122T120000Z' }],
    ['the query, by a name that is special to JavaScript', { ...good, url: '/?__proto__=x' }],
    ['the method', { ...good, method: 'PUT' }],
    ['the body', { ...good, body: 'Action=TerminateInstances' }],
    ['the date', { ...good, headers: { ...good.headers, 'x-amz-date': '20261122T115959Z' } }],
  ];
  for (const [what, given] of changes) assert.is(code(await verify(given)), 'SignatureDoesNotMatch', what);
  assert.is(code(await verify(good, { secret: `${SECRET}x` })), 'SignatureDoesNotMatch', 'the secret');
});

signatures('does not cover headers that were not signed', async () => {
  const good = await signedRequest();
  assert.is(code(await verify({ ...good, headers: { ...good.headers, 'x-forwarded-for': '10.0.0.1', 'via': 'a proxy' } })), 'verified');
});

signatures('covers parameters whose names every object has', async () => {
  const request = new HttpRequest({ method: 'GET', hostname: 'host.test', path: '/', headers: { host: 'host.test' }, query: Object.fromEntries([['constructor', 'x'], ['toString', 'y']]) });
  const { headers } = await signer.sign(request, { signingDate: new Date(NOW_MS) });
  assert.is(code(await verify({ method: 'GET', url: '/?constructor=x&toString=y', headers })), 'verified');
  assert.is(code(await verify({ method: 'GET', url: '/?constructor=x&toString=z', headers })), 'SignatureDoesNotMatch');
});

signatures('that leaves out the host is refused, so that it cannot be used elsewhere', async () => {
  const request = new HttpRequest({ method: 'POST', hostname: 'host.test', path: '/', headers: {}, body: 'x' });
  const { headers } = await signer.sign(request, { signingDate: new Date(NOW_MS) });
  const verdict = await verify({ method: 'POST', url: '/', headers: { ...headers, host: 'host.test' }, body: 'x' });
  assert.is(code(verdict), 'SignatureDoesNotMatch');
  assert.ok(verdict.kind === 'refused' && verdict.message.includes('Host'));
});

signatures('covers a body hash only if that is the hash of the body', async () => {
  const hash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const lying = await signedRequest({ headers: { 'x-amz-content-sha256': hash } });
  assert.is(code(await verify(lying)), 'SignatureDoesNotMatch');
  const unsigned = await signedRequest({ headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } });
  assert.is(code(await verify(unsigned)), 'SignatureDoesNotMatch');
});

signatures('expires after five minutes, and must not come from the future', async () => {
  const minuteMs = 60_000;
  for (const [ageMs, expected] of [[5 * minuteMs, 'verified'], [5 * minuteMs + 1, 'RequestExpired'], [-5 * minuteMs, 'verified'], [-5 * minuteMs - 1, 'RequestExpired']] as const) {
    assert.is(code(await verify(await signedRequest(), { nowMs: NOW_MS + ageMs })), expected, `age ${ageMs} ms`);
  }
});

signatures('in a URL is valid as long as it says', async () => {
  const url = await presigned(600);
  assert.is(code(await verify(url)), 'verified');
  assert.is(code(await verify(url, { nowMs: NOW_MS + 600_000 })), 'verified');
  assert.is(code(await verify(url, { nowMs: NOW_MS + 600_001 })), 'RequestExpired');
  assert.is(code(await verify(url, { nowMs: NOW_MS - 300_001 })), 'RequestExpired');
  const longer = { ...url, url: url.url.replace('X-Amz-Expires=600', 'X-Amz-Expires=700') };
  assert.is(code(await verify(longer)), 'SignatureDoesNotMatch');
  assert.is(code(await verify({ ...url, url: url.url.replace('X-Amz-Expires=600', 'X-Amz-Expires=604801') })), 'IncompleteSignature');
});

signatures('of an unknown key says so', async () => {
  const verdict = await verify(await signedRequest(), { keyId: 'AKIAOTHER' });
  assert.is(code(verdict), 'AuthFailure');
});

signatures('for another service is refused', async () => {
  assert.is(code(await verify(await signedRequest(), { services: ['ves'] })), 'SignatureDoesNotMatch');
});

signatures('is verified for REST paths with escapes as well', async () => {
  assert.is(code(await verify(await signedRequest({ path: '/v1/nodes/node%201' }))), 'verified');
});

signatures('that comes with a session token is refused, since none are issued', async () => {
  const good = await signedRequest({ headers: { 'x-amz-security-token': 'token' } });
  assert.is(code(await verify(good)), 'InvalidClientTokenId');
});

const SCOPE = `${KEY_ID}/20261122/ves-1/ec2/aws4_request`;
const SIGNATURE = 'a'.repeat(64);
const MALFORMED: readonly (readonly [string, string, Given])[] = [
  ['nothing at all', 'MissingAuthenticationToken', { url: '/', headers: {} }],
  ['version 2 in the query', 'AuthFailure', { url: '/?SignatureVersion=2&AWSAccessKeyId=x&Signature=y', headers: {} }],
  ['version 2 in the form', 'AuthFailure', { method: 'POST', url: '/', headers: {}, body: 'Action=x&SignatureVersion=2&Signature=y' }],
  ['version 2 in the header', 'AuthFailure', { url: '/', headers: { authorization: 'AWS key:signature' } }],
  ['another scheme', 'IncompleteSignature', { url: '/', headers: { authorization: 'Bearer x' } }],
  ['no date', 'IncompleteSignature', { url: '/', headers: { authorization: `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=host, Signature=${SIGNATURE}` } }],
  ['no signature', 'IncompleteSignature', { url: '/', headers: { 'authorization': `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=host`, 'x-amz-date': '20261122T120000Z' } }],
  ['a short signature', 'IncompleteSignature', { url: '/', headers: { 'authorization': `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=host, Signature=abc`, 'x-amz-date': '20261122T120000Z' } }],
  ['a date that does not exist', 'IncompleteSignature', { url: '/', headers: { 'authorization': `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=host, Signature=${SIGNATURE}`, 'x-amz-date': '20260230T120000Z' } }],
  ['a scope of another day', 'SignatureDoesNotMatch', { url: '/', headers: { 'authorization': `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=host, Signature=${SIGNATURE}`, 'x-amz-date': '20261121T120000Z' } }],
  ['a host that is not signed', 'SignatureDoesNotMatch', { url: '/', headers: { 'authorization': `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=x-amz-date, Signature=${SIGNATURE}`, 'x-amz-date': '20261122T120000Z' } }],
  ['a signed header that did not come', 'SignatureDoesNotMatch', { url: '/', headers: { 'host': 'h', 'authorization': `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=host;x-other;x-amz-date, Signature=${SIGNATURE}`, 'x-amz-date': '20261122T120000Z' } }],
  ['a broken scope', 'IncompleteSignature', { url: '/', headers: { 'authorization': `AWS4-HMAC-SHA256 Credential=${KEY_ID}, SignedHeaders=host, Signature=${SIGNATURE}`, 'x-amz-date': '20261122T120000Z' } }],
  ['both forms', 'IncompleteSignature', { url: '/?X-Amz-Algorithm=AWS4-HMAC-SHA256', headers: { authorization: 'AWS4-HMAC-SHA256 x' } }],
  ['another algorithm in the URL', 'IncompleteSignature', { url: '/?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256', headers: {} }],
  ['half a URL form', 'IncompleteSignature', { url: '/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261122T120000Z', headers: {} }],
];
for (const [what, expected, given] of MALFORMED) {
  signatures(`that is malformed is refused by name: ${what}`, async () => {
    const verdict = await verify(given);
    assert.is(code(verdict), expected);
    assert.ok(verdict.kind === 'refused' && verdict.message.length > 10);
  });
}

signatures.run();
