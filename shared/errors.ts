/**
 * How does an operational failure look? One error class with a stable code, for every process of the fleet.
 *
 * Expected refusals are values, programmer errors are asserted; this class is for what lies between: a program
 * that failed, a peer that did not answer, a file that cannot be read.
 */

/** Options of a {@link ClusterError}. */
export interface ClusterErrorOptions {
  /** Whether the same attempt may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  readonly cause?: unknown;
}

/** An operational failure. `code` is stable and made for programs, `message` says what was attempted on which object. */
export class ClusterError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: ClusterErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClusterError';
    this.code = code;
    this.retryable = options.retryable;
  }
}

/** Ends a `switch` over a union: the compiler refuses it while a case is missing, and it throws if one slips through. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** Stops the process's work when something that must hold does not: stopping beats corrupting. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** The message of whatever was thrown, with its causes, on one line. */
export function describeError(thrown: unknown): string {
  const parts: string[] = [];
  let current: unknown = thrown;
  for (let depth = 0; depth < 5 && current !== undefined && current !== null; depth += 1) {
    parts.push(current instanceof Error ? current.message : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ');
}
