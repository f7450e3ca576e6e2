/**
 * Who may speak to the room, and what may they ask? Its socket: nodes of the current boot, and the operator's hand.
 *
 * Node connections (`agent`, `keeper`) live as long as their boot. Requests of theirs: `run {argv, stdin}`, `stream {argv}`,
 * `stop {stream}`, `resetNow`, `inventory`, and for the keeper `watchdog {action, timeoutMs}`. Control connections:
 * `powerOn|powerOff|reset {node}`, `cut|heal {node, what: mesh|storage|all}`, `failDisk {node, volume, fault}`,
 * `repairDisk {node, volume}`, `setBmc {node, isReachable, lies}`, `endGuest {instance, how}`, `report`, `events`.
 */
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { ClusterError } from '../../shared/errors.ts';
import { isJsonObject } from '../../shared/json.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { Stream } from '../../shared/world.ts';
import type { RoomEvent } from './model/ports.ts';
import type { Room } from './model/room.ts';
import { errorOf, HELLO_TIMEOUT_MS, readLines, sendLine } from './protocol.ts';

/** Connections that the room takes at once: an agent, a keeper and some tools for each of many nodes. */
const CONNECTIONS_MAX = 512;
/** Requests of one connection that may run at once. */
const REQUESTS_MAX = 256;

interface NodeClient {
  readonly socket: Socket;
  readonly node: string;
  readonly bootId: string;
  readonly role: 'agent' | 'keeper';
  readonly streams: Map<number, Stream>;
  requests: number;
}

/** Serves a room. The room's events must be handed to `onEvent`. */
export class RoomServer {
  readonly #room: Room;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #nodes = new Set<NodeClient>();
  readonly #listeners = new Set<Socket>();

