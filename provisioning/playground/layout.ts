/**
 * Where does a playground keep what? Every path below its directory.
 *
 *     DIR/cell.json            the cell: identities, ports, secrets; written last when it is founded
 *     DIR/founding             there while a founding is under way: what lies beside it is half done
 *     DIR/playground.lock      pid of the playground that runs here
 *     DIR/playground.env       for the user's shell
 *     DIR/nodes/NODE/          a node's boot disk: identity.key, lease.key, ledger/, agent.json, keeper.json, power.json ...
 *     DIR/coordinator/         identity.key, ledger/, coordinator.json ...
 *     DIR/etcd/MEMBER/         what a member of etcd keeps, where the ledger is in one
 *     DIR/images/SHA256        contents of images; every node reads them here
 *     DIR/room.json, DIR/room.sock, DIR/room/     the machine room: configuration, socket, journal
 *     DIR/run/                 sockets of the nodes, pids.json
 *     DIR/log/                 what each process logged
 */
import { join } from 'node:path';

/** The paths that concern one node. */
export interface NodeLayout {
  /** The agent's and keeper's `dataDirectory`. */
  readonly data: string;
  readonly agentConfig: string;
  readonly keeperConfig: string;
  readonly keeperSocket: string;
  readonly helperSocket: string;
}

/** All paths of a playground. */
export interface Layout {
  readonly root: string;
  readonly cellFile: string;
  readonly foundingMark: string;
  readonly lockFile: string;
  readonly envFile: string;
  readonly nodes: string;
  readonly coordinator: string;
  readonly coordinatorConfig: string;
  readonly etcd: string;
  readonly images: string;
  readonly roomConfig: string;
  /** As agent/room serves it below its `directory`, which is the root. */
  readonly roomSocket: string;
  /** What all machines have on their disks; the room makes it when it starts for the first time. */
  readonly roomJournal: string;
  readonly run: string;
  readonly pidsFile: string;
  readonly logs: string;
  node(id: string): NodeLayout;
}

/** The layout below an absolute directory. */
export function layoutOf(root: string): Layout {
  const nodes = join(root, 'nodes');
  const coordinator = join(root, 'coordinator');
  const run = join(root, 'run');
  return {
    root, nodes, coordinator, run,
    cellFile: join(root, 'cell.json'),
    foundingMark: join(root, 'founding'),
    lockFile: join(root, 'playground.lock'),
    envFile: join(root, 'playground.env'),
    coordinatorConfig: join(coordinator, 'coordinator.json'),
    etcd: join(root, 'etcd'),
    images: join(root, 'images'),
    roomConfig: join(root, 'room.json'),
    roomSocket: join(root, 'room.sock'),
    roomJournal: join(root, 'room', 'journal'),
    pidsFile: join(run, 'pids.json'),
    logs: join(root, 'log'),
    node: (id) => ({
      data: join(nodes, id),
      agentConfig: join(nodes, id, 'agent.json'),
      keeperConfig: join(nodes, id, 'keeper.json'),
      keeperSocket: join(run, `${id}.keeper.sock`),
      helperSocket: join(run, `${id}.drbd.sock`),
    }),
  };
}
