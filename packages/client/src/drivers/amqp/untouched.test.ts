import { describe, expect, it } from 'vitest';
import { Untouched } from './untouched.ts';

describe('messages that nobody has worked on', () => {
  it('are taken off the count of a server that counts', () => {
    const untouched = new Untouched();
    untouched.add('a');
    untouched.add('a');
    expect(untouched.correct('a', 2)).toBe(0);
    expect(untouched.correct('a', 3)).toBe(1);
    expect(untouched.correct('b', 3)).toBe(3);
  });

  it('excuse a mere flag once', () => {
    const untouched = new Untouched();
    untouched.add('a');
    expect(untouched.correct('a', 1)).toBe(0);
    expect(untouched.correct('a', 1)).toBe(1);
  });

  it('are forgotten when there are too many', () => {
    const untouched = new Untouched();
    for (let index = 0; index <= 10_000; index += 1) untouched.add(`${index}`);
    expect(untouched.correct('0', 2)).toBe(2);
    expect(untouched.correct('1', 2)).toBe(1);
  });
});
