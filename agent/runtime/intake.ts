/**
 * What do other members ask of an agent? Requests of users that need placement (the leader answers), a guest's console
 * (its holder answers), and how a replica looks from here (its node answers).
 */
import { ClusterError } from '../../shared/errors.ts';
import { isInstanceId, isVolumeId } from '../../shared/ids.ts';
import type { InstanceId, MemberId } from '../../shared/ids.ts';
import { parseIntent } from '../../shared/ledger/command-schema.ts';
import { tokenKey } from '../../shared/ledger/apply-create.ts';
import type { Command } from '../../shared/ledger/commands.ts';
import type { LeaderLog, LeaderStatus, Proposed } from '../../shared/ledger/replicated-log.ts';
import type { TokenRecord } from '../../shared/model/cell.ts';
import type { ConsoleAnswer, IntentAnswer, RunInstancesIntent } from '../../shared/wire/intent.ts';
import type { Mesh } from '../../shared/wire/mesh.ts';
import type { ObservedResource } from '../machines/observed.ts';
import { placeNew } from '../machines/placement.ts';
import type { PlacementHints } from '../machines/placement.ts';
import type { BusyWatch } from './busy-watch.ts';
import type { DomainPort } from './ports.ts';

const PROPOSE_TIMEOUT_MS = 5_000;
/** Placements that lost a race for the same memory are made again this often. */
const PLACEMENT_TRIES = 4;
const CONSOLE_BYTES_MAX = 64 * 1024;

/** Answer to mesh method `volumeState`. */
export interface VolumeStateAnswer {
  readonly resource: ObservedResource | null;
}

/** What intake needs. */
export interface IntakeOptions {
  readonly mesh: Mesh;
  readonly log: LeaderLog & { leaderStatus(): LeaderStatus };
  readonly domains: DomainPort;
  readonly resources: () => ReadonlyMap<string, ObservedResource>;
  readonly hints: () => PlacementHints;
  readonly busy: BusyWatch;
  /** What the leader's healer knows beside the ledger, for people. */
  readonly healerView: () => unknown;
}

/** Serves the methods. */
export function serveIntake(options: IntakeOptions): void {
  const { mesh, log, domains, resources } = options;
  mesh.serve('intent', async (from, body) => await answerIntent(options, from, body));
  mesh.serve('console', async (_from, body): Promise<ConsoleAnswer> => {
    const { instance, bytesMax } = body as { readonly instance?: unknown; readonly bytesMax?: unknown };
    if (typeof instance !== 'string' || !isInstanceId(instance)) throw invalid('an instance id is needed');
    const bytes = typeof bytesMax === 'number' && bytesMax > 0 ? Math.min(bytesMax, CONSOLE_BYTES_MAX) : CONSOLE_BYTES_MAX;
    return { text: await domains.console(instance, bytes) };
  });
  mesh.serve('volumeState', (_from, body): Promise<VolumeStateAnswer> => {
    const { volume } = body as { readonly volume?: unknown };
    if (typeof volume !== 'string' || !isVolumeId(volume)) return Promise.reject(invalid('a volume id is needed'));
    return Promise.resolve({ resource: resources().get(volume) ?? null });
  });
  mesh.serve('healerView', () => Promise.resolve(options.healerView()));
  mesh.serve('agentStatus', () => Promise.resolve({ ledger: log.leaderStatus() }));
}

async function answerIntent(options: IntakeOptions, from: MemberId, body: unknown): Promise<IntentAnswer> {
  const { log } = options;
  const { role, leader } = log.status();
  // First: only a leader's state says who is a coordinator. That of a member whose store was lost knows nobody.
  if (role !== 'leader') throw new ClusterError('NotLeader', leader === null ? 'no leader is known here' : `the leader is ${leader}`, { retryable: true });
  if (!log.state().coordinators.has(from)) throw new ClusterError('NotAuthorised', `${from} is no coordinator of this cell`, { retryable: false });
  const parsed = parseIntent(body);
  if (parsed.kind === 'invalid') throw invalid(parsed.message);
  // Leases come first: who asks is asked to wait.
  const leave = options.busy.admit();
  if (leave === null) throw new ClusterError('LeaderBusy', 'the leader is behind with its work', { retryable: true });
  try {
    return await runInstances(options, parsed.value);
  } finally {
    leave();
  }
}

async function runInstances(options: IntakeOptions, intent: RunInstancesIntent): Promise<IntentAnswer> {
  const { log } = options;
  for (let attempt = 0; attempt < PLACEMENT_TRIES; attempt += 1) {
    const state = log.state();
    const earlier = intent.clientToken === null ? undefined : state.tokens.get(tokenKey(intent.environment, intent.clientToken));
    if (earlier !== undefined) return answerRepeated(intent, earlier);
    const placed = placeNew(state, options.hints(), { ...intent, count: intent.ids.length });
    if (placed.placements.length < Math.max(1, intent.minCount)) return { kind: 'noCapacity', refused: placed.refused };
    if (intent.dryRun) return { kind: 'wouldSucceed' };
    const { index, result } = await proposeAsLeader(log, createCommand(intent, placed.placements));
    if (result.kind === 'applied') return { kind: 'created', index, instances: (result.value as { readonly instances: readonly InstanceId[] }).instances };
    if (result.reason !== 'noCapacity' && result.reason !== 'nodeNotActive' && result.reason !== 'staleBoot') return { kind: 'rejected', result };
  }
  return { kind: 'noCapacity', refused: placeNew(log.state(), options.hints(), { ...intent, count: intent.ids.length }).refused };
}

/**
 * Who is replaced as leader meanwhile may not ask its successor for this. The user's request has to come again; whether this attempt had its
 * effect is seen then.
 */
async function proposeAsLeader(log: IntakeOptions['log'], command: Command): Promise<Proposed> {
  try {
    return await log.propose(command, { timeoutMs: PROPOSE_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof ClusterError) || error.code !== 'NotAuthorised') throw error;
    throw new ClusterError('LedgerTimeout', 'this member was replaced as leader before it had an answer', { retryable: true, cause: error });
  }
}

/** One token, one effect: the same request is answered as before, another one under the same token is refused. */
function answerRepeated(intent: RunInstancesIntent, earlier: TokenRecord): IntentAnswer {
  if (earlier.requestHash === intent.requestHash) return { kind: 'created', index: earlier.index, instances: earlier.instances };
  return { kind: 'rejected', result: { kind: 'rejected', reason: 'tokenMismatch', message: 'the client token was used before with other parameters' } };
}

function createCommand(intent: RunInstancesIntent, placements: ReturnType<typeof placeNew>['placements']): Command {
  const { kind: _kind, minCount: _minCount, ids, dryRun: _dryRun, ...launch } = intent;
  const instances = placements.flatMap((placement, at) => {
    const id = ids[at];
    return id === undefined ? [] : [{ id: id.instance, volume: id.volume, placement }];
  });
  return { kind: 'createInstances', ...launch, instances };
}

const invalid = (message: string): ClusterError => new ClusterError('InvalidRequest', message, { retryable: false });
