/**
 * What holds for the whole cell? Its parameters and its images.
 */
import type { CellParameters } from '../model/cell.ts';
import { FORGET_AFTER_MS_MAX, FORGET_AFTER_MS_MIN, IMAGES_MAX, REBUILD_AFTER_MS_MAX, REBUILD_AFTER_MS_MIN } from '../model/limits.ts';
import { TIMING_PROFILES } from '../model/timing.ts';
import { APPLIED, rejected } from './change.ts';
import type { Change, CommandOf } from './change.ts';
import type { ApplyResult } from './commands.ts';

export function setParameters(change: Change, command: CommandOf<'setParameters'>): ApplyResult {
  const old = change.state.parameters;
  const next: CellParameters = { ...old, ...command.change };
  const { rebuildAfterMs, forgetTerminatedAfterMs } = next;
  if (rebuildAfterMs < REBUILD_AFTER_MS_MIN || rebuildAfterMs > REBUILD_AFTER_MS_MAX) {
    return rejected('invalidParameter', `rebuildAfterMs is ${REBUILD_AFTER_MS_MIN} to ${REBUILD_AFTER_MS_MAX}`);
  }
  if (forgetTerminatedAfterMs < FORGET_AFTER_MS_MIN || forgetTerminatedAfterMs > FORGET_AFTER_MS_MAX) {
    return rejected('invalidParameter', `forgetTerminatedAfterMs is ${FORGET_AFTER_MS_MIN} to ${FORGET_AFTER_MS_MAX}`);
  }
  const changed = Object.entries(command.change).filter(([name, value]) => old[name as keyof CellParameters] !== value);
  if (changed.length === 0) return APPLIED;
  if (next.profile !== old.profile) rememberFenceWait(change, old.profile, next.profile);
  change.set({ parameters: next });
  change.say('parametersChanged', [change.state.cell], `The cell's parameters changed: ${changed.map(([name, value]) => `${name} is ${String(value)}`).join(', ')}.`);
  return APPLIED;
}

/** Keepers may go by the old profile until their node starts again, so no running boot is given a shorter wait by this. */
function rememberFenceWait(change: Change, old: CellParameters['profile'], next: CellParameters['profile']): void {
  const fenceWaitMs = Math.max(TIMING_PROFILES[old].fenceWaitMs, TIMING_PROFILES[next].fenceWaitMs);
  for (const node of change.state.nodes.values()) {
    if (node.bootId !== null && node.fenceWaitMs < fenceWaitMs) change.putNode({ ...node, fenceWaitMs });
  }
}

/** The same image again is harmless; the same id with another content is not. */
export function registerImage(change: Change, command: CommandOf<'registerImage'>): ApplyResult {
  const { image } = command;
  const { images } = change.state;
  const old = images.get(image.id);
  if (old !== undefined && old.digest !== image.digest) return rejected('duplicateId', `${image.id} is another image`);
  if (old === undefined && images.size >= IMAGES_MAX) return rejected('noCapacity', `a cell has at most ${IMAGES_MAX} images`);
  change.set({ images: images.set(image.id, image) });
  if (old === undefined) change.say('imageRegistered', [image.id], `The image ${image.name} (${image.id}) can be started.`);
  return APPLIED;
}
