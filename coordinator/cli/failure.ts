/**
 * How does a command fail? With a sentence that says what to do next, and an exit code.
 */

/** Something did not work. Exit code 1: refused or failed; 2: the command line is wrong. */
export class CliFailure extends Error {
  readonly exitCode: 1 | 2;
  /** The coordinator's own code, where it answered. */
  readonly code: string;

  constructor(exitCode: 1 | 2, code: string, message: string) {
    super(message);
    this.name = 'CliFailure';
    this.exitCode = exitCode;
    this.code = code;
  }
}

export const usageFailure = (message: string): CliFailure => new CliFailure(2, 'Usage', message);
