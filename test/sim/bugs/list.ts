/**
 * Which mistakes must the simulator find? Every planted bug, and by its name.
 */
import type { Bug } from './bug.ts';
import { DISK_BUGS } from './disk-bugs.ts';
import { HARMLESS } from './harmless.ts';
import { HEALING_BUGS } from './healing-bugs.ts';
import { LEASE_BUGS } from './lease-bugs.ts';
import { RAFT_BUGS } from './raft-bugs.ts';
import { VOLUME_BUGS } from './volume-bugs.ts';

export const BUGS: readonly Bug[] = [...VOLUME_BUGS, ...DISK_BUGS, ...LEASE_BUGS, ...HEALING_BUGS, ...RAFT_BUGS];

/** Throws for a name that is none, and says which there are. */
export function bugNamed(name: string): Bug {
  const bug = BUGS.find((each) => each.name === name);
  if (bug === undefined) throw new Error(`there is no planted bug ${name}; there are: ${BUGS.map((each) => each.name).join(', ')}`);
  return bug;
}

/** What can be planted under this name: a bug, or a change that is harmless. Throws as {@link bugNamed} does. */
export function changeNamed(name: string): Pick<Bug, 'name' | 'edits'> {
  return HARMLESS.find((each) => each.name === name) ?? bugNamed(name);
}
