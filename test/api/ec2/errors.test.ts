/** Is every kind of bad input told in EC2's form, with nothing done? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { REQUESTS_MAX } from '../../../coordinator/ec2/endpoint.ts';
import { BODY_BYTES_MAX } from '../../../coordinator/ec2/read-request.ts';
import { ClusterError } from '../../../shared/errors.ts';
import { bench, call, OTHER_KEY_ID, read, signed } from '../support/client.ts';
import type { CallOptions } from '../support/client.ts';
import { IMAGE, noLeader } from '../support/fake-cell.ts';

const errors = suite('bad input');
const RUN = { ImageId: IMAGE, InstanceType: 't1.micro', MinCount: '1', MaxCount: '1' };
const ABSENT = 'i-00000000000000000';

type Case = readonly [what: string, status: number, code: string, action: string, parameters: Readonly<Record<string, string>>, message?: RegExp, options?: CallOptions];

const CASES: readonly Case[] = [
  ['an unknown key', 401, 'AuthFailure', 'DescribeInstances', {}, /not known/, { keyId: 'AKIANOBODY' }],
  ['a wrong secret', 403, 'SignatureDoesNotMatch', 'DescribeInstances', {}, /signature/, { secretKey: 'wrong' }],
  ['a skewed clock', 400, 'RequestExpired', 'DescribeInstances', {}, /expired/, { signedAtMs: Date.parse('2026-11-22T11:54:59Z') }],
  ['a clock in the future', 400, 'RequestExpired', 'DescribeInstances', {}, /future/, { signedAtMs: Date.parse('2026-11-22T12:05:01Z') }],
  ['a signature for another service', 403, 'SignatureDoesNotMatch', 'DescribeInstances', {}, /scoped/, { service: 's3' }],
  ['an action that EC2 does not have', 400, 'InvalidAction', 'MakeCoffee', {}, /MakeCoffee/],
  ['an action with markup in its name', 400, 'InvalidAction', '<b>&', {}, /<b>&/],
  ['an action that is not served', 400, 'UnsupportedOperation', 'DescribeVpcs', {}, /DescribeVpcs/],
  ['a name that every object has', 400, 'InvalidAction', 'constructor', {}],
  ['no action', 400, 'MissingAction', '', {}],
  ['an old version', 400, 'NoSuchVersion', 'DescribeInstances', {}, /2010-08-31/, { version: '2010-08-31' }],
  ['no version', 400, 'MissingParameter', 'DescribeInstances', {}, /Version/, { version: '' }],
  ['an action of another version', 400, 'InvalidAction', 'DescribeInstances', {}, /DescribeInstances/, { version: '2011-06-15' }],
  ['a parameter that the action does not have', 400, 'UnknownParameter', 'DescribeInstances', { Colour: 'red' }, /Colour/],
  ['a parameter below one that has nothing below it', 400, 'UnknownParameter', 'RunInstances', { ...RUN, 'ImageId.1': 'x' }, /ImageId\.1/],
  ['an index that is none', 400, 'UnknownParameter', 'DescribeInstances', { 'InstanceId.one': ABSENT }],
  ['a list without an index', 400, 'UnknownParameter', 'DescribeInstances', { InstanceId: ABSENT }],
  ['a malformed number', 400, 'InvalidParameterValue', 'RunInstances', { ...RUN, MaxCount: '1e3' }, /MaxCount/],
  ['a number beyond all bounds', 400, 'InvalidParameterValue', 'RunInstances', { ...RUN, MaxCount: '99999999999' }, /MaxCount/],
  ['a malformed boolean', 400, 'InvalidParameterValue', 'RunInstances', { ...RUN, DryRun: 'maybe' }, /DryRun/],
  ['an empty required parameter', 400, 'MissingParameter', 'RunInstances', { ...RUN, MinCount: '' }, /MinCount/],
  ['no image', 400, 'MissingParameter', 'RunInstances', { MinCount: '1', MaxCount: '1' }, /ImageId/],
  ['a malformed image', 400, 'InvalidAMIID.Malformed', 'RunInstances', { ...RUN, ImageId: 'debian' }],
  ['an unknown image', 400, 'InvalidAMIID.NotFound', 'RunInstances', { ...RUN, ImageId: 'ami-00000000000000000' }],
  ['an unknown type', 400, 'InvalidParameterValue', 'RunInstances', { ...RUN, InstanceType: 'x9.huge' }, /t1\.micro/],
  ['no instances', 400, 'InvalidParameterValue', 'RunInstances', { ...RUN, MinCount: '0' }, /MinCount/],
  ['more at least than at most', 400, 'InvalidParameterValue', 'RunInstances', { ...RUN, MinCount: '2' }, /MaxCount/],
  ['too many instances', 400, 'InstanceLimitExceeded', 'RunInstances', { ...RUN, MaxCount: '101' }, /101/],
  ['more instances than there is room for', 500, 'InsufficientInstanceCapacity', 'RunInstances', { ...RUN, InstanceType: 'm1.xlarge', MinCount: '100', MaxCount: '100' }, /node-1: memory/],
  ['user data that is not base64', 400, 'InvalidUserData.Malformed', 'RunInstances', { ...RUN, UserData: 'a$b=' }],
  ['too much user data', 400, 'InvalidParameterValue', 'RunInstances', { ...RUN, UserData: Buffer.alloc(16_385).toString('base64') }, /16384/],
  ['a long client token', 400, 'InvalidClientToken', 'RunInstances', { ...RUN, ClientToken: 'x'.repeat(65) }],
  ['a key name with control characters', 400, 'InvalidKeyPair.Format', 'RunInstances', { ...RUN, KeyName: 'a\nb' }],
  ['a strange shutdown behaviour', 400, 'InvalidParameterValue', 'RunInstances', { ...RUN, InstanceInitiatedShutdownBehavior: 'explode' }],
  ['a zone that is not here', 400, 'InvalidParameterValue', 'RunInstances', { ...RUN, 'Placement.AvailabilityZone': 'us-east-1a' }, /ves-1-default/],
  ['a subnet', 400, 'UnsupportedOperation', 'RunInstances', { ...RUN, SubnetId: 'subnet-1' }, /SubnetId/],
  ['a security group of its own', 400, 'UnsupportedOperation', 'RunInstances', { ...RUN, 'SecurityGroup.1': 'web' }, /SecurityGroups/],
  ['detailed monitoring', 400, 'UnsupportedOperation', 'RunInstances', { ...RUN, 'Monitoring.Enabled': 'true' }, /Monitoring/],
  ['a second disk', 400, 'UnsupportedOperation', 'RunInstances', { ...RUN, 'BlockDeviceMapping.1.DeviceName': '/dev/xvdb', 'BlockDeviceMapping.1.Ebs.VolumeSize': '1' }, /xvdb/],
  ['a disk that outlives its instance', 400, 'UnsupportedOperation', 'RunInstances', { ...RUN, 'BlockDeviceMapping.1.DeviceName': '/dev/xvda', 'BlockDeviceMapping.1.Ebs.DeleteOnTermination': 'false' }],
  ['an endless disk', 400, 'InvalidParameterValue', 'RunInstances', { ...RUN, 'BlockDeviceMapping.1.DeviceName': '/dev/xvda', 'BlockDeviceMapping.1.Ebs.VolumeSize': '16385' }],
  ['tags for a volume', 400, 'UnsupportedOperation', 'RunInstances', { ...RUN, 'TagSpecification.1.ResourceType': 'volume', 'TagSpecification.1.Tag.1.Key': 'a' }, /volume/],
  ['tags for nothing', 400, 'MissingParameter', 'RunInstances', { ...RUN, 'TagSpecification.1.Tag.1.Key': 'a' }],
  ['a malformed instance id', 400, 'InvalidInstanceID.Malformed', 'TerminateInstances', { 'InstanceId.1': 'i-1' }],
  ['an unknown instance', 400, 'InvalidInstanceID.NotFound', 'StartInstances', { 'InstanceId.1': ABSENT }, /i-00000000000000000/],
  ['no instance', 400, 'MissingParameter', 'StopInstances', {}, /InstanceId/],
  ['hibernation', 400, 'UnsupportedOperation', 'StopInstances', { 'InstanceId.1': ABSENT, 'Hibernate': 'true' }],
  ['an unknown filter', 400, 'InvalidParameterValue', 'DescribeInstances', { 'Filter.1.Name': 'colour', 'Filter.1.Value.1': 'red' }, /colour/],
  ['a filter that every object has', 400, 'InvalidParameterValue', 'DescribeInstances', { 'Filter.1.Name': 'constructor', 'Filter.1.Value.1': 'red' }],
  ['a filter without values', 400, 'InvalidParameterValue', 'DescribeInstances', { 'Filter.1.Name': 'image-id' }],
  ['too many filter values', 400, 'FilterLimitExceeded', 'DescribeInstances', { 'Filter.1.Name': 'image-id', ...Object.fromEntries(Array.from({ length: 201 }, (_, at) => [`Filter.1.Value.${at}`, 'x'])) }],
  ['a page that is too small', 400, 'InvalidParameterValue', 'DescribeInstances', { MaxResults: '4' }, /MaxResults/],
  ['a page that is too large', 400, 'InvalidParameterValue', 'DescribeInstances', { MaxResults: '1001' }],
  ['pages of named instances', 400, 'InvalidParameterCombination', 'DescribeInstances', { 'MaxResults': '5', 'InstanceId.1': ABSENT }],
  ['a page token that is none', 400, 'InvalidPaginationToken', 'DescribeInstances', { NextToken: 'x$' }],
  ['a page token of another list', 400, 'InvalidPaginationToken', 'DescribeInstances', { NextToken: Buffer.from('["tags","x"]').toString('base64url') }],
  ['an attribute that there is not', 400, 'InvalidParameterValue', 'DescribeInstanceAttribute', { InstanceId: ABSENT, Attribute: 'colour' }],
  ['a reserved tag', 400, 'InvalidParameterValue', 'CreateTags', { 'ResourceId.1': ABSENT, 'Tag.1.Key': 'AWS:x' }],
  ['a tag that would poison records', 400, 'InvalidParameterValue', 'CreateTags', { 'ResourceId.1': ABSENT, 'Tag.1.Key': '__proto__', 'Tag.1.Value': 'x' }],
  ['the same tag twice', 400, 'InvalidParameterValue', 'CreateTags', { 'ResourceId.1': ABSENT, 'Tag.1.Key': 'a', 'Tag.2.Key': 'a' }],
  ['a tagged image', 400, 'InvalidID', 'CreateTags', { 'ResourceId.1': IMAGE, 'Tag.1.Key': 'a' }],
  ['another region', 400, 'InvalidParameterValue', 'DescribeRegions', { 'RegionName.1': 'us-east-1' }, /ves-1/],
  ['another zone', 400, 'InvalidParameterValue', 'DescribeAvailabilityZones', { 'ZoneName.1': 'us-east-1a' }],
  ['an unknown type to describe', 400, 'InvalidInstanceType', 'DescribeInstanceTypes', { 'InstanceType.1': 'x9.huge' }],
];

for (const [what, status, code, action, parameters, message, options] of CASES) {
  errors(`is refused in EC2's form: ${what}`, async () => {
    const on = bench();
    const answer = await call(on, action, parameters, options);
    const isSts = options?.version === '2011-06-15';
    assert.is(answer.code, code, answer.xml);
    assert.is(answer.status, status);
    if (message !== undefined) assert.match(answer.message ?? '', message);
    assert.match(isSts ? answer.body.RequestId : answer.body.RequestID, /^[0-9a-f-]{36}$/);
    assert.equal(on.cell.proposed, []);
    assert.is(on.cell.state().instances.size, 0);
    assert.is(on.facts.at(-1)?.['code'], code);
  });
}

errors('is told in the form of STS to a client of STS', async () => {
  const answer = await call(bench(), 'GetCallerIdentity', {}, { version: '2011-06-15', keyId: 'AKIANOBODY', service: 'sts' });
  assert.is(answer.status, 403);
  assert.equal([answer.body.Error.Type, answer.body.Error.Code], ['Sender', 'InvalidClientTokenId']);
});

errors('that is too large is refused, announced or not', async () => {
  const on = bench();
  const announced = await on.app.request(new Request('http://ves.test/', { method: 'POST', body: 'x', headers: { 'content-length': String(BODY_BYTES_MAX + 1) } }));
  assert.is((await read(announced)).code, 'RequestEntityTooLarge');
  assert.is(announced.status, 413);
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
  });
  const unannounced = await on.app.request(new Request('http://ves.test/', { method: 'POST', body: endless, duplex: 'half' }));
  assert.is((await read(unannounced)).code, 'RequestEntityTooLarge');
  assert.ok(sent < BODY_BYTES_MAX * 2, `${sent} bytes were taken`);
});

errors('that is not text of a form is refused', async () => {
  const on = bench();
  const bodies: readonly (string | Uint8Array<ArrayBuffer>)[] = ['Action=%zz', 'Action=%C3%28', new Uint8Array([0xff, 0xfe]), Array.from({ length: 5_001 }, (_, at) => `a${at}=`).join('&')];
  for (const body of bodies) {
    const answer = await read(await on.app.request(new Request('http://ves.test/', { method: 'POST', body })));
    assert.is(answer.code, 'MalformedQueryString', String(body).slice(0, 20));
    assert.is(answer.status, 400);
  }
});

errors('by repetition of a parameter is refused', async () => {
  const on = bench();
  const form = new URLSearchParams('Action=RunInstances&Version=2016-11-15&ImageId=a&ImageId=b&MinCount=1&MaxCount=1');
  assert.is((await read(await on.app.request(await signed(on, form)))).code, 'InvalidParameterCombination');
});

errors('without a signature is refused before anything else is told', async () => {
  const on = bench();
  const answer = await read(await on.app.request(new Request('http://ves.test/?Action=MakeCoffee', { headers: { host: 'ves.test' } })));
  assert.is(answer.code, 'MissingAuthenticationToken');
  assert.is(answer.status, 403);
});

errors('on another path find nothing, and by another method are told which ones there are', async () => {
  const on = bench();
  assert.is((await on.app.request('/elsewhere')).status, 404);
  const deleted = await on.app.request('/', { method: 'DELETE' });
  assert.is(deleted.status, 405);
  assert.match(deleted.headers.get('allow') ?? '', /GET.*POST/);
});

errors('of one environment never reaches what belongs to another', async () => {
  const on = bench();
  const ran = await call(on, 'RunInstances', { ...RUN, ClientToken: 'shared' });
  const id = ran.body.instancesSet.item[0].instanceId;
  const stranger = { keyId: OTHER_KEY_ID };
  for (const action of ['DescribeInstances', 'StopInstances', 'StartInstances', 'RebootInstances', 'TerminateInstances', 'DescribeInstanceStatus']) {
    assert.is((await call(on, action, { 'InstanceId.1': id }, stranger)).code, 'InvalidInstanceID.NotFound', action);
  }
  for (const action of ['GetConsoleOutput', 'DescribeInstanceAttribute', 'ModifyInstanceAttribute']) {
    const attribute = action === 'GetConsoleOutput' ? {} : { Attribute: 'disableApiTermination', ...(action === 'ModifyInstanceAttribute' ? { Value: 'true' } : {}) };
    assert.is((await call(on, action, { InstanceId: id, ...attribute }, stranger)).code, 'InvalidInstanceID.NotFound', action);
  }
  for (const action of ['CreateTags', 'DeleteTags']) assert.is((await call(on, action, { 'ResourceId.1': id, 'Tag.1.Key': 'a' }, stranger)).code, 'InvalidInstanceID.NotFound', action);
  assert.is((await call(on, 'DescribeInstances', {}, stranger)).body.reservationSet, '');
  assert.is((await call(on, 'RunInstances', { ...RUN, ClientToken: 'shared' }, stranger)).body.ownerId, '222222222222');
});

const outages = suite('an outage');

outages('of the leader is told so that clients try again', async () => {
  const on = bench();
  on.cell.failure = noLeader();
  for (const [action, parameters] of [['RunInstances', RUN], ['DescribeInstances', {}], ['StopInstances', { 'InstanceId.1': ABSENT }]] as const) {
    const answer = await call(on, action, parameters);
    assert.is(answer.code, 'Unavailable', action);
    assert.is(answer.status, 503);
  }
  assert.match(String(on.facts.at(-1)?.['reason']), /no leader is known/);
});

outages('of an unexpected kind tells clients nothing of our insides, and the log everything', async () => {
  const on = bench();
  on.cell.failure = new ClusterError('StoreDamaged', 'secret path /var/lib/x', { retryable: false });
  const answer = await call(on, 'DescribeInstances');
  assert.is(answer.code, 'InternalError');
  assert.is(answer.status, 500);
  assert.not.match(answer.xml, /secret/);
  assert.match(String(on.facts.at(-1)?.['reason']), /secret path/);
});

outages('by too many requests at once refuses the rest', async () => {
  const on = bench();
  const held: (() => void)[] = [];
  on.cell.fresh = () => new Promise((settle) => { held.push(() => settle(on.cell.state())); });
  const requests = await Promise.all(Array.from({ length: REQUESTS_MAX + 1 }, () => signed(on, new URLSearchParams({ Action: 'DescribeInstances', Version: '2016-11-15' }))));
  const answers = requests.map((request) => Promise.resolve(on.app.request(request)));
  const last = await read(await Promise.race(answers));
  assert.is(last.code, 'RequestLimitExceeded');
  assert.is(last.status, 503);
  while (held.length < REQUESTS_MAX) await new Promise((settle) => setImmediate(settle));
  for (const release of held) release();
  const statuses = await Promise.all(answers.map(async (answer) => (await answer).status));
  assert.is(statuses.filter((status) => status === 200).length, REQUESTS_MAX);
  on.cell.fresh = () => Promise.resolve(on.cell.state());
  assert.is((await call(on, 'DescribeInstances')).status, 200, 'the next one is answered again');
});

errors.run();
outages.run();
