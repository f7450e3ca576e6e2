/** Does each describing action show what was asked for, and only that? Filters, pages, status, attributes, console, images, types. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseNodeId } from '../../../shared/ids.ts';
import { bench, call } from '../support/client.ts';
import type { Bench } from '../support/client.ts';
import { IMAGE, noLeader } from '../support/fake-cell.ts';
import { launch, shownIds } from '../support/launch.ts';

const filters = suite('a filter of DescribeInstances');

/** Three instances: a stopped one with a key, and a reservation of two running ones with tags. */
async function fleet(): Promise<{ on: Bench; stopped: string; one: string; two: string }> {
  const on = bench();
  const [stopped] = await launch(on, { KeyName: 'key-a', ClientToken: 'token-a' });
  await call(on, 'StopInstances', { 'InstanceId.1': stopped });
  on.cell.settle();
  on.clock.wallMs += 60_000;
  const [one, two = ''] = await launch(on, { 'InstanceType': 't2.nano', 'MaxCount': '2', 'TagSpecification.1.ResourceType': 'instance', 'TagSpecification.1.Tag.1.Key': 'Name', 'TagSpecification.1.Tag.1.Value': 'web-1*', 'TagSpecification.1.Tag.2.Key': 'empty' });
  return { on, stopped, one, two };
}

const STOPPED = ['stopped'];
const RUNNING = ['one', 'two'];
const ALL = [...STOPPED, ...RUNNING];
const CASES: readonly (readonly [name: string, values: readonly string[], expected: readonly string[]])[] = [
  ['instance-state-name', ['running'], RUNNING],
  ['instance-state-name', ['running', 'stopped'], ALL],
  ['instance-state-code', ['80'], STOPPED],
  ['instance-type', ['t2.*'], RUNNING],
  ['instance-type', ['t?.nano'], RUNNING],
  ['instance-type', ['T2.NANO'], []],
  ['image-id', [IMAGE], ALL],
  ['availability-zone', ['ves-1-default'], ALL],
  ['availability-zone', ['us-east-1a'], []],
  ['key-name', ['key-?'], STOPPED],
  ['client-token', ['token-a'], STOPPED],
  ['tag:Name', ['web*'], RUNNING],
  ['tag:Name', ['web-1\\*'], RUNNING],
  ['tag:Name', ['web-\\*'], []],
  ['tag:name', ['web*'], []],
  ['tag:empty', [''], RUNNING],
  ['tag-key', ['Name'], RUNNING],
  ['tag-value', ['web*'], RUNNING],
  ['tag:toString', ['*'], []],
  ['private-ip-address', ['10.77.0.10'], STOPPED],
  ['private-ip-address', ['10.77.*'], ALL],
  ['private-dns-name', ['ip-10-77-0-1?.*'], ALL],
  ['launch-time', ['2026-11-22T12:00*'], STOPPED],
  ['launch-time', ['2026-11-22T12:01:00.000Z'], RUNNING],
  ['owner-id', ['111111111111'], ALL],
  ['launch-index', ['1'], ['two']],
  ['state-reason-code', ['Client.*'], STOPPED],
  ['architecture', ['x86_64'], ALL],
  ['virtualization-type', ['paravirtual'], ALL],
  ['root-device-type', ['ebs'], ALL],
  ['root-device-name', ['/dev/xvda'], ALL],
  ['block-device-mapping.status', ['attached'], ALL],
  ['block-device-mapping.volume-id', ['vol-*'], ALL],
  ['vpc-id', ['*'], []],
  ['ip-address', ['*'], []],
];

for (const [name, values, expected] of CASES) {
  filters(`finds what it should: ${name} = ${values.join(' or ')}`, async () => {
    const { on, ...named } = await fleet();
    const parameters = Object.fromEntries([['Filter.1.Name', name], ...values.map((value, at) => [`Filter.1.Value.${at + 1}`, value])]);
    const answer = await call(on, 'DescribeInstances', parameters);
    assert.is(answer.status, 200, answer.xml);
    assert.equal(shownIds(answer.body), expected.map((key) => named[key as keyof typeof named]));
  });
}

