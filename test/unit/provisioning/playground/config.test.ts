import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClusterError } from '../../../../shared/errors.ts';
import { DIRECTORY_BYTES_MAX, parseOptions, USAGE } from '../../../../provisioning/playground/config.ts';

const options = suite('arguments of npm start');

function refusal(...args: readonly string[]): string {
  try {
    parseOptions(args, '/srv/ves');
    return '';
  } catch (error) {
    assert.instance(error, ClusterError);
    assert.is((error as ClusterError).code, 'InvalidArguments');
    return (error as ClusterError).message;
  }
}

options('may all be left out', () => {
  assert.equal(parseOptions([], '/srv/ves'), { directory: '/srv/ves/.ves', port: 8080, nodes: null, profile: null, bmc: null, memoryGiB: null, ledger: null });
});

options('are taken as given', () => {
  const given = parseOptions(['--nodes', '9', '--port=0', '--dir', '/tmp/x', '--profile', 'soft', '--bmc', 'all', '--memory', '64', '--ledger', 'etcd'], '/');
  assert.equal(given, { directory: '/tmp/x', port: 0, nodes: 9, profile: 'soft', bmc: 'all', memoryGiB: 64, ledger: 'etcd' });
  assert.is(parseOptions(['-h'], '/'), 'help');
});

options('are refused by name when they make no sense', () => {
  for (const [name, ...values] of [
    ['--nodes', '0', '11', '3.5', 'three', '', '-1', '1e1', '0x3'],
    ['--port', '65536', '-1', '80a', ''],
    ['--profile', 'Standard', 'quick', ''],
    ['--bmc', 'some', ''],
    ['--memory', '1', '1025', '16G'],
    ['--ledger', 'raft', ''],
  ] as const) {
    for (const value of values) assert.match(refusal(`${name}=${value}`), name);
  }
});

options('are refused when nobody knows them, or twice over', () => {
  assert.match(refusal('--node', '3'), /--node/);
  assert.match(refusal('three'), /three/);
  assert.match(refusal('--nodes'), /nodes/);
});

options('name no directory that is too deep for the sockets in it', () => {
  assert.match(refusal('--dir', `/${'d'.repeat(DIRECTORY_BYTES_MAX)}`), /shorter/);
  assert.is(refusal('--dir', `/${'d'.repeat(DIRECTORY_BYTES_MAX - 1)}`), '');
});

options('are explained within 80 columns, every one of them', () => {
  for (const line of USAGE.split('\n')) assert.ok(line.length <= 80, line);
  for (const name of ['--nodes', '--port', '--dir', '--profile', '--bmc', '--memory', '--ledger']) assert.match(USAGE, new RegExp(`^  ${name} `, 'm'));
});

options.run();
