/**
 * What would DRBD do? The kernel module on every node of the room and the wires between them, as one deterministic
 * model: time from `Timers`, chance from `Chance`, everything else from {@link DrbdHooks}.
 *
 * Programs (drbdadm, drbdsetup, `cat /proc/drbd`) come in through `run` and `stream`, guests through `device`, and
 * the room says what happens to nodes, links and disks. Idle resources have no timers.
 */
import type { Chance, Clock, RunResult, Stream, StreamReader, Timers } from '../../../../shared/world.ts';
import type { BlockDevice } from '../disk.ts';
import { DiskError } from '../disk.ts';
import { afterState } from './after-state.ts';
import { canMeet, connectionEnded, meetLater } from './connect.ts';
import { openDevice } from './device.ts';
import type { DrbdDevice } from './device.ts';
import { EventStreams } from './event-streams.ts';
import { printProc } from './print-state.ts';
import { failed, loadConfig, runAdm } from './programs.ts';
import type { ProgramHost } from './programs.ts';
import { noteIoError } from './requests.ts';
import { Resource } from './resource.ts';
import type { KernelContext } from './resource.ts';
import { runSetup, splitArguments } from './setup-program.ts';
import { CONN, DISK, ROLE, connName, diskName, isSuspended, roleName } from './states.ts';
import { DEFAULT_TIMINGS } from './timings.ts';
import type { DrbdTimings } from './timings.ts';

/** What the room offers to DRBD. */
export interface DrbdHooks {
  /** The device behind a path such as `/dev/vg0/vol-...` of that node, or null. */
  backing(node: string, path: string): BlockDevice | null;
  /** Runs the node's helper program; resolves with its exit code, or never. Several may run at once. */
  callHelper(node: string, event: string, resource: string): Promise<number>;
  readFile(node: string, path: string): string | null;
  /** Whether the storage network carries packets between two nodes now. */
  linkUp(a: string, b: string): boolean;
  kernelLog(node: string, line: string): void;
}

/** What an observer may know of one resource on one node. */
export interface ResourceFacts {
  readonly node: string;
  readonly resource: string;
  readonly minor: number;
  readonly role: string;
  readonly connection: string;
  /** Where it listens, and whom it calls; empty: it has no connection to be. */
  readonly address: string;
  readonly peerAddress: string;
  readonly disk: string;
  readonly peerDisk: string;
  readonly isFrozen: boolean;
  readonly openCount: number;
  readonly outOfSyncBlocks: number;
}

const DEFAULT_CONFIG = '/etc/drbd.conf';

/** DRBD of all nodes: their kernels, the replication links between them, and drbdadm, drbdsetup and drbdmeta. */
export class DrbdRoom {
  /** How often two replicas met whose histories had parted, as seen by either end. */
  splitBrains = 0;
  readonly #timers: Timers;
  readonly #hooks: DrbdHooks;
  readonly #timings: DrbdTimings;
  readonly #context: KernelContext;
  readonly #nodes = new Map<string, Map<string, Resource>>();
  readonly #streams: EventStreams;
  /** Programs of a node die with its boot: their answers are for nobody. */
  readonly #boots = new Map<string, number>();

