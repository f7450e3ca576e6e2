/**
 * How is one member of an etcd asked? Over its JSON gateway (/v3, etcd 3.4 and later), with Node's own HTTP.
 *
 * Keys and values are UTF-8 here and base64 there, int64 are strings there, and fields that are zero are left out. Nothing is retried:
 * which member is asked next is for whoever asks (shared/ledger/etcd/endpoints.ts).
 */
import { Agent, request as requestHttp } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as TlsAgent, request as requestHttps } from 'node:https';
import { readFile } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { ClusterError } from '../errors.ts';
import { isJsonObject } from '../json.ts';
import type { JsonObject } from '../json.ts';
import type { EtcdConfig } from '../ledger/etcd/config.ts';
import type { EtcdEndpoint, EtcdPair, EtcdRange, EtcdWatcher, EtcdWrite } from '../ledger/etcd/etcd-port.ts';
import type { Timers } from '../world.ts';

/** Largest answer, or line of a watch, bytes: 64 entries of 1 MiB in base64. */
const ANSWER_BYTES_MAX = 96 * 1024 * 1024;
/** Connections to one member: a read, a write, a watch, and those that end. */
const SOCKETS_MAX = 8;
/** A watch must be told to be open within this time. */
const WATCH_OPEN_MS = 2_000;

