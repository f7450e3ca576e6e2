/** Is a remembered text always the one that would be built now? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildDrbdConfig } from '../../../../../agent/drivers/drbd/build-config.ts';
import { ConfigTexts } from '../../../../../agent/drivers/drbd/config-texts.ts';
import { parseNodeId } from '../../../../../shared/ids.ts';
import { aNode, aVolume } from '../../../../support/records.ts';

const texts = suite('the texts of configurations');
const settings = { volumeGroup: 'vg0', helper: '/usr/lib/ves/drbd-helper', pingTimeoutTenths: 20 };
const one = aNode({ id: parseNodeId('node-1'), storageAddress: '10.0.0.1' });
const two = aNode({ id: parseNodeId('node-2'), storageAddress: '10.0.0.2' });

texts('are built once while nothing that they say changes, and anew for whatever does', () => {
  const asked: number[] = [];
  const secretOf = ({ epoch }: { readonly epoch: number }): string => {
    asked.push(epoch);
    return `secret${epoch}`;
  };
  const remembered = new ConfigTexts(settings, secretOf);
  const volume = aVolume({ replicas: [one.id, two.id] });
  remembered.of(volume, [one, two]);
  remembered.of(aVolume({ ...volume, version: 9, generation: 4 }), [aNode({ ...one, cordoned: true }), two]);
  assert.equal(asked, [1], 'what it does not say does not count');
  const changes = [
    [{ ...volume, epoch: 2 }, [one, two]], [{ ...volume, minor: 7 }, [one, two]], [{ ...volume, port: 7009 }, [one, two]],
    [volume, [one]], [volume, [one, { ...two, storageAddress: '10.0.0.9' }]], [volume, [one, two]],
  ] as const;
  for (const [changed, nodes] of changes) {
    assert.is(remembered.of(changed, nodes), buildDrbdConfig({ ...settings, volume: changed, nodes, secret: `secret${changed.epoch}` }));
  }
});

texts.run();
