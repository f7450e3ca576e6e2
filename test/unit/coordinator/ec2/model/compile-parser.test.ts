/** Do flat parameters become what the service model says? */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Ec2Error } from '../../../../../coordinator/ec2/errors.ts';
import { compileParser } from '../../../../../coordinator/ec2/model/compile-parser.ts';
import { readSlices } from '../../../../../coordinator/ec2/model/service-slice.ts';
import type { ServiceSlice } from '../../../../../coordinator/ec2/model/service-slice.ts';
import { parseForm } from '../../../../../coordinator/ec2/read-request.ts';

const parsing = suite('a parsed request');

const slice: ServiceSlice = {
  version: '1', namespace: 'n', unserved: [],
  actions: { Try: { output: { type: 'structure', members: {} }, input: { type: 'structure', required: ['Name'], members: {
    Name: {}, Count: { locationName: 'count', type: 'integer' }, Size: { type: 'long' }, Ratio: { type: 'double' }, Flag: { type: 'boolean' }, When: { type: 'timestamp' },
    Words: { locationName: 'word', type: 'list', member: { locationName: 'item' } }, Things: { locationName: 'ignored', queryName: 'Thing', shape: 'Things' },
    Inner: { type: 'structure', required: ['Key'], members: { Key: { locationName: 'key' }, Values: { locationName: 'Value', type: 'list', member: {} } } },
  } } } },
  shapes: { Things: { type: 'list', member: { type: 'structure', members: { Key: { locationName: 'key' }, Value: { locationName: 'value' }, Parts: { locationName: 'part', type: 'list', member: { type: 'integer' } } } } } },
};
const parse = compileParser(slice, slice.actions['Try']?.input ?? {});
const parseText = (text: string): object => parse(parseForm(text));

parsing('has the types of the model, under the names of the protocol', () => {
  assert.equal(parseText('Name=a&Count=-7&Size=9007199254740991&Ratio=1.5&Flag=TRUE&When=2026-01-31T12:00:00Z'), { Name: 'a', Count: -7, Size: 9_007_199_254_740_991, Ratio: 1.5, Flag: true, When: '2026-01-31T12:00:00Z' });
});

parsing('has its lists in the order of their indexes, from wherever they count', () => {
  assert.equal(parseText('Name=a&Word.10=c&Word.2=b&Word.0=a'), { Name: 'a', Words: ['a', 'b', 'c'] });
  assert.equal(parseText('Name=a&Thing.2.Part.1=4&Thing.2.Key=z&Thing.1.Part.2=2&Thing.1.Part.1=1'), { Name: 'a', Things: [{ Parts: [1, 2] }, { Parts: [4], Key: 'z' }] });
});

parsing('does not have what was empty, but for values', () => {
  assert.equal(parseText('Name=a&Count=&Flag=&Word.1=&Word.2=x'), { Name: 'a', Words: ['x'] });
  assert.equal(parseText('Name=a&Word.1='), { Name: 'a' });
  assert.equal(parseText('Name=a&Thing.1.Key=&Thing.1.Value='), { Name: 'a', Things: [{ Value: '' }] });
  assert.equal(parseText('Name=a&Inner.Key=k&Inner.Value.1='), { Name: 'a', Inner: { Key: 'k', Values: [''] } });
});

const BAD: readonly (readonly [text: string, code: string, named: string])[] = [
  ['', 'MissingParameter', 'Name'],
  ['Name=', 'MissingParameter', 'Name'],
  ['Name=a&Inner.Value.1=x', 'MissingParameter', 'Inner.Key'],
  ['Name=a&name=b', 'UnknownParameter', 'name'],
  ['Name=a&Other=b', 'UnknownParameter', 'Other'],
  ['Name=a&__proto__=b', 'UnknownParameter', '__proto__'],
  ['Name=a&Inner.__proto__.x=b', 'UnknownParameter', '__proto__'],
  ['Name=a&Ignored.1.Key=b', 'UnknownParameter', 'Ignored'],
  ['Name=a&Word.x=b', 'UnknownParameter', 'Word.x'],
  ['Name=a&Word.-1=b', 'UnknownParameter', 'Word.-1'],
  ['Name=a&Word.1234567=b', 'UnknownParameter', 'Word.1234567'],
  ['Name=a&Word.1.2=b', 'UnknownParameter', 'Word.1.2'],
  ['Name=a&Thing.1=b', 'UnknownParameter', 'Thing.1'],
  ['Name=a&Inner=b', 'UnknownParameter', 'Inner'],
  ['Name=a&Name.1=b', 'UnknownParameter', 'Name.1'],
  ['Name=a&Name=b', 'InvalidParameterCombination', 'Name'],
  ['Name=a&Word.1=b&Word.01=c', 'InvalidParameterCombination', 'Word.01'],
  ['Name=a&Count=1.5', 'InvalidParameterValue', 'Count'],
  ['Name=a&Count=0x10', 'InvalidParameterValue', 'Count'],
  ['Name=a&Count=2147483648', 'InvalidParameterValue', 'Count'],
  ['Name=a&Count=%201', 'InvalidParameterValue', 'Count'],
  ['Name=a&Size=9007199254740992', 'InvalidParameterValue', 'Size'],
  ['Name=a&Ratio=NaN', 'InvalidParameterValue', 'Ratio'],
  ['Name=a&Flag=1', 'InvalidParameterValue', 'Flag'],
  ['Name=a&When=yesterday', 'InvalidParameterValue', 'When'],
  ['Name=a&When=2026-13-01T00:00:00Z', 'InvalidParameterValue', 'When'],
];
for (const [text, code, named] of BAD) {
  parsing(`is refused by name: ${text}`, () => {
    assert.throws(() => parseText(text), (error: unknown) => error instanceof Ec2Error && error.code === code && error.message.includes(named));
  });
}

parsing('shares nothing with another one', () => {
  const first = parseText('Name=a&Word.1=x');
  parseText('Name=b&Word.1=y');
  assert.equal(first, { Name: 'a', Words: ['x'] });
});

parsing('exists for every action of the checked-in slice', () => {
  const { ec2, sts } = readSlices();
  for (const part of [ec2, sts]) for (const action of Object.values(part.actions)) compileParser(part, action.input);
  assert.is(Object.keys(ec2.actions).length + ec2.unserved.length, 627);
  const run = compileParser(ec2, ec2.actions['RunInstances']?.input ?? {});
  assert.equal(run(parseForm('MinCount=1&MaxCount=2&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=&ClientToken=t&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.SecurityGroupId.1=sg')), {
    MinCount: 1, MaxCount: 2, TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: '' }] }], ClientToken: 't', NetworkInterfaces: [{ DeviceIndex: 0, Groups: ['sg'] }],
  });
});

parsing.run();
