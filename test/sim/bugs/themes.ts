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

interface TrappedTheme {
  readonly kinds: readonly FaultKind[];
  readonly traps: TrapWishes;
  /** In place of the sizes of all themes. */
  readonly nodes?: readonly number[];
  /** With clients whose histories are judged, in each seed. */
  readonly hasClients?: true;
  /** With a dead node that seems to speak, in each seed. */
  readonly doesEcho?: true;
}

/** Themes that are about one thing each, most of them with traps. */
const TRAPPED = {
  lateExpansions: { kinds: ['heldRequest', 'powerCycle', 'reset', 'storageCut', 'storagePairCut', 'linkFlap', 'agentKill'], traps: { heldRequest: ['expand'] } },
  restarts: { kinds: ['lateExpansion', 'storageCut', 'reset', 'powerCycle'], traps: {} },
  answers: { kinds: ['staleAnswer', 'storageCut', 'storagePairCut'], traps: {} },
  moves: { kinds: ['nodeMove', 'reset', 'powerCycle', 'storageCut'], traps: {} },
  leavers: { kinds: ['nodeRemove', 'nodeAdd', 'storageCut'], traps: {} },
  mirrors: { kinds: ['frozenHolder', 'orderCut', 'heldRequest', 'reset', 'powerCycle'], traps: { orderCut: ['primary'], heldRequest: ['shrink'] } },
  lateHelpers: { kinds: ['lateHelper', 'storageCut', 'storagePairCut', 'linkFlap', 'reset', 'agentKill'], traps: {} },
  adoptions: { kinds: ['programFail', 'agentKill', 'agentLoop'], traps: {}, nodes: [3] },
  helpers: { kinds: ['helperKill', 'powerCycle'], traps: {} },
  votes: { kinds: ['heardByOne', 'saveCrash', 'leaderCrash'], traps: { heardByOne: ['vote'], saveCrash: ['vote'] }, nodes: [3] },
  feeds: { kinds: ['heldRequest', 'agentKill', 'agentLoop'], traps: { heldRequest: ['feed.open'] }, nodes: [4, 7] },
  echoes: { kinds: ['stray'], traps: {}, doesEcho: true },
  laggards: { kinds: ['laggard'], traps: {}, nodes: [4], hasClients: true },
  stalls: { kinds: ['saveStall', 'powerCycle', 'reset'], traps: { saveStall: ['any', 'bootNode', 'proveFenced', 'reportStarted'] }, nodes: [3, 4] },
  starts: { kinds: ['heldMessage'], traps: { heldMessage: ['placeInstance'] }, nodes: [3] },
} as const satisfies Readonly<Record<string, TrappedTheme>>;

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
  const trapped = theme !== null && isTrapped(theme) ? (TRAPPED[theme] as TrappedTheme) : null;
  const kinds = trapped?.kinds ?? (theme !== null && !isTrapped(theme) ? PLAIN[theme] : seed % 2 === 0 ? inTurn[(seed / 2) % inTurn.length] : undefined);
  if (kinds === undefined) return planSeed(seed, wishes);
  const sizes = trapped?.nodes ?? THEME_NODES;
  const plan = planSeed(seed, { ...wishes, hours: THEME_HOURS, nodes: sizes[seed % sizes.length] ?? null, kinds, ...(trapped === null ? {} : { traps: trapped.traps }) });
  const clients = trapped?.hasClients === true ? { hasClients: true, begins: 'calm' as const } : {};
  const round = denseRound(plan.rounds);
  return { ...plan, ...clients, limitMs: 0, rounds: [trapped?.doesEcho === true ? { ...round, doesEcho: true } : round] };
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
