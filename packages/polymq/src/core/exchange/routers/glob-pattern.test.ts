import { describe, expect, it } from 'vitest';
import { bytesAsText, globMatcher, isGlob, literalPrefix, matchesGlob } from './glob-pattern.ts';

/** As the words of the rules have it, trying everything: for short patterns only. */
function naive(pattern: readonly number[], text: readonly number[]): boolean {
  if (text.length === 0) return pattern.every((unit) => unit === 42);
  const [first, second] = pattern;
  if (first === undefined) return false;
  const rest = text.slice(1);
  if (first === 42) return naive(pattern.slice(1), text) || naive(pattern, rest);
  if (first === 63) return naive(pattern.slice(1), rest);
  if (first === 92 && second !== undefined) {
    return second === text[0] && naive(pattern.slice(2), rest);
  }
  if (first !== 91) return first === text[0] && naive(pattern.slice(1), rest);
  const { bytes, end } = classOf(pattern);
  return bytes.has(text[0]!) && naive(pattern.slice(end), rest);
}

function classOf(pattern: readonly number[]): { bytes: Set<number>; end: number } {
  const found = new Set<number>();
  const negated = pattern[1] === 94;
  let at = negated ? 2 : 1;
  for (; at < pattern.length && pattern[at] !== 93; at++) {
    const [one, two, three] = pattern.slice(at, at + 3);
    if (one === 92 && two !== undefined) {
      found.add(two);
      at += 1;
    } else if (two === 45 && three !== undefined) {
      const [low, high] = [toSigned(one!), toSigned(three)].sort((a, b) => a - b) as [
        number,
        number,
      ];
      for (let value = low; value <= high; value++) found.add(value & 0xff);
      at += 2;
    } else found.add(one!);
  }
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  return { bytes: new Set(all.filter((byte) => found.has(byte) !== negated)), end: at + 1 };
}

function toSigned(byte: number): number {
  return (byte << 24) >> 24;
}

function naiveMatches(pattern: string, text: string): boolean {
  // The one exception to the rules.
  if (text === '') return pattern === '';
  return naive([...Buffer.from(pattern)], [...Buffer.from(text)]);
}

/** The same numbers each time (mulberry32). */
function randomIntegers(seed: number): (end: number) => number {
  let state = seed;
  return (end) => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) % end;
  };
}

function randomText(
  random: (end: number) => number,
  alphabet: readonly string[],
  max: number,
): string {
  return Array.from({ length: random(max + 1) }, () => alphabet[random(alphabet.length)]!).join('');
}

describe('a glob pattern', () => {
  it.each([
    ['h?llo', 'hello hallo hxllo', 'hllo heello'],
    ['h*llo', 'hllo heeeello', 'hell llo'],
    ['h[ae]llo', 'hello hallo', 'hillo'],
    ['h[^e]llo', 'hallo hbllo', 'hello hllo'],
    ['h[a-b]llo', 'hallo hbllo', 'hcllo'],
    ['h[b-a]llo', 'hallo hbllo', 'hcllo h-llo'],
    ['a\\*b', 'a*b', 'axb ab a\\*b'],
    ['a\\', 'a\\', 'a ab'],
    ['[\\]]', ']', '\\ a'],
    ['[a-]', 'a ^ ]', '- b'],
    ['[]a', 'none', 'a ]a []a'],
    ['[abc', 'a b c', 'd ['],
    ['[^', 'a ^', 'aa'],
    ['x[', 'none', 'x x['],
    ['[a\\', 'a \\', 'b'],
    ['**a**', 'a xa ax', 'x'],
    ['?*', 'a ab', ''],
    ['*b', 'b ab bb', 'ba'],
    ['a*b*c', 'abc axbxc abbcc', 'acb'],
  ])('%s matches what it matches in Redis', (pattern, matching, others) => {
    for (const text of matching.split(' ').filter((word) => word !== 'none')) {
      expect([text, matchesGlob(pattern, text)]).toEqual([text, true]);
    }
    for (const text of others.split(' ').filter((word) => word !== '')) {
      expect([text, matchesGlob(pattern, text)]).toEqual([text, false]);
    }
  });

  it('is made of bytes: a character beyond ASCII is several', () => {
    expect([matchesGlob('?', 'é'), matchesGlob('??', 'é'), matchesGlob('é*', 'éa')]).toEqual([
      false,
      true,
      true,
    ]);
    expect(matchesGlob('[é][é]', 'é')).toBe(true);
    expect(matchesGlob('*\u{1f600}', 'a\u{1f600}')).toBe(true);
  });

  it('matches the empty text only if it is empty itself', () => {
    expect([matchesGlob('', ''), matchesGlob('*', ''), matchesGlob('[^', '')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([globMatcher('')(''), globMatcher('*')(''), globMatcher('')('a')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('matches what trying everything finds, whatever it is', () => {
    const random = randomIntegers(7);
    const alphabet = ['a', 'b', 'c', '*', '*', '?', '[', ']', '^', '-', '\\', 'é'];
    const wrong: string[][] = [];
    let matched = 0;
    for (let round = 0; round < 40_000; round++) {
      const pattern = randomText(random, alphabet, 9);
      const text = randomText(random, round % 2 === 0 ? ['a', 'b', 'c', 'é'] : alphabet, 8);
      const found = matchesGlob(pattern, text);
      if (found) matched += 1;
      if (found !== naiveMatches(pattern, text)) wrong.push(['match', pattern, text]);
      if (found !== globMatcher(pattern)(text)) wrong.push(['matcher', pattern, text]);
      if (!isGlob(pattern) && found !== (pattern === text)) wrong.push(['plain', pattern, text]);
      const prefix = literalPrefix(bytesAsText(pattern));
      if (found && !bytesAsText(text).startsWith(prefix)) wrong.push(['prefix', pattern, text]);
    }
    expect(wrong).toEqual([]);
    expect(matched).toBeGreaterThan(1000);
  });

  it('with many stars takes no longer than its length times that of the text', () => {
    // Would not end if each star was tried again with each other.
    const text = 'a'.repeat(255);
    for (const piece of ['*a', '*?', '*[a-z]', '*aa']) {
      expect(matchesGlob(`${piece.repeat(64)}b`, text)).toBe(false);
      expect(matchesGlob(`${piece.repeat(64)}*`, text)).toBe(true);
    }
    expect(matchesGlob(`*${'a'.repeat(127)}b`, text)).toBe(false);
  });
});
