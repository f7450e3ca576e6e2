/**
 * What has a majority of the voters reached? Any two majorities of one voter set, or of two sets that differ by one
 * voter, share a member: everything safe in Raft rests on that.
 */

/** How many of `voterCount` make a majority. */
export function majorityOf(voterCount: number): number {
  return Math.floor(voterCount / 2) + 1;
}

/** The highest value that a majority has reached, given one value per voter; 0 when there are no voters. */
export function majorityValue(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const descending = values.toSorted((left, right) => right - left);
  return descending[majorityOf(values.length) - 1] ?? 0;
}

export type VoteOutcome = 'won' | 'lost' | 'pending';

/** Votes of those who are no voters do not count; nobody wins an election without voters. */
export function tallyVotes(voters: readonly string[], votes: ReadonlyMap<string, boolean>): VoteOutcome {
  const needed = majorityOf(voters.length);
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted += 1;
    if (vote === false) refused += 1;
  }
  if (granted >= needed) return 'won';
  return voters.length - refused < needed ? 'lost' : 'pending';
}
