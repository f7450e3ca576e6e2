/** Are long lists cut so that every record is shown once? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cutPage } from '../../../../coordinator/ec2/pages.ts';
import { Ec2Error } from '../../../../coordinator/ec2/errors.ts';

const pages = suite('a page');
const RULES = { list: 'letters', resultsMin: 1, resultsMax: 10 };
const letters = 'abcdefghij'.split('');
const self = (letter: string): string => letter;

pages('after page shows every record once', () => {
  for (let size = 1; size <= 10; size += 1) {
    const shown: string[] = [];
    let token: string | undefined;
    let count = 0;
    do {
      const page = cutPage(letters, self, { MaxResults: size, NextToken: token }, RULES);
      shown.push(...page.records);
      token = page.nextToken;
      count += 1;
    } while (token !== undefined);
    assert.equal(shown, letters, `pages of ${size}`);
    assert.is(count, Math.ceil(10 / size));
  }
});

pages('has no successor when it is full and the last', () => {
  assert.is(cutPage(letters, self, { MaxResults: 10 }, RULES).nextToken, undefined);
  assert.is(cutPage([], self, { MaxResults: 1 }, RULES).nextToken, undefined);
});

pages('does not care that the record its token names is gone', () => {
  const { nextToken } = cutPage(letters, self, { MaxResults: 3 }, RULES);
  assert.equal(cutPage(letters.filter((letter) => letter !== 'c'), self, { MaxResults: 2, NextToken: nextToken }, RULES).records, ['d', 'e']);
});

pages('refuses tokens that it did not give', () => {
  const tokens = ['', ' ', '%', 'AAAA', Buffer.from('{}').toString('base64url'), Buffer.from('["letters"]').toString('base64url'), Buffer.from('["letters",1]').toString('base64url'), Buffer.from('["words","a"]').toString('base64url'), 'A'.repeat(10_000)];
  for (const NextToken of tokens) {
    assert.throws(() => cutPage(letters, self, { NextToken }, RULES), (error: unknown) => error instanceof Ec2Error && error.code === 'InvalidPaginationToken', NextToken.slice(0, 40));
  }
});

pages('refuses sizes out of bounds', () => {
  for (const MaxResults of [0, -1, 11]) assert.throws(() => cutPage(letters, self, { MaxResults }, RULES), (error: unknown) => error instanceof Ec2Error && error.code === 'InvalidParameterValue');
});

pages.run();
