/** Does the AWS SDK for JavaScript work, unmodified? */
import {
  CreateTagsCommand, DescribeInstancesCommand, DescribeInstanceStatusCommand, DescribeInstanceTypesCommand, EC2Client, GetConsoleOutputCommand, paginateDescribeInstances,
  RebootInstancesCommand, RunInstancesCommand, StopInstancesCommand, TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseNodeId } from '../../shared/ids.ts';
import { ACCOUNT, KEY_ID } from '../api/support/client.ts';
import { IMAGE, noLeader } from '../api/support/fake-cell.ts';
import { serve } from './support.ts';
import type { Served } from './support.ts';

const sdk = suite<{ served: Served; ec2: EC2Client }>('the AWS SDK for JavaScript');

sdk.before.each(async (context) => {
  context.served = await serve();
  context.ec2 = client(context.served, ACCOUNT.secretKey);
});
sdk.after.each(async (context) => {
  context.ec2.destroy();
  await context.served.close();
});

function client(served: Served, secretAccessKey: string): EC2Client {
  return new EC2Client({ endpoint: served.endpoint, region: 'ves-1', maxAttempts: 2, credentials: { accessKeyId: KEY_ID, secretAccessKey } });
}

sdk('takes instances through their life', async ({ served, ec2 }) => {
  const ran = await ec2.send(new RunInstancesCommand({ ImageId: IMAGE, InstanceType: 't1.micro', MinCount: 2, MaxCount: 2, UserData: Buffer.from("it's (ok)!*").toString('base64') }));
  const ids = (ran.Instances ?? []).map((instance) => instance.InstanceId ?? '');
  assert.is(ids.length, 2);
  served.cell.settle();
  await ec2.send(new CreateTagsCommand({ Resources: ids, Tags: [{ Key: "it's (ok)!*", Value: 'ü ~' }] }));
  const found = await ec2.send(new DescribeInstancesCommand({ Filters: [{ Name: "tag:it's (ok)!*", Values: ['ü*'] }] }));
  const [first] = found.Reservations?.[0]?.Instances ?? [];
  assert.is(found.Reservations?.[0]?.Instances?.length, 2);
  assert.is(first?.State?.Name, 'running');
  assert.ok(first?.LaunchTime instanceof Date && !Number.isNaN(first.LaunchTime.getTime()));
  assert.equal(first.ProductCodes, []);
  await ec2.send(new RebootInstancesCommand({ InstanceIds: ids }));
  const text = 'boot\n'.repeat(100);
  for (const id of ids) served.cell.consoles.set(served.cell.instance(id).id, text);
  const output = await ec2.send(new GetConsoleOutputCommand({ InstanceId: ids[0] }));
  assert.is(Buffer.from(output.Output ?? '', 'base64').toString(), text);
  const stopped = await ec2.send(new StopInstancesCommand({ InstanceIds: ids }));
  assert.equal(stopped.StoppingInstances?.map((change) => change.CurrentState?.Name), ['stopping', 'stopping']);
  const terminated = await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  assert.equal(terminated.TerminatingInstances?.map((change) => change.CurrentState?.Code), [32, 32]);
});

sdk('reads pages, types and a status that tells of healing', async ({ served, ec2 }) => {
  await ec2.send(new RunInstancesCommand({ ImageId: IMAGE, InstanceType: 't1.micro', MinCount: 6, MaxCount: 6 }));
  served.cell.settle();
  const sizes: number[] = [];
  for await (const page of paginateDescribeInstances({ client: ec2, pageSize: 5 }, {})) sizes.push((page.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []).length);
  assert.equal(sizes, [5, 1]);
  const types = await ec2.send(new DescribeInstanceTypesCommand({}));
  assert.ok(types.InstanceTypes?.some((type) => type.InstanceType === 't2.micro' && type.MemoryInfo?.SizeInMiB === 512));
  served.cell.fence(parseNodeId('node-1'));
  const status = await ec2.send(new DescribeInstanceStatusCommand({}));
  assert.equal(status.InstanceStatuses?.map((each) => each.SystemStatus?.Status), Array.from({ length: 6 }, () => 'impaired'));
});

sdk('is told errors it can name', async ({ served, ec2 }) => {
  await assertRejects(ec2.send(new DescribeInstancesCommand({ InstanceIds: ['i-00000000000000000'] })), 'InvalidInstanceID.NotFound', 400);
  await assertRejects(ec2.send(new RunInstancesCommand({ ImageId: IMAGE, MinCount: 1, MaxCount: 1, DryRun: true })), 'DryRunOperation', 412);
  const large = new RunInstancesCommand({ ImageId: IMAGE, MinCount: 1, MaxCount: 1, UserData: 'A'.repeat(1_200_000) });
  await assertRejects(ec2.send(large), 'RequestEntityTooLarge', 413);
  const stranger = client(served, 'wrong');
  await assertRejects(stranger.send(new DescribeInstancesCommand({})), 'SignatureDoesNotMatch', 403);
  stranger.destroy();
});

sdk('retries while the cell has no leader', async ({ served, ec2 }) => {
  served.cell.failure = noLeader();
  await assertRejects(ec2.send(new DescribeInstancesCommand({})), 'Unavailable', 503);
  const asked = served.facts.filter((fact) => fact.event === 'ec2Request');
  assert.is(asked.length, 2);
});

async function assertRejects(promise: Promise<unknown>, name: string, status: number): Promise<void> {
  try {
    await promise;
  } catch (error) {
    const { name: found, $metadata: metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    assert.is(found, name);
    assert.is(metadata?.httpStatusCode, status);
    return;
  }
  assert.unreachable(`expected ${name}`);
}

sdk.run();
