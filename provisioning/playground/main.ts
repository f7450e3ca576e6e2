/**
 * How does a newcomer get a fleet? `npm start`: a simulated machine room, and real agents, keepers and a coordinator.
 *
 * Runs in the foreground until Ctrl-C (exit code 0). Exit code 2: wrong arguments; 1: anything else that failed, in a sentence.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ClusterError, describeError } from '../../shared/errors.ts';
import { writeCellFile } from './cell-file.ts';
import type { CellFile } from './cell-file.ts';
import { parseOptions, USAGE } from './config.ts';
import type { PlaygroundOptions } from './config.ts';
import { lockDirectory } from './directory-lock.ts';
import { ensureEtcd } from './etcd-members.ts';
import { FaultTeller } from './fault-teller.ts';
import { writeText } from './files.ts';
import { foundInEtcd } from './found-in-etcd.ts';
import { admissionOf } from './genesis.ts';
import { layoutOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { findLostStores, lostStoresText } from './lost-stores.ts';
import { ensureHttpPort, ensurePorts, openCell } from './open-cell.ts';
import { judgeReadiness } from './readiness.ts';
import { askApi } from './signed-fetch.ts';
import type { ApiAccess } from './signed-fetch.ts';
import { Supervisor, WARMED } from './supervisor.ts';
import type { Fault } from './supervisor.ts';
import { environmentText, welcomeText } from './welcome.ts';

const POLL_MS = 100;
/** Processes without which there is no fleet: a start in which one fails again and again is given up. */
const ESSENTIAL: readonly string[] = ['room', 'coordinator', 'etcd-1', 'etcd-2', 'etcd-3'];
/** Progress is said again after this time when nothing moves. */
const REPEAT_MS = 15_000;

const now = (): string => new Date().toISOString();
const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), process.cwd());
  if (options === 'help') {
    process.stdout.write(USAGE);
    return;
  }
  const layout = layoutOf(options.directory);
  makeRoot(layout);
  const unlock = lockDirectory(layout.lockFile);
  try {
    await run(layout, options);
  } finally {
    unlock();
  }
}

async function run(layout: Layout, options: PlaygroundOptions): Promise<void> {
  const startedMs = performance.now();
  const stopping = interruption();
  process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, '../../node_modules/.cache/compile');
  const port = options.port === 0 ? await anyPort() : options.port;
  await ensureHttpPort(port);
  const { cell, isNew } = await openCell(layout, options, now());
  await ensurePorts(cell);
  if (cell.etcd !== undefined) ensureEtcd();
  print(`VES playground: ${cell.nodes.length} ${cell.nodes.length === 1 ? 'node' : 'nodes'} in ${layout.root} (${isNew ? 'a new fleet' : 'as it was left'}; profile ${cell.profile}, BMCs: ${cell.bmc}${cell.etcd === undefined ? '' : `, ledger in an etcd of ${cell.etcd.members.length}`})`);
  await warm();
  const teller = new FaultTeller(layout.logs);
  const start: { isOver: boolean; failure: string | null } = { isOver: false, failure: null };
  const onFault = (fault: Fault): void => {
    const sentence = teller.tell(fault, performance.now());
    if (sentence === null) return;
    if (!start.isOver && ESSENTIAL.includes(fault.name)) start.failure = sentence;
    else print(`  ${sentence}`);
  };
  const supervisor = new Supervisor({ layout, cell, port, now, onFault });
  const endpoint = `http://127.0.0.1:${port}`;
  stopping.onSecond(() => void supervisor.kill().finally(() => process.exit(1)));
  try {
    if (!stopping.signal.aborted) {
      await supervisor.startEtcd();
      const check = (): void => refuseBroken(start.failure);
      await foundInEtcd({ layout, cell, at: now(), signal: stopping.signal, check, onWait: (words) => print(`  etcd starts (${words})`) });
      await supervisor.start();
      await becomeReady({ layout, cell, supervisor, endpoint, signal: stopping.signal, failure: () => start.failure });
      start.isOver = true;
    }
    if (!stopping.signal.aborted) {
      await writeText(layout.envFile, environmentText(cell, endpoint));
      print(`Ready after ${((performance.now() - startedMs) / 1000).toFixed(1)} s.\n${welcomeText(layout, endpoint, process.cwd())}`);
    }
    if (!stopping.signal.aborted) await once(stopping.signal, 'abort');
    print('Ending (Ctrl-C again kills)');
  } finally {
    await supervisor.stop();
  }
  print('Ended. Everything is kept in the directory.');
}

