// deadline: 300 s
/**
 * Do the stories still go as they are written? Each file of this folder is one test; `UPDATE=1` writes those traces anew that
 * are another one now, for a person to read the difference.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runStory } from '../sim/scenarios/run-story.ts';
import { parseStory } from '../sim/scenarios/parse-story.ts';

const FOLDER = import.meta.dirname;
/** PEERS.md's list. */
const NUMBERS = Array.from({ length: 48 }, (_, at) => `F${String(at + 1).padStart(2, '0')}`);
const SKIPPED = readFileSync(join(FOLDER, 'skipped.txt'), 'utf8').split('\n').filter((line) => /^F\d\d /.test(line));

const files = globSync('*.txt', { cwd: FOLDER }).filter((name) => name !== 'skipped.txt').toSorted();
const stories = suite('a cell, in the story');

for (const file of files) {
  const path = join(FOLDER, file);
  const text = readFileSync(path, 'utf8');
  const { mark, title } = parseStory(text);
  stories(`${mark} ${title}`, async () => {
    assert.is(file.split('-')[0], mark.toLowerCase(), 'a file is named after its mark');
    const outcome = await runStory(text);
    const isUpdate = process.env['UPDATE'] === '1';
    if (isUpdate && outcome.text !== text) writeFileSync(path, outcome.text);
    const failures = [...outcome.failures, ...(isUpdate ? [] : outcome.differences)];
    assert.ok(failures.length === 0, `${file}\n${failures.join('\n')}\n${outcome.tail}`);
  });
}

for (const line of SKIPPED) stories.skip(line);

stories('and no number of the list is forgotten, or told and skipped at once', () => {
  const told = files.map((file) => (file.split('-')[0] ?? '').toUpperCase());
  const skipped = SKIPPED.map((line) => line.slice(0, 3));
  for (const number of NUMBERS) {
    const count = Number(told.includes(number)) + skipped.filter((each) => each === number).length;
    assert.is(count, 1, `${number} is told or skipped ${count} times`);
  }
});

stories.run();
