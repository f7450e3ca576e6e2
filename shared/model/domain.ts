/**
 * What is a Xen domain to the agent? What it is made from, and how it is seen while it exists.
 */
import type { BootId, InstanceId } from '../ids.ts';

/** What a domain is made from. */
export interface DomainSpec {
  readonly instance: InstanceId;
  readonly generation: number;
  readonly kind: 'pv' | 'pvh' | 'hvm';
  readonly memoryMiB: number;
  readonly vcpus: number;
  readonly macAddress: string;
  readonly disks: readonly { readonly device: string; readonly minor: number }[];
}

/** A Xen domain whose name is, or was, an instance's id. */
export interface ObservedDomain {
  readonly instance: InstanceId;
  readonly domainId: number;
  /** `building`: without the agent's tag yet; `gone`: a zombie that only waits for its I/O. */
  readonly state: 'running' | 'paused' | 'shutdown' | 'crashed' | 'building' | 'gone';
  /** The tag that the agent wrote when it created the domain; null: none. */
  readonly generation: number | null;
  readonly bootId: BootId | null;
}
