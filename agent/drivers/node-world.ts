/**
 * What is the world of a node's agent? That of any process, and the ports of its node.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseBootId } from '../../shared/ids.ts';
import { createFiles } from '../../shared/process/files.ts';
import { createWorld } from '../../shared/process/process-world.ts';
import type { HelperCalls, Log, Machine, NodeWorld, Runner } from '../../shared/world.ts';
import { createHelperCalls } from './helper-calls.ts';

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
