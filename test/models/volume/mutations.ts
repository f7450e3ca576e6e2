/**
 * Which rules of the volume protocol does its safety rest on? Each mutation leaves one out, and the model must then lose data or run an
 * instance twice. The first ten are the table of SAFETY.md 2.3; the others were learned from the real kernel (DRBD.md A).
 */

/** Whose breaking a mutation is found by. `S4`, `S5` and the others: SAFETY.md 6.1. */
export type VolumeInvariant = 'one runner (S1)' | 'no acknowledged write is lost (S2)' | 'shrink before acknowledging (S4)' | 'no split brain (S5)';

/** `needs`: a kind of fault that the bounds must allow. */
export interface MutationCase {
  readonly breaks: VolumeInvariant;
  readonly needs?: 'diskErrors' | 'peerDiskErrors';
}

export const MUTATIONS = {
  'fencing dont-care': { breaks: 'no acknowledged write is lost (S2)' },
  'expand without the version': { breaks: 'no acknowledged write is lost (S2)' },
  'shrink does not raise the version when nothing changes': { breaks: 'no acknowledged write is lost (S2)' },
  'an answer about an older session counts': { breaks: 'no acknowledged write is lost (S2)' },
  'shrink is answered from a cache': { breaks: 'no acknowledged write is lost (S2)' },
  'takeover by a replica that is not in sync': { breaks: 'no acknowledged write is lost (S2)' },
  'promotion without a shrink': { breaks: 'no acknowledged write is lost (S2)' },
  'takeover without a fence': { breaks: 'one runner (S1)' },
  'promotion by local belief': { breaks: 'one runner (S1)' },
  'a primary goes on without its disk': { breaks: 'no acknowledged write is lost (S2)', needs: 'diskErrors' },
  "a secondary's disk error is not marked": { breaks: 'no acknowledged write is lost (S2)', needs: 'peerDiskErrors' },
  'a graceful disconnect before the shrink': { breaks: 'shrink before acknowledging (S4)' },
} as const satisfies Record<string, MutationCase>;

export type Mutation = keyof typeof MUTATIONS;
