/**
 * How does a test speak to the app? As a client that signs: the whole app, a cell in memory, no socket.
 */
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import { XMLParser } from 'fast-xml-parser';
import type { Hono } from 'hono';
import { createApp } from '../../../coordinator/app.ts';
import { Sha256 } from '../../../coordinator/auth/sha256.ts';
import type { Account, Ports } from '../../../coordinator/ports.ts';
import { seededChance } from '../../../shared/random.ts';
import type { LogFact } from '../../../shared/world.ts';
import { FakeCell } from './fake-cell.ts';
import type { FakeCellOptions } from './fake-cell.ts';

export const KEY_ID = 'AKIAVESEXAMPLE00001';
export const ACCOUNT: Account = { secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', environment: 'alice', accountId: '111111111111', name: 'alice' };
export const OTHER_KEY_ID = 'AKIAVESEXAMPLE00002';
export const OTHER_ACCOUNT: Account = { secretKey: 'anotherSecretAnotherSecretAnotherSecret0', environment: 'bob', accountId: '222222222222', name: 'bob' };

/** A wall clock that stands still until it is set. */
export class StillClock {
  wallMs = Date.parse('2026-11-22T12:00:00.000Z');

  nowMs(): number {
    return 0;
  }

  wallTime(): string {
    return new Date(this.wallMs).toISOString();
  }
}

/** Everything a test of the app needs. */
export interface Bench {
  readonly app: Hono;
  readonly cell: FakeCell;
  readonly clock: StillClock;
  readonly facts: LogFact[];
  readonly ports: Ports;
}

export function bench(options: FakeCellOptions = {}): Bench {
  const clock = new StillClock();
  const cell = new FakeCell(clock, options);
  const facts: LogFact[] = [];
  const accounts = new Map([[KEY_ID, ACCOUNT], [OTHER_KEY_ID, OTHER_ACCOUNT]]);
  const ports: Ports = {
    clock, cell, chance: seededChance(1),
    log: { write: (fact) => void facts.push(fact) },
    accounts: { find: (keyId) => Promise.resolve(accounts.get(keyId) ?? null) },
  };
  return { app: createApp(ports), cell, clock, facts, ports };
}

export interface CallOptions {
  readonly keyId?: string;
  readonly secretKey?: string;
  readonly signedAtMs?: number;
  readonly service?: string;
  readonly version?: string;
  readonly method?: 'GET' | 'POST';
}

/** What came back: status, and the XML as text and as nested records (every text a string, `item` always a list). */
export interface Answer {
  readonly status: number;
  readonly xml: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into any answer
  readonly body: any;
  readonly code: string | undefined;
  readonly message: string | undefined;
}

const parser = new XMLParser({ ignoreAttributes: false, parseTagValue: false, isArray: (name) => name === 'item' });

/** Sends one signed request. */
export async function call(on: Bench, action: string, parameters: Readonly<Record<string, string>> = {}, options: CallOptions = {}): Promise<Answer> {
  const form = new URLSearchParams({ Action: action, Version: options.version ?? '2016-11-15', ...parameters });
  return read(await on.app.request(await signed(on, form, options)));
}

/** The request as an SDK would send it. */
export async function signed(on: Bench, form: URLSearchParams, options: CallOptions = {}): Promise<Request> {
  const isGet = options.method === 'GET';
  const signer = new SignatureV4({
    service: options.service ?? 'ec2', region: 'ves-1', sha256: Sha256,
    credentials: { accessKeyId: options.keyId ?? KEY_ID, secretAccessKey: options.secretKey ?? (options.keyId === OTHER_KEY_ID ? OTHER_ACCOUNT : ACCOUNT).secretKey },
  });
  const body = isGet ? '' : form.toString();
  const headers = { 'host': 'ves.test', ...(isGet ? {} : { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', 'content-length': String(body.length) }) };
  const request = new HttpRequest({ method: options.method ?? 'POST', hostname: 'ves.test', path: '/', headers, query: isGet ? Object.fromEntries(form) : {}, body });
  const { headers: sent } = await signer.sign(request, { signingDate: new Date(options.signedAtMs ?? on.clock.wallMs) });
  return new Request(`http://ves.test/${isGet ? `?${form.toString()}` : ''}`, { method: request.method, headers: sent, ...(isGet ? {} : { body }) });
}

/** A URL that anybody may call until it expires. */
export async function presignedUrl(on: Bench, query: Record<string, string>, expiresIn: number): Promise<string> {
  const signer = new SignatureV4({ service: 'ec2', region: 'ves-1', sha256: Sha256, credentials: { accessKeyId: KEY_ID, secretAccessKey: ACCOUNT.secretKey } });
  const request = new HttpRequest({ method: 'GET', hostname: 'ves.test', path: '/', headers: { host: 'ves.test' }, query });
  const signedRequest = await signer.presign(request, { signingDate: new Date(on.clock.wallMs), expiresIn });
  return `http://ves.test/?${new URLSearchParams(signedRequest.query as Record<string, string>).toString()}`;
}

export async function read(response: Response): Promise<Answer> {
  const xml = await response.text();
  const document = parser.parse(xml);
  const body = document[Object.keys(document).find((name) => name !== '?xml') ?? ''];
  const error = document.Response?.Errors?.Error ?? document.ErrorResponse?.Error;
  return { status: response.status, xml, body, code: error?.Code, message: error?.Message };
}