interface Starting {
  readonly layout: Layout;
  readonly cell: CellFile;
  readonly supervisor: Supervisor;
  readonly endpoint: string;
  readonly signal: AbortSignal;
  /** Why this start cannot succeed; null: it still may. */
  failure(): string | null;
}

/**
 * Waits until instances can be requested, saying what it waits for; admits nodes that are new in the fleet.
 * Throws ClusterError `CannotStart` when something fails that nothing works without.
 */
async function becomeReady({ layout, cell, supervisor, endpoint, signal, failure }: Starting): Promise<void> {
  const access: ApiAccess = { endpoint, accessKeyId: cell.accessKeyId, secretAccessKey: cell.secretAccessKey };
  let said = '';
  let saidAtMs = performance.now();
  while (!signal.aborted) {
    refuseBroken(failure());
    const [room, answer] = await Promise.all([supervisor.nodes(), askApi(access, 'GET', '/v1/nodes').catch(() => null)]);
    const { isReady, hasLeader, words } = judgeReadiness(room, answer);
    const isRepeated = words === said;
    if (!isRepeated || performance.now() - saidAtMs > REPEAT_MS) {
      print(`  ${words}`);
      const lost = isRepeated && !hasLeader ? lostStoresText(await findLostStores(layout, cell)) : '';
      if (lost !== '') print(lost);
      said = words;
      saidAtMs = performance.now();
    }
    if (hasLeader) await admitNew(layout, cell, access);
    if (isReady) return;
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined); // an interruption is seen by the loop
  }
}

function refuseBroken(failure: string | null): void {
  if (failure !== null) throw new ClusterError('CannotStart', failure, { retryable: false });
}

async function admitNew(layout: Layout, cell: CellFile, access: ApiAccess): Promise<void> {
  for (const node of cell.nodes) {
    if (node.isAdmitted) continue;
    try {
      await askApi(access, 'POST', '/v1/nodes', admissionOf(node, cell.bmc));
    } catch (error) {
      if (error instanceof ClusterError && error.retryable) return; // asked again in the next round
      throw error;
    }
    node.isAdmitted = true;
    await writeCellFile(layout.cellFile, cell);
  }
}

/** Has types stripped and compiled once, before many processes want it at the same time. It only saves time: a failure is none. */
async function warm(): Promise<void> {
  const script = join(import.meta.dirname, '../warm.ts');
  const child = spawn(process.execPath, [script, ...WARMED], { stdio: 'ignore' });
  await once(child, 'close');
}

function makeRoot(layout: Layout): void {
  try {
    makeDirectories(layout.root);
  } catch (cause) {
    throw new ClusterError('DirectoryUnusable', `could not make the directory ${layout.root}: give another one with --dir`, { retryable: false, cause });
  }
}

/** Node's own `recursive` never ends where the file system refuses directories with ENOENT, as /proc does (Node 24.21). */
function makeDirectories(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  if (dirname(path) !== path) makeDirectories(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

async function anyPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Ctrl-C, the end of the terminal, or a polite kill: once to stop, twice to kill. */
function interruption(): { readonly signal: AbortSignal; onSecond(listener: () => void): void } {
  const controller = new AbortController();
  let second: () => void = () => process.exit(1);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) second();
      else controller.abort();
    });
  }
  return {
    signal: controller.signal,
    onSecond: (listener) => {
      second = listener;
    },
  };
}

try {
  await main();
} catch (error) {
  const isUsage = error instanceof ClusterError && error.code === 'InvalidArguments';
  process.stderr.write(`ves: ${describeError(error)}.\n${isUsage ? `\n${USAGE}` : ''}`);
  process.exitCode = isUsage ? 2 : 1;
}