filters('finds a reservation', async () => {
  const { on, one, two } = await fleet();
  const { reservation } = on.cell.instance(one);
  const answer = await call(on, 'DescribeInstances', { 'Filter.1.Name': 'reservation-id', 'Filter.1.Value.1': reservation });
  assert.equal(shownIds(answer.body), [one, two]);
  assert.is(answer.body.reservationSet.item.length, 1);
});

filters('counts together with others, and with ids', async () => {
  const { on, stopped, one } = await fleet();
  const both = { 'Filter.1.Name': 'instance-type', 'Filter.1.Value.1': 't2.nano', 'Filter.2.Name': 'launch-index', 'Filter.2.Value.1': '0' };
  assert.equal(shownIds((await call(on, 'DescribeInstances', both)).body), [one]);
  assert.equal(shownIds((await call(on, 'DescribeInstances', { ...both, 'InstanceId.1': stopped })).body), []);
});

const pages = suite('a page');

pages('follows the one before, whatever comes and goes meanwhile', async () => {
  const on = bench();
  const ids = await launch(on, { MaxCount: '12' });
  const first = await call(on, 'DescribeInstances', { MaxResults: '5' });
  assert.equal(shownIds(first.body), ids.slice(0, 5));
  await call(on, 'TerminateInstances', Object.fromEntries(ids.slice(3, 7).map((id, at) => [`InstanceId.${at}`, id])));
  on.cell.settle();
  on.cell.commit({ kind: 'forgetInstances', instances: ids.slice(3, 7).map((id) => on.cell.instance(id).id) });
  const [late] = await launch(on);
  const second = await call(on, 'DescribeInstances', { MaxResults: '5', NextToken: first.body.nextToken });
  assert.equal(shownIds(second.body), ids.slice(7, 12));
  const third = await call(on, 'DescribeInstances', { MaxResults: '5', NextToken: second.body.nextToken });
  assert.equal(shownIds(third.body), [late]);
  assert.is(third.body.nextToken, undefined);
});

pages('is everything when no size is asked for', async () => {
  const on = bench();
  const ids = await launch(on, { MaxCount: '30' });
  const answer = await call(on, 'DescribeInstances');
  assert.equal(shownIds(answer.body), ids);
  assert.is(answer.body.nextToken, undefined);
});

pages('of tags, types and statuses is cut as well', async () => {
  const on = bench();
  await launch(on, { 'MaxCount': '7', 'TagSpecification.1.ResourceType': 'instance', 'TagSpecification.1.Tag.1.Key': 'a' });
  const counts: number[] = [];
  for (const [action, list] of [['DescribeTags', 'tagSet'], ['DescribeInstanceStatus', 'instanceStatusSet'], ['DescribeInstanceTypes', 'instanceTypeSet']] as const) {
    const first = await call(on, action, { MaxResults: '5' });
    const rest = await call(on, action, { NextToken: first.body.nextToken });
    counts.push(first.body[list].item.length, rest.body[list].item.length);
  }
  assert.equal(counts, [5, 2, 5, 2, 5, 6]);
});

const status = suite('the status of an instance');

async function statusOf(on: Bench, parameters: Record<string, string> = {}): Promise<{ instanceId: string; systemStatus: { status: string; details: { item: { status: string; impairedSince?: string }[] } }; instanceStatus: { status: string }; instanceState: { name: string } }[]> {
  const answer = await call(on, 'DescribeInstanceStatus', parameters);
  assert.is(answer.status, 200, answer.xml);
  return answer.body.instanceStatusSet === '' ? [] : answer.body.instanceStatusSet.item;
}

status('is ok while it runs, and shown only then unless all are asked for', async () => {
  const on = bench();
  const [running, stopped = ''] = await launch(on, { MaxCount: '2' });
  await call(on, 'StopInstances', { 'InstanceId.1': stopped });
  on.cell.settle();
  const [only, ...others] = await statusOf(on);
  assert.equal([only?.instanceId, only?.systemStatus.status, only?.instanceStatus.status, only?.systemStatus.details.item[0]?.status, others.length], [running, 'ok', 'ok', 'passed', 0]);
  const all = await statusOf(on, { IncludeAllInstances: 'true' });
  assert.equal(all.map((each) => each.systemStatus.status), ['ok', 'not-applicable']);
  assert.equal((await statusOf(on, { 'Filter.1.Name': 'instance-status.status', 'Filter.1.Value.1': 'impaired' })).length, 0);
});

