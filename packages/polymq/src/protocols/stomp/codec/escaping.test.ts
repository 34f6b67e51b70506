import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escaped, escapedText, rewritten, unescaped } from './escaping.ts';

describe('escaping', () => {
  test('is undone by unescaping', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bytes = Buffer.from(text);
        expect(unescaped(escaped(bytes)).equals(bytes)).toBe(true);
        expect(escaped(bytes).some((octet) => [0x0a, 0x0d, 0x3a].includes(octet))).toBe(false);
      }),
    );
  });

  test('writes for each version what it can read', () => {
    const text = 'a:b\\c\nd\re';
    expect(escapedText(text, '1.2')).toBe('a\\cb\\\\c\\nd\\re');
    expect(escapedText(text, '1.1')).toBe('a\\cb\\\\c\\nd\re');
    // A line end in a header of 1.0 would be another header.
    expect(escapedText(text, '1.0')).toBe('a:b\\c\\nd\re');
  });

  test('tells a backslash before a letter from an escape', () => {
    for (const text of ['\\n', '\\\\c', 'a\\\\\\r', '\\']) {
      const lines = escaped(Buffer.from(text));
      expect(rewritten(lines, '1.0').toString(), text).toBe(text);
      expect(unescaped(rewritten(lines, '1.1')).toString(), text).toBe(text);
    }
  });

  test('is refused where STOMP has no such escape', () => {
    for (const text of ['\\t', 'a\\', '\\N']) {
      expect(() => unescaped(Buffer.from(text)), text).toThrow('is no escape that STOMP has');
    }
  });
});
