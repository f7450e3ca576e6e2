/** Do the table of actions and the slice of the service model name the same actions? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compileServices } from '../../../../coordinator/ec2/action-table.ts';
import { Ec2Error } from '../../../../coordinator/ec2/errors.ts';
import { readSlices } from '../../../../coordinator/ec2/model/service-slice.ts';

const table = suite('the table of actions');
const services = compileServices();
const slices = readSlices();

/** The code that finding the action is refused with, or 'found'. */
function found(version: string, action: string): string {
  try {
    services.get(version)?.find(action);
    return 'found';
  } catch (error) {
    return error instanceof Ec2Error ? error.code : String(error);
  }
}

table('has every action of the slice', () => {
  for (const slice of [slices.ec2, slices.sts]) {
    for (const action of Object.keys(slice.actions)) assert.is(found(slice.version, action), 'found', action);
  }
  assert.is(Object.keys(slices.ec2.actions).length, 17);
});

table('refuses every other action of EC2 by name, and words that are none', () => {
  for (const action of slices.ec2.unserved) assert.is(found(slices.ec2.version, action), 'UnsupportedOperation', action);
  assert.ok(slices.ec2.unserved.includes('DescribeVolumes'));
  for (const word of ['', 'describeinstances', 'toString', '__proto__', 'GetCallerIdentity']) assert.is(found(slices.ec2.version, word), 'InvalidAction', word);
});

table('has no version but those of the slices', () => {
  assert.equal([...services.keys()], ['2016-11-15', '2011-06-15']);
});

table.run();
