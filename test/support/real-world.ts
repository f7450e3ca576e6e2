/** What time is it in a test that needs the real one? A world with real time, seeded chance and a log to read. */
import { parseMemberId } from '../../shared/ids.ts';
import type { MemberId } from '../../shared/ids.ts';
import { clock, timers } from '../../shared/process/process-world.ts';
import { seededChance } from '../../shared/random.ts';
import type { LogFact, World } from '../../shared/world.ts';

export const memberId = (number: number): MemberId => parseMemberId(`node-${number}`);

/** A world with real time. */
export function realWorld(seed: number): World & { readonly facts: LogFact[] } {
  const facts: LogFact[] = [];
  return {
    facts,
    clock,
    timers,
    chance: seededChance(seed),
    log: { write: (fact) => void facts.push(fact) },
  };
}

/** Resolves as soon as `isSo` holds; looks again after each turn of the event loop that did something. */
export async function eventually(what: string, isSo: () => boolean, withinMs = 30_000): Promise<void> {
  const startedMs = performance.now();
  while (!isSo()) {
    if (performance.now() - startedMs > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
