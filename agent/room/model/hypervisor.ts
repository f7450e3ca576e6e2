/**
 * What does Xen hold during one boot of a node? Its domains, their memory and their disks.
 *
 *     building --built--> paused <--pause/unpause--> running --guest ends--> (gone | shutdown | crashed)
 *     any --destroy--> destroying --all I/O answered--> gone
 *     destroying --I/O hangs for 12 s--> zombie --all I/O answered--> gone
 *
 * From `destroying` on nothing of the guest executes, but its last requests may still be below: that is why
 * a successful `xl destroy` is no proof that I/O has ended (LAB.md).
 */
import { isInstanceId } from '../../../shared/ids.ts';
import { uuid } from '../../../shared/random.ts';
import type { Chance, Clock } from '../../../shared/world.ts';
import type { Boot } from './boot.ts';
import type { NodeSpec, RoomTimings } from './config.ts';
import { ConsoleLog } from './console-log.ts';
import { Guest } from './guest.ts';
import type { GuestDisk, GuestEnd } from './guest.ts';
import type { Observer } from './observer.ts';
import type { DomainSpec } from './xl-config.ts';
import { Xenstore } from './xenstore.ts';

export type DomainState = 'building' | 'paused' | 'running' | 'shutdown' | 'crashed' | 'destroying' | 'zombie';

export interface Domain {
  readonly domid: number;
  readonly spec: DomainSpec;
  readonly uuid: string;
  readonly createdAtMs: number;
  state: DomainState;
  memoryMiB: number;
  disks: GuestDisk[];
  guest: Guest | null;
  /** When it last began to execute, for its processor time. */
  unpausedAtMs: number | null;
}

/** Devices of the node that a domain's disk may be. */
export interface Devices {
  exists(path: string): boolean;
  /** Opens a device as blkback does: for writing unless read-only. Null when the kernel refuses (DRBD: not primary). */
  open(path: string, isReadWrite: boolean): GuestDisk | null;
}

/** What a hypervisor needs of its node. */
export interface HypervisorParts {
  readonly boot: Boot;
  readonly spec: NodeSpec;
  readonly timings: RoomTimings;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly observer: Observer;
  readonly devices: Devices;
  onDomain(event: { readonly kind: 'domainStarted' | 'domainEnded'; readonly name: string; readonly domid: number }): void;
}

/** Memory that Xen keeps for itself, MiB: total 899, control domain 640 and free 247 in the recorded `xl info`. */
const XEN_MEMORY_MIB = 12;
/** What a domain costs beside its own memory, MiB (LIBXL_MAXMEM_CONSTANT). */
const DOMAIN_OVERHEAD_MIB = 1;

/** Why a domain was not made; `domid` is the one that it would have had. */
export type CreateFailure = { readonly domid: number } & (
  | { readonly kind: 'duplicateName' } | { readonly kind: 'noMemory' } | { readonly kind: 'missingDisk'; readonly path: string; readonly vdev: string; readonly index: number }
  | { readonly kind: 'diskInUse'; readonly path: string } | { readonly kind: 'diskNotOpened'; readonly vdev: string } | { readonly kind: 'missingBridge'; readonly bridge: string }
  | { readonly kind: 'missingKernel'; readonly path: string } | { readonly kind: 'destroyed' });

/** Xen on one boot of a node. Refusals are values; `xl-program.ts` gives them Xen's words. */
export class Hypervisor {
  readonly parts: HypervisorParts;
  readonly xenstore = new Xenstore();
  readonly consoles = new Map<string, ConsoleLog>();
  readonly #domains = new Map<number, Domain>();
  #nextDomid = 1;

