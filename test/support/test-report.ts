/**
 * What can a test process tell the runner about its file?
 *
 * The messages cross a process border, so they hold plain data only. A file's verdict is made from them and from the
 * way the process ended; see run-file.ts.
 */

/** Where in a file something happened. `name` is empty for what concerns a suite or the file as a whole. */
export interface TestPlace {
  suite: string;
  name: string;
}

/** One thing that went wrong. `details` is a diff or an output, ready to print; empty when there is none. */
export interface TestFailure extends TestPlace {
  message: string;
  details: string;
  stack: string;
}

/** One test that was left out, with the reason its author gave. */
export interface TestSkip extends TestPlace {
  reason: string;
}

export type TestMessage =
  | ({ kind: 'started' } & TestPlace)
  | ({ kind: 'passed' } & TestPlace)
  | ({ kind: 'failed' } & TestFailure)
  | ({ kind: 'skipped' } & TestSkip)
  /** An exception that nobody caught; the process ends right after this. */
  | ({ kind: 'crashed' } & TestFailure)
  /** All suites have run to their end. `registered` counts the tests that the file declared, before any `--grep`. */
  | { kind: 'finished'; registered: number }
  /** The tests are over, but these resources keep the process alive. */
  | { kind: 'lingers'; resources: string[] };

/** The verdict on one file. `failures` may be longer than the number of failed tests: hooks and leaks count too. */
export interface FileResult {
  file: string;
  passed: number;
  failures: TestFailure[];
  skips: TestSkip[];
  durationMs: number;
  /** What the file printed, the last part of it if it was long; shown only with failures. */
  output: string;
}
