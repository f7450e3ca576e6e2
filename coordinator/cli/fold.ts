/**
 * How do long lines fit a terminal? Folded between words, and continued below the column that they stand in.
 *
 * A terminal itself breaks words anywhere and goes on at its left edge, where tables and lists can no longer be read.
 */

/** What colours a text and takes no place (ECMA-48, Select Graphic Rendition). */
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** Columns are parted by two spaces or more; a line may begin with some. */
const GAP = /^ +(?=[^ ])| {2,}(?=[^ ])/g;
const NOTE_INDENT = ' '.repeat(8);

/** Folds each line of `text` that is wider than `columns`. A word that is too long by itself stays whole. */
export function fold(text: string, columns: number): string {
  return text.split('\n').map((line) => (widthOf(line) > columns ? foldLine(line, columns) : line)).join('\n');
}

function foldLine(line: string, columns: number): string {
  const gap = [...line.matchAll(GAP)].at(-1);
  if (gap !== undefined && widthOf(line.slice(0, gap.index)) > columns / 2) {
    // What stands so far to the right (a table's note) gets lines of its own.
    return `${line.slice(0, gap.index).trimEnd()}\n${foldWords(line.slice(gap.index + gap[0].length), NOTE_INDENT, columns)}`;
  }
  return foldWords(line, '', columns);
}

/** Continued below the last column that leaves half of the line to its text. */
function foldWords(text: string, before: string, columns: number): string {
  const plain = (before + text).replaceAll(COLOUR, '');
  const indent = ' '.repeat(Math.max(0, ...[...plain.matchAll(GAP)].map((gap) => gap.index + gap[0].length).filter((at) => at <= columns / 2)));
  const lines: string[] = [];
  let current = '';
  for (const [word] of (before + text).matchAll(/ *[^ ]+/g)) {
    if (current === '' || widthOf(current) + widthOf(word) <= columns) current += word;
    else {
      lines.push(current);
      current = indent + word.trimStart();
    }
  }
  return [...lines, current].join('\n');
}

function widthOf(text: string): number {
  return text.replaceAll(COLOUR, '').length;
}
