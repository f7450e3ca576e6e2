/**
 * How does a node enter its cell after a start? It attests its boot, brings its replicas up as secondaries, and only then takes work.
 *
 *     started --> attested (bootNode) --lease held--> reconciling --nothing is missing (machines/readiness.ts)--> ready (readyNode)
 *
 * The same boot attesting again (an agent's restart) changes nothing: the ledger knows it already.
 */
import { describeError } from '../../shared/errors.ts';
import type { VolumeId } from '../../shared/ids.ts';
import { isVolumeId } from '../../shared/ids.ts';
import type { ReplicatedLog } from '../../shared/ledger/replicated-log.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { NodeRecord } from '../../shared/model/node.ts';
import type { Files, Machine, World } from '../../shared/world.ts';
import type { Observed, Self } from '../machines/observed.ts';
import { missingForReady } from '../machines/readiness.ts';
import { TAINTED_DIRECTORY } from './fence-peer.ts';
import type { HostPort, LeasePort } from './ports.ts';

const PROPOSE_TIMEOUT_MS = 5_000;
const READ_TIMEOUT_MS = 5_000;
const RETRY_MS = 300;
/** So many things that are missing are named in the log. */
const MISSING_TOLD_MAX = 8;

/** What boot needs. */
export interface BootOptions {
  readonly self: Self;
  readonly world: World;
  readonly machine: Machine;
  readonly files: Files;
  readonly log: ReplicatedLog;
  readonly lease: LeasePort & { renewalsInRow(): number };
  readonly host: HostPort;
  readonly storeUuid: string;
  /** Observes the node and starts working on its objects; called once, after the boot is attested. */
  readonly startReconciler: () => Promise<void>;
  /** What the node shows, once it is observed, and whether DRBD's part of it is what it shows now. */
  readonly observed: () => { readonly observed: Observed; readonly isDrbdCurrent: boolean };
}

/** Keeps the node's standing in the ledger right: attests, reports ready, and resets the node when this boot is fenced. */
export class Boot {
  readonly #options: BootOptions;
  /** Since when the reconciler works, on the monotonic clock; null: it does not. */
  #reconcilingSinceMs: number | null = null;
  #missingTold = '';
  #isWorking = false;
  #isStopped = false;

  constructor(options: BootOptions) {
    this.#options = options;
  }

  start(): void {
    const { log, lease } = this.#options;
    log.subscribe((entry) => {
      const isOurs = entry === null || entry.events.some((event) => event.subjects.includes(this.#options.self.node));
      if (isOurs) this.#kick();
    });
    lease.onChange(() => this.#kick());
    this.#kick();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #kick(): void {
    if (this.#isWorking || this.#isStopped) return;
    this.#isWorking = true;
    // Failures are logged inside and tried again.
    void this.#work();
  }

  async #work(): Promise<void> {
    const { world } = this.#options;
    try {
      while (!this.#isStopped && (await this.#step())) await this.#pause();
    } catch (error) {
      world.log.write({ event: 'bootStepFailed', error: describeError(error) });
      world.timers.after(RETRY_MS, () => this.#kick());
    } finally {
      this.#isWorking = false;
    }
  }

  /** One step; true when another may follow. */
  async #step(): Promise<boolean> {
    const { log, self, lease } = this.#options;
    const known = log.state().nodes.get(self.node);
    if (known !== undefined && isSettled(known, self) && known.storeUuid === this.#options.storeUuid && this.#reconcilingSinceMs !== null) return false;
    // While something is missing here nobody else need be asked; a boot that is fenced meanwhile is no longer joining.
    if (known?.phase === 'joining' && known.bootId === self.bootId && this.#reconcilingSinceMs !== null && this.#missing(log.state()).length > 0) return true;
    const state = await log.readFresh({ timeoutMs: READ_TIMEOUT_MS });
    const node = state.nodes.get(self.node);
    if (node === undefined) return true;
    if (node.bootId === self.bootId && (node.phase === 'fenced' || node.phase === 'fencing')) {
      this.#options.machine.resetNow('this boot was fenced');
      return false;
    }
    // A store that was lost within one boot is told too: its voter is another one now.
    if (node.bootId !== self.bootId || node.storeUuid !== this.#options.storeUuid) return await this.#attest();
    // Without a lease nothing may be started; the keeper gets one once the ledger knows this boot.
    if (lease.remainingMs() <= 0) return true;
    if (this.#reconcilingSinceMs === null) {
      await this.#options.startReconciler();
      this.#reconcilingSinceMs = this.#options.world.clock.nowMs();
      return true;
    }
    if (node.phase === 'joining' && this.#missing(state).length === 0) await this.#propose({ kind: 'readyNode', actor: self });
    return node.phase === 'joining';
  }

  #missing(state: CellState): readonly string[] {
    const { lease, observed, self, world } = this.#options;
    const waitedMs = world.clock.nowMs() - (this.#reconcilingSinceMs ?? world.clock.nowMs());
    const missing = missingForReady({ ...observed(), state, self, renewalsInRow: lease.renewalsInRow(), waitedMs });
    const told = missing.slice(0, MISSING_TOLD_MAX).join(', ');
    if (told !== this.#missingTold) world.log.write({ event: 'readiness', missing: told, waitedMs: Math.round(waitedMs) });
    this.#missingTold = told;
    return missing;
  }

  async #attest(): Promise<boolean> {
    const { host, self, storeUuid, world } = this.#options;
    const capacity = await host.inventory();
    const tainted = await this.#tainted();
    world.log.write({ event: 'bootAttested', node: self.node, bootId: self.bootId, tainted });
    await this.#propose({ kind: 'bootNode', actor: self, storeUuid, capacity, tainted });
    return true;
  }

  async #tainted(): Promise<readonly VolumeId[]> {
    const names = await this.#options.files.list(TAINTED_DIRECTORY);
    return names.filter((name): name is VolumeId => isVolumeId(name));
  }

  async #propose(command: Parameters<ReplicatedLog['propose']>[0]): Promise<void> {
    const { result } = await this.#options.log.propose(command, { timeoutMs: PROPOSE_TIMEOUT_MS, appliedHere: true });
    if (result.kind === 'rejected') this.#options.world.log.write({ event: 'bootReportRejected', command: command.kind, reason: result.reason, message: result.message });
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#options.world.timers.after(RETRY_MS, () => resolve());
    });
  }
}

function isSettled(node: NodeRecord, self: Self): boolean {
  return node.bootId === self.bootId && (node.phase === 'active' || node.phase === 'draining' || node.phase === 'maintenance');
}
