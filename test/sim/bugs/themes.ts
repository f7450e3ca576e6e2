/**
 * Which faults belong together? Kinds of fault that meet often enough, when a seed has no others, to bring a rare mistake to light.
 *
 * Every other seed of the hunt for bugs has one theme and a dense storm of it; the others are drawn as everywhere.
 */
import type { FaultKind } from '../kinds.ts';
import { planSeed } from '../plan.ts';
import type { SimPlan } from '../plan.ts';

/** What a hunt's seeds are about, in turn. */
export const THEMES: Readonly<Record<string, readonly FaultKind[]>> = {
  replicas: ['powerCycle', 'reset', 'storageCut', 'storagePairCut', 'linkFlap', 'agentKill'],
  disks: ['diskFail', 'diskSlow', 'powerCycle', 'storageCut', 'agentKill'],
  ledger: ['leaderCrash', 'split', 'agentKill', 'slowStore', 'storeDamaged', 'clog', 'siteOutage'],
  leases: ['keeperKill', 'keeperPause', 'meshCut', 'oneWay', 'clockRate', 'slowStore', 'leaderCrash'],
  programs: ['programCrash', 'programFail', 'programFailAfter', 'programHang', 'helperKill', 'agentKill', 'reset'],
  power: ['bmcLies', 'bmcReboots', 'bmcUnreachable', 'powerCycle', 'rackOutage', 'siteOutage', 'agentPause'],
};

/** The plan of a hunt's seed. */
export function planHunt(seed: number, hours: number): SimPlan {
  const themes = Object.values(THEMES);
  const wishes = { nodes: null, profile: null, hours };
  if (seed % 2 === 1) return planSeed(seed, wishes);
  const kinds = themes[(seed / 2) % themes.length];
  return planSeed(seed, kinds === undefined ? wishes : { ...wishes, kinds });
}
