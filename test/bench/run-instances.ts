/**
 * How quickly is RunInstances answered, that is: signed, placed, committed by a quorum that has it on disk, and applied?
 *
 * Three nodes with so much memory that capacity never refuses. Meanwhile the nodes do the work that was asked for (volumes, DRBD,
 * domains): it takes its share of the same cores, as it would for a user. The requests are signed beforehand: clients have machines of their own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { onFleet, quantile } from './bench.ts';
import type { Benchmark, Figure } from './bench.ts';
import { Ec2Client } from './ec2-client.ts';

const CLIENTS = 32;
const WARM_UP = 5;
const ALONE_REQUESTS = 60;
const TOGETHER_REQUESTS = 640;
/** Between the parts, so that one does not pay for the other's instances. */
const PAUSE_MS = 5_000;

export const RUN_INSTANCES: Benchmark = {
  name: 'api',
  question: 'how quickly is RunInstances answered, committed and fsynced?',
  withinMs: 240_000,
  run: async (say) => await onFleet({ nodes: 3, memoryGiB: 128 }, async (fleet) => {
    const client = new Ec2Client(fleet.env, CLIENTS);
    try {
      const image = await client.image();
      const signed = async (count: number): Promise<readonly Request[]> => await Promise.all(Array.from({ length: count }, async () => await client.readyToRun(image, 1)));
      for (const request of await signed(WARM_UP)) await timed(request);
      say(`one client, ${ALONE_REQUESTS} requests`);
      const alone: number[] = [];
      for (const request of await signed(ALONE_REQUESTS)) alone.push(await timed(request));
      const requests = await signed(TOGETHER_REQUESTS);
      await delay(PAUSE_MS);
      say(`${CLIENTS} clients, ${TOGETHER_REQUESTS} requests`);
      const together = await runTogether(requests);
      return [
        { what: 'RunInstances, one client, p50', value: quantile(alone, 0.5), unit: 'ms', target: { atMost: 60 } },
        { what: 'RunInstances, one client, p95', value: quantile(alone, 0.95), unit: 'ms', target: null },
        { what: `RunInstances, ${CLIENTS} clients`, value: together.perSecond, unit: '/s', target: { atLeast: 200 } },
        { what: `RunInstances, ${CLIENTS} clients, p50`, value: quantile(together.takenMs, 0.5), unit: 'ms', target: null },
        { what: `RunInstances, ${CLIENTS} clients, p99`, value: quantile(together.takenMs, 0.99), unit: 'ms', target: null },
      ] satisfies readonly Figure[];
    } finally {
      client.close();
    }
  }),
};

/** Resolves with the ids of the instances. */
type Request = () => Promise<readonly string[]>;

async function timed(request: Request): Promise<number> {
  const startedMs = performance.now();
  const ids = await request();
  if (ids.length !== 1) throw new Error('RunInstances answered without an instance');
  return performance.now() - startedMs;
}

async function runTogether(requests: readonly Request[]): Promise<{ readonly perSecond: number; readonly takenMs: readonly number[] }> {
  const takenMs: number[] = [];
  const waiting = requests.values();
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    for (const request of waiting) takenMs.push(await timed(request));
  }));
  return { perSecond: requests.length / ((performance.now() - startedMs) / 1000), takenMs };
}
