/**
 * Does the cell hear its leader? Where the log is held elsewhere, a leader may write to it while no node reaches that leader any more.
 *
 *     leading --hears fewer than half of those that may lead, itself counted--> resigns --alone for long--> leads again, and stays
 *
 * Our own log has no such leader: it is heard by a majority of its voters, or does not lead. Without this watch, nodes whose leader
 * was cut off from them alone would all lose their leases. It is about progress only: whoever leads by whatever right grants and
 * proves by the same rules. A leader that resigns in vain (the others are dead) leads again, and does not resign again soon.
 */
import { memberOfVoter } from '../../shared/ids.ts';
import type { NodeId } from '../../shared/ids.ts';
import type { LedgerMember } from '../../shared/ledger/replicated-log.ts';
import { TIMING_PROFILES } from '../../shared/model/timing.ts';
import { MINUTE_MS } from '../../shared/units.ts';
import type { Timer, World } from '../../shared/world.ts';
import type { Fencer } from './fencer-ports.ts';

/** A node whose last renewal is so many intervals old is not heard: two were lost, or it sends none. */
const SILENT_INTERVALS = 2.5;
/** A new leader is given so many intervals to be found. */
const GRACE_INTERVALS = 4;
/** Who resigned does not do so again for so long. */
const RESIGN_EVERY_MS = MINUTE_MS;

/** What the watch needs. */
export interface DeafWatchOptions {
  readonly world: World;
  readonly log: LedgerMember & { resign(): void };
  readonly fencer: Pick<Fencer, 'heard'>;
}

/** Looks once in a renewal's interval, for as long as the agent runs. */
export class DeafWatch {
  readonly #options: DeafWatchOptions;
  #timer: Timer | null = null;
  #term: number | null = null;
  #leadsSinceMs = 0;
  #resignedAtMs = -Infinity;

  constructor(options: DeafWatchOptions) {
    this.#options = options;
    this.#later();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #later(): void {
    this.#timer = this.#options.world.timers.after(this.#intervalMs(), () => {
      this.#look();
      this.#later();
    });
  }

  #intervalMs(): number {
    return TIMING_PROFILES[this.#options.log.state().parameters.profile].renewIntervalMs;
  }

  #look(): void {
    const { fencer, log, world } = this.#options;
    const nowMs = world.clock.nowMs();
    const { member, term, voters } = log.status();
    const leads = log.isLeading() ? term : null;
    if (leads !== this.#term) {
      this.#term = leads;
      this.#leadsSinceMs = nowMs;
    }
    if (leads === null || nowMs - this.#leadsSinceMs < GRACE_INTERVALS * this.#intervalMs() || nowMs - this.#resignedAtMs < RESIGN_EVERY_MS) return;
    const others = voters.map((voter) => memberOfVoter(voter)).filter((other) => other !== member);
    const heard = others.filter((other) => (fencer.heard(other as NodeId)?.ageMs ?? Infinity) <= SILENT_INTERVALS * this.#intervalMs());
    if (heard.length + 1 > (others.length + 1) / 2) return;
    this.#resignedAtMs = nowMs;
    world.log.write({ event: 'leaderResigns', term, heard, notHeard: others.filter((other) => !heard.includes(other)) });
    log.resign();
  }
}