status('is initializing until it runs for the first time', async () => {
  const on = bench();
  await call(on, 'RunInstances', { ImageId: IMAGE, InstanceType: 't1.micro', MinCount: '1', MaxCount: '1' });
  assert.equal(await statusOf(on), []);
  assert.equal((await statusOf(on, { IncludeAllInstances: 'true' })).map((each) => each.instanceStatus.status), ['initializing']);
});

status('is impaired from the fencing of its node until it runs again elsewhere', async () => {
  const on = bench();
  const [id] = await launch(on);
  const node = parseNodeId('node-1');
  const bootId = on.cell.instance(id).holderBootId;
  assert.ok(bootId);
  on.cell.commit({ kind: 'intendFence', node, bootId, byPower: false, atMs: 0, reason: 'silent' });
  assert.equal((await statusOf(on)).map((each) => [each.systemStatus.status, each.instanceState.name]), [['impaired', 'running']]);
  on.clock.wallMs += 5_000;
  on.cell.fence(node);
  const [fenced] = await statusOf(on);
  assert.equal([fenced?.systemStatus.status, fenced?.instanceStatus.status, fenced?.instanceState.name], ['impaired', 'impaired', 'pending']);
  assert.equal(fenced?.systemStatus.details.item[0], { impairedSince: '2026-11-22T12:00:05.000Z', name: 'reachability', status: 'failed' });
  assert.is((await statusOf(on, { 'Filter.1.Name': 'system-status.reachability', 'Filter.1.Value.1': 'failed' })).length, 1);
});

status('is not known while nobody is heard who leads', async () => {
  const on = bench();
  const [, stopped = ''] = await launch(on, { MaxCount: '2' });
  await call(on, 'StopInstances', { 'InstanceId.1': stopped });
  on.cell.settle();
  on.cell.isLed = false;
  const all = await statusOf(on, { IncludeAllInstances: 'true' });
  assert.equal(all.map((each) => [each.systemStatus.status, each.instanceStatus.status]), [['insufficient-data', 'insufficient-data'], ['not-applicable', 'not-applicable']]);
  assert.is(all[0]?.systemStatus.details.item[0]?.status, 'insufficient-data');
  assert.is((await statusOf(on, { 'Filter.1.Name': 'instance-status.status', 'Filter.1.Value.1': 'ok' })).length, 0);
  on.cell.isLed = true;
  assert.equal((await statusOf(on)).map((each) => each.systemStatus.status), ['ok']);
});

const reading = suite('what belongs to an instance');

reading('is told attribute by attribute', async () => {
  const on = bench();
  const [id] = await launch(on, { UserData: 'aGVsbG8=' });
  const attribute = async (name: string): Promise<Record<string, unknown>> => {
    const answer = await call(on, 'DescribeInstanceAttribute', { InstanceId: id, Attribute: name });
    assert.is(answer.status, 200, answer.xml);
    const { requestId: _request, '@_xmlns': _namespace, ...rest } = answer.body;
    return rest;
  };
  assert.equal(await attribute('userData'), { instanceId: id, userData: { value: 'aGVsbG8=' } });
  assert.equal(await attribute('instanceType'), { instanceId: id, instanceType: { value: 't1.micro' } });
  assert.equal(await attribute('disableApiTermination'), { instanceId: id, disableApiTermination: { value: 'false' } });
  assert.equal(await attribute('instanceInitiatedShutdownBehavior'), { instanceId: id, instanceInitiatedShutdownBehavior: { value: 'stop' } });
  assert.equal(await attribute('groupSet'), { instanceId: id, groupSet: '' });
  assert.equal(await attribute('kernel'), { instanceId: id, kernel: '' });
});

