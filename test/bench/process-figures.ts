/**
 * What does a process cost? Memory and processor time as Linux counts them (proc(5)), and what it sent as its network card counts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Traffic } from '../../provisioning/playground/nic-words.ts';
import { until } from '../playground/support/playground.ts';

/** USER_HZ: what /proc/PID/stat counts in on every Linux of today. */
const TICKS_PER_SECOND = 100;
const KIB = 1024;
const TRAFFIC_MS_MAX = 5_000;

/** Bytes. */
export interface Memory {
  /** Resident, with every page of programs and libraries that it shares. */
  readonly residentBytes: number;
  /** Resident, and nobody else's. */
  readonly privateBytes: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? Number.NaN) * KIB;
  return { residentBytes: bytes('Rss'), privateBytes: bytes('Private_Clean') + bytes('Private_Dirty') };
}

/** Processor time so far, user and system, of all its threads, ms. */
export function processorMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may hold anything: fields are counted after it. utime and stime are the 14th and 15th.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1000;
}

/** What it sent so far. It must have been started with TRAFFIC_VARIABLE naming `directory`. */
export async function trafficOf(pid: number, directory: string): Promise<Traffic> {
  const file = join(directory, `${pid}.json`);
  const before = read(file);
  process.kill(pid, 'SIGUSR2');
  return await until(`process ${pid} told what it sent`, () => {
    const now = read(file);
    return Promise.resolve(now === null || now === before ? null : (JSON.parse(now) as Traffic));
  }, TRAFFIC_MS_MAX);
}

function read(file: string): string | null {
  try {
    const text = readFileSync(file, 'utf8');
    return text.endsWith('}') ? text : null;
  } catch {
    return null;
  }
}
