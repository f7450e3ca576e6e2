/**
 * Which failures of processes does the user hear of? Those that repeat: one that ends once is started again, and that is that.
 */
import { join } from 'node:path';
import type { Fault } from './supervisor.ts';

/** So many ends within the window are a failure that does not go away. A busy machine needs up to 10 s for each start. */
const FAULTS_MIN = 3;
const WINDOW_MS = 45_000;
/** The same process is not spoken of again for so long. */
const SILENCE_MS = 60_000;

export class FaultTeller {
  readonly #logs: string;
  readonly #recent = new Map<string, number[]>();
  readonly #toldAtMs = new Map<string, number>();

  constructor(logs: string) {
    this.#logs = logs;
  }

  /** What is to be said about this end, in a sentence without its full stop; null: nothing (yet, or again). */
  tell({ name, how, words }: Fault, atMs: number): string | null {
    const recent = [...(this.#recent.get(name) ?? []), atMs].filter((each) => atMs - each <= WINDOW_MS);
    this.#recent.set(name, recent);
    if (recent.length < FAULTS_MIN || atMs - (this.#toldAtMs.get(name) ?? -Infinity) < SILENCE_MS) return null;
    this.#toldAtMs.set(name, atMs);
    return `${name} ends again and again (${how}${words === '' ? '' : `: ${words.slice(0, 300)}`}); see ${join(this.#logs, `${name}.jsonl`)}`;
  }
}
