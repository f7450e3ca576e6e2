/**
 * What do owners ask of their instances? Start, stop, terminate, reboot, tags and attributes, with EC2's legal transitions.
 *
 *     asked       accepted from                        refused (wrongState, EC2's IncorrectInstanceState)
 *     running     stopped; running, pending: no effect stopping, shutting-down, terminated
 *     stopped     running, pending; stopped: no effect shutting-down, terminated
 *     terminated  everything                           -
 *     reboot      running                              everything else
 */
import type { InstanceId } from '../ids.ts';
import { isPlaced } from '../model/instance.ts';
import type { DesiredState, InstanceRecord } from '../model/instance.ts';
import { APPLIED, rejected } from './change.ts';
import type { Change, CommandOf } from './change.ts';
import type { ApplyResult } from './commands.ts';
import { tokenKey } from './apply-create.ts';
import { stopConfirmed } from './release.ts';
import { changeTags, refuseTags } from './tags.ts';

export function setDesired(change: Change, command: CommandOf<'setDesired'>): ApplyResult {
  const found = findAll(change, command.instances);
  if (!Array.isArray(found)) return found;
  for (const instance of found) {
    const refusal = refuseDesired(instance, command.desired);
    if (refusal !== null) return refusal;
  }
  for (const instance of found) want(change, instance, command.desired, command.force);
  return APPLIED;
}

/** The named instances, each once, or which of them does not exist. */
function findAll(change: Change, ids: readonly InstanceId[]): InstanceRecord[] | ApplyResult & { kind: 'rejected' } {
  const found: InstanceRecord[] = [];
  for (const id of new Set(ids)) {
    const instance = change.state.instances.get(id);
    if (instance === undefined) return { kind: 'rejected', reason: 'unknownInstance', message: `there is no instance ${id}` };
    found.push(instance);
  }
  return found;
}

function refuseDesired(instance: InstanceRecord, desired: DesiredState): ApplyResult | null {
  if (desired === 'terminated') {
    const isProtected = instance.terminationProtected && instance.desired !== 'terminated';
    return isProtected ? rejected('terminationProtected', `${instance.id} is protected against termination`) : null;
  }
  if (instance.desired === 'terminated') return rejected('wrongState', `${instance.id} is ${instance.phase === 'terminated' ? 'terminated' : 'shutting-down'}`);
  if (desired === 'running' && instance.desired === 'stopped' && instance.phase !== 'stopped') return rejected('wrongState', `${instance.id} is stopping`);
  return null;
}

const REASONS: Readonly<Record<'stopped' | 'terminated', string>> = {
  stopped: 'User initiated stop',
  terminated: 'User initiated termination',
};

function want(change: Change, instance: InstanceRecord, desired: DesiredState, force: boolean): void {
  if (instance.desired === desired) {
    if (force && instance.phase === 'stopping' && !instance.stopForced) change.putInstance({ ...instance, stopForced: true });
    return;
  }
  if (desired === 'running') {
    change.putInstance({ ...instance, desired, failures: 0, reason: null });
    change.say('instanceStartAsked', [instance.id], `${instance.id} shall run.`);
    return;
  }
  const isStop = desired === 'stopped';
  const asked: InstanceRecord = { ...instance, desired, restarting: false, reason: { code: 'Client.UserInitiatedShutdown', message: REASONS[desired] } };
  change.say(isStop ? 'instanceStopAsked' : 'instanceTerminateAsked', [instance.id], `${instance.id} shall be ${desired}.`);
  if (isPlaced(instance)) change.putInstance({ ...asked, ...change.entering(instance, 'stopping'), stopForced: force || instance.stopForced });
  else stopConfirmed(change, asked, 'nothing of it ran');
}

export function restartInstances(change: Change, command: CommandOf<'restartInstances'>): ApplyResult {
  const found = findAll(change, command.instances);
  if (!Array.isArray(found)) return found;
  for (const instance of found) {
    if (instance.phase !== 'running') return rejected('wrongState', `${instance.id} does not run`);
  }
  for (const instance of found) {
    if (instance.restarting) continue;
    change.putInstance({ ...instance, restarting: true });
    change.say('instanceRestartAsked', [instance.id], `${instance.id} shall be rebooted.`);
  }
  return APPLIED;
}

export function setTags(change: Change, command: CommandOf<'setTags'>): ApplyResult {
  const found = findAll(change, command.instances);
  if (!Array.isArray(found)) return found;
  for (const instance of found) {
    const tags = changeTags(instance.tags, command.set, command.remove);
    const refusal = refuseTags(tags);
    if (refusal !== null) return refusal;
    change.putInstance({ ...instance, tags });
  }
  return APPLIED;
}

export function setAttributes(change: Change, command: CommandOf<'setAttributes'>): ApplyResult {
  const { instance: id, kind: _, ...attributes } = command;
  const instance = change.state.instances.get(id);
  if (instance === undefined) return rejected('unknownInstance', `there is no instance ${id}`);
  if (instance.phase === 'terminated') return rejected('wrongState', `${id} is terminated`);
  change.putInstance({ ...instance, ...attributes });
  return APPLIED;
}

/** Instances that are gone already are passed over, so that the planner may ask twice. */
export function forgetInstances(change: Change, command: CommandOf<'forgetInstances'>): ApplyResult {
  const found = [...new Set(command.instances)].flatMap((id) => change.state.instances.get(id) ?? []);
  const early = found.find((instance) => instance.phase !== 'terminated');
  if (early !== undefined) return rejected('wrongState', `${early.id} is ${early.phase}, not terminated`);
  for (const instance of found) {
    change.dropInstance(instance.id);
    forgetToken(change, instance);
  }
  if (found.length > 0) change.say('instancesForgotten', found.map((instance) => instance.id), `${found.length} terminated instances are not shown any more.`);
  return APPLIED;
}

/** A token is kept as long as one of its instances is: that bounds them, and a late retry still finds its answer. */
function forgetToken(change: Change, instance: InstanceRecord): void {
  if (instance.clientToken === null) return;
  const key = tokenKey(instance.environment, instance.clientToken);
  const token = change.state.tokens.get(key);
  if (token === undefined || token.instances.some((id) => change.state.instances.has(id))) return;
  change.set({ tokens: change.state.tokens.delete(key) });
}
