/**
 * What did the client send, within which bounds? Body and parameters of one request.
 */
import type { ArrivedRequest } from '../auth/parse-signature.ts';
import { Ec2Error } from './errors.ts';

/** Largest body, bytes. EC2's largest request is far below: user data of 16 KiB is some 30 KB when it is encoded. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** More parameters than any request has: 1000 ids and a few hundred filter values are fewer. */
const PARAMETERS_MAX = 5_000;

export type Parameter = readonly [name: string, value: string];

/** A request with its parameters, those of the URL first. */
export interface ReadRequest {
  readonly arrived: ArrivedRequest;
  readonly parameters: readonly Parameter[];
}

/** Reads a request. Throws Ec2Error `RequestEntityTooLarge` or `MalformedQueryString`. */
export async function readRequest(request: Request): Promise<ReadRequest> {
  const url = new URL(request.url);
  const query = parseForm(url.search.slice(1));
  const body = request.method === 'POST' ? await readBody(request) : new Uint8Array(0);
  const form = body.length === 0 ? [] : parseForm(decodeText(body));
  const parameters = [...query, ...form];
  if (parameters.length > PARAMETERS_MAX) throw new Ec2Error('MalformedQueryString', `The request has more than ${PARAMETERS_MAX} parameters`);
  return { arrived: { method: request.method, path: url.pathname, query, headers: request.headers, body }, parameters };
}

/**
 * The body, read only as far as it may go. Throws Ec2Error `RequestEntityTooLarge`, at once where the
 * client announces the length, else as soon as it is exceeded.
 */
export async function readBody(request: Request, bytesMax: number = BODY_BYTES_MAX): Promise<Uint8Array> {
  const tooLarge = new Ec2Error('RequestEntityTooLarge', `The request must not be larger than ${bytesMax} bytes`);
  const announced = request.headers.get('content-length');
  if (announced !== null && Number(announced) > bytesMax) throw tooLarge;
  // Node's parser lets no more in than was announced, and the whole body comes without a stream around it.
  if (announced !== null) {
    const body = new Uint8Array(await request.arrayBuffer());
    if (body.length > bytesMax) throw tooLarge;
    return body;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (request.body === null) return new Uint8Array(0);
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge;
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length);
}

/** Decodes `application/x-www-form-urlencoded`. Throws Ec2Error `MalformedQueryString` for broken escapes. */
export function parseForm(text: string): readonly Parameter[] {
  const parameters: Parameter[] = [];
  if (text === '') return parameters;
  for (const part of text.split('&', PARAMETERS_MAX + 1)) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    parameters.push(equals < 0 ? [decodePart(part), ''] : [decodePart(part.slice(0, equals)), decodePart(part.slice(equals + 1))]);
  }
  return parameters;
}

function decodePart(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch (cause) {
    throw new Ec2Error('MalformedQueryString', 'The query string contains a syntax error: a percent escape is broken', { cause });
  }
}

function decodeText(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw new Ec2Error('MalformedQueryString', 'The body is not UTF-8 text', { cause });
  }
}
