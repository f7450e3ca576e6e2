/** Do the cell's refusals and failures have EC2's names? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { asEc2Error, Ec2Error, rejectionError } from '../../../../coordinator/ec2/errors.ts';
import { ClusterError } from '../../../../shared/errors.ts';
import type { RejectReason } from '../../../../shared/ledger/commands.ts';

const errors = suite('an EC2 error');

const REJECTIONS: readonly (readonly [RejectReason, string, number])[] = [
  ['unknownInstance', 'InvalidInstanceID.NotFound', 400], ['unknownImage', 'InvalidAMIID.NotFound', 400], ['noCapacity', 'InsufficientInstanceCapacity', 500], ['wrongState', 'IncorrectInstanceState', 400],
  ['tokenMismatch', 'IdempotentParameterMismatch', 400], ['terminationProtected', 'OperationNotPermitted', 400], ['tooManyTags', 'TagLimitExceeded', 400], ['rateLimited', 'RequestLimitExceeded', 503],
  ['invalidParameter', 'InvalidParameterValue', 400], ['staleBoot', 'Unavailable', 503], ['duplicateId', 'Unavailable', 503], ['nodeNotActive', 'Unavailable', 503],
];
for (const [reason, code, status] of REJECTIONS) {
  errors(`is ${code} for ${reason}`, () => {
    const error = rejectionError({ kind: 'rejected', reason, message: 'because of this' });
    assert.equal([error.code, error.status], [code, status]);
    assert.match(error.message, /because of this/);
  });
}

errors('asks to try again for what may pass, and is internal for what will not', () => {
  const retryable = asEc2Error(new ClusterError('LedgerTimeout', 'no quorum in 5000 ms', { retryable: true }));
  assert.equal([retryable.code, retryable.status], ['Unavailable', 503]);
  for (const thrown of [new ClusterError('StoreDamaged', 'x', { retryable: false }), new TypeError('x'), 'x', undefined]) {
    const error = asEc2Error(thrown);
    assert.equal([error.code, error.status, error.message], ['InternalError', 500, 'An internal error has occurred']);
  }
  const own = new Ec2Error('DryRunOperation', 'x');
  assert.is(asEc2Error(own), own);
  assert.is(own.status, 412);
});

errors.run();
