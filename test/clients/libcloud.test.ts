/** Does Debian's libcloud work, unmodified, as far as it is served? deadline: 120 s */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ACCOUNT, KEY_ID } from '../api/support/client.ts';
import { missing, PYTHON, run, serve } from './support.ts';

const libcloud = suite('libcloud');
const absent = missing('/usr/lib/python3/dist-packages/libcloud', 'python3-libcloud') ?? missing(PYTHON, 'python3');

/** It signs with a region of its own list, sends GET requests, and reads `<return>` of every changing action. */
const PROGRAM = `
import json, sys, urllib.parse
from libcloud.compute.types import Provider
from libcloud.compute.providers import get_driver
url = urllib.parse.urlparse(sys.argv[1])
def driver(version):
    return get_driver(Provider.EC2)(sys.argv[2], sys.argv[3], region='us-east-1', host=url.hostname, port=url.port, secure=False, signature_version=version)
ec2 = driver('4')
image = ec2.list_images()[0]
size = [each for each in ec2.list_sizes() if each.id == 't1.micro'][0]
node = ec2.create_node(name='a b', image=image, size=size)
out = {'image': image.name, 'state': str(node.state), 'tags': node.extra['tags'], 'stopped': ec2.ex_stop_node(node), 'tagged': ec2.ex_create_tags(node, {'k': 'v'}),
       'untagged': ec2.ex_delete_tags(node, {'k': 'v'}), 'destroyed': ec2.destroy_node(node)}
try:
    driver('2').list_images()
except Exception as error:
    out['v2'] = 'signature_version' in str(error)
print(json.dumps(out))
`;

const NAME = 'lists images, makes, labels, stops and destroys a node, and is told when it signs the old way';
async function proves(): Promise<void> {
  const served = await serve();
  try {
    const ran = await run([PYTHON, '-c', PROGRAM, served.endpoint, KEY_ID, ACCOUNT.secretKey]);
    assert.is(ran.code, 0, ran.stderr);
    assert.equal(JSON.parse(ran.stdout), { image: 'debian-12', state: 'pending', tags: { Name: 'a b' }, stopped: true, tagged: true, untagged: true, destroyed: true, v2: true });
  } finally {
    await served.close();
  }
}

if (absent === null) libcloud(NAME, proves);
else libcloud.skip(`${NAME} ${absent}`);

libcloud.run();
