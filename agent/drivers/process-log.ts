/**
 * Where do a process's facts go? One JSON line each, to a file or to standard error.
 */
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Clock, Log, LogFact } from '../../shared/world.ts';

/** What may wait for a slow disk before facts are dropped (and counted). */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;

/** A log that adds the time and who speaks to each fact. `close` waits until all of it is written. */
export interface ProcessLog extends Log {
  close(): Promise<void>;
}

/** Logs to the file (appended to), or to standard error without one. */
export function createProcessLog(clock: Clock, who: Readonly<Record<string, string>>, path?: string): ProcessLog {
  const output: Writable = path === undefined ? process.stderr : createWriteStream(path, { flags: 'a', mode: 0o600 });
  let dropped = 0;
  output.on('error', () => {
    dropped += 1; // nowhere to tell it
  });
  return {
    write: (fact) => {
      if (output.writableLength > BACKLOG_BYTES_MAX) {
        dropped += 1;
        return;
      }
      const { event, ...rest } = fact;
      const lost = dropped === 0 ? {} : { droppedFacts: dropped };
      dropped = 0;
      output.write(`${encode({ at: clock.wallTime(), ...who, event, ...rest, ...lost })}\n`);
    },
    close: () => new Promise((resolve) => {
      if (output === process.stderr) resolve();
      else output.end(resolve);
    }),
  };
}

/** Facts are plain data; what is not (a bigint, a cycle) must not end the process that logs it. */
function encode(fact: LogFact & { readonly at: string }): string {
  try {
    return JSON.stringify(fact, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
  } catch (thrown) {
    return JSON.stringify({ at: fact.at, event: fact.event, unloggable: String(thrown) });
  }
}
