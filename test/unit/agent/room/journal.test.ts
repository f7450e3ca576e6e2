/** The room's journal: what is written is there after the process was killed, or the room does not start. */
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Journal } from '../../../../agent/room/journal.ts';

interface Entry {
  readonly key: string;
  readonly value: string;
}

const journals = suite('the journal');

const directories: string[] = [];
const directory = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'ves-journal-'));
  directories.push(made);
  return made;
};
const code = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (thrown) {
    return (thrown as { code?: string }).code;
  }
};

journals.after(() => {
  for (const each of directories) rmSync(each, { recursive: true, force: true });
});

journals('gives back every entry in order, also without being closed', () => {
  const at = directory();
  const { journal, entries } = Journal.open<Entry>(at, () => []);
  assert.equal(entries, []);
  const written = Array.from({ length: 50 }, (_, index) => ({ key: `k${index}`, value: 'ü"\n\\' }));
  for (const entry of written) journal.append(entry);
  const again = Journal.open<Entry>(at, () => []);
  assert.equal(again.entries, written);
  again.journal.append({ key: 'more', value: '' });
  assert.is(Journal.open<Entry>(at, () => []).entries.length, 51);
});

journals('drops a last line that was cut off, wherever it was cut, and nothing else', () => {
  const at = directory();
  const { journal } = Journal.open<Entry>(at, () => []);
  journal.append({ key: 'a', value: '1' });
  const kept = readFileSync(join(at, 'journal'), 'utf8');
  journal.append({ key: 'b', value: '2' });
  const whole = readFileSync(join(at, 'journal'), 'utf8');
  for (let length = kept.length; length < whole.length; length += 1) {
    writeFileSync(join(at, 'journal'), whole.slice(0, length));
    assert.equal(Journal.open<Entry>(at, () => []).entries, [{ key: 'a', value: '1' }], `cut at ${length}`);
    assert.is(readFileSync(join(at, 'journal'), 'utf8'), kept);
  }
});

journals('refuses any other damage', () => {
  const at = directory();
  const { journal } = Journal.open<Entry>(at, () => []);
  for (const key of ['a', 'b', 'c']) journal.append({ key, value: '1' });
  const path = join(at, 'journal');
  const whole = readFileSync(path, 'utf8');
  for (let position = 0; position < whole.length; position += 7) {
    const damaged = `${whole.slice(0, position)}${whole[position] === 'x' ? 'y' : 'x'}${whole.slice(position + 1)}`;
    writeFileSync(path, damaged);
    if (damaged.endsWith('\n')) assert.is(code(() => Journal.open(at, () => [])), 'RoomJournalCorrupt', `damaged at ${position}`);
    assert.is(readFileSync(path, 'utf8'), damaged);
  }
  writeFileSync(path, whole.split('\n').slice(1).join('\n'));
  assert.is(code(() => Journal.open(at, () => [])), 'RoomJournalCorrupt');
});

journals('is rewritten from what must be kept, and goes on', () => {
  const at = directory();
  const state = new Map<string, string>();
  const snapshot = function* (): Iterable<Entry> {
    for (const [key, value] of state) yield { key, value };
  };
  const { journal } = Journal.open<Entry>(at, snapshot);
  for (let round = 0; round < 500; round += 1) {
    state.set(`k${round % 5}`, `${round}`.repeat(100));
    journal.append({ key: `k${round % 5}`, value: `${round}`.repeat(100) });
  }
  const before = statSync(join(at, 'journal')).size;
  journal.rewrite();
  assert.ok(statSync(join(at, 'journal')).size < before / 50);
  assert.not.ok(existsSync(join(at, 'journal.new')));
  journal.append({ key: 'after', value: '' });
  assert.equal(new Map(Journal.open<Entry>(at, snapshot).entries.map(({ key, value }) => [key, value])), new Map([...state, ['after', '']]));
});

journals('rewrites itself when it has grown large, after the change that made it so', async () => {
  const at = directory();
  let last = '';
  const { journal } = Journal.open<Entry>(at, () => [{ key: 'last', value: last }]);
  for (let round = 0; round < 10; round += 1) {
    journal.append({ key: 'last', value: `${round}`.repeat(1024 * 1024) });
    last = String(round); // the state follows its entry
  }
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(Journal.open<Entry>(at, () => []).entries, [{ key: 'last', value: '9' }]);
});

journals('says so when its directory cannot be used', () => {
  const at = directory();
  writeFileSync(join(at, 'file'), '');
  assert.is(code(() => Journal.open(join(at, 'file', 'room'), () => [])), 'RoomJournalUnusable');
  mkdirSync(join(at, 'room', 'journal'), { recursive: true });
  appendFileSync(join(at, 'room', 'journal', 'x'), '');
  chmodSync(join(at, 'room'), 0o700);
  assert.is(code(() => Journal.open(join(at, 'room'), () => [])), 'RoomJournalUnusable');
});

journals.run();
