/**
 * How are instances and volumes shown? The ledger's records, with EC2's word for the state and how far a replica is synchronised.
 */
import type { CellState } from '../../shared/model/cell.ts';
import { ec2State } from '../../shared/model/instance.ts';
import type { InstanceRecord } from '../../shared/model/instance.ts';
import type { VolumeRecord } from '../../shared/model/volume.ts';
import type { InstanceView, VolumeView } from '../../shared/wire/rest.ts';
import type { HeardHealth } from './ports.ts';

export function instanceView(instance: InstanceRecord): InstanceView {
  const { id, environment, type, image, vcpus, memoryMiB, phase, desired, generation, holder, standby, privateAddress, launchedAt, phaseAt, reason, tags, volumes, failures } = instance;
  return {
    id, environment, type, image, vcpus, memoryMiB, state: ec2State(instance).name, phase, desired, generation, holder, standby, privateAddress, launchedAt, phaseAt,
    reason: reason === null ? null : { ...reason }, tags: { ...tags }, volumes: [...volumes], failures,
  };
}

/** The instances that somebody may see, in the order they were launched. */
export function visibleInstances(state: CellState, sees: (instance: InstanceRecord) => boolean): readonly InstanceRecord[] {
  return state.instances.values().filter((instance) => sees(instance)).toSorted((a, b) => a.launchIndex - b.launchIndex || (a.id < b.id ? -1 : 1));
}

export function volumeView(volume: VolumeRecord, health: ReadonlyMap<string, HeardHealth>): VolumeView {
  const { id, instance, device, sizeBytes, holder, generation, replicas, inSync, tainted, retired, version, epoch, formatted, deleting, degradedSinceIndex } = volume;
  return {
    id, instance, device, sizeBytes, holder, generation, replicas: [...replicas], inSync: [...inSync], tainted: [...tainted], retired: [...retired],
    version, epoch, formatted, deleting, isDegraded: degradedSinceIndex !== null, syncPercent: syncPercentOf(volume, health),
  };
}

/** The furthest that a replica's node tells; both ends of a synchronisation count the same blocks. */
function syncPercentOf(volume: VolumeRecord, health: ReadonlyMap<string, HeardHealth>): number | null {
  const told = volume.replicas.flatMap((node) => health.get(node)?.gossip.volumes.find((one) => one.volume === volume.id)?.syncPercent ?? []);
  return told.length === 0 ? null : Math.max(...told);
}
