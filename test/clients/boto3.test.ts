/** Does Debian's boto3 work, unmodified? deadline: 120 s */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { IMAGE } from '../api/support/fake-cell.ts';
import { missing, PYTHON, run, serve } from './support.ts';

const boto3 = suite('boto3');
const absent = missing('/usr/lib/python3/dist-packages/boto3', 'python3-boto3') ?? missing(PYTHON, 'python3');

/** Prints one JSON document; the endpoint and the image are its arguments. */
const PROGRAM = `
import boto3, json, sys, urllib.request
from botocore.exceptions import ClientError
endpoint, image = sys.argv[1:]
ec2 = boto3.client('ec2', endpoint_url=endpoint)
out = {}
ran = ec2.run_instances(ImageId=image, InstanceType='t1.micro', MinCount=1, MaxCount=7, ClientToken='one', TagSpecifications=[{'ResourceType': 'instance', 'Tags': [{'Key': 'Name', 'Value': 'a+b c/d=&'}]}])
out['ran'] = len(ran['Instances'])
again = ec2.run_instances(ImageId=image, InstanceType='t1.micro', MinCount=1, MaxCount=7, ClientToken='one', TagSpecifications=[{'ResourceType': 'instance', 'Tags': [{'Key': 'Name', 'Value': 'a+b c/d=&'}]}])
out['same'] = [i['InstanceId'] for i in ran['Instances']] == [i['InstanceId'] for i in again['Instances']]
try:
    ec2.run_instances(ImageId=image, InstanceType='t2.nano', MinCount=1, MaxCount=7, ClientToken='one')
except ClientError as error:
    out['mismatch'] = error.response['Error']['Code']
pages = ec2.get_paginator('describe_instances').paginate(Filters=[{'Name': 'tag:Name', 'Values': ['a+b c/d=&']}], PaginationConfig={'PageSize': 5})
sizes = [sum(len(r['Instances']) for r in page['Reservations']) for page in pages]
out['pages'] = sizes
url = ec2.generate_presigned_url('describe_instances', Params={'Filters': [{'Name': 'tag:Name', 'Values': ['a+b*', 'ü ~']}]}, HttpMethod='GET')
with urllib.request.urlopen(url) as answer:
    out['presigned'] = answer.read().decode().count('<instanceId>')
try:
    urllib.request.urlopen(url.replace('2016-11-15', '2016-11-16'))
except urllib.error.HTTPError as error:
    out['tampered'] = error.code
instance = boto3.resource('ec2', endpoint_url=endpoint).Instance(ran['Instances'][0]['InstanceId'])
out['state'] = instance.state['Name']
out['launch'] = instance.launch_time.tzinfo is not None
out['arn'] = boto3.client('sts', endpoint_url=endpoint).get_caller_identity()['Arn']
print(json.dumps(out))
`;

const NAME = 'signs, pages, repeats by token, and uses a URL that was signed before';
async function proves(): Promise<void> {
  const served = await serve();
  try {
    const ran = await run([PYTHON, '-c', PROGRAM, served.endpoint, IMAGE]);
    assert.is(ran.code, 0, ran.stderr);
    assert.equal(JSON.parse(ran.stdout), {
      ran: 7, same: true, mismatch: 'IdempotentParameterMismatch', pages: [5, 2], presigned: 7, tampered: 403, state: 'pending', launch: true, arn: 'arn:aws:iam::111111111111:user/alice',
    });
  } finally {
    await served.close();
  }
}

if (absent === null) boto3(NAME, proves);
else boto3.skip(`${NAME} ${absent}`);

boto3.run();
