/**
 * What happened, in words that a person reads? Events come out of `apply`, so every member tells the same story.
 */

/** One thing that happened in the cell. `index` and `ordinal` order and identify it. */
export interface CellEvent {
  /** Ledger index of the entry that caused it, and its place among that entry's events. */
  readonly index: number;
  readonly ordinal: number;
  /** Wall-clock time that the proposer gave, for people. */
  readonly at: string;
  /** Stable, camelCase, past: `instanceStarted`, `nodeFenced`, `volumeShrunk` ... */
  readonly kind: string;
  /** Ids of what it is about: node, instance, volume. */
  readonly subjects: readonly string[];
  /** A sentence. */
  readonly message: string;
  /** Severity for people: `alarm` asks somebody to look. */
  readonly level: 'info' | 'warning' | 'alarm';
}
