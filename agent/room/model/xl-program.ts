/**
 * What does `xl` print? The hypervisor's state as the text of Xen 4.17's tool, with its exit codes.
 *
 * Recorded: test/fixtures/xen. A missing domain is exit 1, a failed create 3, wrong usage 2.
 */
import type { RunResult } from '../../../shared/world.ts';
import type { CreateFailure, Domain, Hypervisor } from './hypervisor.ts';
import { virtualDevice } from './hypervisor.ts';
import { failed, readOptions, succeeded } from './program.ts';
import type { OptionTable } from './program.ts';
import { readDomainConfig } from './xl-config.ts';

/** What `xl` needs beside the hypervisor. */
export interface XlFiles {
  readFile(path: string): string | null;
  /** Whether a kernel, ramdisk or boot loader is there. */
  exists(path: string): boolean;
}

const NONE: OptionTable = { flags: {}, values: {} };
const OPTIONS: Readonly<Record<string, OptionTable>> = {
  create: { flags: { '-p': 'paused', '-q': 'quiet', '--quiet': 'quiet' }, values: { '-f': 'file', '--defconfig': 'file' } },
  list: { flags: { '-l': 'long', '--long': 'long', '-v': 'verbose', '--verbose': 'verbose' }, values: {} },
  shutdown: { flags: { '-w': 'wait', '--wait': 'wait', '-F': 'force' }, values: {} },
  reboot: { flags: { '-w': 'wait', '--wait': 'wait', '-F': 'force' }, values: {} },
  destroy: { flags: { '-f': 'force' }, values: {} },
  info: NONE, unpause: NONE, pause: NONE, domid: NONE, domname: NONE, 'mem-set': NONE, 'vcpu-list': NONE, uptime: NONE, 'block-list': NONE,
};

/** Runs `xl` with the words after the program's name. */
export async function runXl(hypervisor: Hypervisor, files: XlFiles, argv: readonly string[]): Promise<RunResult> {
  const { boot, timings } = hypervisor.parts;
  const command = argv[0] ?? '';
  const table = OPTIONS[command];
  if (table === undefined) return failed(1, command === '' ? 'Usage xl [-vfNtT] <subcommand> [args]\n' : 'command not implemented\n');
  const read = readOptions(argv.slice(1), table);
  if ('bad' in read) return failed(2, `option \`${read.bad.replace(/^-+/, '')}' not supported.\n`);
  const { flags, values, rest } = read.options;
  if (command === 'create') return await create(hypervisor, files, values['file'] ?? rest[0] ?? '', { isPaused: flags.has('paused'), isQuiet: flags.has('quiet') });
  await boot.sleep(command === 'unpause' || command === 'pause' ? timings.xlUnpauseMs : timings.xlQueryMs);
  switch (command) {
    case 'info': return succeeded(info(hypervisor));
    case 'list': return list(hypervisor, rest[0] ?? null, flags);
    case 'vcpu-list': return succeeded(vcpuList(hypervisor));
    case 'uptime': return succeeded(uptime(hypervisor));
    case 'domid': return domid(hypervisor, rest[0]);
    case 'domname': return domname(hypervisor, rest[0]);
    default: return await onDomain(hypervisor, command, rest);
  }
}

async function create(hypervisor: Hypervisor, files: XlFiles, path: string, options: { readonly isPaused: boolean; readonly isQuiet: boolean }): Promise<RunResult> {
  if (path === '') return failed(2, "'xl create' requires a path to configuration file.\n");
  const text = files.readFile(path);
  if (text === null) return failed(3, `Failed to read config file: ${path}: No such file or directory\n`);
  const header = options.isQuiet ? '' : `Parsing config from ${path}\n`;
  const read = readDomainConfig(path, text);
  if ('error' in read) return failed(1, header + read.error);
  const made = await hypervisor.create(read.spec, (file) => files.exists(file));
  if ('kind' in made) return failed(3, header + read.warnings + createErrors(made, read.spec.name));
  if (!options.isPaused) hypervisor.unpause(made);
  return succeeded('', header + read.warnings);
}

