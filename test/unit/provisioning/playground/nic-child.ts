/**
 * What does a process with a network card of the playground see? Plain sockets, driven by lines on standard input; it
 * tells what happens as JSON lines. Arguments: the test's TCP port, UDP port.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [tcpPort, udpPort] = process.argv.slice(2).map(Number);
const tell = (fact: object): void => void process.stdout.write(`${JSON.stringify(fact)}\n`);
const sockets: Socket[] = [];

function watch(socket: Socket): void {
  sockets.push(socket);
  socket.setEncoding('utf8');
  socket.on('connect', () => tell({ event: 'connected' }));
  socket.on('data', (text) => tell({ event: 'got', text }));
  socket.on('error', (error) => tell({ event: 'error', text: error.message }));
  socket.on('close', () => tell({ event: 'closed' }));
}

const udp = createSocket('udp4').on('message', (bytes) => tell({ event: 'datagram', text: bytes.toString() }));
const server = createServer((socket) => {
  watch(socket);
  // At once, in the turn the connection is accepted in.
  socket.write('hello');
});
udp.bind(0, '127.0.0.1', () => server.listen(0, '127.0.0.1', () => tell({ event: 'ready', tcp: (server.address() as AddressInfo).port, udp: udp.address().port })));

createInterface({ input: process.stdin }).on('line', (line) => {
  const [word, text = ''] = line.split(' ');
  if (word === 'connect') watch(connect({ port: tcpPort ?? 0, host: '127.0.0.1' }));
  if (word === 'send') sockets[0]?.write(text);
  if (word === 'end') sockets[0]?.end();
  if (word === 'batch') {
    sockets[0]?.cork();
    for (const part of text) sockets[0]?.write(part);
    sockets[0]?.uncork();
  }
  if (word === 'close') sockets.shift()?.destroy();
  if (word === 'datagram') udp.send(text, udpPort ?? 0, '127.0.0.1');
  if (word === 'ping') tell({ event: 'pong' });
});
