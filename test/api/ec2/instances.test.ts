/** Do instances live through EC2's words? Run, describe, stop, start, reboot, terminate. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bench, call, presignedUrl, read } from '../support/client.ts';
import { IMAGE } from '../support/fake-cell.ts';
import { launch, RUN, shownIds } from '../support/launch.ts';

const running = suite('RunInstances');

running('makes an instance and shows it with all that is known of it', async () => {
  const on = bench();
  const ran = await call(on, 'RunInstances', { ...RUN, 'KeyName': 'key', 'ClientToken': 'token-1', 'TagSpecification.1.ResourceType': 'instance', 'TagSpecification.1.Tag.1.Key': 'Name', 'TagSpecification.1.Tag.1.Value': 'a & b' });
  assert.is(ran.status, 200, ran.xml);
  assert.is(ran.body['@_xmlns'], 'http://ec2.amazonaws.com/doc/2016-11-15/');
  const [instance] = ran.body.instancesSet.item;
  assert.match(instance.instanceId, /^i-[0-9a-f]{17}$/);
  assert.match(ran.body.reservationId, /^r-[0-9a-f]{17}$/);
  assert.is(instance.instanceState.name, 'pending');
  assert.is(instance.blockDeviceMapping.item[0].ebs.status, 'attaching');
  assert.is(ran.body.ownerId, '111111111111');
  assert.is(ran.body.return, 'true');
  on.cell.settle();
  const described = await call(on, 'DescribeInstances');
  assert.is(described.body.return, undefined);
  const [shown] = described.body.reservationSet.item[0].instancesSet.item;
  assert.equal(shown.instanceState, { code: '16', name: 'running' });
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
  assert.is(shown.cpuOptions.coreCount, '1');
  for (const empty of ['<productCodes/>', '<networkInterfaceSet/>', '<groupSet/>']) assert.ok(described.xml.includes(empty), `${empty} is written`);
});

running('makes as many as fit, at least the minimum', async () => {
  const on = bench({ memoryMiB: 3 * 128 });
  const some = await call(on, 'RunInstances', { ...RUN, MinCount: '2', MaxCount: '5' });
  assert.is(some.body.instancesSet.item.length, 3);
  assert.equal(some.body.instancesSet.item.map((instance: { amiLaunchIndex: string }) => instance.amiLaunchIndex), ['0', '1', '2']);
  assert.is((await call(on, 'RunInstances', RUN)).code, 'InsufficientInstanceCapacity');
  assert.is(on.cell.state().instances.size, 3);
});

running('hands over what the guest is to know', async () => {
  const on = bench();
  const text = Buffer.from('#!/bin/sh\necho "hi" & <b>\n'.repeat(10)).toString('base64');
  const wrapped = `${text.replace(/(.{76})/g, '$1\n')}\n`;
  const [id] = await launch(on, { UserData: wrapped, DisableApiTermination: 'TRUE', InstanceInitiatedShutdownBehavior: 'terminate' });
  const record = on.cell.instance(id);
  assert.is(record.userData, text);
  assert.is(record.terminationProtected, true);
  assert.is(record.shutdownBehavior, 'terminate');
  assert.is(record.environment, 'alice');
  const [largest] = await launch(on, { UserData: Buffer.alloc(16_384).toString('base64') });
  assert.is(Buffer.from(on.cell.instance(largest).userData ?? '', 'base64').length, 16_384);
});

running('gives the root volume the size that was asked for', async () => {
  const on = bench();
  const sizeOf = (id: string): number | undefined => on.cell.state().volumes.get(on.cell.instance(id).volumes[0] ?? ('' as never))?.sizeBytes;
  assert.is(sizeOf((await launch(on))[0]), 1024 ** 3);
  const [id] = await launch(on, { 'BlockDeviceMapping.1.DeviceName': '/dev/sda1', 'BlockDeviceMapping.1.Ebs.VolumeSize': '20', 'BlockDeviceMapping.1.Ebs.VolumeType': 'gp3', 'BlockDeviceMapping.1.Ebs.DeleteOnTermination': 'true' });
  assert.is(sizeOf(id), 20 * 1024 ** 3);
});

running('takes what clients say although it is so anyway', async () => {
  const on = bench();
  await launch(on, {
    'Monitoring.Enabled': 'False', 'EbsOptimized': 'false', 'Placement.AvailabilityZone': 'ves-1-default', 'Placement.Tenancy': 'default', 'SecurityGroup.1': 'default', 'HibernationOptions.Configured': 'false',
    'CreditSpecification.CpuCredits': 'standard', 'MaintenanceOptions.AutoRecovery': 'default', 'KeyName': '', 'SubnetId': '', 'KernelId': '', 'SecurityGroupId.1': '',
  });
});

running('has one effect for one client token', async () => {
  const on = bench();
  const first = await launch(on, { ClientToken: 'one', MaxCount: '2' });
  const again = await launch(on, { ClientToken: 'one', MaxCount: '2' });
  assert.equal(again, first);
  assert.is(on.cell.state().instances.size, 2);
  const others: readonly Record<string, string>[] = [{ MaxCount: '3' }, { MaxCount: '2', InstanceType: 't2.nano' }, { MaxCount: '2', UserData: 'eA==' }, { 'MaxCount': '2', 'TagSpecification.1.ResourceType': 'instance', 'TagSpecification.1.Tag.1.Key': 'a' }, { MaxCount: '2', MinCount: '2' }];
  for (const other of others) {
    assert.is((await call(on, 'RunInstances', { ...RUN, ClientToken: 'one', ...other })).code, 'IdempotentParameterMismatch', JSON.stringify(other));
  }
  assert.is(on.cell.state().instances.size, 2);
});

running('recognises a repeated request whatever the order of its parameters', async () => {
  const on = bench();
  const tags = (one: string, two: string): Record<string, string> => ({
    'ClientToken': 'tags', 'TagSpecification.1.ResourceType': 'instance', [`TagSpecification.1.Tag.${one}.Key`]: 'a', [`TagSpecification.1.Tag.${one}.Value`]: '1', [`TagSpecification.1.Tag.${two}.Key`]: 'b', [`TagSpecification.1.Tag.${two}.Value`]: '2',
  });
  assert.equal(await launch(on, tags('1', '2')), await launch(on, tags('7', '0')));
});

const dryRuns = suite('a dry run');

dryRuns('says that it would have worked, and does nothing', async () => {
  const on = bench();
  const [id] = await launch(on);
  const before = on.cell.state();
  const cases: readonly (readonly [string, Record<string, string>])[] = [
    ['RunInstances', RUN], ['DescribeInstances', {}], ['DescribeInstanceStatus', {}], ['StartInstances', { 'InstanceId.1': id }], ['StopInstances', { 'InstanceId.1': id }], ['RebootInstances', { 'InstanceId.1': id }],
    ['TerminateInstances', { 'InstanceId.1': id }], ['GetConsoleOutput', { InstanceId: id }], ['DescribeInstanceAttribute', { InstanceId: id, Attribute: 'userData' }], ['ModifyInstanceAttribute', { 'InstanceId': id, 'DisableApiTermination.Value': 'true' }],
    ['DescribeImages', {}], ['DescribeInstanceTypes', {}], ['DescribeRegions', {}], ['DescribeAvailabilityZones', {}], ['CreateTags', { 'ResourceId.1': id, 'Tag.1.Key': 'a' }], ['DeleteTags', { 'ResourceId.1': id, 'Tag.1.Key': 'a' }], ['DescribeTags', {}],
  ];
  for (const [action, parameters] of cases) {
    const answer = await call(on, action, { ...parameters, DryRun: 'True' });
    assert.is(answer.code, 'DryRunOperation', action);
    assert.is(answer.status, 412, action);
  }
  assert.is(on.cell.state(), before);
});

dryRuns('still refuses what would not have worked', async () => {
  const on = bench({ memoryMiB: 128 });
  assert.is((await call(on, 'RunInstances', { ...RUN, InstanceType: 't2.nano', DryRun: 'true' })).code, 'InsufficientInstanceCapacity');
  assert.is((await call(on, 'RunInstances', { ...RUN, ImageId: 'ami-00000000000000000', DryRun: 'true' })).code, 'InvalidAMIID.NotFound');
});

const lives = suite('an instance');

lives('stops, starts, reboots and ends, and says so each time', async () => {
  const on = bench();
  const [id] = await launch(on);
  const change = async (action: string, set: string): Promise<[string, string]> => {
    const answer = await call(on, action, { 'InstanceId.1': id });
    assert.is(answer.status, 200, answer.xml);
    assert.is(answer.body.return, 'true');
    const [item] = answer.body[set].item;
    return [item.previousState.name, item.currentState.name];
  };
  assert.equal(await change('StopInstances', 'instancesSet'), ['running', 'stopping']);
  assert.is((await call(on, 'StartInstances', { 'InstanceId.1': id })).code, 'IncorrectInstanceState');
  assert.is((await call(on, 'RebootInstances', { 'InstanceId.1': id })).code, 'IncorrectInstanceState');
  on.cell.settle();
  assert.equal(await change('StopInstances', 'instancesSet'), ['stopped', 'stopped']);
  assert.equal(await change('StartInstances', 'instancesSet'), ['stopped', 'pending']);
  on.cell.settle();
  assert.equal(await change('StartInstances', 'instancesSet'), ['running', 'running']);
  assert.is((await call(on, 'RebootInstances', { 'InstanceId.1': id })).body.return, 'true');
  assert.ok(on.cell.instance(id).restarting);
  assert.equal(await change('TerminateInstances', 'instancesSet'), ['running', 'shutting-down']);
  on.cell.settle();
  assert.equal(await change('TerminateInstances', 'instancesSet'), ['terminated', 'terminated']);
  const [gone] = (await call(on, 'DescribeInstances', { 'InstanceId.1': id })).body.reservationSet.item[0].instancesSet.item;
  assert.is(gone.instanceState.name, 'terminated');
  assert.is(gone.stateReason.code, 'Client.UserInitiatedShutdown');
  assert.is(gone.privateIpAddress, undefined);
  for (const action of ['StopInstances', 'StartInstances', 'RebootInstances']) assert.is((await call(on, action, { 'InstanceId.1': id })).code, 'IncorrectInstanceState', action);
});

lives('stops with force where force is asked for', async () => {
  const on = bench();
  const [id] = await launch(on);
  await call(on, 'StopInstances', { 'InstanceId.1': id, 'Force': 'true' });
  assert.equal(on.cell.proposed.at(-1), { kind: 'setDesired', instances: [id], desired: 'stopped', force: true });
});

lives('changes with all that were named with it, or not at all', async () => {
  const on = bench();
  const ids = await launch(on, { MaxCount: '3' });
  const answer = await call(on, 'TerminateInstances', { 'InstanceId.1': ids[0], 'InstanceId.2': 'i-00000000000000000' });
  assert.is(answer.code, 'InvalidInstanceID.NotFound');
  assert.is(on.cell.instance(ids[0]).desired, 'running');
  const repeated = await call(on, 'StopInstances', { 'InstanceId.0': ids[0], 'InstanceId.3': ids[0], 'InstanceId.9': ids[2] ?? '' });
  assert.is(repeated.body.instancesSet.item.length, 2);
});

lives('that is protected cannot be terminated until it is not', async () => {
  const on = bench();
  const ids = await launch(on, { MaxCount: '2' });
  await call(on, 'ModifyInstanceAttribute', { 'InstanceId': ids[0], 'DisableApiTermination.Value': 'true' });
  const both = { 'InstanceId.1': ids[0], 'InstanceId.2': ids[1] ?? '' };
  const refused = await call(on, 'TerminateInstances', both);
  assert.is(refused.code, 'OperationNotPermitted');
  assert.match(refused.message ?? '', /disableApiTermination/);
  assert.is(on.cell.instance(ids[1] ?? '').desired, 'running');
  await call(on, 'ModifyInstanceAttribute', { InstanceId: ids[0], Attribute: 'disableApiTermination', Value: 'False' });
  assert.is((await call(on, 'TerminateInstances', both)).status, 200);
});

lives('is refused by the ledger when it changed on the way', async () => {
  const on = bench();
  const [id] = await launch(on);
  on.cell.propose = () => Promise.resolve({ index: 1, result: { kind: 'rejected', reason: 'wrongState', message: 'it changed' } });
  assert.is((await call(on, 'StopInstances', { 'InstanceId.1': id })).code, 'IncorrectInstanceState');
  on.cell.propose = () => Promise.resolve({ index: 1, result: { kind: 'rejected', reason: 'staleGeneration', message: 'it moved' } });
  const raced = await call(on, 'StopInstances', { 'InstanceId.1': id });
  assert.is(raced.code, 'Unavailable');
  assert.is(raced.status, 503);
});

lives('is asked for by GET and with indexes from 0 as well', async () => {
  const on = bench();
  const [first, second] = await launch(on, { MaxCount: '2' });
  const answer = await call(on, 'DescribeInstances', { 'InstanceId.1': second ?? '', 'InstanceId.0': first }, { method: 'GET' });
  assert.equal(shownIds(answer.body).toSorted(), [first, second ?? ''].toSorted());
  assert.is((await call(on, 'DescribeInstances', { 'Filter.0.Name': 'image-id', 'Filter.0.Value.0': IMAGE })).status, 200);
});

lives('is found by a URL that was signed before, until it expires', async () => {
  const on = bench();
  const [id] = await launch(on);
  const url = await presignedUrl(on, { 'Action': 'DescribeInstances', 'Version': '2016-11-15', 'InstanceId.1': id }, 600);
  assert.equal(shownIds((await read(await on.app.request(url, { headers: { host: 'ves.test' } }))).body), [id]);
  const other = url.replace('DescribeInstances', 'TerminateInstances');
  assert.is((await read(await on.app.request(other, { headers: { host: 'ves.test' } }))).code, 'SignatureDoesNotMatch');
  on.clock.wallMs += 600_001;
  assert.is((await read(await on.app.request(url, { headers: { host: 'ves.test' } }))).code, 'RequestExpired');
});

running.run();
dryRuns.run();
lives.run();
