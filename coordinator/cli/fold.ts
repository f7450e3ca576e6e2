/**
 * How do long lines fit a terminal? Folded between words, and continued below the column that they stand in.
 *
 * A terminal itself breaks words anywhere and goes on at its left edge, where tables and lists can no longer be read.
 */

/** What colours a text and takes no place (ECMA-48, Select Graphic Rendition). */
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** Folds each line of `text` that is wider than `columns`. A word that is too long by itself stays whole. */
export function fold(text: string, columns: number): string {
  return text.split('\n').map((line) => (widthOf(line) > columns ? foldLine(line, columns) : line)).join('\n');
}

function foldLine(line: string, columns: number): string {
  const indent = ' '.repeat(indentOf(line.replaceAll(COLOUR, ''), columns));
  const lines: string[] = [];
  let current = '';
  for (const [word] of line.matchAll(/ *[^ ]+/g)) {
    if (current === '' || widthOf(current) + widthOf(word) <= columns) current += word;
    else {
      lines.push(current);
      current = indent + word.trimStart();
    }
  }
  return [...lines, current].join('\n');
}

/** Where the last column begins that leaves half of the line to its text. Columns are parted by two spaces or more. */
function indentOf(line: string, columns: number): number {
  return Math.max(0, ...[...line.matchAll(/(?:^| ) +(?=[^ ])/g)].map((gap) => gap.index + gap[0].length).filter((at) => at <= columns / 2));
}

function widthOf(text: string): number {
  return text.replaceAll(COLOUR, '').length;
}
