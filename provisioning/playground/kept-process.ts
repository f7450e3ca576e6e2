/**
 * How is one process kept running? As systemd would: started again 0.2 s after it ended, however it ended, without limit.
 *
 *     waiting --delay--> running --exit--> waiting
 *     waiting, running --stop, kill--> ended (for good)
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { LEASH_FD, LEASH_VARIABLE } from './leash-fd.ts';
import type { CableMessage } from './nic-words.ts';
import { logOutput, RotatedLog } from './process-output.ts';

/** systemd's RestartSec=200ms, without its start limit. */
const RESTART_DELAY_MS = 200;
/** Lines of a process's own words that are kept for whoever asks why it ended. */
const LAST_LINES_MAX = 5;

/** A program to keep running. */
export interface ProcessSpec {
  /** Names its log, e.g. `node-1.agent`. */
  readonly name: string;
  /** TypeScript file, absolute. Any other file is a program that takes hold of the leash by itself: nothing is preloaded there. */
  readonly file: string;
  readonly args: readonly string[];
  /** Modules loaded before the program, absolute; the leash comes by itself. */
  readonly preload?: readonly string[];
  /** Options for Node itself. */
  readonly nodeOptions?: readonly string[];
  /** Asked at each start. */
  readonly env?: () => Readonly<Record<string, string>>;
}

/** What happens to it. */
export interface ProcessHooks {
  readonly logs: string;
  readonly now: () => string;
  /** A new process runs (pid), or none (null). */
  readonly onPid: (name: string, pid: number | null) => void;
  /** It ended by itself. `words`: the last that it said outside of its log facts. */
  readonly onExit: (name: string, how: string, words: string) => void;
}

const LEASH = join(import.meta.dirname, 'leash.ts');

/** Keeps a program running until told otherwise. */
export class KeptProcess {
  readonly name: string;
  readonly #spec: ProcessSpec;
  readonly #hooks: ProcessHooks;
  readonly #log: RotatedLog;
  #child: ChildProcess | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isEnding = false;
  #whenEnded: (() => void)[] = [];
  #lastWords: string[] = [];

  constructor(spec: ProcessSpec, hooks: ProcessHooks) {
    this.name = spec.name;
    this.#spec = spec;
    this.#hooks = hooks;
    this.#log = new RotatedLog(join(hooks.logs, `${spec.name}.jsonl`));
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  start(): void {
    this.#timer = null;
    this.#lastWords = [];
    const { file, args, preload = [], nodeOptions = [], env } = this.#spec;
    const imports = [LEASH, ...preload].flatMap((path) => ['--import', path]);
    const [command = file, ...before] = /\.[cm]?[jt]s$/.test(file) ? [process.execPath, ...nodeOptions, ...imports, file] : [file];
    const child = spawn(command, [...before, ...args], {
      // Its own session: Ctrl-C in the terminal is for the supervisor, who ends everything in order.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...inheritedEnv(), [LEASH_VARIABLE]: '1', ...env?.() },
    });
    this.#child = child;
    const words = (line: string): void => {
      if (line.startsWith('{')) return;
      this.#lastWords = [...this.#lastWords, line].slice(-LAST_LINES_MAX);
    };
    for (const output of [child.stdout, child.stderr]) if (output !== null) logOutput(output, this.#log, this.#hooks.now, words);
    leashOf(child)?.on('error', () => undefined); // it ended; 'exit' says so
    child.once('error', (error) => this.#ended(`could not be started: ${error.message}`));
    // 'close' comes after all of its output was read.
    child.once('close', (code, signal) => this.#ended(signal === null ? `exit code ${code}` : signal));
    if (child.pid !== undefined) this.#hooks.onPid(this.name, child.pid);
  }

  /** Says something over the leash; a process that does not run hears nothing. */
  tell(message: CableMessage): void {
    if (this.#child !== null) leashOf(this.#child)?.write(`${JSON.stringify(message)}\n`);
  }

  /** Asks it to end (SIGTERM), and kills it after `graceMs`. Resolves when it is gone. */
  async stop(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#signal('SIGKILL'), graceMs);
    await this.#end('SIGTERM');
    clearTimeout(timer);
  }

  /** Ends it at once. Resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isEnding = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#child !== null) {
      const gone = new Promise<void>((resolve) => void this.#whenEnded.push(resolve));
      this.#signal(signal);
      await gone;
    }
    this.#log.close();
  }

  #signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  #ended(how: string): void {
    if (this.#child === null) return;
    this.#child = null;
    this.#hooks.onPid(this.name, null);
    for (const resolve of this.#whenEnded.splice(0)) resolve();
    if (this.#isEnding) return;
    this.#hooks.onExit(this.name, how, this.#lastWords.join(' '));
    this.#timer = setTimeout(() => this.start(), RESTART_DELAY_MS);
  }
}

function leashOf(child: ChildProcess): Writable | null {
  return (child.stdio[LEASH_FD] ?? null) as Writable | null;
}

/** The user's environment without what would change how our processes run. */
function inheritedEnv(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, NODE_CHANNEL_FD: __, ...env } = process.env;
  return env;
}
