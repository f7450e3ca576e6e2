/**
 * How much faster than time is a simulated cell, and does it grow? Virtual hours in one hour of one processor.
 *
 * Counted is the time of the simulating thread alone, so that other work on the machine matters less; on processors that share a core it still does.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { runSeed } from '../sim/run-seed.ts';
import { unrest } from '../support/cell-witness.ts';
import { VirtualCell } from '../support/virtual-cell.ts';
import type { Benchmark, Figure } from './bench.ts';

const NODES = 5;
const INSTANCES = 6;
const HOUR_MS = 3_600_000;
const CALM_HOURS = 5;
/** Drawn once; storms of both kinds of watchdog, with and without BMCs. */
const SEEDS = [11, 12, 13, 14, 15, 16, 17, 18];
const SEED_HOURS = 0.25;
const MANY = 100;

/** Virtual time, ms, for one of the thread's. */
async function factorOf(run: () => Promise<number>): Promise<number> {
  const before = process.threadCpuUsage();
  const virtualMs = await run();
  const { user, system } = process.threadCpuUsage(before);
  return (virtualMs * 1000) / (user + system);
}

/** A cell that runs something, and in which nothing is left to do. */
async function calmCell(nodes: number): Promise<VirtualCell> {
  const cell = new VirtualCell({ nodes, seed: 3 });
  await cell.ready();
  await cell.run(INSTANCES);
  await cell.world.until('it is calm', () => unrest(cell).length === 0, 120_000);
  return cell;
}

async function advance(cell: VirtualCell, virtualMs: number): Promise<number> {
  await cell.world.advance(virtualMs);
  return virtualMs;
}

/** MB that are reachable. */
function heapMb(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed / 1e6;
}

async function calmFigures(say: (line: string) => void): Promise<readonly Figure[]> {
  const cell = await calmCell(NODES);
  await cell.world.advance(HOUR_MS / 4);
  const beginMb = heapMb();
  const factors: number[] = [];
  for (let hour = 0; hour < CALM_HOURS; hour += 1) {
    say(`hour ${hour + 1} of ${CALM_HOURS} of a calm`);
    factors.push(await factorOf(async () => await advance(cell, HOUR_MS)));
  }
  return [
    { what: `a calm cell of ${NODES} with ${INSTANCES} instances`, value: Math.max(...factors), unit: 'h/h', target: { atLeast: 1_000 } },
    { what: `its heap after ${CALM_HOURS} hours, beside before`, value: heapMb() - beginMb, unit: 'MB', target: { atMost: 5 } },
  ];
}

async function stormFigures(say: (line: string) => void): Promise<readonly Figure[]> {
  let strikes = 0;
  const factor = await factorOf(async () => {
    let virtualMs = 0;
    for (const seed of SEEDS) {
      say(`seed ${seed}`);
      const outcome = await runSeed({ seed, nodes: NODES, hours: SEED_HOURS });
      if (outcome.failures.length > 0) throw new Error(`seed ${seed}: ${outcome.failures.join('; ')}`);
      virtualMs += outcome.virtualMs;
      strikes += outcome.strikes;
    }
    return virtualMs;
  });
  return [
    { what: `a cell of ${NODES} in storms, with all checkers`, value: factor, unit: 'h/h', target: { atLeast: 1_000 } },
    { what: 'faults and requests in these storms', value: strikes, unit: '', target: null },
  ];
}

async function manyFigures(say: (line: string) => void): Promise<readonly Figure[]> {
  say(`${MANY} nodes`);
  const cell = await calmCell(MANY);
  const factor = await factorOf(async () => await advance(cell, 30_000));
  const [first] = cell.state().instances.values();
  const holder = first?.holder ?? null;
  if (first === undefined || holder === null) throw new Error('nothing runs');
  cell.room.powerOff(holder);
  const tookMs = await cell.world.until('it runs elsewhere', () => cell.instance(first.id).phase === 'running' && cell.instance(first.id).holder !== holder, 60_000);
  return [
    { what: `a calm cell of ${MANY}`, value: factor, unit: 'h/h', target: null },
    { what: `healing in a cell of ${MANY}, virtual time`, value: tookMs, unit: 'ms', target: { atMost: 12_000 } },
  ];
}

export const SIMULATOR: Benchmark = {
  name: 'sim',
  question: 'how much faster than time is a simulated cell, and does it grow?',
  withinMs: 600_000,
  run: async (say) => [...(await calmFigures(say)), ...(await stormFigures(say)), ...(await manyFigures(say))],
};
