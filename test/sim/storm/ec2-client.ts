/**
 * How does a user of a simulated cell ask over EC2? Signed requests to the real app, without a socket, in virtual time.
 *
 * The app runs on microtasks alone: bodies of announced length are read so, and signatures are computed by node:crypto at once.
 */
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Hono } from 'hono';
import { createApp } from '../../../coordinator/app.ts';
import { Sha256 } from '../../../coordinator/auth/sha256.ts';
import type { Account, CellPort } from '../../../coordinator/ports.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';

const KEY_ID = 'AKIAVESEXAMPLE00001';
/** Its environment is that of the instances that cells in virtual time begin with. */
const ACCOUNT: Account = { secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', environment: 'default', accountId: '111111111111', name: 'default' };
const HOST = 'ves.test';

/** One app for each life of a coordinator. */
const apps = new WeakMap<CellPort, Hono>();

/** What came back: the HTTP status, and EC2's error code, null when there is none. */
export interface Ec2Answer {
  readonly status: number;
  readonly code: string | null;
}

/** Sends one request. Rejects when no coordinator listens; never settles when it dies before it answers. */
export async function callEc2(cell: VirtualCell, action: string, parameters: Readonly<Record<string, string>>): Promise<Ec2Answer> {
  const app = appOf(cell);
  const response = await app.fetch(await signed(cell, new URLSearchParams({ Action: action, Version: '2016-11-15', ...parameters })));
  const xml = await response.text();
  return { status: response.status, code: /<Code>([^<]*)<\/Code>/.exec(xml)?.[1] ?? null };
}

function appOf(cell: VirtualCell): Hono {
  const port = cell.coordinatorPort();
  const known = apps.get(port);
  if (known !== undefined) return known;
  const app = createApp({
    clock: cell.world.clock, chance: cell.world.chance, cell: port, log: { write: (fact) => cell.world.log.write({ ...fact, who: 'coordinator-1', atMs: cell.world.clock.nowMs() }) },
    accounts: { find: (keyId) => Promise.resolve(keyId === KEY_ID ? ACCOUNT : null) },
  });
  apps.set(port, app);
  return app;
}

async function signed(cell: VirtualCell, form: URLSearchParams): Promise<Request> {
  const body = form.toString();
  const signer = new SignatureV4({ service: 'ec2', region: 'ves-1', sha256: Sha256, credentials: { accessKeyId: KEY_ID, secretAccessKey: ACCOUNT.secretKey } });
  const headers = { 'host': HOST, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8', 'content-length': String(body.length) };
  const request = new HttpRequest({ method: 'POST', hostname: HOST, path: '/', headers, query: {}, body });
  const { headers: sent } = await signer.sign(request, { signingDate: new Date(cell.world.wallMs()) });
  return new Request(`http://${HOST}/`, { method: 'POST', headers: sent, body });
}
