/**
 * How does EC2 say no? Its error codes with their HTTP statuses, and the errors of our cell in these words.
 *
 * Codes and statuses: EC2 API reference, "Error codes for the Amazon EC2 API". Only this file and error-body.ts know HTTP.
 */
import { ClusterError } from '../../shared/errors.ts';
import type { ApplyResult, RejectReason } from '../../shared/ledger/commands.ts';

export type Ec2ErrorStatus = 400 | 401 | 403 | 404 | 412 | 413 | 500 | 503;

/** A refusal in EC2's words. `code` is EC2's own, `message` is for people. */
export class Ec2Error extends Error {
  readonly code: string;
  readonly status: Ec2ErrorStatus;

  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'Ec2Error';
    this.code = code;
    this.status = STATUSES[code] ?? 400;
  }
}

/** Codes whose status is not 400. */
const STATUSES: Readonly<Record<string, Ec2ErrorStatus>> = {
  AuthFailure: 401,
  SignatureDoesNotMatch: 403,
  InvalidClientTokenId: 403,
  MissingAuthenticationToken: 403,
  DryRunOperation: 412,
  RequestEntityTooLarge: 413,
  InsufficientInstanceCapacity: 500,
  InternalError: 500,
  RequestLimitExceeded: 503,
  Unavailable: 503,
};

export const invalidValue = (parameter: string, value: unknown, why: string): Ec2Error =>
  new Ec2Error('InvalidParameterValue', `Invalid value '${shortened(String(value))}' for ${parameter}. ${why}`);
export const missingParameter = (parameter: string): Ec2Error => new Ec2Error('MissingParameter', `The request must contain the parameter ${parameter}`);
export const invalidCombination = (message: string): Ec2Error => new Ec2Error('InvalidParameterCombination', message);
export const unsupported = (message: string): Ec2Error => new Ec2Error('UnsupportedOperation', message);
export const dryRunOperation = (): Ec2Error => new Ec2Error('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');

/** At most this much of what a client sent is repeated to it in a message. */
const ECHO_LENGTH_MAX = 100;

/** What a client sent, short enough for a message. */
export function shortened(text: string): string {
  return text.length <= ECHO_LENGTH_MAX ? text : `${text.slice(0, ECHO_LENGTH_MAX)}...`;
}

/** The ledger's refusals in EC2's words. Those not named here tell of a race or a fault inside the cell. */
const REJECTIONS: Partial<Record<RejectReason, string>> = {
  unknownInstance: 'InvalidInstanceID.NotFound',
  unknownImage: 'InvalidAMIID.NotFound',
  unknownVolume: 'InvalidVolume.NotFound',
  noCapacity: 'InsufficientInstanceCapacity',
  wrongState: 'IncorrectInstanceState',
  tokenMismatch: 'IdempotentParameterMismatch',
  terminationProtected: 'OperationNotPermitted',
  tooManyTags: 'TagLimitExceeded',
  rateLimited: 'RequestLimitExceeded',
  invalidParameter: 'InvalidParameterValue',
};

/** A command's refusal as an EC2 error. A refusal that no user can cause is `Unavailable`: something changed meanwhile, repeat it. */
export function rejectionError(result: Extract<ApplyResult, { kind: 'rejected' }>): Ec2Error {
  const code = REJECTIONS[result.reason];
  return code === undefined ? new Ec2Error('Unavailable', `The cell refused this for now (${result.reason}: ${result.message}). Please try again.`) : new Ec2Error(code, result.message);
}

/** Whatever was thrown as an EC2 error. Anything unexpected is an `InternalError` that tells nothing of our insides. */
export function asEc2Error(thrown: unknown): Ec2Error {
  if (thrown instanceof Ec2Error) return thrown;
  if (thrown instanceof ClusterError && thrown.retryable) {
    return new Ec2Error('Unavailable', `The cell cannot answer at the moment (${thrown.code}). Please try again.`, { cause: thrown });
  }
  return new Ec2Error('InternalError', 'An internal error has occurred', { cause: thrown });
}
