/**
 * What did a fence agent say? Exit codes and the one line on standard output (ClusterLabs/fence-agents, lib/fencing.py.py).
 */
import type { RunResult } from '../../../shared/world.ts';

/** The power that `action=status` tells. Anything but a clear word, with its own exit code, is `unknown`. */
export function parsePowerStatus(result: RunResult): 'on' | 'off' | 'unknown' {
  if (result.exitCode === 0 && /^Status: ON$/m.test(result.stdout)) return 'on';
  if (result.exitCode === 2 && /^Status: OFF$/m.test(result.stdout)) return 'off';
  return 'unknown';
}

/** Whether the agent says that the power is off (or on) now. */
export function saysPowered(result: RunResult, now: 'ON' | 'OFF'): boolean {
  return saysAlready(result, now) || saysSuccess(result, `Powered ${now}`);
}

/** Whether the agent says that the power was off (or on) before it came. */
export function saysAlready(result: RunResult, now: 'ON' | 'OFF'): boolean {
  return saysSuccess(result, `Already ${now}`);
}

function saysSuccess(result: RunResult, words: string): boolean {
  return result.exitCode === 0 && result.stdout.split('\n').includes(`Success: ${words}`);
}

/** What the agent complains of, without its time stamp, for a message. */
export function fenceComplaint(result: RunResult): string {
  const line = result.stderr.split('\n').find((text) => text.trim() !== '') ?? `exit ${result.exitCode}`;
  return line.replace(/^.*?ERROR: /, '').slice(0, 200);
}
