/**
 * What does DRBD's kernel get told when a primary lost its peer? "Go on alone" only after the ledger recorded that the
 * peer is out of the in-sync set (SAFETY.md 2.3, shrink before ack); until then I/O stays frozen, for as long as it takes.
 *
 * The kernel may call again, and several calls at once (DRBD.md A4): one is worked on per resource, and the newest wins.
 */
import { describeError } from '../../shared/errors.ts';
import { isVolumeId } from '../../shared/ids.ts';
import type { VolumeId } from '../../shared/ids.ts';
import type { ReplicatedLog } from '../../shared/ledger/replicated-log.ts';
import { isFenced } from '../../shared/model/node.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { VolumeRecord } from '../../shared/model/volume.ts';
import type { Files, HelperCall, Machine, World } from '../../shared/world.ts';
import type { ObservedResource, Self } from '../machines/observed.ts';
import { Alarms } from './alarms.ts';

/** Exit codes of the helper (drbd-8.4 `conn_try_outdate_peer`; DRBD.md B4). 3 and 5 are never given: they promote stale replicas. */
export const PEER_OUTDATED = 4;
export const PEER_STONITHED = 7;
/** Anything else: the kernel stays frozen (or refuses the promotion). */
export const NOT_DECIDED = 1;

const PROPOSE_TIMEOUT_MS = 2_000;
const RETRY_MS = 200;
/** How long the mark of a failed disk may take. Meanwhile the kernel holds the failed write back (DRBD.md A1). */
const MARK_WAIT_MS = 1_000;
/** How much later than the helper's call the event stream may tell of the same loss. */
const EVENT_DELAY_MS_MAX = 2_000;
/** How long DRBD may show nothing of a resource that its kernel called about, before it counts as taken down: its helper would wait for ever. */
const GONE_MS = 10_000;

/** What the answers depend on. */
export interface FencePeerOptions {
  readonly self: Self;
  readonly world: World;
  readonly machine: Machine;
  readonly files: Files;
  readonly log: ReplicatedLog;
  /** What DRBD shows now. Null while its events are not heard. */
  readonly resources: () => ReadonlyMap<VolumeId, ObservedResource> | null;
  /** Volumes that are being promoted now, under a permit. */
  readonly promoting: ReadonlySet<VolumeId>;
}

/** Directory of marks of replicas whose disk failed; one empty file each, on the boot disk. */
export const TAINTED_DIRECTORY = 'tainted';

/** Answers the kernel's helper calls of one node. */
export class FencePeer {
  readonly #options: FencePeerOptions;
  /** The newest call of each volume, while it is under way. */
  readonly #newest = new Map<VolumeId, object>();
  readonly #alarms: Alarms;

  constructor(options: FencePeerOptions) {
    this.#options = options;
    this.#alarms = new Alarms(options.world);
  }

  /** Whether the kernel asks about this volume now. */
  isAsked(id: VolumeId): boolean {
    return this.#newest.has(id);
  }

  async answer(call: HelperCall): Promise<number> {
    const { world } = this.#options;
    world.log.write({ event: 'drbdHelperCalled', helper: call.event, resource: call.resource });
    if (!isVolumeId(call.resource)) return call.event === 'fence-peer' ? NOT_DECIDED : 0;
    switch (call.event) {
      case 'fence-peer': {
        const exitCode = await this.#fencePeer(call.resource);
        world.log.write({ event: 'drbdHelperAnswered', helper: call.event, resource: call.resource, exitCode });
        return exitCode;
      }
      case 'local-io-error':
        return await this.#localError(call.resource);
      default:
        // Split brain and the like are told to people; the kernel wants nothing from us. It reports them with each connection anew, some times a second.
        if (call.event.includes('split-brain') || call.event === 'pri-on-incon-degr') this.#alarms.raise(call.resource, `DRBD reports ${call.event}`);
        return 0;
    }
  }

  async #fencePeer(id: VolumeId): Promise<number> {
    const token = {};
    this.#newest.set(id, token);
    try {
      return await this.#answerNewest(id, token);
    } finally {
      if (this.#newest.get(id) === token) this.#newest.delete(id);
    }
  }

  async #answerNewest(id: VolumeId, token: object): Promise<number> {
    const { log, world, resources, promoting } = this.#options;
    const askedAtMs = world.clock.nowMs();
    let shownAtMs = askedAtMs;
    for (;;) {
      if (this.#newest.get(id) !== token) return NOT_DECIDED;
      const shown = resources();
      const resource = shown?.get(id);
      if (shown === null || resource !== undefined) shownAtMs = world.clock.nowMs();
      // Frozen or gone: both are no without a right to write.
      if (world.clock.nowMs() - shownAtMs > GONE_MS) return NOT_DECIDED;
      const volume = log.state().volumes.get(id);
      if (promoting.has(id) && resource?.role !== 'Primary') return this.#isHeld(volume) ? this.#answerPromotion(log.state(), volume) : NOT_DECIDED;
      // The kernel calls it for a resource that it has, so an agent that does not see it yet has only just begun to look.
      if (resource !== undefined) {
        // Nobody promotes it under a permit: an order of an agent that is no more.
        if (resource.role !== 'Primary') return NOT_DECIDED;
        const answer = await this.#answerPrimary(id, resource, world.clock.nowMs() - askedAtMs);
        if (answer !== null) return answer;
      }
      await new Promise<void>((resolve) => {
        world.timers.after(RETRY_MS, () => resolve());
      });
    }
  }

