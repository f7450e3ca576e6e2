/**
 * Which processes run when? The room, the coordinator and the members of an etcd always; a node's agent and keeper as long as its boot lives.
 *
 *     node:  off --booted (room)--> running --died (room), room gone--> off     both processes are killed at once
 *     room:  gone --connected--> watched --closed--> gone                       as a power loss of the whole site
 *
 * The room decides what lives; the supervisor only follows.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeError } from '../../shared/errors.ts';
import { SMALL_ENVIRONMENT, SMALL_NODE_OPTIONS } from '../../shared/process/stay-small.ts';
import type { CellFile, CellNode } from './cell-file.ts';
import { etcdCommand } from './etcd-members.ts';
import { writeJson } from './files.ts';
import { KEEPER_VARIABLE, nativeKeeper } from './keeper-program.ts';
import { KeptProcess } from './kept-process.ts';
import type { ProcessHooks, ProcessSpec } from './kept-process.ts';
import type { Layout } from './layout.ts';
import { CABLE_VARIABLE } from './nic-words.ts';
import { agentConfig, coordinatorConfig, keeperConfig, roomConfig } from './process-configs.ts';
import { PidsFile } from './pids-file.ts';
import { RotatedLog } from './process-output.ts';
import { connectRoomControl } from './room-control.ts';
import type { RoomControl, RoomEvent, RoomNode } from './room-control.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
/** The programs of a fleet. */
const PROGRAMS = {
  room: join(CHECKOUT, 'agent/room/main.ts'),
  agent: join(CHECKOUT, 'agent/main.ts'),
  keeper: join(CHECKOUT, 'agent/keeper/main.ts'),
  coordinator: join(CHECKOUT, 'coordinator/main.ts'),
} as const;
const NIC = join(import.meta.dirname, 'nic.ts');
/** What they import by and by, or are given instead of what they asked for. */
const LATER = ['shared/net/mesh.ts', 'shared/net/identity.ts', 'shared/net/left-out.ts', 'shared/store/ledger-store.ts', 'shared/ledger/node/ledger-node.ts', 'shared/ledger/etcd/etcd-ledger.ts', 'shared/net/etcd-client.ts'].map((file) => join(CHECKOUT, file));
/** All that these processes read, for warming up (warm.ts). */
export const WARMED: readonly string[] = [...Object.values(PROGRAMS), ...LATER, NIC];

/** How long a process may take to end when it is asked to. */
const STOP_GRACE_MS = 5_000;
const ROOM_RETRY_MS = 50;

/** A fault of a process, for the user: it ended by itself. */
export interface Fault {
  readonly name: string;
  readonly how: string;
  readonly words: string;
}

export interface SupervisorOptions {
  readonly layout: Layout;
  readonly cell: CellFile;
  readonly port: number;
  readonly now: () => string;
  readonly onFault: (fault: Fault) => void;
}

/** The processes of one node: those of its present boot. */
interface NodeProcesses {
  readonly node: CellNode;
  bootId: string | null;
  isMeshUp: boolean;
  processes: readonly KeptProcess[];
  /** Boots and deaths of one node are handled one after the other. */
  work: Promise<void>;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #log: RotatedLog;
  readonly #pids: PidsFile;
  readonly #hooks: ProcessHooks;
  readonly #nodes: ReadonlyMap<string, NodeProcesses>;
  /** The keeper in C; null when keepers run on Node.js. */
  readonly #keeper: string | null;
  readonly #room: KeptProcess;
  readonly #coordinator: KeptProcess;
  readonly #etcd: readonly KeptProcess[];
  #control: RoomControl | null = null;
  #isStopping = false;

  constructor(options: SupervisorOptions) {
    const { layout, cell, now } = options;
    this.#options = options;
    this.#log = new RotatedLog(join(layout.logs, 'playground.jsonl'));
    this.#pids = new PidsFile(layout.pidsFile);
    this.#keeper = nativeKeeper(CHECKOUT, process.env[KEEPER_VARIABLE]);
    this.#hooks = {
      logs: layout.logs, now,
      onPid: (name, pid) => {
        this.#pids.set(name, pid);
        this.#write(pid === null ? 'processEnded' : 'processStarted', { process: name, ...(pid === null ? {} : { pid }) });
      },
      onExit: (name, how, words) => {
        this.#write('processFailed', { process: name, how, words });
        if (!this.#isStopping) options.onFault({ name, how, words });
      },
    };
    this.#nodes = new Map(cell.nodes.map((node) => [node.id, { node, bootId: null, isMeshUp: true, processes: [], work: Promise.resolve() }]));
    this.#room = this.#keep({ name: 'room', file: PROGRAMS.room, args: ['--config', layout.roomConfig] });
    this.#coordinator = this.#keep({ name: 'coordinator', file: PROGRAMS.coordinator, args: ['--config', layout.coordinatorConfig] });
    const members = cell.etcd?.members ?? [];
    this.#etcd = members.map((member) => this.#keep({ name: member.name, ...etcdCommand(member, members, join(layout.etcd, member.name), cell.clusterUuid) }));
  }