reading('can be changed where the ledger can', async () => {
  const on = bench();
  const [id] = await launch(on);
  const change = (parameters: Record<string, string>) => call(on, 'ModifyInstanceAttribute', { InstanceId: id, ...parameters });
  assert.is((await change({ 'InstanceInitiatedShutdownBehavior.Value': 'terminate' })).body.return, 'true');
  assert.is(on.cell.instance(id).shutdownBehavior, 'terminate');
  assert.is((await change({ Attribute: 'instanceInitiatedShutdownBehavior', Value: 'stop' })).status, 200);
  assert.is(on.cell.instance(id).shutdownBehavior, 'stop');
  assert.is((await change({ 'InstanceType.Value': 't2.nano' })).code, 'UnsupportedOperation');
  assert.is((await change({ 'UserData.Value': 'eA==' })).code, 'UnsupportedOperation');
  assert.is((await change({ Attribute: 'colour', Value: 'red' })).code, 'InvalidParameterValue');
  assert.is((await change({ 'DisableApiTermination.Value': 'true', 'InstanceInitiatedShutdownBehavior.Value': 'stop' })).code, 'InvalidParameterCombination');
  assert.is((await change({})).code, 'MissingParameter');
  assert.is((await change({ Attribute: 'disableApiTermination', Value: '' })).code, 'InvalidParameterValue');
});

reading('includes its console, whatever the guest wrote', async () => {
  const on = bench();
  const [id] = await launch(on);
  const text = 'login: <ü>\r\n\u001b[0m\u0000]]>';
  on.cell.consoles.set(on.cell.instance(id).id, text);
  const answer = await call(on, 'GetConsoleOutput', { InstanceId: id, Latest: 'true' });
  assert.is(Buffer.from(answer.body.output, 'base64').toString(), text);
  assert.is(answer.body.timestamp, '2026-11-22T12:00:00.000Z');
});

reading('has no console before its first start and while nobody holds it', async () => {
  const on = bench();
  const ran = await call(on, 'RunInstances', { ImageId: IMAGE, InstanceType: 't1.micro', MinCount: '1', MaxCount: '1' });
  const id: string = ran.body.instancesSet.item[0].instanceId;
  on.cell.console = () => Promise.reject(noLeader());
  assert.is((await call(on, 'GetConsoleOutput', { InstanceId: id })).body.output, undefined);
  on.cell.settle();
  assert.is((await call(on, 'GetConsoleOutput', { InstanceId: id })).code, 'Unavailable');
  on.cell.fence(parseNodeId('node-1'));
  assert.is((await call(on, 'GetConsoleOutput', { InstanceId: id })).status, 200);
});

const tags = suite('a tag');

tags('is set, replaced, found and removed', async () => {
  const on = bench();
  const [one, two = ''] = await launch(on, { MaxCount: '2' });
  const set = await call(on, 'CreateTags', { 'ResourceId.1': one, 'ResourceId.2': two, 'Tag.1.Key': 'a', 'Tag.1.Value': '1', 'Tag.2.Key': 'b' });
  assert.is(set.body.return, 'true');
  await call(on, 'CreateTags', { 'ResourceId.1': one, 'Tag.1.Key': 'a', 'Tag.1.Value': '2' });
  const found = await call(on, 'DescribeTags', { 'Filter.1.Name': 'key', 'Filter.1.Value.1': 'a', 'Filter.2.Name': 'resource-type', 'Filter.2.Value.1': 'instance' });
  assert.equal(found.body.tagSet.item.map((tag: { resourceId: string; value: string }) => `${tag.resourceId} ${tag.value}`).toSorted(), [`${one} 2`, `${two} 1`].toSorted());
  await call(on, 'DeleteTags', { 'ResourceId.1': one, 'Tag.1.Key': 'a', 'Tag.1.Value': '1' });
  assert.equal(on.cell.instance(one).tags, { a: '2', b: '' }, 'another value stays');
  await call(on, 'DeleteTags', { 'ResourceId.1': one, 'Tag.1.Key': 'a', 'Tag.1.Value': '', 'Tag.2.Key': 'b', 'Tag.2.Value': '' });
  assert.equal(on.cell.instance(one).tags, { a: '2' }, 'an empty value is a value');
  await call(on, 'DeleteTags', { 'ResourceId.1': two, 'Tag.1.Key': 'a' });
  assert.equal(on.cell.instance(two).tags, { b: '' }, 'a key alone removes any value');
  await call(on, 'DeleteTags', { 'ResourceId.1': one, 'ResourceId.2': two });
  assert.equal([on.cell.instance(one).tags, on.cell.instance(two).tags], [{}, {}], 'no tags at all: all of them');
});

