/**
 * How do an agent and a keeper reach their simulated machine? The ports of shared/world.ts over the room's socket.
 *
 * When the connection ends, the machine is off, resets, or the whole room lost power: nothing is retried, the process
 * has no machine any more.
 */
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { ClusterError } from '../../shared/errors.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { Machine, Runner, RunResult, Stream, StreamReader, Watchdog } from '../../shared/world.ts';
import type { NodeReport, RoomEvent, RoomReport } from './model/ports.ts';
import { ANSWER_CHARS_MAX, errorFrom, readLines, sendLine } from './protocol.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** How long the room may take for anything but a program. */
const REQUEST_TIMEOUT_MS = 10_000;

/** What a node connection needs to know. */
export interface RoomClientOptions {
  readonly socketPath: string;
  readonly node: string;
  readonly bootId: string;
  readonly role: 'agent' | 'keeper';
  /** What a process does once its machine has reset itself: by default it kills itself. */
  readonly endProcess?: () => void;
}

/** A node's own report, with the load of its control domain (0 to 1 per processor). */
export type RoomInventory = NodeReport & { readonly load: number };

/** One node's machine, as a process on it sees it. */
export interface RoomClient {
  readonly runner: Runner;
  readonly machine: Machine;
  readonly watchdog: Watchdog;
  inventory(): Promise<RoomInventory>;
  /** Whether the mesh cable is plugged in: now, and on each change. */
  onMesh(listener: (isUp: boolean) => void): void;
  /** Called once when the machine is gone. */
  onClosed(listener: () => void): void;
  close(): void;
}

/** The operator's hand. Methods reject with ClusterError: `UnknownNode`, `NoBmc` and the like. */
export interface RoomControl {
  powerOn(node: string): Promise<void>;
  powerOff(node: string): Promise<void>;
  reset(node: string): Promise<void>;
  cut(node: string, what: 'mesh' | 'storage' | 'all'): Promise<void>;
  heal(node: string): Promise<void>;
  failDisk(node: string, options?: { readonly volume?: string; readonly fault?: 'error' | 'slow' }): Promise<void>;
  repairDisk(node: string, volume?: string): Promise<void>;
  setBmc(node: string, change: { readonly isReachable?: boolean; readonly lies?: boolean }): Promise<void>;
  endGuest(instance: string, how: 'poweroff' | 'reboot' | 'crash'): Promise<void>;
  report(): Promise<RoomReport>;
  /** Resolves with how the nodes stand now; every later event goes to the listener. */
  events(listener: (event: RoomEvent) => void): Promise<readonly NodeReport[]>;
  onClosed(listener: () => void): void;
  close(): void;
}

/** Connects as a process of a node. Rejects with ClusterError `NodeDown` (wrong boot), `RoomUnreachable`. */
export async function connectRoom(options: RoomClientOptions): Promise<RoomClient> {
  const line = await Line.connect(options.socketPath, { role: options.role, node: options.node, bootId: options.bootId });
  return {
    runner: {
      run: async (argv, runOptions) => await line.request('run', { argv, ...(runOptions.stdin === undefined ? {} : { stdin: runOptions.stdin }) }, runOptions.timeoutMs, () =>
        new ClusterError('ProgramTimeout', `${argv[0]} on ${options.node} did not end within ${runOptions.timeoutMs} ms`, { retryable: true })) as RunResult,
      stream: (argv, reader) => line.stream(argv, reader),
    },
    machine: {
      bootId: options.bootId,
      resetNow: () => line.sendLast({ op: 'resetNow' }, options.endProcess ?? (() => process.kill(process.pid, 'SIGKILL'))),
    },
    watchdog: {
      arm: async (timeoutMs) => void (await line.request('watchdog', { action: 'arm', timeoutMs })),
      pet: () => line.post({ op: 'watchdog', action: 'pet' }),
      disarm: async () => void (await line.request('watchdog', { action: 'disarm' })),
    },
    inventory: async () => (await line.request('inventory', {})) as RoomInventory,
    onMesh: (listener) => line.onMesh(listener),
    onClosed: (listener) => line.onClosed(listener),
    close: () => line.close(),
  };
}

