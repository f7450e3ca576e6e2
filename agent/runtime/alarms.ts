/**
 * How often is somebody asked to look at the same thing? Each alarm is logged once, and again while it lasts, but not with every look.
 */
import type { World } from '../../shared/world.ts';

export const ALARM_REPEAT_MS = 30_000;
/** Alarms remembered; more are a flood of their own, and then some are said sooner again. */
const ALARMS_MAX = 1_000;

/** The alarms of one agent. */
export class Alarms {
  readonly #world: World;
  readonly #raisedAtMs = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  raise(subject: string, reason: string): void {
    const { clock, log } = this.#world;
    const key = `${subject} ${reason}`;
    if (clock.nowMs() - (this.#raisedAtMs.get(key) ?? -Infinity) < ALARM_REPEAT_MS) return;
    this.#raisedAtMs.set(key, clock.nowMs());
    if (this.#raisedAtMs.size > ALARMS_MAX) this.#raisedAtMs.clear();
    log.write({ event: 'alarm', subject, reason });
  }
}
