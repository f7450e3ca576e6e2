/**
 * How does the agent speak to DRBD? Orders through drbdadm, with deadlines; states through the event stream of drbdsetup.
 */
import { ClusterError, describeError } from '../../../shared/errors.ts';
import type { Log, RunResult, Runner, Stream, Timer, Timers } from '../../../shared/world.ts';
import { buildCreateMetadata, buildDisconnectForce, buildEvents, buildLook, buildOrder, buildPromoteNew } from './build-commands.ts';
import { foldEvent, parseEvents2Line } from './parse-events2.ts';
import type { DrbdView } from './parse-events2.ts';

const ORDER_TIMEOUT_MS = 15_000;
/** A failing fence-peer helper is called four times in a row, 5 to 6 s in all (DRBD.md A4). */
const PROMOTE_TIMEOUT_MS = 30_000;
const RESTART_STREAM_MS = 500;
/**
 * How often a serving primary's figures are looked at. The stream tells states, not figures, and `out-of-sync` above 0 is for
 * seconds the only sign that the peer's disk fails while writes go on being acknowledged (DRBD.md A1).
 */
const LOOK_MS = 1_000;

/** DRBD on this node. Methods reject with ClusterError `DrbdRefused...`; secrets never reach a message. */
export class Drbd {
  readonly #runner: Runner;
  readonly #timers: Timers;
  readonly #log: Log;
  readonly #views = new Map<string, DrbdView>();
  readonly #listeners: ((name: string | null) => void)[] = [];
  #stream: Stream | null = null;
  #isCurrent = false;
  #isStopped = false;
  #lookTimer: Timer | null = null;
  /** Names that the stream has told since it began: what is missing when all is told is gone. */
  #told = new Set<string>();

  constructor(runner: Runner, timers: Timers, log: Log) {
    this.#runner = runner;
    this.#timers = timers;
    this.#log = log;
  }

  /** Begins to follow the event stream; it is begun again whenever it ends. */
  start(): void {
    this.#told = new Set();
    this.#stream = this.#runner.stream(buildEvents(), {
      onLine: (line) => this.#hear(line),
      onEnd: (reason) => this.#ended(reason),
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#lookTimer?.cancel();
    this.#stream?.stop();
  }

  views(): ReadonlyMap<string, DrbdView> {
    return this.#views;
  }

  isCurrent(): boolean {
    return this.#isCurrent;
  }

  onChange(listener: (name: string | null) => void): void {
    this.#listeners.push(listener);
  }

  async createMetadata(configPath: string, resource: string): Promise<void> {
    await this.#order(buildCreateMetadata(configPath, resource), `make metadata of ${resource}`, ORDER_TIMEOUT_MS);
  }

  async up(configPath: string, resource: string): Promise<void> {
    await this.#order(buildOrder(configPath, 'up', resource), `bring ${resource} up`, ORDER_TIMEOUT_MS);
  }

  /** Harmless when the resource is not up. */
  async down(configPath: string, resource: string): Promise<void> {
    await this.#order(buildOrder(configPath, 'down', resource), `take ${resource} down`, ORDER_TIMEOUT_MS);
  }

  async adjust(configPath: string, resource: string): Promise<void> {
    await this.#order(buildOrder(configPath, 'adjust', resource), `adjust ${resource}`, ORDER_TIMEOUT_MS);
  }

  async connect(configPath: string, resource: string): Promise<void> {
    await this.#order(buildOrder(configPath, 'connect', resource), `connect ${resource}`, ORDER_TIMEOUT_MS);
  }

  /** Harmless when there is no connection. */
  async disconnectForce(configPath: string, resource: string): Promise<void> {
    const result = await this.#runner.run(buildDisconnectForce(configPath, resource), { timeoutMs: ORDER_TIMEOUT_MS });
    if (result.exitCode !== 0 && !/unknown connection/.test(result.stderr)) throw refused(`disconnect ${resource}`, result);
  }

  async invalidate(configPath: string, resource: string): Promise<void> {
    await this.#order(buildOrder(configPath, 'invalidate', resource), `invalidate ${resource}`, ORDER_TIMEOUT_MS);
  }

  async primary(configPath: string, resource: string): Promise<void> {
    await this.#order(buildOrder(configPath, 'primary', resource), `promote ${resource}`, PROMOTE_TIMEOUT_MS);
  }

  async primaryNew(configPath: string, resource: string): Promise<void> {
    await this.#order(buildPromoteNew(configPath, resource), `promote the new ${resource}`, PROMOTE_TIMEOUT_MS);
  }

