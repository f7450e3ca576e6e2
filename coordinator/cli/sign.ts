/**
 * How does the CLI prove whose request it is? AWS Signature Version 4 in a header, with nothing but Node's own hashes.
 *
 * Source: "Create a signed AWS API request", AWS General Reference. A signing library would double the time that `ves` needs to start.
 */
import { createHash, createHmac } from 'node:crypto';

/** The scope's service name for our own interface. */
const SERVICE = 'ves';

/** An access key. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** What is signed. */
export interface Unsigned {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
}

/** The headers that prove it: `host`, `x-amz-date`, `x-amz-content-sha256`, `authorization`. `at` is the wall-clock time. */
export function signedHeaders({ method, url, body }: Unsigned, credentials: Credentials, at: Date): Readonly<Record<string, string>> {
  const time = at.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const date = time.slice(0, 8);
  const hash = sha256(body);
  const headers = { 'host': url.host, 'x-amz-content-sha256': hash, 'x-amz-date': time };
  const names = Object.keys(headers).join(';');
  const canonical = [
    method, canonicalPath(url.pathname), canonicalQuery(url.searchParams), ...Object.entries(headers).map(([name, value]) => `${name}:${value}`), '', names, hash,
  ].join('\n');
  const scope = `${date}/${credentials.region}/${SERVICE}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = [date, credentials.region, SERVICE, 'aws4_request'].reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${credentials.secretAccessKey}`);
  const signature = hmac(key, text).toString('hex');
  return { ...headers, authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}` };
}

/** Every service but S3 escapes the (already escaped) path once more. */
function canonicalPath(path: string): string {
  return path.split('/').map((part) => escape(part)).join('/');
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query].map(([name, value]) => `${escape(name)}=${escape(value)}`).toSorted().join('&');
}

/** RFC 3986: everything but letters, digits and `-._~`. */
function escape(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}
