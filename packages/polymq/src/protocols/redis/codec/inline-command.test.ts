import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INLINE_BYTES_MAX, inlineEnd, splitInline } from './inline-command.ts';
import { RespError } from './resp-error.ts';

const words = (text: string): string[] => {
  const bytes = Buffer.from(text, 'latin1');
  return splitInline(bytes, 0, bytes.length).map((word) => word.toString('latin1'));
};

describe('a line of words', () => {
  it.each<[string, string[]]>([
    ['PING\r\n', ['PING']],
    ['PING\n', ['PING']],
    ['  publish   a\tb  \r\n', ['publish', 'a', 'b']],
    ['\r\n', []],
    ['   \n', []],
    ['echo "a b"\r\n', ['echo', 'a b']],
    ['echo \'a "b" \\n\'\r\n', ['echo', 'a "b" \\n']],
    ["echo 'it\\'s'\r\n", ['echo', "it's"]],
    ['echo "\\x41\\n\\r\\t\\b\\a\\q\\""\r\n', ['echo', 'A\n\r\t\b\x07q"']],
    ['echo "\\xZZ"\r\n', ['echo', 'xZZ']],
    ['echo "" \'\'\r\n', ['echo', '', '']],
    ['echo a"b c"\r\n', ['echo', 'ab c']],
  ])('%j', (line, expected) => {
    expect(words(line)).toEqual(expected);
  });

  it.each(['echo "a\r\n', "echo 'a\r\n", 'echo "a"b\r\n', "echo 'a'b\r\n", 'echo "\\'])(
    'with quotes that do not match is refused: %j',
    (line) => {
      expect(() => words(line)).toThrow('Protocol error: unbalanced quotes in request');
    },
  );

  it('is found when all of it has come', () => {
    const bytes = Buffer.from('PING\r\nPI');
    expect(inlineEnd(bytes, 0, 5)).toBe(0);
    expect(inlineEnd(bytes, 0, 6)).toBe(6);
    expect(inlineEnd(bytes, 6, 8)).toBe(0);
  });

  it('is refused when it does not end', () => {
    const bytes = Buffer.alloc(INLINE_BYTES_MAX + 1, 'x');
    expect(inlineEnd(bytes, 0, INLINE_BYTES_MAX)).toBe(0);
    expect(() => inlineEnd(bytes, 0, bytes.length)).toThrow(
      'Protocol error: too big inline request',
    );
  });

  it('never fails otherwise, whatever is in it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (line) => {
        try {
          splitInline(Buffer.from(line), 0, line.length);
        } catch (error: unknown) {
          expect(error).toBeInstanceOf(RespError);
        }
      }),
    );
  });
});