function createErrors(failure: CreateFailure, name: string): string {
  const { domid } = failure;
  const gone = `libxl: error: libxl_domain.c:1183:libxl__destroy_domid: Domain ${domid}:Non-existant domain\n`
    + `libxl: error: libxl_domain.c:1137:domain_destroy_callback: Domain ${domid}:Unable to destroy guest\n`
    + `libxl: error: libxl_domain.c:1064:domain_destroy_cb: Domain ${domid}:Destruction of domain failed\n`;
  switch (failure.kind) {
    case 'duplicateName':
      return `libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain ${domid}:Domain with name "${name}" already exists.\nlibxl: error: libxl_create.c:1296:initiate_domain_create: Domain ${domid}:cannot make domain: -6\n${gone}`;
    case 'missingDisk':
      return `libxl: error: libxl_device.c:455:libxl__device_disk_set_backend: Disk vdev=${failure.vdev} failed to stat: ${failure.path}: No such file or directory\nlibxl: error: libxl_create.c:1318:initiate_domain_create: Domain ${domid}:Unable to set disk defaults for disk ${failure.index}\n${gone}`;
    case 'missingKernel':
      return `xc: error: panic: xg_dom_core.c:205: failed to open file '${failure.path}': No such file or directory: Internal error\nlibxl: error: libxl_dom.c:646:libxl__build_pv: xc_dom_kernel_file failed: No such file or directory\nlibxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain ${domid}:cannot (re-)build domain: -3\n${gone}`;
    case 'noMemory':
      return `xc: error: panic: xg_dom_boot.c:119: xc_dom_boot_mem_init: can't allocate low memory for domain: Out of memory\nlibxl: error: libxl_dom.c:586:libxl__build_dom: xc_dom_boot_mem_init failed: Cannot allocate memory\nlibxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain ${domid}:cannot (re-)build domain: -3\n${gone}`;
    case 'diskInUse':
      return `libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: /etc/xen/scripts/block add [1056] exited with error status 1\nlibxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: Device ${failure.path} is mounted in a guest domain,\nand so cannot be mounted now.\nlibxl: error: libxl_create.c:1672:domcreate_launch_dm: Domain ${domid}:unable to add disk devices\n${gone}`;
    case 'diskNotOpened':
      return `libxl: error: libxl_device.c:1198:device_backend_callback: unable to add device with path /local/domain/0/backend/vbd/${domid}/${virtualDevice(failure.vdev)}\nlibxl: error: libxl_create.c:1672:domcreate_launch_dm: Domain ${domid}:unable to add disk devices\n${gone}`;
    case 'missingBridge':
      return `libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: /etc/xen/scripts/vif-bridge online [844] exited with error status 1\nlibxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: Could not find bridge device ${failure.bridge}\nlibxl: error: libxl_create.c:1921:domcreate_attach_devices: Domain ${domid}:unable to add vif devices\n${gone}`;
    case 'destroyed':
      return `libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain ${domid}:cannot (re-)build domain: -3\n${gone}`;
  }
}

/** Commands whose first argument is a domain. */
async function onDomain(hypervisor: Hypervisor, command: string, rest: readonly string[]): Promise<RunResult> {
  const [identifier = ''] = rest;
  if (identifier === '') return failed(2, `'xl ${command}' requires at least 1 argument.\n`);
  const domain = hypervisor.find(identifier);
  if (domain === null) return failed(1, `${identifier} is an invalid domain identifier (rc=-6)\n`);
  switch (command) {
    case 'unpause':
      hypervisor.unpause(domain);
      return succeeded();
    case 'pause':
      hypervisor.pause(domain);
      return succeeded();
    case 'shutdown':
      hypervisor.askGuest(domain, 'poweroff');
      return succeeded('', `Shutting down domain ${domain.domid}\n`);
    case 'reboot':
      hypervisor.askGuest(domain, 'reboot');
      return succeeded('', `Rebooting domain ${domain.domid}\n`);
    case 'destroy':
      await hypervisor.destroy(domain);
      return succeeded();
    case 'mem-set': return memorySet(domain, rest[1] ?? '');
    default: return succeeded(blockList(domain));
  }
}

function memorySet(domain: Domain, text: string): RunResult {
  const memoryMiB = /^\d+m?$/.test(text) ? Number.parseInt(text, 10) : Number.NaN;
  if (!Number.isFinite(memoryMiB) || memoryMiB <= 0) return failed(1, `invalid memory size: ${text}\n`);
  if (memoryMiB > domain.spec.memoryMiBMax) {
    return failed(1, `libxl: error: libxl_mem.c:278:libxl_set_memory_target: Domain ${domain.domid}:memory_dynamic_max must be less than or equal to memory_static_max\n\ncannot set domid ${domain.domid} dynamic max memory to : ${memoryMiB}\n`);
  }
  domain.memoryMiB = memoryMiB;
  return succeeded();
}

function domid(hypervisor: Hypervisor, name = ''): RunResult {
  if (name === 'Domain-0') return succeeded('0\n');
  const domain = hypervisor.domains.find(({ spec, state }) => spec.name === name && state !== 'zombie');
  return domain === undefined ? failed(1, `Can't get domid of domain name '${name}', maybe this domain does not exist.\n`) : succeeded(`${domain.domid}\n`);
}

