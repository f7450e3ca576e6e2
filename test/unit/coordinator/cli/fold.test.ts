/** Do long lines stay readable on a narrow terminal, and short ones as they are? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readCommandLine } from '../../../../coordinator/cli/command-line.ts';
import { fold } from '../../../../coordinator/cli/fold.ts';

const folding = suite('folding');

folding('leaves alone what fits, to the last column', () => {
  const text = 'NODE    PHASE\n\n  node-1  ok\n';
  assert.is(fold(text, 13), text);
});

folding('goes on below the text of the last column that leaves it room', () => {
  assert.is(fold('14:56:01.902      3.0  node-3 started (boot 7544, its start number 1).\n', 60), '14:56:01.902      3.0  node-3 started (boot 7544, its start\n                       number 1).\n');
  assert.is(fold('  why INSTANCE    why an instance is where it is\n', 40), '  why INSTANCE    why an instance is\n                  where it is\n');
  assert.is(fold('one two three', 8), 'one two\nthree');
});

folding('gives a table\'s note lines of its own', () => {
  const row = 'node-1  active  voter  0.1 of 14.7 GiB  ';
  assert.is(fold(`${row}does not reach node-2\n`, 50), 'node-1  active  voter  0.1 of 14.7 GiB\n        does not reach node-2\n');
  assert.is(fold(`${row}${'very '.repeat(10)}long`, 50), `node-1  active  voter  0.1 of 14.7 GiB\n        ${'very '.repeat(8).trimEnd()}\n        very very long`);
});

folding('keeps every word, and breaks none', () => {
  assert.is(fold('a 0123456789 b', 5), 'a\n0123456789\nb');
  const help = readCommandLine([]);
  if (help.kind !== 'help') throw new Error('there is no help');
  for (const columns of [40, 80, 120]) {
    const folded = fold(help.text, columns);
    assert.equal(folded.split(/\s+/), help.text.split(/\s+/));
    if (columns > 70) for (const line of folded.split('\n')) assert.ok(line.length <= columns, line);
  }
});

folding('does not count colours', () => {
  const red = '\u001b[31mdead\u001b[39m';
  assert.is(fold(`x  ${red} y`, 9), `x  ${red} y`);
  assert.is(fold(`x  ${red} yes`, 9), `x  ${red}\n   yes`);
});

folding.run();
