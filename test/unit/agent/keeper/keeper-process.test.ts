// deadline: 240 s
/**
 * Does the keeper work as a process of its own? The real programs, the one in TypeScript and the one in C (compiled with
 * sanitizers), with a fake machine room and a fake leader around them.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { LEASH_VARIABLE } from '../../../../provisioning/playground/leash-fd.ts';
import { CABLE_VARIABLE, TRAFFIC_VARIABLE } from '../../../../provisioning/playground/nic-words.ts';
import type { Traffic } from '../../../../provisioning/playground/nic-words.ts';
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
import { compileNative, keeperParts, noCompiler } from './native/native-check.ts';

const ROOT = join(import.meta.dirname, '../../../..');
/** Where the keeper in C is compiled to. */
const PROGRAMS = mkdtempSync(join(tmpdir(), 'keeper-program-'));
const NATIVE = join(PROGRAMS, 'ves-keeper');
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
  readonly #command: readonly [string, ...string[]];
  readonly directory = mkdtempSync(join(tmpdir(), 'keeper-'));
  /** What the machine room was told: `arm 2000`, `pet`, `disarm`, `reset`. */
  readonly orders: string[] = [];
  status: Grant['status'] | 'silent' = 'granted';
  renewals = 0;
  /** Whether the room answers when it is asked to arm the watchdog. */
  answersArm = true;
  readonly roomSockets = new Set<Socket>();
  /** Grants the last renewal, again or at last. */
  grantLast: () => void = () => undefined;
  #room: Server | null = null;
  #leader: Datagrams | null = null;
  readonly #links: LineConnection[] = [];
  readonly #keepers: ChildProcess[] = [];

  constructor(command: readonly [string, ...string[]]) {
    this.#command = command;
  }

  async start(): Promise<void> {
    const room = createServer((socket) => {
      this.roomSockets.add(socket);
      let rest = '';
      socket.on('error', () => undefined);
      socket.on('data', (piece) => {
        const lines = (rest + piece.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const message = JSON.parse(line) as Readonly<Record<string, unknown>>;
          if (message['hello'] !== undefined) socket.write(`${JSON.stringify({ welcome: true })}\n${JSON.stringify({ mesh: true })}\n`);
          else this.orders.push(message['op'] === 'watchdog' ? `${String(message['action'])}${message['timeoutMs'] === undefined ? '' : ` ${String(message['timeoutMs'])}`}` : String(message['op']));
          if (message['id'] !== undefined && (this.answersArm || message['action'] !== 'arm')) socket.write(`${JSON.stringify({ id: message['id'], value: null })}\n`);
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
      const answer = (status: Grant['status']): void => {
        const sealed = sealer.seal(node, encodeGrant({ kind: 'grant', nonce: renewal.nonce, status, constants: renewal.constants }));
        if (sealed !== null) this.#leader?.send(from, sealed);
      };
      this.grantLast = () => answer('granted');
      if (this.status !== 'silent') answer(this.status);
    });
    this.configure({});
  }

  configure(change: Readonly<Record<string, unknown>>): void {
    writeFileSync(join(this.directory, 'keeper.json'), JSON.stringify({
      cell: 'default', clusterUuid: CLUSTER, node, dataDirectory: this.directory, leaseListen: '127.0.0.1:0', keeperSocket: join(this.directory, 'keeper.sock'),
      profile: 'standard', machine: { kind: 'room', socket: join(this.directory, 'room.sock'), bootId: BOOT }, logFile: join(this.directory, 'keeper.log'), ...change,
    }));
  }

  launch(env: Readonly<Record<string, string>> = {}): ChildProcess {
    const [program, ...words] = this.#command;
    const keeper = spawn(program, [...words, '--config', join(this.directory, 'keeper.json')], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'], env: { ...process.env, ...env } });
    this.#keepers.push(keeper);
    return keeper;
  }

  /** Runs it until it ends by itself. */
  async launchToEnd(): Promise<{ readonly code: number | null; readonly stderr: string }> {
    const [program, ...words] = this.#command;
    const keeper = spawn(program, [...words, '--config', join(this.directory, 'keeper.json')], { stdio: ['ignore', 'inherit', 'pipe'] });
    this.#keepers.push(keeper);
    let stderr = '';
    keeper.stderr?.on('data', (piece: Buffer) => (stderr += piece.toString()));
    await once(keeper, 'close');
    return { code: keeper.exitCode, stderr };
  }

  /** What it logged under that name. */
  facts(event: string): readonly Readonly<Record<string, unknown>>[] {
    const file = join(this.directory, 'keeper.log');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>).filter((fact) => fact['event'] === event);
  }

  /** What it keeps for its next start; written beside its work, so it comes a moment later. */
  cellFile(): string {
    const file = join(this.directory, 'keeper-cell.json');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  tellRoom(message: unknown): void {
    for (const socket of this.roomSockets) socket.write(`${JSON.stringify(message)}\n`);
  }

  voters(): readonly unknown[] {
    return [{ id: leader, leaseAddress: this.#leader?.address, ...LEADER_KEYS }];
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
        line.send({ kind: 'cell', cell: 'default', clusterUuid: CLUSTER, profile: 'fast', voters: this.voters() });
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

const PROGRAM_OF = {
  // With the card that a playground preloads: it does nothing unless it is asked.
  'in TypeScript': [process.execPath, '--import', join(ROOT, 'provisioning/playground/nic.ts'), join(ROOT, 'agent/keeper/main.ts')],
  'in C': [NATIVE],
} as const;

for (const language of ['in TypeScript', 'in C'] as const) {
  const keeper = suite<{ bench: Bench }>(`the keeper ${language}, as a process,`);
  const prove = language === 'in C' && noCompiler !== null ? keeper.skip : keeper;

  keeper.before(() => {
    if (language === 'in C' && noCompiler === null) compileNative(NATIVE, [join(ROOT, 'agent/keeper/native/main.c'), ...keeperParts()], 'with sanitizers');
  });
  keeper.after(() => {
    if (language === 'in C') rmSync(PROGRAMS, { recursive: true, force: true });
  });
  keeper.before.each(async (context) => {
    context.bench = new Bench(PROGRAM_OF[language]);
    await context.bench.start();
  });
  keeper.after.each(async ({ bench }) => await bench.stop());

  prove('arms with the first grant, pets, and goes on when its agent is gone', async ({ bench }) => {
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

  prove('resets the node when the leader says that it is fenced', async ({ bench }) => {
    bench.launch();
    const agent = await bench.connectAgent();
    await until('the lease', () => agent.last()?.armed === true);
    bench.status = 'fenced';
    await until('the reset', () => bench.orders.includes('resetNow'));
    assert.is(bench.orders.at(-1), 'resetNow', 'and pets no more');
  });

  prove('resets the node when P passes without an answer', async ({ bench }) => {
    bench.launch();
    const agent = await bench.connectAgent();
    await until('the lease', () => agent.last()?.armed === true);
    bench.status = 'silent';
    const quietSinceMs = clock.nowMs();
    await until('the reset', () => bench.orders.includes('resetNow'));
    const tookMs = clock.nowMs() - quietSinceMs;
    assert.ok(tookMs > 1_000 && tookMs < 2_000, `${tookMs} ms`);
  });

  prove('started anew neither pets nor arms before it got a grant, and needs no agent for one', async ({ bench }) => {
    const first = bench.launch();
    const agent = await bench.connectAgent();
    await until('the lease', () => agent.last()?.armed === true);
    await until('the file', () => bench.cellFile().includes('"fast"'));
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

  prove('disarms on SIGTERM only when the agent allowed it, and says so when it does not', async ({ bench }) => {
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
    await until('heard', () => bench.cellFile().includes('"voters":[]'));
    polite.kill('SIGTERM');
    await once(polite, 'exit');
    assert.is(bench.orders.at(-1), 'disarm');
  });

  prove('resets the node when it was paused beyond P, and does not pet it first', async ({ bench }) => {
    const keeper = bench.launch();
    const agent = await bench.connectAgent();
    await until('the lease', () => agent.last()?.armed === true);
    await until('a pet', () => bench.orders.includes('pet'));
    keeper.kill('SIGSTOP');
    const seen = bench.orders.length;
    const resumeAtMs = clock.nowMs() + 2_500;
    await until('P over', () => clock.nowMs() > resumeAtMs);
    // What was sent before the pause was granted meanwhile: it must not help.
    keeper.kill('SIGCONT');
    await until('the reset', () => bench.orders.includes('resetNow'));
    assert.equal(bench.orders.slice(seen).filter((order) => order !== 'resetNow'), []);
  });

  prove('resets the node when arming took longer than the lease lasted', async ({ bench }) => {
    bench.answersArm = false;
    bench.launch();
    const agent = await bench.connectAgent();
    await until('arming', () => bench.orders.includes('arm 2000'));
    bench.status = 'silent';
    await until('unarmed again', () => bench.facts('lease').some((fact) => fact['from'] === 'arming' && fact['to'] === 'unarmed'));
    assert.is(agent.last()?.armed, false);
    bench.tellRoom({ id: 1, value: null });
    await until('the reset', () => bench.orders.includes('resetNow'));
  });

  prove('hears and says nothing while the cable is out, and goes on when it is back in time', async ({ bench }) => {
    bench.launch();
    const agent = await bench.connectAgent();
    await until('the lease', () => agent.last()?.armed === true);
    bench.tellRoom({ mesh: false });
    const atMs = clock.nowMs();
    let seen = bench.renewals;
    let quietSinceMs = atMs;
    await until('silence', () => {
      if (bench.renewals > seen) [seen, quietSinceMs] = [bench.renewals, clock.nowMs()];
      return clock.nowMs() - quietSinceMs > 400;
    });
    bench.tellRoom({ mesh: true });
    await until('renewals again', () => bench.renewals > seen + 2);
    assert.not.ok(bench.orders.includes('resetNow'));
    bench.tellRoom({ mesh: false });
    await until('the reset', () => bench.orders.includes('resetNow'));
  });

  prove('does not hear a grant that comes while the cable is out', async ({ bench }) => {
    bench.status = 'silent';
    bench.launch();
    await bench.connectAgent();
    await until('renewals', () => bench.renewals >= 2);
    bench.tellRoom({ mesh: false });
    let [seen, quietSinceMs] = [bench.renewals, clock.nowMs()];
    await until('silence', () => {
      if (bench.renewals > seen) [seen, quietSinceMs] = [bench.renewals, clock.nowMs()];
      return clock.nowMs() - quietSinceMs > 400;
    });
    // The last renewal before the silence is not half a second old: this grant would count.
    bench.grantLast();
    const until400Ms = clock.nowMs() + 400;
    await until('a while', () => clock.nowMs() > until400Ms);
    assert.equal(bench.orders, []);
    bench.tellRoom({ mesh: true });
    bench.status = 'granted';
    await until('the lease', () => bench.orders.includes('arm 2000'));
  });

  prove('forgets that it may disarm when the agent that said so is gone, though another one is there', async ({ bench }) => {
    const keeper = bench.launch();
    const first = await bench.connectAgent();
    await until('the lease', () => first.last()?.armed === true);
    first.line.send({ kind: 'disarm', allowed: true });
    first.line.send({ kind: 'what' });
    await until('heard', () => bench.facts('agentMessageRefused').length === 1);
    // It sees both at once: the one that went, and the one that came.
    keeper.kill('SIGSTOP');
    first.line.close();
    const second = await bench.connectAgent();
    keeper.kill('SIGCONT');
    second.line.send({ kind: 'what' });
    await until('heard', () => second.last() !== null && bench.facts('agentMessageRefused').length === 2);
    keeper.kill('SIGTERM');
    await once(keeper, 'exit');
    assert.not.ok(bench.orders.includes('disarm'));
    assert.is(bench.facts('keeperStopped').at(-1)?.['watchdog'], 'leftArmed');
  });

  prove('is on the leash of a playground, which has its cable, its counter and its life', async ({ bench }) => {
    const keeper = bench.launch({ [LEASH_VARIABLE]: '1', [CABLE_VARIABLE]: 'out', [TRAFFIC_VARIABLE]: bench.directory });
    const agent = await bench.connectAgent();
    await until('the first word', () => agent.last() !== null);
    const leash = keeper.stdio[3] as Writable;
    const waitedAtMs = clock.nowMs() + 500;
    await until('a while', () => clock.nowMs() > waitedAtMs);
    assert.is(bench.renewals, 0);
    leash.write(`${JSON.stringify({ isMeshUp: true })}\n`);
    await until('the lease', () => agent.last()?.armed === true);
    keeper.kill('SIGUSR2');
    const counts = join(bench.directory, `${String(keeper.pid)}.json`);
    await until('the counts', () => existsSync(counts) && readFileSync(counts, 'utf8').endsWith('}'));
    const { tcpBytes, udpBytes, udpDatagrams } = JSON.parse(readFileSync(counts, 'utf8')) as Traffic;
    // Seal, head, two uuids, nonce, and two names: 84 bytes each.
    assert.equal([tcpBytes, udpDatagrams > 0, udpBytes / udpDatagrams], [0, true, 84]);
    leash.write(`${JSON.stringify({ isMeshUp: false })}\n`);
    await until('the reset', () => bench.orders.includes('resetNow'));
    const other = bench.launch({ [LEASH_VARIABLE]: '1' });
    await bench.connectAgent();
    (other.stdio[3] as Writable).destroy();
    if (other.signalCode === null) await once(other, 'exit');
    assert.is(other.signalCode, 'SIGKILL');
  });

  prove('ends with its machine, with exit code 1', async ({ bench }) => {
    const keeper = bench.launch();
    const agent = await bench.connectAgent();
    await until('the lease', () => agent.last()?.armed === true);
    for (const socket of bench.roomSockets) socket.destroy();
    if (keeper.exitCode === null) await once(keeper, 'exit');
    assert.is(keeper.exitCode, 1);
  });

  prove('refuses to start in words, with exit code 1', async ({ bench }) => {
    bench.configure({ node: 'Node 1', profile: 'slow', extra: 1 });
    assert.equal(await bench.launchToEnd(), { code: 1, stderr: 'keeper: the keeper\'s configuration is not usable: extra: unknown field; node: not valid: "Node 1"; profile: not valid: "slow"\n' });
    bench.configure({ machine: { kind: 'room', socket: join(bench.directory, 'nobody.sock'), bootId: BOOT } });
    const alone = await bench.launchToEnd();
    assert.is(alone.code, 1);
    assert.match(alone.stderr, /^keeper: could not reach the machine room at .*nobody\.sock: /);
    bench.configure({});
    bench.launch();
    await bench.connectAgent();
    const second = await bench.launchToEnd();
    assert.is(second.code, 1);
    assert.match(second.stderr, /^keeper: another process serves .*keeper\.sock: stop that one first/);
  });

  prove('outlives agents that talk nonsense, say too much, belong elsewhere, or never listen', async ({ bench }) => {
    bench.launch();
    const agent = await bench.connectAgent();
    await until('the lease', () => agent.last()?.armed === true);
    const path = join(bench.directory, 'keeper.sock');
    for (const nonsense of ['no JSON\n', 'x'.repeat(2 * 1024 * 1024)]) {
      const socket = connect(path);
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(nonsense);
      await new Promise((resolve) => void socket.once('close', resolve));
    }
    agent.line.send({ kind: 'cell', cell: 'default', clusterUuid: BOOT, profile: 'fast', voters: [] });
    agent.line.send({ kind: 'what' });
    await until('the alarms', () => bench.facts('agentMessageRefused').length === 2);
    assert.equal(bench.facts('agentMessageRefused').map((fact) => [fact['level'], fact['why'], fact['process'], fact['node']]), [['alarm', 'another ledger', 'keeper', 'node-1'], ['alarm', 'not understood', 'keeper', 'node-1']]);
    assert.match(String(bench.facts('keeperStarted')[0]?.['at']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const deaf = connect(path);
    deaf.pause();
    const seen = bench.orders.length;
    await until('pets', () => bench.orders.length > seen + 3);
    assert.is(agent.last()?.armed, true);
    assert.not.ok(bench.orders.includes('resetNow'));
    deaf.destroy();
  });

  prove('keeps its keys to itself', async ({ bench }) => {
    bench.launch();
    const agent = await bench.connectAgent();
    await until('the lease', () => agent.last()?.armed === true);
    await until('the file', () => existsSync(join(bench.directory, 'keeper-cell.json')));
    assert.is(statSync(join(bench.directory, 'keeper-cell.json')).mode & 0o777, 0o600);
    assert.is(statSync(join(bench.directory, 'keeper.sock')).mode & 0o777, 0o600);
    assert.is(statSync(join(bench.directory, 'keeper.log')).mode & 0o777, 0o600);
    assert.not.match(readFileSync(join(bench.directory, 'keeper.log'), 'utf8'), LEADER_KEYS?.sendKey ?? '');
  });

  // What the scribe is for; in TypeScript, Node's own threads write.
  if (language === 'in C') prove('goes on while its disk stalls, counts what it could not log, and replaces a scribe that died', async ({ bench }) => {
    const keeper = bench.launch();
    const agent = await bench.connectAgent();
    await until('the lease', () => agent.last()?.armed === true);
    const scribe = (): number => Number(readFileSync(`/proc/${String(keeper.pid)}/task/${String(keeper.pid)}/children`, 'utf8').trim());
    const stalled = scribe();
    process.kill(stalled, 'SIGSTOP');
    for (let count = 0; count < 5_000; count += 1) agent.line.send({ kind: 'what' });
    agent.line.send({ kind: 'cell', cell: 'default', clusterUuid: CLUSTER, profile: 'fast', voters: bench.voters() });
    const seen = bench.orders.length;
    await until('pets', () => bench.orders.length > seen + 5);
    assert.is(agent.last()?.armed, true);
    process.kill(stalled, 'SIGCONT');
    await until('facts again', () => bench.facts('agentMessageRefused').length > 0 && bench.cellFile().includes('"fast"'));
    agent.line.send({ kind: 'what' });
    await until('the count', () => bench.facts('agentMessageRefused').some((fact) => Number(fact['droppedFacts']) > 1_000));
    process.kill(stalled, 'SIGKILL');
    await until('another scribe', () => {
      agent.line.send({ kind: 'what' });
      return scribe() > 0 && scribe() !== stalled;
    });
    assert.not.ok(bench.orders.includes('resetNow'));
  });

  keeper.run();
}
