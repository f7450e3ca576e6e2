/**
 * How much of a node is promised? Sums over the records, kept by `apply` with each change (shared/ledger/capacity.ts).
 */
import type { NodeId } from '../ids.ts';

/** What is promised on one node. A node without a record has promised nothing. */
export interface NodeUsage {
  /** Memory and processors of the instances placed here (starting, running, stopping). */
  readonly memoryMiB: number;
  readonly vcpus: number;
  /** How many instances are placed here, and how many of these have not reported their start. */
  readonly instances: number;
  readonly starting: number;
  /** Space of the replicas here, retired ones included until they are wiped. */
  readonly diskBytes: number;
  readonly replicas: number;
  /**
   * Memory kept free here for the instances whose standby this node is, by the node that holds them, MiB: one holder
   * may die at a time, so the largest of these sums must fit (SAFETY.md 5.2, S16).
   */
  readonly reservedMiB: ReadonlyMap<NodeId, number>;
}

/** Nothing promised. */
export const NO_USAGE: NodeUsage = { memoryMiB: 0, vcpus: 0, instances: 0, starting: 0, diskBytes: 0, replicas: 0, reservedMiB: new Map() };
