/**
 * How long does DescribeInstances of a thousand instances take? All in one answer, as it is without MaxResults.
 */
import { onFleet, quantile } from './bench.ts';
import type { Benchmark, Figure } from './bench.ts';
import { Ec2Client } from './ec2-client.ts';

const INSTANCES = 1_000;
const PER_REQUEST = 100;
const REQUESTS = 20;

export const DESCRIBE_INSTANCES: Benchmark = {
  name: 'describe',
  question: `how long does DescribeInstances of ${INSTANCES} instances take?`,
  withinMs: 240_000,
  run: async (say) => await onFleet({ nodes: 3, memoryGiB: 128 }, async (fleet) => {
    const client = new Ec2Client(fleet.env, 1);
    try {
      const image = await client.image();
      say(`requesting ${INSTANCES} instances`);
      for (let at = 0; at < INSTANCES / PER_REQUEST; at += 1) await client.runInstances(image, PER_REQUEST);
      say(`describing them ${REQUESTS} times`);
      const takenMs: number[] = [];
      let bytes = 0;
      for (let at = 0; at < REQUESTS; at += 1) {
        const startedMs = performance.now();
        const text = await client.ask('DescribeInstances');
        takenMs.push(performance.now() - startedMs);
        bytes = text.length;
        const described = text.match(/<instanceId>/g)?.length ?? 0;
        if (described !== INSTANCES) throw new Error(`DescribeInstances told of ${described} instances, not ${INSTANCES}`);
      }
      return [
        { what: `DescribeInstances of ${INSTANCES}, p50`, value: quantile(takenMs, 0.5), unit: 'ms', target: { atMost: 150 } },
        { what: `DescribeInstances of ${INSTANCES}, slowest`, value: Math.max(...takenMs), unit: 'ms', target: null },
        { what: 'its answer', value: bytes / 1e6, unit: 'MB', target: null },
      ] satisfies readonly Figure[];
    } finally {
      client.close();
    }
  }),
};
