/**
 * What becomes of an instance whose holder is dead or has stopped it? It waits for a new holder, is stopped, or is gone.
 */
import type { NodeId } from '../ids.ts';
import type { InstanceRecord } from '../model/instance.ts';
import type { FenceProof } from '../model/node.ts';
import type { Change } from './change.ts';
import { putVolume } from './in-sync.ts';

/** Every instance that the proof's boot held: to takeover, or stopped as the proof confirms. */
export function releaseHeld(change: Change, node: NodeId, proof: FenceProof): void {
  for (const instance of change.state.instances.values()) {
    if (instance.holder !== node || instance.holderBootId !== proof.bootId || instance.phase === 'terminated') continue;
    if (instance.desired !== 'running') {
      stopConfirmed(change, instance, `its node ${node} is fenced`);
      continue;
    }
    change.putInstance({
      ...instance, ...change.entering(instance, 'takeover'), fence: proof, restarting: false, reason: { code: 'Server.InternalError', message: `${node} failed; waiting for another node` },
    });
    change.say('instanceLostHolder', [instance.id, node], `${instance.id} lost its node ${node} and waits for another one.`, 'warning');
  }
}

/** Nothing of the instance runs, and that is certain: it becomes what its owner wants, `stopped` or `terminated`. */
export function stopConfirmed(change: Change, instance: InstanceRecord, why: string): void {
  if (instance.desired === 'terminated') {
    terminate(change, instance, why);
    return;
  }
  giveBack(change, instance, {});
  change.say('instanceStopped', [instance.id], `${instance.id} is stopped (${why}).`);
}

/** The right to run it was given back: nobody may promote its volumes until it is placed again. */
export function giveBack(change: Change, instance: InstanceRecord, fields: Partial<InstanceRecord>): void {
  for (const volume of change.volumesOf(instance)) putVolume(change, { ...volume, holder: null, holderBootId: null });
  const phase = fields.phase ?? 'stopped';
  change.putInstance({
    ...instance, holderBootId: null, fence: null, restarting: false, stopForced: false, ...fields, ...change.entering(instance, phase),
  });
}

/** The end: the instance stays to be seen for a while, its volumes are deleted replica by replica. */
function terminate(change: Change, instance: InstanceRecord, why: string): void {
  for (const volume of change.volumesOf(instance)) {
    putVolume(change, { ...volume, holder: null, holderBootId: null, instance: null, deleting: true });
  }
  giveBack(change, { ...instance, volumes: [] }, { phase: 'terminated', holder: null, standby: null });
  change.say('instanceTerminated', [instance.id], `${instance.id} is terminated (${why}).`);
}