  constructor(room: Room) {
    this.#room = room;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Listens at the path. Throws ClusterError `RoomSocketUnusable` when that cannot be. */
  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) => reject(new ClusterError('RoomSocketUnusable', `could not listen at ${path}`, { retryable: false, cause })));
      this.#server.listen(path, resolve);
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Tells the event to whom it concerns. A boot's end closes its connections: nobody speaks for a dead boot. */
  onEvent(event: RoomEvent): void {
    for (const socket of this.#listeners) sendLine(socket, { event });
    if (event.kind === 'died') {
      for (const client of this.#nodes) if (client.node === event.node) client.socket.destroy();
    }
    if (event.kind === 'meshChanged') {
      for (const client of this.#nodes) if (client.node === event.node) sendLine(client.socket, { mesh: event.isUp });
    }
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => this.#sockets.delete(socket));
    const deadline = setTimeout(() => socket.destroy(), HELLO_TIMEOUT_MS);
    socket.on('close', () => clearTimeout(deadline));
    let handle: ((message: JsonObject) => void) | null = null;
    readLines(socket, (message) => {
      if (handle !== null) {
        handle(message);
        return;
      }
      clearTimeout(deadline);
      try {
        handle = this.#welcome(socket, message['hello']);
      } catch (thrown) {
        sendLine(socket, { refused: errorOf(thrown) });
        socket.end();
      }
    });
  }

  #welcome(socket: Socket, hello: unknown): (message: JsonObject) => void {
    const { role, node, bootId } = isJsonObject(hello) ? hello : {};
    if (role === 'control') {
      sendLine(socket, { welcome: true });
      return (message) => this.#onControl(socket, message);
    }
    if ((role !== 'agent' && role !== 'keeper') || typeof node !== 'string' || typeof bootId !== 'string') {
      throw new ClusterError('InvalidHello', 'the first line must be {"hello": {"role": "agent" | "keeper" | "control", "node", "bootId"}}', { retryable: false });
    }
    const report = this.#room.nodeReport(node);
    if (report.bootId !== bootId) throw new ClusterError('NodeDown', `${node} does not run boot ${bootId}`, { retryable: false });
    const client: NodeClient = { socket, node, bootId, role, streams: new Map(), requests: 0 };
    this.#nodes.add(client);
    socket.on('close', () => {
      this.#nodes.delete(client);
      for (const stream of client.streams.values()) stream.stop();
    });
    sendLine(socket, { welcome: true });
    sendLine(socket, { mesh: report.isMeshUp });
    return (message) => this.#onNode(client, message);
  }

  #onNode(client: NodeClient, message: JsonObject): void {
    if (client.requests >= REQUESTS_MAX) {
      sendLine(client.socket, { id: message['id'], error: errorOf(new ClusterError('ProgramNotStarted', `more than ${REQUESTS_MAX} programs at once`, { retryable: true })) });
      return;
    }
    client.requests += 1;
    // Failures of any kind become the answer.
    void this.#answer(client.socket, message, () => this.#performForNode(client, message)).finally(() => {
      client.requests -= 1;
    });
  }

  async #performForNode(client: NodeClient, message: JsonObject): Promise<unknown> {
    const { node, bootId } = client;
    switch (message['op']) {
      case 'run': return await this.#room.run(node, bootId, argvOf(message), typeof message['stdin'] === 'string' ? message['stdin'] : '');
      case 'stream': return this.#stream(client, message);
      case 'stop': {
        client.streams.get(Number(message['stream']))?.stop();
        return null;
      }
      case 'resetNow':
        this.#room.resetNow(node, bootId);
        return null;
      case 'inventory': return { load: this.#room.load(node), ...this.#room.nodeReport(node) };
      case 'watchdog': return this.#watchdog(client, message);
      default: throw new ClusterError('UnknownRequest', `a node cannot ask for ${JSON.stringify(message['op'])}`, { retryable: false });
    }
  }

  #stream(client: NodeClient, message: JsonObject): null {
    const id = Number(message['id']);
    if (client.streams.size >= REQUESTS_MAX) throw new ClusterError('ProgramNotStarted', 'too many streams', { retryable: true });
    let hasEnded = false;
    const stream = this.#room.stream(client.node, client.bootId, argvOf(message), {
      onLine: (line) => sendLine(client.socket, { stream: id, line }),
      onEnd: (reason) => {
        hasEnded = true;
        client.streams.delete(id);
        sendLine(client.socket, { stream: id, end: reason });
      },
    });
    if (!hasEnded) client.streams.set(id, stream);
    return null;
  }

  #watchdog(client: NodeClient, message: JsonObject): null {
    if (client.role !== 'keeper') throw new ClusterError('NotKeeper', 'only the keeper holds the watchdog', { retryable: false });
    const { node, bootId } = client;
    if (message['action'] === 'arm') this.#room.armWatchdog(node, bootId, Number(message['timeoutMs']));
    else if (message['action'] === 'pet') this.#room.petWatchdog(node, bootId);
    else if (message['action'] === 'disarm') this.#room.disarmWatchdog(node, bootId);
    else throw new ClusterError('UnknownRequest', 'a watchdog is armed, petted or disarmed', { retryable: false });
    return null;
  }

  #onControl(socket: Socket, message: JsonObject): void {
    // Failures of any kind become the answer.
    void this.#answer(socket, message, () => Promise.resolve().then(() => this.#performForControl(socket, message)));
  }

  #performForControl(socket: Socket, message: JsonObject): unknown {
    const node = typeof message['node'] === 'string' ? message['node'] : '';
    const volume = typeof message['volume'] === 'string' ? message['volume'] : null;
    switch (message['op']) {
      case 'powerOn': return this.#room.powerOn(node);
      case 'powerOff': return this.#room.powerOff(node);
      case 'reset': return this.#room.reset(node);
      case 'cut': return this.#room.setCables(node, cablesOf(message['what'], false));
      case 'heal': return this.#room.setCables(node, cablesOf(message['what'] ?? 'all', true));
      case 'failDisk': return this.#room.failDisk(node, volume, message['fault'] === 'slow' ? 'slow' : 'error');
      case 'repairDisk': return this.#room.repairDisk(node, volume);
      case 'setBmc': return this.#room.setBmc(node, {
        ...(typeof message['isReachable'] === 'boolean' ? { isReachable: message['isReachable'] } : {}),
        ...(typeof message['lies'] === 'boolean' ? { lies: message['lies'] } : {}),
      });
      case 'endGuest': {
        const { how, instance } = message;
        if ((how !== 'poweroff' && how !== 'reboot' && how !== 'crash') || typeof instance !== 'string') throw new ClusterError('UnknownRequest', 'a guest ends by poweroff, reboot or crash', { retryable: false });
        return this.#room.endGuest(instance, how);
      }
      case 'report': return this.#room.report();
      case 'events': {
        this.#listeners.add(socket);
        socket.on('close', () => this.#listeners.delete(socket));
        return this.#room.report().nodes;
      }
      default: throw new ClusterError('UnknownRequest', `the room cannot ${JSON.stringify(message['op'])}`, { retryable: false });
    }
  }

  async #answer(socket: Socket, message: JsonObject, perform: () => Promise<unknown>): Promise<void> {
    const { id } = message;
    try {
      const value = await perform();
      sendLine(socket, { id, value: value ?? null });
    } catch (thrown) {
      sendLine(socket, { id, error: errorOf(thrown) });
    }
  }
}

function argvOf(message: JsonObject): readonly string[] {
  const { argv } = message;
  if (!Array.isArray(argv) || argv.length === 0 || !argv.every((word): word is string => typeof word === 'string')) {
    throw new ClusterError('ProgramNotStarted', 'argv must be a list of words', { retryable: false });
  }
  return argv;
}

function cablesOf(what: unknown, isUp: boolean): { readonly mesh?: boolean; readonly storage?: boolean } {
  if (what === 'mesh') return { mesh: isUp };
  if (what === 'storage') return { storage: isUp };
  if (what === 'all') return { mesh: isUp, storage: isUp };
  throw new ClusterError('UnknownRequest', 'which cable: mesh, storage or all', { retryable: false });
}
