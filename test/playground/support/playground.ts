/**
 * How does a test get a whole fleet? `npm start` itself, in a directory of its own on free ports, and what a user has: aws, ves, REST.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectRoomControl } from '../../../provisioning/playground/room-control.ts';
import { askApi } from '../../../provisioning/playground/signed-fetch.ts';
import type { InstanceView, LedgerAnswer, NodeView, VolumeView, WhyAnswer } from '../../../shared/wire/rest.ts';
import { runProgram } from './run-program.ts';
import type { Ran } from './run-program.ts';

const CHECKOUT = resolve(import.meta.dirname, '../../..');
export const MAIN = join(CHECKOUT, 'provisioning/playground/main.ts');
const VES = join(CHECKOUT, 'coordinator/cli/ves.mjs');
/** Debian's own client, not whatever else is called `aws` on this machine. */
export const AWS = '/usr/bin/aws';
/** The members of the playground's etcd (provisioning/playground/etcd-members.ts). */
export const ETCD_MEMBERS = ['etcd-1', 'etcd-2', 'etcd-3'];

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 20_000;
const LOG_LINES_SHOWN = 12;

/** What a test may ask of `npm start`. */
export interface FleetOptions {
  readonly nodes?: number;
  readonly profile?: 'fast' | 'standard' | 'soft';
  readonly bmc?: 'none' | 'all';
  readonly memoryGiB?: number;
  readonly ledger?: 'own' | 'etcd';
  /** A directory that a fleet was stopped in; a new one without. */
  readonly directory?: string;
}

/** The room's own account of one instance (agent/room/model/observer.ts). */
export interface ObservedInstance {
  readonly running: readonly { readonly node: string; readonly domid: number }[];
  readonly executions: readonly { readonly node: string; readonly domid: number; readonly fromMs: number; readonly toMs: number | null }[];
  readonly lastAckedRecord: number | null;
  readonly downtimes: readonly { readonly from: string; readonly to: string; readonly downtimeMs: number }[];
}

export interface RoomReport {
  readonly nodes: readonly { readonly node: string; readonly isOn: boolean; readonly bootId: string | null; readonly domains: readonly { readonly name: string }[] }[];
  readonly instances: Readonly<Record<string, ObservedInstance>>;
  readonly violations: readonly unknown[];
}

/** A running playground. */
export class Fleet {
  readonly directory: string;
  readonly #child: ChildProcess;
  readonly #output: () => string;
  /** Its exit code, once it is gone and all of its output was read. Asked for from the beginning: nobody can come too late. */
  readonly #closed: Promise<number | null>;
  #env: Readonly<Record<string, string>> = {};

  constructor(directory: string, child: ChildProcess, output: () => string) {
    this.directory = directory;
    this.#child = child;
    this.#output = output;
    this.#closed = new Promise((settle) => child.once('close', settle));
  }

  /** Whether it has ended, as it was asked to or not. */
  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** What it printed so far. */
  get output(): string {
    return this.#output();
  }

  /** Reads DIR/playground.env, as the user's shell does. */
  readEnvironment(): void {
    const text = readFileSync(join(this.directory, 'playground.env'), 'utf8');
    this.#env = Object.fromEntries([...text.matchAll(/^export (\w+)='(.*)'$/gm)].map(([, name = '', value = '']) => [name, value]));
  }

  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  /** Runs Debian's aws with `ec2` and these words. Throws with its words when it fails. */
  async aws(...words: readonly string[]): Promise<unknown> {
    const ran = await this.tryAws(...words);
    if (ran.code !== 0) throw new Error(`aws ec2 ${words.join(' ')}: ${ran.stderr}`);
    return ran.stdout.trim() === '' ? null : JSON.parse(ran.stdout);
  }

