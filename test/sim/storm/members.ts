/** Who comes, who goes, and who is taken out of service? */
import { memberOfVoter } from '../../../shared/ids.ts';
import type { NodeId, VoterId } from '../../../shared/ids.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import { isVoterWell } from './disks.ts';
import { pickFrom, spread } from './site.ts';
import type { Strike } from './site.ts';

/** A cell is not made smaller than this: two replicas and a third that votes. */
const NODES_MIN = 3;
/** How often an operator tries again what the ledger refused, ms. */
const AGAIN_MS = 4_000;
/** How long a request may be under way before it is done or given up, ms (VirtualCell.ask). */
const ASKED_MS = 10_000;
/** How long a machine that was removed runs on at most, after its operator's last attempt, ms. */
const LEFT_ON_MS = 10_000;

export const nodeAdd: Strike = ({ cell }) => cell.addNode();

/** A node is to take no more work, and then to take some again. */
export const cordon: Strike = ({ cell, cordoned, later }, event, node) => {
  cordoned.add(node);
  ask(cell, { kind: 'cordonNode', node, cordoned: true });
  later(event.forMs, [node], () => void cordoned.delete(node));
  return true;
};

/** An operator gives a node another address on the storage network. What its replicas and their peers call each other changes with it. */
export const nodeMove: Strike = ({ cell }, _event, node) => {
  const command = moveOf(cell, node);
  if (command !== null) ask(cell, command);
  return command !== null;
};

/** What an operator says to that end; null: the node is none. Said again, it has its old address. */
export function moveOf(cell: VirtualCell, node: NodeId): Command | null {
  const record = cell.state().nodes.get(node);
  if (record === undefined || record.phase === 'removed') return null;
  const { id, peerId, meshAddress, leaseAddress, leaseKey, storageAddress, failureDomain, power } = record;
  const moved = storageAddress.replace(/^10\.0\.(\d)\./, (_all, net: string) => `10.0.${net === '0' ? 1 : 0}.`);
  return { kind: 'admitNode', node: { id, peerId, meshAddress, leaseAddress, leaseKey, storageAddress: moved, failureDomain, power } };
}

/**
 * A node goes for good: switched off, fenced, and then removed by its operator, who tries until it works or is out of time. Or it is removed while it runs, with
 * nothing to do but its replicas, and somebody switches it off a while later.
 */
export const nodeRemove: Strike = ({ cell, cordoned, during, lasts, later, leftOn }, event, picked) => {
  if (cell.nodeIds.length <= NODES_MIN) return false;
  const idle = spread(event.how, 1) < 0.5 ? idleNode(cell, event.pick) : undefined;
  const node = idle ?? picked;
  cordoned.add(node);
  ask(cell, { kind: 'cordonNode', node, cordoned: true });
  if (idle === undefined) cell.room.powerOff(node);
  else leftOn.add(node);
  for (let atMs = AGAIN_MS; atMs < event.forMs; atMs += AGAIN_MS) {
    during(atMs, () => {
      if (cell.nodeIds.length <= NODES_MIN || !cell.nodeIds.includes(node)) return;
      if (idle !== undefined && !mayLeave(cell, node)) return;
      asked.set(cell, { node, atMs: cell.world.clock.nowMs() });
      // A removal that comes late takes a vote in the calm.
      lasts(atMs + ASKED_MS);
      ask(cell, { kind: 'removeNode', node });
    });
  }
  later(event.forMs, [node], () => {
    cordoned.delete(node);
    if (cell.nodeIds.includes(node)) cell.room.powerOn(node);
  });
  later(event.forMs + LEFT_ON_MS, [node], () => void leftOn.delete(node));
  return true;
};

/** The newest request to remove a node. */
const asked = new WeakMap<VirtualCell, { readonly node: NodeId; readonly atMs: number }>();

/**
 * A machine that runs can wait until the one that was removed before it is out, and its vote replaced: votes go with their nodes at once, and two in a row may
 * leave no majority.
 */
function mayLeave(cell: VirtualCell, node: NodeId): boolean {
  const before = asked.get(cell);
  if (before !== undefined && before.node !== node && cell.world.clock.nowMs() - before.atMs < 2 * ASKED_MS) return false;
  const others = cell.voters().filter((voter) => memberOfVoter(voter as VoterId) !== node);
  return cell.leads() !== null && others.length >= 2 && others.every((voter) => isVoterWell(cell, voter));
}

/** A node that holds no instance, and has a replica. */
function idleNode(cell: VirtualCell, pick: number): NodeId | undefined {
  const { instances, volumes } = cell.state();
  const isBusy = (node: NodeId): boolean => instances.values().some(({ holder }) => holder === node);
  return pickFrom(cell.nodeIds.filter((node) => !isBusy(node) && volumes.values().some(({ replicas }) => replicas.includes(node))), pick);
}

/** Whoever is cordoned and shall not be is asked for again: the storm may have swallowed the first request. */
export function uncordon(cell: VirtualCell, cordoned: ReadonlySet<NodeId>): void {
  for (const node of cell.nodeIds) if (cell.state().nodes.get(node)?.cordoned === true && !cordoned.has(node)) ask(cell, { kind: 'cordonNode', node, cordoned: false });
}

function ask(cell: VirtualCell, command: Parameters<VirtualCell['ask']>[0]): void {
  void cell.ask(command).catch(() => undefined);
}
