/**
 * What does a node cost that has nothing to do, in a cell of ten? Memory, processor and network of its agent and its keeper.
 *
 * Memory is RSS as /proc tells it, which counts pages of the program that all its processes share, so the private part stands
 * beside it. A keeper in C has a scribe (agent/keeper/native/scribe.c), half its size, which is not counted. Network is what a node's agent (TCP: the mesh) and keeper (UDP: the
 * lease; the leader's and voters' answers are the agent's) hand to the kernel, without the headers of IP, TCP and UDP.
 * Among the ten are a leader, four other voters and five subscribers. The largest of the ten is judged in every figure, and that
 * is the leader, which hears two renewals a second of every node and answers them; the largest of the others stands beside it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { TRAFFIC_VARIABLE } from '../../provisioning/playground/nic-words.ts';
import type { Fleet } from '../playground/support/playground.ts';
import { onFleet, quantile } from './bench.ts';
import type { Benchmark, Figure } from './bench.ts';
import { memoryOf, processorMs, trafficOf } from './process-figures.ts';
import type { Memory } from './process-figures.ts';

const NODES = 10;
/** In its first two minutes V8 compiles what an agent has just begun to run: until then helper threads take 0.3 %, and the code is slow. */
const SETTLE_MS = 120_000;
/** As long as an agent waits from one collection of its memory to the next (shared/process/stay-small.ts): one is in it. */
const IDLE_MS = 126_000;
const MEGABYTE = 1e6;

export const FOOTPRINT: Benchmark = {
  name: 'footprint',
  question: `what does an idle node cost in a cell of ${NODES}?`,
  withinMs: 420_000,
  run: async (say) => {
    const counters = mkdtempSync(join(tmpdir(), 'ves-traffic-'));
    process.env[TRAFFIC_VARIABLE] = counters;
    try {
      return await onFleet({ nodes: NODES }, async (fleet) => {
        say(`settling for ${SETTLE_MS / 1000} s`);
        await delay(SETTLE_MS);
        say(`measuring ${IDLE_MS / 1000} s of idleness`);
        return figures(await measure(fleet, counters));
      });
    } finally {
      delete process.env[TRAFFIC_VARIABLE];
      rmSync(counters, { recursive: true, force: true });
    }
  },
};

/** One node over the idle time. */
interface NodeCost {
  readonly agent: Memory;
  readonly keeper: Memory;
  /** Share of one core, percent. */
  readonly agentPercent: number;
  readonly keeperPercent: number;
  /** Per second. */
  readonly sentBytes: number;
  readonly sentPieces: number;
  readonly sentDatagrams: number;
}

interface Sample {
  readonly atMs: number;
  readonly processorMs: number;
  readonly sentBytes: number;
  readonly sentPieces: number;
  readonly sentDatagrams: number;
}

async function sample(pid: number, counters: string): Promise<Sample> {
  const sent = await trafficOf(pid, counters);
  return { atMs: performance.now(), processorMs: processorMs(pid), sentBytes: sent.tcpBytes + sent.udpBytes, sentPieces: sent.tcpWrites + sent.udpDatagrams, sentDatagrams: sent.udpDatagrams };
}

async function measure(fleet: Fleet, counters: string): Promise<readonly NodeCost[]> {
  const pids = Array.from({ length: NODES }, (_, at) => ['agent', 'keeper'].map((part) => {
    const name = `node-${at + 1}.${part}`;
    const pid = fleet.pid(name);
    if (pid === null) throw new Error(`${name} does not run`);
    return pid;
  }));
  const both = async (): Promise<readonly (readonly Sample[])[]> => await Promise.all(pids.map(async (pair) => await Promise.all(pair.map(async (pid) => await sample(pid, counters)))));
  const before = await both();
  await delay(IDLE_MS);
  const after = await both();
  return pids.map(([agentPid = 0, keeperPid = 0], at) => {
    const rate = (part: number, field: Exclude<keyof Sample, 'atMs'>): number => {
      const from = before[at]?.[part];
      const to = after[at]?.[part];
      return from === undefined || to === undefined ? Number.NaN : (to[field] - from[field]) / ((to.atMs - from.atMs) / 1000);
    };
    return {
      agent: memoryOf(agentPid), keeper: memoryOf(keeperPid),
      agentPercent: rate(0, 'processorMs') / 10, keeperPercent: rate(1, 'processorMs') / 10,
      sentBytes: rate(0, 'sentBytes') + rate(1, 'sentBytes'), sentPieces: rate(0, 'sentPieces') + rate(1, 'sentPieces'),
      sentDatagrams: rate(0, 'sentDatagrams'),
    };
  });
}

function figures(nodes: readonly NodeCost[]): readonly Figure[] {
  const mean = (of: (node: NodeCost) => number): number => nodes.reduce((sum, node) => sum + of(node), 0) / nodes.length;
  const worst = (of: (node: NodeCost) => number): number => Math.max(...nodes.map(of));
  const middle = (of: (node: NodeCost) => number): number => quantile(nodes.map(of), 0.5);
  const percent = (node: NodeCost): number => node.agentPercent + node.keeperPercent;
  // The one that hands most datagrams to the kernel is the one that answers renewals.
  const leader = worst((node) => node.sentDatagrams);
  const idle = (of: (node: NodeCost) => number): number => Math.max(...nodes.filter((node) => node.sentDatagrams !== leader).map(of));
  return [
    { what: 'agent RSS, largest', value: worst(({ agent }) => agent.residentBytes) / MEGABYTE, unit: 'MB', target: { atMost: 100 } },
    { what: 'agent RSS, middle', value: middle(({ agent }) => agent.residentBytes) / MEGABYTE, unit: 'MB', target: null },
    { what: 'agent private memory, largest', value: worst(({ agent }) => agent.privateBytes) / MEGABYTE, unit: 'MB', target: null },
    { what: 'keeper RSS, largest', value: worst(({ keeper }) => keeper.residentBytes) / MEGABYTE, unit: 'MB', target: { atMost: 45 } },
    { what: 'keeper private memory, largest', value: worst(({ keeper }) => keeper.privateBytes) / MEGABYTE, unit: 'MB', target: null },
    { what: 'agent and keeper, share of a core, mean', value: mean(percent), unit: '%', target: null },
    { what: 'agent and keeper, share of a core, largest', value: worst(percent), unit: '%', target: { atMost: 2 } },
    { what: 'agent and keeper, share of a core, largest but the leader', value: idle(percent), unit: '%', target: null },
    { what: 'keeper, share of a core, mean', value: mean((node) => node.keeperPercent), unit: '%', target: null },
    { what: 'sent by a node, mean', value: mean((node) => node.sentBytes) / 1000, unit: 'kB/s', target: null },
    { what: 'sent by a node, largest', value: worst((node) => node.sentBytes) / 1000, unit: 'kB/s', target: { atMost: 2 } },
    { what: 'sent by a node, largest but the leader', value: idle((node) => node.sentBytes) / 1000, unit: 'kB/s', target: null },
    { what: 'writes and datagrams of a node, mean', value: mean((node) => node.sentPieces), unit: '/s', target: null },
    { what: 'writes and datagrams of a node, largest', value: worst((node) => node.sentPieces), unit: '/s', target: null },
  ];
}
