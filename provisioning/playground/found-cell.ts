/**
 * How does a cell come to be, once? Keys, ports, secrets, and the founders' ledger stores; DIR/cell.json is written last.
 *
 *     empty --mark--> founding --everything written, cell.json--> founded
 *     founding, interrupted: what is half done is removed, and founding begins again
 *
 * A founded cell is never founded again: a member whose store is lost comes back as a new voter (SAFETY.md 3.2), which
 * a repeated founding would hide.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClusterError } from '../../shared/errors.ts';
import { encodeSnapshot } from '../../shared/ledger/snapshot.ts';
import { loadIdentity } from '../../shared/net/identity.ts';
import { loadLeaseKey } from '../../shared/net/lease-key.ts';
import { createFiles } from '../../shared/process/files.ts';
import { chance } from '../../shared/process/process-world.ts';
import { hexDigits, uuid } from '../../shared/random.ts';
import { errorCode } from '../../shared/store/durable-file.ts';
import { openLedgerStore } from '../../shared/store/ledger-store.ts';
import type { LedgerStore } from '../../shared/store/ledger-store.ts';
import { writeCellFile } from './cell-file.ts';
import type { CellFile, CellNode } from './cell-file.ts';
import { ETCD_MEMBERS, ensureEtcd } from './etcd-members.ts';
import type { EtcdMember } from './etcd-members.ts';
import { MEMORY_GIB_DEFAULT, NODES_DEFAULT } from './config.ts';
import type { PlaygroundOptions } from './config.ts';
import { readText, writeText } from './files.ts';
import { chooseFreePorts } from './free-ports.ts';
import { foundingConf, foundingVoters, genesisState } from './genesis.ts';
import type { Layout } from './layout.ts';
import { testImage, writeTestImage } from './test-image.ts';

/** Where a member's ledger store lies below its directory: as agent/main.ts and coordinator/main.ts open it. */
const LEDGER_DIRECTORY = 'ledger';
export const COORDINATOR = 'coordinator-1';

/**
 * Founds the cell that the options ask for. `at` is the wall-clock time, for people.
 *
 * @throws ClusterError `DirectoryNotEmpty` when something else lies in the directory, `DirectoryUnusable`, `NoFreePort`.
 */
export async function foundCell(layout: Layout, options: PlaygroundOptions, at: string): Promise<CellFile> {
  await clear(layout);
  await writeText(layout.foundingMark, 'A cell is being founded here. If no playground runs, this was interrupted and will be done again.\n');
  const cell = await makeCell(layout, options);
  await writeTestImage(layout.images);
  // An etcd takes the ledger when it runs: found-in-etcd.ts.
  if (cell.etcd === undefined) await foundLedger(layout, cell, at);
  await writeCellFile(layout.cellFile, cell);
  await rm(layout.foundingMark, { force: true });
  return cell;
}

/** Makes the identity of one more node on its boot disk. What an interrupted attempt left there is removed: nobody knows it yet. */
export async function makeNode(layout: Layout, id: string, ports: readonly [number, number], isAdmitted: boolean): Promise<CellNode> {
  const { data } = layout.node(id);
  await rm(data, { recursive: true, force: true });
  const files = createFiles(data);
  const { peerId } = await loadIdentity(files, chance);
  const { publicKey } = await loadLeaseKey(files, chance);
  return { id, peerId, leaseKey: publicKey, meshPort: ports[0], leasePort: ports[1], isAdmitted };
}

/** Removes what an interrupted founding left; refuses to touch anything else. */
async function clear(layout: Layout): Promise<void> {
  const ours = (await readText(layout.foundingMark)) !== null;
  if (!ours) {
    const found = (await list(layout.root)).filter((name) => !name.startsWith('playground.lock'));
    if (found.length === 0) return;
    throw new ClusterError(
      'DirectoryNotEmpty',
      `${layout.root} holds ${found.slice(0, 3).join(', ')} but no cell.json: restore that file if a fleet lived here, or give an empty directory with --dir. Nothing was changed`,
      { retryable: false },
    );
  }
  for (const path of [layout.nodes, layout.coordinator, layout.etcd, layout.images]) await rm(path, { recursive: true, force: true });
}

async function list(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return [];
    throw new ClusterError('DirectoryUnusable', `could not read ${path}: give another directory with --dir`, { retryable: false, cause });
  }
}

async function makeCell(layout: Layout, options: PlaygroundOptions): Promise<CellFile> {
  const count = options.nodes ?? NODES_DEFAULT;
  if (options.ledger === 'etcd') ensureEtcd();
  const etcdCount = options.ledger === 'etcd' ? ETCD_MEMBERS : 0;
  const [coordinatorPort = 0, ...ports] = await chooseFreePorts(1 + 2 * etcdCount + 2 * count, [options.port]);
  const etcdPorts = ports.slice(0, 2 * etcdCount);
  const nodePorts = ports.slice(2 * etcdCount);
  const nodes: CellNode[] = [];
  for (let at = 0; at < count; at += 1) {
    const [mesh = 0, lease = 0] = nodePorts.slice(2 * at);
    nodes.push(await makeNode(layout, `node-${at + 1}`, [mesh, lease], true));
  }
  const { peerId } = await loadIdentity(createFiles(layout.coordinator), chance);
  return {
    version: 1, cell: 'default', clusterUuid: uuid(chance), profile: options.profile ?? 'standard', bmc: options.bmc ?? 'none',
    memoryGiB: options.memoryGiB ?? MEMORY_GIB_DEFAULT,
    bmcPassword: hexDigits(chance, 32), presharedKey: Buffer.from(chance.bytes(32)).toString('base64'),
    // As AWS writes them: 20 letters and digits, and 40 characters.
    accessKeyId: `AKIA${hexDigits(chance, 16).toUpperCase()}`, secretAccessKey: Buffer.from(chance.bytes(30)).toString('base64'),
    coordinator: { id: COORDINATOR, peerId, meshPort: coordinatorPort }, nodes,
    ...(etcdCount === 0 ? {} : { etcd: { isFounded: false, members: Array.from({ length: etcdCount }, (_, at) => etcdMember(at, etcdPorts)) } }),
  };
}

function etcdMember(at: number, ports: readonly number[]): EtcdMember {
  return { name: `etcd-${at + 1}`, clientPort: ports[2 * at] ?? 0, peerPort: ports[2 * at + 1] ?? 0 };
}

/**
 * Gives each founder the same first snapshot, committed. The coordinator gets a store in any case: the ledger knows it
 * by its UUID, so that it can become the witness of a cell of two.
 */
async function foundLedger(layout: Layout, cell: CellFile, at: string): Promise<void> {
  const voters = foundingVoters(cell.nodes.map(({ id }) => id), cell.coordinator.id);
  const stores = new Map<string, LedgerStore>();
  try {
    for (const member of new Set([...voters.members, cell.coordinator.id])) {
      const directory = join(member === cell.coordinator.id ? layout.coordinator : layout.node(member).data, LEDGER_DIRECTORY);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      stores.set(member, await openLedgerStore(directory, { newStoreUuid: () => uuid(chance) }));
    }
    const uuids = new Map([...stores].map(([member, store]) => [member, store.storeUuid]));
    const state = genesisState(cell, testImage(at), uuids.get(cell.coordinator.id) ?? '', at);
    const snapshot = { index: 1, term: 1, conf: foundingConf(voters, uuids), data: encodeSnapshot(state) };
    for (const member of voters.members) await stores.get(member)?.save({ hardState: { term: 1, vote: null, commit: 1 }, snapshot });
  } finally {
    for (const store of stores.values()) await store.close();
  }
}
