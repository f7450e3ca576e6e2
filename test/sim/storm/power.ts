/** What goes wrong with power, machines and their BMCs? */
import { pickFrom } from './site.ts';
import type { Strike } from './site.ts';

export const powerCycle: Strike = ({ cell, later }, event, node) => {
  cell.room.powerOff(node);
  later(event, [node], () => cell.room.powerOn(node));
  return true;
};

export const reset: Strike = ({ cell }, _event, node) => {
  cell.room.reset(node);
  return true;
};

/** The whole site, and then its nodes one after the other in any order. */
export const siteOutage: Strike = ({ cell, later }, event) => {
  if (event.how > 0.5) return false;
  for (const each of cell.nodeIds) cell.room.powerOff(each);
  for (const [at, each] of cell.nodeIds.entries()) {
    later({ forMs: event.forMs * (0.3 + 0.7 * ((event.how * 977 * (at + 1)) % 1)) }, [each], () => cell.room.powerOn(each));
  }
  return true;
};

export const bmcUnreachable: Strike = ({ cell, later }, event, node) => {
  cell.room.setBmc(node, { isReachable: false });
  later(event, [node], () => cell.room.setBmc(node, { isReachable: true }));
  return true;
};

export const bmcLies: Strike = ({ cell, later }, event, node) => {
  cell.room.setBmc(node, { lies: true });
  later(event, [node], () => cell.room.setBmc(node, { lies: false }));
  return true;
};

/** How long nothing else breaks around a failed disk, ms: a second failure in that window may cost data, and is declared (SAFETY.md 2.5). */
const DISK_QUIET_MS = 12_000;

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
  later(event, [node], () => cell.room.repairDisk(node, null));
  return true;
};

export const diskSlow: Strike = ({ cell, later }, event, node) => {
  cell.room.failDisk(node, null, 'slow');
  later(event, [node], () => cell.room.repairDisk(node, null));
  return true;
};
