/**
 * How does the CLI speak to the coordinator? Signed HTTP requests, each with a deadline, and failures that a person can act upon.
 */
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import * as v from 'valibot';
import { errorAnswer } from '../../shared/wire/rest.ts';
import { CliFailure } from './failure.ts';
import { signedHeaders } from './sign.ts';
import type { Credentials } from './sign.ts';

const ANSWER_MS = 20_000;
/** A stream says something every 15 s. */
export const STREAM_SILENCE_MS = 40_000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** Where the coordinator is, and who we are. */
export interface Endpoint {
  readonly url: URL;
  readonly credentials: Credentials;
}

/** What to ask. */
export interface Question {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Reads the endpoint from the environment's variables. Throws CliFailure that says how to set them. */
export function endpointOf(environment: Readonly<Record<string, string | undefined>>): Endpoint {
  const { VES_ENDPOINT: text, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_DEFAULT_REGION: region } = environment;
  const advice = 'With the playground running (npm start), type:  . .ves/playground.env';
  if (text === undefined || text === '') throw new CliFailure(1, 'NoEndpoint', `VES_ENDPOINT is not set, so it is not known where the coordinator is.\n${advice}`);
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new CliFailure(1, 'NoEndpoint', `VES_ENDPOINT is ${JSON.stringify(text)}, but should be a URL such as http://127.0.0.1:8080`);
  if (accessKeyId === undefined || secretAccessKey === undefined || accessKeyId === '' || secretAccessKey === '') {
    throw new CliFailure(1, 'NoAccessKey', `AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, so requests cannot be signed.\n${advice}`);
  }
  return { url: new URL(text), credentials: { accessKeyId, secretAccessKey, region: region ?? 'ves-1' } };
}

/** Asks for JSON. Throws CliFailure: unreachable, refused (the coordinator's code and words), or no JSON. */
export async function ask(endpoint: Endpoint, question: Question): Promise<unknown> {
  const response = await open(endpoint, question, ANSWER_MS);
  const text = await readAll(response);
  const value = parseJson(text);
  if (response.statusCode === 200 && value !== undefined) return value;
  throw refusal(endpoint, response.statusCode ?? 0, value);
}

/** Opens a stream; the answer's body is for the caller. Throws as {@link ask}. */
export async function openStream(endpoint: Endpoint, question: Question): Promise<IncomingMessage> {
  const response = await open(endpoint, question, STREAM_SILENCE_MS);
  if (response.statusCode === 200) return response;
  throw refusal(endpoint, response.statusCode ?? 0, parseJson(await readAll(response)));
}

async function open(endpoint: Endpoint, { method = 'GET', path, query = {}, body, headers = {} }: Question, silenceMs: number): Promise<IncomingMessage> {
  const url = new URL(`/v1${path}`, endpoint.url);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  const text = body === undefined ? '' : JSON.stringify(body);
  const options: RequestOptions = {
    method,
    headers: {
      ...signedHeaders({ method, url, body: text }, endpoint.credentials, new Date()), ...headers,
      ...(text === '' ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(text)) }),
    },
  };
  const start = url.protocol === 'https:' ? (await import('node:https')).request : httpRequest;
  return await new Promise((resolve, reject) => {
    const sent: ClientRequest = start(url, options, resolve);
    sent.setTimeout(silenceMs, () => sent.destroy(new Error(`no answer within ${silenceMs / 1000} s`)));
    sent.once('error', (error) => reject(unreachable(endpoint, error)));
    sent.end(text);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) throw new CliFailure(1, 'AnswerTooLong', 'the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Said by the caller, with the status.
  }
}

function unreachable(endpoint: Endpoint, error: Error): CliFailure {
  const why = 'code' in error && error.code === 'ECONNREFUSED' ? 'nothing listens there' : error.message;
  return new CliFailure(1, 'Unreachable', `the coordinator does not answer at ${endpoint.url.origin}: ${why}.\nIs it running (npm start), and is VES_ENDPOINT the one of its playground.env?`);
}

const ADVICE: Readonly<Record<string, string>> = {
  AuthFailure: 'The access key is not known there: was the playground set up anew? Type:  . .ves/playground.env',
  SignatureDoesNotMatch: 'Check AWS_SECRET_ACCESS_KEY, or type:  . .ves/playground.env',
  RequestExpired: 'Check this machine\'s clock.',
};

function refusal(endpoint: Endpoint, status: number, value: unknown): CliFailure {
  const parsed = v.safeParse(errorAnswer, value);
  if (!parsed.success) return new CliFailure(1, 'NoCoordinator', `what answers at ${endpoint.url.origin} is no VES coordinator (HTTP ${status} without its error form): check VES_ENDPOINT`);
  const { code, message, retryable } = parsed.output.error;
  const advice = ADVICE[code] ?? (retryable ? 'Try again in a moment.' : '');
  return new CliFailure(1, code, `${message}${advice === '' ? '' : `\n${advice}`}`);
}
