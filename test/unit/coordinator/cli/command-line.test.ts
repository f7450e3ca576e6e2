/** Is what was typed understood, and is what was not told in a sentence? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readCommandLine } from '../../../../coordinator/cli/command-line.ts';
import { COMMANDS } from '../../../../coordinator/cli/commands.ts';
import { CliFailure } from '../../../../coordinator/cli/failure.ts';
import { bytes, duration, painter, share, table } from '../../../../coordinator/cli/table.ts';

const line = suite('a command line');

function refused(words: string): CliFailure {
  try {
    readCommandLine(words.split(' '));
  } catch (error) {
    if (error instanceof CliFailure) return error;
    throw error;
  }
  throw new Error(`${words} was accepted`);
}

line('names a command with its arguments and options', () => {
  const typed = readCommandLine(['room', 'cut', 'node-1', '--network', 'mesh', '--json']);
  assert.is(typed.kind === 'run' && typed.command.words, 'room cut');
  assert.equal(typed.kind === 'run' && typed.given, { NODE: 'node-1' });
  assert.is(typed.kind === 'run' && typed.options['network'], 'mesh');
  assert.is(typed.kind === 'run' && typed.isJson, true);
});

line('has help for every command, and for all of them', () => {
  for (const words of [[], ['help'], ['--help'], ['-h']]) assert.is(readCommandLine(words).kind, 'help');
  const overview = readCommandLine([]);
  for (const command of COMMANDS) {
    assert.match(overview.kind === 'help' ? overview.text : '', command.words);
    for (const flag of ['--help', '-h']) {
      const help = readCommandLine([...command.words.split(' '), flag]);
      assert.match(help.kind === 'help' ? help.text : '', `usage: ves ${command.words}`);
    }
  }
  assert.match((readCommandLine(['room']) as { text: string }).text, /power-off NODE/);
});

line('that is wrong is refused with exit code 2 and what to type', () => {
  for (const [words, pattern] of [
    ['fly', /no command fly; ves --help/], ['room fly', /no command room fly.*power-off/s], ['why', /INSTANCE is missing\nusage: ves why INSTANCE/], ['nodes extra', /extra is too much/],
    ['nodes --colour', /Unknown option '--colour'\nusage/], ['events --limit', /limit/], ['room cut node-1 node-2', /node-2 is too much/], ['events --follow=yes', /follow/],
  ] as const) {
    const failure = refused(words);
    assert.is(failure.exitCode, 2, words);
    assert.match(failure.message, pattern);
  }
});

const ESCAPE = '\u001b';

const tables = suite('a table');

tables('aligns its columns, numbers to the right', () => {
  const text = table(['NAME', '>COUNT', 'NOTE'], [['a', '1', 'x'], ['bbbbbb', '1000', '']], painter(false, {}));
  assert.is(text, 'NAME    COUNT  NOTE\na           1  x\nbbbbbb   1000\n');
});

tables('is coloured on a terminal only, and never when NO_COLOR is set', () => {
  const row = [[{ text: 'active', colour: 'green' as const }]];
  assert.ok(table(['X'], row, painter(true, {})).includes(`${ESCAPE}[32mactive`));
  assert.not.ok(table(['X'], row, painter(false, {})).includes(ESCAPE));
  assert.not.ok(table(['X'], row, painter(true, { NO_COLOR: '1' })).includes(ESCAPE));
});

tables('keeps its columns where colours are', () => {
  const plain = table(['A', 'B'], [[{ text: 'x', colour: 'red' }, 'y'], ['long', 'z']], painter(false, {}));
  const painted = table(['A', 'B'], [[{ text: 'x', colour: 'red' }, 'y'], ['long', 'z']], painter(true, {}));
  assert.is(painted.split(ESCAPE).map((part, at) => (at === 0 ? part : part.replace(/^\[\d+m/, ''))).join(''), plain);
});

tables('shows sizes and durations in units that suit them', () => {
  assert.equal([0, 1023, 1024, 1536, 128 * 1024 ** 2, 200 * 1024 ** 3, 15 * 1024 ** 4 + 1].map((count) => bytes(count)), ['0 B', '1023 B', '1 KiB', '1.5 KiB', '128 MiB', '200 GiB', '15.0 TiB']);
  assert.equal([share(0, 1024), share(128 * 1024 ** 2, 64 * 1024 ** 3), share(11 * 1024 ** 3, 200 * 1024 ** 3)], ['0 of 1 KiB', '0.1 of 64 GiB', '11 of 200 GiB']);
  assert.equal([0, 512, 59_900, 61_000, 7_200_000].map((ms) => duration(ms)), ['0.0 s', '0.5 s', '59.9 s', '1 min', '2 h']);
});

line.run();
tables.run();
