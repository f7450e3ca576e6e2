/** LVM's reports, as recorded from LVM 2.03. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseGroups, parseVolumes } from '../../../../../agent/drivers/lvm/parse-report.ts';

const reports = suite('LVM reports');

const fixture = (name: string): string => readFileSync(new URL(`../../../../fixtures/lvm/${name}`, import.meta.url), 'utf8');

reports('list volumes with size, origin and whether they are open', () => {
  const volumes = parseVolumes(fixture('lvm-2.03-lvs-json-with-snapshot.txt'));
  assert.equal(volumes.map(({ name, sizeBytes, origin, isOpen }) => [name, sizeBytes, origin, isOpen]), [
    ['d1', 25165824, null, false], ['d1s', 8388608, 'd1', false], ['d2', 25165824, null, false], ['r0', 100663296, null, true], ['sv', 314572800, null, true],
  ]);
  assert.is(parseVolumes(fixture('lvm-2.03-lvs-json.txt')).length, 4);
  assert.equal(parseVolumes(fixture('lvm-2.03-lvs-missing.txt')), []);
});

reports('split tags', () => {
  const text = fixture('lvm-2.03-lvs-json.txt').replace('"lv_tags":""', '"lv_tags":"ves,ves.formed"');
  assert.equal(parseVolumes(text)[0]?.tags, ['ves', 'ves.formed']);
  assert.equal(parseVolumes(text)[1]?.tags, []);
});

reports('measure groups', () => {
  assert.equal(parseGroups(fixture('lvm-2.03-vgs-json.txt')), [{ name: 'vg0', sizeBytes: 1069547520, freeBytes: 603979776 }]);
});

reports('that are cut off or foreign are refused', () => {
  for (const text of ['', 'x', '{}', '{"report":[{"vg":[]}]}', fixture('lvm-2.03-lvs-json.txt').slice(0, 400), '{"report":[{"lv":[{"lv_name":"a","vg_name":"v","lv_size":"1.00g"}]}]}']) {
    assert.throws(() => parseVolumes(text), (thrown: { code?: string }) => thrown.code === 'UnreadableOutput', text.slice(0, 40));
  }
});

reports.run();
