/**
 * Is this the trace that was expected? The same facts, each at its time, but for a little.
 *
 * Nothing may be missing and nothing may be added. What leases and fences do is timed by the protocol, and must come at its
 * moment. The rest also hangs on when DRBD last asked its peer, or an agent last looked, so it may come a little sooner or
 * later, and facts that are as close as that may change places: another order of two answers is no other story.
 */
import { printTraceLine } from './parse-story.ts';
import type { TraceLine } from './parse-story.ts';

/** Half of what printing rounds, and as much as messages and looks take. */
const STRICT_MS = 150;
/** As far as DRBD's pings (ping-int 2 s, seen one second apart), an agent's looks (up to 1.5 s) and retries (0.3 s) move things. */
const LOOSE_MS = 1_600;
/** What the protocol times: suspicion, the end of leases, proofs. */
const TIMED = /is suspect|is trusted again|its keeper resets it|is to be fenced|\((?:leaseExpired|powerOffConfirmed)\)/;

/** One line in a whole story: when it was since the world began, and under which command. */
export interface PlacedLine extends TraceLine {
  readonly command: number;
}

/** What two traces differ in; both empty: in nothing. */
export interface TraceDifference {
  readonly missing: readonly PlacedLine[];
  readonly added: readonly PlacedLine[];
}

/** Pairs facts of the same text in their order. `toleranceMs`: that of a story whose leases hang on an election, where chance has its say; null: none such. */
export function compareTraces(expected: readonly PlacedLine[], actual: readonly PlacedLine[], toleranceMs: number | null): TraceDifference {
  const left = [...actual];
  const missing = expected.filter(({ atMs, text }) => {
    const slackMs = TIMED.test(text) ? toleranceMs ?? STRICT_MS : Math.max(LOOSE_MS, toleranceMs ?? 0);
    const at = left.findIndex((line) => line.text === text && Math.abs(line.atMs - atMs) <= slackMs);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return { missing, added: left };
}

/** For people: `-` was expected and did not happen, `!` happened and was not expected, by time. `fromMs`: when the command began. */
export function printDifference({ missing, added }: TraceDifference, fromMs: number): string {
  const lines = [...missing.map((line) => ({ ...line, sign: '-' })), ...added.map((line) => ({ ...line, sign: '!' }))];
  return lines.toSorted((a, b) => a.atMs - b.atMs).map(({ sign, atMs, text }) => `  ${sign} ${printTraceLine({ atMs: atMs - fromMs, text })}`).join('\n');
}
