/**
 * Which rules of the hand-over does live migration rest on? Each mutation leaves one out; the model must then run an instance twice, lose an
 * acknowledged write, let a guest go on from an older memory, or split a volume.
 */
import type { MigrationBounds } from './model.ts';

export type MigrationInvariant = 'one runner (S1)' | 'disk and memory know every acknowledged write (S2)' | 'no split brain (S5)';

/** `bounds`: in which it is found, beside those that find most. */
export interface MigrationMutationCase {
  readonly breaks: MigrationInvariant;
  readonly bounds?: Partial<MigrationBounds>;
}

const TWICE = 'one runner (S1)';
const LOST = 'disk and memory know every acknowledged write (S2)';

export const MIGRATION_MUTATIONS = {
  'the target runs as soon as it has the memory': { breaks: TWICE },
  'the source goes on when its switch is not answered': { breaks: TWICE },
  'a switch is applied after an abort': { breaks: TWICE },
  'an abort is applied after the switch': { breaks: TWICE },
  'the end of one stream is taken for that of another': { breaks: LOST, bounds: { migrations: 2, crashes: 0, sessions: 1 } },
  // Each of the two is enough, so both are left out.
  'a migration outlives the shrink, and a switch needs no whole mirror': { breaks: LOST },
  'whoever asks may go on alone': { breaks: 'no split brain (S5)' },
  'takeover without a fence': { breaks: TWICE },
  'who takes over goes on with the domain that it received': { breaks: LOST },
} as const satisfies Record<string, MigrationMutationCase>;

export type MigrationMutation = keyof typeof MIGRATION_MUTATIONS;
