/**
 * How does text look on a terminal? Aligned columns, and colours only where somebody watches.
 */

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const CODES: Readonly<Record<Colour, readonly [number, number]>> = { red: [31, 39], green: [32, 39], yellow: [33, 39], dim: [2, 22], bold: [1, 22] };

/** Colours text, or not. */
export type Paint = (colour: Colour | null, text: string) => string;

/** Paints for a terminal; leaves text alone for everything else, and where NO_COLOR says so. */
export function painter(isTerminal: boolean, environment: Readonly<Record<string, string | undefined>>): Paint {
  const isPlain = !isTerminal || (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return (colour, text) => (isPlain || colour === null ? text : `\u001b[${CODES[colour][0]}m${text}\u001b[${CODES[colour][1]}m`);
}

/** One cell: its text, its colour, and on which side it is aligned. */
export interface Cell {
  readonly text: string;
  readonly colour?: Colour | null;
}

/** A table as lines. Columns whose head begins with `>` are aligned to the right. */
export function table(heads: readonly string[], rows: readonly (readonly (string | Cell)[])[], paint: Paint): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
  const names = heads.map((head) => head.replace(/^>/, ''));
  const widths = names.map((name, at) => Math.max(name.length, ...cells.map((row) => row[at]?.text.length ?? 0)));
  const line = (row: readonly Cell[]): string =>
    row.map((cell, at) => {
      const width = widths[at] ?? 0;
      const isLast = at === row.length - 1;
      const padded = heads[at]?.startsWith('>') === true ? cell.text.padStart(width) : isLast ? cell.text : cell.text.padEnd(width);
      return paint(cell.colour ?? null, padded);
    }).join('  ').trimEnd();
  return [line(names.map((text) => ({ text, colour: 'dim' }))), ...cells.map(line)].map((text) => `${text}\n`).join('');
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.5 GiB`, `640 MiB`. */
export function bytes(count: number): string {
  const at = unitOf(count);
  return `${inUnit(count, at)} ${UNITS[at]}`;
}

/** `0.1 of 14.7 GiB`: a part of a whole, both in the whole's unit. */
export function share(part: number, whole: number): string {
  const at = unitOf(whole);
  return `${inUnit(part, at)} of ${inUnit(whole, at)} ${UNITS[at]}`;
}

function unitOf(count: number): number {
  return UNITS.findIndex((_, at) => count < 1024 ** (at + 1) || at === UNITS.length - 1);
}

function inUnit(count: number, at: number): string {
  const value = count / 1024 ** at;
  return value >= 100 || at === 0 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

/** `0.4 s`, `3 min`, `2 h`. */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}
