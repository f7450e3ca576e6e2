/**
 * What is a planted bug? A change of source texts that makes the protocol wrong, and the promise that it breaks.
 *
 * No production code knows of it: texts are changed as they are loaded (plant.ts), in a process of its own. A bug changes
 * behaviour only; the changed files still parse. Where a second line of defence would hide a mistake, the bug breaks
 * both, and `masked` says which one that is: with the first edit alone the cell keeps its promises.
 */

/** One change of one file. */
export interface Edit {
  /** Relative to the checkout. */
  readonly file: string;
  /** Occurs exactly once in the file; a test holds that, so that the list stays true when sources change. */
  readonly find: string;
  readonly replace: string;
}

/**
 * Where a bug is looked for. `cell`: whole cells in bad weather. `leases`: keeper and fencer with clocks of their own, and processes that
 * stand still. `raft`: the log alone, with crashes anywhere in a turn.
 */
export type Arena = 'cell' | 'leases' | 'raft';

/**
 * Kinds of fault that belong together: themes.ts says which. `coups`, of the arena of leases alone: elections by few. `shortOffices`, of the arena of Raft alone:
 * leaders who reach few, and soon die.
 */
export type Theme = CellTheme | 'coups' | 'shortOffices';
export type CellTheme = 'replicas' | 'races' | 'disks' | 'ledger' | 'leases' | 'programs' | 'power' | 'lateExpansions' | 'mirrors' | 'leavers' | 'moves' | 'restarts' | 'answers' | 'lateHelpers' | 'votes' | 'feeds' | 'echoes' | 'laggards' | 'stalls' | 'starts' | 'helpers' | 'adoptions';

export interface Bug {
  /** kebab-case, for the command line. */
  readonly name: string;
  readonly arena: Arena;
  readonly edits: readonly Edit[];
  /** Invariants of SAFETY.md 6.1 whose violation counts as a find; more than one where the weather decides which is seen first. */
  readonly breaks: readonly Invariant[];
  /** What goes wrong, for people. */
  readonly why: string;
  /** Where the rule comes from. */
  readonly source: string;
  /** Within so many seeds, from seed 1 on, it must be found. */
  readonly seeds: number;
  /** What the seeds are about (themes.ts), where the whole weather would need many more. Absent: all kinds, and themes in turn. */
  readonly theme?: Theme;
  /** The second line of defence that the later edits break. */
  readonly masked?: string;
  /** Not found yet, though it is wrong: what would have to meet. Such a bug is hunted only when it is named, or asked for. */
  readonly open?: string;
}

export type Invariant =
  | 'S1' | 'S2' | 'S3' | 'S4' | 'S5' | 'S6' | 'S7' | 'S8' | 'S9' | 'S10' | 'S11' | 'S12' | 'S13' | 'S14' | 'S15' | 'S16' | 'S17' | 'S18' | 'S20' | 'S21'
  | 'L1' | 'L2' | 'L3' | 'L4' | 'L5' | 'L6' | 'L7' | 'L8' | 'L9' | 'L10';

/** A file's text with its edits. Throws when one does not fit: the source has changed, and the list must follow. */
export function plantIn(file: string, text: string, edits: readonly Edit[]): string {
  let planted = text;
  for (const edit of edits) {
    const parts = planted.split(edit.find);
    if (parts.length !== 2) throw new Error(`${file} holds the text to change ${parts.length - 1} times, not once: ${edit.find}`);
    planted = parts.join(edit.replace);
  }
  return planted;
}

/** The files that a bug changes, each once. */
export function filesOf(bug: Pick<Bug, 'edits'>): readonly string[] {
  return [...new Set(bug.edits.map(({ file }) => file))];
}
