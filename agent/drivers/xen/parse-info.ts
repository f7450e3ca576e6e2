/**
 * What can the hypervisor give? The text of `xl info`.
 */
import { ClusterError } from '../../../shared/errors.ts';

/** The hypervisor's figures. `cpus` counts threads; `version` is Xen's, e.g. `4.17.5`. */
export interface XenInfo {
  readonly host: string;
  readonly version: string;
  readonly cpus: number;
  readonly totalMemoryMiB: number;
  /** Memory that no domain has. */
  readonly freeMemoryMiB: number;
  readonly domainKinds: readonly ('pv' | 'pvh' | 'hvm')[];
}

/** Reads `xl info`. Throws ClusterError `UnreadableOutput` when a figure is missing. */
export function parseInfo(text: string): XenInfo {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(\w+)\s*: (.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) values.set(match[1], match[2].trim());
  }
  const number = (name: string): number => {
    const value = values.get(name) ?? '';
    if (!/^\d+$/.test(value)) throw new ClusterError('UnreadableOutput', `xl info has no figure for ${name}`, { retryable: true });
    return Number(value);
  };
  const capabilities = (values.get('virt_caps') ?? '').split(' ');
  return {
    host: values.get('host') ?? '', version: values.get('xen_version') ?? '', cpus: number('nr_cpus'), totalMemoryMiB: number('total_memory'), freeMemoryMiB: number('free_memory'),
    // PVH needs hardware virtualisation with nested paging; PV needs that Xen was built with it.
    domainKinds: [...(capabilities.includes('pv') ? ['pv' as const] : []), ...(capabilities.includes('hvm') && capabilities.includes('hap') ? ['pvh' as const] : []), ...(capabilities.includes('hvm') ? ['hvm' as const] : [])],
  };
}
