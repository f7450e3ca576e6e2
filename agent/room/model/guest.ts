/**
 * What does a guest do while its domain executes? It boots, reads its disk back, and writes one numbered record after the other.
 *
 *     booting --image on disk--> checking --records read--> writing --shutdown asked--> flushing --> off
 *     booting --no image--> crashed
 *
 * The disk is a ring of records behind one block of its own: block 0 holds the boot counter, block 1 + n mod RING_SLOTS
 * record n. A write that hangs stops the writing, not the guest: it still executes.
 */
import type { Boot } from './boot.ts';
import type { RoomTimings } from './config.ts';
import type { Execution, Observer } from './observer.ts';

/** A disk as a guest sees it. A write or read hangs for as long as the device below is frozen. */
export interface GuestDisk {
  readonly path: string;
  /** Rejects on an I/O error. */
  read(block: number): Promise<string | null>;
  write(block: number, content: string): Promise<void>;
  /** sha256 of the image that was written to it, null: none. */
  image(): Promise<string | null>;
  /** Lets go of the device; whatever is in flight still counts as in flight below. */
  close(): void;
}

/** How many records a guest's disk holds; older ones are overwritten. */
const RING_SLOTS = 512;

/** How a domain ended by itself. */
export type GuestEnd = 'poweroff' | 'reboot' | 'crash';

/** What a guest is given. */
export interface GuestParts {
  readonly boot: Boot;
  readonly instance: string;
  readonly domid: number;
  readonly disk: GuestDisk;
  readonly observer: Observer;
  readonly timings: RoomTimings;
  readonly kernelCommandLine: string;
  print(line: string): void;
  onEnd(end: GuestEnd): void;
}

/** The guest in one domain. It stops for good with the boot of its node. */
export class Guest {
  readonly #parts: GuestParts;
  readonly #bornAtMs: number;
  #isDead = false;
  #isPaused = true;
  #waiting: (() => void)[] = [];
  #execution: Execution | null = null;
  #ending: GuestEnd | null = null;
  #inFlight = 0;
  #next = 0;
  #quietWaiters: (() => void)[] = [];
  readonly #now: () => number;

  constructor(parts: GuestParts, now: () => number) {
    this.#parts = parts;
    this.#now = now;
    this.#bornAtMs = now();
  }

  /** Requests that the device has not answered yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Resolves when no request is in flight (any more). */
  whenQuiet(): Promise<void> {
    return this.#inFlight === 0 ? Promise.resolve() : new Promise((resolve) => this.#quietWaiters.push(resolve));
  }

