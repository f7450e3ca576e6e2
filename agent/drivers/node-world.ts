/**
 * What is the world of a real process? The machine's clock, timers and chance, and the ports of its node.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseBootId } from '../../shared/ids.ts';
import type { Chance, Clock, HelperCalls, Log, Machine, NodeWorld, Runner, Timers, World } from '../../shared/world.ts';
import { createFiles } from './files.ts';
import { createHelperCalls } from './helper-calls.ts';

/** CLOCK_MONOTONIC: the same for all processes of one boot. */
export const clock: Clock = {
  nowMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  wallTime: () => new Date().toISOString(),
};

export const timers: Timers = {
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export const chance: Chance = {
  next: () => randomInt(2 ** 47) / 2 ** 47,
  bytes: (count) => new Uint8Array(randomBytes(count)),
};

/** What every process has. */
export function createWorld(log: Log): World {
  return { clock, timers, chance, log };
}

/** What {@link createNodeWorld} is made from: the machine it runs on (real, or of the room) and where it keeps things. */
export interface NodeWorldOptions {
  readonly log: Log;
  readonly runner: Runner;
  readonly machine: Machine;
  /** Directory of the process's small files. */
  readonly dataDirectory: string;
  /** Unix socket that DRBD's helper program asks on. */
  readonly helperSocket: string;
}

/** The world of a node's agent. `close` stops taking helper calls. */
export function createNodeWorld(options: NodeWorldOptions): NodeWorld & { readonly helpers: HelperCalls & { close(): Promise<void> } } {
  return { ...createWorld(options.log), runner: options.runner, files: createFiles(options.dataDirectory), machine: options.machine, helpers: createHelperCalls(options.helperSocket, options.log) };
}

/** The machine that this process runs on. */
export function realMachine(): Machine {
  return {
    bootId: parseBootId(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    resetNow: () => {
      // Both writes are one system call each and take effect in the kernel, without help of user space or disks.
      writeFileSync('/proc/sys/kernel/sysrq', '1');
      writeFileSync('/proc/sysrq-trigger', 'b');
    },
  };
}
