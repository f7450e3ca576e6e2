/**
 * What can this node carry, and how busy is it? Xen's and LVM's own figures, and the control domain's load.
 */
import type { NodeCapacity } from '../../shared/model/node.ts';
import type { Lvm } from './lvm/run-lvm.ts';
import type { Xen } from './xen/run-xen.ts';

/** A node's measures. Methods reject with ClusterError. */
export interface Host {
  inventory(): Promise<NodeCapacity>;
  /** Memory that domains could still get, space for replicas, and load of the control domain, 0 to 1 per processor. */
  sample(): Promise<{ readonly freeMemoryMiB: number; readonly freeDiskBytes: number; readonly load: number }>;
}

/** Part of the memory that is not promised to domains: each costs Xen about 1 MiB beside its own (page tables, structures). */
const RESERVE = 0.02;

/** `load` says how busy the control domain is: {@link systemLoad} on a real node, the room's figure in the playground. */
export function createHost(xen: Xen, lvm: Lvm, load: () => Promise<number>): Host {
  const available = (memoryMiB: number): number => Math.max(0, Math.floor(memoryMiB * (1 - RESERVE)));
  return {
    inventory: async () => {
      // Free memory first: a domain that starts in between is counted neither twice nor not at all, but as taken.
      const info = await xen.info();
      const domainMemoryMiB = await xen.domainMemoryMiB();
      const group = await lvm.size();
      return { memoryMiB: available(info.freeMemoryMiB + domainMemoryMiB), vcpus: info.cpus, diskBytes: group.sizeBytes, domainKinds: info.domainKinds };
    },
    sample: async () => {
      const info = await xen.info();
      const group = await lvm.size();
      return { freeMemoryMiB: available(info.freeMemoryMiB), freeDiskBytes: group.freeBytes, load: await load() };
    },
  };
}

/** The control domain's load as `systeminformation` measures it, over the time since it was last asked. */
export async function systemLoad(): Promise<number> {
  // Loaded by those who ask: a node of the simulated room has the room's figure, and saves the memory.
  const { currentLoad } = await import('systeminformation');
  const { currentLoad: percent } = await currentLoad();
  return Number.isFinite(percent) ? Math.min(1, Math.max(0, percent / 100)) : 0;
}
