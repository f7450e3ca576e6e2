/**
 * How long is "1.5 s"?
 */
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 };

/** Milliseconds of `300 ms`, `1.5 s`, `20s`, `15 min` or `1 h`. Throws for anything else. */
export function durationMs(text: string): number {
  const found = /^(\d+(?:\.\d+)?) ?(ms|s|min|h)$/.exec(text.trim());
  const unitMs = UNITS_MS[found?.[2] ?? ''];
  if (found === null || unitMs === undefined) throw new Error(`"${text}" is no duration: 300 ms, 1.5 s, 15 min, 1 h`);
  return Math.round(Number(found[1]) * unitMs);
}