/** How a member is reached. */
export interface EtcdClientOptions {
  /** `http://host:port` or `https://host:port`. */
  readonly url: string;
  readonly timers: Timers;
  /** For https: PEM texts; without `ca` the system's authorities count. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** A member of an etcd, and how to let go of it. */
export interface EtcdClient extends EtcdEndpoint {
  close(): void;
}

/** All members of the etcd that a configuration names. Throws ClusterError `InvalidConfig` when a file of it cannot be read. */
export async function createEtcdClients({ endpoints, caFile, certificateFile, keyFile }: EtcdConfig, timers: Timers): Promise<readonly EtcdClient[]> {
  const [ca, cert, key] = await Promise.all([caFile, certificateFile, keyFile].map(readPem));
  const tls = { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
  return endpoints.map((url) => createEtcdClient({ url, timers, tls }));
}

async function readPem(path: string | undefined): Promise<string | undefined> {
  try {
    return path === undefined ? undefined : await readFile(path, 'utf8');
  } catch (cause) {
    throw new ClusterError('InvalidConfig', `the configuration of the ledger names ${path}, which cannot be read`, { retryable: false, cause });
  }
}

/** Makes one; nothing is connected yet. */
export function createEtcdClient({ url, timers, tls = {} }: EtcdClientOptions): EtcdClient {
  const base = new URL(url);
  const isTls = base.protocol === 'https:';
  const agent = isTls ? new TlsAgent({ keepAlive: true, maxSockets: SOCKETS_MAX, ...tls }) : new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  const name = base.host;

  const open = (path: string, body: unknown): ClientRequest => {
    const text = Buffer.from(JSON.stringify(body));
    const options = { method: 'POST', agent, headers: { 'content-type': 'application/json', 'content-length': text.length } };
    const request = isTls ? requestHttps(new URL(path, base), options) : requestHttp(new URL(path, base), options);
    request.setNoDelay(true);
    request.end(text);
    return request;
  };

  const ask = async (path: string, body: unknown, timeoutMs: number): Promise<JsonObject> => {
    const request = open(path, body);
    const { promise, reject, resolve } = Promise.withResolvers<JsonObject>();
    const timer = timers.after(timeoutMs, () => {
      reject(new ClusterError('EtcdTimeout', `${name} did not answer ${path} within ${Math.round(timeoutMs)} ms`, { retryable: true }));
      request.destroy();
    });
    request.on('error', (cause) => reject(new ClusterError('EtcdUnreachable', `${name} could not be asked for ${path}`, { retryable: true, cause })));
    request.on('response', (response) => {
      readAll(response).then((text) => answerOf(name, path, response.statusCode ?? 0, text)).then(resolve, reject);
    });
    try {
      return await promise;
    } finally {
      timer.cancel();
    }
  };

  return {
    name,
    read: async (ranges, { timeoutMs }) => {
      const answer = await ask('/v3/kv/txn', { success: ranges.map((range) => ({ request_range: rangeOf(range) })) }, timeoutMs);
      const responses = listOf(answer['responses']).map((response) => objectOf(response)['response_range']);
      // What is not there must never be taken for what is empty.
      if (responses.length !== ranges.length || !responses.every(isJsonObject)) throw failed(name, 'an answer without the ranges that were asked for');
      return { revision: revisionOf(name, answer), ranges: responses.map((range) => pairsOf(name, range)) };
    },
    write: async (write, { timeoutMs }) => {
      const answer = await ask('/v3/kv/txn', txnOf(write), timeoutMs);
      return { happened: answer['succeeded'] === true, revision: revisionOf(name, answer) };
    },
    watch: (range, watcher) => watch(name, timers, () => open('/v3/watch', watchOf(range)), watcher),
    close: () => agent.destroy(),
  };
}

function watch(name: string, timers: Timers, open: () => ClientRequest, watcher: EtcdWatcher): () => void {
  let isOpen = true;
  const request = open();
  const end = (reason: string): void => {
    if (!isOpen) return;
    isOpen = false;
    timer.cancel();
    request.destroy();
    watcher.onEnd(reason);
  };
  const timer = timers.after(WATCH_OPEN_MS, () => end(`${name} did not open the watch`));
  request.on('error', (error) => end(error.message));
  request.on('response', (response) => {
    response.on('error', (error) => end(error.message));
    response.on('end', () => end('the stream ended'));
    eachLine(response, (line) => {
      if (!isOpen) return;
      timer.cancel();
      try {
        tell(name, line, watcher);
      } catch (error) {
        end(error instanceof Error ? error.message : String(error));
      }
    }, end);
  });
  return () => {
    isOpen = false;
    timer.cancel();
    request.destroy();
  };
}

/** Throws what ends the watch. */
function tell(name: string, line: string, watcher: EtcdWatcher): void {
  const message = objectOf(JSON.parse(line));
  if (message['error'] !== undefined) throw failed(name, `the watch: ${textOf(objectOf(message['error'])['message'])}`);
  const result = objectOf(message['result']);
  if (result['canceled'] === true) throw failed(name, `the watch was cancelled (compacted up to ${textOf(result['compact_revision'] ?? 'nothing')}) ${textOf(result['cancel_reason'] ?? '')}`);
  const events = listOf(result['events']).map(objectOf).filter((event) => event['type'] !== 'DELETE');
  if (events.length > 0) watcher.onPairs(events.map((event) => pairOf(name, event['kv'])), revisionOf(name, result));
}

function eachLine(response: IncomingMessage, onLine: (line: string) => void, onFault: (reason: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let parts: string[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    const texts = decoder.write(chunk).split('\n');
    for (const [at, text] of texts.entries()) {
      parts.push(text);
      length += text.length;
      if (length > ANSWER_BYTES_MAX) {
        onFault('a line is too long');
        return;
      }
      if (at === texts.length - 1) continue;
      const line = parts.join('');
      parts = [];
      length = 0;
      if (line !== '') onLine(line);
    }
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new ClusterError('EtcdFailed', 'an answer of etcd is too long', { retryable: true });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

// ---------------------------------------------------------------- what is said

const encoded = (text: string): string => Buffer.from(text).toString('base64');

function rangeOf({ from, to, limit }: EtcdRange): JsonObject {
  return { key: encoded(from), ...(to === null ? {} : { range_end: encoded(to) }), ...(limit === undefined ? {} : { limit }) };
}

function txnOf({ key, modRevision, puts, deletes }: EtcdWrite): JsonObject {
  return {
    compare: [{ key: encoded(key), target: 'MOD', result: 'EQUAL', mod_revision: String(modRevision) }],
    success: [
      ...deletes.map(({ from, to }) => ({ request_delete_range: { key: encoded(from), range_end: encoded(to) } })),
      ...puts.map((put) => ({ request_put: { key: encoded(put.key), value: encoded(put.value) } })),
    ],
  };
}

function watchOf({ from, to, sinceRevision }: { readonly from: string; readonly to: string; readonly sinceRevision: number }): JsonObject {
  return { create_request: { key: encoded(from), range_end: encoded(to), start_revision: String(sinceRevision), filters: ['NODELETE'] } };
}

// ---------------------------------------------------------------- what is answered

function answerOf(name: string, path: string, status: number, text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ClusterError('EtcdFailed', `${name} answered ${path} with ${status} and no JSON`, { retryable: true, cause });
  }
  const answer = objectOf(value);
  if (status !== 200) throw failed(name, `${path}: ${status} ${textOf(answer['message'] ?? answer['error'] ?? '')}`);
  return answer;
}

function revisionOf(name: string, answer: JsonObject): number {
  const revision = Number(objectOf(answer['header'])['revision'] ?? 0);
  if (!Number.isSafeInteger(revision) || revision < 1) throw failed(name, 'an answer without a revision');
  return revision;
}

function pairsOf(name: string, range: JsonObject): readonly EtcdPair[] {
  return listOf(range['kvs']).map((pair) => pairOf(name, pair));
}

function pairOf(name: string, value: unknown): EtcdPair {
  const pair = objectOf(value);
  const modRevision = Number(pair['mod_revision']);
  if (typeof pair['key'] !== 'string' || !Number.isSafeInteger(modRevision)) throw failed(name, 'a pair without a key or a revision');
  return { key: decoded(pair['key']), value: decoded(textOf(pair['value'] ?? '')), modRevision };
}

const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString();
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const objectOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const failed = (name: string, what: string): ClusterError => new ClusterError('EtcdFailed', `${name} failed: ${what}`, { retryable: true });
