/**
 * What does a person read while tests run, and at the end?
 */
import type { FileResult, TestFailure } from './test-report.ts';

/** How many files the list of slow ones names, and from which duration on. */
const SLOW_FILES_MAX = 5;
const SLOW_MS_MIN = 1_000;
/** Shown of what a failed file printed, in characters. */
const OUTPUT_LENGTH_MAX = 6_000;

export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** Adds the counts of several files up. */
export function totalsOf(results: FileResult[]): Totals {
  const sum = (count: (result: FileResult) => number): number => results.reduce((total, result) => total + count(result), 0);
  return {
    passed: sum((result) => result.passed),
    failed: sum((result) => result.failures.length),
    skipped: sum((result) => result.skips.length),
  };
}

/** Counts for people: `N passed, N failed`, and `, N skipped` when there are any. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** One line for a file that ended, and everything about its failures. */
export function fileReport(result: FileResult): string {
  const mark = result.failures.length > 0 ? 'FAIL' : 'ok  ';
  const counts = totalsLine(totalsOf([result]));
  const lines = [`${mark} ${result.file}  (${counts}, ${seconds(result.durationMs)})`];
  for (const failure of result.failures) lines.push(failureReport(failure));
  for (const skip of result.skips) lines.push(`  skipped: ${skip.suite} · ${skip.name}`);
  if (result.failures.length > 0 && result.output.trim() !== '') {
    lines.push(indent(`--- printed by the file ---\n${result.output.trimEnd().slice(-OUTPUT_LENGTH_MAX)}\n---`, 4));
  }
  return lines.join('\n');
}

function failureReport({ suite, name, message, details, stack }: TestFailure): string {
  const title = [suite, name].filter((part) => part !== '').join(' · ');
  const parts = [`  ${title === '' ? '(the file)' : title}`, indent(message, 6)];
  if (details !== '') parts.push(indent(details, 6));
  if (stack !== '') parts.push(indent(stack, 6));
  return parts.join('\n');
}

/** Names the slowest files; empty when none took a second. */
export function slowReport(results: FileResult[]): string {
  const slow = results.filter((result) => result.durationMs >= SLOW_MS_MIN).toSorted((a, b) => b.durationMs - a.durationMs);
  const lines = slow.slice(0, SLOW_FILES_MAX).map((result) => `  ${seconds(result.durationMs).padStart(7)}  ${result.file}`);
  return lines.length === 0 ? '' : `slowest files:\n${lines.join('\n')}`;
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

function indent(text: string, by: number): string {
  return text.replace(/^/gm, ' '.repeat(by));
}
