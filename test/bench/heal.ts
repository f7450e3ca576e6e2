/**
 * How long is an instance down when its node loses power? Twenty power-offs in a row, with power-on between.
 *
 * The room's observer counts from the moment that the plug is pulled to the moment that the guest executes on the other
 * node; it also knows whether it ever executed twice at once, and whether an acknowledged record was lost.
 */
import { ETCD_MEMBERS } from '../playground/support/playground.ts';
import type { Fleet } from '../playground/support/playground.ts';
import { onFleet, quantile } from './bench.ts';
import type { Benchmark, Figure } from './bench.ts';

const ROUNDS = 20;
const NODES = 3;
const MOVE_MS_MAX = 40_000;

/** Targets, ms. */
interface Targets {
  readonly p50: number;
  readonly max: number;
}

export const HEAL: Benchmark = healing('heal', { bmc: 'none', ledger: 'own' }, 'by its lease alone', { p50: 11_000, max: 15_000 });
export const HEAL_BMC: Benchmark = healing('heal-bmc', { bmc: 'all', ledger: 'own' }, 'by its BMC', { p50: 4_000, max: 6_000 });
/** A member of the etcd is killed with each plug that is pulled. */
export const HEAL_ETCD: Benchmark = healing('heal-etcd', { bmc: 'none', ledger: 'etcd' }, 'by its lease alone, over an etcd', { p50: 11_000, max: 15_000 });

function healing(name: string, where: { readonly bmc: 'none' | 'all'; readonly ledger: 'own' | 'etcd' }, how: string, targets: Targets): Benchmark {
  return {
    name,
    question: `how long is an instance down when its node loses power, fenced ${how}?`,
    withinMs: ROUNDS * 60_000,
    run: async (say) => await onFleet({ nodes: NODES, profile: 'standard', ...where }, async (fleet) => {
      const { id } = await fleet.runInstance();
      const downMs: number[] = [];
      for (let round = 1; round <= ROUNDS; round += 1) {
        if (where.ledger === 'etcd') fleet.signal(ETCD_MEMBERS[round % ETCD_MEMBERS.length] ?? '', 'SIGKILL');
        downMs.push(await pullPlug(fleet, id));
        say(`${round} of ${ROUNDS}: ${(downMs.at(-1) ?? 0).toFixed(0)} ms`);
      }
      const { violations } = await fleet.report();
      return [
        { what: `down, fenced ${how}, p50`, value: quantile(downMs, 0.5), unit: 'ms', target: { atMost: targets.p50 } },
        { what: `down, fenced ${how}, longest`, value: Math.max(...downMs), unit: 'ms', target: { atMost: targets.max } },
        { what: 'ran twice, or lost an acknowledged record', value: violations.length, unit: 'times', target: { atMost: 0 } },
      ] satisfies readonly Figure[];
    }),
  };
}

/** Pulls the plug of the instance's node, waits until the fleet is whole again, and returns the downtime, ms. */
async function pullPlug(fleet: Fleet, id: string): Promise<number> {
  const before = await fleet.settled(id);
  const { lastAckedRecord, downtimes: earlier } = await fleet.observed(id);
  await fleet.room('powerOff', { node: before.holder });
  await fleet.moved(before, MOVE_MS_MAX);
  const { downtimes, lastAckedRecord: acked, running } = await fleet.observed(id);
  const newest = downtimes.at(-1);
  if (newest === undefined || downtimes.length !== earlier.length + 1) throw new Error(`the room saw ${downtimes.length - earlier.length} moves, not one`);
  if (newest.from !== before.holder || running.length !== 1) throw new Error(`${id} should run once, and not on ${before.holder}: ${JSON.stringify(running)}`);
  if ((acked ?? -1) < (lastAckedRecord ?? 0)) throw new Error(`the guest went back from record ${lastAckedRecord} to ${acked}`);
  await fleet.room('powerOn', { node: before.holder });
  await fleet.allActive(NODES);
  return newest.downtimeMs;
}
