/**
 * What does a request claim about its signature? Reads both forms, header and presigned, without believing anything yet.
 *
 * Source: "Signature Version 4 signing process", AWS General Reference.
 */

/** A request as it arrived, before anything is known of its sender. */
export interface ArrivedRequest {
  readonly method: string;
  /** Path as it came, still percent-encoded, e.g. `/v1/nodes`. */
  readonly path: string;
  /** Parameters of the URL, decoded, in the order they came. */
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** What the signature says of itself. */
export interface SignatureClaim {
  readonly form: 'header' | 'presigned';
  readonly keyId: string;
  /** `YYYYMMDD` of the credential scope. */
  readonly scopeDate: string;
  readonly region: string;
  readonly service: string;
  /** When it says it was signed: whole seconds, ms since 1970. */
  readonly signedAtMs: number;
  /** Presigned form: how long it is valid from then, seconds. */
  readonly expiresSeconds: number;
  /** Lower-case names. */
  readonly signedHeaders: readonly string[];
  /** 64 hex digits. */
  readonly signature: string;
}

/** Words of AWS's common errors. */
export type RefusalCode = 'AuthFailure' | 'IncompleteSignature' | 'MissingAuthenticationToken' | 'RequestExpired' | 'SignatureDoesNotMatch' | 'InvalidClientTokenId';

export type ParsedSignature =
  | { readonly kind: 'claim'; readonly claim: SignatureClaim }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly message: string };

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** A presigned request is valid for at most a week. */
const EXPIRES_SECONDS_MAX = 7 * 24 * 3600;
/** More headers than any client signs. */
const SIGNED_HEADERS_MAX = 64;

/** Finds the claim. Anything that is not a whole SigV4 claim is refused with the reason. */
export function parseSignature(request: ArrivedRequest): ParsedSignature {
  const authorization = request.headers.get('authorization');
  const query = new Map(request.query);
  if (query.has('X-Amz-Algorithm')) {
    if (authorization !== null) return refused('IncompleteSignature', 'A request is signed either in its header or in its URL, not in both.');
    return fromQuery(query);
  }
  if (authorization !== null) return fromHeader(authorization, request.headers);
  if (query.has('SignatureVersion') || /(^|&)SignatureVersion=/.test(new TextDecoder().decode(request.body))) return signatureV2();
  return refused('MissingAuthenticationToken', 'The request is not signed: sign it with an access key (AWS Signature Version 4).');
}

/** The clear answer for clients that still sign the old way. */
function signatureV2(): ParsedSignature {
  return refused('AuthFailure', 'Signature Version 2 is not supported: sign with AWS Signature Version 4 (libcloud: signature_version=\'4\').');
}

function refused(code: RefusalCode, message: string): ParsedSignature {
  return { kind: 'refused', code, message };
}

function fromHeader(authorization: string, headers: Headers): ParsedSignature {
  const space = authorization.indexOf(' ');
  const scheme = space < 0 ? authorization : authorization.slice(0, space);
  if (scheme === 'AWS') return signatureV2();
  if (scheme !== ALGORITHM) return refused('IncompleteSignature', `The Authorization header must start with ${ALGORITHM}.`);
  const fields = new Map<string, string>();
  for (const part of authorization.slice(space + 1).split(',')) {
    const equals = part.indexOf('=');
    if (equals > 0) fields.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const date = headers.get('x-amz-date');
  if (date === null) return refused('IncompleteSignature', 'The header X-Amz-Date is missing.');
  return claimOf('header', { credential: fields.get('Credential'), signedHeaders: fields.get('SignedHeaders'), signature: fields.get('Signature'), date, expires: '300' });
}

function fromQuery(query: ReadonlyMap<string, string>): ParsedSignature {
  if (query.get('X-Amz-Algorithm') !== ALGORITHM) return refused('IncompleteSignature', `X-Amz-Algorithm must be ${ALGORITHM}.`);
  return claimOf('presigned', {
    credential: query.get('X-Amz-Credential'), signedHeaders: query.get('X-Amz-SignedHeaders'), signature: query.get('X-Amz-Signature'),
    date: query.get('X-Amz-Date'), expires: query.get('X-Amz-Expires'),
  });
}

interface ClaimTexts {
  readonly credential: string | undefined;
  readonly signedHeaders: string | undefined;
  readonly signature: string | undefined;
  readonly date: string | undefined;
  readonly expires: string | undefined;
}

function claimOf(form: SignatureClaim['form'], texts: ClaimTexts): ParsedSignature {
  const { credential, signedHeaders, signature, date, expires } = texts;
  if (credential === undefined || signedHeaders === undefined || signature === undefined || date === undefined || expires === undefined) {
    return refused('IncompleteSignature', 'The signature needs Credential, SignedHeaders, Signature and a date (presigned: and X-Amz-Expires).');
  }
  const scope = /^([\w-]{1,128})\/(\d{8})\/([\w-]{1,64})\/([\w-]{1,64})\/aws4_request$/.exec(credential);
  const [, keyId = '', scopeDate = '', region = '', service = ''] = scope ?? [];
  if (scope === null) return refused('IncompleteSignature', 'Credential must be KEY/YYYYMMDD/REGION/SERVICE/aws4_request.');
  const signedAtMs = timeOf(date);
  if (signedAtMs === null) return refused('IncompleteSignature', 'X-Amz-Date must be a time such as 20260131T120000Z.');
  if (date.slice(0, 8) !== scopeDate) return refused('SignatureDoesNotMatch', 'The date of the credential scope does not match X-Amz-Date.');
  const names = signedHeaders.split(';');
  if (names.length > SIGNED_HEADERS_MAX || !names.every((name) => /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name))) return refused('IncompleteSignature', 'SignedHeaders must be lower-case names, separated by ";".');
  if (!names.includes('host')) return refused('SignatureDoesNotMatch', 'The header Host must be signed.');
  if (!/^[0-9a-f]{64}$/.test(signature)) return refused('IncompleteSignature', 'Signature must be 64 lower-case hex digits.');
  const expiresSeconds = Number(expires);
  if (!/^\d{1,6}$/.test(expires) || expiresSeconds < 1 || expiresSeconds > EXPIRES_SECONDS_MAX) return refused('IncompleteSignature', `X-Amz-Expires must be 1 to ${EXPIRES_SECONDS_MAX} seconds.`);
  return { kind: 'claim', claim: { form, keyId, scopeDate, region, service, signedAtMs, expiresSeconds, signedHeaders: names, signature } };
}

/** Milliseconds since 1970 of `YYYYMMDDTHHMMSSZ`, or null. */
function timeOf(text: string): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (parts === null) return null;
  const [, year, month, day, hour, minute, second] = parts;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const ms = Date.parse(iso);
  // A date that does not exist (February 30th) must not be read as another one: it would be signed differently.
  return Number.isNaN(ms) || new Date(ms).toISOString() !== iso ? null : ms;
}
