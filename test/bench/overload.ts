/**
 * Does a node fall when everybody wants something at once? Many clients, on processors that others want, too.
 *
 * The clients ask for tags, answers and placements as fast as they get them, and processes that only count take the cores from everybody:
 * agents, keepers, the room and the clients alike. No node may reset itself because of it.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Fleet } from '../playground/support/playground.ts';
import { onFleet } from './bench.ts';
import type { Benchmark } from './bench.ts';
import { Ec2Client } from './ec2-client.ts';

const CLIENTS = 256;
const COUNTERS = 8;
const FLOOD_MS = 30_000;
/** Whoever lost its lease at the end of the flood has reset itself by then. */
const AFTERMATH_MS = 10_000;

export const OVERLOAD: Benchmark = {
  name: 'overload',
  question: 'does a node fall when everybody wants something at once?',
  withinMs: 180_000,
  run: async (say) => await onFleet({ nodes: 3, memoryGiB: 128 }, async (fleet) => {
    const client = new Ec2Client(fleet.env, CLIENTS);
    const image = await client.image();
    const { id } = await fleet.runInstance();
    const before = await bootsOf(fleet);
    const counters = Array.from({ length: COUNTERS }, count);
    say(`${CLIENTS} clients and ${COUNTERS} processes that only count, for ${FLOOD_MS / 1000} s`);
    try {
      const answered = await flood(client, image, id);
      for (const counter of counters) counter.kill('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, AFTERMATH_MS));
      const after = await bootsOf(fleet);
      const { violations } = await fleet.report();
      return [
        { what: 'nodes that reset themselves', value: before.filter((boot) => !after.includes(boot)).length, unit: 'nodes', target: { atMost: 0 } },
        { what: 'ran twice, or lost an acknowledged record', value: violations.length, unit: 'times', target: { atMost: 0 } },
        { what: 'requests answered meanwhile', value: answered / (FLOOD_MS / 1000), unit: '/s', target: null },
      ];
    } finally {
      for (const counter of counters) counter.kill('SIGKILL');
      client.close();
    }
  }),
};

/** A process that wants a core to itself; it ends by itself, too. */
function count(): ChildProcess {
  return spawn(process.execPath, ['-e', `const until = performance.now() + ${2 * FLOOD_MS}; while (performance.now() < until);`], { stdio: 'ignore' });
}

async function flood(client: Ec2Client, image: string, id: string): Promise<number> {
  const untilMs = performance.now() + FLOOD_MS;
  let answered = 0;
  const ask = async (number: number): Promise<void> => {
    if (number % 4 === 0) await client.runInstances(image, 1);
    else if (number % 4 === 1) await client.ask('DescribeInstances', { 'InstanceId.1': id });
    else await client.ask('CreateTags', { 'ResourceId.1': id, 'Tag.1.Key': 'asked', 'Tag.1.Value': `${number}` });
    answered += 1;
  };
  await Promise.all(Array.from({ length: CLIENTS }, async (_, first) => {
    // A refusal (no capacity left, try again later) is an answer to the client, and not one that counts.
    for (let number = first; performance.now() < untilMs; number += CLIENTS + 1) await ask(number).catch(() => undefined);
  }));
  return answered;
}

async function bootsOf(fleet: Fleet): Promise<readonly string[]> {
  return (await fleet.report()).nodes.map(({ node, bootId }) => `${node} ${bootId}`);
}
