/**
 * Where do a process's facts go? One JSON line each, to a file that is rotated or to standard error.
 */
import { createWriteStream, mkdirSync, rename, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { ClusterError } from '../errors.ts';
import type { Clock, Log, LogFact } from '../world.ts';

/** A log file is renamed to `FILE.1` when it has grown to about this size. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;
/** What may wait for a slow disk before facts are dropped (and counted). */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;

/** A log that adds the time and who speaks to each fact. `close` waits until all of it is written. */
export interface ProcessLog extends Log {
  close(): Promise<void>;
}

/** Options of {@link openProcessLog}. */
export interface ProcessLogOptions {
  /** Who speaks: ids that every line carries. */
  readonly who: Readonly<Record<string, string>>;
  /** The file, appended to; undefined: standard error, which whoever started the process keeps. */
  readonly path: string | undefined;
  /** When the file is rotated; tests give a small one. */
  readonly bytesMax?: number;
}

/** Opens the log. Throws ClusterError `LogUnwritable` when there can be no such file. */
export function openProcessLog(clock: Clock, { who, path, bytesMax = LOG_BYTES_MAX }: ProcessLogOptions): ProcessLog {
  let sizeBytes = path === undefined ? 0 : prepare(path);
  let output = path === undefined ? process.stderr : openFile(path);
  let dropped = 0;
  let isRotating = false;

  function openFile(file: string): Writable {
    const stream = createWriteStream(file, { flags: 'a', mode: 0o600 });
    stream.on('error', () => {
      dropped += 1; // There is nowhere to tell it.
    });
    return stream;
  }

  /** In the background: a disk that stalls must not hold up a keeper. Facts go on into the old file until then. */
  function rotate(file: string): void {
    isRotating = true;
    rename(file, `${file}.1`, (cause) => {
      if (cause !== null) dropped += 1; // Somebody moved it away: the new file begins anyway.
      const old = output;
      output = openFile(file);
      sizeBytes = 0;
      isRotating = false;
      old.end();
    });
  }

  return {
    write: (fact) => {
      if (output.writableLength > BACKLOG_BYTES_MAX) {
        dropped += 1;
        return;
      }
      const { event, ...rest } = fact;
      const lost = dropped === 0 ? {} : { droppedFacts: dropped };
      dropped = 0;
      const line = `${encode({ at: clock.wallTime(), ...who, event, ...rest, ...lost })}\n`;
      sizeBytes += line.length;
      output.write(line);
      if (path !== undefined && !isRotating && sizeBytes > bytesMax) rotate(path);
    },
    close: async () => {
      if (path !== undefined) await new Promise<void>((resolve) => void output.end(() => resolve()));
    },
  };
}

function prepare(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  } catch (cause) {
    throw new ClusterError('LogUnwritable', `cannot write the log file ${path}: make its directory writable, or choose another one (logFile)`, { retryable: false, cause });
  }
}

/** Facts are plain data; what is not (a bigint, a cycle) must not end the process that logs it. */
function encode(fact: LogFact & { readonly at: string }): string {
  try {
    return JSON.stringify(fact, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
  } catch (thrown) {
    return JSON.stringify({ at: fact.at, event: fact.event, unloggable: String(thrown) });
  }
}
