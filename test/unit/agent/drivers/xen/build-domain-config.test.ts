/** Configuration files of domains: what is written is what xl reads. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildDomainConfig } from '../../../../../agent/drivers/xen/build-domain-config.ts';
import type { DomainConfig } from '../../../../../agent/drivers/xen/build-domain-config.ts';
import { parseDomainConfig } from '../../../../../agent/drivers/xen/parse-domain-config.ts';
import { readDomainConfig } from '../../../../../agent/room/model/xl-config.ts';

const configs = suite('domain configurations');

const config: DomainConfig = {
  name: 'i-0123456789abcdef0', kind: 'pv', memoryMiB: 512, vcpus: 2, macAddress: '00:16:3e:01:02:03', bridge: 'xenbr0',
  disks: [{ device: 'xvda', path: '/dev/drbd7' }, { device: 'xvdb', path: '/dev/drbd8' }], kernel: '/boot/vmlinuz', ramdisk: '/boot/initrd', commandLine: 'root=/dev/xvda ro console=hvc0',
};

configs('are written so that xl\'s own grammar reads them as meant', () => {
  const read = readDomainConfig('x.cfg', buildDomainConfig(config));
  assert.ok('spec' in read);
  if (!('spec' in read)) return;
  assert.is(read.warnings, '');
  assert.equal(read.spec.disks, [{ target: '/dev/drbd7', vdev: 'xvda', isReadWrite: true }, { target: '/dev/drbd8', vdev: 'xvdb', isReadWrite: true }]);
  assert.equal([read.spec.name, read.spec.type, read.spec.memoryMiB, read.spec.memoryMiBMax, read.spec.vcpus, read.spec.commandLine], [config.name, 'pv', 512, 512, 2, config.commandLine]);
  assert.equal(read.spec.nics, [{ mac: config.macAddress, bridge: 'xenbr0' }]);
  // No domain may be started by xl itself.
  assert.equal([read.spec.onPoweroff, read.spec.onReboot, read.spec.onCrash], ['preserve', 'destroy', 'preserve']);
});

configs('refuse values that could end a string or a device name', () => {
  for (const change of [{ commandLine: 'a" \non_crash = "restart' }, { commandLine: 'a\\' }, { bridge: "x'y" }, { disks: [{ device: 'xvda', path: '/dev/drbd1,access=r' }] }, { disks: [{ device: 'xvda,x', path: '/dev/drbd1' }] }, { disks: [{ device: 'xvda', path: '/etc/passwd' }] }]) {
    assert.throws(() => buildDomainConfig({ ...config, ...change }), (thrown: { code?: string }) => thrown.code === 'InvalidDomainConfig', JSON.stringify(change));
  }
});

configs('let the guest\'s disk choose the kernel when the node has none', () => {
  assert.is(parseDomainConfig(buildDomainConfig({ ...config, kernel: null })).get('bootloader'), 'pygrub');
  assert.is(parseDomainConfig(buildDomainConfig({ ...config, kind: 'hvm', kernel: null })).get('bootloader'), undefined);
});

configs('are read back strictly', () => {
  for (const text of ['name = "a"\nname = "b"\n', 'name="a"\n', 'x = [ "a" "b" ]\n', 'x = "a" ; y = "b"\n']) assert.throws(() => parseDomainConfig(text), (thrown: { code?: string }) => thrown.code === 'InvalidDomainConfig', text);
});

configs.run();
