/** Does the real `ves` do what it says, against the real site on a port of this machine? */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RoomPort } from '../../../coordinator/rest/ports.ts';
import { serveHttp } from '../../../coordinator/server.ts';
import type { HttpServer } from '../../../coordinator/server.ts';
import { ClusterError } from '../../../shared/errors.ts';
import { ROOT } from '../../support/tree.ts';
import { eventually } from '../../support/real-world.ts';
import { fence, launch, run, takeOver } from './stories.ts';
import { NODE_3, OPERATOR, restBench } from './support.ts';
import type { RestBench } from './support.ts';

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A site on a free port, and `ves` pointed at it. */
class CliBench {
  readonly on: RestBench;
  readonly orders: (readonly [string, unknown])[] = [];
  readonly environment: Record<string, string>;
  readonly #close: () => Promise<void>;

  private constructor(on: RestBench, port: number, close: () => Promise<void>, orders: CliBench['orders']) {
    this.on = on;
    this.orders = orders;
    this.#close = close;
    this.environment = { VES_ENDPOINT: `http://127.0.0.1:${port}`, AWS_ACCESS_KEY_ID: OPERATOR.accessKeyId, AWS_SECRET_ACCESS_KEY: OPERATOR.secretAccessKey };
  }

  static async open(): Promise<CliBench> {
    const orders: (readonly [string, unknown])[] = [];
    const room: RoomPort = {
      ask: (op, fields) => {
        orders.push([op, fields]);
        if (fields['node'] === 'node-9') return Promise.reject(new ClusterError('UnknownNode', 'there is no node-9 in this room; it has node-1', { retryable: false }));
        return Promise.resolve(op === 'report' ? REPORT : null);
      },
    };
    const on = restBench({ room });
    // The CLI signs with the time of this machine.
    on.clock.wallMs = Date.now();
    const http = await serveHttp(on.site, { host: '127.0.0.1', port: 0 });
    return new CliBench(on, http.port, async () => await http.close(), orders);
  }

