/** Do answers become the XML that the service model says? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compileWriter } from '../../../../../coordinator/ec2/model/compile-writer.ts';
import type { Reference, ServiceSlice } from '../../../../../coordinator/ec2/model/service-slice.ts';

const writing = suite('a written answer');

const output: Reference = { type: 'structure', members: {
  Name: { locationName: 'name' }, Count: { type: 'integer' }, Flag: { locationName: 'flag', type: 'boolean' }, Inner: { locationName: 'inner', shape: 'Inner' },
  Words: { locationName: 'wordSet', type: 'list', member: { locationName: 'item' } }, Inners: { locationName: 'innerSet', type: 'list', member: { locationName: 'item', shape: 'Inner' } },
} };
const slice: ServiceSlice = { version: '1', namespace: 'n', unserved: [], actions: {}, shapes: { Inner: { type: 'structure', members: { Key: { locationName: 'key' }, Parts: { locationName: 'partSet', type: 'list', member: { type: 'integer' } } } } } };
const write = compileWriter(slice, output, { sparse: false });

writing('has its members in the order of the model, under the names of the wire', () => {
  assert.is(write({ Flag: false, Count: 0, Name: 'a<b', Words: ['x', 'y'], Inners: [{ Key: 'k', Parts: [1, 2] }], Inner: { Key: '' } }),
    '<name>a&lt;b</name><Count>0</Count><flag>false</flag><inner><key/><partSet/></inner><wordSet><item>x</item><item>y</item></wordSet><innerSet><item><key>k</key><partSet><item>1</item><item>2</item></partSet></item></innerSet>');
});

writing('has empty elements for lists that are absent or empty, and nothing for other absent members', () => {
  assert.is(write({}), '<wordSet/><innerSet/>');
  assert.is(write({ Name: undefined, Words: [], Inner: {} }), '<inner><partSet/></inner><wordSet/><innerSet/>');
});

writing('leaves absent lists out where the answer is sparse, on the outside only', () => {
  const sparse = compileWriter(slice, output, { sparse: true });
  assert.is(sparse({ Inner: {} }), '<inner><partSet/></inner>');
  assert.is(sparse({ Words: [] }), '<wordSet/>');
});

writing.run();
