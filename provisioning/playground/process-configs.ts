/**
 * What is each process told? Its configuration file, in the words of agent/config.ts, agent/keeper/config.ts,
 * agent/room/room-config.ts and coordinator/config.ts.
 */
import { GIB } from '../../shared/units.ts';
import { leaseAddress, meshAddress } from './cell-file.ts';
import type { CellFile, CellNode } from './cell-file.ts';
import { clientUrl } from './etcd-members.ts';
import { bmcAddress } from './genesis.ts';
import type { Layout } from './layout.ts';

/** Who may look into a BMC of the room. */
const BMC_USER = 'ves';
/** Disk of a machine for each GiB of its memory: 200 GiB for 16. */
const DISK_PER_MEMORY = 12.5;
/** What the user's key acts for. */
const ENVIRONMENT = 'playground';

/** The room: one machine for each node, its own files and the images in reach. */
export function roomConfig(layout: Layout, cell: CellFile): unknown {
  return {
    directory: layout.root,
    nodes: cell.nodes.map(({ id }) => {
      const { data, helperSocket } = layout.node(id);
      const bmc = cell.bmc === 'all' ? { address: bmcAddress(id), username: BMC_USER, password: cell.bmcPassword } : null;
      return {
        id, directories: [data, layout.images], helperSocket, bmc,
        memoryMiB: cell.memoryGiB * 1024, volumeGroupBytes: cell.memoryGiB * DISK_PER_MEMORY * GIB,
      };
    }),
  };
}

/** An agent, for one boot of its node. */
export function agentConfig(layout: Layout, cell: CellFile, node: CellNode, bootId: string): unknown {
  const { data, keeperSocket, helperSocket } = layout.node(node.id);
  return {
    cell: cell.cell, clusterUuid: cell.clusterUuid, node: node.id, dataDirectory: data,
    meshListen: meshAddress(node), leaseListen: leaseAddress(node), presharedKey: cell.presharedKey, seeds: seeds(cell),
    keeperSocket, helperSocket, machine: machine(layout, bootId), profile: cell.profile, ledger: ledger(cell), imageDirectory: layout.images,
    power: cell.bmc === 'all' ? Object.fromEntries(cell.nodes.map(({ id }) => [id, { username: BMC_USER, password: cell.bmcPassword }])) : {},
  };
}

/** A keeper, for one boot of its node. It renews from any port: the voters answer where the datagram came from. */
export function keeperConfig(layout: Layout, cell: CellFile, node: CellNode, bootId: string): unknown {
  const { data, keeperSocket } = layout.node(node.id);
  return {
    cell: cell.cell, clusterUuid: cell.clusterUuid, node: node.id, dataDirectory: data, leaseListen: '127.0.0.1:0', keeperSocket,
    profile: cell.profile, machine: machine(layout, bootId),
  };
}

export function coordinatorConfig(layout: Layout, cell: CellFile, port: number): unknown {
  return {
    cell: cell.cell, clusterUuid: cell.clusterUuid, member: cell.coordinator.id, dataDirectory: layout.coordinator,
    http: { host: '127.0.0.1', port }, meshListen: meshAddress(cell.coordinator), presharedKey: cell.presharedKey, seeds: seeds(cell),
    accounts: [{ accessKeyId: cell.accessKeyId, secretAccessKey: cell.secretAccessKey, environment: ENVIRONMENT, name: 'The playground’s user' }],
    profile: cell.profile, ledger: ledger(cell), roomSocket: layout.roomSocket,
  };
}

function ledger({ etcd }: CellFile): unknown {
  return etcd === undefined ? { kind: 'own' } : { kind: 'etcd', endpoints: etcd.members.map(clientUrl) };
}

function machine(layout: Layout, bootId: string): unknown {
  return { kind: 'room', socket: layout.roomSocket, bootId };
}

function seeds(cell: CellFile): readonly { readonly id: string; readonly peerId: string; readonly address: string }[] {
  return [...cell.nodes, cell.coordinator].map((member) => ({ id: member.id, peerId: member.peerId, address: meshAddress(member) }));
}
