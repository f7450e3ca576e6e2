/** LVM in the simulated room: its words and exit codes are those of the recorded programs. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseGroups, parseVolumes } from '../../../../../agent/drivers/lvm/parse-report.ts';
import { roomConfig } from '../../../../../agent/room/model/config.ts';
import { startTestRoom } from './room-fixture.ts';
import type { TestRoom } from './room-fixture.ts';

const lvm = suite('LVM in the room');

const fixture = (name: string): string => readFileSync(new URL(`../../../../fixtures/lvm/${name}`, import.meta.url), 'utf8');
/** A room whose volume group has what the recorded one had: 255 extents, and d1 d2 r0 sv in it. */
async function recordedGroup(): Promise<TestRoom> {
  const test = await startTestRoom({ config: roomConfig(1, { node: { volumeGroupBytes: 1069547520 } }) });
  for (const [name, size] of [['d1', '24m'], ['d2', '24m'], ['r0', '96m'], ['sv', '300m']] as const) await test.must('node-1', ['lvcreate', '-y', '-Wn', '-Zn', '-n', name, '-L', size, 'vg0']);
  return test;
}

lvm('fails as the real one does', async () => {
  const test = await recordedGroup();
  const exists = await test.run('node-1', ['lvcreate', '-y', '-Wn', '-Zn', '-n', 'd1', '-L', '24M', 'vg0']);
  assert.equal(exists, { exitCode: 5, stdout: '', stderr: fixture('lvm-2.03-lvcreate-exists.stderr.txt') });
  const full = await test.run('node-1', ['lvcreate', '-y', '-Wn', '-Zn', '-n', 'huge', '-L', '99G', 'vg0']);
  assert.equal(full, { exitCode: 5, stdout: '', stderr: fixture('lvm-2.03-lvcreate-no-space.stderr.txt') });
  const option = await test.run('node-1', ['lvcreate', '-y', '-s', '-Wn', '-n', 'd1s', '-L', '8M', 'vg0/d1']);
  assert.equal(option, { exitCode: 3, stdout: '', stderr: fixture('lvm-2.03-lvcreate-snapshot-bad-option.stderr.txt') });
  const missing = await test.run('node-1', ['lvs', '--reportformat', 'json', '--units', 'b', 'vg0/none']);
  assert.equal(missing, { exitCode: 5, stdout: fixture('lvm-2.03-lvs-missing.txt'), stderr: fixture('lvm-2.03-lvs-missing.stderr.txt') });
});

lvm('reports as the real one does', async () => {
  const test = await recordedGroup();
  const words = ['--reportformat', 'json', '--units', 'b', '--nosuffix'];
  const made = await test.run('node-1', ['lvcreate', '-y', '-s', '-n', 'd1s', '-L', '8M', 'vg0/d1']);
  assert.equal(made, { exitCode: 0, stdout: fixture('lvm-2.03-lvcreate-snapshot-ok.txt'), stderr: '' });
  // The recorded r0 and sv were open; nothing is open here.
  const ours = await test.must('node-1', ['lvs', ...words, '-o', 'lv_name,vg_name,lv_size,origin,snap_percent,lv_attr']);
  assert.is(ours, fixture('lvm-2.03-lvs-json-with-snapshot.txt').replaceAll('-wi-ao----', '-wi-a-----'));
  await test.must('node-1', ['lvremove', '-y', 'vg0/d1s']);
  const ids = (text: string): string => text.replace(/"([vl][gv])_uuid":"[^"]*"/g, '"$1_uuid":""');
  assert.is(ids(await test.must('node-1', ['vgs', ...words, '-o', '+vg_uuid,vg_extent_size,vg_free'])), ids(fixture('lvm-2.03-vgs-json.txt')));
  assert.is(ids(await test.must('node-1', ['lvs', ...words, '-o', '+lv_uuid,lv_size,lv_attr,lv_tags,origin,data_percent,devices'])).replace(/vdb\(\d+\)/g, 'vdb'), ids(fixture('lvm-2.03-lvs-json.txt')).replaceAll('-wi-ao----', '-wi-a-----').replace(/vdb\(\d+\)/g, 'vdb'));
});

lvm('keeps tags, rounds sizes up to extents, and gives space back', async () => {
  const test = await startTestRoom();
  const list = async () => parseVolumes(await test.must('node-1', ['lvs', '--reportformat', 'json', '--units', 'b', '--nosuffix', '-o', 'lv_name,vg_name,lv_size,lv_attr,lv_tags,origin', 'vg0']));
  const free = async () => parseGroups(await test.must('node-1', ['vgs', '--reportformat', 'json', '--units', 'b', '--nosuffix', 'vg0']))[0]?.freeBytes;
  const before = await free();
  const made = await test.must('node-1', ['lvcreate', '-y', '-n', 'v', '-L', '5000000b', '--addtag', 'ves', 'vg0']);
  assert.match(made, 'Rounding up size to full physical extent 8.00 MiB');
  await test.must('node-1', ['lvchange', '--addtag', 'ves.formed', '--deltag', 'ves', 'vg0/v']);
  assert.equal(await list(), [{ name: 'v', group: 'vg0', sizeBytes: 8 * 1024 * 1024, tags: ['ves.formed'], origin: null, isOpen: false }]);
  await test.must('node-1', ['lvextend', '-L', '16m', 'vg0/v']);
  assert.is((await list())[0]?.sizeBytes, 16 * 1024 * 1024);
  await test.must('node-1', ['lvremove', '-y', '/dev/vg0/v']);
  assert.equal(await list(), []);
  assert.is(await free(), before);
});

lvm('knows no options, columns or groups that are not there', async () => {
  const test = await startTestRoom();
  assert.is((await test.run('node-1', ['lvcreate', '--bogus', '-n', 'x', '-L', '1g', 'vg0'])).exitCode, 3);
  assert.is((await test.run('node-1', ['lvcreate', '-y', '-n', 'x', '-L', '1g', 'vg9'])).exitCode, 5);
  assert.is((await test.run('node-1', ['lvs', '--reportformat', 'json', '--units', 'b', '-o', 'lv_bogus'])).exitCode, 5);
  assert.is((await test.run('node-1', ['lvcreate', '-y', '-n', '../x', '-L', '1g', 'vg0'])).exitCode, 3);
});

lvm.run();