function domname(hypervisor: Hypervisor, id = ''): RunResult {
  if (id === '0') return succeeded('Domain-0\n');
  const domain = hypervisor.domains.find(({ domid: own, state }) => String(own) === id && state !== 'zombie');
  return domain === undefined ? failed(1, `Can't get domain name of domain id '${id}', maybe this domain does not exist.\n`) : succeeded(`${domain.spec.name}\n`);
}

/** One row of `xl list`: `%-40s %5d %5lu %5d     %c%c%c%c%c%c  %8.1f` (xl_list.c). */
function row(name: string, id: number, memoryMiB: number, vcpus: number, state: string, seconds: number): string {
  return `${name.padEnd(40)} ${String(id).padStart(5)} ${String(memoryMiB).padStart(5)} ${String(vcpus).padStart(5)}     ${state}  ${seconds.toFixed(1).padStart(8)}`;
}

/** Letters for running, blocked, paused, shut down, crashed, dying. */
function stateLetters(domain: Domain): string {
  switch (domain.state) {
    case 'running': return '-b----';
    case 'building': case 'paused': case 'destroying': return '--p---';
    case 'shutdown': return '---s--';
    case 'crashed': return '---sc-';
    case 'zombie': return '--p--d';
  }
}

function list(hypervisor: Hypervisor, identifier: string | null, flags: ReadonlySet<string>): RunResult {
  const { boot, clock, spec } = hypervisor.parts;
  const only = identifier === null || identifier === 'Domain-0' || identifier === '0' ? null : hypervisor.find(identifier);
  if (identifier !== null && only === null && identifier !== 'Domain-0' && identifier !== '0') return failed(1, `${identifier} is an invalid domain identifier (rc=-6)\n`);
  const domains = identifier === null ? hypervisor.domains : only === null ? [] : [only];
  if (flags.has('long')) return succeeded(`${JSON.stringify([...(only === null ? [controlDomain(hypervisor)] : []), ...domains.filter(({ state }) => state !== 'zombie').map(longOf)], null, 4)}\n`);
  const isVerbose = flags.has('verbose');
  const lines = [`Name                                        ID   Mem VCPUs\tState\tTime(s)${isVerbose ? '   UUID                            Reason-Code\tSecurity Label' : ''}`];
  const tail = (id: string): string => (isVerbose ? ` ${id}        -                -` : '');
  if (only === null) lines.push(row('Domain-0', 0, spec.controlMemoryMiB, spec.vcpus, 'r-----', (clock.nowMs() - boot.bootedAtMs) / 1000) + tail('00000000-0000-0000-0000-000000000000'));
  for (const domain of domains) {
    const seconds = domain.unpausedAtMs === null ? 0 : (clock.nowMs() - domain.unpausedAtMs) / 100_000;
    const isZombie = domain.state === 'zombie';
    lines.push(row(isZombie ? '(null)' : domain.spec.name, domain.domid, isZombie ? 0 : domain.memoryMiB, domain.spec.vcpus, stateLetters(domain), seconds) + tail(domain.uuid));
  }
  return succeeded(`${lines.join('\n')}\n`);
}

function controlDomain(hypervisor: Hypervisor): unknown {
  const kib = hypervisor.parts.spec.controlMemoryMiB * 1024;
  return {
    domid: 0,
    config: {
      c_info: { type: 'pv', name: 'Domain-0' },
      b_info: { max_memkb: kib, target_memkb: kib - 1, sched_params: { sched: 'credit2', weight: 256, cap: 0 }, 'type.pv': {}, arch_arm: {}, arch_x86: {} },
    },
  };
}

function longOf(domain: Domain): unknown {
  const { spec } = domain;
  return {
    domid: domain.domid,
    config: {
      c_info: { type: spec.type, name: spec.name, domid: 4294967295, uuid: domain.uuid, run_hotplug_scripts: 'True' },
      b_info: {
        max_vcpus: spec.vcpusMax, avail_vcpus: Array.from({ length: spec.vcpus }, (_, at) => at), max_memkb: spec.memoryMiBMax * 1024, target_memkb: domain.memoryMiB * 1024, video_memkb: 0,
        sched_params: { sched: 'credit2', weight: 256, cap: 0 }, claim_mode: 'True', kernel: spec.kernel, cmdline: spec.commandLine, ramdisk: spec.ramdisk,
        [`type.${spec.type}`]: {}, arch_arm: {}, arch_x86: { msr_relaxed: 'False' },
      },
      ...(spec.disks.length === 0 ? {} : { disks: spec.disks.map((disk) => ({ pdev_path: disk.target, vdev: disk.vdev, backend: 'phy', format: 'raw', ...(disk.isReadWrite ? { readwrite: 1 } : {}), colo_restore_enable: 'False' })) }),
      ...(spec.nics.length === 0 ? {} : { nics: spec.nics.map((nic, devid) => ({ devid, mac: nic.mac, bridge: nic.bridge, nictype: 'vif' })) }),
      ...(spec.onCrash === 'destroy' ? {} : { on_crash: spec.onCrash }),
      on_soft_reset: 'soft_reset',
    },
  };
}

