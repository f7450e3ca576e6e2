/**
 * Does the keeper work as a process of its own? The real program, with a fake machine room and a fake leader around it.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clock, timers } from '../../../../shared/process/process-world.ts';
import { parseBootId, parseCellId, parseNodeId } from '../../../../shared/ids.ts';
import { openDatagrams } from '../../../../shared/net/datagrams.ts';
import { leaseKeyFrom } from '../../../../shared/net/lease-key.ts';
import { createSealer } from '../../../../shared/net/lease-seal.ts';
import { connectLines } from '../../../../shared/net/lines.ts';
import type { LineConnection } from '../../../../shared/net/lines.ts';
import { parseKeeperMessage } from '../../../../shared/wire/keeper.ts';
import type { KeeperToAgent } from '../../../../shared/wire/keeper.ts';
import { decodeLease, encodeGrant } from '../../../../shared/wire/lease.ts';
import type { Grant } from '../../../../shared/wire/lease.ts';
import type { Datagrams } from '../../../../shared/world.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const CLUSTER = '11111111-2222-4333-8444-555555555555';
const BOOT = parseBootId('21111111-2222-4333-8444-555555555555');
const node = parseNodeId('node-1');
const leader = parseNodeId('node-2');
const nodeKey = leaseKeyFrom(new Uint8Array(32).fill(7));
const leaderKey = leaseKeyFrom(new Uint8Array(32).fill(9));
/** What the agent hands to its keeper. */
const LEADER_KEYS = createSealer({ cell: parseCellId('default'), self: node, privateKey: nodeKey.privateKey, peers: () => new Map([[leader, leaderKey.publicKey]]) }).keysWith(leader);

