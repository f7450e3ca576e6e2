/**
 * What is the world of a coordinator's process? The machine's clock, timers and chance, its log, and its few small files.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { createWriteStream, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { ClusterError } from '../shared/errors.ts';
import { replaceDurably } from '../shared/store/durable-file.ts';
import type { Chance, Clock, Files, Log, LogFact, Timers, World } from '../shared/world.ts';

export const clock: Clock = {
  nowMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  wallTime: () => new Date().toISOString(),
};

const timers: Timers = {
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

const chance: Chance = {
  next: () => randomInt(2 ** 47) / 2 ** 47,
  bytes: (count) => new Uint8Array(randomBytes(count)),
};

/** The process's world around its log. */
export function createProcessWorld(log: Log): World {
  return { clock, timers, chance, log };
}

/** A log file is renamed to `FILE.1` when it has grown to this size, bytes. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;
/** What may wait for a slow disk before facts are dropped (and counted). */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;

/** A log that can be written out before the process ends. */
export interface ProcessLog extends Log {
  close(): Promise<void>;
}

/** JSON lines with time and member, to the file or to standard error. Throws ClusterError `LogUnwritable`. */
export async function openProcessLog(member: string, path: string | undefined): Promise<ProcessLog> {
  let size = path === undefined ? 0 : await prepare(path);
  let output = path === undefined ? process.stderr : openFile(path);
  let dropped = 0;

  function openFile(file: string): Writable {
    const stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
    stream.on('error', () => {
      dropped += 1; // There is nowhere to tell it.
    });
    return stream;
  }
  function rotate(file: string): void {
    output.end();
    try {
      renameSync(file, `${file}.1`);
    } catch {
      dropped += 1; // Somebody moved it away: the new file begins anyway.
    }
    output = openFile(file);
    size = 0;
  }
  return {
    write: (fact) => {
      if (output.writableLength > BACKLOG_BYTES_MAX) {
        dropped += 1;
        return;
      }
      const line = `${encode({ at: clock.wallTime(), process: 'coordinator', coordinator: member, ...fact, ...(dropped === 0 ? {} : { droppedFacts: dropped }) })}\n`;
      dropped = 0;
      size += line.length;
      output.write(line);
      if (path !== undefined && size > LOG_BYTES_MAX) rotate(path);
    },
    close: async () => {
      if (path !== undefined) await new Promise<void>((resolve) => void output.end(() => resolve()));
    },
  };
}

async function prepare(path: string): Promise<number> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  } catch (cause) {
    throw new ClusterError('LogUnwritable', `cannot write the log file ${path}: make its directory writable, or choose another one (logFile)`, { retryable: false, cause });
  }
}

/** Facts are plain data; what is not must not end the process that logs it. */
function encode(fact: LogFact & { readonly at: string }): string {
  try {
    return JSON.stringify(fact, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
  } catch (thrown) {
    return JSON.stringify({ at: fact.at, event: fact.event, unloggable: String(thrown) });
  }
}

/** Small files below `root`. Throws ClusterError `FileUnreadable`, `FileNotWritten`. */
export function createFiles(root: string): Files {
  const absolute = (path: string): string => join(root, path);
  return {
    absolute,
    read: async (path) => {
      try {
        return await readFile(absolute(path), 'utf8');
      } catch (cause) {
        if (isMissing(cause)) return null;
        throw new ClusterError('FileUnreadable', `could not read ${absolute(path)}`, { retryable: true, cause });
      }
    },
    writeDurably: async (path, text, mode = 0o600) => {
      try {
        await mkdir(dirname(absolute(path)), { recursive: true, mode: 0o700 });
        await replaceDurably(absolute(path), Buffer.from(text, 'utf8'), mode);
      } catch (cause) {
        throw new ClusterError('FileNotWritten', `could not write ${absolute(path)}: make the directory writable, free some space, or choose another one`, { retryable: true, cause });
      }
    },
    remove: async (path) => await rm(absolute(path), { force: true, recursive: true }),
    list: async (path) => await readdir(absolute(path)).catch(() => []),
  };
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR');
}
