/**
 * Which cell runs in this directory: the one that lives there, or a new one? And does what the user asked fit it?
 */
import { rm, stat } from 'node:fs/promises';
import { ClusterError } from '../../shared/errors.ts';
import { readCellFile, writeCellFile } from './cell-file.ts';
import type { CellFile, CellNode } from './cell-file.ts';
import type { PlaygroundOptions } from './config.ts';
import { foundCell, makeNode } from './found-cell.ts';
import { chooseFreePorts, ensureFree } from './free-ports.ts';
import type { Layout } from './layout.ts';
import { writeTestImage } from './test-image.ts';

/** The cell, founded now if there was none, grown if more nodes are asked for. */
export interface OpenedCell {
  readonly cell: CellFile;
  readonly isNew: boolean;
}

/**
 * Opens the directory's cell. The lock must be held.
 *
 * @throws ClusterError `CellFileCorrupt`, `CellDiffers` (what was asked does not fit), `DisksMissing`, and what founding throws.
 */
export async function openCell(layout: Layout, options: PlaygroundOptions, at: string): Promise<OpenedCell> {
  const found = await readCellFile(layout.cellFile);
  if (found === null) return { cell: await foundCell(layout, options, at), isNew: true };
  refuseDifferences(layout, found, options);
  await refuseWithoutDisks(layout);
  // A mark that the end of founding did not get to remove must never let a later start clear this directory.
  await rm(layout.foundingMark, { force: true });
  // Nodes refuse an image that is not what its digest says, and instances would wait for a better one for ever.
  await writeTestImage(layout.images);
  return { cell: await grow(layout, found, options.nodes ?? found.nodes.length), isNew: false };
}

/** Whether the coordinator's HTTP port is free. Asked before a cell is founded: what was refused must leave no fleet behind. Throws as {@link ensurePorts}. */
export async function ensureHttpPort(httpPort: number): Promise<void> {
  await ensureFree('tcp', httpPort, 'the coordinator’s HTTP', 'end that program, or give another port with --port');
}

/** Whether the cell's own ports can be listened at. Throws ClusterError `PortBusy` that says which and what to do. */
export async function ensurePorts(cell: CellFile): Promise<void> {
  const advice = 'end that program; the fleet’s ports are part of its identity';
  await ensureFree('tcp', cell.coordinator.meshPort, 'the coordinator’s mesh', advice);
  for (const member of cell.etcd?.members ?? []) {
    await ensureFree('tcp', member.clientPort, `${member.name}’s clients`, advice);
    await ensureFree('tcp', member.peerPort, `${member.name}’s peers`, advice);
  }
  for (const node of cell.nodes) {
    await ensureFree('tcp', node.meshPort, `${node.id}’s mesh`, advice);
    await ensureFree('udp', node.leasePort, `${node.id}’s leases`, advice);
  }
}

/** A fleet that was ready once has a room with disks. With an empty one instead, its instances would wait for their data for ever. */
async function refuseWithoutDisks({ envFile, roomJournal }: Layout): Promise<void> {
  const [wasReady, disks] = await Promise.all([exists(envFile), stat(roomJournal).catch(() => null)]);
  if (!wasReady || (disks !== null && disks.size > 0)) return;
  throw new ClusterError('DisksMissing', `${roomJournal} is ${disks === null ? 'gone' : 'empty'}, and the disks of all machines were in it: put back a copy, or start a new fleet in another directory with --dir. Nothing was changed`, { retryable: false });
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

function refuseDifferences(layout: Layout, cell: CellFile, { nodes, profile, bmc, memoryGiB, ledger }: PlaygroundOptions): void {
  const refuse = (sentence: string): never => {
    throw new ClusterError('CellDiffers', `${sentence}. Leave the option out, or start another fleet in another directory with --dir`, { retryable: false });
  };
  if (nodes !== null && nodes < cell.nodes.length) {
    refuse(`the fleet in ${layout.root} has ${cell.nodes.length} nodes, and they may hold data: it cannot be started with --nodes ${nodes}`);
  }
  if (profile !== null && profile !== cell.profile) {
    refuse(`the fleet in ${layout.root} was founded with --profile ${cell.profile}; its ledger decides about that now (PUT /v1/parameters while it runs)`);
  }
  if (bmc !== null && bmc !== cell.bmc) refuse(`the machines in ${layout.root} were built with --bmc ${cell.bmc}`);
  const kept = cell.etcd === undefined ? 'own' : 'etcd';
  if (ledger !== null && ledger !== kept) refuse(`the fleet in ${layout.root} was founded with --ledger ${kept}, and its ledger is there`);
  if (memoryGiB !== null && memoryGiB !== cell.memoryGiB) refuse(`the machines in ${layout.root} were built with --memory ${cell.memoryGiB}`);
}

/** Builds more machines; the ledger admits them once it is there. */
async function grow(layout: Layout, cell: CellFile, count: number): Promise<CellFile> {
  const missing = count - cell.nodes.length;
  if (missing <= 0) return cell;
  const taken = [cell.coordinator.meshPort, ...(cell.etcd?.members ?? []).flatMap((member) => [member.clientPort, member.peerPort]), ...cell.nodes.flatMap((node) => [node.meshPort, node.leasePort])];
  const ports = await chooseFreePorts(2 * missing, taken);
  const added: CellNode[] = [];
  for (let at = 0; at < missing; at += 1) {
    const [mesh = 0, lease = 0] = ports.slice(2 * at);
    added.push(await makeNode(layout, `node-${cell.nodes.length + at + 1}`, [mesh, lease], false));
  }
  const grown: CellFile = { ...cell, nodes: [...cell.nodes, ...added] };
  await writeCellFile(layout.cellFile, grown);
  return grown;
}