  /** The domain was unpaused: from now on it executes. */
  unpause(): void {
    if (!this.#isPaused || this.#isDead) return;
    const isFirst = this.#execution === null;
    this.#isPaused = false;
    this.#execution = this.#parts.observer.started(this.#parts.instance, this.#parts.boot.node, this.#parts.domid);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
    if (isFirst) void this.#live(); // its end, also by an I/O error, is handled in #live
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#execution !== null) this.#parts.observer.ended(this.#execution);
  }

  /** The domain is no more (destroyed, or its node died): nothing of it executes. */
  kill(): void {
    this.pause();
    this.#isDead = true;
    this.#waiting = [];
  }

  /** The guest is asked, or decides, to end. `crash` ends at once. */
  end(how: GuestEnd): void {
    if (this.#isDead || this.#ending !== null) return;
    this.#ending = how;
    if (how === 'crash') {
      this.#print('Kernel panic - not syncing: sysrq triggered crash');
      this.#finish('crash');
      return;
    }
    this.#print(how === 'poweroff' ? 'systemd-logind: Power key pressed. Powering off...' : 'systemd-logind: System is rebooting.');
    void this.#shutDown(how); // waits for time only; it cannot fail
  }

  async #shutDown(how: GuestEnd): Promise<void> {
    await this.#sleep(this.#parts.timings.guestShutdownMs);
    // A write that hangs keeps the file system from being unmounted, so the guest does not end.
    while (this.#inFlight > 0) await this.#sleep(this.#parts.timings.guestWriteIntervalMs);
    this.#print(how === 'poweroff' ? 'reboot: Power down' : 'reboot: Restarting system');
    this.#finish(how);
  }

  #finish(how: GuestEnd): void {
    if (this.#isDead) return;
    this.kill();
    this.#parts.onEnd(how);
  }

  /** Waits until the guest executes; for ever when it does not any more. */
  #executing(): Promise<void> {
    if (this.#isDead || !this.#parts.boot.isAlive) return new Promise(() => undefined);
    if (!this.#isPaused) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #sleep(delayMs: number): Promise<void> {
    await this.#parts.boot.sleep(delayMs);
    await this.#executing();
  }

  #print(text: string): void {
    const seconds = ((this.#now() - this.#bornAtMs) / 1000).toFixed(6).padStart(12);
    this.#parts.print(`[${seconds}] ${text}`);
  }

  async #live(): Promise<void> {
    this.#print('Linux version 6.1.0-56-amd64 (debian-kernel@lists.example.org) #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2');
    this.#print(`Command line: ${this.#parts.kernelCommandLine}`);
    this.#print('Hypervisor detected: Xen PV');
    try {
      await this.#sleep(this.#parts.timings.guestBootMs);
      if ((await this.#request(this.#parts.disk.image())) === null) {
        this.#print('VFS: Cannot open root device "xvda1" or unknown-block(0,0): error -6');
        this.#print('Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)');
        this.#finish('crash');
        return;
      }
      this.#print('xvda: mounted root file system, ordered data mode');
      const bootCount = await this.#readBack();
      await this.#request(this.#parts.disk.write(0, `${this.#parts.instance} boots ${bootCount}`));
      await this.#writeRecords(bootCount);
    } catch (thrown) {
      // As Linux does: the file system goes read-only, the guest goes on.
      this.#print(`blk_update_request: I/O error, dev xvda: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      this.#print('EXT4-fs (xvda): Remounting filesystem read-only');
    }
  }

  /** Reads all records, has them checked, and says which boot of the instance this is. */
  async #readBack(): Promise<number> {
    const { disk, instance, observer, boot } = this.#parts;
    const contents = await this.#request(Promise.all(Array.from({ length: RING_SLOTS + 1 }, (_, block) => disk.read(block))));
    const found = new Map<number, number>();
    for (let slot = 0; slot < RING_SLOTS; slot += 1) {
      const record = recordIn(instance, contents[slot + 1] ?? null);
      if (record !== null && record % RING_SLOTS === slot) found.set(slot, record);
    }
    const lost = observer.verify(instance, boot.node, found);
    this.#next = found.size === 0 ? 0 : Math.max(...found.values()) + 1;
    const bootCount = Number(/ boots (\d+)$/.exec(contents[0] ?? '')?.[1] ?? 0) + 1;
    this.#print(`ves-guest: ${instance} boot ${bootCount} on its disk, ${found.size} records found, going on with record ${this.#next}`);
    if (lost.length > 0) this.#print(`ves-guest: ${lost.length} ACKNOWLEDGED RECORDS ARE MISSING`);
    this.#parts.print('');
    this.#parts.print(`Debian GNU/Linux 12 ${instance} hvc0`);
    this.#parts.print('');
    return bootCount;
  }

  async #writeRecords(bootCount: number): Promise<void> {
    const { disk, instance, observer, timings } = this.#parts;
    while (this.#ending === null) {
      const record = this.#next;
      const slot = record % RING_SLOTS;
      await this.#request(disk.write(slot + 1, `${instance} ${bootCount} ${record}`));
      observer.acknowledged(instance, slot, record);
      this.#next += 1;
      this.#print(`ves-guest: record ${record} is on disk`);
      await this.#sleep(timings.guestWriteIntervalMs);
    }
  }

  /** One request to the device. The guest hears of its end only while it executes. */
  async #request<Value>(request: Promise<Value>): Promise<Value> {
    this.#inFlight += 1;
    try {
      return await request;
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) for (const resolve of this.#quietWaiters.splice(0)) resolve();
      await this.#executing();
    }
  }
}

function recordIn(instance: string, content: string | null): number | null {
  const match = content === null ? null : /^(\S+) (\d+) (\d+)$/.exec(content);
  return match !== null && match[1] === instance ? Number(match[3]) : null;
}
