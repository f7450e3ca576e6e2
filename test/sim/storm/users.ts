/** What do users and guests do meanwhile? Refused and unanswered requests are no failures: the ledger decides. */
import type { InstanceId } from '../../../shared/ids.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import { pickFrom } from './site.ts';
import type { Strike } from './site.ts';

/** So many instances for each node, and this many at least. */
const INSTANCES_MAX = 6;

export const userRun: Strike = ({ cell }) => {
  if (wanted(cell).length >= Math.max(INSTANCES_MAX, cell.nodeIds.length)) return false;
  // Without a leader, or an answer, the user simply has no instance.
  void cell.askToRun(1).catch(() => undefined);
  return true;
};

export const userStop: Strike = (site, event) => ask(site.cell, event.pick, (id) => ({ kind: 'setDesired', instances: [id], desired: 'stopped', force: event.how < 0.3 }));
export const userStart: Strike = (site, event) => ask(site.cell, event.pick, (id) => ({ kind: 'setDesired', instances: [id], desired: 'running', force: false }));
export const userTerminate: Strike = (site, event) => ask(site.cell, event.pick, (id) => ({ kind: 'setDesired', instances: [id], desired: 'terminated', force: event.how < 0.3 }));
export const userReboot: Strike = (site, event) => ask(site.cell, event.pick, (id) => ({ kind: 'restartInstances', instances: [id] }));

/** A guest crashes, powers itself off or restarts. */
export const guestEnd: Strike = ({ cell }, event) => {
  const instance = pickFrom(wanted(cell), event.pick);
  if (instance === undefined || (cell.room.report().instances[instance.id]?.running ?? []).length === 0) return false;
  cell.room.endGuest(instance.id, event.how < 0.4 ? 'crash' : event.how < 0.7 ? 'poweroff' : 'reboot');
  return true;
};

function ask(cell: VirtualCell, pick: number, commandFor: (id: InstanceId) => Command): boolean {
  const instance = pickFrom(wanted(cell), pick);
  if (instance === undefined) return false;
  void cell.ask(commandFor(instance.id)).catch(() => undefined);
  return true;
}

function wanted(cell: VirtualCell): readonly InstanceRecord[] {
  return [...cell.state().instances.values()].filter(({ desired }) => desired !== 'terminated');
}
