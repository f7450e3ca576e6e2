/**
 * Which changes look like mistakes, and are none? Rules that another rule makes superfluous, each with the proof that nothing which an invariant forbids can follow.
 *
 * They stand here so that nobody hunts them again, and so that it is noticed when what the proof leans on goes away: `leansOn` says which tests hold that.
 */
import type { Bug } from './bug.ts';

const STEPS = 'agent/machines/instance-steps.ts';
const VOLUME_STEPS = 'agent/machines/volume-steps.ts';
const PERMITS = 'agent/runtime/permits.ts';

/** A change of sources without a consequence. */
export interface Harmless extends Pick<Bug, 'name' | 'edits' | 'why' | 'source'> {
  readonly proof: string;
  /** What holds what the proof takes for granted. */
  readonly leansOn: readonly string[];
}

export const HARMLESS: readonly Harmless[] = [
  {
    name: 'boot-ignored',
    edits: [
      { file: VOLUME_STEPS, find: 'if (volume.holder !== self.node || volume.holderBootId !== self.bootId) return false;', replace: 'if (volume.holder !== self.node) return false;' },
      { file: STEPS, find: 'const isHolder = instance.holder === self.node && instance.holderBootId === self.bootId;', replace: 'const isHolder = instance.holder === self.node && instance.holderBootId !== null;' },
      { file: PERMITS, find: 'return target?.holder === permit.node && target.holderBootId === permit.bootId &&', replace: 'return target?.holder === permit.node &&' },
    ],
    why: 'a rebooted node does not ask of which of its boots a right is', source: 'SAFETY.md 5 (the gate), 6.2 (bootId ignored)',
    proof: `It would matter only where an instance is held by this node, for another boot than this one, and is starting, running or stopping: all else neither promotes nor starts.
      No state of the ledger in which this boot acts is like that. (1) An agent looks at its objects only once its own boot was applied here, and a state never goes back. (2) The entry that
      tells a boot releases all that the boot before it held, in the same step: whatever is placed is placed for the boot that the ledger knows of its node. (3) Should another machine
      take the node's name, the ledger knows that one's boot, and the gate passes no permit of this one: it asks first whether this very boot is alive in the ledger, and that line stays.
      What this one runs then ends with its lease, by its watchdog, as it must in any case.`,
    leansOn: ['test/unit/shared/ledger/apply-properties.test.ts', 'test/unit/agent/runtime/permits.test.ts', 'test/sim/checkers/tokens.ts'],
  },
];
