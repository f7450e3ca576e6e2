/**
 * How is a real client tried? The app on a loopback port that the system chose, and the client's program run against it.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { bench, ACCOUNT, KEY_ID } from '../api/support/client.ts';
import type { Bench } from '../api/support/client.ts';

/** How long one program may take; the Python ones need a second to load. */
const PROGRAM_MS_MAX = 60_000;
const OUTPUT_LENGTH_MAX = 4_000_000;

export interface Served extends Bench {
  readonly endpoint: string;
  close(): Promise<void>;
}

/** Serves a fresh cell. The clock is the real one, since real clients sign with it. */
export async function serve(): Promise<Served> {
  const on = bench();
  on.clock.wallTime = () => new Date().toISOString();
  const listener = getRequestListener(on.app.fetch);
  // The listener answers its own failures with status 500; it never rejects.
  const server = createServer((incoming, outgoing) => void listener(incoming, outgoing));
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((settle) => server.close(settle));
  };
  return { ...on, endpoint: `http://127.0.0.1:${port}`, close };
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with the credentials of the bench and nothing else of this machine's AWS configuration. */
export async function run(argv: readonly [string, ...string[]]): Promise<Ran> {
  const [program, ...args] = argv;
  const env = {
    PATH: '/usr/bin:/bin', HOME: '/nonexistent', LANG: 'C.UTF-8', AWS_ACCESS_KEY_ID: KEY_ID, AWS_SECRET_ACCESS_KEY: ACCOUNT.secretKey, AWS_DEFAULT_REGION: 'ves-1',
    AWS_EC2_METADATA_DISABLED: 'true', AWS_PAGER: '', AWS_MAX_ATTEMPTS: '1',
  };
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: PROGRAM_MS_MAX, killSignal: 'SIGKILL' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout = (stdout + text).slice(-OUTPUT_LENGTH_MAX); });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr = (stderr + text).slice(-OUTPUT_LENGTH_MAX); });
  const code = await new Promise<number | null>((settle, fail) => {
    child.once('error', fail);
    child.once('close', settle);
  });
  return { code, stdout, stderr };
}

/** Debian's own client, not whatever else is called `aws` on this machine: its version is what EC2.md recorded. */
export const AWS = '/usr/bin/aws';
export const PYTHON = '/usr/bin/python3';

/** Why a program cannot be tried here, or null. */
export function missing(program: string, packageName: string): string | null {
  return existsSync(program) ? null : `because ${program} is not here (apt-get install ${packageName})`;
}
