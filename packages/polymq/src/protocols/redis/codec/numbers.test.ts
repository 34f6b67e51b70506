import { describe, expect, it } from 'vitest';
import { NUMBER_LINE_BYTES_MAX, numberLineBytes, readInteger, writeNumberLine } from './numbers.ts';

const NUMBERS = [0, 1, 9, 10, 11, 99, 100, 12_345, 4_294_967_296, 999_999_999_999_999, -1, -10];

describe('lines with numbers', () => {
  it('are written as Redis reads them', () => {
    for (const value of NUMBERS) {
      const target = Buffer.alloc(NUMBER_LINE_BYTES_MAX + 2);
      const end = writeNumberLine(target, 2, 0x3a, value);
      expect(target.toString('latin1', 2, end)).toBe(`:${value}\r\n`);
      expect(numberLineBytes(value)).toBe(end - 2);
    }
  });

  it('are read back', () => {
    for (const value of NUMBERS) {
      const text = Buffer.from(`<${value}>`);
      expect(readInteger(text, 1, text.length - 1)).toBe(value);
    }
  });

  it('are refused in any other form', () => {
    for (const text of [
      '',
      '-',
      '+1',
      '01',
      '-0',
      ' 1',
      '1 ',
      '1.0',
      '1e3',
      'x',
      '1234567890123456',
    ]) {
      expect(readInteger(Buffer.from(text), 0, text.length), text).toBeNaN();
    }
  });
});
