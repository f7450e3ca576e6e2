/**
 * Which faults belong together? Kinds of fault that meet often enough, when a seed has no others, to bring a rare mistake to light.
 *
 * A bug may name the theme of its seeds. Otherwise every other seed of a hunt has one, in turn; the rest are drawn as everywhere.
 */
import type { FaultKind } from '../kinds.ts';
import { planSeed } from '../plan.ts';
import type { Round, SimEvent, SimPlan, TrapWishes } from '../plan.ts';
import type { CellTheme } from './bug.ts';

type PlainTheme = Exclude<CellTheme, keyof typeof TRAPPED>;

/** Themes of faults that strike at any time. */
const PLAIN: Readonly<Record<PlainTheme, readonly FaultKind[]>> = {
  replicas: ['powerCycle', 'reset', 'storageCut', 'storagePairCut', 'linkFlap', 'agentKill'],
  races: ['storageCut', 'linkFlap', 'storagePairCut', 'networkStorm', 'clog', 'slowStore', 'agentKill'],
  disks: ['diskFail', 'diskSlow', 'powerCycle', 'storageCut', 'agentKill'],
  ledger: ['leaderCrash', 'split', 'agentKill', 'slowStore', 'storeDamaged', 'clog', 'siteOutage'],
  leases: ['keeperKill', 'keeperPause', 'meshCut', 'oneWay', 'clockRate', 'slowStore', 'leaderCrash'],
  programs: ['programCrash', 'programFail', 'programFailAfter', 'programHang', 'helperKill', 'agentKill', 'reset'],
  power: ['bmcLies', 'bmcReboots', 'bmcUnreachable', 'powerCycle', 'rackOutage', 'siteOutage', 'agentPause'],
};

/** Themes that are about one thing each, most of them with traps. */
const TRAPPED = {
  lateExpansions: { kinds: ['heldRequest', 'powerCycle', 'reset', 'storageCut', 'storagePairCut', 'linkFlap', 'agentKill'], traps: { heldRequest: ['expand'] } },
  restarts: { kinds: ['lateExpansion', 'storageCut', 'reset', 'powerCycle'], traps: {} },
  answers: { kinds: ['staleAnswer', 'storageCut', 'storagePairCut'], traps: {} },
  moves: { kinds: ['nodeMove', 'reset', 'powerCycle', 'storageCut'], traps: {} },
  leavers: { kinds: ['nodeRemove', 'nodeAdd', 'storageCut'], traps: {} },
  mirrors: { kinds: ['frozenHolder', 'orderCut', 'heldRequest', 'reset', 'powerCycle'], traps: { orderCut: ['primary'], heldRequest: ['shrink'] } },
  lateHelpers: { kinds: ['lateHelper', 'storageCut', 'storagePairCut', 'linkFlap', 'reset', 'agentKill'], traps: {} },
  helpers: { kinds: ['helperKill', 'powerCycle', 'storageCut'], traps: {} },
  votes: { kinds: ['saveCrash', 'saveCut', 'heldMessage', 'leaderCrash'], traps: { saveCrash: ['vote', 'term'], saveCut: ['vote'], heldMessage: ['vote', 'voteResponse', 'append'] } },
  starts: { kinds: ['saveCut', 'heldRequest', 'heldMessage', 'reset', 'agentKill'], traps: { saveCut: ['placeInstance', 'takeOver'], heldRequest: ['any'], heldMessage: ['append', 'appendResponse'] } },
} as const satisfies Readonly<Record<string, { readonly kinds: readonly FaultKind[]; readonly traps: TrapWishes }>>;

/** No round of a hunt begins after this, virtual hours: mostly one storm. Many short seeds find more than few long ones. */
const HUNT_HOURS = 0.012;

/** In a theme's storm the next event comes after so much time, on average, ms; what it breaks stays broken as long as ever, so that much of it overlaps. */
const DENSE_GAP_MS = 1_500;
/** As long as it takes until nodes do not count as just started any more (agent/machines/plan-starts.ts), and a fence wait or two beside. */
const DENSE_STORM_MS = 80_000;
/** Rounds enough for such a storm. */
const THEME_HOURS = 0.1;
/** Few nodes, so that what breaks concerns the same volumes. */
const THEME_NODES = [3, 5, 4, 5];

/** The plan of a hunt's seed. */
export function planHunt(seed: number, theme: CellTheme | null): SimPlan {
  const wishes = { nodes: null, profile: null, hours: HUNT_HOURS };
  const inTurn = Object.values(PLAIN);
  const kinds = theme !== null ? kindsOf(theme) : seed % 2 === 0 ? inTurn[(seed / 2) % inTurn.length] : undefined;
  if (kinds === undefined) return planSeed(seed, wishes);
  const plan = planSeed(seed, { ...wishes, hours: THEME_HOURS, nodes: THEME_NODES[seed % THEME_NODES.length] ?? null, kinds, ...(theme !== null && isTrapped(theme) ? { traps: TRAPPED[theme].traps } : {}) });
  return { ...plan, limitMs: 0, rounds: [denseRound(plan.rounds)] };
}

function kindsOf(theme: CellTheme): readonly FaultKind[] {
  return isTrapped(theme) ? TRAPPED[theme].kinds : PLAIN[theme];
}

function isTrapped(theme: CellTheme): theme is keyof typeof TRAPPED {
  return theme in TRAPPED;
}

/** The storms of several rounds, each made dense, one after the other. */
function denseRound(rounds: readonly Round[]): Round {
  const [first] = rounds;
  if (first === undefined) throw new Error('a plan has rounds');
  const events: SimEvent[] = [];
  let stormMs = 0;
  for (const round of rounds) {
    if (stormMs >= DENSE_STORM_MS) break;
    const factor = Math.min(1, (DENSE_GAP_MS * Math.max(1, round.events.length)) / round.stormMs);
    for (const event of round.events) events.push({ ...event, atMs: stormMs + Math.floor(event.atMs * factor) });
    stormMs += Math.ceil(round.stormMs * factor);
  }
  return { ...first, stormMs, events, quietMs: 0 };
}