/** Connects as the operator. */
export async function connectRoomControl(socketPath: string): Promise<RoomControl> {
  const line = await Line.connect(socketPath, { role: 'control' });
  const order = async (op: string, fields: JsonObject): Promise<void> => void (await line.request(op, fields));
  return {
    powerOn: (node) => order('powerOn', { node }),
    powerOff: (node) => order('powerOff', { node }),
    reset: (node) => order('reset', { node }),
    cut: (node, what) => order('cut', { node, what }),
    heal: (node) => order('heal', { node, what: 'all' }),
    failDisk: (node, fault = {}) => order('failDisk', { node, ...fault }),
    repairDisk: (node, volume) => order('repairDisk', { node, ...(volume === undefined ? {} : { volume }) }),
    setBmc: (node, change) => order('setBmc', { node, ...change }),
    endGuest: (instance, how) => order('endGuest', { instance, how }),
    report: async () => (await line.request('report', {})) as RoomReport,
    events: async (listener) => {
      line.onEvent(listener);
      return (await line.request('events', {})) as readonly NodeReport[];
    },
    onClosed: (listener) => line.onClosed(listener),
    close: () => line.close(),
  };
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** One connection: numbered requests, streams and notices. */
class Line {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #streams = new Map<number, StreamReader>();
  readonly #meshListeners: ((isUp: boolean) => void)[] = [];
  readonly #closedListeners: (() => void)[] = [];
  #eventListener: ((event: RoomEvent) => void) | null = null;
  #isMeshUp: boolean | null = null;
  #isClosed = false;
  #lastId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static connect(socketPath: string, hello: JsonObject): Promise<Line> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(socketPath);
      const line = new Line(socket);
      let isWelcome = false;
      let cause: unknown = new Error('the room did not answer');
      const deadline = setTimeout(() => socket.destroy(), CONNECT_TIMEOUT_MS);
      socket.on('connect', () => sendLine(socket, { hello }));
      socket.on('error', (error) => {
        cause = error;
      });
      socket.on('close', () => {
        clearTimeout(deadline);
        if (isWelcome) line.#onClose();
        else reject(cause instanceof ClusterError ? cause : new ClusterError('RoomUnreachable', `could not reach the machine room at ${socketPath}`, { retryable: true, cause }));
      });
      readLines(socket, (message) => {
        if (isWelcome) {
          line.#onMessage(message);
        } else if (message['welcome'] === true) {
          clearTimeout(deadline);
          isWelcome = true;
          resolve(line);
        } else {
          cause = errorFrom(message['refused']);
          socket.destroy();
        }
      }, ANSWER_CHARS_MAX);
    });
  }

  request(op: string, fields: JsonObject, timeoutMs = REQUEST_TIMEOUT_MS, onTimeout?: () => ClusterError): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) {
        reject(gone(op));
        return;
      }
      const id = (this.#lastId += 1);
      const timer = setTimeout(() => {
        // The room's program goes on, as one whose killed process left work in the kernel; its answer is dropped.
        this.#pending.delete(id);
        reject(onTimeout?.() ?? new ClusterError('RoomTimeout', `the room did not answer ${op} within ${timeoutMs} ms`, { retryable: true }));
      }, timeoutMs);
      const settle = (): void => {
        clearTimeout(timer);
        this.#pending.delete(id);
      };
      this.#pending.set(id, {
        resolve: (value) => {
          settle();
          resolve(value);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      sendLine(this.#socket, { id, op, ...fields });
    });
  }

  stream(argv: readonly string[], reader: StreamReader): Stream {
    const id = (this.#lastId += 1);
    if (this.#isClosed) {
      setImmediate(() => reader.onEnd('the machine is gone'));
      return { stop: () => undefined };
    }
    this.#streams.set(id, reader);
    this.#pending.set(id, {
      resolve: () => this.#pending.delete(id),
      reject: (error) => {
        this.#pending.delete(id);
        this.#endStream(id, error.message);
      },
    });
    sendLine(this.#socket, { id, op: 'stream', argv });
    return {
      stop: () => {
        if (this.#streams.has(id)) this.post({ op: 'stop', stream: id });
      },
    };
  }

  /** A request whose answer nobody waits for. */
  post(message: JsonObject): void {
    this.#lastId += 1;
    sendLine(this.#socket, { id: this.#lastId, ...message });
  }

  /** The last thing that this process says. */
  sendLast(message: JsonObject, then: () => void): void {
    this.#lastId += 1;
    if (this.#isClosed) then();
    else this.#socket.write(`${JSON.stringify({ id: this.#lastId, ...message })}\n`, then);
  }

  onMesh(listener: (isUp: boolean) => void): void {
    this.#meshListeners.push(listener);
    if (this.#isMeshUp !== null) listener(this.#isMeshUp);
  }

  onEvent(listener: (event: RoomEvent) => void): void {
    this.#eventListener = listener;
  }

  onClosed(listener: () => void): void {
    if (this.#isClosed) listener();
    else this.#closedListeners.push(listener);
  }

  close(): void {
    this.#socket.destroy();
  }

  #onMessage(message: JsonObject): void {
    const { mesh, event, stream, id } = message;
    if (typeof mesh === 'boolean') {
      this.#isMeshUp = mesh;
      for (const listener of this.#meshListeners) listener(mesh);
    } else if (isJsonObject(event)) {
      this.#eventListener?.(event as unknown as RoomEvent);
    } else if (typeof stream === 'number') {
      if (typeof message['line'] === 'string') this.#streams.get(stream)?.onLine(message['line']);
      else this.#endStream(stream, String(message['end']));
    } else if (typeof id === 'number') {
      const pending = this.#pending.get(id);
      if (message['error'] === undefined) pending?.resolve(message['value']);
      else pending?.reject(errorFrom(message['error']));
    }
  }

  #endStream(id: number, reason: string): void {
    const reader = this.#streams.get(id);
    this.#streams.delete(id);
    reader?.onEnd(reason);
  }

  #onClose(): void {
    this.#isClosed = true;
    for (const pending of this.#pending.values()) pending.reject(gone('the request'));
    for (const id of this.#streams.keys()) this.#endStream(id, 'the machine is gone');
    for (const listener of this.#closedListeners) listener();
  }
}

function gone(what: string): ClusterError {
  return new ClusterError('ProgramNotStarted', `the machine was gone before ${what} was answered`, { retryable: false });
}
