/**
 * Which orders can the agent give to DRBD at all?
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as commands from '../../../../../agent/drivers/drbd/build-commands.ts';

const buildCommands = suite('build-commands');

buildCommands('names the configuration file and the resource, as a list', () => {
  assert.equal(commands.buildOrder('/x/r.res', 'up', 'vol-1'), ['drbdadm', '--config-file=/x/r.res', 'up', 'vol-1']);
  assert.equal(commands.buildDisconnectForce('/x/r.res', 'vol-1'), ['drbdadm', '--config-file=/x/r.res', 'disconnect', '--force', 'vol-1']);
  assert.equal(commands.buildPromoteNew('/x/r.res', 'vol-1'), ['drbdadm', '--config-file=/x/r.res', 'primary', '--force', 'vol-1']);
  assert.equal(commands.buildCreateMetadata('/x/r.res', 'vol-1'), ['drbdadm', '--config-file=/x/r.res', 'create-md', '--force', 'vol-1']);
  assert.equal(commands.buildEvents(), ['drbdsetup', 'events2', '--statistics']);
});

buildCommands('cannot build an order that SAFETY.md 2.4 forbids', () => {
  const orders = ['up', 'down', 'adjust', 'connect', 'primary', 'secondary'] as const;
  const built = [
    ...orders.map((order) => commands.buildOrder('/x/r.res', order, 'r')), commands.buildDisconnectForce('/x/r.res', 'r'), commands.buildPromoteNew('/x/r.res', 'r'),
    commands.buildCreateMetadata('/x/r.res', 'r'), commands.buildEvents(), commands.buildLook(),
  ].map((argv) => argv.join(' '));
  assert.is(Object.keys(commands).length, 6, 'a new builder: is it allowed, and is it in this list?');
  for (const line of built) assert.not.match(line, /resume-io|detach|new-current-uuid|clear-bitmap|two-primaries|after-sb|suspend-io|invalidate-remote/);
});

buildCommands.run();
