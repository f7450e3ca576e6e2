/**
 * What does one node's kernel hold of one DRBD resource? Its state, its disk, its connection, its requests.
 *
 * This file is the data and the two threads of the kernel that order everything: the *worker* (sends, after-state
 * work, device helpers) and the *receiver* (what came over the wire). Either may be blocked by a helper program;
 * then its queue waits, and that is visible outside (DRBD.md A1). Decisions are in the other files of this folder.
 */
import { assert } from '../../../../shared/errors.ts';
import type { Chance, Clock, Timer, Timers } from '../../../../shared/world.ts';
import type { BlockDevice } from '../disk.ts';
import type { Metadata } from './metadata.ts';
import { BlockSet } from './ranges.ts';
import type { Fencing } from './state-rules.ts';
import { INITIAL_STATE } from './states.ts';
import type { Disk, State } from './states.ts';
import type { DrbdTimings } from './timings.ts';
import type { ReplicaFacts } from './uuid-compare.ts';
import type { Wire } from './wire.ts';

/** Effective network configuration of a connected (or connecting) resource. */
export interface NetConfig {
  /** `ipv4:10.0.0.1:7700` */
  readonly local: string;
  readonly peer: string;
  readonly options: ReadonlyMap<string, string>;
  readonly discardMyData: boolean;
}

/** Effective disk configuration of an attached disk. */
export interface DiskConfig {
  readonly path: string;
  readonly options: ReadonlyMap<string, string>;
}

/** What the outside offers to a kernel. */
export interface KernelContext {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly timings: DrbdTimings;
  callHelper(node: string, event: string, resource: string): Promise<number>;
  linkUp(a: string, b: string): boolean;
  log(node: string, line: string): void;
  /** What a change of state sets off, in the worker (after_state_ch). */
  afterState(resource: Resource, before: State, after: State): void | Promise<void>;
  /** The receiver of a connection that ended cleans up (conn_disconnect). */
  connectionEnded(resource: Resource): void;
  /** A resource began to wait for its peer. */
  awaitsPeer(resource: Resource): void;
  notify(resource: Resource, notice: Notice): void;
  splitBrain(resource: Resource): void;
}

/** What drbdsetup events2 is told. */
export type Notice =
  | { readonly kind: 'changed'; readonly before: State; readonly after: State }
  | { readonly kind: 'created' }
  | { readonly kind: 'connectionCreated' | 'connectionDestroyed' | 'destroyed' }
  | { readonly kind: 'helperCalled'; readonly helper: string; readonly perDevice: boolean }
  | { readonly kind: 'helperAnswered'; readonly helper: string; readonly perDevice: boolean; readonly status: number };

/** One write of the guest, from submission until it is acknowledged (an entry of the transfer log). */
export interface Request {
  readonly id: number;
  /** Null: the request writes the whole device from an image. */
  readonly block: number | null;
  readonly content: string | null;
  local: 'none' | 'pending' | 'ok' | 'failed';
  net: 'none' | 'pending' | 'ok' | 'failed';
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A read, or a write that may not start yet. */
export interface HeldRequest {
  readonly start: () => void;
  readonly reject: (error: Error) => void;
}

/** What the peer told of its replica (p_uuid). */
export interface PeerFacts extends ReplicaFacts {
  readonly discardMyData: boolean;
  readonly isInconsistent: boolean;
  readonly skipInitialSync: boolean;
}

export interface Counters {
  readKiB: number;
  writtenKiB: number;
  sentKiB: number;
  receivedKiB: number;
  activityLogWrites: number;
  bitmapWrites: number;
}

/** One resource with its one volume, on one node. Mutable: this is a kernel's memory. */
export class Resource {
  readonly context: KernelContext;
  readonly node: string;
  readonly name: string;
  readonly minor: number;
  /** False once the node lost power or the resource went down: nothing may act for it any more. */
  isAlive = true;
  state: State = INITIAL_STATE;
  openCount = 0;
  options: ReadonlyMap<string, string> = new Map();
  handlers: ReadonlyMap<string, string> = new Map();
  net: NetConfig | null = null;
  diskConfig: DiskConfig | null = null;
  disk: BlockDevice | null = null;
  /** Stops listening to the disk. */
  releaseDisk: (() => void) | null = null;
  metadata: Metadata | null = null;
  blockCount = 0;
  /** The kernel's bitmap: blocks that the peer may lack. */
  outOfSync = new BlockSet();
  /** Current UUID of the data that this node exposes: what a diskless primary goes by. */
  exposedUuid = 0n;
  peerFacts: PeerFacts | null = null;
  connectCount = 0;
  wire: Wire | null = null;
  /** Known while `Negotiating`. */
  negotiating: { readonly disk: Disk; readonly pdsk: Disk } | null = null;
  /** Kernel flags: see the source of the same names. */
  needsNewCurrentUuid = false;
  considerResync = false;
  isCrashedPrimary = false;
  wasIoError = false;
  isForceDetach = false;
  isStateSent = false;
  isRoleChanging = false;
  /** An order waits for I/O in flight and lets none begin (drbd_suspend_io). */
  isIoHeld = false;
  /** Total blocks of the running resync or verify, and what is left of a verify. */
  resyncTotal = 0;
  verifyLeft = 0;
  verifyFound = 0;
  resyncTimer: Timer | null = null;
  readonly log: Request[] = [];
  readonly held: HeldRequest[] = [];
  koTimer: Timer | null = null;
  nextRequestId = 1;
  readonly counters: Counters = { readKiB: 0, writtenKiB: 0, sentKiB: 0, receivedKiB: 0, activityLogWrites: 0, bitmapWrites: 0 };
  /** Reads at the peer and questions to it, by number. */
  readonly peerReads = new Map<number, { readonly block: number | null; readonly resolve: (content: string | null) => void; readonly reject: (error: Error) => void }>();
  readonly questions = new Map<number, (answer: 'agreed' | 'refused' | 'lost') => void>();
  readonly #stateWaiters = new Set<() => void>();
  readonly #diskWaiters: (() => void)[] = [];
  /** The disk accesses that began last. */
  #accesses: { readonly beganAtMs: number; readonly finishes: (() => void)[] } | null = null;
  readonly worker: Thread;
  readonly receiver: Thread;

