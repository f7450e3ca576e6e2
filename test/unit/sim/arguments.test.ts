/** Does the simulator's command line say what it wants, and what was wrong? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readArguments, readSoakArguments, replayCommand, UsageError } from '../../sim/arguments.ts';

const commandLine = suite("the simulator's command line");

const refusals: readonly (readonly [string, RegExp])[] = [
  ['--seed 1.5', /--seed is a whole number/],
  ['--seed -1', /--seed/],
  ['--seed 1 --seeds 1..2', /exclude each other/],
  ['--seed 1 --plan x.json', /exclude each other/],
  ['--seeds 5', /--seeds is A\.\.B/],
  ['--seeds 5..4', /are none/],
  ['--seeds 0..1000000', /more than/],
  ['--nodes 1', /--nodes is a whole number from 2 to 100/],
  ['--nodes 101', /--nodes/],
  ['--hours 0', /--hours is a number from/],
  ['--hours x', /--hours/],
  ['--profile quick', /--profile is one of fast, standard, soft/],
  ['--sum', /--sum needs files/],
  ['--sum a --seed 1', /exclude each other/],
  ['extra', /extra/],
  ['--wrong', /--wrong/],
];

for (const [line, message] of refusals) {
  commandLine(`refuses ${line}`, () => {
    assert.throws(() => readArguments(line.split(' ')), (error: unknown) => error instanceof UsageError && message.test(error.message));
  });
}

commandLine('takes seeds, and runs one hour of seed 1 when nothing is said', () => {
  assert.equal(readArguments([]), {
    kind: 'run', fromSeed: 1, toSeed: 1, nodes: null, hours: 1, profile: null, plan: null, bug: null, trace: null, isJson: false, out: null, doMinimise: false,
  });
  const { kind, ...rest } = readArguments('--seeds 7..9 --nodes 50 --hours 0.5 --profile soft --json --out r --bug b'.split(' '));
  assert.is(kind, 'run');
  assert.equal(rest, { fromSeed: 7, toSeed: 9, nodes: 50, hours: 0.5, profile: 'soft', plan: null, bug: 'b', trace: null, isJson: true, out: 'r', doMinimise: false });
  assert.equal(readArguments(['--sum', 'a', 'b']), { kind: 'sum', files: ['a', 'b'], isJson: false });
});

commandLine('gives the command that runs a seed again', () => {
  const again = replayCommand({ nodes: 5, hours: 0.5, profile: 'fast', bug: 'x', plan: null }, 12);
  assert.is(again, 'npm run sim -- --seed 12 --nodes 5 --hours 0.5 --profile fast --bug x');
  assert.equal(readArguments(again.split(' ').slice(4)), readArguments('--seed 12 --nodes 5 --hours 0.5 --profile fast --bug x'.split(' ')));
  assert.is(replayCommand({ nodes: null, hours: 1, profile: null, bug: null, plan: null }, 3), 'npm run sim -- --seed 3');
});

commandLine('of a soak takes minutes and jobs', () => {
  assert.equal(readSoakArguments('--minutes 0.5 --from 100 --jobs 2 --out r'.split(' ')), { nodes: null, hours: 1, profile: null, minutes: 0.5, fromSeed: 100, jobs: 2, out: 'r' });
  assert.throws(() => readSoakArguments(['--jobs', '0']), (error: unknown) => error instanceof UsageError);
});

commandLine.run();
