/**
 * What happened, fact by fact? One JSON line each, and a hash over all of them, by which two runs are compared.
 *
 * The first line says all that a replay needs; then comes every fact of the logs, of the machine room and of the storm, with its
 * virtual time (`atMs`) and who told it (`who`). Nothing is kept here: a line goes to the hash, and to whoever wants it.
 */
import { createHash } from 'node:crypto';
import type { LogFact } from '../../shared/world.ts';
import type { RoomEvent } from '../../agent/room/model/ports.ts';
import type { SimPlan } from './plan.ts';

/** Grows when lines mean something else. */
export const TRACE_VERSION = 1;

/** One seed's trace. */
export class Trace {
  #lines = 0;
  readonly #hash = createHash('sha256');
  readonly #sink: ((line: string) => void) | null;

  /** `sink` is given each line, without its line feed. */
  constructor(plan: SimPlan, sink: ((line: string) => void) | null) {
    this.#sink = sink;
    this.#write({ event: 'trace', version: TRACE_VERSION, seed: plan.seed, nodes: plan.nodes, profile: plan.profile, plan });
  }

  /** A fact of a process's log, which carries `who` and `atMs`. */
  readonly fact = (fact: LogFact): void => this.#write(fact);

  room(event: RoomEvent, atMs: number): void {
    const { kind, ...what } = event;
    this.#write({ event: `room.${kind}`, ...what, who: 'room', atMs });
  }

  /** What the simulator itself does: strikes, beginnings and ends of storms. */
  weather(fact: LogFact, atMs: number): void {
    this.#write({ ...fact, who: 'weather', atMs });
  }

  /** How many lines there were, and the hash (sha256, hex) over all of them. Once, at the end. */
  end(): { readonly lines: number; readonly hash: string } {
    return { lines: this.#lines, hash: this.#hash.digest('hex') };
  }

  #write(fact: LogFact): void {
    const line = JSON.stringify(fact);
    this.#lines += 1;
    this.#hash.update(line).update('\n');
    this.#sink?.(line);
  }
}
