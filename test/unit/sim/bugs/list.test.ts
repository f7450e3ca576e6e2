/** The list of planted bugs stays true: each can be planted in the sources as they are, and changes behaviour only. */
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { filesOf, plantIn } from '../../../sim/bugs/bug.ts';
import { HARMLESS } from '../../../sim/bugs/harmless.ts';
import { BUGS, bugNamed, changeNamed } from '../../../sim/bugs/list.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const list = suite('the list of planted bugs');

for (const bug of [...BUGS, ...HARMLESS]) {
  list(`can plant ${bug.name}, and what it changes still parses`, () => {
    for (const file of filesOf(bug)) {
      const text = readFileSync(join(ROOT, file), 'utf8');
      const planted = plantIn(file, text, bug.edits.filter((edit) => edit.file === file));
      assert.is.not(planted, text);
      stripTypeScriptTypes(planted);
    }
  });
}

list('has at least thirty that are found, each with a name of its own, an invariant, a reason and a source', () => {
  const found = BUGS.filter((bug) => bug.open === undefined);
  assert.ok(found.length >= 30, `${found.length} bugs`);
  assert.is(new Set(BUGS.map(({ name }) => name)).size, BUGS.length);
  for (const bug of BUGS) {
    assert.match(bug.name, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(bug.breaks.length > 0 && bug.why.length > 20 && bug.source.length > 1 && bug.seeds >= 1, bug.name);
  }
});

list('changes production sources, and the model of what surrounds them, only', () => {
  for (const bug of BUGS) for (const file of filesOf(bug)) assert.match(file, /^(agent|shared|coordinator)\//);
});

list('tells bugs from what is harmless, and what the proof of that leans on is there', () => {
  for (const { name, edits, leansOn, proof } of HARMLESS) {
    assert.not.ok(BUGS.some((bug) => bug.name === name), name);
    assert.is(changeNamed(name).edits, edits);
    assert.ok(proof.length > 100);
    for (const file of leansOn) assert.ok(existsSync(join(ROOT, file)), file);
  }
});

list('refuses a text that is not there, or there twice', () => {
  assert.throws(() => plantIn('a.ts', 'one two', [{ file: 'a.ts', find: 'three', replace: '' }]), /0 times, not once/);
  assert.throws(() => plantIn('a.ts', 'one one', [{ file: 'a.ts', find: 'one', replace: '' }]), /2 times, not once/);
});

list('names its bugs when asked for one that is none', () => {
  assert.throws(() => bugNamed('nothing'), /there is no planted bug nothing; there are: expand-without-version, /);
});

list.run();
