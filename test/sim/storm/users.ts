/** What do users and guests do meanwhile? Refused and unanswered requests are no failures: the ledger decides. */
import type { InstanceId } from '../../../shared/ids.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import { pickFrom } from './site.ts';
import type { Strike } from './site.ts';

/** So many instances for each node, and this many at least. */
const INSTANCES_MAX = 6;

/** Of those who ask for an instance, so many do so with a client token, and ask again although they may have been answered. */
const REPEATED = 0.4;
const REPEAT_MS_MAX = 4_000;

export const userRun: Strike = ({ cell }, event) => {
  if (wanted(cell).length >= Math.max(INSTANCES_MAX, cell.nodeIds.length)) return false;
  const token = event.how < REPEATED ? `token-${Math.round(cell.world.clock.nowMs())}` : null;
  // Without a leader, or an answer, the user simply has no instance.
  const askOnce = (): void => void cell.askToRun(1, token).catch(() => undefined);
  askOnce();
  if (token !== null) cell.world.timers.after(event.pick * REPEAT_MS_MAX, askOnce);
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
