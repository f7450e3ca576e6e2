/**
 * Which weather is a bug looked for in? One seed of each arena, and what went wrong in it.
 *
 * Loaded only in a process in which a bug was planted (hunt.ts), since it loads the sources that the bug changes.
 */
import { describeError } from '../../../shared/errors.ts';
import { runWeather as runLeases } from '../../unit/agent/runtime/lease-weather.ts';
import { Cluster } from '../../unit/shared/ledger/raft/cluster.ts';
import { runSeed as runCell } from '../run-seed.ts';
import type { Bug, Theme } from './bug.ts';
import { planHunt } from './themes.ts';

/** How long one seed of leases lasts, virtual ms. */
const LEASES_MS = 60_000;
/** Steps of one seed of the log. */
const RAFT_STEPS = 2_000;
/** With short offices: some twenty elections. */
const OFFICES_STEPS = 10_000;

/** What a seed broke; empty: nothing. Each begins with its invariant (`S8 ...`). */
export async function runSeed({ arena, theme = null }: Pick<Bug, 'arena'> & { readonly theme?: Theme | null }, seed: number): Promise<readonly string[]> {
  switch (arena) {
    case 'cell':
      return (await runCell({ seed, plan: planHunt(seed, theme === 'coups' || theme === 'shortOffices' ? null : theme) })).failures;
    case 'leases':
      return (await (theme === 'coups' ? runLeases(seed, LEASES_MS, 'coups') : runLeases(seed, LEASES_MS))).violations;
    case 'raft':
      return runRaft(seed, theme === 'shortOffices');
    default:
      return arena satisfies never;
  }
}

function runRaft(seed: number, areOfficesShort: boolean): readonly string[] {
  try {
    new Cluster({ seed, steps: areOfficesShort ? OFFICES_STEPS : RAFT_STEPS, areOfficesShort }).run();
    return [];
  } catch (error) {
    const what = describeError(error);
    return [`${/serves a read|a read is not confirmed/.test(what) ? 'S13' : 'S11'} ${what}`];
  }
}
