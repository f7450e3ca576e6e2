/** What goes wrong with disks: those of the volumes, and those of the ledger? */
import { memberOfVoter, voterIdOf } from '../../../shared/ids.ts';
import type { NodeId, VoterId } from '../../../shared/ids.ts';
import { WRITE_MS } from '../../support/memory-store.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import { pickFrom, startProcesses } from './site.ts';
import type { Strike } from './site.ts';

/** How long nothing else breaks around a failed disk, ms: a second failure in that window may cost data, and is declared (SAFETY.md 2.5). */
const DISK_QUIET_MS = 12_000;
const SLOW_WRITE_MS = 400;
/** How soon a supervisor starts an agent that ended, ms. */
const RESTART_MS = 200;

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
  cell.room.failDisk(node, event.how < 0.5 ? null : volume.resource, 'error');
  later(event.forMs, [node], () => cell.room.repairDisk(node, null));
  return true;
};

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
  const { nodes, coordinators } = cell.state();
  const voters = cell.voters();
  const isWell = (voter: string): boolean => {
    const member = memberOfVoter(voter as VoterId);
    const owner = cell.nodeIds.find((id) => id === member);
    if (owner === undefined) return coordinators.has(member);
    // A voter of a lost store stays until another took its place: two of four would be none.
    return cell.processes(owner).agent && nodes.get(owner)?.phase === 'active' && voter === voterIdOf(owner, cell.store(owner).storeUuid);
  };
  return voters.length >= 3 && voters.every(isWell) && voters.includes(voterIdOf(node, cell.store(node).storeUuid));
}
