import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseStory, printStory } from '../../../sim/scenarios/parse-story.ts';

const TEXT = `# F03 One node loses power

Prose, until the cell is named.

cell nodes=3
run web
A = holder web

> power off A
+  0.0  A is without power
+ 12.3  web runs on B
In between, somebody says something.

> until calm
`;

const story = suite('a story');

story('is a heading, commands that prepare, and commands with what followed from them', () => {
  const { mark, title, parts } = parseStory(TEXT);
  assert.is(mark, 'F03');
  assert.is(title, 'One node loses power');
  assert.equal(parts.flatMap((part) => (part.kind === 'command' ? [[part.line, part.text, part.isTold]] : [])), [
    [5, 'cell nodes=3', false], [6, 'run web', false], [7, 'A = holder web', false], [9, 'power off A', true], [14, 'until calm', true],
  ]);
  assert.equal(parts.flatMap((part) => (part.kind === 'command' ? [part.trace] : [])).flat(), [{ atMs: 0, text: 'A is without power' }, { atMs: 12_300, text: 'web runs on B' }]);
});

story('is printed as it was read', () => {
  assert.is(printStory(parseStory(TEXT)), TEXT);
});

for (const [what, text, why] of [
  ['without a heading', 'F03 One node loses power\n', /line 1: /],
  ['that begins before there is a cell', '# F03 A title\n\n> power off A\n', /line 3: there is no cell/],
  ['with a trace that no command left', '# F03 A title\ncell nodes=3\n\n+ 0.0 A is up\n', /line 4: a trace follows/],
  ['with a trace under what only prepares', '# F03 A title\ncell nodes=3\n+ 0.0 A is up\n', /line 3: a trace follows/],
  ['with a line of a trace that has no time', '# F03 A title\ncell nodes=3\n> power off A\n+ A is up\n', /line 4: a line of a trace/],
] as const) {
  story(`${what} is refused, and the line is named`, () => {
    assert.throws(() => parseStory(text), why);
  });
}

story.run();
