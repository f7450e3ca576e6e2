/**
 * What may an agent ask of the world outside its own memory? Time, chance, disk, programs, the machine: only this.
 *
 * The same agent runs against three worlds: real nodes, the playground's simulated machine room, and the
 * deterministic simulator. So nothing but the edges that implement these ports may read a clock, draw a
 * random number, open a file or start a program.
 */

/** A source of time. */
export interface Clock {
  /** Milliseconds of the machine's monotonic clock (CLOCK_MONOTONIC: the same for all processes of one boot). */
  nowMs(): number;
  /** Wall-clock time as an ISO string, for people only: nothing is ever decided by it. */
  wallTime(): string;
}

/** A running timer. */
export interface Timer {
  /** Stops it; harmless when it has fired or was cancelled before. */
  cancel(): void;
}

/** A source of timers. */
export interface Timers {
  /** Calls `run` once, after `delayMs` milliseconds (0 or more). */
  after(delayMs: number, run: () => void): Timer;
}

/** A source of chance. */
export interface Chance {
  /** A number in [0, 1). */
  next(): number;
  /** `count` unpredictable bytes (predictable from the seed in the simulator). */
  bytes(count: number): Uint8Array;
}

/** Limits of one program run. */
export interface RunOptions {
  /** After this time the program's process group is killed and the run fails with ClusterError `ProgramTimeout`. */
  readonly timeoutMs: number;
  /** Text for standard input: the only way a secret may travel. */
  readonly stdin?: string;
}

/** What a program left behind. A non-zero exit code is a result, not an exception. */
export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs on and prints lines. */
export interface Stream {
  stop(): void;
}

/** What a reader of a {@link Stream} is told. `onEnd` comes exactly once, also after `stop`. */
export interface StreamReader {
  onLine(line: string): void;
  onEnd(reason: string): void;
}

/** Starts programs of the node (xl, drbdadm, lvs ...): arguments as a list, never a shell. */
export interface Runner {
  /** Throws ClusterError `ProgramTimeout` (retryable) or `ProgramNotStarted` when there is no result at all. */
  run(argv: readonly string[], options: RunOptions): Promise<RunResult>;
  stream(argv: readonly string[], reader: StreamReader): Stream;
}

/** Small files on the node's boot disk, by path below the process's data directory. */
export interface Files {
  /** The file's text, or null when there is none. Throws ClusterError `FileUnreadable` otherwise. */
  read(path: string): Promise<string | null>;
  /** Replaces the file durably: temporary file, fsync, rename, fsync of the directory. `mode` defaults to 0o600. */
  writeDurably(path: string, text: string, mode?: number): Promise<void>;
  remove(path: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
  /** The absolute path that programs of the node know the file by. */
  absolute(path: string): string;
}

/** The node itself. */
export interface Machine {
  /** The kernel's boot id: new after every start. */
  readonly bootId: string;
  /** Resets the node at once without writing anything back (sysrq-b). Does not return on a real node. */
  resetNow(reason: string): void;
}

/** The hardware (or hypervisor) timer that resets the node unless it is petted. Held by the keeper alone. */
export interface Watchdog {
  /** Arms it: from now on the node resets `timeoutMs` after the last pet. Arming an armed one pets it. */
  arm(timeoutMs: number): Promise<void>;
  pet(): void;
  /** Disarms it politely. Only when no domain runs on the node (SAFETY.md 4.1). */
  disarm(): Promise<void>;
}

/** A call of DRBD's kernel into user space: `fence-peer`, `local-io-error` ... (contract: SAFETY.md 8). */
export interface HelperCall {
  readonly event: string;
  readonly resource: string;
}

/** Where the node's DRBD helper program finds the agent. */
export interface HelperCalls {
  /** `answer` resolves with the helper's exit code; it may take for ever (the kernel keeps I/O frozen meanwhile). */
  serve(answer: (call: HelperCall) => Promise<number>): void;
}

/** One fact for the log: `event`, ids, then numbers with units. Values are plain data. */
export type LogFact = { readonly event: string } & { readonly [key: string]: unknown };

/** Where facts go: a JSON line each. */
export interface Log {
  write(fact: LogFact): void;
}

/** A datagram socket: unreliable, unordered, small. */
export interface Datagrams {
  /** The address others reach this socket by, `host:port`. */
  readonly address: string;
  /** Sends at most once; failures are silence, as on any wire. */
  send(address: string, bytes: Uint8Array): void;
  onReceive(handler: (bytes: Uint8Array, from: string) => void): void;
  close(): void;
}

/** What every process has. */
export interface World {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly log: Log;
}

/** What a node's agent has beside that. */
export interface NodeWorld extends World {
  readonly runner: Runner;
  readonly files: Files;
  readonly machine: Machine;
  readonly helpers: HelperCalls;
}