  constructor(parts: HypervisorParts) {
    this.parts = parts;
    this.xenstore.set('/local/domain/0/name', 'Domain-0');
    this.xenstore.set('/local/domain/0/domid', '0');
    parts.boot.onEnd(() => {
      for (const domain of this.#domains.values()) this.#stopExecuting(domain);
    });
  }

  /** All domains but the control domain, oldest first. */
  get domains(): readonly Domain[] {
    return [...this.#domains.values()];
  }

  get freeMemoryMiB(): number {
    const { memoryMiB, controlMemoryMiB } = this.parts.spec;
    let free = memoryMiB - controlMemoryMiB - XEN_MEMORY_MIB;
    for (const domain of this.#domains.values()) {
      if (domain.state !== 'zombie') free -= Math.max(domain.memoryMiB, 0) + DOMAIN_OVERHEAD_MIB;
    }
    return Math.max(0, free);
  }

  /** By name or by number; zombies have no name any more. */
  find(identifier: string): Domain | null {
    for (const domain of this.#domains.values()) {
      if (String(domain.domid) === identifier) return domain;
      if (domain.spec.name === identifier && domain.state !== 'zombie') return domain;
    }
    return null;
  }

  /** Builds a paused domain. `kernelExists` says whether the boot files are there. */
  async create(spec: DomainSpec, kernelExists: (path: string) => boolean): Promise<Domain | CreateFailure> {
    const { boot, timings, clock, chance, devices, spec: node } = this.parts;
    const domid = this.#nextDomid;
    this.#nextDomid += 1;
    if (this.find(spec.name) !== null || spec.name === 'Domain-0') return { domid, kind: 'duplicateName' };
    for (const [index, disk] of spec.disks.entries()) {
      if (!devices.exists(disk.target)) return { domid, kind: 'missingDisk', path: disk.target, vdev: disk.vdev, index };
    }
    const kernel = spec.kernel === '' ? spec.bootloader : spec.kernel;
    if (kernel !== '' && !kernelExists(kernel)) return { domid, kind: 'missingKernel', path: kernel };
    if (spec.memoryMiB + DOMAIN_OVERHEAD_MIB > this.freeMemoryMiB) return { domid, kind: 'noMemory' };
    const domain: Domain = { domid, spec, uuid: spec.uuid ?? uuid(chance), createdAtMs: clock.nowMs(), state: 'building', memoryMiB: spec.memoryMiB, disks: [], guest: null, unpausedAtMs: null };
    this.#domains.set(domid, domain);
    await boot.sleep(timings.xlCreateMs);
    if (this.#domains.get(domid) !== domain || this.#stateOf(domain) !== 'building') return { domid, kind: 'destroyed' };
    const failure = this.#openDisks(domain) ?? spec.nics.filter(({ bridge }) => !node.bridges.includes(bridge)).map(({ bridge }): CreateFailure => ({ domid, kind: 'missingBridge', bridge }))[0] ?? null;
    if (failure !== null) {
      this.#remove(domain);
      return failure;
    }
    this.#register(domain);
    domain.state = 'paused';
    return domain;
  }

  unpause(domain: Domain): void {
    if (domain.state !== 'paused') return;
    domain.state = 'running';
    domain.unpausedAtMs = this.parts.clock.nowMs();
    domain.guest?.unpause();
    this.parts.onDomain({ kind: 'domainStarted', name: domain.spec.name, domid: domain.domid });
  }

  pause(domain: Domain): void {
    if (domain.state !== 'running') return;
    domain.state = 'paused';
    domain.guest?.pause();
  }

  /** The request of `xl shutdown` or `xl reboot`: the guest does it, or not. */
  askGuest(domain: Domain, how: 'poweroff' | 'reboot'): void {
    if (domain.guest !== null) domain.guest.end(how);
    else if (domain.state === 'running') this.parts.boot.after(this.parts.timings.guestShutdownMs, () => void this.#guestEnded(domain, how)); // cannot fail
  }

  /** Takes a domain down. Resolves when it is gone, or when libxl gives up waiting and leaves a zombie. */
  async destroy(domain: Domain): Promise<void> {
    const { boot, timings } = this.parts;
    if (domain.state === 'zombie') return;
    const wasDestroying = domain.state === 'destroying';
    this.#stopExecuting(domain);
    domain.state = 'destroying';
    if (!wasDestroying) await boot.sleep(timings.xlDestroyMs);
    await this.#quietOrTooLong(domain, timings.xlDestroyStuckMs);
    if (this.#domains.get(domain.domid) !== domain || this.#stateOf(domain) === 'zombie') return;
    if (inFlightOf(domain) === 0) {
      this.#remove(domain);
      return;
    }
    domain.state = 'zombie';
    this.xenstore.remove(`/local/domain/${domain.domid}`);
    // It cannot fail, and nobody waits for it: the kernel lets go when the device answers.
    void domain.guest?.whenQuiet().then(() => this.#remove(domain));
  }

  /** For tests and demonstrations: the guest powers itself off or crashes. */
  endGuest(domain: Domain, how: GuestEnd): void {
    domain.guest?.end(how);
  }

  #stateOf(domain: Domain): DomainState {
    return domain.state;
  }

  #quietOrTooLong(domain: Domain, timeoutMs: number): Promise<void> {
    const { guest } = domain;
    if (guest === null || guest.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.parts.boot.after(timeoutMs, resolve);
      void guest.whenQuiet().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  #openDisks(domain: Domain): CreateFailure | null {
    for (const disk of domain.spec.disks) {
      const isUsed = disk.isReadWrite && this.domains.some((other) => other.disks.some(({ path }) => path === disk.target));
      if (isUsed) return { domid: domain.domid, kind: 'diskInUse', path: disk.target };
      const opened = this.parts.devices.open(disk.target, disk.isReadWrite);
      if (opened === null) return { domid: domain.domid, kind: 'diskNotOpened', vdev: disk.vdev };
      domain.disks.push(opened);
    }
    return null;
  }

  #register(domain: Domain): void {
    const { domid, spec } = domain;
    const { boot, observer, timings, clock } = this.parts;
    const base = `/local/domain/${domid}`;
    const entries: [string, string][] = [['vm', `/vm/${domain.uuid}`], ['name', spec.name], ['memory/static-max', String(spec.memoryMiBMax * 1024)], ['memory/target', String(spec.memoryMiB * 1024)], ['control/shutdown', ''], ['data', ''], ['domid', String(domid)]];
    for (const disk of spec.disks) entries.push([`device/vbd/${virtualDevice(disk.vdev)}/backend`, `/local/domain/0/backend/vbd/${domid}/${virtualDevice(disk.vdev)}`], [`device/vbd/${virtualDevice(disk.vdev)}/state`, '4']);
    for (const [key, value] of entries) this.xenstore.set(`${base}/${key}`, value);
    const console = this.consoles.get(spec.name) ?? new ConsoleLog();
    this.consoles.set(spec.name, console);
    const root = domain.disks[spec.disks.findIndex(({ vdev, isReadWrite }) => vdev.startsWith('xvda') && isReadWrite)];
    if (!isInstanceId(spec.name) || root === undefined) return;
    domain.guest = new Guest({
      boot, instance: spec.name, domid, disk: root, observer, timings, kernelCommandLine: spec.commandLine,
      print: (line) => console.print(line),
      onEnd: (end) => void this.#guestEnded(domain, end), // cannot fail: it only waits for time
    }, () => clock.nowMs());
  }

  async #guestEnded(domain: Domain, end: GuestEnd): Promise<void> {
    if (this.#domains.get(domain.domid) !== domain || domain.state === 'destroying' || domain.state === 'zombie') return;
    const { spec } = domain;
    const action = end === 'poweroff' ? spec.onPoweroff : end === 'reboot' ? spec.onReboot : spec.onCrash;
    if (action === 'preserve') {
      this.#stopExecuting(domain);
      domain.state = end === 'crash' ? 'crashed' : 'shutdown';
      return;
    }
    await this.destroy(domain);
    if (action !== 'restart') return;
    const again = await this.create(spec, () => true);
    if ('spec' in again) this.unpause(again);
  }

  #stopExecuting(domain: Domain): void {
    const ran = domain.state === 'running';
    domain.guest?.kill();
    if (ran) this.parts.onDomain({ kind: 'domainEnded', name: domain.spec.name, domid: domain.domid });
  }

  #remove(domain: Domain): void {
    if (!this.#domains.delete(domain.domid)) return;
    for (const disk of domain.disks) disk.close();
    domain.disks = [];
    this.xenstore.remove(`/local/domain/${domain.domid}`);
  }
}

function inFlightOf(domain: Domain): number {
  return domain.guest?.inFlight ?? 0;
}

/** xvda is 51712, xvdb 51728: (202 << 8) + 16 per disk (xen-vbd-interface(7)). */
export function virtualDevice(vdev: string): number {
  const [, letter = 'a', partition = '0'] = /^xvd([a-p])(\d*)$/.exec(vdev) ?? [];
  return (202 << 8) + (letter.charCodeAt(0) - 97) * 16 + Number(partition);
}
