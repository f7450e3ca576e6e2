/**
 * What does a cell's ledger hold before anybody wrote to it? The state that its founders agree on, made by `apply` itself.
 */
import { ClusterError } from '../../shared/errors.ts';
import { parseCellId, parseMemberId, parseNodeId, voterIdOf } from '../../shared/ids.ts';
import type { MemberId, VoterId } from '../../shared/ids.ts';
import { apply } from '../../shared/ledger/apply.ts';
import type { Command } from '../../shared/ledger/commands.ts';
import { DEFAULT_PARAMETERS, emptyCell } from '../../shared/model/cell.ts';
import type { CellState } from '../../shared/model/cell.ts';
import type { ImageRecord } from '../../shared/model/image.ts';
import type { NodeRecord } from '../../shared/model/node.ts';
import { leaseAddress, meshAddress } from './cell-file.ts';
import type { CellFile, CellNode } from './cell-file.ts';

/** The store that each founder keeps its part of the ledger in. */
export type StoreUuids = ReadonlyMap<string, string>;

/** Who votes first. Witnesses stand in `voters`, too. */
export interface FoundingVoters {
  readonly members: readonly string[];
  readonly witnesses: readonly string[];
}

/**
 * The founders that vote: 1 node itself; 2 both, and the coordinator as witness; 3 or 4 the first three; 5 and more five.
 * The same rule that the leader follows later (agent/machines/voters.ts).
 */
export function foundingVoters(nodes: readonly string[], coordinator: string): FoundingVoters {
  if (nodes.length === 2) return { members: [...nodes, coordinator], witnesses: [coordinator] };
  const count = nodes.length >= 5 ? 5 : nodes.length >= 3 ? 3 : nodes.length;
  return { members: nodes.slice(0, count), witnesses: [] };
}

/** The configuration of the ledger that the founders' snapshots carry. */
export function foundingConf(voters: FoundingVoters, stores: StoreUuids): { readonly voters: readonly VoterId[]; readonly learners: readonly VoterId[]; readonly witnesses: readonly VoterId[] } {
  const voterOf = (member: string): VoterId => voterIdOf(parseMemberId(member), storeOf(stores, member));
  return { voters: voters.members.map(voterOf), learners: [], witnesses: voters.witnesses.map(voterOf) };
}

/** What `admitNode` is told of a node. Storage addresses exist in the simulated room only. */
export function admissionOf(node: CellNode, bmc: CellFile['bmc']): Pick<NodeRecord, 'id' | 'peerId' | 'meshAddress' | 'leaseAddress' | 'leaseKey' | 'storageAddress' | 'failureDomain' | 'power'> {
  return {
    id: parseNodeId(node.id), peerId: node.peerId, meshAddress: meshAddress(node), leaseAddress: leaseAddress(node), leaseKey: node.leaseKey,
    storageAddress: `10.64.0.${numberOf(node.id)}`,
    // Each simulated machine stands alone: they share no rack and no power feed.
    failureDomain: node.id,
    power: bmc === 'all' ? { kind: 'ipmi', address: bmcAddress(node.id) } : { kind: 'none', address: '' },
  };
}

/** Where the simulated BMC of a node is reached. */
export function bmcAddress(node: string): string {
  return `bmc-${numberOf(node)}`;
}

/** The first state. Throws ClusterError `FoundingFailed` when `apply` refuses a part of it. `at`: wall-clock time, for people; `coordinatorStore` null: it keeps none. */
export function genesisState(cell: CellFile, image: ImageRecord, coordinatorStore: string | null, at: string): CellState {
  const by = parseMemberId(cell.coordinator.id);
  const commands: readonly Command[] = [
    ...cell.nodes.map((node): Command => ({ kind: 'admitNode', node: admissionOf(node, cell.bmc) })),
    { kind: 'admitCoordinator', coordinator: { id: by, peerId: cell.coordinator.peerId, meshAddress: meshAddress(cell.coordinator), storeUuid: coordinatorStore } },
    { kind: 'registerImage', image },
  ];
  const parameters = { ...DEFAULT_PARAMETERS, profile: cell.profile };
  let state = emptyCell(parseCellId(cell.cell), cell.clusterUuid, parameters);
  for (const command of commands) state = mustApply(state, command, by, at);
  return state;
}

function mustApply(state: CellState, command: Command, by: MemberId, at: string): CellState {
  // All of it is one entry of the ledger, its first.
  const applied = apply(state, { index: 1, term: 1, data: { command, at, by } });
  if (applied.result.kind === 'applied') return applied.state;
  throw new ClusterError('FoundingFailed', `the new cell's ledger refused ${command.kind}: ${applied.result.message}`, { retryable: false });
}

function storeOf(stores: StoreUuids, member: string): string {
  const uuid = stores.get(member);
  if (uuid === undefined) throw new ClusterError('FoundingFailed', `${member} has no ledger store`, { retryable: false });
  return uuid;
}

function numberOf(node: string): string {
  return node.slice(node.lastIndexOf('-') + 1);
}
