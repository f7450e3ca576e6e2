/** Do patterns match what EC2's filters match? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compileGlob } from '../../../../coordinator/ec2/glob.ts';
import { seededChance } from '../../../../shared/random.ts';

const globs = suite('a pattern');

const CASES: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
  ['', '', true], ['', 'a', false], ['a', 'a', true], ['a', 'A', false], ['a', 'ab', false],
  ['*', '', true], ['*', 'anything', true], ['a*', 'a', true], ['a*', 'ba', false], ['*a', 'bca', true], ['a*c', 'abc', true], ['a*c', 'ab', false], ['a*b*c', 'aXbXbXc', true],
  ['?', 'a', true], ['?', '', false], ['?', 'ab', false], ['a?c', 'abc', true], ['*?', '', false], ['?*', 'x', true],
  ['\\*', '*', true], ['\\*', 'a', false], ['\\?', '?', true], ['\\?', 'a', false], ['\\\\', '\\', true], ['a\\', 'a\\', true],
  ['a.c', 'abc', false], ['[a]', '[a]', true], ['(', '(', true], ['**a**', 'xay', true],
];
for (const [pattern, text, matches] of CASES) {
  globs(`matches as it should: '${pattern}' ${matches ? 'matches' : 'does not match'} '${text}'`, () => {
    assert.is(compileGlob(pattern)(text), matches);
  });
}

globs('of many stars takes no more than pattern times text steps', () => {
  const matches = compileGlob(`${'*a'.repeat(200)}b`);
  const startedMs = performance.now();
  assert.is(matches('a'.repeat(5_000)), false);
  // A backtracking matcher would need longer than the universe has; this one takes a few milliseconds.
  assert.ok(performance.now() - startedMs < 2_000);
});

globs('agrees with a regular expression on random texts', () => {
  const chance = seededChance(7);
  const draw = (alphabet: string, length: number): string => Array.from({ length }, () => alphabet.charAt(Math.floor(chance.next() * alphabet.length))).join('');
  let matched = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const pattern = draw('ab*?', Math.floor(chance.next() * 7));
    const text = draw('ab', Math.floor(chance.next() * 7));
    const expected = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text);
    assert.is(compileGlob(pattern)(text), expected, `'${pattern}' and '${text}'`);
    if (expected) matched += 1;
  }
  assert.ok(matched > 1_000, `only ${matched} matched`);
});

globs.run();