  constructor(clock: Clock, timers: Timers, chance: Chance, hooks: DrbdHooks, timings: Partial<DrbdTimings> = {}) {
    this.#timers = timers;
    this.#hooks = hooks;
    this.#timings = { ...DEFAULT_TIMINGS, ...timings };
    this.#streams = new EventStreams(clock);
    this.#context = {
      clock, timers, chance, timings: this.#timings,
      callHelper: (node, event, resource) => hooks.callHelper(node, event, resource),
      linkUp: (a, b) => hooks.linkUp(a, b),
      log: (node, line) => {
        hooks.kernelLog(node, line);
      },
      afterState,
      connectionEnded,
      awaitsPeer: (resource) => {
        this.#findPeer(resource);
      },
      notify: (resource, notice) => {
        this.#streams.tell(resource, notice);
      },
      splitBrain: () => {
        this.splitBrains += 1;
      },
    };
  }

  /** Runs drbdadm, drbdsetup or `cat /proc/drbd` on a node. Never settles when the node loses power meanwhile. */
  run(node: string, argv: readonly string[], stdin = ''): Promise<RunResult> {
    const boot = this.#boot(node);
    return new Promise((resolve, reject) => {
      this.#timers.after(this.#timings.commandMs, () => {
        if (this.#boot(node) !== boot) return;
        this.#execute(node, argv, stdin).then((result) => {
          if (this.#boot(node) === boot) resolve(result);
        }, reject);
      });
    });
  }

  /** Runs `drbdsetup events2` (without `--now`) until it is stopped or its node is gone. */
  stream(node: string, argv: readonly string[], reader: StreamReader): Stream {
    const [program = '', command = '', ...rest] = argv;
    const { options, operands } = splitArguments(rest);
    const known = ['--statistics', '--timestamps', '--now'];
    const isKnown = isSetup(program) && command === 'events2' && options.every((option) => known.includes(option));
    const boot = this.#boot(node);
    return this.#streams.open(node, {
      filter: operands[0] === undefined || operands[0] === 'all' ? null : operands[0],
      hasStatistics: options.includes('--statistics'), hasTimestamps: options.includes('--timestamps'), isOnce: options.includes('--now'),
    }, reader, (begin) => {
      this.#timers.after(this.#timings.commandMs, () => {
        if (this.#boot(node) !== boot) return;
        begin(isKnown ? this.#resources(node) : null);
      });
    });
  }

  /** The node's power is gone, or it was reset: kernel memory vanishes, peers hear nothing. */
  nodeDown(node: string): void {
    this.#boots.set(node, this.#boot(node) + 1);
    const resources = this.#resources(node);
    this.#nodes.delete(node);
    for (const resource of resources) {
      const { wire } = resource;
      resource.die();
      wire?.endDied(resource);
    }
    this.#streams.nodeGone(node);
  }

  /** `hooks.linkUp(a, b)` has another answer than before. */
  linkChanged(a: string, b: string): void {
    const isUp = this.#hooks.linkUp(a, b);
    for (const resource of this.#resources(a)) {
      const { wire } = resource;
      if (wire !== null && wire.peerOf(resource).node === b) wire.linkChanged(isUp);
    }
    for (const resource of this.#resources(b)) {
      const { wire } = resource;
      if (wire !== null && wire.peerOf(resource).node === a) wire.linkChanged(isUp);
    }
    if (!isUp) return;
    for (const resource of this.#resources(a)) if (resource.state.conn === CONN.wfConnection) this.#findPeer(resource);
  }

  /** A device of the node fails from now on: DRBD meets it at its next access, which the kernel's own reads make soon. */
  diskFailed(node: string, path: string): void {
    for (const resource of this.#resources(node)) {
      if (resource.diskConfig?.path === path && resource.disk?.failed === true) noteIoError(resource, true);
    }
  }

  /** Whether a resource of the node has this device attached. */
  isBacking(node: string, path: string): boolean {
    return this.#resources(node).some((resource) => resource.disk !== null && resource.diskConfig?.path === path);
  }

  /** The device node of a resource that is up, or null. */
  device(node: string, path: string): DrbdDevice | null {
    const minor = /^\/dev\/drbd(\d+)$/.exec(path)?.[1];
    const resource = this.#resources(node).find((candidate) => String(candidate.minor) === minor);
    return resource === undefined ? null : openDevice(resource);
  }

  /** What every node's kernel holds now, for checkers and views. */
  facts(): readonly ResourceFacts[] {
    return [...this.#nodes.values()].flatMap((resources) => [...resources.values()].map(factsOf));
  }

  /** How many readers of events there are, on all nodes. */
  openStreams(): number {
    return this.#streams.count;
  }

  /** The nodes that are primary for a resource now. */
  primaries(resource: string): readonly string[] {
    return this.facts().filter((fact) => fact.resource === resource && fact.role === 'Primary').map((fact) => fact.node);
  }

  async #execute(node: string, argv: readonly string[], stdin: string): Promise<RunResult> {
    const [program = '', ...words] = argv;
    const name = program.slice(program.lastIndexOf('/') + 1);
    try {
      if (name === 'cat' && words.length === 1 && words[0] === '/proc/drbd') return { exitCode: 0, stdout: printProc(this.#resources(node)), stderr: '' };
      if (isSetup(name)) return await runSetup(this.#host(node), words);
      if (name === 'drbdadm') return await this.#runAdm(node, words, stdin);
    } catch (error) {
      // A program's own I/O on a dead disk ends the program, not the room.
      if (error instanceof DiskError) return failed(20, `${name}: Input/output error\n`);
      throw error;
    }
    return failed(127, `${program}: command not found\n`);
  }

  async #runAdm(node: string, words: readonly string[], stdin: string): Promise<RunResult> {
    const { path, rest } = takeConfigPath(words);
    if (rest.includes('--version')) return { exitCode: 0, stdout: ADM_VERSION, stderr: '' };
    const [command, ...others] = rest.filter((word) => !word.startsWith('-'));
    const options = rest.filter((word) => word.startsWith('-'));
    if (command === undefined) return failed(1, 'drbdadm: No command specified\n');
    const host = this.#host(node);
    const name = others[0]?.replace(/\/0$/, '');
    if (name === undefined || others.length > 1) return failed(1, `drbdadm ${command}: exactly one resource is expected\n`);
    if (command === 'status') return runSetup(host, ['status', ...options, name]);
    const config = loadConfig(host, path, name);
    if ('exitCode' in config) return config;
    const result = await runAdm(host, config, { command, options, stdin });
    return result ?? failed(1, `drbdadm: Unknown command '${command}'\n`);
  }

  #host(node: string): ProgramHost {
    const pause = (delayMs: number): Promise<void> => new Promise((resolve) => {
      this.#timers.after(delayMs, resolve);
    });
    const resources = (): Map<string, Resource> => {
      const known = this.#nodes.get(node) ?? new Map<string, Resource>();
      this.#nodes.set(node, known);
      return known;
    };
    return {
      node,
      readFile: (path) => this.#hooks.readFile(node, path),
      backing: (path) => this.#hooks.backing(node, path),
      resource: (name) => resources().get(name) ?? null,
      resources: () => [...resources().values()],
      create: (name, minor) => {
        const resource = new Resource(this.#context, node, name, minor);
        resources().set(name, resource);
        this.#streams.tell(resource, { kind: 'created' });
        return resource;
      },
      remove: (resource) => {
        resources().delete(resource.name);
        this.#streams.tell(resource, { kind: 'destroyed' });
      },
      promotePause: () => pause(this.#timings.promoteMs),
      attachPause: () => pause(this.#timings.attachMs),
    };
  }

  #resources(node: string): readonly Resource[] {
    return [...(this.#nodes.get(node)?.values() ?? [])];
  }

  #boot(node: string): number {
    return this.#boots.get(node) ?? 0;
  }

  #findPeer(resource: Resource): void {
    for (const [node, resources] of this.#nodes) {
      if (node === resource.node) continue;
      for (const candidate of resources.values()) {
        if (canMeet(resource, candidate)) {
          meetLater(resource, candidate);
          return;
        }
      }
    }
  }
}

const ADM_VERSION = 'DRBDADM_BUILDTAG=GIT-hash:\\ 409097fe02187f83790b88ac3e0d94f3c167adab\\ reproducible\\ build\\,\\ 2023-01-09\\ 14:51:18\n'
  + 'DRBDADM_API_VERSION=1\nDRBD_KERNEL_VERSION_CODE=0x08040b\nDRBDADM_VERSION_CODE=0x091600\nDRBDADM_VERSION=9.22.0\n';

const isSetup = (program: string): boolean => /(?:^|\/)drbdsetup(?:-84)?$/.test(program);

/** `-c PATH`, `--config-file PATH` or `--config-file=PATH` in front of the command. */
function takeConfigPath(words: readonly string[]): { readonly path: string; readonly rest: readonly string[] } {
  const at = words.findIndex((word) => word === '-c' || word === '--config-file');
  if (at >= 0) return { path: words[at + 1] ?? '', rest: [...words.slice(0, at), ...words.slice(at + 2)] };
  const joined = words.find((word) => word.startsWith('--config-file='));
  if (joined === undefined) return { path: DEFAULT_CONFIG, rest: words };
  return { path: joined.slice('--config-file='.length), rest: words.filter((word) => word !== joined) };
}

function factsOf(resource: Resource): ResourceFacts {
  const { state } = resource;
  return {
    node: resource.node, resource: resource.name, minor: resource.minor, role: roleName(state.role), connection: connName(state.conn),
    address: resource.net?.local ?? '', peerAddress: resource.net?.peer ?? '', disk: diskName(state.disk), peerDisk: diskName(state.pdsk), isFrozen: isSuspended(state) && state.role === ROLE.primary,
    openCount: resource.openCount, outOfSyncBlocks: state.disk >= DISK.inconsistent ? resource.outOfSync.count : 0,
  };
}
