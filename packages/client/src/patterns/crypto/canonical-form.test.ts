import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalForm, decodeWords, encodeWords } from './canonical-form.ts';

const field = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 5 }),
  fc.uint8Array({ maxLength: 5 }),
  fc.constant(undefined),
);

/** What counts of a field: its bytes, or that it is not there. */
const plain = (value: string | Uint8Array | undefined): string =>
  value === undefined ? 'absent' : Buffer.from(value as string).toString('hex');

describe('the canonical form', () => {
  it('is the same for equal lists only', () => {
    fc.assert(
      fc.property(fc.array(field), fc.array(field), (a, b) => {
        const same = JSON.stringify(a.map(plain)) === JSON.stringify(b.map(plain));
        expect(canonicalForm(a).equals(canonicalForm(b))).toBe(same);
      }),
    );
  });

  it('tells where a field ends, and absent from empty', () => {
    expect(canonicalForm(['ab', 'c'])).not.toEqual(canonicalForm(['a', 'bc']));
    expect(canonicalForm([''])).not.toEqual(canonicalForm([undefined]));
    expect(canonicalForm([''])).not.toEqual(canonicalForm([]));
  });
});

describe('words in a header', () => {
  it('come back, and are printable', () => {
    const word = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        const text = encodeWords(words);
        expect(text).toMatch(/^[!-~]+( [!-~]+)*$/);
        expect(decodeWords(text)).toEqual(words);
      }),
    );
  });

  it('have one spelling', () => {
    for (const text of ['', ' ', 'a ', 'a  b', '%41', '%', 'ä']) {
      expect(decodeWords(text), text).toBeUndefined();
    }
  });
});
