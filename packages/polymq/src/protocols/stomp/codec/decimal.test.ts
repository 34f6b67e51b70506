import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decimalBytes, writeDecimal } from './decimal.ts';

test('numbers are written as text of that number', () => {
  const target = Buffer.alloc(32);
  const check = (value: number): void => {
    const end = writeDecimal(target, 3, value);
    expect(target.toString('latin1', 3, end)).toBe(String(value));
    expect(end - 3).toBe(decimalBytes(value));
  };
  for (const value of [0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    check(value);
  }
  fc.assert(fc.property(fc.maxSafeNat(), check));
});
