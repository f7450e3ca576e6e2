/**
 * What is one machine of the room? Power, its current boot, watchdog, cables, disks, BMC.
 *
 *     off --power on--> starting --bootMs--> up --power off--> off
 *     up --reset (watchdog, sysrq-b, button)--> starting
 *
 * Whatever ends a boot ends all of it at once: programs, domains, DRBD, timers. Only disks, cables and the BMC stay.
 */
import { ClusterError } from '../../../shared/errors.ts';
import { uuid } from '../../../shared/random.ts';
import type { Chance, Clock, Timer, Timers } from '../../../shared/world.ts';
import { Boot } from './boot.ts';
import type { DeathReason } from './boot.ts';
import type { NodeSpec, RoomTimings } from './config.ts';
import type { BmcFaults } from './fence-program.ts';
import type { VolumeGroup } from './volume-group.ts';

/** What a node tells the room. */
export interface NodeListener {
  onBooted(boot: Boot): void;
  onDied(boot: Boot, reason: DeathReason): void;
  onPower(isOn: boolean): void;
}

/** What a node needs of the room. */
export interface NodeParts {
  readonly spec: NodeSpec;
  readonly timings: RoomTimings;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly group: VolumeGroup;
}

/** Longest watchdog timeout: that of the i6300esb, about 17 minutes, rounded down. */
const WATCHDOG_MS_MAX = 1_000_000;

/** One node: what a power cut leaves (disks, cables, BMC), and the present boot, if it is on. */
export class RoomNode {
  readonly parts: NodeParts;
  isOn = false;
  boot: Boot | null = null;
  /** Cables: unplugged by `cut`, plugged in again by `heal`. */
  cables = { mesh: true, storage: true };
  bmcFaults: BmcFaults = { isReachable: true, lies: false };
  /** False: its watchdog is armed and petted as ever, and never bites. */
  doesWatchdogBite = true;
  readonly #listener: NodeListener;
  #starting: Timer | null = null;
  #watchdog: { timeoutMs: number; deadlineMs: number; timer: Timer } | null = null;

  constructor(parts: NodeParts, listener: NodeListener) {
    this.parts = parts;
    this.#listener = listener;
  }

  get id(): string {
    return this.parts.spec.id;
  }

  /** The current boot, if it is this one. Throws ClusterError `NodeDown` otherwise: nobody speaks for a dead boot. */
  bootOf(bootId: string): Boot {
    if (this.boot === null || this.boot.bootId !== bootId) {
      throw new ClusterError('NodeDown', `${this.id} does not run boot ${bootId} any more`, { retryable: false });
    }
    return this.boot;
  }

  powerOn(): void {
    if (this.isOn) return;
    this.isOn = true;
    this.#listener.onPower(true);
    this.#startUp();
  }

  powerOff(): void {
    if (!this.isOn) return;
    this.isOn = false;
    this.#die('powerOff');
    this.#listener.onPower(false);
  }

  /** Restarts the machine without any goodbye; nothing happens to one that is off. */
  reset(reason: Exclude<DeathReason, 'powerOff'>): void {
    if (!this.isOn) return;
    this.#die(reason);
    this.#startUp();
  }

  /** Arms the watchdog, or pets an armed one. Milliseconds, 1 to WATCHDOG_MS_MAX. */
  armWatchdog(bootId: string, timeoutMs: number): void {
    this.bootOf(bootId);
    if (!Number.isFinite(timeoutMs) || timeoutMs < 1 || timeoutMs > WATCHDOG_MS_MAX) {
      throw new ClusterError('InvalidWatchdogTimeout', `${this.id}: a watchdog timeout is 1 to ${WATCHDOG_MS_MAX} ms, not ${timeoutMs}`, { retryable: false });
    }
    this.#watchdog?.timer.cancel();
    const deadlineMs = this.parts.clock.nowMs() + timeoutMs;
    this.#watchdog = { timeoutMs, deadlineMs, timer: this.parts.timers.after(timeoutMs, () => this.#checkWatchdog()) };
  }

  /** Only moves the deadline: the running timer looks at it when it fires, so petting costs nothing. */
  petWatchdog(bootId: string): void {
    this.bootOf(bootId);
    if (this.#watchdog !== null) this.#watchdog.deadlineMs = this.parts.clock.nowMs() + this.#watchdog.timeoutMs;
  }

  disarmWatchdog(bootId: string): void {
    this.bootOf(bootId);
    this.#watchdog?.timer.cancel();
    this.#watchdog = null;
  }

  get isWatchdogArmed(): boolean {
    return this.#watchdog !== null;
  }

  /** The room ends: nothing of the machine goes on, and nobody is told. */
  stop(): void {
    this.#endBoot('powerOff');
  }

  #checkWatchdog(): void {
    const watchdog = this.#watchdog;
    if (watchdog === null) return;
    const leftMs = watchdog.deadlineMs - this.parts.clock.nowMs();
    if (leftMs <= 0 && this.doesWatchdogBite) this.reset('watchdog');
    else watchdog.timer = this.parts.timers.after(leftMs > 0 ? leftMs : watchdog.timeoutMs, () => this.#checkWatchdog());
  }

  #startUp(): void {
    this.#starting?.cancel();
    this.#starting = this.parts.timers.after(this.parts.timings.bootMs, () => {
      this.#starting = null;
      this.boot = new Boot(this.id, uuid(this.parts.chance), this.parts);
      this.#listener.onBooted(this.boot);
    });
  }

  #die(reason: DeathReason): void {
    const { boot } = this;
    this.#endBoot(reason);
    if (boot === null) return;
    this.#listener.onDied(boot, reason);
    // After the kernel is gone, so that nothing can be flushed any more.
    this.parts.group.powerLoss();
  }

  #endBoot(reason: DeathReason): void {
    this.#watchdog?.timer.cancel();
    this.#watchdog = null;
    this.#starting?.cancel();
    this.#starting = null;
    const { boot } = this;
    this.boot = null;
    boot?.end(reason);
  }
}
