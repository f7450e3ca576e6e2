/**
 * What does a source file import?
 *
 * Statements are found by their form at the beginning of a line (which the house style gives them), `import()` anywhere.
 * Comment lines are skipped. Type-only imports count: they, too, tie one folder to another.
 */

export interface ImportStatement {
  specifier: string;
  /** Counted from 1. */
  line: number;
}

const STATIC = /^(?:import|export)\b(?:[^'"`;()]*?\bfrom)?\s*(['"])(?<specifier>[^'"\n]+)\1/gm;
const DYNAMIC = /\bimport\(\s*(['"])(?<specifier>[^'"\n]+)\1/g;

/** All imports of a TypeScript or JavaScript text, in the order of their lines. */
export function importsOf(text: string): ImportStatement[] {
  const code = text.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  const found = [STATIC, DYNAMIC].flatMap((pattern) => [...code.matchAll(pattern)]);
  return found
    .map((match) => ({ specifier: match.groups?.['specifier'] ?? '', line: lineOf(code, match) }))
    .toSorted((a, b) => a.line - b.line);
}

/** The line of the specifier, which may be the last one of a statement. */
function lineOf(code: string, match: RegExpExecArray): number {
  return code.slice(0, match.index + match[0].length).split('\n').length;
}
