/**
 * Does a text match a pattern with `*` and `?`, as EC2's filters have them? A backslash takes the next sign literally.
 *
 * Not by RegExp: a pattern of many stars from outside must not take more than pattern times text steps.
 */

const ANY_RUN = 0;
const ANY_ONE = 1;
type Token = typeof ANY_RUN | typeof ANY_ONE | string;

/** Compiles a pattern. Matching is case-sensitive and of the whole text. */
export function compileGlob(pattern: string): (text: string) => boolean {
  if (!/[*?\\]/.test(pattern)) return (text) => text === pattern;
  const tokens = tokensOf(pattern);
  return (text) => matches(tokens, text);
}

function tokensOf(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const sign = pattern.charAt(at);
    if (sign === '\\' && at + 1 < pattern.length) {
      at += 1;
      tokens.push(pattern.charAt(at));
    } else if (sign === '*') {
      if (tokens.at(-1) !== ANY_RUN) tokens.push(ANY_RUN);
    } else tokens.push(sign === '?' ? ANY_ONE : sign);
  }
  return tokens;
}

/** After a failure only the last star may take one sign more: earlier stars never need to (greedy from the left is complete). */
function matches(tokens: readonly Token[], text: string): boolean {
  let token = 0;
  let at = 0;
  let starToken = -1;
  let starAt = 0;
  while (at < text.length) {
    const expected = tokens[token];
    if (expected === ANY_RUN) {
      starToken = token;
      starAt = at;
      token += 1;
    } else if (expected === ANY_ONE || expected === text.charAt(at)) {
      token += 1;
      at += 1;
    } else if (starToken >= 0) {
      starAt += 1;
      token = starToken + 1;
      at = starAt;
    } else return false;
  }
  while (tokens[token] === ANY_RUN) token += 1;
  return token === tokens.length;
}
