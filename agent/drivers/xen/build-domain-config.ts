/**
 * Which configuration file gives this domain? xl.cfg(5), written with quoting and nothing else.
 */
import { ClusterError } from '../../../shared/errors.ts';
import { parseDomainConfig } from './parse-domain-config.ts';

/** A domain, as far as a configuration file says it. */
export interface DomainConfig {
  /** The instance's id. */
  readonly name: string;
  readonly kind: 'pv' | 'pvh' | 'hvm';
  readonly memoryMiB: number;
  readonly vcpus: number;
  readonly macAddress: string;
  readonly bridge: string;
  /** Guest device, e.g. `xvda`, and the block device behind it. */
  readonly disks: readonly { readonly device: string; readonly path: string }[];
  /** Boot files; a null kernel lets the disk's own boot loader decide (pygrub for PV, the firmware for HVM). */
  readonly kernel: string | null;
  readonly ramdisk: string | null;
  readonly commandLine: string;
}

/**
 * The text of the file. Domains that end by themselves are destroyed, never restarted by xl: a domain that xl
 * restarted would run without the agent's tag, and every start needs a permit (SAFETY.md 5.2).
 *
 * @throws ClusterError `InvalidDomainConfig` when a value cannot be written so that it is read back unchanged.
 */
export function buildDomainConfig(config: DomainConfig): string {
  const values: [string, string | number | readonly string[]][] = [
    ['type', config.kind], ['name', config.name], ['memory', config.memoryMiB], ['maxmem', config.memoryMiB], ['vcpus', config.vcpus],
    ...bootOf(config),
    ['disk', config.disks.map(({ device, path }) => `format=raw,vdev=${device},access=rw,backendtype=phy,target=${path}`)],
    ['vif', [`mac=${config.macAddress},bridge=${config.bridge}`]],
    ['on_poweroff', 'preserve'], ['on_reboot', 'destroy'], ['on_crash', 'preserve'],
  ];
  const text = values.map(([name, value]) => `${name} = ${typeof value === 'object' ? `[ ${value.map(quote).join(', ')} ]` : typeof value === 'number' ? value : quote(value)}\n`).join('');
  const read = parseDomainConfig(text);
  for (const [name, value] of values) {
    if (JSON.stringify(read.get(name)) !== JSON.stringify(value)) throw new ClusterError('InvalidDomainConfig', `the configuration of ${config.name} would not be read as it was meant: ${name}`, { retryable: false });
  }
  if (config.disks.some(({ path, device }) => !/^\/dev\/[A-Za-z0-9_/.-]+$/.test(path) || !/^xvd[a-z]$/.test(device))) throw new ClusterError('InvalidDomainConfig', `a disk of ${config.name} is no block device by name`, { retryable: false });
  return text;
}

function bootOf(config: DomainConfig): [string, string][] {
  if (config.kernel !== null) return [['kernel', config.kernel], ...(config.ramdisk === null ? [] : [['ramdisk', config.ramdisk] as [string, string]]), ['cmdline', config.commandLine]];
  return config.kind === 'hvm' ? [] : [['bootloader', 'pygrub']];
}

/** xl's strings know no escapes that all versions agree on, so none may be needed. */
function quote(value: string): string {
  if (/["'\\\n\r\0]/.test(value) || value.length > 2_048) throw new ClusterError('InvalidDomainConfig', `a value cannot be quoted: ${JSON.stringify(value.slice(0, 60))}`, { retryable: false });
  return `"${value}"`;
}
