/**
 * Is the configuration that the agent writes the one that SAFETY.md 2.2 asks for, and is it read as it was meant?
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildDrbdConfig } from '../../../../../agent/drivers/drbd/build-config.ts';
import type { DrbdConfigInput } from '../../../../../agent/drivers/drbd/build-config.ts';
import { parseDrbdConfig } from '../../../../../agent/drivers/drbd/parse-config.ts';
import { parseDrbdConf } from '../../../../../agent/room/model/drbd/config.ts';
import { parseNodeId, parseVolumeId } from '../../../../../shared/ids.ts';

const volume = { id: parseVolumeId('vol-0123456789abcdef0'), minor: 3, port: 7703, epoch: 1 };
const nodes = [{ id: parseNodeId('node-2'), storageAddress: '10.0.0.2' }, { id: parseNodeId('node-1'), storageAddress: '10.0.0.1' }];
const input: DrbdConfigInput = { volume, nodes, volumeGroup: 'vg0', secret: 'c2VjcmV0+/=', helper: '/usr/lib/ves/drbd-helper', pingTimeoutTenths: 20 };

const buildConfig = suite('build-config');

buildConfig('says every option of SAFETY.md 2.2', () => {
  const { sections } = parseDrbdConfig(buildDrbdConfig(input));
  assert.equal(Object.fromEntries(sections.net), {
    protocol: 'C', timeout: '15', 'ping-int': '2', 'ping-timeout': '20', 'connect-int': '3', 'ko-count': '4', 'sndbuf-size': '0', 'on-congestion': 'block',
    'allow-two-primaries': 'no', 'rr-conflict': 'disconnect', 'after-sb-0pri': 'disconnect', 'after-sb-1pri': 'disconnect', 'after-sb-2pri': 'disconnect',
    'always-asbp': 'no', 'cram-hmac-alg': 'sha256', 'shared-secret': 'c2VjcmV0+/=', 'verify-alg': 'crc32c',
  });
  assert.equal(Object.fromEntries(sections.disk), {
    fencing: 'resource-and-stonith', 'on-io-error': 'call-local-io-error', 'disk-flushes': 'yes', 'md-flushes': 'yes', 'disk-barrier': 'no', 'al-extents': '1237', 'c-plan-ahead': '20',
  });
  assert.equal(Object.fromEntries(sections.options), { 'on-no-data-accessible': 'suspend-io' });
  for (const name of ['fence-peer', 'pri-on-incon-degr', 'unfence-peer', 'local-io-error', 'split-brain', 'initial-split-brain', 'before-resync-target', 'after-resync-target']) {
    assert.is(sections.handlers.get(name), `/usr/lib/ves/drbd-helper ${name}`);
  }
});

buildConfig('is the same text on both nodes, whatever the order of replicas', () => {
  assert.is(buildDrbdConfig(input), buildDrbdConfig({ ...input, nodes: nodes.toReversed() }));
});

buildConfig('is understood alike by another reader of drbd.conf, from each host', () => {
  for (const [host, own, peer] of [['node-1', 'ipv4:10.0.0.1:7703', 'ipv4:10.0.0.2:7703'], ['node-2', 'ipv4:10.0.0.2:7703', 'ipv4:10.0.0.1:7703']] as const) {
    const [config] = parseDrbdConf(buildDrbdConfig(input), 'x.res', host);
    assert.is(config?.name, 'vol-0123456789abcdef0');
    assert.is(config?.minor, 3);
    assert.is(config?.diskPath, '/dev/vg0/vol-0123456789abcdef0');
    assert.is(config?.local.address, own);
    assert.is(config?.peer?.address, peer);
    assert.is(config?.net.get('shared-secret'), 'c2VjcmV0+/=');
    assert.is(config?.disk.get('fencing'), 'resource-and-stonith');
    assert.is(config?.handlers.get('fence-peer'), '/usr/lib/ves/drbd-helper fence-peer');
  }
});

buildConfig('keeps a place for a replica that is owed, where nothing can answer', () => {
  const [config] = parseDrbdConf(buildDrbdConfig({ ...input, nodes: nodes.slice(1) }), 'x.res', 'node-1');
  assert.is(config?.peer?.address, 'ipv4:192.0.2.1:7703');
});

buildConfig('refuses texts that could end a statement or a quotation', () => {
  for (const bad of ['a"b', 'a;b', 'a}b', 'a\nb', 'a\\b', '', 'x'.repeat(64)]) assert.throws(() => buildDrbdConfig({ ...input, secret: bad }), undefined, JSON.stringify(bad));
  assert.throws(() => buildDrbdConfig({ ...input, volumeGroup: 'vg0; fencing dont-care' }));
  assert.throws(() => buildDrbdConfig({ ...input, helper: '/bin/true"; }' }));
  assert.throws(() => buildDrbdConfig({ ...input, nodes: [] }));
  assert.throws(() => buildDrbdConfig({ ...input, nodes: [...nodes, ...nodes] }));
});

buildConfig('its reader refuses what the writer never writes', () => {
  const good = buildDrbdConfig(input);
  for (const bad of [
    good.replace('protocol C;', 'protocol C; protocol A;'), good.replace('  disk {', '  stacked {'), `${good}resource other { }`, good.slice(0, -4), good.replace('{', '{ #'), 'net { }',
  ]) assert.throws(() => parseDrbdConfig(bad), /cannot be read back/, bad.slice(0, 80));
});

buildConfig.run();
