/**
 * Which volume needs another replica, and where? Rebuilds after a node is gone for long, and second replicas that are owed.
 */
import type { NodeId } from '../../shared/ids.ts';
import type { CellState } from '../../shared/model/cell.ts';
import { isFenced } from '../../shared/model/node.ts';
import type { VolumeRecord } from '../../shared/model/volume.ts';
import { chooseReplacementReplica } from './placement.ts';
import type { Draft } from './plan-draft.ts';
import { ageMs } from './plan-memory.ts';

/** Full synchronisations towards one node at once: more would only make each of them, and the guests, slower. */
export const SYNCS_PER_NODE_MAX = 2;

export function planReplicas(draft: Draft): void {
  let syncs: Map<NodeId, number> | null = null;
  for (const volume of draft.state.volumes.values()) {
    if (draft.isFull) return;
    if (volume.deleting || !volume.formatted) continue;
    const need = needOf(draft, volume);
    if (need === null) continue;
    syncs ??= syncsUnderWay(draft.state);
    const target = proposeReplica(draft, volume, need, syncs);
    if (target !== null) syncs.set(target, (syncs.get(target) ?? 0) + 1);
  }
}

/** What a volume lacks: a second replica, or a better one than `replaces`. Null: nothing that can be helped now. */
interface Need {
  readonly replaces: NodeId | null;
  /** Whether the failed replica may be made again on its own node when no other one can be used. */
  readonly mayStay: boolean;
}

function needOf(draft: Draft, volume: VolumeRecord): Need | null {
  if (volume.replicas.length < 2) return { replaces: null, mayStay: false };
  const { memory } = draft.hints;
  const { rebuildAfterMs } = draft.state.parameters;
  for (const id of volume.replicas) {
    const node = draft.state.nodes.get(id);
    if (volume.tainted.includes(id)) return { replaces: id, mayStay: node?.phase === 'active' && ageMs(memory.volumes.get(volume.id), draft.nowMs) >= rebuildAfterMs };
    const isDead = node === undefined || (node.bootId !== null && isFenced(node, node.bootId));
    if (isDead && ageMs(memory.nodes.get(id), draft.nowMs) >= rebuildAfterMs) return { replaces: id, mayStay: false };
  }
  return null;
}

function proposeReplica(draft: Draft, volume: VolumeRecord, need: Need, syncs: ReadonlyMap<NodeId, number>): NodeId | null {
  const busy = new Set([...syncs].filter(([, count]) => count >= SYNCS_PER_NODE_MAX).map(([node]) => node));
  const command = { kind: 'replaceReplica', volume: volume.id, expectEpoch: volume.epoch, replaces: need.replaces } as const;
  const node = chooseReplacementReplica(draft.state, draft.hints, volume, need.replaces, busy);
  if (node !== null) return draft.propose({ ...command, node }) ? node : null;
  if (need.mayStay && need.replaces !== null) draft.propose({ ...command, node: need.replaces });
  return null;
}

/** How many replicas each node that is up has to catch up with. */
function syncsUnderWay(state: CellState): Map<NodeId, number> {
  const syncs = new Map<NodeId, number>();
  for (const volume of state.volumes.values()) {
    if (volume.degradedSinceIndex === null || volume.deleting || !volume.formatted) continue;
    for (const id of volume.replicas) {
      if (!volume.inSync.includes(id) && state.nodes.get(id)?.phase === 'active') syncs.set(id, (syncs.get(id) ?? 0) + 1);
    }
  }
  return syncs;
}
