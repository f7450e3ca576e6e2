/**
 * Who sent this request, and did it arrive as it was sent? AWS Signature Version 4, by signing it again.
 *
 * `@smithy/signature-v4` signs what arrived with the secret of the claimed key, with exactly the headers and the date that the client
 * signed, and the results are compared in constant time. It matched every recorded client (EC2.md). The same
 * signature is accepted again while it is fresh, as EC2 does: what must not happen twice carries a client token.
 */
import { timingSafeEqual } from 'node:crypto';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Account, AccountsPort } from '../ports.ts';
import { parseSignature } from './parse-signature.ts';
import type { ArrivedRequest, RefusalCode, SignatureClaim } from './parse-signature.ts';
import { Sha256, sha256Hex } from './sha256.ts';

/** How far a client's clock may be off, as AWS allows. */
const SKEW_MS_MAX = 5 * 60 * 1000;

/** What the verifier needs to know beside the request. */
export interface VerifyOptions {
  readonly accounts: AccountsPort;
  /** Wall-clock time, ms since 1970. */
  readonly nowMs: number;
  /** Service names that the credential scope may have, e.g. `['ec2', 'sts']`. */
  readonly services: readonly string[];
}

/** A claim that does not hold. Codes: AWS's common errors. */
export interface Refusal {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  readonly message: string;
}

export type Verdict = { readonly kind: 'verified'; readonly keyId: string; readonly account: Account } | Refusal;

const MISMATCH: Refusal = {
  kind: 'refused', code: 'SignatureDoesNotMatch',
  message: 'The request signature we calculated does not match the signature you provided. Check your secret access key and signing method.',
};

/** Verifies either form. Does not throw for what a client sent; `accounts.find` may. */
export async function verifySignature(request: ArrivedRequest, options: VerifyOptions): Promise<Verdict> {
  const parsed = parseSignature(request);
  if (parsed.kind === 'refused') return parsed;
  const { claim } = parsed;
  const refusal = refuseClaim(request, claim, options);
  if (refusal !== null) return refusal;
  const account = await options.accounts.find(claim.keyId);
  if (account === null) return { kind: 'refused', code: 'AuthFailure', message: 'AWS was not able to validate the provided access credentials: the access key id is not known here.' };
  const signature = claim.form === 'header' ? await signHeaders(request, claim, account) : await presign(request, claim, account);
  return isSame(signature, claim.signature) ? { kind: 'verified', keyId: claim.keyId, account } : MISMATCH;
}

/** What is wrong before any secret is looked up. */
function refuseClaim(request: ArrivedRequest, claim: SignatureClaim, options: VerifyOptions): Refusal | null {
  if (!options.services.includes(claim.service)) {
    return refusal('SignatureDoesNotMatch', `Credential should be scoped to service ${options.services.join(' or ')}, not ${claim.service}.`);
  }
  const ageMs = options.nowMs - claim.signedAtMs;
  if (ageMs < -SKEW_MS_MAX) return refusal('RequestExpired', `The request was signed in the future: at ${time(claim.signedAtMs)}, and here it is ${time(options.nowMs)}. Check the clock.`);
  const validMs = claim.form === 'header' ? SKEW_MS_MAX : claim.expiresSeconds * 1000;
  if (ageMs > validMs) return refusal('RequestExpired', `Request has expired. It was signed at ${time(claim.signedAtMs)}, and here it is ${time(options.nowMs)}.`);
  const hash = request.headers.get('x-amz-content-sha256');
  if (hash !== null && hash !== sha256Hex(request.body)) return refusal('SignatureDoesNotMatch', 'X-Amz-Content-SHA256 is not the hash of the body.');
  const token = request.headers.get('x-amz-security-token') ?? request.query.find(([name]) => name === 'X-Amz-Security-Token')?.[1];
  if (token !== undefined) return refusal('InvalidClientTokenId', 'Session tokens are not issued here: leave AWS_SESSION_TOKEN unset.');
  const unsent = claim.signedHeaders.find((name) => !request.headers.has(name));
  if (unsent !== undefined) return refusal('SignatureDoesNotMatch', `The header ${unsent} is signed but was not sent.`);
  return null;
}

function refusal(code: RefusalCode, message: string): Refusal {
  return { kind: 'refused', code, message };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

/** Only what the client signed, so that whatever a proxy added on the way does not count. */
function signedPart(request: ArrivedRequest, claim: SignatureClaim): HttpRequest {
  const headers: Record<string, string> = {};
  for (const name of claim.signedHeaders) headers[name] = request.headers.get(name) ?? '';
  // Without a prototype, so that a parameter called `constructor` is one like any other.
  const query = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of request.query) {
    if (claim.form === 'presigned' && PRESIGN_PARAMETERS.has(name)) continue;
    const before = query[name];
    query[name] = before === undefined ? value : [before, value].flat();
  }
  return new HttpRequest({ method: request.method, path: request.path, headers, query, body: request.body });
}

/** What presigning itself adds. */
const PRESIGN_PARAMETERS = new Set(['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-SignedHeaders', 'X-Amz-Signature']);

function signerFor(claim: SignatureClaim, account: Account): SignatureV4 {
  return new SignatureV4({
    service: claim.service, region: claim.region, credentials: { accessKeyId: claim.keyId, secretAccessKey: account.secretKey }, sha256: Sha256,
    applyChecksum: false, // a client that signed the hash of its body sent it as a header; adding it would change what is signed
  });
}

async function signHeaders(request: ArrivedRequest, claim: SignatureClaim, account: Account): Promise<string> {
  const signableHeaders = new Set(claim.signedHeaders);
  const signed = await signerFor(claim, account).sign(signedPart(request, claim), { signingDate: new Date(claim.signedAtMs), signableHeaders });
  return /Signature=([0-9a-f]{64})$/.exec(signed.headers['authorization'] ?? '')?.[1] ?? '';
}

async function presign(request: ArrivedRequest, claim: SignatureClaim, account: Account): Promise<string> {
  const names = new Set(claim.signedHeaders);
  const signed = await signerFor(claim, account).presign(signedPart(request, claim), {
    signingDate: new Date(claim.signedAtMs), expiresIn: claim.expiresSeconds, signableHeaders: names, unhoistableHeaders: names,
  });
  const signature = signed.query?.['X-Amz-Signature'];
  return typeof signature === 'string' ? signature : '';
}

/** In constant time: how much of a wrong signature is right must not be measurable. */
function isSame(computed: string, claimed: string): boolean {
  return computed.length === claimed.length && timingSafeEqual(Buffer.from(computed, 'latin1'), Buffer.from(claimed, 'latin1'));
}
