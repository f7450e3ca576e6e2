import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LEASH_VARIABLE } from '../../../../provisioning/playground/leash-fd.ts';
import { CABLE_VARIABLE } from '../../../../provisioning/playground/nic-words.ts';
import { eventually } from './support.ts';

const NIC = join(import.meta.dirname, '../../../../provisioning/playground/nic.ts');
const card = suite('a simulated network card');

interface Fact {
  readonly event: string;
  readonly text?: string;
  readonly tcp?: number;
  readonly udp?: number;
}

/** The child with the card, and the outside world: one TCP server, one UDP socket. */
class Bench {
  readonly facts: Fact[] = [];
  readonly accepted: { readonly socket: Socket; text: string; isEnded: boolean }[] = [];
  readonly datagrams: string[] = [];
  readonly #server: Server;
  readonly #udp: UdpSocket;
  #child: ChildProcess | null = null;
  #clients: Socket[] = [];

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const seen = { socket, text: '', isEnded: false };
      this.accepted.push(seen);
      socket.setEncoding('utf8').on('data', (text: string) => { seen.text += text; });
      socket.on('end', () => { seen.isEnded = true; });
      socket.on('error', () => undefined);
    });
    this.#udp = createSocket('udp4').on('message', (bytes) => this.datagrams.push(bytes.toString()));
  }

  async start(cable: 'in' | 'out' = 'in'): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    this.#udp.bind(0, '127.0.0.1');
    await Promise.all([once(this.#server, 'listening'), once(this.#udp, 'listening')]);
    const ports = [(this.#server.address() as AddressInfo).port, this.#udp.address().port].map(String);
    const child = spawn(process.execPath, ['--import', NIC, join(import.meta.dirname, 'nic-child.ts'), ...ports], {
      env: { ...process.env, [LEASH_VARIABLE]: '1', [CABLE_VARIABLE]: cable }, stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    });
    this.#child = child;
    createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }).on('line', (line) => this.facts.push(JSON.parse(line) as Fact));
    await eventually('the child is ready', () => this.all('ready').length === 1);
  }

  say(line: string): void {
    this.#child?.stdin?.write(`${line}\n`);
  }

  cable(isMeshUp: boolean): void {
    (this.#child?.stdio[3] as Writable | undefined)?.write(`${JSON.stringify({ isMeshUp })}\n`);
  }

  all(event: string): Fact[] {
    return this.facts.filter((fact) => fact.event === event);
  }

  /** Both sides have had many turns since: what could arrive has arrived. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) {
      const before = this.all('pong').length;
      this.say('ping');
      await eventually('pong', () => this.all('pong').length > before);
    }
  }

  /** Pulls the cable or plugs it in, and lets the child hear of it. */
  async plug(isMeshUp: boolean): Promise<void> {
    this.cable(isMeshUp);
    await this.settle();
  }

  /** Connects from outside to the child's server. */
  async dial(): Promise<{ readonly socket: Socket; text: string }> {
    const socket = connect({ port: this.all('ready')[0]?.tcp ?? 0, host: '127.0.0.1' });
    const seen = { socket, text: '' };
    socket.setEncoding('utf8').on('data', (text: string) => { seen.text += text; });
    socket.on('error', () => undefined);
    this.#clients.push(socket);
    await once(socket, 'connect');
    return seen;
  }

  throwDatagram(text: string): void {
    this.#udp.send(text, this.all('ready')[0]?.udp ?? 0, '127.0.0.1');
  }

  get first(): Bench['accepted'][number] {
    const [first] = this.accepted;
    if (first === undefined) throw new Error('nothing was accepted');
    return first;
  }

  async stop(): Promise<void> {
    for (const socket of [...this.#clients, ...this.accepted.map((each) => each.socket)]) socket.destroy();
    this.#server.close();
    this.#udp.close();
    if (this.#child !== null && this.#child.exitCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'close');
    }
  }
}

async function withBench(use: (bench: Bench) => Promise<void>, cable: 'in' | 'out' = 'in'): Promise<void> {
  const bench = new Bench();
  try {
    await bench.start(cable);
    await use(bench);
  } finally {
    await bench.stop();
  }
}

async function connected(bench: Bench): Promise<void> {
  bench.say('connect');
  await eventually('a connection', () => bench.accepted.length === 1 && bench.all('connected').length === 1);
}

card('lets everything through while its cable is plugged in', async () => {
  await withBench(async (bench) => {
    await connected(bench);
    bench.say('send one');
    await eventually('sent', () => bench.first.text === 'one');
    bench.first.socket.write('two');
    await eventually('got', () => bench.all('got').map(({ text }) => text).join('') === 'two');
    bench.say('datagram three');
    bench.throwDatagram('four');
    await eventually('datagrams', () => bench.datagrams.includes('three') && bench.all('datagram').length === 1);
    const client = await bench.dial();
    await eventually('greeted', () => client.text === 'hello');
  });
});

card('is silent in both directions while the cable is out, and loses nothing of a connection', async () => {
  await withBench(async (bench) => {
    await connected(bench);
    await bench.plug(false);
    bench.say('send a');
    bench.say('send b');
    bench.first.socket.write('x');
    await bench.settle();
    bench.first.socket.write('y');
    await bench.settle();
    assert.is(bench.first.text, '');
    assert.equal(bench.all('got'), []);
    await bench.plug(true);
    await eventually('all of it arrives', () => bench.first.text === 'ab' && bench.all('got').map(({ text }) => text).join('') === 'xy');
    bench.say('send c');
    bench.first.socket.write('z');
    await eventually('and goes on', () => bench.first.text === 'abc' && bench.all('got').map(({ text }) => text).join('') === 'xyz');
  });
});

card('can be pulled and plugged again and again', async () => {
  await withBench(async (bench) => {
    await connected(bench);
    let sent = '';
    for (let round = 0; round < 5; round += 1) {
      await bench.plug(false);
      bench.say(`send ${round}`);
      bench.first.socket.write(String(round));
      await bench.settle();
      assert.is(bench.first.text, sent);
      sent += String(round);
      await bench.plug(true);
      await eventually('caught up', () => bench.first.text === sent && bench.all('got').map(({ text }) => text).join('') === sent);
    }
  });
});

card('loses datagrams in both directions while the cable is out', async () => {
  await withBench(async (bench) => {
    await bench.plug(false);
    bench.say('datagram lost');
    bench.throwDatagram('lost');
    await bench.settle();
    await bench.plug(true);
    bench.say('datagram kept');
    bench.throwDatagram('kept');
    await eventually('later ones', () => bench.datagrams.length > 0 && bench.all('datagram').length > 0);
    assert.equal(bench.datagrams, ['kept']);
    assert.equal(bench.all('datagram').map(({ text }) => text), ['kept']);
  });
});

card('makes no connection while the cable is out, and makes it afterwards', async () => {
  await withBench(async (bench) => {
    await bench.plug(false);
    bench.say('connect');
    bench.say('send early');
    await bench.settle();
    assert.equal([bench.accepted.length, bench.all('connected').length], [0, 0]);
    await bench.plug(true);
    await eventually('connected and sent', () => bench.accepted[0]?.text === 'early');
  });
});

card('forgets a connection that was given up before the cable came back', async () => {
  await withBench(async (bench) => {
    await bench.plug(false);
    bench.say('connect');
    bench.say('close');
    await eventually('given up', () => bench.all('closed').length === 1);
    await bench.plug(true);
    await bench.settle();
    assert.is(bench.accepted.length, 0);
  });
});

card('says nothing to whoever connects from outside, not even in the same turn', async () => {
  await withBench(async (bench) => {
    await bench.plug(false);
    const client = await bench.dial();
    client.socket.write('anybody?');
    await bench.settle();
    assert.is(client.text, '');
    assert.equal(bench.all('got'), []);
    await bench.plug(true);
    await eventually('both are heard', () => client.text === 'hello' && bench.all('got')[0]?.text === 'anybody?');
  });
});

card('hides the end of a connection until the cable is back', async () => {
  await withBench(async (bench) => {
    await connected(bench);
    await bench.plug(false);
    bench.say('close');
    await eventually('closed inside', () => bench.all('closed').length === 1);
    await bench.settle();
    assert.not.ok(bench.first.isEnded, 'nobody outside can know');
    await bench.plug(true);
    await eventually('known outside', () => bench.first.isEnded);
  });
});

card('holds back a half-close', async () => {
  await withBench(async (bench) => {
    await connected(bench);
    await bench.plug(false);
    bench.say('end');
    await bench.settle();
    assert.not.ok(bench.first.isEnded);
    await bench.plug(true);
    await eventually('the end', () => bench.first.isEnded);
  });
});

card('holds back what was written in one batch, in its order', async () => {
  await withBench(async (bench) => {
    await connected(bench);
    await bench.plug(false);
    bench.say('batch abc');
    bench.say('send d');
    bench.say('end');
    await bench.settle();
    assert.equal([bench.first.text, bench.first.isEnded], ['', false]);
    await bench.plug(true);
    await eventually('all of it, and the end', () => bench.first.text === 'abcd' && bench.first.isEnded);
  });
});

card('may be without its cable from the beginning', async () => {
  await withBench(async (bench) => {
    bench.say('connect');
    bench.say('datagram lost');
    await bench.settle();
    assert.equal([bench.accepted.length, bench.datagrams.length], [0, 0]);
    await bench.plug(true);
    await eventually('connected', () => bench.accepted.length === 1);
  }, 'out');
});

card.run();