  async secondary(configPath: string, resource: string): Promise<void> {
    await this.#order(buildOrder(configPath, 'secondary', resource), `demote ${resource}`, ORDER_TIMEOUT_MS);
  }

  async #order(argv: readonly string[], what: string, timeoutMs: number): Promise<void> {
    const result = await this.#runner.run(argv, { timeoutMs });
    if (result.exitCode !== 0) throw refused(what, result);
  }

  #hear(line: string): void {
    const event = parseEvents2Line(line);
    if (event === null) {
      if (line.trim() !== '') this.#log.write({ event: 'drbdLineNotUnderstood', line: redact(line).slice(0, 200) });
      return;
    }
    if (event.kind === 'allTold') {
      for (const name of this.#views.keys()) if (!this.#told.has(name)) this.#views.delete(name);
      this.#isCurrent = true;
      this.#tell(null);
      return;
    }
    if (event.kind === 'helper') return;
    if (!this.#told.has(event.name)) this.#views.delete(event.name);
    this.#told.add(event.name);
    const view = foldEvent(this.#views.get(event.name) ?? null, event);
    if (view === null) this.#views.delete(event.name);
    else this.#views.set(event.name, view);
    if (this.#isCurrent) this.#tell(event.name);
  }

  #tell(name: string | null): void {
    this.#lookLater();
    for (const listener of this.#listeners) listener(name);
  }

  /** Only while there is a primary whose writes go to a peer: otherwise no figure matters. */
  #lookLater(): void {
    if (this.#lookTimer !== null || this.#isStopped) return;
    if (![...this.#views.values()].some((view) => view.role === 'Primary' && view.replication === 'Established')) return;
    this.#lookTimer = this.#timers.after(LOOK_MS, () => {
      // A failed look is logged in there, and the next one follows.
      void this.#look().finally(() => {
        this.#lookTimer = null;
        this.#lookLater();
      });
    });
  }

  /** Takes `out-of-sync` alone: states come from the stream in order, and a look may be older than what it told. */
  async #look(): Promise<void> {
    try {
      const { stdout } = await this.#runner.run(buildLook(), { timeoutMs: ORDER_TIMEOUT_MS });
      for (const line of stdout.split('\n')) {
        // Most lines tell states.
        if (!line.includes(' peer-device ')) continue;
        const event = parseEvents2Line(line);
        if (event === null || event.kind === 'allTold' || event.kind === 'helper' || event.object !== 'peer-device') continue;
        const view = this.#views.get(event.name);
        const seen = foldEvent(null, event)?.outOfSyncKiB;
        if (view === undefined || seen === undefined || seen === view.outOfSyncKiB || view.replication !== 'Established') continue;
        this.#views.set(event.name, { ...view, outOfSyncKiB: seen });
        this.#tell(event.name);
      }
    } catch (thrown) {
      this.#log.write({ event: 'drbdLookFailed', message: redact(describeError(thrown)) });
    }
  }

  /** Until it runs again, what was seen last is old: nothing is decided on it. */
  #ended(reason: string): void {
    this.#isCurrent = false;
    if (this.#isStopped) return;
    this.#log.write({ event: 'drbdStreamEnded', reason });
    this.#timers.after(RESTART_STREAM_MS, () => {
      if (!this.#isStopped) this.start();
    });
  }
}

/** What DRBD's refusals mean: texts of drbdsetup 9.22 with module 8.4 (test/fixtures/drbd). */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [/Multiple primaries not allowed/, 'DrbdRefusedPeerPrimary'],
  [/Need access to UpToDate data/, 'DrbdRefusedNotUpToDate'],
  [/Refusing to be Primary while peer is not outdated/, 'DrbdRefusedPeerNotOutdated'],
  [/Device is held open by someone/, 'DrbdRefusedInUse'],
  [/lock held by|lock file/i, 'DrbdRefusedBusy'],
];

function refused(what: string, result: RunResult): ClusterError {
  const code = REFUSALS.find(([pattern]) => pattern.test(result.stderr))?.[1] ?? 'DrbdRefused';
  return new ClusterError(code, `could not ${what}: exit ${result.exitCode}: ${redact(result.stderr).trim().slice(0, 300)}`, { retryable: true });
}

/** drbdadm prints the shared secret in its errors (DRBD.md A7). */
export function redact(text: string): string {
  return text.replaceAll(/(shared-secret[= ]+"?)[^"\s';]+/g, '$1***');
}
