/**
 * Two (or more) nodes with simulated DRBD on virtual time: the plumbing of the tests in this folder.
 */
import { createDisk } from '../../../../../../agent/room/model/disk.ts';
import type { BlockDevice } from '../../../../../../agent/room/model/disk.ts';
import type { DrbdDevice } from '../../../../../../agent/room/model/drbd/device.ts';
import { DrbdRoom } from '../../../../../../agent/room/model/drbd/room.ts';
import type { DrbdTimings } from '../../../../../../agent/room/model/drbd/timings.ts';
import { seededChance } from '../../../../../../shared/random.ts';
import type { Chance, Clock, RunResult, Timers } from '../../../../../../shared/world.ts';

/** Virtual time: timers fire in order of time, then of their making; promises settle in between. */
export class VirtualTime implements Clock, Timers {
  #nowMs = 0;
  #sequence = 0;
  readonly #queue: { atMs: number; sequence: number; run: (() => void) | null }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallTime(): string {
    return new Date(Date.UTC(2026, 0, 1) + this.#nowMs).toISOString();
  }

  get pending(): number {
    return this.#queue.filter((entry) => entry.run !== null).length;
  }

  after(delayMs: number, run: () => void): { cancel(): void } {
    this.#sequence += 1;
    const entry = { atMs: this.#nowMs + delayMs, sequence: this.#sequence, run: run as (() => void) | null };
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#queue[middle]?.atMs ?? 0) <= entry.atMs) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, entry);
    return { cancel: () => {
      entry.run = null;
    } };
  }

  /** Lets `durationMs` pass. */
  async pass(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    await settle();
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#queue.shift();
      this.#nowMs = next.atMs;
      if (next.run === null) continue;
      next.run();
      await settle();
    }
    this.#nowMs = untilMs;
  }
}

/** Every promise that can settle now has settled. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export interface HelperRun {
  readonly node: string;
  readonly event: string;
  answer: (status: number) => void;
}

export interface LabOptions {
  readonly seed?: number;
  readonly net?: string;
  readonly disk?: string;
  readonly timings?: Partial<DrbdTimings>;
  readonly sizeBytes?: number;
}

export const NODES = ['node1', 'node2'] as const;
export type NodeName = (typeof NODES)[number];
export const MIB64 = 64 * 1024 * 1024;

/** One resource r0 on node1 and node2, as the recorded laboratory had it. */
export class Lab {
  readonly time = new VirtualTime();
  readonly chance: Chance;
  readonly room: DrbdRoom;
  readonly disks = new Map<string, BlockDevice>();
  readonly files = new Map<string, string>();
  readonly kernelLog: string[] = [];
  /** Helper programs that run and were not answered by `policy`. */
  readonly helpers: HelperRun[] = [];
  /** Every helper call so far: `node event`. */
  readonly calls: string[] = [];
  /** How helpers answer: a number at once, or null: the test answers (or nobody does). */
  policy: (node: string, event: string) => number | null | Promise<number> = () => 0;
  isLinkUp = true;
  readonly off = new Set<string>();

  constructor(options: LabOptions = {}) {
    this.chance = seededChance(options.seed ?? 1);
    for (const node of NODES) {
      this.disks.set(node, createDisk(options.sizeBytes ?? MIB64, this.chance));
      this.files.set(node, resourceFile(options.net ?? '', options.disk ?? ''));
    }
    this.room = new DrbdRoom(this.time, this.time, this.chance, {
      backing: (node, path) => (path === '/dev/mapper/b0' ? this.disks.get(node) ?? null : null),
      callHelper: (node, event) => this.#callHelper(node, event),
      readFile: (node, path) => (path === '/etc/r0.res' ? this.files.get(node) ?? null : null),
      linkUp: () => this.isLinkUp,
      kernelLog: (node, line) => {
        this.kernelLog.push(`${node} ${line}`);
      },
    }, options.timings ?? {});
  }

  /** Runs a program and lets time pass until it ended (or `limitMs`: then null, it hangs). */
  async tryRun(node: NodeName, argv: readonly string[], limitMs = 60_000): Promise<RunResult | null> {
    let result: RunResult | null = null;
    let failure: unknown = null;
    this.room.run(node, argv).then((value) => {
      result = value;
    }, (error: unknown) => {
      failure = error;
    });
    for (let waitedMs = 0; waitedMs < limitMs && result === null && failure === null; waitedMs += 10) await this.time.pass(10);
    if (failure !== null) throw failure as Error;
    return result;
  }

  async adm(node: NodeName, ...words: readonly string[]): Promise<RunResult> {
    const result = await this.tryRun(node, ['drbdadm', '--config-file=/etc/r0.res', ...words, 'r0']);
    if (result === null) throw new Error(`drbdadm ${words.join(' ')} on ${node} hangs`);
    return result;
  }

