/**
 * Which new replicas may this node build now? A few at a time, in the order in which they were asked for.
 *
 * A thousand instances asked for at once would otherwise be built all at once: each of them late, and the processor, which
 * answers users and leases too, taken for all that time. Only what is new waits here: a takeover, a replica that comes up
 * again, a start of what exists never does.
 */
import type { VolumeId } from '../../shared/ids.ts';
import type { Clock } from '../../shared/world.ts';

/**
 * New replicas under construction at once. Each takes about a second of little work and much waiting (LVM, DRBD's handshake, the
 * image), so this many make up to ten a second on a node; OpenStack's compute service builds ten instances at once by default.
 */
export const BUILDS_MAX = 8;
/** A build that takes longer (its disk fails, its peer is away) gives its place to others, and goes on beside them. */
export const BUILD_MS_MAX = 10_000;

/** The builds of one node. */
export class Builds {
  readonly #clock: Clock;
  readonly #onTurn: (volume: VolumeId) => void;
  readonly #sinceMs = new Map<VolumeId, number>();
  /** No more than there are volumes on this node. */
  readonly #waiting = new Set<VolumeId>();

  /** `onTurn` is told of the volume that may ask again. */
  constructor(clock: Clock, onTurn: (volume: VolumeId) => void) {
    this.#clock = clock;
    this.#onTurn = onTurn;
  }

  /** Whether this one may be built now; once it may, it may until it is finished. If not, its turn is told. */
  mayBuild(volume: VolumeId): boolean {
    if (this.#sinceMs.has(volume)) return true;
    const nowMs = this.#clock.nowMs();
    for (const [other, sinceMs] of this.#sinceMs) if (nowMs - sinceMs >= BUILD_MS_MAX) this.#sinceMs.delete(other);
    if (this.#sinceMs.size >= BUILDS_MAX) {
      this.#waiting.add(volume);
      return false;
    }
    this.#waiting.delete(volume);
    this.#sinceMs.set(volume, nowMs);
    return true;
  }

  /** It is built, or is not to be built any more. */
  finish(volume: VolumeId): void {
    this.#waiting.delete(volume);
    if (!this.#sinceMs.delete(volume)) return;
    const [next] = this.#waiting;
    if (next !== undefined) this.#onTurn(next);
  }
}