  /** Starts the members of etcd, where the ledger is in one: they come first. */
  async startEtcd(): Promise<void> {
    if (this.#etcd.length > 0) await mkdir(this.#options.layout.etcd, { recursive: true, mode: 0o700 });
    for (const member of this.#etcd) member.start();
  }

  /** Starts the room and the coordinator; nodes follow when the room says that they booted. */
  async start(): Promise<void> {
    const { layout, cell, port } = this.#options;
    await writeJson(layout.roomConfig, roomConfig(layout, cell));
    await writeJson(layout.coordinatorConfig, coordinatorConfig(layout, cell, port));
    this.#room.start();
    this.#coordinator.start();
    // It runs until `stop`, and handles what fails.
    void this.#followRoom();
  }

  /** How the nodes stand; null while the room does not answer. */
  async nodes(): Promise<readonly RoomNode[] | null> {
    try {
      const report = (await this.#control?.request('report')) as { readonly nodes: readonly RoomNode[] } | undefined;
      return report?.nodes ?? null;
    } catch {
      return null; // it is being started again
    }
  }

  /** Ends everything in order: what takes requests, what acts on nodes, the machines, then what all of them remember by. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#coordinator.stop(STOP_GRACE_MS);
    await Promise.all([...this.#nodes.values()].map(async (each) => {
      await each.work;
      // Together: a keeper believes that nothing runs here only as long as its agent says so.
      await Promise.all(each.processes.map(async (process) => await process.stop(STOP_GRACE_MS)));
    }));
    await this.#room.stop(STOP_GRACE_MS);
    await Promise.all(this.#etcd.map(async (member) => await member.stop(STOP_GRACE_MS)));
    this.#control?.close();
    this.#close();
  }

  /** Ends everything at once. */
  async kill(): Promise<void> {
    this.#isStopping = true;
    const all = [this.#coordinator, this.#room, ...this.#etcd, ...[...this.#nodes.values()].flatMap(({ processes }) => processes)];
    await Promise.all(all.map(async (process) => await process.kill()));
    this.#close();
  }

  #close(): void {
    this.#pids.remove();
    this.#log.close();
  }

  #keep(spec: ProcessSpec): KeptProcess {
    return new KeptProcess(spec, this.#hooks);
  }

  async #followRoom(): Promise<void> {
    while (!this.#isStopping) {
      try {
        const control = await connectRoomControl(this.#options.layout.roomSocket);
        this.#control = control;
        const gone = new Promise<void>((resolve) => control.onClosed(resolve));
        for (const node of await control.events((event) => this.#onRoomEvent(event))) this.#onRoomNode(node);
        await gone;
        if (!this.#isStopping) this.#write('roomGone', {});
      } catch {
        // It is not there yet, or went away while we asked: it is started again, and so do we.
      }
      this.#control = null;
      if (this.#isStopping) return;
      for (const each of this.#nodes.values()) this.#nodeDied(each);
      await delay(ROOM_RETRY_MS);
    }
  }

  #onRoomNode({ node, bootId, isMeshUp }: RoomNode): void {
    const found = this.#nodes.get(node);
    if (found === undefined) return;
    found.isMeshUp = isMeshUp;
    if (bootId !== null) this.#nodeBooted(found, bootId);
  }

  #onRoomEvent(event: RoomEvent): void {
    const node = this.#nodes.get(event.node);
    if (node === undefined || this.#isStopping) return;
    this.#write(event.kind, { ...event, event: event.kind });
    if (event.kind === 'booted') this.#nodeBooted(node, event.bootId);
    if (event.kind === 'died') this.#nodeDied(node);
    if (event.kind === 'meshChanged') {
      node.isMeshUp = event.isUp;
      for (const process of node.processes) process.tell({ isMeshUp: event.isUp });
    }
  }

  #nodeBooted(node: NodeProcesses, bootId: string): void {
    if (node.bootId === bootId) return;
    node.bootId = bootId;
    this.#after(node, async () => {
      if (node.bootId !== bootId || this.#isStopping) return;
      await this.#startNode(node, bootId);
    });
  }

  /** Whatever runs there is gone at once, as it would be; only the clearing up takes its turn. */
  #nodeDied(node: NodeProcesses): void {
    node.bootId = null;
    const { processes } = node;
    node.processes = [];
    const killed = Promise.all(processes.map(async (process) => await process.kill()));
    this.#after(node, async () => void (await killed));
  }

  #after(node: NodeProcesses, work: () => Promise<void>): void {
    node.work = node.work.then(work).catch((error: unknown) => this.#write('nodeWorkFailed', { node: node.node.id, error: describeError(error) }));
  }

  async #startNode(each: NodeProcesses, bootId: string): Promise<void> {
    const { layout, cell } = this.#options;
    const { node } = each;
    const paths = layout.node(node.id);
    await writeJson(paths.agentConfig, agentConfig(layout, cell, node, bootId));
    await writeJson(paths.keeperConfig, keeperConfig(layout, cell, node, bootId));
    if (each.bootId !== bootId) return;
    const env = (): Record<string, string> => ({ ...SMALL_ENVIRONMENT, ...(each.isMeshUp ? {} : { [CABLE_VARIABLE]: 'out' }) });
    each.processes = [
      this.#keep({ name: `${node.id}.agent`, file: PROGRAMS.agent, args: ['--config', paths.agentConfig], preload: [NIC], nodeOptions: SMALL_NODE_OPTIONS, env }),
      this.#keep({ name: `${node.id}.keeper`, file: this.#keeper ?? PROGRAMS.keeper, args: ['--config', paths.keeperConfig], preload: [NIC], nodeOptions: SMALL_NODE_OPTIONS, env }),
    ];
    for (const process of each.processes) process.start();
  }

  #write(event: string, fields: Readonly<Record<string, unknown>>): void {
    this.#log.write(JSON.stringify({ at: this.#options.now(), process: 'playground', ...fields, event }));
  }
}
