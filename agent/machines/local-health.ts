/**
 * How far may this member trust what it does *not* hear? Lifeguard's local health multiplier.
 *
 * A leader that is starved itself hears nobody. Each sign of that (its own timers fire late, its own probes fail) raises a
 * score, each sign of health lowers it, and suspicion waits 1 + score times as long. The fence wait is never stretched
 * by this, nor shortened: its proof knows of no health.
 */

/** Suspicion waits at most this many times as long (memberlist's awareness limit, SAFETY.md 3.5). */
const MULTIPLIER_MAX = 8;

/** How well this member is. */
export interface LocalHealth {
  /** 0 (well) to MULTIPLIER_MAX - 1. */
  readonly score: number;
}

/** How every member begins. */
export const WELL: LocalHealth = { score: 0 };

/** What raises or lowers the score. */
export type HealthEvent =
  /** A timer fired this much after it was due. `toleratedMs`: what counts as one step of bad health. */
  | { readonly kind: 'timerFired'; readonly latenessMs: number; readonly toleratedMs: number }
  | { readonly kind: 'helperAnswered' }
  /** A helper that was asked for a probe did not answer: it, or we, have a problem. */
  | { readonly kind: 'helperSilent' };

/** The score after one sign. Pure; the score stays within its range. */
export function stepHealth(health: LocalHealth, event: HealthEvent): LocalHealth {
  return { score: Math.min(MULTIPLIER_MAX - 1, Math.max(0, health.score + change(event))) };
}

/** What suspicion multiplies its waits by: 1 to 8. */
export function healthMultiplier(health: LocalHealth): number {
  return 1 + health.score;
}

function change(event: HealthEvent): number {
  switch (event.kind) {
    case 'timerFired': {
      const steps = Math.floor(event.latenessMs / event.toleratedMs);
      return steps > 0 ? steps : -1;
    }
    case 'helperAnswered':
      return -1;
    case 'helperSilent':
      return 1;
  }
}
