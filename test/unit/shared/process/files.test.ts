/** Small durable files below one directory. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createFiles } from '../../../../shared/process/files.ts';

const files = suite('files');

const root = mkdtempSync(join(tmpdir(), 'ves-files-'));
const below = createFiles(join(root, 'data'));

files.after(() => rmSync(root, { recursive: true, force: true }));

files('are written, replaced, listed and removed', async () => {
  assert.is(await below.read('a/b.json'), null);
  assert.equal(await below.list('a'), []);
  await below.writeDurably('a/b.json', 'one');
  await below.writeDurably('a/b.json', 'two');
  await below.writeDurably('a/a.json', 'three', 0o644);
  assert.is(await below.read('a/b.json'), 'two');
  assert.equal(await below.list('a'), ['a.json', 'b.json']);
  assert.is(statSync(join(root, 'data/a/b.json')).mode & 0o777, 0o600);
  assert.is(statSync(join(root, 'data/a/a.json')).mode & 0o777, 0o644);
  assert.is(below.absolute('a/b.json'), join(root, 'data/a/b.json'));
  await below.remove('a/b.json');
  await below.remove('a/b.json');
  await below.remove('nowhere/at/all');
  assert.is(await below.read('a/b.json'), null);
});

files('leave no temporary file behind, and never list one', async () => {
  await below.writeDurably('t/x', 'x');
  writeFileSync(join(root, 'data/t/x.0123.tmp'), 'left by a crash');
  assert.equal(await below.list('t'), ['x']);
  mkdirSync(join(root, 'data/t/directory'));
  await below.writeDurably('t/directory', 'x').then(() => assert.unreachable(), (thrown: { code?: string }) => assert.is(thrown.code, 'FileNotWritten'));
  assert.equal(readdirSync(join(root, 'data/t')).filter((name) => name.endsWith('.tmp')), ['x.0123.tmp']);
});

files('stay below their directory', async () => {
  for (const path of ['../x', 'a/../../x', '/etc/passwd']) {
    await below.read(path).then(() => assert.unreachable(path), (thrown: { code?: string }) => assert.is(thrown.code, 'FileUnreadable'));
  }
});

files('that cannot be read are an error, not nothing', async () => {
  mkdirSync(join(root, 'data/d'), { recursive: true });
  await below.read('d').then(() => assert.unreachable(), (thrown: { code?: string }) => assert.is(thrown.code, 'FileUnreadable'));
  chmodSync(join(root, 'data/d'), 0o700);
});

files.run();