  async tryAws(...words: readonly string[]): Promise<Ran> {
    return await runProgram([AWS, '--endpoint-url', this.#env['AWS_ENDPOINT_URL'] ?? '', '--output', 'json', 'ec2', ...words], this.#env);
  }

  /** Runs `npx ves WORDS --json`. */
  async ves(...words: readonly string[]): Promise<unknown> {
    const ran = await runProgram([process.execPath, VES, ...words, '--json'], this.#env);
    if (ran.code !== 0) throw new Error(`ves ${words.join(' ')}: ${ran.stderr}${ran.stdout}`);
    return JSON.parse(ran.stdout);
  }

  async api(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<unknown> {
    const endpoint = this.#env['VES_ENDPOINT'] ?? '';
    return await askApi({ endpoint, accessKeyId: this.#env['AWS_ACCESS_KEY_ID'] ?? '', secretAccessKey: this.#env['AWS_SECRET_ACCESS_KEY'] ?? '' }, method, path, body);
  }

  async nodes(): Promise<readonly NodeView[]> {
    return ((await this.api('GET', '/v1/nodes')) as { readonly nodes: readonly NodeView[] }).nodes;
  }

  async instances(): Promise<readonly InstanceView[]> {
    return ((await this.api('GET', '/v1/instances')) as { readonly instances: readonly InstanceView[] }).instances;
  }

  async instance(id: string): Promise<InstanceView> {
    return ((await this.api('GET', `/v1/instances/${id}`)) as { readonly instance: InstanceView }).instance;
  }

  async volumes(): Promise<readonly VolumeView[]> {
    return ((await this.api('GET', '/v1/volumes')) as { readonly volumes: readonly VolumeView[] }).volumes;
  }

  async ledger(): Promise<LedgerAnswer> {
    return (await this.api('GET', '/v1/ledger')) as LedgerAnswer;
  }

  async why(id: string): Promise<WhyAnswer> {
    return (await this.api('GET', `/v1/instances/${id}/why`)) as WhyAnswer;
  }

  /** The operator's hand in the machine room: `powerOff {node}`, `cut {node, what}`, `report` ... */
  async room(op: string, fields: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const control = await connectRoomControl(join(this.directory, 'room.sock'));
    try {
      return await control.request(op, fields);
    } finally {
      control.close();
    }
  }

  async report(): Promise<RoomReport> {
    return (await this.room('report')) as RoomReport;
  }

  /** What the room saw of one instance. */
  async observed(id: string): Promise<ObservedInstance> {
    const found = (await this.report()).instances[id];
    if (found === undefined) throw new Error(`the room never saw ${id}`);
    return found;
  }

  /** Pid of `room`, `coordinator`, `NODE.agent`, `NODE.keeper`; null: does not run now. */
  pid(name: string): number | null {
    const pids = JSON.parse(readFileSync(join(this.directory, 'run/pids.json'), 'utf8')) as Readonly<Record<string, number>>;
    return pids[name] ?? null;
  }

  signal(name: string, signal: NodeJS.Signals): void {
    const pid = this.pid(name);
    if (pid === null) throw new Error(`${name} does not run`);
    process.kill(pid, signal);
  }

  /** Requests one instance and waits until it runs on one node with a replica in sync on another. */
  async runInstance(): Promise<InstanceView> {
    const images = (await this.aws('describe-images')) as { readonly Images: readonly { readonly ImageId: string }[] };
    const reply = (await this.aws('run-instances', '--image-id', images.Images[0]?.ImageId ?? '', '--instance-type', 't1.micro')) as { readonly Instances: readonly { readonly InstanceId: string }[] };
    const id = reply.Instances[0]?.InstanceId ?? '';
    return await this.settled(id);
  }

  /** Waits until the instance runs, and its volumes are as redundant as the fleet allows. */
  async settled(id: string, withinMs = 60_000): Promise<InstanceView> {
    return await until(`${id} runs with its replicas in sync`, async () => {
      const instance = await this.instance(id);
      const volumes = (await this.volumes()).filter((volume) => volume.instance === id);
      return instance.phase === 'running' && volumes.every((volume) => volume.inSync.length === volume.replicas.length) ? instance : null;
    }, withinMs);
  }

  /** The instance runs under a later generation than `before`. */
  async moved(before: InstanceView, withinMs = 30_000): Promise<InstanceView> {
    return await until(`${before.id} runs with a generation above ${before.generation}`, async () => {
      const instance = await this.instance(before.id);
      return instance.phase === 'running' && instance.generation > before.generation ? instance : null;
    }, withinMs);
  }

  async allActive(count: number, withinMs = 30_000): Promise<void> {
    await until(`${count} nodes are active`, async () => {
      const on = (await this.report()).nodes;
      const views = await this.nodes();
      const joined = views.filter((view) => view.phase === 'active' && on.some(({ node, bootId }) => node === view.id && bootId === view.bootId));
      return joined.length === count ? true : null;
    }, withinMs);
  }

  /** Ctrl-C. Resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGINT');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX);
    const code = await this.#closed;
    clearTimeout(timer);
    return code;
  }

  /** kill -9 of the playground itself. Resolves when it is gone. */
  async killSupervisor(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** The ends of all logs, for whoever reads a failure. */
  tails(): string {
    const logs = join(this.directory, 'log');
    const tails = list(logs).map((name) => `--- ${name}\n${readFileSync(join(logs, name), 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).map((line) => line.slice(0, 300)).join('\n')}`);
    return [`--- printed\n${this.output}`, ...tails].join('\n');
  }
}

/** Starts a playground and waits until it is ready. */
export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const directory = options.directory ?? newDirectory();
  const fleet = launch(directory, options);
  try {
    await until('the playground is ready', () => Promise.resolve(fleet.output.includes('Ready after') || fleet.hasEnded ? true : null), READY_MS_MAX);
    if (fleet.hasEnded) throw new Error('the playground ended instead of becoming ready');
  } catch (error) {
    const tails = fleet.tails();
    await fleet.stop();
    throw new Error(`${String(error)}\n${tails}`, { cause: error });
  }
  fleet.readEnvironment();
  return fleet;
}

function launch(directory: string, options: FleetOptions): Fleet {
  const { nodes, profile, bmc, memoryGiB, ledger } = options;
  const words = ['--dir', directory, '--port', '0', ...option('--nodes', nodes), ...option('--profile', profile), ...option('--bmc', bmc), ...option('--memory', memoryGiB), ...option('--ledger', ledger)];
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-100_000);
    });
  }
  return new Fleet(directory, child, () => output);
}

function option(name: string, value: string | number | undefined): readonly string[] {
  return value === undefined ? [] : [name, String(value)];
}

/** A directory for a fleet; short, since sockets are in it. */
export function newDirectory(): string {
  return join(mkdtempSync(join(tmpdir(), 'ves-')), 'v');
}

export function removeDirectory(directory: string): void {
  rmSync(resolve(directory, '..'), { recursive: true, force: true });
}

/** Runs a test on a fleet of its own. A failure shows the ends of the logs; the fleet is stopped and removed in any case. */
export async function withFleet(options: FleetOptions, use: (fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = await startFleet(options);
  try {
    await use(fleet);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${fleet.tails()}`, { cause: error });
  } finally {
    await fleet.stop();
    removeDirectory(fleet.directory);
  }
}

/** Asks until the answer is not null; a failure to ask is no answer. */
export async function until<Value>(what: string, ask: () => Promise<Value | null>, withinMs: number): Promise<Value> {
  const untilMs = performance.now() + withinMs;
  let why = '';
  for (;;) {
    try {
      const value = await ask();
      if (value !== null) return value;
      why = '';
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() > untilMs) throw new Error(`not within ${withinMs} ms: ${what}${why === '' ? '' : ` (${why})`}`);
    await delay(100);
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path).toSorted();
  } catch {
    return [];
  }
}
