/** Does Debian's AWS command line work, unmodified? deadline: 300 s */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { IMAGE } from '../api/support/fake-cell.ts';
import { AWS, missing, run, serve } from './support.ts';
import type { Ran, Served } from './support.ts';

const awscli = suite<{ served: Served }>('the AWS command line');
const absent = missing(AWS, 'awscli');

awscli.before(async (context) => {
  context.served = await serve();
});
awscli.after(async (context) => {
  await context.served.close();
});

/** Runs `aws ec2 ...` and demands that it works; the output is what it printed. */
async function aws(served: Served, service: 'ec2' | 'sts', ...args: string[]): Promise<string> {
  const ran = await attempt(served, service, ...args);
  assert.is(ran.code, 0, `aws ${service} ${args.join(' ')}: ${ran.stderr}`);
  return ran.stdout.trim();
}

function attempt(served: Served, service: 'ec2' | 'sts', ...args: string[]): Promise<Ran> {
  return run([AWS, '--endpoint-url', served.endpoint, service, ...args]);
}

function declare(name: string, body: (served: Served) => Promise<void>): void {
  if (absent === null) awscli(name, ({ served }) => body(served));
  else awscli.skip(`${name} ${absent}`);
}

declare('takes an instance through its whole life', async (served) => {
  const id = await aws(served, 'ec2', 'run-instances', '--image-id', IMAGE, '--instance-type', 't1.micro', '--user-data', 'hello: ü & b', '--query', 'Instances[0].InstanceId', '--output', 'text',
    '--tag-specifications', 'ResourceType=instance,Tags=[{Key=Name,Value=web one},{Key=empty,Value=""}]');
  assert.match(id, /^i-[0-9a-f]{17}$/);
  assert.is(Buffer.from(served.cell.instance(id).userData ?? '', 'base64').toString(), 'hello: ü & b');
  served.cell.settle();
  await aws(served, 'ec2', 'wait', 'instance-running', '--instance-ids', id);
  assert.is(await aws(served, 'ec2', 'describe-instances', '--filters', 'Name=tag:Name,Values=web*', 'Name=instance-state-name,Values=running', '--query', 'Reservations[].Instances[].InstanceId', '--output', 'text'), id);
  served.cell.consoles.set(served.cell.instance(id).id, 'Linux says hello\r\n');
  assert.is(await aws(served, 'ec2', 'get-console-output', '--instance-id', id, '--output', 'text', '--query', 'Output'), 'Linux says hello');
  await aws(served, 'ec2', 'reboot-instances', '--instance-ids', id);
  assert.ok(served.cell.instance(id).restarting);
  served.cell.settle();
  assert.is(await aws(served, 'ec2', 'stop-instances', '--instance-ids', id, '--query', 'StoppingInstances[0].[PreviousState.Name,CurrentState.Name]', '--output', 'text'), 'running\tstopping');
  served.cell.settle();
  await aws(served, 'ec2', 'wait', 'instance-stopped', '--instance-ids', id);
  assert.is(await aws(served, 'ec2', 'start-instances', '--instance-ids', id, '--query', 'StartingInstances[0].CurrentState.Name', '--output', 'text'), 'pending');
  served.cell.settle();
  await aws(served, 'ec2', 'wait', 'instance-status-ok', '--instance-ids', id);
  assert.is(await aws(served, 'ec2', 'terminate-instances', '--instance-ids', id, '--query', 'TerminatingInstances[0].CurrentState.Name', '--output', 'text'), 'shutting-down');
  served.cell.settle();
  await aws(served, 'ec2', 'wait', 'instance-terminated', '--instance-ids', id);
});

