/**
 * How does the coordinator speak to its cell? Requests to whoever leads, proposals to the ledger, answers from the projection.
 */
import { ClusterError } from '../shared/errors.ts';
import type { InstanceId } from '../shared/ids.ts';
import type { Command } from '../shared/ledger/commands.ts';
import type { LedgerStatus, Proposed, ReplicatedLog } from '../shared/ledger/replicated-log.ts';
import type { CellState } from '../shared/model/cell.ts';
import type { ConsoleAnswer, ConsoleRequest, IntentAnswer, RunInstancesIntent } from '../shared/wire/intent.ts';
import type { Mesh } from '../shared/wire/mesh.ts';
import { Turns } from '../shared/turns.ts';
import type { World } from '../shared/world.ts';
import type { CellPort } from './ports.ts';

/** How long a request of a user may wait for a leader: longer than an election of any profile but `soft`. */
const DEADLINE_MS = 10_000;
/** Longest wait for one answer of a leader: a stopped one must not eat the whole deadline. */
const LEADER_ANSWER_MS = 6_000;
const RETRY_MS = 60;
/** A leader that is behind with its work is asked again after this long, then twice as long, and so on: each refusal costs it time, too. */
const BUSY_RETRY_MS = 250;
const BUSY_RETRY_MS_MAX = 2_000;
/**
 * Requests that are with the leader at once; the others wait here, where nobody's lease waits behind them. Enough to fill each of its
 * writes, and few enough for the event loop that answers leases.
 */
export const IN_FLIGHT_MAX = 32;
/** Requests that may wait here for those: more than the cell answers before their deadline. Others are refused at once. */
export const WAITING_MAX = 1_024;
const CONSOLE_TIMEOUT_MS = 5_000;
/** What EC2 shows of a console, bytes. */
const CONSOLE_BYTES_MAX = 64 * 1024;

/** What a cell port is made from. */
export interface CellPortOptions {
  readonly world: World;
  readonly mesh: Mesh;
  readonly log: ReplicatedLog & { waitApplied(index: number, timeoutMs: number): Promise<void>; status(): LedgerStatus };
  readonly projection: { state(): CellState; isStale(): boolean };
}

/** The cell, as the app sees it. */
export function createCellPort(options: CellPortOptions): CellPort {
  const { log, mesh, projection, world } = options;
  const turns = new Turns(IN_FLIGHT_MAX);
  const inTurn = async <Answer>(work: (remainingMs: number) => Promise<Answer>): Promise<Answer> => {
    if (turns.waiting >= WAITING_MAX) throw new ClusterError('LeaderBusy', `${WAITING_MAX} requests wait for the cell already; nothing was asked of it`, { retryable: true });
    // Those before this one end by their own deadlines, which are earlier: it never waits longer than its own.
    const deadlineAtMs = world.clock.nowMs() + DEADLINE_MS;
    return await turns.take(async () => {
      const remainingMs = deadlineAtMs - world.clock.nowMs();
      if (remainingMs <= 0) throw new ClusterError('LeaderBusy', `the cell had too much to do for ${DEADLINE_MS} ms; nothing was asked of it`, { retryable: true });
      return await work(remainingMs);
    });
  };
  /** The newest entry that was committed through this coordinator. */
  let ownIndex = 0;
  const committed = (index: number): void => {
    ownIndex = Math.max(ownIndex, index);
  };
  return {
    get cell() {
      return projection.state().cell;
    },
    state: () => projection.state(),
    isStale: () => projection.isStale(),
    fresh: async (index = 0) => {
      const wanted = Math.max(index, ownIndex);
      if (wanted > 0) await log.waitApplied(wanted, DEADLINE_MS);
      return projection.state();
    },
    runInstances: async (intent) => {
      const answer = await inTurn(async (remainingMs) => await runInstances(options, intent, remainingMs));
      if (answer.kind === 'created') committed(answer.index);
      return answer;
    },
    propose: async (command: Command): Promise<Proposed> => {
      const proposed = await inTurn(async (timeoutMs) => await log.propose(command, { timeoutMs }));
      committed(proposed.index);
      return proposed;
    },
    console: async (instance) => await askConsole(mesh, projection.state(), instance),
  };
}

/**
 * Asks the leader until it answers. An attempt without an answer may have been committed all the same: the ids in the
 * intent tell, so that asking again never makes a second set of instances.
 */
async function runInstances({ world, mesh, log }: CellPortOptions, intent: RunInstancesIntent, timeoutMs: number): Promise<IntentAnswer> {
  const deadlineAtMs = world.clock.nowMs() + timeoutMs;
  let busyRetryMs = BUSY_RETRY_MS;
  let isUncertain = false;
  let lastError: unknown = null;
  for (;;) {
    const remainingMs = deadlineAtMs - world.clock.nowMs();
    if (remainingMs <= 0) break;
    let retryMs = RETRY_MS;
    const { leader } = log.status();
    if (leader !== null && leader !== mesh.self) {
      try {
        const answer = (await mesh.request(leader, 'intent', intent, { timeoutMs: Math.min(remainingMs, LEADER_ANSWER_MS) })) as IntentAnswer;
        return isUncertain && answer.kind !== 'created' ? ((await findEarlier(log, intent, deadlineAtMs - world.clock.nowMs())) ?? answer) : answer;
      } catch (error) {
        if (!(error instanceof ClusterError) || !error.retryable) throw error;
        if (error.code !== 'NotLeader' && error.code !== 'LeaderBusy') isUncertain = true;
        lastError = error;
        if (error.code === 'LeaderBusy') {
          retryMs = busyRetryMs;
          busyRetryMs = Math.min(2 * busyRetryMs, BUSY_RETRY_MS_MAX);
        }
      }
    }
    await new Promise<void>((resolve) => void world.timers.after(retryMs * (0.5 + world.chance.next()), resolve));
  }
  throw new ClusterError(isUncertain ? 'LedgerTimeout' : 'NoLeader', `no leader answered RunInstances within ${Math.round(timeoutMs)} ms`, { retryable: true, cause: lastError ?? undefined });
}

/** What an earlier attempt of this very request created, if it did. */
async function findEarlier(log: ReplicatedLog, intent: RunInstancesIntent, remainingMs: number): Promise<IntentAnswer | null> {
  if (intent.dryRun) return null;
  const state = await log.readFresh({ timeoutMs: Math.max(1, remainingMs) });
  const created = intent.ids.flatMap(({ instance }) => {
    const record = state.instances.get(instance);
    return record?.reservation === intent.reservation ? [record] : [];
  });
  const [first] = created;
  return first === undefined ? null : { kind: 'created', index: first.launchIndex, instances: created.map(({ id }) => id) };
}

async function askConsole(mesh: Mesh, state: CellState, instance: InstanceId): Promise<ConsoleAnswer> {
  const holder = state.instances.get(instance)?.holder ?? null;
  if (holder === null) return { text: '' };
  const request: ConsoleRequest = { instance, bytesMax: CONSOLE_BYTES_MAX };
  const answer = await mesh.request(holder, 'console', request, { timeoutMs: CONSOLE_TIMEOUT_MS });
  const text: unknown = typeof answer === 'object' && answer !== null && 'text' in answer ? answer.text : null;
  if (typeof text !== 'string') throw new ClusterError('PeerFailed', `${holder} answered no console text of ${instance}`, { retryable: true });
  return { text };
}