  start(words: readonly string[], environment: Record<string, string> = this.environment) {
    const child = spawn(process.execPath, [join(ROOT, 'coordinator/cli/main.ts'), ...words], { env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/compile'), ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { out: '', err: '' };
    child.stdout.on('data', (text: Buffer) => void (said.out += text.toString()));
    child.stderr.on('data', (text: Buffer) => void (said.err += text.toString()));
    const ended = new Promise<Ran>((resolve) => void child.once('close', (code) => resolve({ code, ...said })));
    return { child, said, ended };
  }

  async ves(...words: string[]): Promise<Ran> {
    return await this.start(words).ended;
  }

  async close(): Promise<void> {
    await this.#close();
  }
}

const REPORT = {
  atMs: 1, instances: {}, violations: [{ kind: 'ranTwice', instance: 'i-1', atMs: 1, at: '', detail: '' }],
  nodes: [{ node: 'node-1', isOn: true, bootId: 'b', isMeshUp: true, isStorageUp: false, isWatchdogArmed: true, bmc: null, domains: [{ domid: 0, name: 'Domain-0', state: 'r' }, { domid: 1, name: 'i-1', state: 'r' }], volumes: 2, failedVolumes: [] }],
};

async function withBench(use: (bench: CliBench) => Promise<void>): Promise<void> {
  const bench = await CliBench.open();
  try {
    await use(bench);
  } finally {
    await bench.close();
  }
}

const ves = suite('ves');

ves('shows nodes and instances as tables, and as the JSON that was answered', async () => {
  await withBench(async (bench) => {
    const id = launch(bench.on.cell, 1);
    const nodes = await bench.ves('nodes');
    assert.equal([nodes.code, nodes.err], [0, '']);
    assert.match(nodes.out, /^NODE +PHASE +LEDGER/);
    assert.match(nodes.out, /node-1 +active +leader +1 +0\.1 of 64 GiB/);
    assert.match((await bench.ves('instances')).out, new RegExp(`${id} +running +node-1 +node-2 +1 +t1.micro`));
    const { out } = await bench.ves('nodes', '--json');
    assert.is((JSON.parse(out) as { nodes: unknown[] }).nodes.length, 3);
  });
});

ves('says how to ask for an instance where there is none', async () => {
  await withBench(async (bench) => {
    assert.match((await bench.ves('instances')).out, /no instances.*\n +aws --endpoint-url "\$AWS_ENDPOINT_URL" ec2 run-instances/);
  });
});

ves('says when what it shows may be old', async () => {
  await withBench(async (bench) => {
    bench.on.fleet.leader = null;
    const { code, err } = await bench.ves('nodes');
    assert.is(code, 0);
    assert.match(err, /No leader is heard/);
  });
});

ves('tells why it was safe, in an order that can be followed', async () => {
  await withBench(async (bench) => {
    const id = launch(bench.on.cell, 1);
    fence(bench.on.cell);
    takeOver(bench.on.cell, id, [{ node: NODE_3, reason: 'noReplica', detail: 'node-3 has no replica of it' }]);
    const { code, out } = await bench.ves('why', id);
    assert.is(code, 0);
    const order = ['Generation 1', 'Generation 2', 'was down for at most', 'why safe', 'last renewal', 'became suspect', 'does not vouch for it', 'fence wait is over', 'records that this boot of node-1 is dead', 'as generation 2', 'reported that it runs', 'not chosen  node-3'];
    let from = -1;
    for (const words of order) {
      const found = out.indexOf(words, from + 1);
      assert.ok(found > from, `${words} comes after ${out.slice(0, Math.max(0, from))}`);
      from = found;
    }
  });
});

ves('shows events, those after one, and follows them', async () => {
  await withBench(async (bench) => {
    launch(bench.on.cell, 1);
    assert.match((await bench.ves('events')).out, /is ready and takes work[^]*runs on node-1/);
    const some = JSON.parse((await bench.ves('events', '--json', '--limit', '3')).out) as { events: { id: string }[] };
    assert.is(some.events.length, 3);
    const last = some.events[2]?.id ?? '';
    assert.match((await bench.ves('events', '--after', last)).out, /There are no such events/);

    const following = bench.start(['events', '--follow', '--json', '--after', some.events[0]?.id ?? '']);
    const told = () => following.said.out.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as { id: string; kind: string });
    await eventually('it caught up', () => told().length === 2);
    run(bench.on.cell, { kind: 'cordonNode', node: NODE_3, cordoned: true });
    await eventually('it heard the next', () => told().some((event) => event.kind === 'nodeCordoned'));
    following.child.kill('SIGINT');
    await following.ended;
  });
});

ves('takes following up again after the coordinator was away, and misses nothing', async () => {
  const bench = await CliBench.open();
  launch(bench.on.cell, 1);
  const following = bench.start(['events', '--follow', '--json']);
  const told = () => following.said.out.split('\n').filter((line) => line !== '').map((line) => (JSON.parse(line) as { id: string }).id);
  const all = () => (bench.on.cell.told ?? []).map((event) => `${event.index}.${event.ordinal}`);
  let again: HttpServer | null = null;
  try {
    await eventually('it follows', () => told().length === 10 && bench.on.cell.listeners?.size === 1);
    await bench.close();
    run(bench.on.cell, { kind: 'cordonNode', node: NODE_3, cordoned: true });
    await eventually('it noticed', () => following.said.err.includes('connecting again'));
    again = await serveHttp(bench.on.site, { host: '127.0.0.1', port: Number(new URL(bench.environment['VES_ENDPOINT'] ?? '').port) });
    await eventually('it knows what happened', () => told().at(-1) === all().at(-1));
    assert.equal(told(), all().slice(-told().length));
  } finally {
    following.child.kill('SIGINT');
    await following.ended;
    await again?.close();
  }
});

ves('shows the ledger, and cordons', async () => {
  await withBench(async (bench) => {
    assert.match((await bench.ves('ledger')).out, /node-1 leads in term 1[^]*VOTER/);
    assert.match((await bench.ves('cordon', 'node-3')).out, /node-3 takes no new instances/);
    assert.is(bench.on.cell.state().nodes.get(NODE_3)?.phase, 'maintenance');
    assert.is((await bench.ves('uncordon', 'node-3')).code, 0);
  });
});

ves('pulls plugs in the playground\'s room, and shows what the room saw', async () => {
  await withBench(async (bench) => {
    assert.is((await bench.ves('room', 'power-off', 'node-1')).out, 'node-1 is off.\n');
    await bench.ves('room', 'cut', 'node-1', '--network', 'mesh');
    await bench.ves('room', 'cut', 'node-1');
    await bench.ves('room', 'heal', 'node-1');
    await bench.ves('room', 'power-on', 'node-1', '--json');
    await bench.ves('room', 'bmc', 'node-1', '--unreachable');
    assert.equal(bench.orders, [
      ['powerOff', { node: 'node-1' }], ['cut', { node: 'node-1', what: 'mesh' }], ['cut', { node: 'node-1', what: 'all' }], ['heal', { node: 'node-1', what: 'all' }],
      ['powerOn', { node: 'node-1' }], ['setBmc', { node: 'node-1', isReachable: false, lies: false }],
    ]);
    const { out } = await bench.ves('room', 'report');
    assert.match(out, /node-1 +on +up +cut +armed +- +2 +i-1/);
    assert.match(out, /ranTwice of i-1/);
  });
});

ves('fails with exit code 1 and what to do next', async () => {
  await withBench(async (bench) => {
    const gone = await bench.start(['nodes'], { ...bench.environment, VES_ENDPOINT: 'http://127.0.0.1:1' }).ended;
    assert.equal([gone.code, gone.out], [1, '']);
    assert.match(gone.err, /does not answer at http:\/\/127\.0\.0\.1:1.*\n.*npm start/);
    const cases = [
      [{ VES_ENDPOINT: '' }, /VES_ENDPOINT is not set[^]*\. \.ves\/playground\.env/], [{ VES_ENDPOINT: 'nonsense' }, /should be a URL/], [{ AWS_ACCESS_KEY_ID: '' }, /requests cannot be signed/],
      [{ AWS_ACCESS_KEY_ID: 'AKIANOBODYNOBODY' }, /not known there.*playground\.env/], [{ AWS_SECRET_ACCESS_KEY: 'wrong' }, /AWS_SECRET_ACCESS_KEY/],
    ] as const;
    await Promise.all(cases.map(async ([change, pattern]) => {
      const failed = await bench.start(['nodes'], { ...bench.environment, ...change }).ended;
      assert.is(failed.code, 1, JSON.stringify(change));
      assert.match(failed.err, pattern);
    }));
    const unknown = await bench.ves('why', 'i-00000000000000099', '--json');
    assert.is(unknown.code, 1);
    assert.is((JSON.parse(unknown.err) as { error: { code: string } }).error.code, 'NotFound');
    assert.match((await bench.ves('room', 'power-off', 'node-9')).err, /there is no node-9/);
    assert.is((await bench.ves('room', 'cut', 'node-1', '--network', 'air')).code, 2);
  });
});

ves('is not fooled by a web server that is no coordinator', async () => {
  const http = await serveHttp(() => new Response('<html>', { status: 200 }), { host: '127.0.0.1', port: 0 });
  const bench = await CliBench.open();
  const { code, err } = await bench.start(['nodes'], { ...bench.environment, VES_ENDPOINT: `http://127.0.0.1:${http.port}` }).ended;
  assert.is(code, 1);
  assert.match(err, /is no VES coordinator/);
  await bench.close();
  await http.close();
});

ves.run();
