/**
 * How does the log stop when something that must be true is not? It throws, also in production: a member that stops
 * costs one vote, one that goes on may cost the truth.
 */

/** A broken rule of Raft or of its caller: a programmer's error or damaged storage, never a refusal. */
class RaftInvariantError extends Error {
  override readonly name = 'RaftInvariantError';
}

/** Throws {@link RaftInvariantError} unless `condition` holds. `describe` runs only then, so it may be costly. */
export function invariant(condition: boolean, describe: () => string): asserts condition {
  if (!condition) throw new RaftInvariantError(describe());
}
