/** Can a newcomer paste what is printed, on a terminal of the usual width? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { layoutOf } from '../../../../provisioning/playground/layout.ts';
import { welcomeText } from '../../../../provisioning/playground/welcome.ts';

const welcome = suite('a welcome');

welcome('fits 80 columns, and its commands survive pasting', () => {
  const text = welcomeText(layoutOf('/srv/ves/.ves'), 'http://127.0.0.1:8080', '/srv/ves');
  for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
  assert.match(text, /^ {4}\. \.\/\.ves\/playground\.env$/m);
  assert.match(text.replaceAll(/\\\n */g, ''), /^ {4}aws --endpoint-url "\$AWS_ENDPOINT_URL" ec2 run-instances --image-id ami-[0-9a-f]{17} --instance-type t1\.micro$/m);
});

welcome('names the variables by their whole path when they are elsewhere', () => {
  assert.match(welcomeText(layoutOf('/srv/cell'), 'http://127.0.0.1:8080', '/srv/ves'), /^ {4}\. \/srv\/cell\/playground\.env$/m);
});

welcome('quotes a directory that a shell would take apart', () => {
  assert.match(welcomeText(layoutOf("/srv/my cell's"), 'http://127.0.0.1:8080', '/srv/ves'), "    . '/srv/my cell'\\''s/playground.env'\n");
});

welcome.run();
