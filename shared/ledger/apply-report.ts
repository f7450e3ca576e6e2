/**
 * What did the holder of an instance do? Its reports: not started yet, started, stopped, and why.
 */
import type { InstanceRecord } from '../model/instance.ts';
import { APPLIED, rejected } from './change.ts';
import type { Change, CommandOf } from './change.ts';
import type { ApplyResult } from './commands.ts';
import { settleDraining } from './apply-node.ts';
import { refuseAct, refuseActor, refuseInstanceHolder } from './guards.ts';
import { giveBack, stopConfirmed } from './release.ts';

/** From this many failures on, the instance waits before its next start, and shows that it does. */
const BACKOFF_FROM_FAILURES = 2;

/** What a start waits for. EC2's code for an instance that is pending; forgotten with the start, or the next placement. */
export function reportDelayed(change: Change, command: CommandOf<'reportDelayed'>): ApplyResult {
  const { actor, message } = command;
  const instance = change.state.instances.get(command.instance);
  if (instance === undefined) return rejected('unknownInstance', `there is no instance ${command.instance}`);
  const refusal = refuseInstanceHolder(instance, actor, command.generation) ?? refuseAct(change.state, actor);
  if (refusal !== null) return refusal;
  if (instance.phase !== 'starting') return rejected('wrongState', `${instance.id} is ${instance.phase}`);
  if (instance.reason?.message === message) return APPLIED;
  change.putInstance({ ...instance, reason: { code: 'pending', message } });
  change.say('instanceDelayed', [instance.id, actor.node], `${instance.id} does not run on ${actor.node} yet: ${message}.`, 'warning');
  return APPLIED;
}

export function reportStarted(change: Change, command: CommandOf<'reportStarted'>): ApplyResult {
  const instance = change.state.instances.get(command.instance);
  if (instance === undefined) return rejected('unknownInstance', `there is no instance ${command.instance}`);
  const refusal = refuseInstanceHolder(instance, command.actor, command.generation) ?? refuseAct(change.state, command.actor);
  if (refusal !== null) return refusal;
  const { id, phase, restarting } = instance;
  const { node } = command.actor;
  if (phase === 'running') {
    if (!restarting) return APPLIED;
    change.putInstance({ ...instance, restarting: false });
    change.say('instanceRestarted', [id, node], `${id} was rebooted on ${node}.`);
    return APPLIED;
  }
  if (phase !== 'starting') return rejected('wrongState', `${id} is ${phase}`);
  const { index, data } = change.entry;
  const moves = instance.moves.map((move) => (move.generation === instance.generation && move.startedIndex === null ? { ...move, startedIndex: index, startedAt: data.at } : move));
  change.putInstance({ ...instance, ...change.entering(instance, 'running'), restarting: false, reason: null, moves });
  change.say('instanceStarted', [id, node], `${id} runs on ${node}.`);
  return APPLIED;
}

/**
 * The domain is gone, its volumes are secondary: a stop that needs no proof. A boot that is about to be fenced may
 * still report it (stopping is always allowed); one that is fenced may not, its instances have moved on.
 */
export function reportStopped(change: Change, command: CommandOf<'reportStopped'>): ApplyResult {
  const { actor } = command;
  const instance = change.state.instances.get(command.instance);
  if (instance === undefined) return rejected('unknownInstance', `there is no instance ${command.instance}`);
  const refusal = refuseInstanceHolder(instance, actor, command.generation) ?? refuseReporter(change, command);
  if (refusal !== null) return refusal;
  if (instance.phase !== 'starting' && instance.phase !== 'running' && instance.phase !== 'stopping') return rejected('wrongState', `${instance.id} is ${instance.phase}`);
  if (instance.desired === 'running') stoppedUnasked(change, instance, command);
  else stopConfirmed(change, instance, `as asked, on ${actor.node}`);
  settleDraining(change, actor.node);
  return APPLIED;
}

function refuseReporter(change: Change, command: CommandOf<'reportStopped'>): ApplyResult | null {
  if (change.state.nodes.get(command.actor.node)?.phase === 'fencing') return null;
  return refuseActor(change.state, command.actor);
}

function stoppedUnasked(change: Change, instance: InstanceRecord, command: CommandOf<'reportStopped'>): void {
  const { id } = instance;
  const detail = command.detail === '' ? '' : `: ${command.detail}`;
  switch (command.cause) {
    case 'asked':
      giveBack(change, instance, { restarting: instance.restarting });
      change.say('instanceStopped', [id, command.actor.node], `${id} was stopped on ${command.actor.node} and is placed again.`);
      return;
    case 'guestStopped': {
      const desired = instance.shutdownBehavior === 'terminate' ? 'terminated' : 'stopped';
      const reason = { code: 'Client.InstanceInitiatedShutdown', message: 'Instance initiated shutdown' };
      stopConfirmed(change, { ...instance, desired, reason }, 'the guest shut itself down');
      return;
    }
    case 'domainLost':
    case 'startFailed': {
      const failures = instance.failures + 1;
      const what = command.cause === 'domainLost' ? 'its domain was lost' : 'its start failed';
      giveBack(change, instance, {
        phase: failures >= BACKOFF_FROM_FAILURES ? 'crashBackoff' : 'stopped', failures, reason: { code: 'Server.InternalError', message: `${what}${detail}`.slice(0, 500) },
      });
      change.say('instanceFailed', [id, command.actor.node], `${id} failed on ${command.actor.node}: ${what}${detail} (failure ${failures}).`, 'warning');
      return;
    }
    default:
      command.cause satisfies never;
  }
}

export function clearFailures(change: Change, command: CommandOf<'clearFailures'>): ApplyResult {
  const instance = change.state.instances.get(command.instance);
  if (instance === undefined) return rejected('unknownInstance', `there is no instance ${command.instance}`);
  if (instance.generation !== command.expectGeneration) return rejected('staleGeneration', `${instance.id} is at generation ${instance.generation}`);
  if (instance.phase !== 'running') return rejected('wrongState', `${instance.id} does not run`);
  if (instance.failures !== 0) change.putInstance({ ...instance, failures: 0 });
  return APPLIED;
}
