/**
 * Which cell runs in this directory: the one that lives there, or a new one? And does what the user asked fit it?
 */
import { rm } from 'node:fs/promises';
import { ClusterError } from '../../shared/errors.ts';
import { readCellFile, writeCellFile } from './cell-file.ts';
import type { CellFile, CellNode } from './cell-file.ts';
import type { PlaygroundOptions } from './config.ts';
import { foundCell, makeNode } from './found-cell.ts';
import { chooseFreePorts, ensureFree } from './free-ports.ts';
import type { Layout } from './layout.ts';

/** The cell, founded now if there was none, grown if more nodes are asked for. */
export interface OpenedCell {
  readonly cell: CellFile;
  readonly isNew: boolean;
}

/**
 * Opens the directory's cell. The lock must be held.
 *
 * @throws ClusterError `CellFileCorrupt`, `CellDiffers` (what was asked does not fit), and what founding throws.
 */
export async function openCell(layout: Layout, options: PlaygroundOptions, at: string): Promise<OpenedCell> {
  const found = await readCellFile(layout.cellFile);
  if (found === null) return { cell: await foundCell(layout, options, at), isNew: true };
  refuseDifferences(layout, found, options);
  // A mark that the end of founding did not get to remove must never let a later start clear this directory.
  await rm(layout.foundingMark, { force: true });
  return { cell: await grow(layout, found, options.nodes ?? found.nodes.length), isNew: false };
}

/** Whether all ports can be listened at. Throws ClusterError `PortBusy` that says which and what to do. */
export async function ensurePorts(cell: CellFile, httpPort: number): Promise<void> {
  await ensureFree('tcp', httpPort, 'the coordinator’s HTTP', 'end that program, or give another port with --port');
  const advice = 'end that program; the fleet’s ports are part of its identity';
  await ensureFree('tcp', cell.coordinator.meshPort, 'the coordinator’s mesh', advice);
  for (const node of cell.nodes) {
    await ensureFree('tcp', node.meshPort, `${node.id}’s mesh`, advice);
    await ensureFree('udp', node.leasePort, `${node.id}’s leases`, advice);
  }
}

function refuseDifferences(layout: Layout, cell: CellFile, { nodes, profile, bmc, memoryGiB }: PlaygroundOptions): void {
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
  if (memoryGiB !== null && memoryGiB !== cell.memoryGiB) refuse(`the machines in ${layout.root} were built with --memory ${cell.memoryGiB}`);
}

/** Builds more machines; the ledger admits them once it is there. */
async function grow(layout: Layout, cell: CellFile, count: number): Promise<CellFile> {
  const missing = count - cell.nodes.length;
  if (missing <= 0) return cell;
  const taken = [cell.coordinator.meshPort, ...cell.nodes.flatMap((node) => [node.meshPort, node.leasePort])];
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
