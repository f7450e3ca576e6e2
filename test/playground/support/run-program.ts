/**
 * What does a program say that a user would run? Its exit code and output, with the playground's environment and nothing of this machine's.
 */
import { spawn } from 'node:child_process';

const PROGRAM_MS_MAX = 90_000;
const OUTPUT_LENGTH_MAX = 4_000_000;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it to its end. Rejects when it cannot be started. */
export async function runProgram(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const [program = '', ...args] = argv;
  const base = { PATH: '/usr/bin:/bin', HOME: '/nonexistent', LANG: 'C.UTF-8', AWS_EC2_METADATA_DISABLED: 'true', AWS_PAGER: '' };
  const child = spawn(program, args, { env: { ...base, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: PROGRAM_MS_MAX, killSignal: 'SIGKILL' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-OUTPUT_LENGTH_MAX);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-OUTPUT_LENGTH_MAX);
  });
  const code = await new Promise<number | null>((settle, fail) => {
    child.once('error', fail);
    child.once('close', settle);
  });
  return { code, stdout, stderr };
}
