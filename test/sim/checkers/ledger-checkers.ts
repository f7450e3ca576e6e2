/**
 * Is the ledger one? S11 (one leader a term), S13 (a client token has one effect), S16 (nothing is promised that is not there), S21 (equal states).
 */
import type { MemberId } from '../../../shared/ids.ts';
import type { AppliedEntry } from '../../../shared/ledger/commands.ts';
import { hashState } from '../../../shared/ledger/state-hash.ts';
import type { CellState } from '../../../shared/model/cell.ts';
import { isPlaced } from '../../../shared/model/instance.ts';
import type { Checker, Scene } from './checker.ts';

/** Every so many entries the states of all members are compared. */
const HASH_EVERY = 8;
/** Hashes and terms remembered: members lag by much less. */
const KEPT = 4_000;

/** S11, as far as it shows outside: nobody leads in a term that another one led in. */
export function watchLeaders({ violate }: Scene): Checker {
  const leaders = new Map<number, MemberId>();
  return {
    started: (member, ledger) => {
      ledger.onStatus(({ role, term }) => {
        if (role !== 'leader') return;
        const other = leaders.get(term);
        if (other !== undefined && other !== member) violate(`S11 ${other} and ${member} both lead term ${term}`);
        remember(leaders, term, member);
      });
    },
  };
}

/** S21 ConvergedState: states at equal index are equal. Told of every member's entries. */
export function watchHashes({ violate }: Scene): (member: MemberId, state: CellState, entry: AppliedEntry) => void {
  const hashes = new Map<number, { readonly member: MemberId; readonly hash: string }>();
  return (member, state, { index }) => {
    if (index % HASH_EVERY !== 0) return;
    const hash = hashState(state);
    const known = hashes.get(index);
    if (known === undefined) remember(hashes, index, { member, hash });
    else if (known.hash !== hash) violate(`S21 the states of ${known.member} and ${member} differ at index ${index}`);
  };
}

/** S13, the part that needs no history: what one client token asked for exists once. */
export function watchClientTokens({ violate }: Scene): Checker {
  const made = new Map<string, string>();
  return {
    applied: (entry) => {
      const { command } = entry.data;
      if (command.kind !== 'createInstances' || command.clientToken === null || entry.result.kind !== 'applied') return;
      const key = `${command.environment} ${command.clientToken} ${command.requestHash}`;
      const instances = (entry.result.value as { readonly instances: readonly string[] }).instances.join();
      const known = made.get(key);
      if (known !== undefined && known !== instances) violate(`S13 client token ${command.clientToken} made ${known} and ${instances}`);
      remember(made, key, instances);
    },
  };
}

/** S16 Capacity: instances placed on a node fit into its memory, by a sum of this checker's own. */
export function watchCapacity({ violate }: Scene): Checker {
  return {
    applied: (_entry, before, after) => {
      if (before === null || before.instances === after.instances) return;
      const placed = new Map<string, number>();
      for (const instance of after.instances.values()) {
        if (isPlaced(instance) && instance.holder !== null) placed.set(instance.holder, (placed.get(instance.holder) ?? 0) + instance.memoryMiB);
      }
      for (const [id, memoryMiB] of placed) {
        const capacityMiB = after.nodes.values().find((node) => node.id === id)?.capacity.memoryMiB ?? 0;
        if (memoryMiB > capacityMiB) violate(`S16 ${id} has ${capacityMiB} MiB, and instances of ${memoryMiB} MiB are placed there`);
      }
    },
  };
}

function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): void {
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > KEPT && oldest.done !== true) map.delete(oldest.value);
}
