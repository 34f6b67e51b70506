import { describe, expect, it } from 'vitest';
import { checkMessageAttributes, type GivenAttribute } from './check-attributes.ts';

const check = (given: Record<string, GivenAttribute>) => checkMessageAttributes(given, 10);

describe('message attributes', () => {
  it('are taken with types of the user behind the known ones, and their bytes counted', () => {
    const given = {
      a: { DataType: 'Number.int', StringValue: '42' },
      b: { DataType: 'Binary', BinaryValue: 'AQI=' },
    };
    const { attributes, bytes } = check(given);
    expect({ ...attributes }).toEqual(given);
    expect(bytes).toBe(1 + 10 + 2 + (1 + 6 + 2));
  });

  it.each<[string, Record<string, GivenAttribute>, RegExp]>([
    ['no type', { a: { StringValue: 'x' } }, /non-empty attribute type/],
    ['an unknown type', { a: { DataType: 'Text', StringValue: 'x' } }, /type prefixes/],
    ['no value', { a: { DataType: 'String' } }, /must contain a non-empty message attribute value/],
    ['an empty value', { a: { DataType: 'String', StringValue: '' } }, /must contain a non-empty/],
    ['a number that is none', { a: { DataType: 'Number', StringValue: 'x1' } }, /Can't cast/],
    [
      'bytes for a text',
      { a: { DataType: 'String', BinaryValue: 'AQI=' } },
      /must use field 'String'/,
    ],
    ['a number that is too large', { a: { DataType: 'Number', StringValue: '1e127' } }, /cast/],
    [
      'two values',
      { a: { DataType: 'String', StringValue: 'x', BinaryValue: 'AQI=' } },
      /multiple values/,
    ],
    ['a blank in a name', { 'a b': { DataType: 'String', StringValue: 'x' } }, /name 'a b'/],
    ['dots in a row', { 'a..b': { DataType: 'String', StringValue: 'x' } }, /name 'a\.\.b'/],
    ['a name of AWS', { 'AWS.x': { DataType: 'String', StringValue: 'x' } }, /AWS\./],
    ['a control character', { a: { DataType: 'String', StringValue: '\u0001' } }, /Invalid char/],
  ])('are refused with %s', (_, given, message) => {
    expect(() => check(given)).toThrow(message);
  });

  it('are refused if there are too many', () => {
    const many = Object.fromEntries(
      Array.from({ length: 11 }, (_, at) => [`a${at}`, { DataType: 'String', StringValue: 'x' }]),
    );
    expect(() => check(many)).toThrow(/\[11\] exceeds the allowed maximum \[10\]/);
  });
});
