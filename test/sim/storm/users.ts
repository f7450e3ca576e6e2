/**
 * What do users and guests do meanwhile? Refused and unanswered requests are no failures: the ledger decides.
 *
 * Half of the users speak EC2 to the coordinator's real app, signed; the others give it commands as the app does.
 */
import type { InstanceId } from '../../../shared/ids.ts';
import type { Command } from '../../../shared/ledger/commands.ts';
import type { InstanceRecord } from '../../../shared/model/instance.ts';
import { IMAGE } from '../../support/virtual-cell.ts';
import type { VirtualCell } from '../../support/virtual-cell.ts';
import { callEc2 } from './ec2-client.ts';
import { pickFrom, spread } from './site.ts';
import type { StormSite, Strike } from './site.ts';

/** So many instances for each node, and this many at least. */
const INSTANCES_MAX = 6;
/** Of those who ask for an instance, so many do so with a client token, and ask again although they may have been answered. */
const REPEATED = 0.4;
const REPEAT_MS_MAX = 4_000;
const EC2_SHARE = 0.5;

export const userRun: Strike = (site, event) => {
  const { cell } = site;
  if (wanted(cell).length >= Math.max(INSTANCES_MAX, cell.nodeIds.length)) return false;
  const token = event.how < REPEATED ? `token-${Math.round(cell.world.clock.nowMs())}` : null;
  const isEc2 = speaksEc2(event.how);
  const askOnce = (): void => {
    if (isEc2) say(site, 'RunInstances', { ImageId: IMAGE, InstanceType: 't1.micro', MinCount: '1', MaxCount: '1', ...(token === null ? {} : { ClientToken: token }) });
    // Without a leader, or an answer, the user simply has no instance.
    else void cell.askToRun(1, token).catch(() => undefined);
  };
  askOnce();
  if (token !== null) cell.world.timers.after(event.pick * REPEAT_MS_MAX, askOnce);
  return true;
};

export const userStop: Strike = (site, event) => {
  const force = event.how < 0.3;
  return ask(site, event, { action: 'StopInstances', ...(force ? { more: { Force: 'true' } } : {}) }, (id) => ({ kind: 'setDesired', instances: [id], desired: 'stopped', force }));
};
export const userStart: Strike = (site, event) => ask(site, event, { action: 'StartInstances' }, (id) => ({ kind: 'setDesired', instances: [id], desired: 'running', force: false }));
export const userTerminate: Strike = (site, event) => ask(site, event, { action: 'TerminateInstances' }, (id) => ({ kind: 'setDesired', instances: [id], desired: 'terminated', force: event.how < 0.3 }));
export const userReboot: Strike = (site, event) => ask(site, event, { action: 'RebootInstances' }, (id) => ({ kind: 'restartInstances', instances: [id] }));

/** A guest crashes, powers itself off or restarts. */
export const guestEnd: Strike = ({ cell }, event) => {
  const instance = pickFrom(wanted(cell), event.pick);
  if (instance === undefined || cell.room.observer.running(instance.id).length === 0) return false;
  cell.room.endGuest(instance.id, event.how < 0.4 ? 'crash' : event.how < 0.7 ? 'poweroff' : 'reboot');
  return true;
};

function ask(site: StormSite, { pick, how }: { readonly pick: number; readonly how: number }, ec2: { readonly action: string; readonly more?: Readonly<Record<string, string>> }, commandFor: (id: InstanceId) => Command): boolean {
  const instance = pickFrom(wanted(site.cell), pick);
  if (instance === undefined || (ec2.action === 'TerminateInstances' && !site.mayTerminate(instance))) return false;
  if (speaksEc2(how)) say(site, ec2.action, { 'InstanceId.1': instance.id, ...ec2.more });
  else void site.cell.ask(commandFor(instance.id)).catch(() => undefined);
  return true;
}

/** Answers that say that the coordinator itself made a mistake, or took its user for another. All others are right at times. */
const WRONG = ['InternalError', 'AuthFailure', 'SignatureDoesNotMatch', 'RequestExpired', 'InvalidParameterValue', 'MissingParameter'];

function say({ cell, complain }: StormSite, action: string, parameters: Readonly<Record<string, string>>): void {
  const answered = callEc2(cell, action, parameters).then(({ status, code }) => {
    if (code !== null && WRONG.includes(code)) complain(`S13 ${action} was answered ${status} ${code}`);
  });
  // Nobody listens while the coordinator is dead.
  void answered.catch(() => undefined);
}

function speaksEc2(how: number): boolean {
  return spread(how, 7) < EC2_SHARE;
}

function wanted(cell: VirtualCell): readonly InstanceRecord[] {
  return [...cell.state().instances.values()].filter(({ desired }) => desired !== 'terminated');
}