  /** A command that must succeed. */
  async ok(node: NodeName, ...words: readonly string[]): Promise<void> {
    const result = await this.adm(node, ...words);
    if (result.exitCode !== 0) throw new Error(`drbdadm ${words.join(' ')} on ${node}: exit ${result.exitCode}: ${result.stderr}`);
  }

  async setup(node: NodeName, ...words: readonly string[]): Promise<RunResult> {
    const result = await this.tryRun(node, ['drbdsetup', ...words]);
    if (result === null) throw new Error(`drbdsetup ${words.join(' ')} on ${node} hangs`);
    return result;
  }

  /** `role cstate disk/peer-disk`, e.g. `Primary/Secondary Connected UpToDate/UpToDate`. */
  async state(node: NodeName): Promise<string> {
    const words: string[] = [];
    for (const command of ['role', 'cstate', 'dstate']) words.push((await this.adm(node, command)).stdout.trim());
    return words.join(' ');
  }

  /** Fresh metadata and `up` on both nodes. */
  async fresh(): Promise<void> {
    for (const node of NODES) {
      await this.ok(node, 'create-md', '--force');
      await this.ok(node, 'up');
    }
    await this.time.pass(2_000);
  }

  /** Connected, node1 Primary, both UpToDate. */
  async synced(): Promise<void> {
    await this.fresh();
    await this.ok('node1', 'primary', '--force');
    await this.time.pass(5_000);
  }

  device(node: NodeName): DrbdDevice {
    const device = this.room.device(node, '/dev/drbd0');
    if (device === null) throw new Error(`no /dev/drbd0 on ${node}`);
    return device;
  }

  disk(node: NodeName): BlockDevice {
    const disk = this.disks.get(node);
    if (disk === undefined) throw new Error(`no disk on ${node}`);
    return disk;
  }

  cut(): void {
    this.isLinkUp = false;
    this.room.linkChanged('node1', 'node2');
  }

  heal(): void {
    this.isLinkUp = true;
    this.room.linkChanged('node1', 'node2');
  }

  /** Power off: the kernel is gone, the disk forgets what was not flushed. */
  kill(node: NodeName): void {
    this.room.nodeDown(node);
    this.disk(node).powerLoss();
  }

  /** Writes and tells whether it was acknowledged within `limitMs`. */
  async write(node: NodeName, block: number, content: string, limitMs = 1_000): Promise<'acked' | 'failed' | 'hangs'> {
    let outcome: 'acked' | 'failed' | 'hangs' = 'hangs';
    this.device(node).write(block, content).then(() => {
      outcome = 'acked';
    }, () => {
      outcome = 'failed';
    });
    await this.time.pass(limitMs);
    return outcome;
  }

  /** The content, or `failed`, or `hangs` after `limitMs`. */
  async read(node: NodeName, block: number, limitMs = 1_000): Promise<string | null> {
    let outcome: string | null = 'hangs';
    this.device(node).read(block).then((content) => {
      outcome = content;
    }, () => {
      outcome = 'failed';
    });
    await this.time.pass(limitMs);
    return outcome;
  }

  #callHelper(node: string, event: string): Promise<number> {
    this.calls.push(`${node} ${event}`);
    const answer = this.policy(node, event);
    if (answer !== null) return Promise.resolve(answer);
    return new Promise((resolve) => {
      this.helpers.push({ node, event, answer: resolve });
    });
  }
}

const HANDLERS = ['fence-peer', 'unfence-peer', 'local-io-error', 'pri-on-incon-degr', 'split-brain', 'initial-split-brain', 'before-resync-target', 'after-resync-target'];

/** The laboratory's configuration; `net` and `disk` replace or add statements. */
export function resourceFile(net: string, disk: string): string {
  return `resource r0 {
  device /dev/drbd0; disk /dev/mapper/b0; meta-disk internal;
  net { protocol C; timeout 15; ping-int 2; ping-timeout 10; connect-int 3; ko-count 4; cram-hmac-alg sha256; shared-secret "epoch1-secret"; verify-alg crc32c; ${net} }
  disk { fencing resource-and-stonith; on-io-error call-local-io-error; al-extents 1237; c-plan-ahead 20; ${disk} }
  options { on-no-data-accessible suspend-io; }
  handlers { ${HANDLERS.map((event) => `${event} "/usr/lib/ves/drbd-helper ${event}";`).join(' ')} }
  on node1 { address 10.78.1.11:7700; }
  on node2 { address 10.78.1.12:7700; }
}
`;
}
