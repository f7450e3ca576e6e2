/**
 * How does the playground ask its own coordinator? REST requests, signed as any client's (AWS Signature Version 4).
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac } from 'node:crypto';
import { ClusterError } from '../../shared/errors.ts';

/** Region and service that coordinators expect in a signature's scope. */
const REGION = 'ves-1';
const SERVICE = 'ec2';
const TIMEOUT_MS = 3_000;

/** Who asks, and whom. */
export interface ApiAccess {
  /** `http://host:port` */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Asks and returns the JSON document. Throws ClusterError: the answer's own code, or `CoordinatorUnreachable` (retryable). */
export async function askApi(access: ApiAccess, method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<unknown> {
  const url = new URL(path, access.endpoint);
  const text = body === undefined ? '' : JSON.stringify(body);
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(url, {
      method, headers: signedHeaders(access, method, url, text, new Date()), signal: AbortSignal.timeout(TIMEOUT_MS), ...(body === undefined ? {} : { body: text }),
    });
    answer = await response.json();
  } catch (cause) {
    throw new ClusterError('CoordinatorUnreachable', `could not ask the coordinator at ${access.endpoint}`, { retryable: true, cause });
  }
  if (response.ok) return answer;
  const { code, message, retryable } = ((answer as { error?: unknown } | null)?.error ?? {}) as { code?: unknown; message?: unknown; retryable?: unknown };
  throw new ClusterError(String(code ?? 'CoordinatorFailed'), String(message ?? `${method} ${path} was answered with ${response.status}`), { retryable: retryable === true });
}

/** Headers with the signature. The path must need no escaping; the query is sorted by its names. */
export function signedHeaders(access: ApiAccess, method: string, url: URL, body: string, now: Date): Record<string, string> {
  const stamp = now.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = stamp.slice(0, 8);
  const scope = `${day}/${REGION}/${SERVICE}/aws4_request`;
  const bodyHash = sha256(body);
  const headers: [string, string][] = [['content-type', 'application/json'], ['host', url.host], ['x-amz-content-sha256', bodyHash], ['x-amz-date', stamp]];
  const names = headers.map(([name]) => name).join(';');
  const query = [...url.searchParams].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).toSorted().join('&');
  const canonical = [method, url.pathname, query, ...headers.map(([name, value]) => `${name}:${value}`), '', names, bodyHash].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n');
  const key = [day, REGION, SERVICE, 'aws4_request'].reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${access.secretAccessKey}`);
  const signature = hmac(key, toSign).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${access.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...Object.fromEntries(headers.filter(([name]) => name !== 'host')), authorization };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
