/**
 * What does a process see when the mesh cable of its simulated node is pulled? Silence, as from a real network card.
 *
 * Preloaded (`node --import`) into agents and keepers, which know nothing of it. The supervisor says over the leash
 * whether the cable is plugged in. While it is not:
 *
 * - TCP: nothing is read and nothing is written; new connections hang; a connection that is closed here is not seen to
 *   close by the other side. When the cable is back, all of it goes on where it stopped: nothing was lost.
 * - UDP: datagrams are lost in both directions.
 *
 * Unix sockets are inside of the node and always work. It replaces what streams call (`_read`, `_write` ...) in the
 * prototypes of node:net and node:dgram: so no socket escapes, not even in the turn it is born in.
 *
 * Like a card it counts what goes out; nobody pays for that but who asks (nic-words.ts, TRAFFIC_VARIABLE).
 */
import { Socket as UdpSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { onLeashMessage } from './leash.ts';
import { CABLE_VARIABLE, TRAFFIC_VARIABLE } from './nic-words.ts';

/** Closed connections that the other side does not know of yet. More than an agent can ever have open. */
const HIDDEN_MAX = 1_024;

interface Handle {
  reading?: boolean;
  readStop?(): void;
  close(): void;
}

type Callback = (error?: Error | null) => void;

/** The inner side of a socket: what streams call on it. */
interface InnerSocket {
  _handle: Handle | null;
  connecting: boolean;
  readonly destroyed: boolean;
  _read(size: number): void;
  _write(chunk: unknown, encoding: string, callback: Callback): void;
  _writev(chunks: readonly { readonly chunk: unknown }[], callback: Callback): void;
  _final(callback: Callback): void;
  _destroy(error: Error | null, callback: Callback): void;
  connect(...args: unknown[]): unknown;
}

/** Something that a socket wanted to do while the cable was out. */
interface Waiting {
  readonly socket: InnerSocket;
  readonly perform: () => void;
  readonly cancel: () => void;
}

const inner = Socket.prototype as unknown as InnerSocket;
const real = { read: inner._read, write: inner._write, writev: inner._writev, final: inner._final, destroy: inner._destroy, connect: inner.connect };

let isUp = process.env[CABLE_VARIABLE] !== 'out';
/** Sockets that read, so that they can be told to stop. */
const readers = new Set<InnerSocket>();
/** At most a connect, a read, a write and an end for each socket. */
let waiting: Waiting[] = [];
const hidden: Handle[] = [];
const traffic = { tcpBytes: 0, tcpWrites: 0, udpBytes: 0, udpDatagrams: 0 };

/** Unix sockets have another kind of handle. */
function isTcp(handle: Handle | null): handle is Handle {
  return handle?.constructor.name === 'TCP';
}

/** A TCP socket, or one that is about to become one and whose connect waits here. */
function isSilent(socket: InnerSocket): boolean {
  return !isUp && (isTcp(socket._handle) || waiting.some((each) => each.socket === socket));
}

function count(socket: InnerSocket, chunks: readonly unknown[]): void {
  if (!isTcp(socket._handle)) return;
  traffic.tcpWrites += 1;
  for (const chunk of chunks) if (chunk instanceof Uint8Array) traffic.tcpBytes += chunk.byteLength;
}

function hold(socket: InnerSocket, perform: () => void, cancel: () => void = () => undefined): void {
  waiting.push({ socket, perform, cancel });
}

inner._read = function (size) {
  if (isTcp(this._handle)) readers.add(this);
  if (isSilent(this)) hold(this, () => real.read.call(this, size));
  else real.read.call(this, size);
};

inner._write = function (chunk, encoding, callback) {
  if (isSilent(this)) hold(this, () => real.write.call(this, chunk, encoding, callback), () => callback(cancelled()));
  else {
    count(this, [chunk]);
    real.write.call(this, chunk, encoding, callback);
  }
};

inner._writev = function (chunks, callback) {
  if (isSilent(this)) hold(this, () => real.writev.call(this, chunks, callback), () => callback(cancelled()));
  else {
    count(this, chunks.map((each) => each.chunk));
    real.writev.call(this, chunks, callback);
  }
};

inner._final = function (callback) {
  if (isSilent(this)) hold(this, () => real.final.call(this, callback), () => callback(cancelled()));
  else real.final.call(this, callback);
};

inner._destroy = function (error, callback) {
  readers.delete(this);
  const handle = this._handle;
  if (!isUp) {
    const dropped = waiting.filter((each) => each.socket === this);
    waiting = waiting.filter((each) => each.socket !== this);
    for (const each of dropped) each.cancel();
    if (isTcp(handle)) {
      // The kernel would say goodbye over a cable that is not there: it keeps the connection, we forget it.
      handle.readStop?.();
      hidden.push(handle);
      if (hidden.length > HIDDEN_MAX) hidden.shift()?.close();
      this._handle = null;
    }
  }
  real.destroy.call(this, error, callback);
};

inner.connect = function (...args) {
  if (isUp || isUnix(args)) return real.connect.apply(this, args);
  this.connecting = true;
  hold(this, () => {
    this.connecting = false;
    real.connect.apply(this, args);
  });
  return this;
};

/** net.connect hands over its arguments as one normalised list; others call `connect` with options or a path. */
function isUnix(args: readonly unknown[]): boolean {
  const first: unknown = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (typeof first === 'string') return !/^\d+$/.test(first);
  return typeof first === 'object' && first !== null && 'path' in first && typeof first.path === 'string';
}

function cancelled(): Error {
  return new Error('the connection was closed before this was sent');
}

interface InnerUdp {
  send(...args: unknown[]): void;
  emit(event: string | symbol, ...args: unknown[]): boolean;
}

const udp = UdpSocket.prototype as unknown as InnerUdp;
const realUdp = { send: udp.send, emit: udp.emit };

udp.send = function (...args) {
  if (isUp) {
    traffic.udpDatagrams += 1;
    if (args[0] instanceof Uint8Array) traffic.udpBytes += args[0].byteLength;
    realUdp.send.apply(this, args);
    return;
  }
  const callback = args.at(-1);
  // As far as the sender can tell it was sent.
  if (typeof callback === 'function') process.nextTick(callback, null);
};

udp.emit = function (event, ...args) {
  return event === 'message' && !isUp ? false : realUdp.emit.call(this, event, ...args);
};

function pull(): void {
  isUp = false;
  for (const socket of readers) {
    if (!isTcp(socket._handle) || socket._handle.reading !== true) continue;
    socket._handle.readStop?.();
    socket._handle.reading = false;
    hold(socket, () => real.read.call(socket, 0));
  }
}

function plugIn(): void {
  isUp = true;
  const due = waiting;
  waiting = [];
  for (const handle of hidden.splice(0)) handle.close();
  for (const each of due) {
    if (each.socket.destroyed) each.cancel();
    else each.perform();
  }
}

onLeashMessage((message) => {
  const plugged: unknown = typeof message === 'object' && message !== null && 'isMeshUp' in message ? message.isMeshUp : null;
  if (plugged === false && isUp) pull();
  if (plugged === true && !isUp) plugIn();
});

const countsDirectory = process.env[TRAFFIC_VARIABLE];
if (countsDirectory !== undefined) process.on('SIGUSR2', () => writeFileSync(join(countsDirectory, `${process.pid}.json`), JSON.stringify(traffic)));
