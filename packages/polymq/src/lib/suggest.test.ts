import { describe, expect, it } from 'vitest';
import { didYouMean, editDistance, suggest } from './suggest.ts';

describe('suggest', () => {
  it('finds the word with one letter wrong, missing, added or swapped', () => {
    const words = ['listen', 'data', 'durability'];
    for (const typo of ['listn', 'lissten', 'lisetn', 'LISTEN', 'lisden']) {
      expect(suggest(typo, words)).toBe('listen');
    }
  });

  it('finds nothing when nothing is near', () => {
    expect(suggest('frobnicate', ['listen', 'data'])).toBeUndefined();
    expect(suggest('x'.repeat(1000), ['x'])).toBeUndefined();
  });

  it('puts the guess into a sentence', () => {
    expect(didYouMean('dta', ['data'])).toBe('; did you mean "data"?');
    expect(didYouMean('zzzzzz', ['data'])).toBe('');
  });

  it('counts edits', () => {
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('ab', 'ba')).toBe(1);
  });
});