  constructor(context: KernelContext, node: string, name: string, minor: number) {
    this.context = context;
    this.node = node;
    this.name = name;
    this.minor = minor;
    this.worker = new Thread(() => this.isAlive);
    this.receiver = new Thread(() => this.isAlive);
  }

  get fencing(): Fencing {
    const value = this.diskConfig?.options.get('fencing');
    return value === 'resource-only' || value === 'resource-and-stonith' ? value : 'dont-care';
  }

  netOption(name: string, fallback: string): string {
    return this.net?.options.get(name) ?? fallback;
  }

  /** A line of the kernel log, in the style of the module. */
  say(text: string): void {
    this.context.log(this.node, `drbd ${this.name}: ${text}`);
  }

  /** Runs `run` later, if this kernel still lives then. */
  after(delayMs: number, run: () => void): Timer {
    return this.context.timers.after(delayMs, () => {
      if (this.isAlive) run();
    });
  }

  /** Resolves at the next change of state (or of what states depend on). */
  stateChanged(): Promise<void> {
    return new Promise((resolve) => {
      this.#stateWaiters.add(resolve);
    });
  }

  wakeStateWaiters(): void {
    const waiters = [...this.#stateWaiters];
    this.#stateWaiters.clear();
    for (const wake of waiters) wake();
  }

  /** Runs `run` after one disk access: at once later, or when a stuck disk moves again. Those that begin in the same moment end in the same, in order. */
  afterDiskAccess(run: () => void): void {
    const finish = (): void => {
      if (this.disk?.slow === true) this.#diskWaiters.push(finish);
      else run();
    };
    const nowMs = this.context.clock.nowMs();
    if (this.#accesses !== null && this.#accesses.beganAtMs === nowMs) {
      this.#accesses.finishes.push(finish);
      return;
    }
    const accesses = { beganAtMs: nowMs, finishes: [finish] };
    this.#accesses = accesses;
    this.after(this.context.timings.diskMs, () => {
      if (this.#accesses === accesses) this.#accesses = null;
      for (const end of accesses.finishes) if (this.isAlive) end();
    });
  }

  wakeDiskWaiters(): void {
    for (const wake of this.#diskWaiters.splice(0)) this.after(0, wake);
  }

  /** The kernel is gone: nothing of it acts again. */
  die(): void {
    this.isAlive = false;
    this.resyncTimer?.cancel();
    this.koTimer?.cancel();
    this.releaseDisk?.();
    const gone = new Error(`node ${this.node} is gone`);
    for (const request of this.log.splice(0)) request.reject(gone);
    for (const held of this.held.splice(0)) held.reject(gone);
    for (const read of this.peerReads.values()) read.reject(gone);
    this.peerReads.clear();
    this.questions.clear();
    this.#stateWaiters.clear();
  }
}

/** Jobs in order, one at a time; a job that returns a promise blocks the rest until it settles. */
class Thread {
  readonly #isAlive: () => boolean;
  readonly #jobs: (() => void | Promise<void>)[] = [];
  #isBusy = false;

  constructor(isAlive: () => boolean) {
    this.#isAlive = isAlive;
  }

  push(job: () => void | Promise<void>): void {
    assert(this.#jobs.length < 100_000, 'a kernel thread has an endless queue');
    this.#jobs.push(job);
    if (!this.#isBusy) this.#drain();
  }

  /** Forgets what was not begun. */
  clear(): void {
    this.#jobs.length = 0;
  }

  #drain(): void {
    while (!this.#isBusy && this.#isAlive()) {
      const job = this.#jobs.shift();
      if (job === undefined) return;
      this.#isBusy = true;
      const result = job();
      if (result === undefined) {
        this.#isBusy = false;
        continue;
      }
      // A job of the model that throws is a fault of the model: let it surface instead of hanging the thread.
      void result.then(() => {
        this.#isBusy = false;
        this.#drain();
      });
    }
  }
}