function info(hypervisor: Hypervisor): string {
  const { spec } = hypervisor.parts;
  const rows: [string, string | number][] = [
    ['host', spec.id], ['release', '6.1.0-56-amd64'], ['version', '#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)'], ['machine', 'x86_64'], ['nr_cpus', spec.vcpus], ['max_cpu_id', spec.vcpus - 1],
    ['nr_nodes', 1], ['cores_per_socket', spec.vcpus], ['threads_per_core', 1], ['cpu_mhz', '2500.008'], ['hw_caps', '078bf3fd:80002001:20100800:00000005:00000000:00000000:00000000:00000000'],
    ['virt_caps', 'pv hvm hap gnttab-v1 gnttab-v2'], ['total_memory', spec.memoryMiB], ['free_memory', hypervisor.freeMemoryMiB], ['sharing_freed_memory', 0], ['sharing_used_memory', 0], ['outstanding_claims', 0],
    ['free_cpus', 0], ['xen_major', 4], ['xen_minor', 17], ['xen_extra', '.7'], ['xen_version', '4.17.7'], ['xen_caps', 'xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 '], ['xen_scheduler', 'credit2'],
    ['xen_pagesize', 4096], ['platform_params', 'virt_start=0xffff800000000000'], ['xen_changeset', ''], ['xen_commandline', `dom0_mem=${spec.controlMemoryMiB}M,max:${spec.controlMemoryMiB}M `], ['xend_config_format', 4],
  ];
  return rows.map(([name, value]) => `${name.padEnd(23)}: ${value}\n`).join('');
}

function vcpuList(hypervisor: Hypervisor): string {
  const { boot, clock, spec } = hypervisor.parts;
  const line = (name: string, id: number, vcpu: number, cpu: string, state: string, seconds: number): string =>
    `${name.padEnd(32)} ${String(id).padStart(5)} ${String(vcpu).padStart(5)} ${cpu.padStart(4)}   ${state} ${seconds.toFixed(1).padStart(8)}  all / all\n`;
  let text = 'Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)\n';
  for (let vcpu = 0; vcpu < spec.vcpus; vcpu += 1) text += line('Domain-0', 0, vcpu, String(vcpu), vcpu === 0 ? 'r--' : '-b-', (clock.nowMs() - boot.bootedAtMs) / 1000);
  for (const domain of hypervisor.domains.filter(({ state }) => state !== 'zombie')) {
    for (let vcpu = 0; vcpu < domain.spec.vcpusMax; vcpu += 1) {
      const isOnline = vcpu < domain.spec.vcpus && domain.state === 'running';
      text += line(domain.spec.name, domain.domid, vcpu, isOnline ? String(vcpu % spec.vcpus) : '-', isOnline ? '-b-' : '--p', 0);
    }
  }
  return text;
}

function uptime(hypervisor: Hypervisor): string {
  const { boot, clock } = hypervisor.parts;
  const line = (name: string, id: number, sinceMs: number): string => {
    const seconds = Math.floor((clock.nowMs() - sinceMs) / 1000);
    const two = (value: number): string => String(value).padStart(2, '0');
    const days = Math.floor(seconds / 86_400);
    const time = `${Math.floor(seconds / 3600) % 24}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    return `${name.padEnd(32)} ${String(id).padStart(5)} ${days > 0 ? `${days} day${days > 1 ? 's' : ''}, ` : ' '}${time}\n`;
  };
  return `Name                                ID Uptime\n${line('Domain-0', 0, boot.bootedAtMs)}${hypervisor.domains.filter(({ state }) => state !== 'zombie').map((domain) => line(domain.spec.name, domain.domid, domain.createdAtMs)).join('')}`;
}

function blockList(domain: Domain): string {
  const header = 'Vdev  BE  handle state evt-ch ring-ref BE-path                       \n';
  return header + domain.spec.disks.map((disk, at) => {
    const device = virtualDevice(disk.vdev);
    return `${String(device).padEnd(5)} 0   ${String(domain.domid).padEnd(6)} 4     ${String(9 + at).padEnd(6)} ${String(8 + at).padEnd(8)} /local/domain/0/backend/vbd/${domain.domid}/${device}\n`;
  }).join('');
}
