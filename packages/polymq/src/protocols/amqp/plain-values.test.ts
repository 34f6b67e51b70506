import { describe, expect, test } from 'vitest';
import { FieldDecimal, FieldTimestamp } from './methods/row.ts';
import { plainTable, plainType, samePlain } from './plain-values.ts';

describe('field tables as plain values', () => {
  test('keep what JSON can hold, and turn the rest into the nearest', () => {
    const table = {
      text: 'a',
      number: 1.5,
      big: 2n ** 40n,
      yes: true,
      nothing: null,
      bytes: Buffer.from([0x61, 0xff]),
      time: new FieldTimestamp(1_700_000_000),
      price: new FieldDecimal(2, 1999),
      list: [1, 'b', { deep: Buffer.from('c') }],
    };
    const plain = plainTable(table);
    expect(plain).toEqual({
      text: 'a',
      number: 1.5,
      big: 2 ** 40,
      yes: true,
      nothing: null,
      bytes: 'aÿ',
      time: 1_700_000_000,
      price: 19.99,
      list: [1, 'b', { deep: 'c' }],
    });
    expect(JSON.parse(JSON.stringify(plain))).toEqual(plain);
  });

  test('are the same whatever the order of their entries', () => {
    expect(samePlain({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toBe(true);
    for (const [a, b] of [
      [{ a: 1 }, { a: 1, b: 2 }],
      [{ a: 1 }, { b: 1 }],
      [
        [1, 2],
        [2, 1],
      ],
      [1, '1'],
      [null, {}],
      [undefined, null],
    ] as const) {
      expect(samePlain(a, b)).toBe(false);
    }
  });

  test('have the names of types that RabbitMQ uses', () => {
    const values = [1, 1.5, 'a', true, null, [1], { a: 1 }];
    expect(values.map(plainType)).toEqual([
      'signedint',
      'double',
      'longstr',
      'bool',
      'void',
      'array',
      'table',
    ]);
  });
});