/** Everything around one keeper. */
class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), 'keeper-'));
  /** What the machine room was told: `arm 2000`, `pet`, `disarm`, `reset`. */
  readonly orders: string[] = [];
  status: Grant['status'] | 'silent' = 'granted';
  renewals = 0;
  #room: Server | null = null;
  #leader: Datagrams | null = null;
  readonly #links: LineConnection[] = [];
  readonly #keepers: ChildProcess[] = [];

  async start(): Promise<void> {
    const room = createServer((socket) => {
      let rest = '';
      socket.on('error', () => undefined);
      socket.on('data', (piece) => {
        const lines = (rest + piece.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const message = JSON.parse(line) as Readonly<Record<string, unknown>>;
          if (message['hello'] !== undefined) socket.write(`${JSON.stringify({ welcome: true })}\n`);
          else this.orders.push(message['op'] === 'watchdog' ? `${String(message['action'])}${message['timeoutMs'] === undefined ? '' : ` ${String(message['timeoutMs'])}`}` : String(message['op']));
          if (message['id'] !== undefined) socket.write(`${JSON.stringify({ id: message['id'], value: null })}\n`);
        }
      });
    });
    await new Promise<void>((resolve) => void room.listen(join(this.directory, 'room.sock'), resolve));
    this.#room = room;
    this.#leader = await openDatagrams({ host: '127.0.0.1', port: 0 });
    const sealer = createSealer({ cell: parseCellId('default'), self: leader, privateKey: leaderKey.privateKey, peers: () => new Map([[node, nodeKey.publicKey]]) });
    this.#leader.onReceive((bytes, from) => {
      const renewal = decodeLease(sealer.open(bytes)?.bytes ?? new Uint8Array());
      if (renewal?.kind !== 'renewal') return;
      this.renewals += 1;
      if (this.status === 'silent') return;
      const sealed = sealer.seal(node, encodeGrant({ kind: 'grant', nonce: renewal.nonce, term: 3, status: this.status, constants: renewal.constants }));
      if (sealed !== null) this.#leader?.send(from, sealed);
    });
    writeFileSync(join(this.directory, 'keeper.json'), JSON.stringify({
      cell: 'default', clusterUuid: CLUSTER, node, dataDirectory: this.directory, leaseListen: '127.0.0.1:0', keeperSocket: join(this.directory, 'keeper.sock'),
      profile: 'standard', machine: { kind: 'room', socket: join(this.directory, 'room.sock'), bootId: BOOT }, logFile: join(this.directory, 'keeper.log'),
    }));
  }

  launch(): ChildProcess {
    const keeper = spawn(process.execPath, [join(ROOT, 'agent/keeper/main.ts'), '--config', join(this.directory, 'keeper.json')], { stdio: 'inherit' });
    this.#keepers.push(keeper);
    return keeper;
  }

  /** Connects as the agent, tells who votes, and keeps the keeper's last word. */
  async connectAgent(): Promise<{ readonly line: LineConnection; last(): KeeperToAgent | null }> {
    let last: KeeperToAgent | null = null;
    for (;;) {
      try {
        const line = await connectLines(join(this.directory, 'keeper.sock'), { timers, timeoutMs: 1_000 });
        line.onMessage((value) => {
          last = parseKeeperMessage(value);
        });
        line.send({ kind: 'cell', cell: 'default', clusterUuid: CLUSTER, profile: 'fast', voters: [{ id: leader, leaseAddress: this.#leader?.address, ...LEADER_KEYS }] });
        this.#links.push(line);
        return { line, last: () => last };
      } catch {
        await tick();
      }
    }
  }

  async stop(): Promise<void> {
    for (const link of this.#links) link.close();
    for (const keeper of this.#keepers) {
      if (keeper.exitCode !== null || keeper.signalCode !== null) continue;
      keeper.kill('SIGKILL');
      await once(keeper, 'exit');
    }
    this.#leader?.close();
    this.#room?.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function tick(): Promise<void> {
  await new Promise<void>((resolve) => void timers.after(10, resolve));
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  const giveUpAtMs = clock.nowMs() + 15_000;
  while (!isTrue()) {
    assert.ok(clock.nowMs() < giveUpAtMs, `not in time: ${what}`);
    await tick();
  }
}

const keeper = suite<{ bench: Bench }>('the keeper, as a process,');

keeper.before.each(async (context) => {
  context.bench = new Bench();
  await context.bench.start();
});
keeper.after.each(async ({ bench }) => await bench.stop());

keeper('arms with the first grant, pets, and goes on when its agent is gone', async ({ bench }) => {
  bench.launch();
  const agent = await bench.connectAgent();
  await until('the lease', () => agent.last()?.armed === true);
  assert.is(bench.orders[0], 'arm 2000', 'before the first grant nothing is touched');
  const { validUntilMs, profile } = agent.last() ?? {};
  assert.is(profile, 'fast', 'unarmed, it took the profile of the cell');
  const remainingMs = (validUntilMs ?? 0) - clock.nowMs();
  assert.ok(remainingMs > 0 && remainingMs <= 1_500, `${remainingMs} ms on our own clock`);
  agent.line.close();
  const seen = bench.renewals;
  await until('renewals without an agent', () => bench.renewals >= seen + 4 && bench.orders.filter((order) => order === 'pet').length >= 3);
});

keeper('resets the node when the leader says that it is fenced', async ({ bench }) => {
  bench.launch();
  const agent = await bench.connectAgent();
  await until('the lease', () => agent.last()?.armed === true);
  bench.status = 'fenced';
  await until('the reset', () => bench.orders.includes('resetNow'));
  assert.is(bench.orders.at(-1), 'resetNow', 'and pets no more');
});

keeper('resets the node when P passes without an answer', async ({ bench }) => {
  bench.launch();
  const agent = await bench.connectAgent();
  await until('the lease', () => agent.last()?.armed === true);
  bench.status = 'silent';
  const quietSinceMs = clock.nowMs();
  await until('the reset', () => bench.orders.includes('resetNow'));
  const tookMs = clock.nowMs() - quietSinceMs;
  assert.ok(tookMs > 1_000 && tookMs < 2_000, `${tookMs} ms`);
});

keeper('started anew neither pets nor arms before it got a grant, and needs no agent for one', async ({ bench }) => {
  const first = bench.launch();
  const agent = await bench.connectAgent();
  await until('the lease', () => agent.last()?.armed === true);
  await until('the file', () => readFileSync(join(bench.directory, 'keeper-cell.json'), 'utf8').includes('"fast"'));
  first.kill('SIGKILL');
  await once(first, 'exit');
  bench.orders.length = 0;
  bench.status = 'silent';
  const seen = bench.renewals;
  bench.launch();
  await until('renewals from the file', () => bench.renewals >= seen + 3);
  assert.equal(bench.orders, []);
  bench.status = 'granted';
  await until('armed again', () => bench.orders.length > 0);
  assert.is(bench.orders[0], 'arm 2000');
});

keeper('disarms on SIGTERM only when the agent allowed it, and says so when it does not', async ({ bench }) => {
  const stubborn = bench.launch();
  let agent = await bench.connectAgent();
  await until('the lease', () => agent.last()?.armed === true);
  stubborn.kill('SIGTERM');
  await once(stubborn, 'exit');
  assert.not.ok(bench.orders.includes('disarm'));
  assert.match(readFileSync(join(bench.directory, 'keeper.log'), 'utf8'), /"leftArmed"/);

  const polite = bench.launch();
  agent = await bench.connectAgent();
  await until('the lease', () => agent.last()?.armed === true);
  agent.line.send({ kind: 'disarm', allowed: true });
  // In order on one line: when this is answered, the other was heard.
  agent.line.send({ kind: 'cell', cell: 'default', clusterUuid: CLUSTER, profile: 'fast', voters: [] });
  await until('heard', () => readFileSync(join(bench.directory, 'keeper-cell.json'), 'utf8').includes('"voters":[]'));
  polite.kill('SIGTERM');
  await once(polite, 'exit');
  assert.is(bench.orders.at(-1), 'disarm');
});

keeper.run();
