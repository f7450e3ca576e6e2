/**
 * Who is admitted to the mesh? Those whom the ledger names: gossip and hearsay admit nobody.
 */
import { memberOfVoter } from '../../ids.ts';
import type { MemberId } from '../../ids.ts';
import type { CellState } from '../../model/cell.ts';
import type { Member, Mesh } from '../../wire/mesh.ts';
import type { ReplicatedLog } from '../replicated-log.ts';

/** A mesh that also wants to know who votes: in large cells everybody is connected to those. */
export interface VoterMesh extends Mesh {
  setVoters(voters: readonly MemberId[]): void;
}

/** The members of a cell. */
export function membersOf(state: CellState): readonly Member[] {
  return [
    ...state.nodes.values().filter((node) => node.phase !== 'removed').map((node) => ({ id: node.id, peerId: node.peerId, address: node.meshAddress })),
    ...state.coordinators.values().map((coordinator) => ({ id: coordinator.id, peerId: coordinator.peerId, address: coordinator.meshAddress })),
  ];
}

/** Keeps the mesh's members in step with the ledger. `untilKnown`: who is admitted before the ledger was heard. */
export function followMembers(log: ReplicatedLog, mesh: VoterMesh, untilKnown: () => readonly Member[]): void {
  let told = '';
  const follow = (): void => {
    const known = membersOf(log.state());
    const members = known.length > 0 ? known : untilKnown();
    const text = JSON.stringify(members);
    if (text === told) return;
    told = text;
    mesh.setMembers(members);
  };
  log.subscribe((entry) => {
    // Only these commands change who belongs; everything else is too frequent to look.
    const kind = entry?.data.command.kind;
    if (entry === null || kind === 'admitNode' || kind === 'admitCoordinator' || kind === 'removeNode') follow();
  });
  log.onStatus((status) => mesh.setVoters(status.voters.map((voter) => memberOfVoter(voter))));
  follow();
}