tags('is one of at most fifty', async () => {
  const on = bench();
  const [id] = await launch(on);
  const many = (count: number, prefix: string): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, at) => [`Tag.${at}.Key`, `${prefix}${at}`]));
  assert.is((await call(on, 'CreateTags', { 'ResourceId.1': id, ...many(51, 'a') })).code, 'TagLimitExceeded');
  assert.is((await call(on, 'CreateTags', { 'ResourceId.1': id, ...many(50, 'a') })).status, 200);
  assert.is((await call(on, 'CreateTags', { 'ResourceId.1': id, ...many(1, 'b') })).code, 'TagLimitExceeded');
});

const catalogue = suite('the catalogue');

catalogue('shows images by id, owner and filter', async () => {
  const on = bench();
  const ids = async (parameters: Record<string, string>): Promise<string[]> => {
    const { imagesSet } = (await call(on, 'DescribeImages', parameters)).body;
    return imagesSet === '' ? [] : imagesSet.item.map((image: { imageId: string }) => image.imageId);
  };
  assert.equal(await ids({}), [IMAGE]);
  assert.equal(await ids({ 'ImageId.1': IMAGE }), [IMAGE]);
  assert.equal(await ids({ 'Owner.1': 'amazon' }), [IMAGE]);
  assert.equal(await ids({ 'Owner.1': 'self' }), []);
  assert.equal(await ids({ 'Owner.1': 'self', 'Owner.2': '000000000000' }), [IMAGE]);
  assert.equal(await ids({ 'Filter.1.Name': 'name', 'Filter.1.Value.1': 'debian-*' }), [IMAGE]);
  assert.equal(await ids({ 'Filter.1.Name': 'virtualization-type', 'Filter.1.Value.1': 'hvm' }), []);
  assert.equal(await ids({ 'Filter.1.Name': 'tag:x', 'Filter.1.Value.1': '*' }), []);
  const [image] = (await call(on, 'DescribeImages')).body.imagesSet.item;
  assert.equal([image.description, image.isPublic, image.imageState, image.blockDeviceMapping.item[0].ebs.volumeSize], ['Debian 12 & <tools>', 'true', 'available', '1']);
  assert.is((await call(on, 'DescribeImages', { 'ImageId.1': 'ami-00000000000000000' })).code, 'InvalidAMIID.NotFound');
});

catalogue('shows sizes, region and zone', async () => {
  const on = bench();
  const sizes = await call(on, 'DescribeInstanceTypes', { 'Filter.1.Name': 'vcpu-info.default-vcpus', 'Filter.1.Value.1': '4' });
  assert.equal(sizes.body.instanceTypeSet.item.map((size: { instanceType: string; memoryInfo: { sizeInMiB: string } }) => [size.instanceType, size.memoryInfo.sizeInMiB]), [['m1.xlarge', '15360']]);
  const [region] = (await call(on, 'DescribeRegions', { 'RegionName.1': 'ves-1' })).body.regionInfo.item;
  assert.equal(region, { regionEndpoint: 'ves.test', regionName: 'ves-1', optInStatus: 'opt-in-not-required' });
  const [zone] = (await call(on, 'DescribeAvailabilityZones', { 'Filter.1.Name': 'state', 'Filter.1.Value.1': 'available' })).body.availabilityZoneInfo.item;
  assert.equal([zone.zoneName, zone.regionName, zone.zoneState, zone.messageSet], ['ves-1-default', 'ves-1', 'available', '']);
});

catalogue('tells callers who they are', async () => {
  const answer = await call(bench(), 'GetCallerIdentity', {}, { version: '2011-06-15', service: 'sts' });
  assert.equal(answer.body.GetCallerIdentityResult, { UserId: 'AKIAVESEXAMPLE00001', Account: '111111111111', Arn: 'arn:aws:iam::111111111111:user/alice' });
  assert.match(answer.body.ResponseMetadata.RequestId, /^[0-9a-f-]{36}$/);
  assert.is(answer.body['@_xmlns'], 'https://sts.amazonaws.com/doc/2011-06-15/');
});

for (const each of [filters, pages, status, reading, tags, catalogue]) each.run();