  /** For a primary that lost its peer: the exit code, or null to look again. */
  async #answerPrimary(id: VolumeId, resource: ObservedResource, askedForMs: number): Promise<number | null> {
    // The event that says that the peer is lost may come later than the call that asks about it. One that came back makes
    // the kernel ignore the exit code.
    if (resource.connection === 'Connected') return askedForMs > EVENT_DELAY_MS_MAX ? NOT_DECIDED : null;
    const volume = this.#options.log.state().volumes.get(id);
    return this.#isHeld(volume) ? await this.#shrink(volume) : await this.#confirmNotHeld(id);
  }

  #isHeld(volume: VolumeRecord | undefined): volume is VolumeRecord {
    const { self } = this.#options;
    return volume !== undefined && volume.holder === self.node && volume.holderBootId === self.bootId;
  }

  /** The kernel asks only once: an agent that has not caught up yet (it has just started) must not say no. */
  async #confirmNotHeld(id: VolumeId): Promise<number | null> {
    const { log, world } = this.#options;
    try {
      const state = await log.readFresh({ timeoutMs: PROPOSE_TIMEOUT_MS });
      if (this.#isHeld(state.volumes.get(id))) return null;
      world.log.write({ event: 'alarm', subject: id, reason: 'a primary that this node does not hold lost its peer: it stays frozen' });
      return NOT_DECIDED;
    } catch (error) {
      world.log.write({ event: 'holderNotConfirmed', volume: id, error: describeError(error) });
      return null;
    }
  }

  /** The shrink was committed before `primary` was run; a replica that was never formatted has no other writer to fear. */
  #answerPromotion(state: CellState, volume: VolumeRecord): number {
    const isAlone = volume.inSync.length === 1 && volume.inSync[0] === this.#options.self.node;
    return isAlone ? decisive(state, volume, this.#options.self) : NOT_DECIDED;
  }

  /** The exit code, or null to try again. The answer is never taken from what was known before. */
  async #shrink(volume: VolumeRecord): Promise<number | null> {
    const { log, self, world } = this.#options;
    try {
      const command = { kind: 'shrink', actor: self, volume: volume.id, generation: volume.generation, reason: 'the primary lost its peer' } as const;
      const { result } = await log.propose(command, { timeoutMs: PROPOSE_TIMEOUT_MS, appliedHere: true });
      if (result.kind === 'applied') return decisive(log.state(), volume, self);
      // Superseded: I/O stays frozen for good, and the reconciler removes the domain or resets the node.
      world.log.write({ event: 'alarm', subject: volume.id, reason: `the ledger refused the shrink: ${result.reason}` });
      return NOT_DECIDED;
    } catch (error) {
      world.log.write({ event: 'shrinkNotAnswered', volume: volume.id, error: describeError(error) });
      return null;
    }
  }

  /**
   * The mark is durable on another disk before the node resets; no DRBD command is in between (DRBD.md A1). A boot disk that
   * does not take the mark either holds up nothing: a node that lost a disk under a replica never goes on.
   *
   * One disk under several volumes fails for all of them at once. The first call resets the node, and with it goes whatever the others were about to say; so
   * it marks every replica whose disk the kernel shows as failed. Each of them may lack what its peer alone kept since (DRBD.md A1).
   */
  async #localError(id: VolumeId): Promise<number> {
    const { machine, resources, world } = this.#options;
    world.log.write({ event: 'alarm', subject: id, reason: 'the disk of this replica failed: the node resets itself' });
    const { promise: tooLong, resolve } = Promise.withResolvers<void>();
    const timer = world.timers.after(MARK_WAIT_MS, resolve);
    const failed = new Set([id, ...[...(resources() ?? [])].filter(([, { disk }]) => disk === 'Failed').map(([other]) => other)]);
    await Promise.race([Promise.all([...failed].map(async (each) => await this.#mark(each))), tooLong]);
    timer.cancel();
    machine.resetNow(`the disk under ${id} failed`);
    return 0;
  }

  /** Never rejects: the reset comes in any case. */
  async #mark(id: VolumeId): Promise<void> {
    const { files, world } = this.#options;
    try {
      await files.writeDurably(`${TAINTED_DIRECTORY}/${id}`, '');
    } catch (error) {
      world.log.write({ event: 'markNotWritten', volume: id, error: describeError(error) });
    }
  }
}

function decisive(state: CellState, volume: VolumeRecord, self: Self): number {
  const other = volume.replicas.find((node) => node !== self.node);
  const node = other === undefined ? undefined : state.nodes.get(other);
  const isDead = node !== undefined && node.bootId !== null && isFenced(node, node.bootId);
  return isDead ? PEER_STONITHED : PEER_OUTDATED;
}
