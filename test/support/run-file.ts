/**
 * Did this test file pass, whatever way its process ended?
 *
 * Every file runs in a process (and process group) of its own. It passes only if all of its tests said so, the process
 * ended by itself with code 0 within the deadline, and it left no process behind. Each other way of ending is one failure
 * with a sentence that says which.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { FileResult, TestFailure, TestMessage, TestPlace, TestSkip } from './test-report.ts';

/** A file's deadline unless its first five lines hold `deadline: N s`. */
const DEADLINE_MS = 60_000;
/** No file may ask for more than this. */
const DEADLINE_MS_MAX = 900_000;
/** Kept of what a file prints, in characters. */
const OUTPUT_LENGTH_MAX = 64_000;
/** How long processes that a test started may take to vanish after the test process ended. */
const STRAGGLER_MS_MAX = 1_000;

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

export interface RunFileOptions {
  grep?: string | undefined;
  /** For tests of the runner; otherwise the file's own deadline counts. */
  deadlineMs?: number;
  signal?: AbortSignal | undefined;
}

/** The deadline that a file's text asks for, in milliseconds. */
export function deadlineOf(text: string): number {
  const head = text.split('\n', 5).join('\n');
  const seconds = Number(/\bdeadline: (\d+) s\b/.exec(head)?.[1] ?? 0);
  return seconds === 0 ? DEADLINE_MS : Math.min(seconds * 1000, DEADLINE_MS_MAX);
}

/** What is known of a file while it runs. */
interface Progress {
  passed: number;
  failures: TestFailure[];
  skips: TestSkip[];
  running: TestPlace | undefined;
  registered: number | undefined;
  lingers: string[] | undefined;
  hasCrashed: boolean;
  output: string;
}

interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  isLate: boolean;
  stragglers: number[];
}

/** Runs one file and judges it. Never throws for what the file does. */
export async function runFile(file: string, options: RunFileOptions = {}): Promise<FileResult> {
  const startedMs = performance.now();
  const progress: Progress = {
    passed: 0,
    failures: [],
    skips: [],
    running: undefined,
    registered: undefined,
    lingers: undefined,
    hasCrashed: false,
    output: '',
  };
  const deadlineMs = options.deadlineMs ?? deadlineOf(readFileSync(file, 'utf8'));
  const child = spawn(process.execPath, [CHILD, file, ...(options.grep === undefined ? [] : [options.grep])], {
    detached: true, // a process group of its own, so that what it starts can be found and ended
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, NODE_ENV: 'test' },
  });
  listen(child, progress);
  const ending = await endingOf(child, deadlineMs, options.signal);
  const fault = endingFault(progress, ending, deadlineMs);
  if (fault !== undefined) {
    const place = progress.running ?? { suite: '', name: '' };
    progress.failures.push({ ...place, message: fault, details: '', stack: '' });
  }
  const { passed, failures, skips, output } = progress;
  return { file, passed, failures, skips, output, durationMs: performance.now() - startedMs };
}

function listen(child: ChildProcess, progress: Progress): void {
  child.on('message', (message) => take(progress, message as TestMessage));
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      progress.output = (progress.output + text).slice(-OUTPUT_LENGTH_MAX);
    });
  }
}

function take(progress: Progress, message: TestMessage): void {
  switch (message.kind) {
    case 'started':
      progress.running = { suite: message.suite, name: message.name };
      return;
    case 'passed':
      progress.passed += 1;
      progress.running = undefined;
      return;
    case 'failed':
      progress.failures.push(message);
      progress.running = undefined;
      return;
    case 'crashed':
      progress.failures.push(message);
      progress.hasCrashed = true;
      return;
    case 'skipped':
      progress.skips.push(message);
      return;
    case 'finished':
      progress.registered = message.registered;
      return;
    case 'lingers':
      progress.lingers = message.resources;
      return;
    default:
      throw new Error(`a test process sent something unknown: ${JSON.stringify(message satisfies never)}`);
  }
}

/** Waits for the process to end, or ends it; then ends what it left behind. */
async function endingOf(child: ChildProcess, deadlineMs: number, signal: AbortSignal | undefined): Promise<Ending> {
  let isLate = false;
  const kill = (): void => killGroup(child.pid);
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, deadlineMs);
  signal?.addEventListener('abort', kill, { once: true });
  if (signal?.aborted) kill();
  const ended = await new Promise<Pick<Ending, 'code' | 'signal'>>((settle, fail) => {
    child.once('error', fail);
    child.once('exit', (code, endSignal) => settle({ code, signal: endSignal }));
  });
  clearTimeout(timer);
  signal?.removeEventListener('abort', kill);
  const stragglers = isLate || ended.signal !== null ? [] : await stragglersOf(child.pid);
  kill();
  await closed(child);
  return { ...ended, isLate, stragglers };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of the group is left, which is what was wanted.
  }
}

/** The last output and messages may arrive after the exit; a process that escaped the group may hold the pipe for ever. */
async function closed(child: ChildProcess): Promise<void> {
  if (child.stdout?.closed && child.stderr?.closed && !child.connected) return;
  await new Promise<void>((settle) => {
    const timer = setTimeout(settle, STRAGGLER_MS_MAX);
    child.once('close', () => {
      clearTimeout(timer);
      settle();
    });
  });
  child.stdout?.destroy();
  child.stderr?.destroy();
}

/** Processes of the group that still live a second after its first process ended. Known on Linux only. */
async function stragglersOf(group: number | undefined): Promise<number[]> {
  const startedMs = performance.now();
  for (;;) {
    const living = livingMembers(group);
    if (living.length === 0 || performance.now() - startedMs > STRAGGLER_MS_MAX) return living;
    await new Promise((settle) => setTimeout(settle, 50));
  }
}

function livingMembers(group: number | undefined): number[] {
  if (group === undefined || process.platform !== 'linux') return [];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      // "pid (command) state ppid pgrp ...": the command may hold spaces and parentheses, so cut after the last one.
      const [state, , processGroup] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
      return Number(processGroup) === group && state !== 'Z';
    } catch {
      return false; // it ended while we looked
    }
  });
}

/** The sentence that says why this ending is not a pass; undefined if it is one. */
function endingFault(progress: Progress, ending: Ending, deadlineMs: number): string | undefined {
  if (ending.isLate) {
    const what = progress.registered === undefined ? 'did not finish' : 'finished its tests but did not end';
    return `the file ${what} within its deadline of ${deadlineMs / 1000} s, and was ended`;
  }
  if (progress.lingers !== undefined) {
    return `the tests are over but the process does not end by itself; still open: ${progress.lingers.join(', ')}`;
  }
  if (ending.signal !== null) return `the process was ended by ${ending.signal}${signalHint(ending.signal)}`;
  if (progress.hasCrashed) return undefined; // that is told already
  if (progress.registered === undefined) return `the process ended early, with exit code ${ending.code}, before its tests had finished`;
  if (ending.stragglers.length > 0) return `the file left processes running: ${ending.stragglers.join(', ')}`;
  if (ending.code !== 0 && progress.failures.length === 0) return `the tests passed but the process ended with exit code ${ending.code}`;
  return undefined;
}

function signalHint(signal: NodeJS.Signals): string {
  return constants.signals[signal] === constants.signals.SIGKILL ? ' (out of memory, or interrupted?)' : '';
}
