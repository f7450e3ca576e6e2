/**
 * Which programs does a node of the room have? Finds the one that argv names and lets it answer.
 */
import { ClusterError } from '../../../shared/errors.ts';
import type { RunResult } from '../../../shared/world.ts';
import type { Boot } from './boot.ts';
import type { RoomTimings } from './config.ts';
import { openDevice } from './devices.ts';
import { runFence } from './fence-program.ts';
import type { Bmc } from './fence-program.ts';
import type { Hypervisor } from './hypervisor.ts';
import { runLvm } from './lvm-program.ts';
import type { DrbdPort, RoomHooks } from './ports.ts';
import { succeeded } from './program.ts';
import { runSmall, SMALL_PROGRAMS } from './small-programs.ts';
import type { LogicalVolume, VolumeGroup } from './volume-group.ts';
import { runXl } from './xl-program.ts';

/** What programs see of the node that they run on. */
export interface ProgramNode {
  readonly boot: Boot;
  readonly hypervisor: Hypervisor;
  readonly group: VolumeGroup;
  readonly timings: RoomTimings;
  readonly drbd: DrbdPort;
  readonly hooks: Pick<RoomHooks, 'readFile' | 'digestOf'>;
  readonly kernelLines: readonly string[];
  wallTime(): string;
  /** The BMC at an address, as far as it can be reached from here. */
  findBmc(address: string): Bmc | null;
}

const LVM_QUERIES: ReadonlySet<string> = new Set(['lvs', 'vgs', 'pvs']);
const LVM_CHANGES: ReadonlySet<string> = new Set(['lvcreate', 'lvremove', 'lvextend', 'lvchange']);
const DRBD_PROGRAMS: ReadonlySet<string> = new Set(['drbdadm', 'drbdsetup', 'drbdmeta']);

/** The program's name, without the directory it may be called by. */
export function programOf(argv: readonly string[]): string {
  const path = argv[0] ?? '';
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Runs a program to its end. Throws ClusterError `ProgramNotStarted` when the node has no such program. */
export async function runProgram(node: ProgramNode, argv: readonly string[], stdin: string): Promise<RunResult> {
  const { boot, hypervisor, group, timings, drbd, hooks } = node;
  const program = programOf(argv);
  const words = [program, ...argv.slice(1)];
  if (DRBD_PROGRAMS.has(program) || (program === 'cat' && argv[1] === '/proc/drbd')) return await drbd.run(boot.node, words, stdin);
  if (program === 'xl') {
    const readFile = (path: string): string | null => hooks.readFile(boot.node, path);
    return await runXl(hypervisor, { readFile, exists: (path) => isBootFile(path) || readFile(path) !== null }, argv.slice(1));
  }
  if (program === 'fence_ipmilan') {
    return await runFence({ find: (address) => node.findBmc(address), sleep: (delayMs) => boot.sleep(delayMs), wallTime: () => node.wallTime(), bmcMs: timings.bmcMs, bmcTimeoutMs: timings.bmcTimeoutMs }, words, stdin);
  }
  if (LVM_QUERIES.has(program) || LVM_CHANGES.has(program)) {
    await boot.sleep(LVM_QUERIES.has(program) ? timings.lvmQueryMs : timings.lvmMs);
    return runLvm(group, (volume) => isOpen(node, volume), words);
  }
  await boot.sleep(timings.smallMs);
  if (program.startsWith('xenstore-')) return hypervisor.xenstore.run(words);
  if (program === 'dmesg') return succeeded(node.kernelLines.map((line) => `${line}\n`).join(''));
  if (SMALL_PROGRAMS.includes(program)) {
    return await runSmall({
      readFile: (path) => readNodeFile(node, path),
      digestOf: (path) => hooks.digestOf(boot.node, path),
      openDevice: (path) => openDevice(boot, group, (device) => drbd.device(boot.node, device), path),
      sleep: (delayMs) => boot.sleep(delayMs), copyBytesPerSecond: timings.copyBytesPerSecond,
    }, words);
  }
  throw new ClusterError('ProgramNotStarted', `could not start ${program.slice(0, 60)} on ${boot.node}: no such program`, { retryable: false });
}

/** Whether DRBD or a domain (also a zombie) has the volume open. */
function isOpen({ boot, group, drbd, hypervisor }: ProgramNode, volume: LogicalVolume): boolean {
  if (drbd.isBacking(boot.node, `/dev/${group.name}/${volume.name}`)) return true;
  return hypervisor.domains.some(({ disks }) => disks.some((disk) => group.byPath(disk.path)?.name === volume.name));
}

/** Small files: those that the kernel and xenconsoled show, and the real ones of the node. */
function readNodeFile({ boot, hypervisor, hooks }: ProgramNode, path: string): string | null {
  if (path === '/proc/sys/kernel/random/boot_id') return `${boot.bootId}\n`;
  const console = /^\/var\/log\/xen\/console\/guest-(.+)\.log$/.exec(path);
  if (console?.[1] !== undefined) return hypervisor.consoles.get(console[1])?.text ?? null;
  return hooks.readFile(boot.node, path);
}

/** Kernels, ramdisks and boot loaders that every installed node has. */
function isBootFile(path: string): boolean {
  return path.startsWith('/boot/') || path === 'pygrub' || path.startsWith('/usr/lib/xen');
}
