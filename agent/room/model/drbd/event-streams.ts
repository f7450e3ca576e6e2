/**
 * Who reads `drbdsetup events2`, and what are they told? The streams of all nodes.
 */
import type { Clock, Stream, StreamReader } from '../../../../shared/world.ts';
import { noticeLines, stateLines } from './print-events.ts';
import type { Notice, Resource } from './resource.ts';
import { isSuspended } from './states.ts';

export interface EventOptions {
  /** Null: every resource. */
  readonly filter: string | null;
  readonly hasStatistics: boolean;
  readonly hasTimestamps: boolean;
  /** `--now`: ends after the initial state. */
  readonly isOnce: boolean;
}

interface Reader {
  readonly node: string;
  readonly options: EventOptions;
  readonly reader: StreamReader;
  readonly blocked: Map<string, boolean>;
  isBegun: boolean;
}

/** All nodes' readers of events, each with the filter that it asked for. */
export class EventStreams {
  readonly #clock: Clock;
  readonly #readers = new Set<Reader>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `schedule` is given the start of the program: with the node's resources, or null when the command line was wrong. */
  open(node: string, options: EventOptions, reader: StreamReader, schedule: (begin: (resources: readonly Resource[] | null) => void) => void): Stream {
    const entry: Reader = { node, options, reader, blocked: new Map(), isBegun: false };
    this.#readers.add(entry);
    schedule((resources) => {
      if (!this.#readers.has(entry)) return;
      if (resources === null) this.#end(entry, 'drbdsetup ended with exit code 20: wrong usage');
      else this.#begin(entry, resources);
    });
    return {
      stop: () => {
        this.#end(entry, 'stopped');
      },
    };
  }

  get count(): number {
    return this.#readers.size;
  }

  tell(resource: Resource, notice: Notice): void {
    for (const entry of Array.from(this.#readers)) {
      if (!entry.isBegun || !this.#hears(entry, resource)) continue;
      const lines = noticeLines(resource, notice, entry.options.hasStatistics, entry.blocked.get(resource.name) ?? false);
      if (lines.some((line) => / device .* disk:/.test(line))) entry.blocked.set(resource.name, isSuspended(resource.state));
      for (const line of lines) this.#line(entry, line);
    }
  }

  nodeGone(node: string): void {
    for (const entry of Array.from(this.#readers)) if (entry.node === node) this.#end(entry, 'the node is gone');
  }

  #begin(entry: Reader, resources: readonly Resource[]): void {
    entry.isBegun = true;
    for (const resource of resources) {
      if (!this.#hears(entry, resource)) continue;
      entry.blocked.set(resource.name, isSuspended(resource.state));
      for (const line of stateLines(resource, 'exists', entry.options.hasStatistics)) this.#line(entry, line);
    }
    this.#line(entry, 'exists -');
    if (entry.options.isOnce) this.#end(entry, 'exit code 0');
  }

  #hears(entry: Reader, resource: Resource): boolean {
    return entry.node === resource.node && (entry.options.filter === null || entry.options.filter === resource.name);
  }

  #line(entry: Reader, line: string): void {
    const stamp = entry.options.hasTimestamps ? `${this.#clock.wallTime().replace(/(\.\d{3})?Z$/, (_all, ms: string | undefined) => `${ms ?? '.000'}000+00:00`)} ` : '';
    entry.reader.onLine(`${stamp}${line}`);
  }

  #end(entry: Reader, reason: string): void {
    if (this.#readers.delete(entry)) entry.reader.onEnd(reason);
  }
}
