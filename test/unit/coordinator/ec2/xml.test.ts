/** Is any text safe in XML? */
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { escapeXml } from '../../../../coordinator/ec2/xml.ts';

const xml = suite('a text in XML');

xml('keeps what XML can hold', () => {
  const parser = new XMLParser({ parseTagValue: false, trimValues: false, htmlEntities: true });
  for (const text of ['', 'plain', `<b a="1" c='2'>&amp;</b>`, ']]>', 'tab\tline\n', 'ü € 😀', '\ud83d\ude00']) {
    const document = `<a>${escapeXml(text)}</a>`;
    assert.is(XMLValidator.validate(document), true, text);
    assert.is(parser.parse(document).a, text);
  }
  assert.is(escapeXml('a\rb'), 'a&#13;b');
});

xml('loses what XML cannot hold, and nothing around it', () => {
  for (const bad of ['\u0000', '\u0008', '\u000b', '\u001b', '\u001f', '\ufffe', '\uffff', '\ud800', '\udc00']) {
    assert.is(escapeXml(`a${bad}<`), 'a\ufffd&lt;', JSON.stringify(bad));
  }
  assert.is(escapeXml('\ud83d\ude00\ud83d'), '\ud83d\ude00\ufffd');
});

xml.run();
