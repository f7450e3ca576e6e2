/**
 * How is a thrown value shown to the person who must understand it?
 */
import { compare } from 'uvu/diff';
import type { TestFailure } from './test-report.ts';

/** Longest diff or stack kept, in characters: enough to read, and bounded whatever a test compares. */
const TEXT_LENGTH_MAX = 20_000;

/** Turns anything that was thrown into printable text: message, diff (for assertions) and the caller's stack. */
export function describeFailure(thrown: unknown): Pick<TestFailure, 'message' | 'details' | 'stack'> {
  if (!(thrown instanceof Error)) return { message: `threw ${String(thrown)}`, details: '', stack: '' };
  const causes: string[] = [];
  for (let cause = thrown.cause; cause !== undefined && causes.length < 5; cause = cause instanceof Error ? cause.cause : undefined) {
    causes.push(`\n  caused by: ${String(cause)}`);
  }
  const isAssertion = 'code' in thrown && thrown.code === 'ERR_ASSERTION';
  return {
    message: `${isAssertion ? '' : `${thrown.name}: `}${thrown.message}${causes.join('')}`.slice(0, TEXT_LENGTH_MAX),
    details: diffOf(thrown).slice(0, TEXT_LENGTH_MAX),
    stack: usefulStack(thrown.stack ?? '').slice(0, TEXT_LENGTH_MAX),
  };
}

/** uvu's assertions bring their diff along; those of node:assert only bring both sides. */
function diffOf(error: Error): string {
  if ('details' in error && typeof error.details === 'string') return error.details;
  if (error.name !== 'AssertionError' || !('actual' in error) || !('expected' in error)) return '';
  if ('operator' in error && typeof error.operator === 'string' && error.operator.startsWith('not')) return '';
  return compare(error.actual, error.expected);
}

function usefulStack(stack: string): string {
  const isNoise = /node:internal|node_modules\/uvu\/|test\/support\/(observed-uvu|child)\.ts/;
  const lines = stack.split('\n').filter((line) => /^\s+at /.test(line) && !isNoise.test(line));
  return lines.map((line) => line.trim()).join('\n');
}
