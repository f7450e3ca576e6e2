/**
 * How does REST say no? Stable codes with their HTTP statuses, and whatever was thrown in these words.
 */
import { ClusterError } from '../../shared/errors.ts';
import type { ApplyResult, RejectReason } from '../../shared/ledger/commands.ts';
import type { ErrorAnswer } from '../../shared/wire/rest.ts';
import { Ec2Error } from '../ec2/errors.ts';

export type RestStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 429 | 500 | 502 | 503;

/** A refusal. `message` is a sentence for people. */
export class RestError extends Error {
  readonly status: RestStatus;
  readonly code: string;
  readonly retryable: boolean;

  constructor(status: RestStatus, code: string, message: string, options: { readonly retryable?: boolean; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RestError';
    this.status = status;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The body of an error answer. */
export function errorBody(error: RestError): ErrorAnswer {
  return { error: { code: error.code, message: error.message, retryable: error.retryable } };
}

export const invalidRequest = (message: string): RestError => new RestError(400, 'InvalidRequest', message);
export const notFound = (what: string): RestError => new RestError(404, 'NotFound', `there is no ${what}`);
export const tooBusy = (message: string): RestError => new RestError(503, 'TooManyRequests', message, { retryable: true });

/** Statuses of the ledger's refusals; the others tell of a state that does not allow it: 409. */
const REJECTIONS: Partial<Record<RejectReason, RestStatus>> = {
  unknownNode: 404, unknownInstance: 404, unknownVolume: 404, unknownImage: 404, invalidParameter: 400, rateLimited: 429,
};

/** A command's refusal. Its reason is the code. */
export function rejectionError(result: Extract<ApplyResult, { kind: 'rejected' }>): RestError {
  return new RestError(REJECTIONS[result.reason] ?? 409, result.reason, result.message, { retryable: result.reason === 'rateLimited' || result.reason === 'stillVotes' });
}

/** Statuses of failed authentication, by AWS's codes. */
const AUTHENTICATION: Readonly<Record<string, RestStatus>> = {
  MissingAuthenticationToken: 401, AuthFailure: 401, InvalidClientTokenId: 401, IncompleteSignature: 400, RequestExpired: 403, SignatureDoesNotMatch: 403,
};

/** A refused signature. */
export function authenticationError(code: string, message: string): RestError {
  return new RestError(AUTHENTICATION[code] ?? 403, code, message);
}

/** Whatever was thrown. Anything unexpected is an `InternalError` that tells nothing of our insides. */
export function asRestError(thrown: unknown): RestError {
  if (thrown instanceof RestError) return thrown;
  if (thrown instanceof Ec2Error) return new RestError(thrown.code === 'RequestEntityTooLarge' ? 413 : 400, thrown.code, thrown.message);
  if (thrown instanceof ClusterError && thrown.retryable) {
    return new RestError(503, thrown.code, `the cell cannot answer at the moment: ${thrown.message}`, { retryable: true, cause: thrown });
  }
  return new RestError(500, 'InternalError', 'an internal error has occurred', { cause: thrown });
}