declare('reads what there is to choose from', async (served) => {
  assert.is(await aws(served, 'ec2', 'describe-regions', '--query', 'Regions[].RegionName', '--output', 'text'), 'ves-1');
  assert.is(await aws(served, 'ec2', 'describe-availability-zones', '--query', 'AvailabilityZones[].ZoneName', '--output', 'text'), 'ves-1-default');
  assert.is(await aws(served, 'ec2', 'describe-images', '--owners', 'amazon', '--filters', 'Name=name,Values=debian-*', '--query', 'Images[].ImageId', '--output', 'text'), IMAGE);
  assert.is(await aws(served, 'ec2', 'describe-instance-types', '--instance-types', 't1.micro', '--query', 'InstanceTypes[0].[VCpuInfo.DefaultVCpus,MemoryInfo.SizeInMiB]', '--output', 'text'), '1\t128');
  assert.is(await aws(served, 'sts', 'get-caller-identity', '--query', 'Account', '--output', 'text'), '111111111111');
});

declare('labels, protects and pages', async (served) => {
  const ids = (await aws(served, 'ec2', 'run-instances', '--image-id', IMAGE, '--count', '7', '--instance-type', 't1.micro', '--query', 'Instances[].InstanceId', '--output', 'text')).split('\t');
  const [first = ''] = ids;
  assert.is(ids.length, 7);
  await aws(served, 'ec2', 'create-tags', '--resources', ...ids, '--tags', 'Key=role,Value=worker');
  const paged = await aws(served, 'ec2', 'describe-instances', '--page-size', '5', '--filters', 'Name=tag:role,Values=worker', '--query', 'Reservations[].Instances[].InstanceId', '--output', 'text');
  assert.equal(paged.split(/\s+/).toSorted(), ids.toSorted());
  await aws(served, 'ec2', 'delete-tags', '--resources', first, '--tags', 'Key=role');
  assert.is(await aws(served, 'ec2', 'describe-tags', '--filters', `Name=resource-id,Values=${first}`, '--query', 'length(Tags)', '--output', 'text'), '0');
  await aws(served, 'ec2', 'modify-instance-attribute', '--instance-id', first, '--disable-api-termination');
  assert.is(await aws(served, 'ec2', 'describe-instance-attribute', '--instance-id', first, '--attribute', 'disableApiTermination', '--query', 'DisableApiTermination.Value', '--output', 'text'), 'True');
  const refused = await attempt(served, 'ec2', 'terminate-instances', '--instance-ids', ...ids);
  assert.match(refused.stderr, /OperationNotPermitted/);
  await aws(served, 'ec2', 'modify-instance-attribute', '--instance-id', first, '--no-disable-api-termination');
  await aws(served, 'ec2', 'terminate-instances', '--instance-ids', ...ids);
});

declare('is told what is wrong, with an exit code', async (served) => {
  const cases: readonly (readonly [string, RegExp, readonly string[]])[] = [
    ['unknown image', /InvalidAMIID\.NotFound/, ['run-instances', '--image-id', 'ami-00000000000000000']],
    ['unknown type', /InvalidParameterValue.*InstanceType/, ['run-instances', '--image-id', IMAGE, '--instance-type', 'x9.huge']],
    ['too many', /InstanceLimitExceeded/, ['run-instances', '--image-id', IMAGE, '--count', '100000']],
    ['dry run', /DryRunOperation/, ['run-instances', '--image-id', IMAGE, '--instance-type', 't1.micro', '--dry-run']],
    ['unserved action', /UnsupportedOperation.*DescribeVpcs/, ['describe-vpcs']],
    ['unknown instance', /InvalidInstanceID\.NotFound/, ['terminate-instances', '--instance-ids', 'i-00000000000000000']],
    ['unknown filter', /InvalidParameterValue.*colour/, ['describe-instances', '--filters', 'Name=colour,Values=red']],
  ];
  for (const [what, pattern, args] of cases) {
    const ran = await attempt(served, 'ec2', ...args);
    assert.is(ran.code, 254, `${what}: ${ran.stdout}${ran.stderr}`);
    assert.match(ran.stderr, pattern, what);
  }
});

awscli.run();
