/**
 * How is a program of the node started? By absolute path, arguments as a list, with limits on time and output.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ClusterError } from '../../shared/errors.ts';
import type { Runner, RunOptions, RunResult, Stream, StreamReader } from '../../shared/world.ts';

/** Where programs are looked for; the environment's own PATH is not trusted. */
const PROGRAM_DIRECTORIES: readonly string[] = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'];
/** Most text that one program may print on either channel. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** How long a killed program may take to be gone before nobody waits for it any more. */
const KILLED_WAIT_MS = 200;

/** The real runner. `directories` may be given by tests. */
export function createRunner(directories: readonly string[] = PROGRAM_DIRECTORIES): Runner {
  const environment = { PATH: directories.join(':'), LC_ALL: 'C', HOME: '/' };
  const start = (argv: readonly string[]): ChildProcess => {
    const program = find(directories, argv[0] ?? '');
    // A process group of its own, so that a deadline ends its children too.
    return spawn(program, argv.slice(1), { env: environment, cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  };
  return {
    run: (argv, options) => run(start, argv, options),
    stream: (argv, reader) => stream(start, argv, reader),
  };
}

/** The absolute path of a program. Throws ClusterError `ProgramNotStarted` when there is none. */
function find(directories: readonly string[], name: string): string {
  const candidates = name.startsWith('/') ? [name] : name.includes('/') || name === '' ? [] : directories.map((directory) => join(directory, name));
  for (const path of candidates) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue; // not here
    }
  }
  throw new ClusterError('ProgramNotStarted', `could not start ${JSON.stringify(name)}: no such program in ${directories.join(', ')}`, { retryable: false });
}

/** Ends the whole process group. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL'); // the group is gone already, or was never made
  }
}

async function run(start: (argv: readonly string[]) => ChildProcess, argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const child = start(argv);
  return await new Promise((resolve, reject) => {
    let failure: ClusterError | null = null;
    const stop = (error: ClusterError): void => {
      failure ??= error;
      killGroup(child);
      // A program in uninterruptible sleep does not even die.
      setTimeout(() => reject(error), KILLED_WAIT_MS).unref();
    };
    const timer = setTimeout(() => stop(new ClusterError('ProgramTimeout', `${argv[0]} did not end within ${options.timeoutMs} ms`, { retryable: true })), options.timeoutMs);
    const tooMuch = (): void => stop(new ClusterError('ProgramOutputTooLarge', `${argv[0]} printed more than ${OUTPUT_BYTES_MAX} bytes`, { retryable: false }));
    const stdout = collect(child.stdout, tooMuch);
    const stderr = collect(child.stderr, tooMuch);
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(new ClusterError('ProgramNotStarted', `could not start ${argv[0]}`, { retryable: true, cause }));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (failure !== null) reject(failure);
      else if (code === null) reject(new ClusterError('ProgramKilled', `${argv[0]} was ended by ${signal}`, { retryable: true }));
      else resolve({ exitCode: code, stdout: stdout(), stderr: stderr() });
    });
    child.stdin?.on('error', () => undefined); // a program that does not read its input says so by its exit code
    child.stdin?.end(options.stdin ?? '');
  });
}

function collect(pipe: NodeJS.ReadableStream | null, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  pipe?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > OUTPUT_BYTES_MAX) tooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

function stream(start: (argv: readonly string[]) => ChildProcess, argv: readonly string[], reader: StreamReader): Stream {
  let hasEnded = false;
  const end = (reason: string): void => {
    if (hasEnded) return;
    hasEnded = true;
    reader.onEnd(reason);
  };
  let child: ChildProcess;
  try {
    child = start(argv);
  } catch (thrown) {
    // As with a program that dies at once: the reader hears it, later.
    setImmediate(() => end(thrown instanceof Error ? thrown.message : String(thrown)));
    return { stop: () => undefined };
  }
  child.stdin?.end();
  child.stderr?.resume();
  if (child.stdout !== null) createInterface({ input: child.stdout, crlfDelay: Infinity }).on('line', (line) => {
    if (!hasEnded) reader.onLine(line);
  });
  child.on('error', (cause) => end(`could not start ${argv[0]}: ${cause.message}`));
  child.on('close', (code, signal) => end(code === null ? `ended by ${signal}` : `exit ${code}`));
  return { stop: () => killGroup(child) };
}
