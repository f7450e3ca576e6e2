/** What goes wrong with disks: those of the volumes, and those of the ledger? */
import { memberOfVoter, voterIdOf } from '../../../shared/ids.ts';
import type { NodeId, VoterId } from '../../../shared/ids.ts';
import type { BlockDevice } from '../../../agent/room/model/disk.ts';
import { WRITE_MS } from '../../support/memory-store.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import { pickFrom, spread, startProcesses } from './site.ts';
import type { Strike } from './site.ts';

/** How long nothing else breaks around a failed disk, ms: a second failure in that window may cost data, and is declared (SAFETY.md 2.5). */
const DISK_QUIET_MS = 12_000;
const SLOW_WRITE_MS = 400;
/** How soon a supervisor starts an agent that ended, ms. */
const RESTART_MS = 200;

/** A failed disk strikes at a write, if one comes within this time, ms: the write that it did not keep is the one that its peer acknowledged. */
const NEXT_WRITE_MS = 1_000;
/** Many a disk works again as soon as its machine was reset: before the node has booted, ms. */
const BACK_SOON_MS = 1_500;

/** In half of the cases nothing that the node says arrives for so long, ms: it has reset itself before, and only the mark on its boot disk remembers. */
const UNHEARD_MS = 1_000;

/** Only while everything is well, with quiet around it, so that no second failure falls into the declared window. */
export const diskFail: Strike = ({ cell, isQuiet, keepQuiet, later }, event, node) => {
  const { volumes, nodes } = cell.state();
  const isWell = isQuiet() && [...volumes.values()].every(({ inSync, tainted }) => inSync.length === 2 && tainted.length === 0)
    && cell.nodeIds.every((each) => {
      // Active in the boot that it is really in: the ledger knows all that the node knows.
      const record = nodes.get(each);
      return cell.processes(each).agent && record?.phase === 'active' && record.bootId === cell.room.nodeReport(each).bootId;
    });
  if (!isWell) return false;
  const volume = pickFrom((cell.drbd.room?.facts() ?? []).filter((fact) => fact.node === node && fact.disk === 'UpToDate'), event.how);
  if (volume === undefined) return false;
  keepQuiet(DISK_QUIET_MS);
  const isUnheard = spread(event.how, 3) < 0.5;
  const fail = (): void => {
    if (isUnheard) for (const other of cell.nodeIds) if (other !== node) cell.network.faults.clog(node, other, cell.world.clock.nowMs() + UNHEARD_MS);
    cell.room.failDisk(node, event.how < 0.5 ? null : volume.resource, 'error');
  };
  const backMs = spread(event.how, 1) < 0.5 ? Math.min(event.forMs, BACK_SOON_MS) : event.forMs;
  const disk = spread(event.how, 2) < 0.5 ? null : cell.room.disk(node, volume.resource);
  if (disk === null) fail();
  else atNextWrite(cell, disk, fail);
  later(NEXT_WRITE_MS + backMs, [node], () => cell.room.repairDisk(node, null));
  return true;
};

/** While a write is in the disk's cache and not on its platter; without one, when the wait is over. */
function atNextWrite({ world }: VirtualCell, disk: BlockDevice, act: () => void): void {
  let isOver = false;
  const once = (): void => {
    if (isOver) return;
    isOver = true;
    stop();
    act();
  };
  const stop = disk.onChange(({ kind }) => {
    if (kind === 'write') world.timers.after(0, once);
  });
  world.timers.after(NEXT_WRITE_MS - 1, once);
}

export const diskSlow: Strike = ({ cell, later }, event, node) => {
  cell.room.failDisk(node, null, 'slow');
  later(event.forMs, [node], () => cell.room.repairDisk(node, null));
  return true;
};

export const slowStore: Strike = ({ cell, later }, event, node) => {
  cell.setWriteMs(node, SLOW_WRITE_MS * event.how);
  later(event.forMs, [node], () => cell.setWriteMs(node, WRITE_MS));
  return true;
};

/** Every write of the ledger's store fails: its agent ends, is started again, and ends again. */
export const storeFull: Strike = ({ cell, later }, event, node) => {
  const store = cell.store(node);
  store.isFailing = true;
  later(event.forMs, [node], () => {
    store.isFailing = false;
    startProcesses(cell, node);
  });
  return true;
};

/** The boot disk is another one: the store is gone, and the voter of it. As few as the cell can bear. */
export const storeLost: Strike = (site, _event, node) => {
  if (!maySpare(site.cell, node)) return false;
  site.cell.loseStore(node);
  site.during(RESTART_MS, () => startProcesses(site.cell, node));
  return true;
};

/** Bits of the store are others now. Its agent notices when it starts again. */
export const storeDamaged: Strike = (site, _event, node) => {
  if (!maySpare(site.cell, node)) return false;
  site.cell.store(node).damage('the simulated disk flipped a bit');
  site.cell.killAgent(node);
  site.during(RESTART_MS, () => startProcesses(site.cell, node));
  return true;
};

/**
 * What a majority of the voters promised is only safe while fewer than a majority lose their stores (S11). One at a time: each time all
 * voters must be those that there would be without any loss, and up.
 */
function maySpare(cell: VirtualCell, node: NodeId): boolean {
  const voters = cell.voters();
  return voters.length >= 3 && voters.every((voter) => isVoterWell(cell, voter)) && voters.includes(voterIdOf(node, cell.store(node).storeUuid));
}

/** Whether a vote is that of a node that is up and takes work, or of a coordinator. */
export function isVoterWell(cell: VirtualCell, voter: string): boolean {
  const { nodes, coordinators } = cell.state();
  const member = memberOfVoter(voter as VoterId);
  const owner = cell.nodeIds.find((id) => id === member);
  if (owner === undefined) return coordinators.has(member);
  // A voter of a lost store stays until another took its place: two of four would be none.
  return cell.processes(owner).agent && nodes.get(owner)?.phase === 'active' && voter === voterIdOf(owner, cell.store(owner).storeUuid);
}
