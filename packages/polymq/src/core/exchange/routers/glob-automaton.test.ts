import { describe, expect, it } from 'vitest';
import { matchesAllWays } from './glob-automaton.ts';
import { bytesAsText, matchesBytes } from './glob-pattern.ts';

const UNITS = ['a', 'b', '*', '?', '[', ']', '^', '-', '\\', '[a-b]', '[^a]', 'é', '[\u00ff-'];
const LETTERS = ['a', 'b', 'é', '-', '['];

/** All rows of up to `length` of these. */
function rowsOf(parts: readonly string[], length: number): string[] {
  if (length === 0) return [''];
  const shorter = rowsOf(parts, length - 1);
  return [...shorter, ...shorter.flatMap((row) => parts.map((part) => row + part))];
}

describe('a glob pattern that goes all ways at once', () => {
  it('matches what trying one way after the other matches', () => {
    const texts = rowsOf(LETTERS, 3).map(bytesAsText);
    for (const pattern of new Set(rowsOf(UNITS, 3).map(bytesAsText))) {
      for (const text of texts) {
        if (text === '') continue;
        const due = matchesBytes(pattern, text);
        if (matchesAllWays(pattern, text) !== due) expect.fail(`${pattern} and ${text}: ${!due}`);
      }
    }
  });

  it('knows patterns of more than 32 pieces', () => {
    for (const length of [31, 32, 33, 63, 64, 255]) {
      const text = 'q'.repeat(length);
      expect(matchesAllWays('?'.repeat(length), text)).toBe(true);
      expect(matchesAllWays('?'.repeat(length - 1), text)).toBe(false);
      expect(matchesAllWays(`*${'q'.repeat(length - 2)}?`, text)).toBe(true);
      expect(matchesAllWays(`*${'q'.repeat(length - 2)}!`, text)).toBe(false);
    }
  });

  it('is where patterns come to that would take long otherwise', () => {
    const slow = `*${'[a-z]'.repeat(40)}`;
    expect(matchesBytes(`${slow}!`, `${'q'.repeat(250)}!`)).toBe(true);
    expect(matchesBytes(`${slow}!`, 'q'.repeat(250))).toBe(false);
  });
});
