/**
 * Which faults belong together? Kinds of fault that meet often enough, when a seed has no others, to bring a rare mistake to light.
 *
 * A bug may name the theme of its seeds. Otherwise every other seed of a hunt has one, in turn; the rest are drawn as everywhere.
 */
import type { FaultKind } from '../kinds.ts';
import { planSeed } from '../plan.ts';
import type { SimPlan } from '../plan.ts';
import type { Theme } from './bug.ts';

const THEMES: Readonly<Record<Theme, readonly FaultKind[]>> = {
  replicas: ['powerCycle', 'reset', 'storageCut', 'storagePairCut', 'linkFlap', 'agentKill'],
  disks: ['diskFail', 'diskSlow', 'powerCycle', 'storageCut', 'agentKill'],
  ledger: ['leaderCrash', 'split', 'agentKill', 'slowStore', 'storeDamaged', 'clog', 'siteOutage'],
  leases: ['keeperKill', 'keeperPause', 'meshCut', 'oneWay', 'clockRate', 'slowStore', 'leaderCrash'],
  programs: ['programCrash', 'programFail', 'programFailAfter', 'programHang', 'helperKill', 'agentKill', 'reset'],
  power: ['bmcLies', 'bmcReboots', 'bmcUnreachable', 'powerCycle', 'rackOutage', 'siteOutage', 'agentPause'],
};

/** No round of a hunt begins after this, virtual hours: mostly one storm. Many short seeds find more than few long ones. */
const HUNT_HOURS = 0.012;

/** The plan of a hunt's seed. */
export function planHunt(seed: number, theme: Theme | null): SimPlan {
  const wishes = { nodes: null, profile: null, hours: HUNT_HOURS };
  const all = Object.values(THEMES);
  const kinds = theme !== null ? THEMES[theme] : seed % 2 === 0 ? all[(seed / 2) % all.length] : undefined;
  return planSeed(seed, kinds === undefined ? wishes : { ...wishes, kinds });
}
