/**
 * Which failures of processes does the user hear of? Those that repeat: one that ends once is started again, and that is that.
 */
import { join } from 'node:path';
import type { Fault } from './supervisor.ts';

/** So many ends within the window are a failure that does not go away. */
const FAULTS_MIN = 3;
const WINDOW_MS = 10_000;
/** The same process is not spoken of again for so long. */
const SILENCE_MS = 60_000;

export class FaultTeller {
  readonly #logs: string;
  readonly #print: (text: string) => void;
  readonly #recent = new Map<string, number[]>();
  readonly #toldAtMs = new Map<string, number>();

  constructor(logs: string, print: (text: string) => void) {
    this.#logs = logs;
    this.#print = print;
  }

  tell({ name, how, words }: Fault, atMs: number): void {
    const recent = [...(this.#recent.get(name) ?? []), atMs].filter((each) => atMs - each <= WINDOW_MS);
    this.#recent.set(name, recent);
    if (recent.length < FAULTS_MIN || atMs - (this.#toldAtMs.get(name) ?? -Infinity) < SILENCE_MS) return;
    this.#toldAtMs.set(name, atMs);
    this.#print(`  ${name} ends again and again (${how}${words === '' ? '' : `: ${words.slice(0, 300)}`}); see ${join(this.#logs, `${name}.jsonl`)}`);
  }
}
