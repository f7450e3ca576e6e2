/** Do instances live through EC2's words? Run, describe, stop, start, reboot, terminate. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bench, call } from '../support/client.ts';
import { IMAGE } from '../support/fake-cell.ts';

const instances = suite('the EC2 endpoint');
const RUN = { ImageId: IMAGE, InstanceType: 't1.micro', MinCount: '1', MaxCount: '1' };

instances('runs an instance and shows it with all that is known of it', async () => {
  const on = bench();
  const ran = await call(on, 'RunInstances', { ...RUN, 'KeyName': 'key', 'ClientToken': 'token-1', 'TagSpecification.1.ResourceType': 'instance', 'TagSpecification.1.Tag.1.Key': 'Name', 'TagSpecification.1.Tag.1.Value': 'a & b' });
  assert.is(ran.status, 200, ran.xml);
  const [instance] = ran.body.instancesSet.item;
  assert.match(instance.instanceId, /^i-[0-9a-f]{17}$/);
  assert.is(instance.instanceState.name, 'pending');
  assert.is(ran.body.ownerId, '111111111111');
  assert.is(ran.body.return, 'true');
  on.cell.settle();
  const described = await call(on, 'DescribeInstances');
  const [shown] = described.body.reservationSet.item[0].instancesSet.item;
  assert.is(shown.instanceState.name, 'running');
  assert.is(shown.instanceState.code, '16');
  assert.is(shown.privateIpAddress, '10.77.0.10');
  assert.is(shown.privateDnsName, 'ip-10-77-0-10.ves-1.internal');
  assert.is(shown.placement.availabilityZone, 'ves-1-default');
  assert.is(shown.blockDeviceMapping.item[0].deviceName, '/dev/xvda');
  assert.is(shown.blockDeviceMapping.item[0].ebs.status, 'attached');
  assert.equal(shown.tagSet.item, [{ key: 'Name', value: 'a & b' }]);
  assert.is(shown.virtualizationType, 'paravirtual');
  assert.is(shown.clientToken, 'token-1');
  assert.is(shown.keyName, 'key');
  assert.is(shown.launchTime, '2026-11-22T12:00:00.000Z');
  assert.ok(described.xml.includes('<productCodes/>'), 'empty lists are written');
});

instances.run();
