/**
 * Which is the highest generation that this node has ever seen of each instance and volume? (SAFETY.md 2.3, P1)
 *
 * Kept on the boot disk so that a node that comes back with an older view of the ledger still refuses older permits.
 */
import { ClusterError } from '../errors.ts';
import { makeDirectory, slotDisk } from './durable-file.ts';
import type { SlotDisk } from './durable-file.ts';
import { unwritable } from './open-level.ts';
import { openSlots } from './slot-file.ts';

/** The durable map of `maxGenerationSeen`. */
export interface GenerationStore {
  /** The highest generation seen of a target (an instance's or volume's id); 0 when it was never seen. */
  seen(target: string): number;
  /**
   * Durable before it resolves; a lower generation changes nothing. `seen` answers with the new value only then.
   * Rejects with ClusterError `StoreFailed` (the process must end) or `StoreFull`.
   */
  raise(target: string, generation: number): Promise<void>;
  /** Drops targets that the ledger has buried for good. */
  forget(targets: readonly string[]): Promise<void>;
}

/** How many targets are remembered at most. */
export const GENERATIONS_MAX = 20_000;

function parseGenerations(value: unknown): Map<string, number> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const entries = Object.entries(value);
  return entries.every((entry): entry is [string, number] => Number.isSafeInteger(entry[1])) ? new Map(entries) : null;
}

/**
 * Opens (or makes) the map in a directory. Throws ClusterError `StoreDamaged` when it cannot be trusted: without it the
 * node must not run anything before a person or a new enrolment has looked; `StoreUnwritable` when the directory is.
 */
export async function openGenerationStore(directory: string, disk: SlotDisk = slotDisk): Promise<GenerationStore> {
  await makeDirectory(directory).catch((cause: unknown) => {
    throw unwritable(directory, cause);
  });
  const slots = await openSlots(directory, 'generations', disk);
  const { found } = slots;
  const loaded = found.kind === 'intact' ? parseGenerations(found.value) : found.kind === 'empty' ? new Map<string, number>() : null;
  if (loaded === null) {
    const reason = found.kind === 'damaged' ? found.reason : 'it holds something else';
    throw new ClusterError('StoreDamaged', `the generations in ${directory} cannot be trusted: ${reason}`, { retryable: false });
  }
  /** What is durable, and what is on its way there. */
  const durable = loaded;
  const next = new Map(loaded);
  /** Spelled out only when it is written: one write serves many. */
  const content = { toJSON: () => Object.fromEntries(next) };

  return {
    seen: (target) => durable.get(target) ?? 0,
    async raise(target, generation) {
      if (generation <= (durable.get(target) ?? 0)) return;
      if (!next.has(target) && next.size >= GENERATIONS_MAX) {
        throw new ClusterError('StoreFull', `${GENERATIONS_MAX} generations are remembered in ${directory}: none can be added for ${target}`, { retryable: false });
      }
      next.set(target, Math.max(generation, next.get(target) ?? 0));
      await slots.write(content);
      durable.set(target, Math.max(generation, durable.get(target) ?? 0));
    },
    async forget(targets) {
      const known = targets.filter((target) => next.delete(target));
      if (known.length === 0) return;
      await slots.write(content);
      for (const target of known) durable.delete(target);
    },
  };
}
